//! The namespace, which other releases may use too.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::{Component, cluster_metadata, labels};
use crate::builder::{Builder, Problem};
use crate::term::value;

/// The Namespace. It carries no pod-security labels: node-exporter, which needs
/// the host, usually runs in it.
pub(super) fn namespace(b: &Builder<'_>) -> Result<Namespace, Problem> {
    let values = b.values;
    b.only_if(value!(values.create_namespace).is_set());
    Ok(Namespace {
        metadata: ObjectMeta {
            annotations: b.comment(
                "Other releases may use this namespace: Helm never deletes it.",
                Some(labels([("helm.sh/resource-policy", "keep")])),
            ),
            ..cluster_metadata(b, Component::Monitoring, value!(values.namespace))
        },
        ..Namespace::default()
    })
}
