//! Field selectors, as in `fieldSelector=spec.nodeName=a,status.phase!=Failed`.
//!
//! In scope: the operators `=`, `==` and `!=`, commas, and the API server's refusal of
//! fields that it does not index (pure). Out of scope: escapes, which no name of a node
//! or phase needs, and label selectors.

use serde_json::Value;

/// The fields by which an API server selects pods, each with its JSON pointer.
pub(crate) const POD_FIELDS: &[(&str, &str)] = &[
    ("metadata.name", "/metadata/name"),
    ("metadata.namespace", "/metadata/namespace"),
    ("spec.nodeName", "/spec/nodeName"),
    ("spec.restartPolicy", "/spec/restartPolicy"),
    ("spec.schedulerName", "/spec/schedulerName"),
    ("spec.serviceAccountName", "/spec/serviceAccountName"),
    ("status.phase", "/status/phase"),
    ("status.podIP", "/status/podIP"),
];

/// The fields by which an API server selects nodes.
pub(crate) const NODE_FIELDS: &[(&str, &str)] = &[
    ("metadata.name", "/metadata/name"),
    ("spec.unschedulable", "/spec/unschedulable"),
];

/// A conjunction of conditions; empty selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selector(Vec<Condition>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: &'static str,
    pointer: &'static str,
    negated: bool,
    value: String,
}

impl Selector {
    /// Reads a selector over `fields`.
    ///
    /// # Errors
    /// The message of a 400: what is not understood, or which field is unknown.
    pub(crate) fn parse(
        text: &str,
        fields: &[(&'static str, &'static str)],
    ) -> Result<Self, String> {
        text.split(',')
            .filter(|term| !term.is_empty())
            .map(|term| {
                let (name, negated, value) = split_term(term).ok_or_else(|| {
                    format!("invalid selector: '{text}'; can't understand '{term}'")
                })?;
                let (field, pointer) = *fields
                    .iter()
                    .find(|(field, _)| *field == name)
                    .ok_or_else(|| format!("field label not supported: {name}"))?;
                Ok(Condition {
                    field,
                    pointer,
                    negated,
                    value: value.to_owned(),
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|condition| {
            // An absent field compares as an empty text.
            let actual = object.pointer(condition.pointer).and_then(Value::as_str);
            (actual.unwrap_or_default() == condition.value) != condition.negated
        })
    }

    /// The value that `field` must have, if the selector says so.
    pub(crate) fn required(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|condition| condition.field == field && !condition.negated)
            .map(|condition| condition.value.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The name, whether the operator negates, and the value.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    // The longer operators first: `=` is a part of both.
    [("!=", true), ("==", false), ("=", false)]
        .into_iter()
        .filter_map(|(operator, negated)| {
            let at = term.find(operator)?;
            Some((at, &term[..at], negated, &term[at + operator.len()..]))
        })
        .min_by_key(|(at, ..)| *at)
        .map(|(_, name, negated, value)| (name, negated, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Result<Selector, String> {
        Selector::parse(text, POD_FIELDS)
    }

    fn selected(text: &str) -> Vec<&'static str> {
        let selector = parse(text).expect("a good selector");
        [
            ("a", "node-a", "Running"),
            ("b", "node-a", "Failed"),
            ("c", "node-b", "Succeeded"),
            ("d", "", "Pending"),
        ]
        .into_iter()
        .filter(|(name, node, phase)| {
            selector.matches(&json!({
                "metadata": {"name": name, "namespace": "default"},
                "spec": if node.is_empty() { json!({}) } else { json!({"nodeName": node}) },
                "status": {"phase": phase},
            }))
        })
        .map(|(name, ..)| name)
        .collect()
    }

    #[test]
    fn conditions_are_joined_by_and() {
        for (text, expected) in [
            ("", "abcd"),
            ("spec.nodeName=node-a", "ab"),
            ("spec.nodeName==node-a", "ab"),
            ("spec.nodeName!=node-a", "cd"),
            ("spec.nodeName=", "d"),
            (
                "spec.nodeName=node-a,status.phase!=Succeeded,status.phase!=Failed",
                "a",
            ),
            ("status.phase!=Succeeded,status.phase!=Failed", "ad"),
            ("metadata.name=b,metadata.namespace=default,", "b"),
        ] {
            assert_eq!(selected(text).concat(), expected, "{text:?}");
        }
    }

    #[test]
    fn unknown_selectors_are_refused() {
        for (text, message) in [
            ("spec.foo=bar", "field label not supported: spec.foo"),
            (
                "status.phase",
                "invalid selector: 'status.phase'; can't understand 'status.phase'",
            ),
            (
                "status.phase>1",
                "invalid selector: 'status.phase>1'; can't understand 'status.phase>1'",
            ),
        ] {
            assert_eq!(parse(text).expect_err(text), message);
        }
    }
}
