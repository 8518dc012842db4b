//! Messages in a Slack channel, through an incoming webhook.
//!
//! Limits and text format: <https://docs.slack.dev/reference/block-kit/blocks> and
//! <https://docs.slack.dev/messaging/formatting-message-text>.
//!
//! Invariant: a message keeps Slack's limits (held by `slack_limits_are_kept`).

use std::path::PathBuf;

use analysis::hysteresis::Verdict;
use analysis::recommend::Recommendation;
use analysis::report::{NodeReport, Report};
use contract::Severity;
use quantity::interval;
use report::summary::summary;
use serde_json::{Value, json};
use text::printable;
use webclient::{CaBundle, Credentials, SecretFile};

use super::delivery::{Address, DeliveryError, Message, Receiver, Sink};

/// The maximum length of a section's text, and of a header's.
const MAX_SECTION_CHARS: usize = 3_000;
const MAX_HEADER_CHARS: usize = 150;

/// The maximum number of blocks of a message, and the number of those that are not about single
/// nodes, the header among them.
const MAX_BLOCKS: usize = 50;
const FRAME_BLOCKS: usize = 3;

/// The maximum length of all sections. Slack refuses messages of more than about 11,000 characters,
/// even where each block is within its limit (`msg_blocks_too_long`).
const MAX_MESSAGE_CHARS: usize = 8_000;

/// The maximum length of a name and of a sentence from outside. Real names have at most 253
/// characters (RFC 1123).
const MAX_NAME_CHARS: usize = 253;
const MAX_SENTENCE_CHARS: usize = 500;

/// The maximum number of errors shown.
const MAX_ERRORS: usize = 3;

/// The configuration of a Slack channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file with the URL of an incoming webhook.
    pub url_file: PathBuf,
    /// The reports to post.
    pub on: Trigger,
}

/// The reports that are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Each report.
    Always,
    /// Those that change a recommendation.
    Change,
    /// Those with a node of at least this severity.
    Severity(Severity),
}

#[derive(Debug)]
struct Slack {
    receiver: Receiver,
    on: Trigger,
}

pub(super) fn open(config: &Config, ca_bundle: CaBundle) -> Box<dyn Sink> {
    Box::new(Slack {
        receiver: Receiver {
            address: Address::Webhook(SecretFile::password(config.url_file.clone())),
            ca_bundle,
            credentials: Credentials::None,
        },
        on: config.on,
    })
}

impl Sink for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn messages(&self, report: &Report) -> Result<Vec<Message>, DeliveryError> {
        let post = || Message::json("", message(report).to_string().into_bytes());
        Ok(self.on.includes(report).then(post).into_iter().collect())
    }
}

impl Trigger {
    fn includes(self, report: &Report) -> bool {
        let mut nodes = report.nodes.iter();
        match self {
            Self::Always => true,
            Self::Change => nodes.any(|node| node.changed_from.is_some()),
            Self::Severity(least) => nodes.any(|node| node.severity >= least),
        }
    }
}

/// Returns the message: a header with the summary, a section for each node with a finding or a
/// change, worst first, the number of further ones, and the missing data.
fn message(report: &Report) -> Value {
    let summary = summary(report);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&summary, MAX_HEADER_CHARS, Form::Plain)},
    })];
    let news: Vec<&NodeReport> = report
        .nodes
        .iter()
        .filter(|node| node.severity > Severity::None || node.changed_from.is_some())
        .collect();
    let mut chars = 0;
    for node in &news {
        let text = section(node);
        chars += width(&text);
        if chars > MAX_MESSAGE_CHARS || blocks.len() + FRAME_BLOCKS > MAX_BLOCKS {
            break;
        }
        blocks.push(json!({"type": "section", "text": mrkdwn(&text)}));
    }
    // Without the header.
    let more = news.len() + 1 - blocks.len();
    let mut window = format!(
        "Forecast for the {} after {}.",
        interval(report.window.horizon_seconds),
        report.window.end
    );
    if let Some(part) = &report.shard {
        window += &format!(" Shard {}.", part.shard);
    }
    let context = match more {
        0 => window,
        1 => format!("… and 1 more node. {window}"),
        many => format!("… and {many} more nodes. {window}"),
    };
    if !report.errors.is_empty() {
        blocks.push(json!({"type": "section", "text": mrkdwn(&missing(&report.errors))}));
    }
    blocks.push(json!({"type": "context", "elements": [mrkdwn(&context)]}));
    json!({
        // Shown in notifications, where there are no blocks.
        "text": cut(&summary, MAX_SECTION_CHARS, Form::Mrkdwn),
        "blocks": blocks,
    })
}

/// Makes a text that Slack shows as it is: nothing in it becomes a link or a mention.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// Returns the findings and changes of a node. Below [`MAX_SECTION_CHARS`], as each part is
/// bounded.
fn section(node: &NodeReport) -> String {
    let name = cut(&node.node, MAX_NAME_CHARS, Form::Mrkdwn);
    let mut text = format!(
        "*{name}*: {}{}",
        node.verdict().state().name(),
        before(node.changed_from)
    );
    for resource in &node.resources {
        let Recommendation {
            message,
            severity,
            changed_from,
            ..
        } = &resource.recommendation;
        if *severity == Severity::None && changed_from.is_none() {
            continue;
        }
        text += &format!(
            "\n• {}{}: {}",
            resource.resource.label(),
            before(*changed_from),
            cut(message, MAX_SENTENCE_CHARS, Form::Mrkdwn)
        );
        if let Some(old) = resource.old_sample() {
            text += &format!(" ({old})");
        }
    }
    text
}

