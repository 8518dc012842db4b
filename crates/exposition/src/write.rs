//! Writer of the text formats: samples to text.
//!
//! Formats: Prometheus text 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and
//! OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! In scope: heads of families, escaping, the choice of the format. Out of scope: the
//! selection of samples, and HTTP.

use std::fmt::Write;

use contract::{Kind, Series};

use crate::escape::escape;

/// Maximum number of labels of a series.
const MAX_LABELS: usize = 3;

/// One sample of a published series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// The series.
    pub series: &'static Series,
    /// The value: finite.
    pub value: f64,
    labels: [&'a str; MAX_LABELS],
}

impl<'a> Sample<'a> {
    /// Makes a sample with its label values, in the order of the series's label names.
    pub fn new(series: &'static Series, labels: &[&'a str], value: f64) -> Self {
        debug_assert_eq!(labels.len(), series.labels.len(), "{}", series.name);
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

    /// Chooses by an `Accept` header: OpenMetrics if it is preferred to plain text, else text,
    /// which every scraper reads.
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

/// Writes samples as text.
pub fn render(families: &[&'static Series], samples: &[Sample<'_>], format: Format) -> String {
    let mut writer = Writer::new(families, format);
    writer.add(samples);
    writer.finish()
}

/// Writes samples that arrive in any order, grouped by family in the order of one of the
/// contract's tables.
#[derive(Debug)]
pub struct Writer<'f> {
    format: Format,
    families: &'f [&'static Series],
    /// The lines of each family.
    lines: Vec<String>,
}

impl<'f> Writer<'f> {
    /// Makes an empty exposition. `families` has the series of every sample.
    pub fn new(families: &'f [&'static Series], format: Format) -> Self {
        Self {
            format,
            families,
            lines: vec![String::new(); families.len()],
        }
    }

    /// Adds samples.
    pub fn add(&mut self, samples: &[Sample<'_>]) {
        for sample in samples {
            let mut families = self.families.iter().zip(&mut self.lines);
            if let Some((_, lines)) = families.find(|(each, _)| each.name == sample.series.name) {
                write_sample(lines, sample);
            }
        }
    }

    /// Ends the exposition, and returns its text.
    pub fn finish(self) -> String {
        let length: usize = self.lines.iter().map(String::len).sum();
        let mut text = String::with_capacity(length + 8 * 1024);
        for (series, lines) in self.families.iter().zip(self.lines) {
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
    // Help texts are our own: no backslash, no line break (`help_texts_need_no_escaping`).
    let _ = writeln!(
        text,
        "# HELP {family} {}\n# TYPE {family} {kind}",
        series.help
    );
}

fn trim_suffix<'a>(name: &'a str, suffix: &str) -> &'a str {
    name.strip_suffix(suffix).unwrap_or(name)
}

fn write_sample(text: &mut String, sample: &Sample<'_>) {
    text.push_str(sample.series.name);
    for (index, (name, value)) in sample.labels().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        text.push_str(name);
        text.push_str("=\"");
        // Writing to a String cannot fail.
        let _ = escape(value, text);
        text.push('"');
    }
    if !sample.series.labels.is_empty() {
        text.push('}');
    }
    // The shortest digits that read back as the same number.
    let _ = writeln!(text, " {}", sample.value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{report, series};
    use proptest::prelude::*;

    use crate::read::parse_line;

    fn some_samples() -> Vec<Sample<'static>> {
        vec![
            Sample::new(&series::BUILD_INFO, &["0.3.0", "abc"], 1.0),
            Sample::new(&series::SCRAPE_ERRORS, &["n", "pods", "timeout"], 2.0),
            Sample::new(&series::CPU_USAGE, &["a"], 1.5),
            Sample::new(&series::CPU_USAGE, &["q\"b\\s\nn"], 0.1),
            Sample::new(&series::MEMORY_USAGE, &["a"], 904_564_736.0),
            Sample::new(&series::PROCESS_CPU, &[], 0.25),
        ]
    }

    #[test]
    fn text_groups_families_and_escapes_labels() {
        insta::assert_snapshot!(render(series::ALL, &some_samples(), Format::Text), @r#"
        # HELP k8s_node_cpu_usage_cores CPU used by the node, in cores: the rate of its CPU seconds between its two newest samples
        # TYPE k8s_node_cpu_usage_cores gauge
        k8s_node_cpu_usage_cores{node="a"} 1.5
        k8s_node_cpu_usage_cores{node="q\"b\\s\nn"} 0.1
        # HELP k8s_node_memory_usage_bytes Memory used by the node, in bytes: its working set
        # TYPE k8s_node_memory_usage_bytes gauge
        k8s_node_memory_usage_bytes{node="a"} 904564736
        # HELP k8s_ai_exporter_scrape_errors_total Failed scrapes by reason; reasons ending in _line or _sample count dropped lines or samples of scrapes that otherwise succeeded
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
    fn openmetrics_strips_suffixes_and_ends_with_eof() {
        let text = render(series::ALL, &some_samples(), Format::OpenMetrics);
        assert!(text.contains("# TYPE k8s_ai_exporter_scrape_errors counter\n"));
        assert!(text.contains("\nk8s_ai_exporter_scrape_errors_total{"));
        assert!(text.contains("# TYPE k8s_ai_exporter_build info\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn format_follows_the_accept_header() {
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
    fn order_of_samples_changes_no_text() {
        let samples = some_samples();
        let mut writer = Writer::new(series::ALL, Format::Text);
        let (last, first) = samples.split_at(2);
        writer.add(first);
        writer.add(last);
        assert_eq!(writer.finish(), render(series::ALL, &samples, Format::Text));
    }

    proptest! {
        #[test]
        fn written_samples_are_read_back(
            value in prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
            labels in prop::array::uniform3(any::<String>()),
        ) {
            let labels = labels.each_ref().map(String::as_str);
            let sample = Sample::new(&series::SCRAPE_ERRORS, &labels, value);
            let mut text = String::new();
            write_sample(&mut text, &sample);
            let read = parse_line(text.strip_suffix('\n').expect("one line").as_bytes());
            let read = read.expect("the grammar").expect("a sample");
            prop_assert_eq!(read.name, sample.series.name.as_bytes());
            prop_assert_eq!(read.value, value);
            let read_labels: Vec<_> = read.labels.iter().map(|l| l.unescaped().into_owned()).collect();
            prop_assert_eq!(read_labels, labels.map(|label| label.as_bytes().to_vec()));
        }
    }

    #[test]
    fn samples_hold_the_labels_of_every_series() {
        for series in series::ALL.iter().chain(report::ALL) {
            assert!(series.labels.len() <= MAX_LABELS, "{}", series.name);
        }
    }

    #[test]
    fn help_texts_need_no_escaping() {
        for series in series::ALL.iter().chain(report::ALL) {
            assert!(!series.help.contains(['\\', '\n']), "{}", series.name);
        }
    }
}
