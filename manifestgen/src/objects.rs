//! The objects of deploy/ and of the chart: the single source of both.
//!
//! Each is a typed Kubernetes struct, built by a function that takes every field that a chart
//! value sets from the [`Builder`](crate::builder::Builder).
//!
//! Invariant: with the default values the chart renders to `deploy/`, object by object (held
//! by `default_chart_equals_deploy`).

mod admission;
mod agent;
pub mod dashboard;
mod exporter;
mod identity;
mod metadata;
pub mod monitoring;
mod names;
mod namespace;
mod network;
mod pod;
pub mod rules;
mod service;
mod service_monitor;

use serde_json::Value;

use crate::builder::Problem;
use crate::chart;
use crate::object::{Manifest, Object};
use crate::values::Values;

/// Returns all objects, in the order in which kubectl applies them.
pub fn all() -> Vec<Object> {
    let dashboard = dashboard::json();
    const ACCOUNTS: &str = "serviceaccount.yaml";
    const ADMISSION: &str = "admissionpolicy-exporter.yaml";
    const NETWORK: &str = "networkpolicy.yaml";
    const MONITOR: &str = "servicemonitor-exporter.yaml";
    vec![
        Object::new("00-namespace.yaml", namespace::namespace),
        Object::new(ACCOUNTS, identity::exporter_account),
        Object::new(ACCOUNTS, identity::agent_account),
        Object::new("clusterrole.yaml", identity::cluster_role),
        Object::new("clusterrolebinding.yaml", identity::cluster_role_binding),
        Object::new(ADMISSION, admission::policy),
        Object::new(ADMISSION, admission::binding),
        Object::new("daemonset-exporter.yaml", exporter::daemonset),
        Object::new("statefulset-exporter.yaml", exporter::statefulset),
        Object::new(
            "poddisruptionbudget-exporter.yaml",
            exporter::disruption_budget,
        ),
        Object::new("deployment-exporter.yaml", exporter::standalone),
        Object::new("service-exporter.yaml", service::of_exporter),
        Object::new(MONITOR, service_monitor::of_one_node),
        Object::new(MONITOR, service_monitor::of_all_nodes),
        Object::new("prometheusrule-binbots.yaml", rules::prometheus_rule),
        Object::new("cronjob-ai-agent.yaml", agent::cronjob),
        Object::new("deployment-ai-agent.yaml", agent::deployment),
        Object::new("service-agent.yaml", service::of_agent),
        Object::new("servicemonitor-agent.yaml", service_monitor::of_agent),
        Object::new("configmap-grafana-dashboard.yaml", move |b| {
            dashboard::config_map(b, &dashboard)
        }),
        Object::new(NETWORK, network::exporter),
        Object::new(NETWORK, network::kubelets),
        Object::new(NETWORK, network::agent),
        Object::new(NETWORK, network::backend),
        Object::new("tests/exporter-once.yaml", exporter::test_pod),
    ]
}

/// Returns what a release of the chart consists of.
///
/// # Errors
/// When a value does not fit the type of its field.
pub fn render(values: &Values, release: &str) -> Result<Vec<Manifest>, Problem> {
    let manifests = all()
        .into_iter()
        .map(|object| object.render(values, release));
    manifests.filter_map(Result::transpose).collect()
}

/// Returns what deploy/ consists of: the chart's release with its Namespace, and without
/// what only Helm runs.
///
/// # Errors
/// When a value does not fit the type of its field.
pub fn deploy(values: &Values) -> Result<Vec<Manifest>, Problem> {
    let values = Values {
        create_namespace: true,
        ..values.clone()
    };
    let mut manifests = render(&values, chart::NAME)?;
    manifests.retain(|manifest| !is_hook(&manifest.tree));
    Ok(manifests)
}

/// Returns whether an object is a hook of Helm.
pub fn is_hook(tree: &Value) -> bool {
    tree["metadata"]["annotations"]
        .get("helm.sh/hook")
        .is_some()
}