/// Formats ` (was healthy)`, if the state differs.
fn before(changed_from: Option<Verdict>) -> String {
    changed_from.map_or_else(String::new, |before| {
        format!(" (was {})", before.state().name())
    })
}

/// Returns the first errors, and the number of the rest.
fn missing(errors: &[String]) -> String {
    let mut text = "*Missing from this report*".to_owned();
    for error in errors.iter().take(MAX_ERRORS) {
        text += &format!("\n• {}", cut(error, MAX_SENTENCE_CHARS, Form::Mrkdwn));
    }
    match errors.len().saturating_sub(MAX_ERRORS) {
        0 => text,
        more => format!("{text}\n… and {more} more"),
    }
}

/// The format of a text.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Plain text.
    Plain,
    /// With Slack's three control characters escaped.
    Mrkdwn,
}

/// Formats `text`, cut with an ellipsis where it would be wider than `limit`.
fn cut(text: &str, limit: usize, form: Form) -> String {
    let text = printable(text);
    let written = |c: char| match (form, c) {
        (Form::Mrkdwn, '&') => "&amp;".to_owned(),
        (Form::Mrkdwn, '<') => "&lt;".to_owned(),
        (Form::Mrkdwn, '>') => "&gt;".to_owned(),
        (_, other) => other.to_string(),
    };
    let whole: String = text.chars().map(written).collect();
    if width(&whole) <= limit {
        return whole;
    }
    let mut start = String::new();
    let mut left = limit - 1;
    for c in text.chars().map(written) {
        match left.checked_sub(width(&c)) {
            Some(rest) => left = rest,
            None => break,
        }
        start += &c;
    }
    start + "…"
}

/// Returns the length in UTF-16 code units, which is the largest of all counts.
fn width(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::example::{self, HOSTILE};

    fn texts(message: &Value) -> Vec<&str> {
        let blocks = message["blocks"].as_array().expect("blocks");
        let text = |block: &'_ Value| match block["type"].as_str() {
            Some("context") => "/elements/0/text",
            _ => "/text/text",
        };
        blocks
            .iter()
            .map(|block| {
                block
                    .pointer(text(block))
                    .and_then(Value::as_str)
                    .expect("text")
            })
            .collect()
    }

    #[test]
    fn slack_lists_findings_worst_first() {
        let message = message(&example::report());
        let texts = texts(&message);
        assert_eq!(texts.len(), 6);
        assert!(
            texts[1].starts_with("*busy*: critical (was warning)\n• memory (was warning): "),
            "{}",
            texts[1]
        );
        assert!(texts[1].ends_with(" (last sample 97s old)"), "{}", texts[1]);
        assert!(
            texts[2].starts_with("*=1|&lt;b onclick=\"x\"&gt;&amp;`"),
            "{}",
            texts[2]
        );
        assert!(
            texts[3].starts_with("*idle*: info\n• cpu: "),
            "{}",
            texts[3]
        );
        assert_eq!(
            texts[4],
            "*Missing from this report*\n• node gone: no memory samples"
        );
        assert_eq!(texts[5], "Forecast for the 30m after 2026-11-22T07:13:00Z.");
    }

    #[test]
    fn slack_limits_are_kept() {
        let short = example::report_of(&["busy"]);
        let long = {
            let mut long = short.clone();
            long.nodes[0].node = "<".repeat(10_000);
            for resource in &mut long.nodes[0].resources {
                resource.recommendation.severity = Severity::Critical;
                resource.recommendation.message = "😀&".repeat(10_000);
            }
            long
        };
        for (mut report, count, shown) in [
            (short.clone(), 1, 1),
            (short.clone(), 47, 47),
            (short, 5_000, 47),
            (long, 5_000, 5),
        ] {
            report.nodes = vec![report.nodes[0].clone(); count];
            report.errors = vec!["&".repeat(10_000); 100];
            let message = message(&report);
            let texts = texts(&message);
            assert_eq!(texts.len(), shown + 3);
            assert!(texts.len() <= MAX_BLOCKS);
            assert!(texts.iter().all(|text| width(text) <= MAX_SECTION_CHARS));
            let all: usize = texts.iter().map(|text| width(text)).sum();
            assert!(all < 11_000, "{all}");
            assert!(width(texts[0]) <= MAX_HEADER_CHARS);
            let more = match count - shown {
                0 => "Forecast for ".to_owned(),
                more => format!("… and {more} more nodes. Forecast for "),
            };
            assert!(texts[shown + 2].starts_with(&more), "{}", texts[shown + 2]);
            assert!(texts[shown + 1].ends_with("… and 97 more"));
        }
    }

    #[test]
    fn slack_text_is_cut_between_characters() {
        for (text, limit, cut_text) in [
            ("a<b", 6, "a&lt;b"),
            ("a<b", 5, "a…"),
            ("a<b&", 6, "a&lt;…"),
            ("😀😀", 4, "😀😀"),
            ("😀😀", 3, "😀…"),
            ("😀😀", 2, "…"),
            ("a\u{1b}b\n", 9, "ab"),
        ] {
            assert_eq!(cut(text, limit, Form::Mrkdwn), cut_text, "{text} {limit}");
        }
        assert_eq!(cut("a<b", 3, Form::Plain), "a<b");
        assert!(!cut(HOSTILE, 300, Form::Mrkdwn).contains(['<', '>']));
    }
}
