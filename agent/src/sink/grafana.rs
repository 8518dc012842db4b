//! Annotations in Grafana, one for each recommendation that a report changes.
//!
//! Format: <https://grafana.com/docs/grafana/latest/developers/http_api/annotations/>: annotations
//! of the organisation, which any dashboard can show by their tags.

use std::path::PathBuf;

use analysis::report::Report;
use serde_json::{Value, json};
use text::printable;
use webclient::{BaseUrl, CaBundle, Credentials, SecretFile};

use super::change::{Change, changes};
use super::delivery::{Address, DeliveryError, Message, Receiver, Sink};
use crate::PROGRAM;

/// The maximum number of annotations for one report. If more change, another one names the number
/// of the rest: many lines would hide the graph, and Grafana limits rates.
const MAX_ANNOTATIONS: usize = 20;

/// The maximum length of a tag's value in Grafana.
const MAX_TAG_CHARS: usize = 100;

/// The configuration of a Grafana.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The URL.
    pub url: BaseUrl,
    /// The file with the token of a service account that may write annotations.
    pub token_file: PathBuf,
}

#[derive(Debug)]
struct Grafana(Receiver);

pub(super) fn open(config: &Config, ca_bundle: CaBundle) -> Box<dyn Sink> {
    Box::new(Grafana(Receiver {
        address: Address::Base(config.url.clone()),
        ca_bundle,
        credentials: Credentials::Bearer(SecretFile::token(config.token_file.clone())),
    }))
}

impl Sink for Grafana {
    fn name(&self) -> &'static str {
        "grafana"
    }

    fn receiver(&self) -> &Receiver {
        &self.0
    }

    fn messages(&self, report: &Report) -> Result<Vec<Message>, DeliveryError> {
        let message = |annotation: Value| {
            Message::json("/api/annotations", annotation.to_string().into_bytes())
        };
        Ok(annotations(report).into_iter().map(message).collect())
    }
}

/// Returns the annotations of a report, worst first.
fn annotations(report: &Report) -> Vec<Value> {
    let mut changes: Vec<Change<'_>> = changes(report).collect();
    // Stable: nodes stay in the order of the report within a severity.
    changes.sort_by_key(|change| std::cmp::Reverse(change.to.severity));
    let (shown, rest) = changes.split_at(changes.len().min(MAX_ANNOTATIONS));
    // Grafana counts in milliseconds.
    let time = report.generated_at.unix() * 1000;
    let mut annotations: Vec<Value> = shown
        .iter()
        .map(|change| annotation(change, time))
        .collect();
    if !rest.is_empty() {
        annotations.push(json!({
            "time": time,
            "tags": [PROGRAM],
            "text": format!("{} more recommendations changed", rest.len()),
        }));
    }
    annotations
}

fn annotation(change: &Change<'_>, time: i64) -> Value {
    let Change {
        node,
        resource,
        from,
        to,
    } = change;
    let tag = |name: &str, value: &str| {
        let value: String = printable(value).chars().take(MAX_TAG_CHARS).collect();
        format!("{name}:{value}")
    };
    let text = format!(
        "{node} {}: {} (was {})",
        resource.label(),
        to.message,
        from.state().name()
    );
    json!({
        "time": time,
        "tags": [
            PROGRAM,
            tag("node", node),
            tag("resource", resource.label()),
            tag("action", to.action.name()),
            tag("severity", to.severity.name()),
        ],
        "text": escaped(&printable(&text)),
    })
}

/// Escapes a text, which Grafana shows as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::hysteresis::Verdict;
    use report::example::{self, HOSTILE};

    /// The example's nodes of these names, as if each resource had been healthy before.
    fn changed(names: &[&str]) -> Report {
        let mut report = example::report_of(names);
        for resource in report.nodes.iter_mut().flat_map(|node| &mut node.resources) {
            resource.recommendation.changed_from = Some(Verdict::HEALTHY);
        }
        report
    }

    #[test]
    fn changes_are_annotated_worst_first() {
        let unchanged = example::report_of(&["calm"]);
        assert_eq!(annotations(&unchanged), Vec::<Value>::new());
        let report = changed(&["busy"]);
        let annotations = annotations(&report);
        assert_eq!(annotations.len(), 2);
        let memory = &report.nodes[0].resources[1].recommendation;
        assert_eq!(
            annotations[0],
            json!({
                "time": 1_795_331_583_000_i64,
                "tags": ["k8s-ai-agent", "node:busy", "resource:memory", "action:scale_up", "severity:critical"],
                "text": format!("busy memory: {} (was healthy)", memory.message),
            })
        );
    }

    #[test]
    fn annotations_are_capped() {
        let mut report = changed(&["busy"]);
        report.nodes = vec![report.nodes[0].clone(); 1_000];
        let annotations = annotations(&report);
        assert_eq!(annotations.len(), MAX_ANNOTATIONS + 1);
        assert_eq!(
            annotations[MAX_ANNOTATIONS]["text"],
            "1980 more recommendations changed"
        );
        assert!(
            annotations[..MAX_ANNOTATIONS]
                .iter()
                .all(|a| a["tags"][4] == "severity:critical")
        );
    }

    #[test]
    fn annotation_text_is_escaped() {
        let mut report = changed(&[HOSTILE]);
        report.nodes[0].node += &"x".repeat(1_000);
        let annotations = annotations(&report);
        let text = annotations[0]["text"].as_str().expect("text");
        assert!(
            text.starts_with("=1|&lt;b onclick=\"x\"&gt;&amp;`"),
            "{text}"
        );
        let tag = annotations[0]["tags"][1].as_str().expect("a tag");
        assert_eq!(tag.chars().count(), "node:".len() + MAX_TAG_CHARS);
    }
}
