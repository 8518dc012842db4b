//! Limits on `nodes/proxy` requests of the exporter's service account, as an
//! admission policy.
//!
//! RBAC does not see the path, and a proxied GET can be upgraded to a WebSocket that runs
//! commands in containers. Admission sees the path, the node's name as requested
//! and, from a pod's token, the pod's node. It runs in the API server only:
//! a kubelet's own port accepts the same token and authorizes it by RBAC alone.
//!
//! Invariant: the policy allows the paths that the exporter requests and no others (held by
//! `admission_policy_names_paths_and_account`).

use contract::{ExporterMode, Via};
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
    ValidatingAdmissionPolicySpec, Validation,
};

use super::exporter::{in_mode, is_via};
use super::metadata::{Component, cluster_metadata};
use super::names;
use crate::builder::{Builder, Problem};
use crate::term::{Condition, text, value};
use crate::values::Values;

/// Extra user information of a pod-bound token: the name of the pod's node.
const NODE_CLAIM: &str = "authentication.kubernetes.io/node-name";

/// Holds when the policy is rendered: nodes/metrics, in place of nodes/proxy, needs no limit.
fn is_enabled(values: &Values) -> Condition {
    Condition::all([
        value!(values.admission_policy.enabled).is_set(),
        is_via(values, Via::Proxy),
    ])
}

fn one(text: &str) -> Option<Vec<String>> {
    Some(vec![text.to_owned()])
}

/// The policy.
pub(super) fn policy(b: &Builder<'_>) -> Result<ValidatingAdmissionPolicy, Problem> {
    let values = b.values;
    b.only_if(is_enabled(values));
    let validation = |expression: String, message: &str| Validation {
        expression,
        message: Some(message.to_owned()),
        ..Validation::default()
    };
    let paths = contract::kubelet::PATHS.map(|path| format!("'{path}'"));
    let paths = validation(
        format!("object.path in [{}]", paths.join(", ")),
        &format!(
            "the exporter may read only these paths of a kubelet: {}",
            contract::kubelet::PATHS.join(", ")
        ),
    );
    let names_only = validation(
        "!request.name.contains(':')".to_owned(),
        "the exporter may name a node only without scheme and port",
    );
    let own_node = validation(
        format!(
            "'{NODE_CLAIM}' in request.userInfo.extra && \
             request.userInfo.extra['{NODE_CLAIM}'][0] == request.name"
        ),
        "an exporter pod may read only its own node through the API server",
    );
    let own_node_only = Condition::all([
        value!(values.admission_policy.own_node_only).is_set(),
        in_mode(values, ExporterMode::Daemonset),
    ]);
    let validations = [
        Some(paths),
        b.comment(
            "A name with scheme and port, https:NAME:PORT, would reach any port of the node.",
            Some(names_only),
        ),
        b.when(&own_node_only, own_node),
    ];
    let account = text(
        "request.userInfo.username == 'system:serviceaccount:{}:{}'",
        [value!(values.namespace), names::exporter_account(values)],
    );
    Ok(ValidatingAdmissionPolicy {
        metadata: cluster_metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(ValidatingAdmissionPolicySpec {
            failure_policy: b.comment(
                "Covers nodes/proxy requests through the API server only. A kubelet's own port,\n\
                 10250, authorizes the same token by RBAC alone: there it reads pods and logs and\n\
                 runs commands in containers, on every node that the network lets it reach. To\n\
                 prevent that, use exporter.via=kubelet or block port 10250 for pods.\n\
                 If the policy cannot be evaluated, the request is refused.",
                Some("Fail".to_owned()),
            ),
            match_constraints: Some(MatchResources {
                resource_rules: Some(vec![NamedRuleWithOperations {
                    api_groups: one(""),
                    api_versions: one("v1"),
                    operations: one("CONNECT"),
                    resources: one("nodes/proxy"),
                    ..NamedRuleWithOperations::default()
                }]),
                ..MatchResources::default()
            }),
            match_conditions: Some(vec![MatchCondition {
                name: "exporter".to_owned(),
                expression: b.text(account),
            }]),
            validations: Some(validations.into_iter().flatten().collect()),
            ..ValidatingAdmissionPolicySpec::default()
        }),
        ..ValidatingAdmissionPolicy::default()
    })
}

/// The binding, which enforces the policy.
pub(super) fn binding(b: &Builder<'_>) -> Result<ValidatingAdmissionPolicyBinding, Problem> {
    let values = b.values;
    b.only_if(is_enabled(values));
    Ok(ValidatingAdmissionPolicyBinding {
        metadata: cluster_metadata(b, Component::Exporter, names::exporter(values)),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(b.text(names::exporter(values))),
            validation_actions: one("Deny"),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    })
}
