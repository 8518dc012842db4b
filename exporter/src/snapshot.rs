//! What is known now -> samples of our series, and their text.
//!
//! Formats: Prometheus text 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and
//! OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//! Asks no clock and no one else: the caller brings what is known.

use std::fmt::Write;
use std::time::{Duration, Instant};

use contract::kubelet::cadvisor::PRESSURE;
use contract::{Endpoint, Kind, Series, series};
use quantity::{Bytes, Cores, Ratio};

use crate::apiserver::{NodeObject, Resources};
use crate::reading::Tally;
use crate::usage::{Known, Usage};

/// Most labels of a series of ours.
const MAX_LABELS: usize = 3;

/// One sample of a series of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published<'a> {
    /// The series.
    pub series: &'static Series,
    /// The value: finite.
    pub value: f64,
    labels: [&'a str; MAX_LABELS],
}

impl<'a> Published<'a> {
    /// A sample with its label values, in the order of the series's label names.
    pub fn new(series: &'static Series, labels: &[&'a str], value: f64) -> Self {
        let mut all = [""; MAX_LABELS];
        for (slot, label) in all.iter_mut().zip(labels) {
            *slot = label;
        }
        Self {
            series,
            value,
            labels: all,
        }
    }

    /// Label names and values.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.series.labels.iter().copied().zip(self.labels)
    }
}

/// How scrapes of one endpoint went.
#[derive(Debug, Clone, Copy, Default)]
pub struct EndpointHealth {
    /// Whether the last scrape succeeded; `None` before the first.
    pub up: Option<bool>,
    /// How long the last scrape took.
    pub duration: Duration,
    /// When the last good scrape ended, since the Unix epoch.
    pub last_success: Option<Duration>,
    /// Failures and omissions since the start.
    pub errors: Tally,
    /// Bytes received since the start.
    pub bytes: u64,
}

/// How scrapes of the endpoints of one node went, or of what is asked for all of them.
#[derive(Debug, Default)]
pub struct Health(Vec<(Endpoint, EndpointHealth)>);

impl Health {
    /// Nothing is known yet of these endpoints.
    pub fn of(endpoints: impl Iterator<Item = Endpoint>) -> Self {
        Self(endpoints.map(|e| (e, EndpointHealth::default())).collect())
    }

    /// That of one endpoint; `None` where it is not asked.
    pub fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut EndpointHealth> {
        let found = self.0.iter_mut().find(|(each, _)| *each == endpoint);
        found.map(|(_, health)| health)
    }

    /// Adds samples about the exporter's own work; an empty `node` stands for all.
    pub fn samples<'a>(&self, node: &'a str, out: &mut Vec<Published<'a>>) {
        for (endpoint, health) in &self.0 {
            // Nothing is known of an endpoint before its first scrape.
            let Some(up) = health.up else { continue };
            let labels = [node, endpoint.label()];
            let mut put = |series, value| out.push(Published::new(series, &labels, value));
            put(&series::UP, f64::from(u8::from(up)));
            put(&series::SCRAPE_DURATION, health.duration.as_secs_f64());
            if let Some(at) = health.last_success {
                put(&series::LAST_SUCCESS, at.as_secs_f64());
            }
            put(&series::RESPONSE_BYTES, health.bytes as f64);
            for (reason, count) in health.errors.iter() {
                let labels = [labels[0], labels[1], reason.label()];
                out.push(Published::new(
                    &series::SCRAPE_ERRORS,
                    &labels,
                    count as f64,
                ));
            }
        }
    }
}

/// Everything known of one node.
#[derive(Debug)]
pub struct NodeState {
    /// CPU, memory and pressure over rounds.
    pub usage: Usage,
    /// Pods that count.
    pub active_pods: Option<Known<u64>>,
    /// Allocatable and capacity.
    pub object: Option<Known<NodeObject>>,
    /// The API server said that there is no such node. Its list of pods is then
    /// an empty one like any other, and no count of a node's pods.
    gone: bool,
    /// How its scrapes went.
    pub health: Health,
}

impl NodeState {
    /// A node of which nothing is known.
    pub fn new(health: Health) -> Self {
        Self {
            usage: Usage::default(),
            active_pods: None,
            object: None,
            gone: false,
            health,
        }
    }

    /// Forgets all usage: the API server knows no such node any more.
    pub fn forget(&mut self) {
        self.usage = Usage::default();
        self.active_pods = None;
        self.object = None;
        self.gone = true;
    }

    /// The node exists: an endpoint of its own has answered.
    pub fn found(&mut self) {
        self.gone = false;
    }

    /// Pods that count, while that is known.
    fn active_pods(&self, now: Instant) -> Option<u64> {
        Known::at(self.active_pods, now).filter(|_| !self.gone)
    }

