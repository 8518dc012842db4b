//! The namespace, which other releases live in too.

use k8s_openapi::api::core::v1::Namespace;

use super::{Component, Object, cluster_metadata, labels};
use crate::overlay::{Condition, Expr, Rule};
use crate::values::Values;

/// The Namespace. It carries no pod-security labels: node-exporter, which needs
/// the host, usually lives in it.
pub fn namespace(values: &Values) -> serde_json::Result<Object> {
    let mut metadata = cluster_metadata(values, Component::Monitoring, &values.namespace);
    metadata.annotations = Some(labels(&[("helm.sh/resource-policy", "keep")]));
    let namespace = Namespace {
        metadata,
        ..Namespace::default()
    };
    Ok(Object::new("00-namespace.yaml", &namespace)?
        .follows(Expr::Value("namespace"))
        .with("", Rule::When(Condition::Value("createNamespace")))
        .comment(
            "/metadata/annotations",
            "Other releases live in this namespace: Helm never deletes it.",
        ))
}
