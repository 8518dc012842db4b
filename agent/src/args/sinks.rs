//! The flags of sinks.

use std::path::PathBuf;
use std::time::Duration;

use contract::Severity;
use settings::{Given, Parsed, Syntax, UsageError, Within, settings, words};
use webclient::BaseUrl;

use super::repeated::repeated;
use crate::sink::{self, Grafana, Pushgateway, Slack, Trigger, Webhook};

settings! {
    /// The flags of sinks.
    pub struct Flags {
        "Sinks" => {
            /// file with the URL of an incoming webhook of Slack to post findings to
            slack_webhook_url_file: Option<PathBuf>, secret: true;

            /// when to post to Slack: always, when a recommendation changes, or when a node has at
            /// least this severity
            slack_on: TriggerWord = "warning", only_with: Some("--slack-webhook-url-file");

            /// file with a URL to post each report to, as JSON
            webhook_url_file: Option<PathBuf>, secret: true;

            /// file with the key to sign these reports with, by HMAC-SHA256
            webhook_secret_file: Option<PathBuf>, secret: true,
                requires: Some("--webhook-url-file");

            /// URL of a Grafana to annotate changed recommendations in
            grafana_url: Option<Parsed<BaseUrl>>, value_name: "url",
                requires: Some("--grafana-token-file");

            /// file with the token of a Grafana service account
            grafana_token_file: Option<PathBuf>, secret: true, requires: Some("--grafana-url");

            /// URL of a Pushgateway in which each report replaces the group job="k8s-ai-agent"
            pushgateway_url: Option<Parsed<BaseUrl>>, value_name: "url";

            /// additional label of that group, such as cluster=prod
            pushgateway_label: Vec<LabelPair>, variables: &[],
                requires: Some("--pushgateway-url");

            /// deadline of each sink, retries included
            sink_timeout: Duration = "30s",
                within: Within::Durations(Duration::from_millis(1)..=Duration::from_secs(3600));

            /// PEM file with CAs to trust for sinks over https, in addition to the public ones
            sink_ca_file: Option<PathBuf>, without: "the public CAs";
        }
    }
}

words! {
    /// The reports to post to Slack.
    pub struct TriggerWord(Trigger) = TRIGGERS, trigger_word;
}

const TRIGGERS: [Trigger; 5] = [
    Trigger::Always,
    Trigger::Change,
    Trigger::Severity(Severity::Info),
    Trigger::Severity(Severity::Warning),
    Trigger::Severity(Severity::Critical),
];

const fn trigger_word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Always => "always",
        Trigger::Change => "change",
        Trigger::Severity(severity) => severity.name(),
    }
}

pub(super) fn resolve(flags: &Flags, given: &Given<'_>) -> Result<sink::Config, UsageError> {
    let labels = &flags.pushgateway_label;
    if let Some(label) = repeated(labels, |label| &label.0) {
        let setting = const { Flags::setting("--pushgateway-label") };
        return Err(given.invalid(setting, LabelPair::print(label), "each label once"));
    }
    let grafana = (flags.grafana_url.clone()).zip(flags.grafana_token_file.clone());
    Ok(sink::Config {
        slack: (flags.slack_webhook_url_file.clone()).map(|url_file| Slack {
            url_file,
            on: flags.slack_on,
        }),
        webhook: (flags.webhook_url_file.clone()).map(|url_file| Webhook {
            url_file,
            secret_file: flags.webhook_secret_file.clone(),
        }),
        grafana: grafana.map(|(url, token_file)| Grafana { url, token_file }),
        pushgateway: (flags.pushgateway_url.clone()).map(|url| Pushgateway {
            url,
            labels: labels.clone(),
        }),
        timeout: flags.sink_timeout,
        ca_file: flags.sink_ca_file.clone(),
    })
}

/// The syntax of a label: a label name of Prometheus, and any value of one line, `cluster=prod`.
#[derive(Debug)]
pub struct LabelPair;

impl Syntax for LabelPair {
    type Value = (String, String);
    const VALUE_NAME: &'static str = "name=value";

    fn expected(_: &Within) -> String {
        "a label such as cluster=prod; job is always k8s-ai-agent".to_owned()
    }

    fn parse(text: &str, within: &Within) -> Result<(String, String), String> {
        let is_label = |(name, value): &(&str, &str)| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with("__")
                && *name != "job"
                && !value.contains(char::is_control)
        };
        text.split_once('=')
            .filter(is_label)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .ok_or_else(|| Self::expected(within))
    }

    fn print((name, value): &(String, String)) -> String {
        format!("{name}={value}")
    }
}
