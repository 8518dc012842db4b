//! Limits on `nodes/proxy` requests of the exporter's service account, as an
//! admission policy.
//!
//! RBAC sees no path, and a proxied GET can be upgraded to a WebSocket that runs
//! commands in containers. Admission sees the path, the node's name as requested
//! and, from the token of a pod, the pod's node. It runs in the API server only:
//! a kubelet's own port accepts the same token and authorizes it by RBAC alone.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
    ValidatingAdmissionPolicySpec, Validation,
};

use super::exporter::{in_mode, is_via};
use super::{Component, Names, Object, cluster_metadata};
use crate::overlay::{Condition, Expr, Helper, Rule, text};
use crate::values::Values;

const FILE: &str = "admissionpolicy-exporter.yaml";
/// Extra user information of a pod-bound token: the name of the pod's node.
const NODE_CLAIM: &str = "authentication.kubernetes.io/node-name";

/// Returns the policy and its binding.
pub fn policy(values: &Values) -> serde_json::Result<Vec<Object>> {
    let names = Names::of(values);
    let meta = || cluster_metadata(values, Component::Exporter, &names.exporter);
    let one = |text: &str| Some(vec![text.to_owned()]);
    let policy = ValidatingAdmissionPolicy {
        metadata: meta(),
        spec: Some(ValidatingAdmissionPolicySpec {
            failure_policy: Some("Fail".to_owned()),
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
                expression: format!(
                    "request.userInfo.username == 'system:serviceaccount:{}:{}'",
                    values.namespace, names.exporter_account
                ),
            }]),
            validations: Some(vec![
                Validation {
                    expression: format!("object.path in [{}]", paths()),
                    message: Some(format!(
                        "the exporter may read no other paths of a kubelet than {}",
                        contract::kubelet::PATHS.join(" and ")
                    )),
                    ..Validation::default()
                },
                Validation {
                    expression: "!request.name.contains(':')".to_owned(),
                    message: Some(
                        "the exporter may give a node's name only, without scheme or port"
                            .to_owned(),
                    ),
                    ..Validation::default()
                },
                Validation {
                    expression: format!(
                        "'{NODE_CLAIM}' in request.userInfo.extra && \
                         request.userInfo.extra['{NODE_CLAIM}'][0] == request.name"
                    ),
                    message: Some(
                        "an exporter pod may read the kubelet of its own node only".to_owned(),
                    ),
                    ..Validation::default()
                },
            ]),
            ..ValidatingAdmissionPolicySpec::default()
        }),
        ..ValidatingAdmissionPolicy::default()
    };
    let binding = ValidatingAdmissionPolicyBinding {
        metadata: meta(),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(names.exporter.clone()),
            validation_actions: one("Deny"),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    };
    // With nodes/metrics in place of nodes/proxy there is nothing to limit.
    let enabled = || {
        Rule::When(Condition::All(vec![
            Condition::Value("admissionPolicy.enabled"),
            is_via("proxy"),
        ]))
    };
    Ok(vec![
        Object::new(FILE, &policy)?
            .follows(Expr::Helper(Helper::ExporterName))
            .with("", enabled())
            .set(
                "/spec/matchConditions/0/expression",
                text(
                    "request.userInfo.username == 'system:serviceaccount:{}:{}'",
                    vec![
                        Expr::Value("namespace"),
                        Expr::Helper(Helper::ExporterAccount),
                    ],
                ),
            )
            .with(
                "/spec/validations/2",
                Rule::When(Condition::All(vec![
                    Condition::Value("admissionPolicy.ownNodeOnly"),
                    in_mode("daemonset"),
                ])),
            )
            .comment(
                "/spec/failurePolicy",
                "Covers nodes/proxy requests through the API server only. A kubelet's own port,\n\
                 10250, accepts the same token and asks RBAC alone: there it reads pods and logs\n\
                 and runs commands in containers of every node that the network lets it reach.\n\
                 Safe ways: exporter.via=kubelet, or port 10250 closed to pods by the network.\n\
                 If the policy cannot be evaluated, the request is refused.",
            )
            .comment(
                "/spec/validations/1",
                "A name with scheme and port, https:NAME:PORT, makes the API server call any port.",
            ),
        Object::new(FILE, &binding)?
            .follows(Expr::Helper(Helper::ExporterName))
            .set("/spec/policyName", Expr::Helper(Helper::ExporterName))
            .with("", enabled()),
    ])
}

/// The paths that the exporter requests, as elements of a CEL list.
fn paths() -> String {
    contract::kubelet::PATHS
        .map(|path| format!("'{path}'"))
        .join(", ")
}
