//! The series of a report in a Pushgateway, which Prometheus scrapes.
//!
//! Each report replaces the whole group of the previous one (PUT), so that the series of removed
//! nodes end. A group stays until the next report or until it is deleted: `push_time_seconds` shows
//! its age.

use analysis::report::Report;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use report::prometheus;
use webclient::{BaseUrl, CaBundle, Credentials, Method};

use super::delivery::{Address, DeliveryError, Message, Receiver, Sink};
use crate::PROGRAM;

/// The label that distinguishes shards, unless a flag sets one of that name.
const SHARD: &str = "shard";

/// The configuration of a Pushgateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The URL.
    pub url: BaseUrl,
    /// The labels of the group that a report replaces, beside `job`: name and value.
    pub labels: Vec<(String, String)>,
}

#[derive(Debug)]
struct Pushgateway {
    receiver: Receiver,
    labels: Vec<(String, String)>,
}

pub(super) fn open(config: &Config, ca_bundle: CaBundle) -> Box<dyn Sink> {
    Box::new(Pushgateway {
        receiver: Receiver {
            address: Address::Base(config.url.clone()),
            ca_bundle,
            credentials: Credentials::None,
        },
        labels: config.labels.clone(),
    })
}

impl Sink for Pushgateway {
    fn name(&self) -> &'static str {
        "pushgateway"
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn messages(&self, report: &Report) -> Result<Vec<Message>, DeliveryError> {
        Ok(vec![Message {
            method: Method::Put,
            media_type: exposition::write::Format::Text.content_type(),
            ..Message::json(&self.path(report), prometheus::render(report).into_bytes())
        }])
    }
}

impl Pushgateway {
    /// Returns the path of the report's group. Each shard has a group of its own, so that none
    /// replaces another.
    fn path(&self, report: &Report) -> String {
        let mut path = group_path(&self.labels);
        if let Some(part) = &report.shard
            && self.labels.iter().all(|(name, _)| name != SHARD)
        {
            path += &format!("/{SHARD}/{}", part.shard.index());
        }
        path
    }
}

/// Returns the path of a group. A value that is not a plain path segment is written in base64,
/// which the Pushgateway accepts since 0.9 (<https://github.com/prometheus/pushgateway#url>).
fn group_path(labels: &[(String, String)]) -> String {
    let mut path = format!("/metrics/job/{PROGRAM}");
    for (name, value) in labels {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        // Segments of dots alone are directories to some proxies.
        let is_segment = value.bytes().all(plain) && value.bytes().any(|b| b != b'.');
        path += &match (is_segment, value.as_str()) {
            (true, value) => format!("/{name}/{value}"),
            // An empty value is written as one sign of padding.
            (false, "") => format!("/{name}@base64/="),
            (false, value) => format!("/{name}@base64/{}", URL_SAFE.encode(value)),
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_one_path_segment() {
        for (value, segment) in [
            ("prod-1.example_a~b", "/cluster/prod-1.example_a~b"),
            ("", "/cluster@base64/="),
            ("..", "/cluster@base64/Li4="),
            ("a/b", "/cluster@base64/YS9i"),
            ("a?b", "/cluster@base64/YT9i"),
            ("zürich>", "/cluster@base64/esO8cmljaD4="),
            ("a b", "/cluster@base64/YSBi"),
        ] {
            let label = ("cluster".to_owned(), value.to_owned());
            assert_eq!(
                group_path(&[label]),
                format!("/metrics/job/k8s-ai-agent{segment}")
            );
        }
        assert_eq!(group_path(&[]), "/metrics/job/k8s-ai-agent");
    }
}
