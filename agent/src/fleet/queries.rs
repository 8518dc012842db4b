//! The queries for the report on removable nodes: four, independent of the number
//! of nodes.
//!
//! All select kube-state-metrics's series at one time. Where two replicas of it are scraped, or one
//! twice, `max by` counts each object once. Rows of different kinds come in one answer, joined by
//! `or` and distinguished by their labels.
//!
//! Invariant: the queries select what kube-state-metrics means (held by
//! `fleet_queries_work_in_real_prometheus`, e2e).

use contract::kube_state::{
    BUDGET_ALLOWED, BUDGET_PODS, CONTAINER_REQUESTS, INIT_CONTAINER_INFO, INIT_CONTAINER_REQUESTS,
    NODE_ALLOCATABLE, NODE_CONDITION, NODE_ROLE, NODE_TAINT, NODE_UNSCHEDULABLE, POD_INFO,
    POD_PHASE,
};

/// The matcher of pods that have a node.
const BOUND: &str = r#"node!="""#;

/// Returns the query for the state of nodes: rows with the label `effect` are taints, with `role`
/// roles of a control plane, with `condition` readiness, with `resource` the maximum number of
/// pods, with none of them cordons.
pub fn nodes() -> String {
    [
        NODE_UNSCHEDULABLE.to_owned(),
        format!(r#"{NODE_TAINT}{{effect=~"NoSchedule|NoExecute"}}"#),
        format!(r#"{NODE_ROLE}{{role=~"control-plane|master"}}"#),
        format!(r#"{NODE_CONDITION}{{condition="Ready",status="true"}}"#),
        format!(r#"{NODE_ALLOCATABLE}{{resource="pods"}}"#),
    ]
    .join(" or ")
}

/// Returns the query for the load of nodes: rows with the label `resource` are requests of its
/// pods, without it their number.
pub fn totals() -> String {
    format!(
        "sum by (node, resource) ({}) or count by (node) ({})",
        requests(BOUND),
        pods(BOUND)
    )
}

/// Returns the query for the pods of these nodes: rows with the label `resource` are requests of a
/// pod, without it a pod and the kind of its controller.
pub fn pods_of(nodes: &[&str]) -> String {
    let names: Vec<String> = nodes.iter().map(|name| escape(name)).collect();
    // An empty list selects the pods without a node, of which BOUND leaves none.
    let matcher = format!(r#"{BOUND},node=~"{}""#, names.join("|"));
    format!("{} or {}", pods(&matcher), requests(&matcher))
}

/// Returns the query for PodDisruptionBudgets that cover pods and allow no eviction now; and, in a
/// row without labels, for the number of all.
pub fn budgets() -> String {
    format!(
        "({BUDGET_ALLOWED} == 0 unless on (namespace, poddisruptionbudget) ({BUDGET_PODS} == 0)) or count({BUDGET_ALLOWED})"
    )
}

/// Selects pods that have not ended, by `matcher`.
fn pods(matcher: &str) -> String {
    format!(
        "(max by (node, namespace, pod, created_by_kind) ({POD_INFO}{{{matcher}}}) unless on (namespace, pod) {})",
        ended()
    )
}

/// Selects the requests of each pod that has not ended, as the scheduler counts them: its
/// containers and sidecars together, or its largest init container, if that is more. A pod's
/// overhead (of a RuntimeClass) is not counted.
fn requests(matcher: &str) -> String {
    let select = format!(r#"{{resource=~"cpu|memory",{matcher}}}"#);
    let by_container = "max by (node, namespace, pod, container, resource)";
    let sidecars = format!(
        r#"{by_container} ({INIT_CONTAINER_REQUESTS}{select}) and on (namespace, pod, container) {INIT_CONTAINER_INFO}{{restart_policy="Always"}}"#
    );
    let running = format!(
        "sum by (node, namespace, pod, resource) ({by_container} ({CONTAINER_REQUESTS}{select}) or {sidecars})"
    );
    // The label keeps `or` from merging them.
    format!(
        r#"(max by (node, namespace, pod, resource) (label_replace({running}, "phase", "running", "", "") or {INIT_CONTAINER_REQUESTS}{select}) unless on (namespace, pod) {})"#,
        ended()
    )
}

fn ended() -> String {
    format!(r#"({POD_PHASE}{{phase=~"Succeeded|Failed"}} == 1)"#)
}

/// Escapes a name to a regular expression, in a PromQL string, that matches it alone.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '/' | ':' => escaped.push(c),
            // One backslash for the expression, doubled for the string.
            '!'..='~' if c != '"' && c != '\\' => {
                escaped.push_str(r"\\");
                escaped.push(c);
            }
            // Any other by its number.
            _ => escaped.push_str(&format!(r"\\x{{{:x}}}", u32::from(c))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_for_promql() {
        for (name, escaped) in [
            ("node-1", "node-1"),
            ("ip-10-0-0-7.ec2.internal", r"ip-10-0-0-7\\.ec2\\.internal"),
            ("a|b", r"a\\|b"),
            (r#"a"b\c"#, r"a\\x{22}b\\x{5c}c"),
            ("ü\n", r"\\x{fc}\\x{a}"),
        ] {
            assert_eq!(super::escape(name), escaped, "{name}");
        }
    }

    #[test]
    fn pods_are_selected_by_node_name() {
        let query = pods_of(&["a.1", "b"]);
        assert_eq!(
            query.matches(r#"node!="",node=~"a\\.1|b""#).count(),
            4,
            "{query}"
        );
        assert!(pods_of(&[]).contains(r#"node!="",node=~"""#));
    }
}
