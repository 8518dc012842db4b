//! Whom a report is sent to, beside being printed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use commandline::{BadValue, Environment, parse_text, setting};
use quantity::{Interval, parse_duration};
use webclient::BaseUrl;

use super::flags::Args;
use analysis::action::Severity;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Everyone a report is sent to. Secrets are named by their files and not read here.
#[derive(Debug, Clone, PartialEq)]
pub struct Sinks {
    /// A channel of Slack.
    pub slack: Option<Slack>,
    /// Any receiver of JSON.
    pub webhook: Option<Webhook>,
    /// Annotations in Grafana.
    pub grafana: Option<Grafana>,
    /// A Pushgateway, for Prometheus to scrape.
    pub pushgateway: Option<Pushgateway>,
    /// Deadline of all attempts at one sink.
    pub timeout: Duration,
    /// Whom to trust over TLS, beside the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// An incoming webhook of Slack.
#[derive(Debug, Clone, PartialEq)]
pub struct Slack {
    /// Holds the URL, which is a secret.
    pub url_file: PathBuf,
    /// When there is something to say.
    pub on: Occasion,
}

/// A receiver of JSON reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Holds the URL, which may be a secret.
    pub url_file: PathBuf,
    /// Holds the key of the signature, if there is to be one.
    pub secret_file: Option<PathBuf>,
}

/// A Grafana.
#[derive(Debug, Clone, PartialEq)]
pub struct Grafana {
    /// Where it is.
    pub url: BaseUrl,
    /// Holds the token of a service account.
    pub token_file: PathBuf,
}

/// A Pushgateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushgateway {
    /// Where it is.
    pub url: BaseUrl,
    /// Labels of the group that a report replaces, beside `job`: name and value.
    pub labels: Vec<(String, String)>,
}

/// Which reports are worth a message to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Each.
    Always,
    /// Those that recommend something else than the report before.
    Change,
    /// Those with a node of at least this severity.
    Severity(Severity),
}

impl Occasion {
    const ALL: [Self; 5] = [
        Self::Always,
        Self::Change,
        Self::Severity(Severity::Info),
        Self::Severity(Severity::Warning),
        Self::Severity(Severity::Critical),
    ];

    /// As the flag names it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Change => "change",
            Self::Severity(severity) => severity.label(),
        }
    }
}

impl Sinks {
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let file = |flag, typed: &Option<String>, variable: &str| {
            setting(environment, flag, typed.clone(), &[variable], parse_text)
                .map(|path| path.map(PathBuf::from))
        };
        let url = |flag, typed: &Option<String>, variable: &str| {
            let parse = BaseUrl::parse;
            setting(environment, flag, typed.clone(), &[variable], parse)
        };
        let slack_url = file(
            "--slack-webhook-url-file",
            &args.slack_webhook_url_file,
            "SLACK_WEBHOOK_URL_FILE",
        )?;
        let on = setting(
            environment,
            "--slack-on",
            args.slack_on.clone(),
            &["SLACK_ON"],
            parse_occasion,
        )?;
        let webhook_url = file(
            "--webhook-url-file",
            &args.webhook_url_file,
            "WEBHOOK_URL_FILE",
        )?;
        let secret = file(
            "--webhook-secret-file",
            &args.webhook_secret_file,
            "WEBHOOK_SECRET_FILE",
        )?;
        let grafana_url = url("--grafana-url", &args.grafana_url, "GRAFANA_URL")?;
        let token = file(
            "--grafana-token-file",
            &args.grafana_token_file,
            "GRAFANA_TOKEN_FILE",
        )?;
        let pushgateway_url = url(
            "--pushgateway-url",
            &args.pushgateway_url,
            "PUSHGATEWAY_URL",
        )?;
        let timeout = setting(
            environment,
            "--sink-timeout",
            args.sink_timeout.clone(),
            &["SINK_TIMEOUT"],
            parse_timeout,
        )?;
        Ok(Self {
            slack: slack_url.map(|url_file| Slack {
                url_file,
                on: on.unwrap_or(Occasion::Severity(Severity::Warning)),
            }),
            webhook: webhook(webhook_url, secret)?,
            grafana: grafana(grafana_url, token)?,
            pushgateway: pushgateway(pushgateway_url, &args.pushgateway_label)?,
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            ca_file: file("--sink-ca-file", &args.sink_ca_file, "SINK_CA_FILE")?,
        })
    }
}

