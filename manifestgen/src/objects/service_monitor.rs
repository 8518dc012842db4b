//! The ServiceMonitors, by which Prometheus discovers and scrapes the programs.

use contract::{AgentMode, ExporterMode, path};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcr_monitoring_coreos_com::v1::servicemonitors::ServiceMonitorNamespaceSelector;

use super::exporter::{in_mode, is_scraped};
use super::metadata::{Component, labelled, labels, namespace, selects};
use super::monitoring::{Endpoint, ServiceMonitor, ServiceMonitorSpec};
use super::{agent, names};
use crate::builder::{Builder, Problem};
use crate::chart::{AGENT_APP, EXPORTER_APP, PORT_NAME};
use crate::term::{Condition, Term, value};
use crate::values::Access;

/// Label of Services whose value becomes the label `job` of their targets. It does not
/// depend on the Service's name, so that alerts need not either.
const JOB_LABEL: &str = "app";

/// Scrape interval of the agent: reports change every few minutes.
const AGENT_INTERVAL: &str = "60s";

/// The ServiceMonitor of exporters that read one node each.
pub(super) fn of_one_node(b: &Builder<'_>) -> Result<ServiceMonitor, Problem> {
    let values = b.values;
    let limit = b.scalar(value!(values.service_monitor.sample_limit));
    of_exporter(b, ExporterMode::Daemonset, limit)
}

/// The ServiceMonitor of exporters that share all nodes.
pub(super) fn of_all_nodes(b: &Builder<'_>) -> Result<ServiceMonitor, Problem> {
    let no_limit = b.comment(
        "Each node has 25 samples or more: no limit fits every cluster.",
        0,
    );
    of_exporter(b, ExporterMode::Statefulset, no_limit)
}

fn of_exporter(
    b: &Builder<'_>,
    mode: ExporterMode,
    sample_limit: i64,
) -> Result<ServiceMonitor, Problem> {
    let values = b.values;
    b.only_if(Condition::all([
        value!(values.service_monitor.enabled).is_set(),
        in_mode(values, mode),
    ]));
    let endpoint = Endpoint {
        interval: b.text(names::scrape_interval(values)),
        scrape_timeout: b.optional(value!(values.service_monitor.scrape_timeout)),
        relabelings: b.block(value!(values.service_monitor.relabelings))?,
        metric_relabelings: b.block(value!(values.service_monitor.metric_relabelings))?,
        honor_labels: b.comment(
            "Keep the samples' labels endpoint and namespace over the target's.",
            true,
        ),
        ..endpoint(b, "service_monitor", &values.service_monitor.access)?
    };
    let component = Component::Exporter;
    let name = names::exporter(values);
    monitor(b, component, name, EXPORTER_APP, endpoint, sample_limit)
}

/// The ServiceMonitor of the agent, with agent.mode deployment.
pub(super) fn of_agent(b: &Builder<'_>) -> Result<ServiceMonitor, Problem> {
    let values = b.values;
    b.only_if(Condition::all([
        agent::in_mode(values, AgentMode::Deployment),
        is_scraped(values),
        value!(values.service_monitor.enabled).is_set(),
    ]));
    let endpoint = Endpoint {
        interval: AGENT_INTERVAL.to_owned(),
        honor_labels: true,
        ..endpoint(b, "service_monitor.agent", &values.service_monitor.agent)?
    };
    let no_limit = b.comment(
        "A report has about 70 samples a node: no limit fits every cluster.",
        0,
    );
    let name = names::agent(values);
    monitor(b, Component::Agent, name, AGENT_APP, endpoint, no_limit)
}

/// The endpoint of a port, with the access that the values at a path give.
fn endpoint(b: &Builder<'_>, path: &str, access: &Access) -> Result<Endpoint, Problem> {
    Ok(Endpoint {
        port: PORT_NAME.to_owned(),
        path: path::METRICS.to_owned(),
        scheme: b.optional(value!(path => access.scheme)),
        tls_config: b.block(value!(path => access.tls_config))?,
        basic_auth: b.block(value!(path => access.basic_auth))?,
        authorization: b.block(value!(path => access.authorization))?,
        ..Endpoint::default()
    })
}

fn monitor(
    b: &Builder<'_>,
    component: Component,
    name: Term<String>,
    app: &str,
    endpoint: Endpoint,
    sample_limit: i64,
) -> Result<ServiceMonitor, Problem> {
    let values = b.values;
    let release = b.comment(
        "Must be the label by which Prometheus selects ServiceMonitors: the Helm release of\n\
         kube-prometheus-stack.",
        b.text(value!(values.service_monitor.release_label)),
    );
    let own = labels([("release", &release)]);
    let more = vec![value!(values.service_monitor.labels)];
    Ok(ServiceMonitor {
        metadata: ObjectMeta {
            namespace: Some(namespace(b)),
            annotations: b.block(value!(values.service_monitor.annotations))?,
            ..labelled(b, component, name, own, more)
        },
        spec: ServiceMonitorSpec {
            job_label: JOB_LABEL.to_owned(),
            selector: selects(app),
            namespace_selector: ServiceMonitorNamespaceSelector {
                match_names: Some(vec![namespace(b)]),
                ..ServiceMonitorNamespaceSelector::default()
            },
            endpoints: vec![endpoint],
            sample_limit,
            label_limit: b.scalar(value!(values.service_monitor.label_limit)),
        },
    })
}
