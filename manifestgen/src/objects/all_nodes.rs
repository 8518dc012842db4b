//! The exporter for all nodes: some pods that share them, for clusters where no DaemonSet
//! can run, or one with a history, for clusters without a Prometheus.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, StatefulSet, StatefulSetSpec,
};
use k8s_openapi::api::core::v1::{EnvVar, PodSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::exporter::{Argument, Own, argument, history, in_mode, selector, template, variable};
use super::{Component, Names, Object, PodPaths, metadata, typed};
use crate::overlay::{Condition, Expr, Helper, Rule};
use crate::values::Values;

const PATHS: PodPaths = PodPaths {
    node_selector: "exporter.nodeSelector",
    tolerations: "exporter.allNodes.tolerations",
    affinity: "exporter.allNodes.affinity",
    priority_class: "exporter.priorityClassName",
    labels: &["exporter.podLabels"],
    annotations: "exporter.podAnnotations",
    pod_security: "exporter.podSecurityContext",
    security: "exporter.securityContext",
    resources: "exporter.allNodes.resources",
    env: "exporter.env",
};

/// The objects, which only the chart has: deploy/ runs a pod on each node.
pub fn objects(values: &Values) -> serde_json::Result<Vec<Object>> {
    Ok(vec![
        shards(values)?,
        disruption_budget(values)?,
        standalone(values)?,
    ])
}

fn own(values: &Values, arguments: &[Argument], environment: EnvVar) -> serde_json::Result<Own> {
    let all = &values.exporter.all_nodes;
    Ok(Own {
        arguments: arguments.to_vec(),
        environment: vec![environment],
        resources: typed(&all.resources)?,
        spec: PodSpec {
            tolerations: typed(&all.tolerations)?,
            affinity: typed(&all.affinity)?,
            ..PodSpec::default()
        },
    })
}

/// Pods that learn their share from the number that a StatefulSet gives them.
fn shards(values: &Values) -> serde_json::Result<Object> {
    let exporter = &values.exporter;
    let shards = exporter.all_nodes.shards;
    let arguments = [
        history(values),
        ("--nodes=all".to_owned(), None),
        argument(
            "--shard=$(POD_INDEX)/{}",
            shards.to_string(),
            Expr::Int("exporter.allNodes.shards"),
        ),
    ];
    let index = variable(
        "POD_INDEX",
        "metadata.labels['apps.kubernetes.io/pod-index']",
    );
    let name = Names::of(values).exporter;
    let set = StatefulSet {
        metadata: metadata(values, Component::Exporter, &name),
        spec: Some(StatefulSetSpec {
            replicas: Some(shards),
            selector: selector(),
            service_name: Some(name),
            pod_management_policy: Some("Parallel".to_owned()),
            revision_history_limit: Some(exporter.revision_history_limit),
            template: template(values, own(values, &arguments, index)?)?,
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    };
    Object::new("statefulset-exporter.yaml", &set)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with("", Rule::When(in_mode("statefulset")))
        .set("/spec/replicas", Expr::Int("exporter.allNodes.shards"))
        .set("/spec/serviceName", Expr::Helper(Helper::ExporterName))
        .comment(
            "/spec/podManagementPolicy",
            "Each pod has its own share of the nodes: none needs another one.",
        )
        .chart_only()
        .exporter_pod(values, &arguments, &PATHS)
}

/// Drains take one pod after the other, since each has nodes that no other reads.
fn disruption_budget(values: &Values) -> serde_json::Result<Object> {
    let budget = PodDisruptionBudget {
        metadata: metadata(values, Component::Exporter, &Names::of(values).exporter),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(selector()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    };
    Ok(Object::new("poddisruptionbudget-exporter.yaml", &budget)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with(
            "",
            Rule::When(Condition::All(vec![
                in_mode("statefulset"),
                Condition::Value("exporter.allNodes.disruptionBudget"),
            ])),
        )
        .chart_only())
}

/// One pod, which the agent asks for its history.
fn standalone(values: &Values) -> serde_json::Result<Object> {
    let exporter = &values.exporter;
    let all = &exporter.all_nodes;
    let arguments = [
        argument(
            "--history={}",
            all.history.clone(),
            Expr::Value("exporter.allNodes.history"),
        ),
        ("--nodes=all".to_owned(), None),
    ];
    let memory = EnvVar {
        name: "HISTORY_MEMORY".to_owned(),
        value: Some(all.history_memory.clone()),
        ..EnvVar::default()
    };
    let deployment = Deployment {
        metadata: metadata(values, Component::Exporter, &Names::of(values).exporter),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: selector(),
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            revision_history_limit: Some(exporter.revision_history_limit),
            template: template(values, own(values, &arguments, memory)?)?,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    };
    Object::new("deployment-exporter.yaml", &deployment)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with("", Rule::When(in_mode("standalone")))
        .set(
            "/spec/template/spec/containers/0/env/0/value",
            Expr::Value("exporter.allNodes.historyMemory"),
        )
        .comment(
            "/spec/strategy",
            "Of two at a time the agent would meet one or the other, each with a history of its own.",
        )
        .chart_only()
        .exporter_pod(values, &arguments, &PATHS)
}
