//! The exporter as a DaemonSet: one pod on each node, which reads that node.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::PodSpec;

use super::exporter::{Own, history, in_mode, node_name, selector, template};
use super::{Component, Names, Object, PodPaths, metadata, typed};
use crate::overlay::{Expr, Helper, Rule};
use crate::values::Values;

const PATHS: PodPaths = PodPaths {
    node_selector: "exporter.nodeSelector",
    tolerations: "exporter.tolerations",
    affinity: "exporter.affinity",
    priority_class: "exporter.priorityClassName",
    labels: &["exporter.podLabels"],
    annotations: "exporter.podAnnotations",
    pod_security: "exporter.podSecurityContext",
    security: "exporter.securityContext",
    resources: "exporter.resources",
    env: "exporter.env",
};

/// The DaemonSet.
pub fn exporter(values: &Values) -> serde_json::Result<Object> {
    let exporter = &values.exporter;
    let arguments = vec![history(values)];
    let own = Own {
        arguments: arguments.clone(),
        environment: vec![node_name()],
        resources: typed(&exporter.resources)?,
        spec: PodSpec {
            tolerations: typed(&exporter.tolerations)?,
            affinity: typed(&exporter.affinity)?,
            ..PodSpec::default()
        },
    };
    let daemonset = DaemonSet {
        metadata: metadata(values, Component::Exporter, &Names::of(values).exporter),
        spec: Some(DaemonSetSpec {
            selector: selector(),
            revision_history_limit: Some(exporter.revision_history_limit),
            update_strategy: typed(&exporter.update_strategy)?,
            template: template(values, own)?,
            ..DaemonSetSpec::default()
        }),
        ..DaemonSet::default()
    };
    Object::new("daemonset-exporter.yaml", &daemonset)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with("", Rule::When(in_mode("daemonset")))
        .with(
            "/spec/updateStrategy",
            Rule::Block("exporter.updateStrategy"),
        )
        .exporter_pod(values, &arguments, &PATHS)
}
