//! The exporter in each of its modes: one pod on each node, some pods that share all
//! nodes, or one with a history.
//!
//! Invariant: the exporter accepts the arguments of every rendering (held by
//! `exporter_accepts_rendered_arguments`).

use contract::{EXPORTER_PORT, ExporterMode, Via};
use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, Deployment, DeploymentSpec, DeploymentStrategy, StatefulSet,
    StatefulSetSpec,
};
use k8s_openapi::api::core::v1::{Container, EnvVar, Pod as PodObject, PodSpec, PodTemplateSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{Component, labels, metadata, selects};
use super::names;
use super::pod::{Pod, field_variable, variable};
use crate::builder::{Builder, Problem};
use crate::chart::EXPORTER_APP;
use crate::term::{Condition, text, value};
use crate::values::Values;

/// Holds when the exporter runs in this mode.
pub(super) fn in_mode(values: &Values, mode: ExporterMode) -> Condition {
    value!(values.exporter.mode).is(mode)
}

/// Holds when Prometheus scrapes the exporters: in every mode but standalone.
pub(super) fn is_scraped(values: &Values) -> Condition {
    Condition::any([
        in_mode(values, ExporterMode::Daemonset),
        in_mode(values, ExporterMode::Statefulset),
    ])
}

/// Holds when a pod reads all nodes, or its share of all.
pub(super) fn reads_all(values: &Values) -> Condition {
    Condition::any([
        in_mode(values, ExporterMode::Statefulset),
        in_mode(values, ExporterMode::Standalone),
    ])
}

/// Holds when the kubelets are reached this way.
pub(super) fn is_via(values: &Values, via: Via) -> Condition {
    value!(values.exporter.via).is(via)
}

/// The flag that a value sets: the last word of its path is the flag's name.
macro_rules! flag {
    ($b:ident, $values:ident . $($group:ident).+ => $field:ident) => {{
        let name = stringify!($field).replace('_', "-");
        let value = value!($values.$($group).+.$field).text();
        $b.text(text(&format!("--{name}={{}}"), [value]))
    }};
}

/// The arguments of a mode, between those of every mode.
fn arguments(b: &Builder<'_>, own: Vec<String>) -> Vec<String> {
    let values = b.values;
    let mut all = vec![
        format!("--listen-address=:{EXPORTER_PORT}"),
        flag!(b, values.exporter => scrape_interval),
        flag!(b, values.exporter => enable_kubelet),
        flag!(b, values.exporter => enable_cadvisor),
        flag!(b, values.exporter => cadvisor_interval),
        flag!(b, values.exporter => enable_namespace_metrics),
        flag!(b, values.exporter => exclude_phases),
    ];
    all.extend(own);
    all.push(flag!(b, values.exporter => log_level));
    all.extend(via_kubelet(b));
    all
}

/// The arguments for reading kubelets at their own port, if the values ask for it.
fn via_kubelet(b: &Builder<'_>) -> impl Iterator<Item = String> {
    let values = b.values;
    let wanted = is_via(values, Via::Kubelet);
    let ca_file = flag!(b, values.exporter => kubelet_ca_file);
    let address_types = flag!(b, values.exporter => kubelet_address_types);
    let arguments = [
        b.when(&wanted, "--via=kubelet".to_owned()),
        b.when(&wanted, ca_file),
        b.when(&wanted, address_types),
    ];
    arguments.into_iter().flatten()
}

/// The variable with the name of the pod's node.
fn node_name() -> EnvVar {
    field_variable("NODE_NAME", "spec.nodeName")
}

fn selector(b: &Builder<'_>) -> LabelSelector {
    let mut selector = selects(EXPORTER_APP);
    selector.match_labels = b.comment(
        "Selectors are immutable: this label never changes.",
        selector.match_labels,
    );
    selector
}

fn template(
    b: &Builder<'_>,
    pod: &Pod<'_>,
    own: Vec<String>,
    variable: EnvVar,
) -> Result<PodTemplateSpec, Problem> {
    let values = b.values;
    let grace = value!(values.exporter.termination_grace_period_seconds);
    let container = pod.serving(b, EXPORTER_PORT, arguments(b, own), vec![variable])?;
    let mut template = pod.template(b, container)?;
    if let Some(spec) = &mut template.spec {
        spec.termination_grace_period_seconds = Some(b.scalar(grace));
    }
    Ok(template)
}

/// One pod on each node, which reads that node.
pub(super) fn daemonset(b: &Builder<'_>) -> Result<DaemonSet, Problem> {
    let values = b.values;
    b.only_if(in_mode(values, ExporterMode::Daemonset));
    let own = vec![flag!(b, values.exporter => history)];
    Ok(DaemonSet {
        metadata: metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(DaemonSetSpec {
            selector: selector(b),
            revision_history_limit: Some(b.scalar(value!(values.exporter.revision_history_limit))),
            update_strategy: b.block(value!(values.exporter.update_strategy))?,
            template: template(b, &Pod::of_exporter(b), own, node_name())?,
            ..DaemonSetSpec::default()
        }),
        ..DaemonSet::default()
    })
}

/// Pods that derive their share of the nodes from their index in the StatefulSet.
pub(super) fn statefulset(b: &Builder<'_>) -> Result<StatefulSet, Problem> {
    let values = b.values;
    b.only_if(in_mode(values, ExporterMode::Statefulset));
    let shards = || value!(values.exporter.all_nodes.shards);
    let own = vec![
        flag!(b, values.exporter => history),
        "--nodes=all".to_owned(),
        b.text(text("--shard=$(POD_INDEX)/{}", [shards().text()])),
    ];
    let index = field_variable(
        "POD_INDEX",
        "metadata.labels['apps.kubernetes.io/pod-index']",
    );
    Ok(StatefulSet {
        metadata: metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(StatefulSetSpec {
            replicas: Some(b.scalar(shards())),
            selector: selector(b),
            service_name: Some(b.text(names::exporter(values))),
            pod_management_policy: b.comment(
                "The pods do not depend on each other: each has its own share of the nodes.",
                Some("Parallel".to_owned()),
            ),
            revision_history_limit: Some(b.scalar(value!(values.exporter.revision_history_limit))),
            template: template(b, &Pod::of_exporter_for_all_nodes(b), own, index)?,
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    })
}

/// The budget that lets drains evict one pod at a time, since each reads nodes of its own.
pub(super) fn disruption_budget(b: &Builder<'_>) -> Result<PodDisruptionBudget, Problem> {
    let values = b.values;
    b.only_if(Condition::all([
        in_mode(values, ExporterMode::Statefulset),
        value!(values.exporter.all_nodes.disruption_budget).is_set(),
    ]));
    Ok(PodDisruptionBudget {
        metadata: metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(selects(EXPORTER_APP)),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

/// One pod for all nodes, with a history that the agent queries.
pub(super) fn standalone(b: &Builder<'_>) -> Result<Deployment, Problem> {
    let values = b.values;
    b.only_if(in_mode(values, ExporterMode::Standalone));
    let own = vec![
        flag!(b, values.exporter.all_nodes => history),
        "--nodes=all".to_owned(),
    ];
    let memory = value!(values.exporter.all_nodes.history_memory);
    let memory = variable(b, "HISTORY_MEMORY", memory);
    Ok(Deployment {
        metadata: metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: selector(b),
            strategy: b.comment(
                "Two pods at a time would each have only part of the history.",
                recreate(),
            ),
            revision_history_limit: Some(b.scalar(value!(values.exporter.revision_history_limit))),
            template: template(b, &Pod::of_exporter_for_all_nodes(b), own, memory)?,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

/// The strategy that stops the old pod before it starts the new one.
pub(super) fn recreate() -> Option<DeploymentStrategy> {
    Some(DeploymentStrategy {
        type_: Some("Recreate".to_owned()),
        ..DeploymentStrategy::default()
    })
}

/// The pod of `helm test`: one scrape with the exporter's account, through token, RBAC,
/// admission policy, API server and kubelet.
pub(super) fn test_pod(b: &Builder<'_>) -> Result<PodObject, Problem> {
    let mut args = vec!["--once=true".to_owned(), "--once-timeout=50s".to_owned()];
    args.extend(via_kubelet(b));
    let pod = Pod::of_exporter(b);
    let container = Container {
        args: Some(args),
        ..pod.container(b, vec![node_name()])?
    };
    let name = text("{}-test", [names::exporter(b.values)]);
    let mut metadata = metadata(b, Component::Exporter, name);
    metadata.annotations = Some(labels([
        ("helm.sh/hook", "test"),
        (
            "helm.sh/hook-delete-policy",
            "before-hook-creation,hook-succeeded",
        ),
    ]));
    Ok(PodObject {
        metadata,
        spec: Some(PodSpec {
            restart_policy: Some("Never".to_owned()),
            ..pod.spec(b, container)?
        }),
        ..PodObject::default()
    })
}
