//! What the exporter's service account may reach through `nodes/proxy`.
//!
//! RBAC cannot look into the path of a proxied request, and a GET there can be
//! upgraded to a WebSocket that runs commands in containers. An admission
//! policy can: it sees the path and, in the token of a pod, the pod's node.

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
/// Where a pod-bound token carries the name of the pod's node.
const NODE_CLAIM: &str = "authentication.kubernetes.io/node-name";

/// The policy and its binding.
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
    // Without nodes/proxy there is nothing to narrow.
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
                "/spec/validations/1",
                Rule::When(Condition::All(vec![
                    Condition::Value("admissionPolicy.ownNodeOnly"),
                    in_mode("daemonset"),
                ])),
            )
            .comment(
                "/spec/failurePolicy",
                "Narrows the permission nodes/proxy, which by itself reaches all that a kubelet\n\
                 serves, commands in containers included. If the policy cannot be evaluated,\n\
                 the request is refused.",
            ),
        Object::new(FILE, &binding)?
            .follows(Expr::Helper(Helper::ExporterName))
            .set("/spec/policyName", Expr::Helper(Helper::ExporterName))
            .with("", enabled()),
    ])
}

/// Every path that the exporter asks for, as a CEL list.
fn paths() -> String {
    contract::kubelet::PATHS
        .map(|path| format!("'{path}'"))
        .join(", ")
}
