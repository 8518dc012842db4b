//! What `helm test` runs: the exporter itself, once.
//!
//! With the exporter's account on a node of its choice, it goes the whole way
//! that a real scrape goes: token, RBAC, admission policy, API server, kubelet.

use contract::Via;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::exporter::{node_name, via_kubelet};
use super::{Component, Names, Object, image, labels, metadata, typed, word};
use crate::overlay::{Expr, Helper, Rule, text};
use crate::values::Values;

/// The test Pod.
pub fn test_pod(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let exporter = &values.exporter;
    let name = format!("{}-test", names.exporter);
    let mut args = vec!["--once=true".to_owned(), "--once-timeout=50s".to_owned()];
    if exporter.via.0 == Via::Kubelet {
        args.extend(via_kubelet(values).into_iter().map(|(text, _)| text));
    }
    let mut metadata = metadata(values, Component::Exporter, &name);
    metadata.annotations = Some(labels(&[
        ("helm.sh/hook", "test"),
        (
            "helm.sh/hook-delete-policy",
            "before-hook-creation,hook-succeeded",
        ),
    ]));
    let pod = Pod {
        metadata,
        spec: Some(PodSpec {
            restart_policy: Some("Never".to_owned()),
            service_account_name: Some(names.exporter_account),
            security_context: typed(&exporter.pod_security_context)?,
            node_selector: typed(&exporter.node_selector)?,
            affinity: typed(&exporter.affinity)?,
            containers: vec![Container {
                name: "exporter".to_owned(),
                image: Some(image(&values.image.exporter)),
                image_pull_policy: Some(word(&values.image.exporter.pull_policy)?),
                args: Some(args),
                env: Some(vec![node_name()]),
                resources: typed(&exporter.resources)?,
                security_context: typed(&exporter.security_context)?,
                ..Container::default()
            }],
            ..PodSpec::default()
        }),
        ..Pod::default()
    };
    let first = "/spec/containers/0";
    Ok(Object::new("tests/exporter-once.yaml", &pod)?
        .follows(text("{}-test", vec![Expr::Helper(Helper::ExporterName)]))
        .set(
            "/spec/serviceAccountName",
            Expr::Helper(Helper::ExporterAccount),
        )
        .set(
            format!("{first}/image"),
            Expr::Helper(Helper::ExporterImage),
        )
        .set(
            format!("{first}/imagePullPolicy"),
            Expr::Value("image.exporter.pullPolicy"),
        )
        .with(
            format!("{first}/env"),
            Rule::AppendVariables("exporter.env"),
        )
        .with(
            format!("{first}/resources"),
            Rule::Block("exporter.resources"),
        )
        .with(
            format!("{first}/securityContext"),
            Rule::Block("exporter.securityContext"),
        )
        .with(
            "/spec/securityContext",
            Rule::Block("exporter.podSecurityContext"),
        )
        .with("/spec/volumes", Rule::Block("exporter.volumes"))
        .with(
            format!("{first}/volumeMounts"),
            Rule::Block("exporter.volumeMounts"),
        )
        .via_kubelet(format!("{first}/args"), values)
        .with("/spec/imagePullSecrets", Rule::Block("imagePullSecrets"))
        .with("/spec/nodeSelector", Rule::Block("exporter.nodeSelector"))
        .with("/spec/affinity", Rule::Block("exporter.affinity"))
        .chart_only())
}
