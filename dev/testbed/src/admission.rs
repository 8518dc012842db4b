//! A ValidatingAdmissionPolicy with its binding, as the API server applies it to
//! proxied requests: its expressions are evaluated as CEL.
//!
//! Out of scope: parameters, variables, audit annotations, other operations than
//! CONNECT on `nodes/proxy`.

use cel::{Context, Program};
use serde_json::{Value, json};

/// The user of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    /// The node of the pod that the token is bound to.
    pub(crate) node: Option<String>,
}

/// A policy in force.
#[derive(Debug)]
pub(crate) struct Policy {
    name: String,
    binding: String,
    conditions: Vec<Program>,
    /// Programs that must hold, each with the message of its refusal.
    validations: Vec<(Program, String)>,
}

impl Policy {
    /// Reads policy and binding; none where the binding does not deny by this policy,
    /// or the policy is not about `nodes/proxy`.
    ///
    /// # Panics
    /// When an expression is not CEL.
    pub(crate) fn new(policy: &Value, binding: &Value) -> Option<Self> {
        let name = policy["metadata"]["name"].as_str()?;
        let spec = &policy["spec"];
        let is_about_proxies = list(&spec["matchConstraints"]["resourceRules"]).any(|rule| {
            list(&rule["operations"]).any(|operation| operation == "CONNECT")
                && list(&rule["resources"]).any(|resource| resource == "nodes/proxy")
        });
        let denies = binding["spec"]["policyName"] == name
            && list(&binding["spec"]["validationActions"]).any(|action| action == "Deny");
        if !is_about_proxies || !denies {
            return None;
        }
        let program = |expression: &Value| {
            let text = expression.as_str().unwrap_or_default();
            Program::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        let conditions = list(&spec["matchConditions"])
            .map(|condition| program(&condition["expression"]))
            .collect();
        let validations = list(&spec["validations"])
            .map(|validation| {
                let message = validation["message"].as_str().unwrap_or_default();
                (program(&validation["expression"]), message.to_owned())
            })
            .collect();
        Some(Self {
            name: name.to_owned(),
            binding: binding["metadata"]["name"].as_str()?.to_owned(),
            conditions,
            validations,
        })
    }

    /// The message of a refusal of a request to the proxy of a node, named as in the
    /// request, and this path of its kubelet.
    pub(crate) fn refuses(&self, user: &User, node: &str, path: &str) -> Option<String> {
        let mut extra = serde_json::Map::new();
        if let Some(node) = &user.node {
            extra.insert(NODE_CLAIM.to_owned(), json!([node]));
        }
        let request = json!({
            "operation": "CONNECT",
            "name": node,
            "userInfo": {"username": user.name, "extra": extra},
        });
        let mut context = Context::default();
        for (name, value) in [("request", request), ("object", json!({"path": path}))] {
            context
                .add_variable(name, value)
                .expect("JSON is a value of CEL");
        }
        // What cannot be evaluated is refused: `failurePolicy: Fail`.
        let holds = |program: &Program| match program.execute(&context) {
            Ok(value) => Ok(value == true.into()),
            Err(error) => Err(error.to_string()),
        };
        for condition in &self.conditions {
            match holds(condition) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(self.denied(&error)),
            }
        }
        let mut validations = self.validations.iter();
        validations.find_map(|(program, message)| match holds(program) {
            Ok(true) => None,
            Ok(false) => Some(self.denied(message)),
            Err(error) => Some(self.denied(&error)),
        })
    }

    fn denied(&self, why: &str) -> String {
        let Self { name, binding, .. } = self;
        format!("ValidatingAdmissionPolicy '{name}' with binding '{binding}' denied request: {why}")
    }
}

/// Extra user information of a pod-bound token.
const NODE_CLAIM: &str = "authentication.kubernetes.io/node-name";

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(expressions: &[&str]) -> Option<Policy> {
        let validations: Vec<Value> = expressions
            .iter()
            .map(|expression| json!({"expression": expression, "message": "no"}))
            .collect();
        let policy = json!({
            "metadata": {"name": "p"},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"operations": ["CONNECT"], "resources": ["nodes/proxy"]},
                ]},
                "matchConditions": [{"expression": "request.userInfo.username == 'me'"}],
                "validations": validations,
            },
        });
        let binding = json!({
            "metadata": {"name": "b"},
            "spec": {"policyName": "p", "validationActions": ["Deny"]},
        });
        Policy::new(&policy, &binding)
    }

    fn user(name: &str) -> User {
        User {
            name: name.to_owned(),
            node: None,
        }
    }

    #[test]
    fn first_failed_validation_is_named() {
        let policy = policy(&["request.name == 'a'", "object.path == '/x'"]).expect("in force");
        assert_eq!(policy.refuses(&user("me"), "a", "/x"), None);
        let refusal = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        assert_eq!(
            policy.refuses(&user("me"), "b", "/x").as_deref(),
            Some(refusal)
        );
        assert_eq!(
            policy.refuses(&user("me"), "a", "/y").as_deref(),
            Some(refusal)
        );
        assert_eq!(policy.refuses(&user("you"), "b", "/y"), None);
    }

    #[test]
    fn an_expression_that_fails_refuses() {
        let policy = policy(&["request.userInfo.extra['x'][0] == request.name"]);
        let refusal = policy.expect("in force").refuses(&user("me"), "a", "/x");
        assert!(refusal.is_some_and(|words| words.contains("denied request")));
    }

    #[test]
    fn foreign_binding_enforces_nothing() {
        let binding = json!({"spec": {"policyName": "other", "validationActions": ["Deny"]}});
        assert!(Policy::new(&json!({"metadata": {"name": "p"}}), &binding).is_none());
    }
}
