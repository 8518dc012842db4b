//! The chart's named templates, and what each comes to: the counterpart of
//! `templates/_helpers.tpl`, which real Helm is held against in the tests.

use super::{Context, Path, Problem};
use crate::chart;

/// A named template of `_helpers.tpl`, and what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helper {
    /// Label helm.sh/chart.
    Chart,
    /// Label app.kubernetes.io/name.
    Name,
    /// Name of the exporter's objects.
    ExporterName,
    /// Name of the agent's objects.
    AgentName,
    /// Name of the PrometheusRule.
    AlertsName,
    /// The exporter's service account.
    ExporterAccount,
    /// The agent's service account.
    AgentAccount,
    /// The exporter's image.
    ExporterImage,
    /// The agent's image.
    AgentImage,
    /// Where the agent asks.
    PrometheusUrl,
    /// Port of the URL where the agent asks.
    BackendPort,
    /// How often Prometheus scrapes.
    ScrapeInterval,
    /// How many exporters must answer Prometheus, lest nodes go unseen.
    LeastExporters,
}

impl Helper {
    /// Every helper.
    pub const ALL: [Self; 13] = [
        Self::Chart,
        Self::Name,
        Self::ExporterName,
        Self::AgentName,
        Self::AlertsName,
        Self::ExporterAccount,
        Self::AgentAccount,
        Self::ExporterImage,
        Self::AgentImage,
        Self::PrometheusUrl,
        Self::BackendPort,
        Self::ScrapeInterval,
        Self::LeastExporters,
    ];

    /// Name of the template.
    pub fn template(self) -> &'static str {
        match self {
            Self::Chart => "binbots-k8s.chart",
            Self::Name => "binbots-k8s.name",
            Self::ExporterName => "binbots-k8s.exporter.name",
            Self::AgentName => "binbots-k8s.agent.name",
            Self::AlertsName => "binbots-k8s.alerts.name",
            Self::ExporterAccount => "binbots-k8s.exporter.serviceAccount",
            Self::AgentAccount => "binbots-k8s.agent.serviceAccount",
            Self::ExporterImage => "binbots-k8s.exporter.image",
            Self::AgentImage => "binbots-k8s.agent.image",
            Self::PrometheusUrl => "binbots-k8s.agent.prometheusUrl",
            Self::BackendPort => "binbots-k8s.agent.backendPort",
            Self::ScrapeInterval => "binbots-k8s.serviceMonitor.interval",
            Self::LeastExporters => "binbots-k8s.exporter.least",
        }
    }

    /// The values it reads.
    pub fn reads(self) -> &'static [Path] {
        match self {
            Self::Chart => &[],
            Self::Name => &["nameOverride"],
            Self::ExporterName | Self::AgentName | Self::AlertsName => &["fullnameOverride"],
            Self::ExporterAccount => &[
                "fullnameOverride",
                "serviceAccount.exporter.create",
                "serviceAccount.exporter.name",
            ],
            Self::AgentAccount => &[
                "fullnameOverride",
                "serviceAccount.agent.create",
                "serviceAccount.agent.name",
            ],
            Self::ExporterImage => &[
                "image.exporter.repository",
                "image.exporter.tag",
                "image.exporter.digest",
            ],
            Self::AgentImage => &[
                "image.agent.repository",
                "image.agent.tag",
                "image.agent.digest",
            ],
            Self::PrometheusUrl | Self::BackendPort => &[
                "agent.prometheusUrl",
                "exporter.mode",
                "fullnameOverride",
                "namespace",
            ],
            Self::ScrapeInterval => &["serviceMonitor.interval", "exporter.scrapeInterval"],
            Self::LeastExporters => &["exporter.mode", "exporter.allNodes.shards"],
        }
    }

    pub(super) fn evaluate(self, context: Context<'_>) -> Result<String, Problem> {
        let text = |path| context.text(path);
        let name = |suffix: &str| -> Result<String, Problem> {
            let prefix = text("fullnameOverride")?;
            let prefix = if prefix.is_empty() { "k8s-ai" } else { prefix };
            Ok(format!("{}-{suffix}", cut(prefix, 45)))
        };
        let account = |program: &str, create: Path, own: Path| -> Result<String, Problem> {
            Ok(match (text(own)?, context.truth(create)?) {
                ("", true) => name(program)?,
                ("", false) => "default".to_owned(),
                (own, _) => own.to_owned(),
            })
        };
        let image = |repository: Path, tag: Path, digest: Path| -> Result<String, Problem> {
            let repository = text(repository)?;
            Ok(match (text(digest)?, text(tag)?) {
                ("", "") => format!("{repository}:{}", chart::image_tag()),
                ("", tag) => format!("{repository}:{tag}"),
                (digest, _) => format!("{repository}@{digest}"),
            })
        };
        Ok(match self {
            Self::Chart => format!("{}-{}", chart::NAME, chart::VERSION.replace('+', "_")),
            Self::Name => match text("nameOverride")? {
                "" => chart::NAME.to_owned(),
                own => cut(own, 63).to_owned(),
            },
            Self::ExporterName => name("exporter")?,
            Self::AgentName => name("agent")?,
            Self::AlertsName => match text("fullnameOverride")? {
                "" => "binbots-k8s-alerts".to_owned(),
                _ => name("alerts")?,
            },
            Self::ExporterAccount => account(
                "exporter",
                "serviceAccount.exporter.create",
                "serviceAccount.exporter.name",
            )?,
            Self::AgentAccount => account(
                "agent",
                "serviceAccount.agent.create",
                "serviceAccount.agent.name",
            )?,
            Self::ExporterImage => image(
                "image.exporter.repository",
                "image.exporter.tag",
                "image.exporter.digest",
            )?,
            Self::AgentImage => image(
                "image.agent.repository",
                "image.agent.tag",
                "image.agent.digest",
            )?,
            Self::PrometheusUrl => match (text("agent.prometheusUrl")?, text("exporter.mode")?) {
                ("", "standalone") => format!(
                    "http://{}.{}.svc:{}",
                    name("exporter")?,
                    text("namespace")?,
                    contract::EXPORTER_PORT
                ),
                ("", _) => format!("http://prometheus-operated.{}.svc:9090", text("namespace")?),
                (url, _) => url.to_owned(),
            },
            Self::BackendPort => port_of(&Self::PrometheusUrl.evaluate(context)?).to_string(),
            Self::ScrapeInterval => match text("serviceMonitor.interval")? {
                "" => text("exporter.scrapeInterval")?.to_owned(),
                own => own.to_owned(),
            },
            Self::LeastExporters => match text("exporter.mode")? {
                "statefulset" => context.value("exporter.allNodes.shards")?.to_string(),
                _ => "1".to_owned(),
            },
        })
    }
}

/// The first `length` bytes, without a hyphen at the end: `trunc` and `trimSuffix`.
fn cut(text: &str, length: usize) -> &str {
    let cut = text.get(..length).unwrap_or(text);
    cut.strip_suffix('-').unwrap_or(cut)
}

/// Returns the port of an http or https URL: the one that it names, or the
/// scheme's.
pub fn port_of(url: &str) -> u16 {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let named = authority
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    named.unwrap_or(if scheme == "https" { 443 } else { 80 })
}