    /// Whether any core series is published: what readiness means.
    pub fn has_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            || self.usage.memory(now).is_some()
            || self.active_pods(now).is_some()
    }

    /// Whether all core series are published.
    pub fn has_all_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            && self.usage.memory(now).is_some()
            && self.active_pods(now).is_some()
    }

    /// Adds the samples of this node, which is called so.
    pub fn samples<'a>(
        &'a self,
        node: &'a str,
        now: Instant,
        namespaces: bool,
        out: &mut Vec<Published<'a>>,
    ) {
        let mut put = |series: &'static Series, more: &[&'a str], value: Option<f64>| {
            if let Some(value) = value {
                let mut labels = [node; MAX_LABELS];
                labels[1..=more.len()].copy_from_slice(more);
                out.push(Published::new(series, &labels[..=more.len()], value));
            }
        };
        let usage = &self.usage;
        put(&series::CPU_USAGE, &[], usage.cpu(now).map(Cores::get));
        put(
            &series::MEMORY_USAGE,
            &[],
            usage.memory(now).map(Bytes::as_f64),
        );
        // Counts below are far under 2^53, where f64 is exact.
        put(
            &series::ACTIVE_PODS,
            &[],
            self.active_pods(now).map(|pods| pods as f64),
        );
        if let Some(NodeObject {
            allocatable,
            capacity,
            kubelet: _,
        }) = Known::at(self.object, now)
        {
            let Resources { cpu, memory, pods } = allocatable;
            put(&series::CPU_ALLOCATABLE, &[], cpu);
            put(&series::MEMORY_ALLOCATABLE, &[], memory);
            put(&series::PODS_ALLOCATABLE, &[], pods);
            let Resources { cpu, memory, pods } = capacity;
            put(&series::CPU_CAPACITY, &[], cpu);
            put(&series::MEMORY_CAPACITY, &[], memory);
            put(&series::PODS_CAPACITY, &[], pods);
        }
        put(
            &series::CPU_THROTTLED,
            &[],
            usage.throttled(now).map(Ratio::get),
        );
        put(
            &series::OOM_KILLS,
            &[],
            usage.oom_kills(now).map(|n| n as f64),
        );
        for ((_, resource, kind), ratio) in PRESSURE.iter().zip(usage.pressure(now)) {
            put(&series::PRESSURE, &[resource, kind], ratio.map(Ratio::get));
        }
        if namespaces {
            for (namespace, (cores, bytes)) in usage.namespaces(now) {
                put(&series::NAMESPACE_CPU, &[namespace], cores.map(Cores::get));
                put(
                    &series::NAMESPACE_MEMORY,
                    &[namespace],
                    bytes.map(Bytes::as_f64),
                );
            }
        }
        self.health.samples(node, out);
    }
}

/// A text format for samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of the format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Chooses by an `Accept` header: OpenMetrics where it is preferred to plain
    /// text, else text, which every scraper reads.
    pub fn negotiate(accept: &str) -> Self {
        let (mut text, mut open_metrics) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let mut quality = 1.0_f32;
            let mut version = None;
            for parameter in parts {
                match parameter.split_once('=') {
                    Some(("q", value)) => quality = value.parse().unwrap_or(0.0),
                    Some(("version", value)) => version = Some(value),
                    _ => {}
                }
            }
            if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
                if version.is_none_or(|version| version == "1.0.0") {
                    open_metrics = quality.max(open_metrics);
                }
            } else if ["text/plain", "text/*", "*/*"]
                .iter()
                .any(|t| media_type.eq_ignore_ascii_case(t))
            {
                text = quality.max(text);
            }
        }
        if open_metrics > text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// Samples become text here, in whatever order they come: it has them family by
/// family, in the order of the contract. What is held is text, and that once.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    /// The lines of each family of [`series::ALL`].
    families: Vec<String>,
}

