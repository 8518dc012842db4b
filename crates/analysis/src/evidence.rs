//! The evidence for a recommendation: each number behind it, in words.
//!
//! Every format of a report shows these lines as they are. In scope: sentences about a
//! [`ResourceReport`]. Out of scope: judging.

use contract::Measure;

use crate::hysteresis::{Decision, Verdict};
use crate::report::{CandidateReport, ResourceForecast, ResourceReport};
use crate::window::Window;
use quantity::{interval, percent};

/// Returns the evidence, one fact a line, the decisive one first.
pub fn evidence(report: &ResourceReport, window: &Window) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(decision), Some(forecast), Some(allocatable)) = (
        &report.recommendation.decision,
        &report.forecast,
        report.allocatable,
    ) {
        lines.push(decisive(report, forecast, decision, allocatable));
        lines.extend(exceeds(forecast));
        lines.push(maximum(report, forecast));
        lines.push(time_to_limit(forecast));
    }
    lines.extend(report.old_sample());
    lines.extend(report.recommendation.changed_from.map(change));
    lines.push(format!(
        "{} of {} expected points, one every {} over {}",
        report.points,
        report.points_expected,
        interval(window.past.step),
        interval(window.past.seconds())
    ));
    lines.extend(model(report));
    lines
}

fn decisive(
    report: &ResourceReport,
    forecast: &ResourceForecast,
    decision: &Decision,
    allocatable: f64,
) -> String {
    let (what, amount) = match decision.measure {
        Measure::Held => (held(forecast), forecast.held),
        Measure::Mean => (
            format!(
                "the mean, {} likely to stay below",
                percent(forecast.upper_level)
            ),
            forecast.mean_upper,
        ),
    };
    let line = percent(decision.line);
    let against = match decision.verdict {
        Verdict::CRITICAL => format!("at least {line}: critical"),
        Verdict::HIGH => format!("above {line}: high"),
        Verdict::LOW => format!("under {line}: low"),
        _ => format!("not above {line}: not high"),
    };
    let kept = match decision.held {
        true => ", kept by hysteresis",
        false => "",
    };
    format!(
        "decided by {what}: {}, {} of {} allocatable, {against}{kept}",
        report.resource.display(amount),
        percent(decision.share),
        report.resource.display(allocatable),
    )
}

/// Names the number that is compared with `high`.
fn held(forecast: &ResourceForecast) -> String {
    match forecast.for_seconds {
        0 => "the maximum".to_owned(),
        seconds => format!("the highest level held for {}", interval(seconds)),
    }
}

/// Formats the probability of a held level above `high`.
fn exceeds(forecast: &ResourceForecast) -> Option<String> {
    let likely = percent(forecast.exceeds_high?);
    Some(match forecast.for_seconds {
        0 => format!("maximum above high: {likely} likely"),
        seconds => format!(
            "level above high held for {}: {likely} likely",
            interval(seconds)
        ),
    })
}

fn maximum(report: &ResourceReport, forecast: &ResourceForecast) -> String {
    format!(
        "maximum {}, {} likely to stay below {}; mean {} over the next {}",
        share(report, forecast.max),
        percent(forecast.upper_level),
        share(report, forecast.upper),
        share(report, forecast.mean),
        interval(forecast.horizon_seconds)
    )
}

/// Formats `3.20 cores (80%)`.
fn share(report: &ResourceReport, amount: f64) -> String {
    let text = report.resource.display(amount);
    match report.allocatable {
        Some(size) => format!("{text} ({})", percent(amount / size)),
        None => text,
    }
}

fn time_to_limit(forecast: &ResourceForecast) -> String {
    let horizon = interval(forecast.horizon_seconds);
    let (earliest, latest) = (
        forecast.seconds_to_limit_earliest,
        forecast.seconds_to_limit_latest,
    );
    match (forecast.seconds_to_limit, earliest) {
        (Some(expected), earliest) => {
            let mut line = format!("limit: reached in {}", interval(expected));
            if let Some(earliest) = earliest.filter(|earliest| *earliest < expected) {
                line.push_str(&format!(", earliest in {}", interval(earliest)));
            }
            match latest {
                None => line.push_str(&format!(", latest in more than {horizon}")),
                Some(latest) if latest > expected => {
                    line.push_str(&format!(", latest in {}", interval(latest)));
                }
                Some(_) => {}
            }
            line
        }
        (None, Some(earliest)) => format!(
            "limit: not expected within {horizon}, earliest in {}",
            interval(earliest)
        ),
        (None, None) => {
            format!("limit: not reached within {horizon}, not even at the upper end")
        }
    }
}

fn change(before: Verdict) -> String {
    format!(
        "previous report: {}, severity {}",
        before.action.label(),
        before.severity.name()
    )
}

fn model(report: &ResourceReport) -> Option<String> {
    let model = report.model?;
    let Some(backtest) = report.backtest else {
        return Some(format!("model {model}, no backtest"));
    };
    let over = match &report.forecast {
        Some(forecast) if backtest.horizon_seconds < forecast.horizon_seconds => {
            format!(
                ", horizon {} as the window allows",
                interval(backtest.horizon_seconds)
            )
        }
        _ => String::new(),
    };
    let mix = mix(&report.candidates).unwrap_or_else(|| model.name().to_owned());
    Some(format!(
        "model {mix}; backtest from {} origins{over}: MASE {:.2}, naive forecast {:.2}; so far {} of the values lay within its intervals",
        backtest.folds,
        backtest.mase,
        backtest.naive_mase,
        percent(backtest.coverage)
    ))
}

