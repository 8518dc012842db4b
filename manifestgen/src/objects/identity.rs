//! Who the programs are, and what the exporter may do.

use contract::Via;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};

use super::exporter::{in_mode, is_via, reads_all};
use super::{Component, Names, Object, cluster_metadata, metadata};
use crate::overlay::{Condition, Expr, Helper, Rule};
use crate::values::Values;

const FILE: &str = "serviceaccount.yaml";

/// One service account for each program.
pub fn service_accounts(values: &Values) -> serde_json::Result<Vec<Object>> {
    let names = Names::of(values);
    let account = |component, name: &str, token| {
        Object::new(
            FILE,
            &ServiceAccount {
                metadata: metadata(values, component, name),
                automount_service_account_token: Some(token),
                ..ServiceAccount::default()
            },
        )
    };
    let exporter = account(Component::Exporter, &names.exporter_account, true)?
        .follows(Expr::Helper(Helper::ExporterAccount))
        .with(
            "/metadata/annotations",
            Rule::Block("serviceAccount.exporter.annotations"),
        )
        .with(
            "",
            Rule::When(Condition::Value("serviceAccount.exporter.create")),
        );
    let agent = account(Component::Agent, &names.agent_account, false)?
        .follows(Expr::Helper(Helper::AgentAccount))
        .with(
            "/metadata/annotations",
            Rule::Block("serviceAccount.agent.annotations"),
        )
        .with(
            "",
            Rule::When(Condition::All(vec![
                Condition::Value("agent.enabled"),
                Condition::Value("serviceAccount.agent.create"),
            ])),
        )
        .comment(
            "/automountServiceAccountToken",
            "The agent talks to Prometheus only: it gets no token and no permission.",
        );
    Ok(vec![exporter, agent])
}

/// The exporter's permissions, each with its reason: what its mode and its way to the
/// kubelets need, and nothing else. deploy/ has the first.
pub fn cluster_roles(values: &Values) -> serde_json::Result<Vec<Object>> {
    Ok(vec![
        cluster_role(values, Reads::OwnNode, Via::Proxy)?,
        cluster_role(values, Reads::OwnNode, Via::Kubelet)?.chart_only(),
        cluster_role(values, Reads::All, Via::Proxy)?.chart_only(),
        cluster_role(values, Reads::All, Via::Kubelet)?.chart_only(),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Reads {
    OwnNode,
    All,
}

fn cluster_role(values: &Values, reads: Reads, via: Via) -> serde_json::Result<Object> {
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
    let role = ClusterRole {
        metadata: cluster_metadata(values, Component::Exporter, &Names::of(values).exporter),
        rules: Some(vec![
            rule(kubelet, &["get"]),
            rule("nodes", nodes),
            rule("pods", &["list"]),
        ]),
        ..ClusterRole::default()
    };
    let mode = match reads {
        Reads::OwnNode => in_mode("daemonset"),
        Reads::All => reads_all(),
    };
    let way = match via {
        Via::Proxy => is_via("proxy"),
        Via::Kubelet => is_via("kubelet"),
    };
    Ok(Object::new("clusterrole.yaml", &role)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with(
            "",
            Rule::When(Condition::All(vec![
                Condition::Value("rbac.create"),
                mode,
                way,
            ])),
        )
        .comment("/rules/0", why_kubelet)
        .comment("/rules/1", why_nodes)
        .comment("/rules/2", why_pods))
}

/// Gives the permissions to the exporter's service account.
pub fn cluster_role_binding(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let binding = ClusterRoleBinding {
        metadata: cluster_metadata(values, Component::Exporter, &names.exporter),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: names.exporter,
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: names.exporter_account,
            namespace: Some(values.namespace.clone()),
            ..Subject::default()
        }]),
    };
    Ok(Object::new("clusterrolebinding.yaml", &binding)?
        .follows(Expr::Helper(Helper::ExporterName))
        .set("/roleRef/name", Expr::Helper(Helper::ExporterName))
        .set("/subjects/0/name", Expr::Helper(Helper::ExporterAccount))
        .set("/subjects/0/namespace", Expr::Value("namespace"))
        .with("", Rule::When(Condition::Value("rbac.create"))))
}