impl Exposition {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            families: vec![String::new(); series::ALL.len()],
        }
    }

    /// Adds samples.
    pub fn add(&mut self, samples: &[Published<'_>]) {
        for sample in samples {
            let mut families = series::ALL.iter().zip(&mut self.families);
            if let Some((_, lines)) = families.find(|(each, _)| each.name == sample.series.name) {
                write_sample(lines, sample);
            }
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        let lines: usize = self.families.iter().map(String::len).sum();
        let mut text = String::with_capacity(lines + 8 * 1024);
        for (series, lines) in series::ALL.iter().zip(self.families) {
            if !lines.is_empty() {
                write_head(&mut text, series, self.format);
                text.push_str(&lines);
            }
        }
        if self.format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

fn write_head(text: &mut String, series: &Series, format: Format) {
    let (family, kind) = match (format, series.kind) {
        (_, Kind::Gauge) => (series.name, "gauge"),
        (Format::Text, Kind::Counter) => (series.name, "counter"),
        (Format::Text, Kind::Info) => (series.name, "gauge"),
        // OpenMetrics names the family without the suffix of its samples.
        (Format::OpenMetrics, Kind::Counter) => (trim_suffix(series.name, "_total"), "counter"),
        (Format::OpenMetrics, Kind::Info) => (trim_suffix(series.name, "_info"), "info"),
    };
    // Help texts are our own: no backslash, no line break (a test holds it).
    let _ = writeln!(
        text,
        "# HELP {family} {}\n# TYPE {family} {kind}",
        series.help
    );
}

fn trim_suffix<'a>(name: &'a str, suffix: &str) -> &'a str {
    name.strip_suffix(suffix).unwrap_or(name)
}

fn write_sample(text: &mut String, sample: &Published<'_>) {
    text.push_str(sample.series.name);
    for (index, (name, value)) in sample.labels().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    if !sample.series.labels.is_empty() {
        text.push('}');
    }
    // The shortest digits that read back as the same number; writing to a
    // String cannot fail.
    let _ = writeln!(text, " {}", sample.value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(format: Format) -> String {
        let mut exposition = Exposition::new(format);
        exposition.add(&[
            Published::new(&series::BUILD_INFO, &["0.3.0", "abc"], 1.0),
            Published::new(&series::SCRAPE_ERRORS, &["n", "pods", "timeout"], 2.0),
            Published::new(&series::CPU_USAGE, &["a"], 1.5),
        ]);
        exposition.add(&[
            Published::new(&series::CPU_USAGE, &["q\"b\\s\nn"], 0.1),
            Published::new(&series::MEMORY_USAGE, &["a"], 904_564_736.0),
            Published::new(&series::PROCESS_CPU, &[], 0.25),
        ]);
        exposition.finish()
    }

    #[test]
    fn text_format_groups_families_and_escapes_labels() {
        insta::assert_snapshot!(render(Format::Text), @r#"
        # HELP k8s_node_cpu_usage_cores CPU used by the node, in cores: the rate of its CPU seconds between its two newest samples
        # TYPE k8s_node_cpu_usage_cores gauge
        k8s_node_cpu_usage_cores{node="a"} 1.5
        k8s_node_cpu_usage_cores{node="q\"b\\s\nn"} 0.1
        # HELP k8s_node_memory_usage_bytes Memory used by the node, in bytes: its working set
        # TYPE k8s_node_memory_usage_bytes gauge
        k8s_node_memory_usage_bytes{node="a"} 904564736
        # HELP k8s_ai_exporter_scrape_errors_total Failed scrapes by reason; reasons ending in _line or _sample count lines or samples left out of a scrape that went on
        # TYPE k8s_ai_exporter_scrape_errors_total counter
        k8s_ai_exporter_scrape_errors_total{node="n",endpoint="pods",reason="timeout"} 2
        # HELP k8s_ai_exporter_build_info Version and source revision of the running exporter
        # TYPE k8s_ai_exporter_build_info gauge
        k8s_ai_exporter_build_info{version="0.3.0",revision="abc"} 1
        # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds
        # TYPE process_cpu_seconds_total counter
        process_cpu_seconds_total 0.25
        "#);
    }

    #[test]
    fn openmetrics_names_families_without_their_suffix_and_ends_with_eof() {
        let text = render(Format::OpenMetrics);
        assert!(text.contains("# TYPE k8s_ai_exporter_scrape_errors counter\n"));
        assert!(text.contains("\nk8s_ai_exporter_scrape_errors_total{"));
        assert!(text.contains("# TYPE k8s_ai_exporter_build info\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn the_format_follows_the_accept_header_of_real_scrapers() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/plain", Format::Text),
            ("text/html,*/*;q=0.8", Format::Text),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            (
                "application/openmetrics-text;q=0.1,text/plain",
                Format::Text,
            ),
            ("application/openmetrics-text", Format::OpenMetrics),
            (";;;,,q=banana", Format::Text),
        ] {
            assert_eq!(Format::negotiate(accept), format, "{accept}");
        }
    }

    #[test]
    fn no_series_has_more_labels_than_a_sample_holds() {
        for series in series::ALL {
            assert!(series.labels.len() <= MAX_LABELS, "{}", series.name);
        }
    }

    #[test]
    fn help_texts_need_no_escaping() {
        for series in series::ALL {
            assert!(!series.help.contains(['\\', '\n']), "{}", series.name);
        }
    }
}
