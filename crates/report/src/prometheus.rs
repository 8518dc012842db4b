//! The report as samples of the series in [`contract::report`], in Prometheus's text format: for
//! scrapes, a Pushgateway or the node exporter's textfile collector.
//!
//! Unknown values have no sample: neither 0 nor NaN stands for them.
//!
//! Invariant: missing is missing (held by `unknown_values_have_no_sample`).

use contract::{Bound, Series, report as series};
use exposition::write::{self, Format, Sample};

use analysis::recommend::Resource;
use analysis::report::fleet::FleetReport;
use analysis::report::{NodeReport, Report, ResourceForecast, ResourceReport};
use contract::Action;

/// Returns the report in text format 0.0.4.
pub fn render(report: &Report) -> String {
    write::render(series::ALL, &samples(report), Format::Text)
}

/// Returns the samples of a report, to be published together with others.
pub fn samples(report: &Report) -> Vec<Sample<'_>> {
    let mut samples = Samples(Vec::new());
    for node in &report.nodes {
        for resource in &node.resources {
            samples.of_resource(&node.node, resource);
        }
        samples.of_node(node);
    }
    samples.of_fleet(&report.fleet);
    samples.of_report(report);
    samples.0
}

struct Samples<'a>(Vec<Sample<'a>>);

impl<'a> Samples<'a> {
    fn put(&mut self, series: &'static Series, labels: &[&'a str], value: f64) {
        self.0.push(Sample::new(series, labels, value));
    }

    fn of_resource(&mut self, node: &'a str, report: &'a ResourceReport) {
        let resource = report.resource.label();
        let labels = [node, resource];
        if let Some(forecast) = &report.forecast {
            self.of_forecast(node, report.resource, forecast);
        }
        if let Some(model) = report.model {
            self.put(&series::MODEL, &[node, resource, model.name()], 1.0);
        }
        // Counts are far under 2^53, where f64 is exact.
        self.put(&series::POINTS, &labels, report.points as f64);
        self.put(
            &series::POINTS_EXPECTED,
            &labels,
            report.points_expected as f64,
        );
        if let Some(backtest) = &report.backtest {
            self.put(&series::BACKTEST_FOLDS, &labels, backtest.folds as f64);
            let horizon = backtest.horizon_seconds as f64;
            self.put(&series::BACKTEST_HORIZON, &labels, horizon);
            self.put(&series::BACKTEST_MASE, &labels, backtest.mase);
            self.put(&series::BACKTEST_NAIVE_MASE, &labels, backtest.naive_mase);
            self.put(&series::BACKTEST_COVERAGE, &labels, backtest.coverage);
        }
        for action in Action::ALL {
            let is_it = report.recommendation.action == *action;
            let labels = [node, resource, action.name()];
            self.put(
                &series::RESOURCE_ACTION,
                &labels,
                f64::from(u8::from(is_it)),
            );
        }
        let severity = report.recommendation.severity.level();
        self.put(&series::RESOURCE_SEVERITY, &labels, severity);
    }

    fn of_forecast(&mut self, node: &'a str, resource: Resource, forecast: &'a ResourceForecast) {
        let (max, mean, held) = match resource {
            Resource::Cpu => (&series::CPU_MAX, &series::CPU_MEAN, &series::CPU_HELD),
            Resource::Memory => (
                &series::MEMORY_MAX,
                &series::MEMORY_MEAN,
                &series::MEMORY_HELD,
            ),
        };
        for &bound in Bound::ALL {
            let labels = [node, bound.name()];
            let at = |lower, expected, upper| match bound {
                Bound::Lower => lower,
                Bound::Expected => expected,
                Bound::Upper => upper,
            };
            let f = forecast;
            self.put(max, &labels, at(f.max_lower, f.max, f.upper));
            self.put(mean, &labels, at(f.mean_lower, f.mean, f.mean_upper));
            self.put(held, &labels, at(f.held_lower, f.held, f.held_upper));
            let seconds = match bound {
                Bound::Lower => forecast.seconds_to_limit_latest,
                Bound::Expected => forecast.seconds_to_limit,
                Bound::Upper => forecast.seconds_to_limit_earliest,
            };
            if let Some(seconds) = seconds {
                let labels = [node, resource.label(), bound.name()];
                self.put(&series::TIME_TO_LIMIT, &labels, seconds as f64);
            }
        }
        let labels = [node, resource.label()];
        self.put(&series::INTERVAL_LEVEL, &labels, forecast.coverage);
        if let Some(share) = forecast.exceeds_high {
            self.put(&series::EXCEEDS_HIGH, &labels, share);
        }
    }

    fn of_node(&mut self, report: &'a NodeReport) {
        let node = report.node.as_str();
        for action in Action::ALL {
            let is_it = f64::from(u8::from(report.action == *action));
            self.put(&series::NODE_ACTION, &[node, action.name()], is_it);
        }
        self.put(&series::NODE_SEVERITY, &[node], report.severity.level());
    }

    fn of_fleet(&mut self, fleet: &'a FleetReport) {
        for node in &fleet.removable {
            self.put(&series::REMOVABLE, &[&node.node], 1.0);
        }
        for node in &fleet.staying {
            self.put(&series::REMOVABLE, &[&node.node], 0.0);
        }
        self.put(&series::PLAN, &[fleet.basis.name()], 1.0);
    }

    fn of_report(&mut self, report: &'a Report) {
        let window = &report.window;
        self.put(&series::THRESHOLD, &["high"], report.thresholds.high);
        self.put(&series::THRESHOLD, &["low"], report.thresholds.low);
        let alone = [
            (&series::LOOKBACK, window.end.since(window.start)),
            (&series::HORIZON, window.horizon_seconds as f64),
            (&series::REPORT_TIMESTAMP, report.generated_at.unix() as f64),
            (&series::REPORT_DURATION, report.took.as_secs_f64()),
            (&series::REPORT_ERRORS, report.errors.len() as f64),
            (&series::REPORT_WARNINGS, report.warnings.len() as f64),
        ];
        for (series, value) in alone {
            self.put(series, &[], value);
        }
        self.put(&series::BUILD_INFO, &[report.program_version], 1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::example::{HOSTILE, report, report_of};

    /// Returns the text without comment lines.
    fn lines(report: &Report) -> String {
        let text = render(report);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn critical_node_has_every_series() {
        insta::assert_snapshot!(lines(&report_of(&["busy"])), @r#"
        k8s_node_cpu_forecast_max_cores{node="busy",bound="lower"} 2.16
        k8s_node_cpu_forecast_max_cores{node="busy",bound="expected"} 2.4
        k8s_node_cpu_forecast_max_cores{node="busy",bound="upper"} 2.64
        k8s_node_cpu_forecast_mean_cores{node="busy",bound="lower"} 2.0100000000000002
        k8s_node_cpu_forecast_mean_cores{node="busy",bound="expected"} 2.2333333333333334
        k8s_node_cpu_forecast_mean_cores{node="busy",bound="upper"} 2.456666666666667
        k8s_node_cpu_forecast_held_cores{node="busy",bound="lower"} 2.16
        k8s_node_cpu_forecast_held_cores{node="busy",bound="expected"} 2.4
        k8s_node_cpu_forecast_held_cores{node="busy",bound="upper"} 2.64
        k8s_node_memory_forecast_max_bytes{node="busy",bound="lower"} 7924214661.12
        k8s_node_memory_forecast_max_bytes{node="busy",bound="expected"} 8804682956.8
        k8s_node_memory_forecast_max_bytes{node="busy",bound="upper"} 9685151252.48
        k8s_node_memory_forecast_mean_bytes{node="busy",bound="lower"} 7038377656.320001
        k8s_node_memory_forecast_mean_bytes{node="busy",bound="expected"} 7820419618.133334
        k8s_node_memory_forecast_mean_bytes{node="busy",bound="upper"} 8602461579.946669
        k8s_node_memory_forecast_held_bytes{node="busy",bound="lower"} 7924214661.12
        k8s_node_memory_forecast_held_bytes{node="busy",bound="expected"} 8804682956.8
        k8s_node_memory_forecast_held_bytes{node="busy",bound="upper"} 9685151252.48
        k8s_node_forecast_exceeds_high_ratio{node="busy",resource="cpu"} 0.25
        k8s_node_forecast_exceeds_high_ratio{node="busy",resource="memory"} 0.75
        k8s_node_forecast_time_to_limit_seconds{node="busy",resource="memory",bound="expected"} 1800
        k8s_node_forecast_time_to_limit_seconds{node="busy",resource="memory",bound="upper"} 1200
        k8s_node_forecast_interval_level_ratio{node="busy",resource="cpu"} 0.8
        k8s_node_forecast_interval_level_ratio{node="busy",resource="memory"} 0.8
        k8s_node_forecast_model_info{node="busy",resource="cpu",model="theil_sen"} 1
        k8s_node_forecast_model_info{node="busy",resource="memory",model="theil_sen"} 1
        k8s_node_forecast_points{node="busy",resource="cpu"} 25
        k8s_node_forecast_points{node="busy",resource="memory"} 25
        k8s_node_forecast_points_expected{node="busy",resource="cpu"} 25
        k8s_node_forecast_points_expected{node="busy",resource="memory"} 25
        k8s_node_backtest_folds{node="busy",resource="cpu"} 3
        k8s_node_backtest_folds{node="busy",resource="memory"} 3
        k8s_node_backtest_horizon_seconds{node="busy",resource="cpu"} 1800
        k8s_node_backtest_horizon_seconds{node="busy",resource="memory"} 1800
        k8s_node_backtest_mase{node="busy",resource="cpu"} 0.5
        k8s_node_backtest_mase{node="busy",resource="memory"} 0.5
        k8s_node_backtest_naive_mase{node="busy",resource="cpu"} 1.25
        k8s_node_backtest_naive_mase{node="busy",resource="memory"} 1.25
        k8s_node_backtest_coverage_ratio{node="busy",resource="cpu"} 0.75
        k8s_node_backtest_coverage_ratio{node="busy",resource="memory"} 0.75
        k8s_node_resource_recommendation{node="busy",resource="cpu",action="scale_up"} 0
        k8s_node_resource_recommendation{node="busy",resource="cpu",action="consolidate"} 0
        k8s_node_resource_recommendation{node="busy",resource="cpu",action="none"} 1
        k8s_node_resource_recommendation{node="busy",resource="cpu",action="insufficient_data"} 0
        k8s_node_resource_recommendation{node="busy",resource="memory",action="scale_up"} 1
        k8s_node_resource_recommendation{node="busy",resource="memory",action="consolidate"} 0
        k8s_node_resource_recommendation{node="busy",resource="memory",action="none"} 0
        k8s_node_resource_recommendation{node="busy",resource="memory",action="insufficient_data"} 0
        k8s_node_resource_recommendation_severity{node="busy",resource="cpu"} 0
        k8s_node_resource_recommendation_severity{node="busy",resource="memory"} 3
        k8s_node_recommendation{node="busy",action="scale_up"} 1
        k8s_node_recommendation{node="busy",action="consolidate"} 0
        k8s_node_recommendation{node="busy",action="none"} 0
        k8s_node_recommendation{node="busy",action="insufficient_data"} 0
        k8s_node_recommendation_severity{node="busy"} 3
        k8s_node_removable{node="idle"} 1
        k8s_node_removable{node="calm"} 0
        k8s_ai_agent_threshold_ratio{threshold="high"} 0.8
        k8s_ai_agent_threshold_ratio{threshold="low"} 0.2
        k8s_ai_agent_fleet_view_info{basis="requests"} 1
        k8s_ai_agent_lookback_seconds 7200
        k8s_ai_agent_horizon_seconds 1800
        k8s_ai_agent_report_timestamp_seconds 1795331583
        k8s_ai_agent_report_duration_seconds 1.25
        k8s_ai_agent_report_errors 1
        k8s_ai_agent_report_warnings 1
        k8s_ai_agent_build_info{version="1.2.3"} 1
        "#);
    }

    #[test]
    fn unknown_values_have_no_sample() {
        let text = lines(&report_of(&["young"]));
        for absent in ["_cores", "_bytes", "backtest", "limit", "level", "model"] {
            assert!(!text.contains(absent), "{absent}\n{text}");
        }
        assert!(text.contains(r#"k8s_node_forecast_points{node="young",resource="cpu"} 4"#));
        assert!(
            text.contains(r#"k8s_node_recommendation{node="young",action="insufficient_data"} 1"#)
        );
    }

    #[test]
    fn every_series_is_written_once() {
        let report = report();
        let samples = samples(&report);
        for series in series::ALL {
            let mut seen = HashSet::new();
            for sample in samples.iter().filter(|sample| sample.series == *series) {
                assert!(sample.value.is_finite(), "{}", series.name);
                assert!(
                    seen.insert(sample.labels().collect::<Vec<_>>()),
                    "{}",
                    series.name
                );
            }
            assert!(!seen.is_empty(), "{}", series.name);
        }
    }

    #[test]
    fn hostile_names_stay_within_their_label() {
        let text = render(&report_of(&[HOSTILE]));
        let name = HOSTILE
            .replace('\\', r"\\")
            .replace('"', r#"\""#)
            .replace('\n', r"\n");
        let line = format!("k8s_node_recommendation_severity{{node=\"{name}\"}} 2\n");
        assert!(text.contains(&line), "{text}");
    }

    /// `dev/scripts/setup prometheus` installs promtool; without it this test fails.
    #[test]
    fn promtool_accepts_the_samples() {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is missing: run `dev/scripts/setup prometheus`");
        let mut input = promtool.stdin.take().expect("piped");
        input
            .write_all(render(&report()).as_bytes())
            .expect("promtool reads");
        drop(input);
        let output = promtool.wait_with_output().expect("promtool ends");
        assert!(
            output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
