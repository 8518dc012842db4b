//! Service accounts of the programs, and the exporter's permissions.
//!
//! Invariant: each mode has the permissions that it needs and no others (held by
//! `each_mode_grants_only_needed_permissions` and `agent_has_no_permissions_exporter_has_three`).

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
            "The agent queries Prometheus only: it needs no token and no permission.",
            Some(false),
        ),
        ..ServiceAccount::default()
    })
}

/// The exporter's permissions in its mode and with its access to the kubelets, each with
/// its reason.
pub(super) fn cluster_role(b: &Builder<'_>) -> Result<ClusterRole, Problem> {
    let values = b.values;
    b.only_if(value!(values.rbac.create).is_set());
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let reads_own = in_mode(values, ExporterMode::Daemonset);
    let rules = [
        b.comment(
            "Reads kubelets' metrics through the API server. RBAC has no narrower permission\n\
             for that, and it also allows running commands. The\n\
             ValidatingAdmissionPolicy of the same name limits requests through the API server\n\
             to the metrics paths, in mode daemonset to those of the pod's own node. It does\n\
             not cover requests to port 10250 of a node: use exporter.via=kubelet, or block\n\
             that port for pods.",
            b.when(&is_via(values, Via::Proxy), rule("nodes/proxy", &["get"])),
        ),
        b.comment(
            "Reads metrics at the kubelet's own port, where this permission is required. It\n\
             allows nothing else: no pods, no logs, no commands.",
            b.when(
                &is_via(values, Via::Kubelet),
                rule("nodes/metrics", &["get"]),
            ),
        ),
        b.comment(
            "Reads the node's allocatable and capacity, and its kubelet's address.",
            b.when(&reads_own, rule("nodes", &["get"])),
        ),
        b.comment(
            "Lists the nodes; reads allocatable, capacity and the kubelet's address of each.",
            b.when(&reads_all(values), rule("nodes", &["get", "list"])),
        ),
        b.comment(
            "Counts the active pods; the response contains no pod specs.",
            Some(rule("pods", &["list"])),
        ),
    ];
    Ok(ClusterRole {
        metadata: cluster_metadata(b, Component::Exporter, names::exporter(values)),
        rules: Some(rules.into_iter().flatten().collect()),
        ..ClusterRole::default()
    })
}

/// The binding of the permissions to the exporter's service account.
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