/// Formats `ets 78%, ar 22%`, the largest share first; `None` where one model has all.
fn mix(candidates: &[CandidateReport]) -> Option<String> {
    let mut parts = Vec::from_iter(candidates.iter().filter(|c| c.weight > 0.0));
    parts.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let part = |c: &&CandidateReport| format!("{} {:.0}%", c.model, 100.0 * c.weight);
    let parts = Vec::from_iter(parts.iter().map(part));
    (parts.len() > 1).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hysteresis::{Shares, Thresholds, judge};
    use crate::recommend::{Recommendation, Resource};
    use crate::report::BacktestReport;
    use crate::window::Spans;
    use quantity::Timestamp;

    fn report(max: f64, upper: f64, mean: f64, before: Option<Verdict>) -> ResourceReport {
        let size = 4.0;
        let shares = Shares {
            held: max / size,
            mean: 1.25 * mean / size,
        };
        let thresholds = Thresholds::new(0.2, 0.8).expect("in order");
        let decision = judge(shares, thresholds, before);
        ResourceReport {
            resource: Resource::Cpu,
            unit: Resource::Cpu.unit(),
            points: 119,
            points_expected: 121,
            history: Vec::new(),
            sample_age_seconds: None,
            model: Some(forecast::Model::TheilSen),
            backtest: Some(BacktestReport {
                folds: 4,
                horizon_seconds: 1800,
                mase: 0.816,
                naive_mase: 1.1,
                coverage: 0.79,
            }),
            candidates: Vec::new(),
            forecast: Some(ResourceForecast {
                max_lower: max,
                max,
                upper,
                upper_level: 0.9,
                mean_lower: mean,
                mean,
                mean_upper: 1.25 * mean,
                held_lower: max,
                held: max,
                held_upper: upper,
                for_seconds: 300,
                exceeds_high: Some(0.75),
                coverage: 0.8,
                horizon_seconds: 1800,
                seconds_to_limit: (max >= size).then_some(1440),
                seconds_to_limit_earliest: (upper >= size).then_some(720),
                seconds_to_limit_latest: None,
                path: Vec::new(),
            }),
            allocatable: Some(size),
            capacity: Some(4.5),
            recommendation: Recommendation {
                action: decision.verdict.action,
                severity: decision.verdict.severity,
                message: String::new(),
                reason: None,
                decision: Some(decision),
                changed_from: before.filter(|b| b.severity != decision.verdict.severity),
            },
            evidence: Vec::new(),
        }
    }

    fn lines(report: &ResourceReport) -> String {
        let window = Spans::new(7200, 60, 1800)
            .expect("fits")
            .ending_at(Timestamp::from_unix(1_795_331_580));
        evidence(report, &window).join("\n")
    }

    #[test]
    fn evidence_of_a_warning() {
        insta::assert_snapshot!(lines(&report(3.4, 4.1, 3.2, Some(Verdict::HEALTHY))), @r"
        decided by the highest level held for 5m: 3.40 cores, 85% of 4.00 cores allocatable, above 80%: high
        level above high held for 5m: 75% likely
        maximum 3.40 cores (85%), 90% likely to stay below 4.10 cores (102.5%); mean 3.20 cores (80%) over the next 30m
        limit: not expected within 30m, earliest in 12m
        previous report: healthy, severity none
        119 of 121 expected points, one every 1m over 2h
        model theil_sen; backtest from 4 origins: MASE 0.82, naive forecast 1.10; so far 79% of the values lay within its intervals
        ");
    }

    #[test]
    fn evidence_names_the_deciding_number() {
        for (report, line) in [
            (
                report(4.2, 4.4, 3.0, None),
                "decided by the highest level held for 5m: 4.20 cores, 105% of 4.00 cores allocatable, at least 100%: critical",
            ),
            (
                report(3.9, 4.1, 3.0, Some(Verdict::CRITICAL)),
                "decided by the highest level held for 5m: 3.90 cores, 97.5% of 4.00 cores allocatable, at least 95%: critical, kept by hysteresis",
            ),
            (
                report(0.5, 0.9, 0.4, None),
                "decided by the mean, 90% likely to stay below: 0.50 cores, 12.5% of 4.00 cores allocatable, under 20%: low",
            ),
            (
                report(2.0, 2.5, 2.0, None),
                "decided by the highest level held for 5m: 2.00 cores, 50% of 4.00 cores allocatable, not above 80%: not high",
            ),
        ] {
            assert_eq!(lines(&report).lines().next(), Some(line));
        }
    }

    #[test]
    fn time_to_limit_has_an_interval() {
        for (report, line) in [
            (
                report(4.2, 4.4, 3.0, None),
                "limit: reached in 24m, earliest in 12m, latest in more than 30m",
            ),
            (
                report(3.0, 3.5, 2.0, None),
                "limit: not reached within 30m, not even at the upper end",
            ),
        ] {
            assert_eq!(lines(&report).lines().nth(3), Some(line));
        }
    }

    #[test]
    fn evidence_names_an_old_sample() {
        let old = ResourceReport {
            sample_age_seconds: Some(97),
            ..report(2.0, 2.5, 2.0, None)
        };
        assert_eq!(lines(&old).lines().nth(4), Some("last sample 97s old"));
    }

    #[test]
    fn evidence_without_a_forecast() {
        let unknown = ResourceReport {
            points: 3,
            model: None,
            backtest: None,
            forecast: None,
            recommendation: Recommendation {
                decision: None,
                ..report(1.0, 1.0, 1.0, None).recommendation
            },
            ..report(1.0, 1.0, 1.0, None)
        };
        assert_eq!(
            lines(&unknown),
            "3 of 121 expected points, one every 1m over 2h"
        );
    }
}
