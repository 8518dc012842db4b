//! Who the programs are, and what the exporter may do.

use contract::{ExporterMode, Via};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};

use super::exporter::{in_mode, is_via, reads_all};
use super::metadata::{Component, cluster_metadata, metadata, namespace};
use super::names;
use crate::builder::{Builder, Problem};
use crate::term::{Condition, value};

/// The exporter's service account.
pub(super) fn exporter_account(b: &Builder<'_>) -> Result<ServiceAccount, Problem> {
    let values = b.values;
    b.only_if(value!(values.service_account.exporter.create).is_set());
    let mut metadata = metadata(b, Component::Exporter, names::exporter_account(values));
    metadata.annotations = b.block(value!(values.service_account.exporter.annotations))?;
    Ok(ServiceAccount {
        metadata,
        automount_service_account_token: Some(true),
        ..ServiceAccount::default()
    })
}

/// The agent's service account.
pub(super) fn agent_account(b: &Builder<'_>) -> Result<ServiceAccount, Problem> {
    let values = b.values;
    b.only_if(Condition::all([
        value!(values.agent.enabled).is_set(),
        value!(values.service_account.agent.create).is_set(),
    ]));
    let mut metadata = metadata(b, Component::Agent, names::agent_account(values));
    metadata.annotations = b.block(value!(values.service_account.agent.annotations))?;
    Ok(ServiceAccount {
        metadata,
        automount_service_account_token: b.comment(
            "The agent talks to Prometheus only: it gets no token and no permission.",
            Some(false),
        ),
        ..ServiceAccount::default()
    })
}

/// What an exporter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// The node of the pod.
    OwnNode,
    /// All nodes, or a share of them.
    All,
}

/// The exporter's permissions, each with its reason: what its mode and its way to the
/// kubelets need, and nothing else.
pub(super) fn cluster_role(
    b: &Builder<'_>,
    reads: Reads,
    via: Via,
) -> Result<ClusterRole, Problem> {
    let values = b.values;
    let mode = match reads {
        Reads::OwnNode => in_mode(values, ExporterMode::Daemonset),
        Reads::All => reads_all(values),
    };
    let create = value!(values.rbac.create).is_set();
    b.only_if(Condition::all([create, mode, is_via(values, via)]));
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let (kubelet, why_kubelet) = match (via, reads) {
        (Via::Proxy, Reads::OwnNode) => (
            "nodes/proxy",
            "Reads the kubelet's metrics through the API server. No lesser permission does,\n\
             and this one also runs commands in containers. The ValidatingAdmissionPolicy of\n\
             the same name limits it to the metrics paths of the pod's own node for requests\n\
             through the API server, not for those to port 10250 of any node: use\n\
             exporter.via=kubelet, or close that port to pods.",
        ),
        (Via::Proxy, Reads::All) => (
            "nodes/proxy",
            "Reads the kubelets' metrics through the API server. No lesser permission does,\n\
             and this one also runs commands in containers. The ValidatingAdmissionPolicy of\n\
             the same name limits it to the metrics paths for requests through the API\n\
             server, not for those to port 10250 of any node: use exporter.via=kubelet, or\n\
             close that port to pods.",
        ),
        (Via::Kubelet, _) => (
            "nodes/metrics",
            "Reads metrics at the kubelet's own port, where this permission is required. It\n\
             allows nothing else: no pods, no logs, no commands.",
        ),
    };
    let (nodes, why_nodes): (&[&str], _) = match (reads, via) {
        (Reads::OwnNode, Via::Proxy) => (
            &["get"],
            "Reads the node's allocatable and capacity: usage means little without them.",
        ),
        (Reads::OwnNode, Via::Kubelet) => (
            &["get"],
            "Reads the node's allocatable and capacity, and its kubelet's address.",
        ),
        (Reads::All, Via::Proxy) => (
            &["get", "list"],
            "Reads which nodes there are, and the allocatable and capacity of each.",
        ),
        (Reads::All, Via::Kubelet) => (
            &["get", "list"],
            "Reads which nodes there are, the allocatable and capacity of each, and its\n\
             kubelet's address.",
        ),
    };
    let why_pods = match reads {
        Reads::OwnNode => {
            "Counts the pods that are active on the node; the answer holds no pod specs."
        }
        Reads::All => {
            "Counts the pods that are active on each node; the answer holds no pod specs."
        }
    };
    let rules = [
        b.comment(why_kubelet, Some(rule(kubelet, &["get"]))),
        b.comment(why_nodes, Some(rule("nodes", nodes))),
        b.comment(why_pods, Some(rule("pods", &["list"]))),
    ];
    Ok(ClusterRole {
        metadata: cluster_metadata(b, Component::Exporter, names::exporter(values)),
        rules: Some(rules.into_iter().flatten().collect()),
        ..ClusterRole::default()
    })
}

/// Gives the permissions to the exporter's service account.
pub(super) fn cluster_role_binding(b: &Builder<'_>) -> Result<ClusterRoleBinding, Problem> {
    let values = b.values;
    b.only_if(value!(values.rbac.create).is_set());
    Ok(ClusterRoleBinding {
        metadata: cluster_metadata(b, Component::Exporter, names::exporter(values)),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: b.text(names::exporter(values)),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: b.text(names::exporter_account(values)),
            namespace: Some(namespace(b)),
            ..Subject::default()
        }]),
    })
}
