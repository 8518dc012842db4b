//! Who the programs are, and what the exporter may do.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};

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

/// The exporter's permissions: three, each with its reason.
pub fn cluster_role(values: &Values) -> serde_json::Result<Object> {
    let rule = |resource: &str, verb: &str| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    let role = ClusterRole {
        metadata: cluster_metadata(values, Component::Exporter, &Names::of(values).exporter),
        rules: Some(vec![
            rule("nodes/proxy", "get"),
            rule("nodes", "get"),
            rule("pods", "list"),
        ]),
        ..ClusterRole::default()
    };
    Ok(Object::new("clusterrole.yaml", &role)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with("", Rule::When(Condition::Value("rbac.create")))
        .comment(
            "/rules/0",
            "Reads the kubelet's metrics through the API server. By itself this permission\n\
             reaches all that a kubelet serves; the ValidatingAdmissionPolicy of the same\n\
             name narrows it to the metrics paths of the pod's own node.",
        )
        .comment(
            "/rules/1",
            "Reads the node's allocatable and capacity: usage means little without them.",
        )
        .comment(
            "/rules/2",
            "Counts the pods that are active on the node; the answer holds no pod specs.",
        ))
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