/// Half of a pair is a mistake, and one that would only show when it is too late.
fn lacks(setting: &str, value: impl fmt::Display, other: &str) -> BadValue {
    BadValue {
        setting: setting.to_owned(),
        value: value.to_string(),
        expected: format!("of use without {other}"),
    }
}

fn webhook(url: Option<PathBuf>, secret: Option<PathBuf>) -> Result<Option<Webhook>, BadValue> {
    match (url, secret) {
        (Some(url_file), secret_file) => Ok(Some(Webhook {
            url_file,
            secret_file,
        })),
        (None, Some(secret)) => Err(lacks(
            "--webhook-secret-file",
            secret.display(),
            "--webhook-url-file",
        )),
        (None, None) => Ok(None),
    }
}

fn grafana(url: Option<BaseUrl>, token: Option<PathBuf>) -> Result<Option<Grafana>, BadValue> {
    match (url, token) {
        (Some(url), Some(token_file)) => Ok(Some(Grafana { url, token_file })),
        (Some(url), None) => Err(lacks("--grafana-url", url, "--grafana-token-file")),
        (None, Some(token)) => Err(lacks(
            "--grafana-token-file",
            token.display(),
            "--grafana-url",
        )),
        (None, None) => Ok(None),
    }
}

fn pushgateway(url: Option<BaseUrl>, typed: &[String]) -> Result<Option<Pushgateway>, BadValue> {
    const FLAG: &str = "--pushgateway-label";
    let mut labels: Vec<(String, String)> = Vec::new();
    for text in typed {
        let bad = |expected: &str| BadValue {
            setting: FLAG.to_owned(),
            value: text.clone(),
            expected: expected.to_owned(),
        };
        let (name, value) = parse_label(text).map_err(bad)?;
        if labels.iter().any(|(earlier, _)| *earlier == name) {
            return Err(bad("a label that was not given before"));
        }
        labels.push((name, value));
    }
    match (url, labels.first()) {
        (Some(url), _) => Ok(Some(Pushgateway { url, labels })),
        (None, Some((name, value))) => Err(lacks(
            FLAG,
            format_args!("{name}={value}"),
            "--pushgateway-url",
        )),
        (None, None) => Ok(None),
    }
}

impl fmt::Display for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Slack { url_file, on }) = &self.slack {
            writeln!(f, "--slack-webhook-url-file={}", url_file.display())?;
            writeln!(f, "--slack-on={}", on.label())?;
        }
        if let Some(webhook) = &self.webhook {
            writeln!(f, "--webhook-url-file={}", webhook.url_file.display())?;
            if let Some(path) = &webhook.secret_file {
                writeln!(f, "--webhook-secret-file={}", path.display())?;
            }
        }
        if let Some(Grafana { url, token_file }) = &self.grafana {
            writeln!(f, "--grafana-url={url}")?;
            writeln!(f, "--grafana-token-file={}", token_file.display())?;
        }
        if let Some(Pushgateway { url, labels }) = &self.pushgateway {
            writeln!(f, "--pushgateway-url={url}")?;
            for (name, value) in labels {
                writeln!(f, "--pushgateway-label={name}={value}")?;
            }
        }
        writeln!(f, "--sink-timeout={}", Interval(self.timeout))?;
        match &self.ca_file {
            Some(path) => writeln!(f, "--sink-ca-file={}", path.display()),
            None => Ok(()),
        }
    }
}

fn parse_occasion(text: &str) -> Result<Occasion, &'static str> {
    Occasion::ALL
        .into_iter()
        .find(|occasion| occasion.label() == text)
        .ok_or("always, change, info, warning or critical")
}

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|d| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(d))
        .ok_or("a duration such as 30s, from 1ms to 1h")
}

/// `cluster=prod`: a label name of Prometheus, and any value that is one line.
fn parse_label(text: &str) -> Result<(String, String), &'static str> {
    const EXPECTED: &str = "a label such as cluster=prod (not job, which is k8s-ai-agent)";
    let (name, value) = text.split_once('=').ok_or(EXPECTED)?;
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let reserved = name.starts_with("__") || name == "job";
    if !starts || !goes_on || reserved || value.chars().any(char::is_control) {
        return Err(EXPECTED);
    }
    Ok((name.to_owned(), value.to_owned()))
}
