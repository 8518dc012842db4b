//! Names that objects share, as named templates of the chart.

use contract::{EXPORTER_PORT, ExporterMode};

use crate::chart;
use crate::term::{Term, choice, helper, named, text, value};
use crate::values::{Image, ServiceAccount, Values};

/// Value of the label helm.sh/chart.
pub(super) fn chart_label() -> Term<String> {
    // Label values must not contain the + of build metadata.
    let version = chart::VERSION.replace('+', "_");
    let body = r#"{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}"#;
    let value = format!("{}-{version}", chart::NAME);
    helper("chart", value, body.to_owned(), Default::default())
}

/// Value of the label app.kubernetes.io/name.
pub(super) fn app(values: &Values) -> Term<String> {
    let own = value!(values.name_override);
    choice("name", [(own.is_set(), own)], Term::literal(chart::NAME))
}

/// The name of an object: a prefix of at most 45 characters, and this suffix.
fn object(values: &Values, name: &str, suffix: &str) -> Term<String> {
    let own = value!(values.fullname_override);
    let prefix = choice("prefix", [(own.is_set(), own)], Term::literal("k8s-ai"));
    named(name, text(&format!("{{}}-{suffix}"), [prefix]))
}

/// Name of the exporter's objects.
pub(super) fn exporter(values: &Values) -> Term<String> {
    object(values, "exporter.name", "exporter")
}

/// Name of the agent's objects.
pub(super) fn agent(values: &Values) -> Term<String> {
    object(values, "agent.name", "agent")
}

/// Name of the PrometheusRule.
pub(super) fn alerts(values: &Values) -> Term<String> {
    let own = value!(values.fullname_override);
    choice(
        "alerts.name",
        [(own.is_set(), text("{}-alerts", [own]))],
        Term::literal("binbots-k8s-alerts"),
    )
}

/// The exporter's service account.
pub(super) fn exporter_account(values: &Values) -> Term<String> {
    let account = &values.service_account.exporter;
    service_account("exporter", account, exporter(values))
}

/// The agent's service account.
pub(super) fn agent_account(values: &Values) -> Term<String> {
    service_account("agent", &values.service_account.agent, agent(values))
}

fn service_account(program: &str, account: &ServiceAccount, name: Term<String>) -> Term<String> {
    let path = format!("service_account.{program}");
    let own = value!(path => account.name);
    let create = value!(path => account.create);
    choice(
        &format!("{program}.serviceAccount"),
        [(own.is_set(), own), (create.is_set(), name)],
        Term::literal("default"),
    )
}

/// Image of a program.
pub(super) fn image(program: &str, image: &Image) -> Term<String> {
    let path = format!("image.{program}");
    let repository = || value!(path => image.repository);
    let digest = value!(path => image.digest);
    let tag = value!(path => image.tag);
    choice(
        &format!("{program}.image"),
        [
            (digest.is_set(), text("{}@{}", [repository(), digest])),
            (tag.is_set(), text("{}:{}", [repository(), tag])),
        ],
        text("{}:v{}", [repository(), Term::app_version()]),
    )
}

/// URL of the agent's backend.
pub(super) fn backend_url(values: &Values) -> Term<String> {
    let own = value!(values.agent.prometheus_url);
    let namespace = || value!(values.namespace);
    let exporter = text(
        &format!("http://{{}}.{{}}.svc:{EXPORTER_PORT}"),
        [exporter(values), namespace()],
    );
    choice(
        "agent.prometheusUrl",
        [
            (own.is_set(), own),
            (
                value!(values.exporter.mode).is(ExporterMode::Standalone),
                exporter,
            ),
        ],
        text("http://prometheus-operated.{}.svc:9090", [namespace()]),
    )
}

/// Port of the agent's backend: that of its URL, or the default of the scheme.
pub(super) fn backend_port(values: &Values) -> Term<i32> {
    let url = backend_url(values);
    let (scheme, rest) = url.value.split_once("://").unwrap_or(("http", &url.value));
    let host = rest.split('/').next().unwrap_or_default();
    let named = host.rsplit_once(':').map(|(_, port)| port.parse());
    let port = match named {
        Some(Ok(port)) => port,
        _ if scheme == "https" => 443,
        _ => 80,
    };
    let body = format!(
        "{{{{ $url := urlParse ({}) -}}}}\n\
         {{{{ regexFind \":[0-9]+$\" $url.host | trimPrefix \":\" \
         | default (ternary \"443\" \"80\" (eq $url.scheme \"https\")) }}}}",
        url.template.action()
    );
    helper("agent.backendPort", port, body, url.sources)
}

/// Interval at which Prometheus scrapes the exporter.
pub(super) fn scrape_interval(values: &Values) -> Term<String> {
    let own = value!(values.service_monitor.interval);
    choice(
        "serviceMonitor.interval",
        [(own.is_set(), own)],
        value!(values.exporter.scrape_interval),
    )
}

/// Minimum number of exporters that must be up so that every node is read.
pub(super) fn least_exporters(values: &Values) -> Term<String> {
    let shared = value!(values.exporter.mode).is(ExporterMode::Statefulset);
    let shards = value!(values.exporter.all_nodes.shards).text();
    choice("exporter.least", [(shared, shards)], Term::literal("1"))
}
