//! Whether the agent said of every node what is true of it.

use serde::Deserialize;

use crate::cast::CAST;

/// What is read of the agent's JSON report.
#[derive(Debug, Deserialize)]
struct Report {
    nodes: Vec<Verdict>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    node: String,
    action: String,
    severity: String,
}

/// What the report says otherwise than it must, one sentence each.
///
/// # Errors
/// When the report is not one.
pub(crate) fn differences(report: &str) -> Result<Vec<String>, serde_json::Error> {
    let report: Report = serde_json::from_str(report)?;
    let difference = |role: &crate::cast::Role| {
        let expected = format!("{}, {}", role.action, role.severity);
        let said = report.nodes.iter().find(|said| said.node == role.name);
        match said.map(|said| format!("{}, {}", said.action, said.severity)) {
            Some(said) if said == expected => None,
            Some(said) => Some(format!("{}: {said} instead of {expected}", role.name)),
            None => Some(format!("{}: nothing instead of {expected}", role.name)),
        }
    };
    Ok(CAST.iter().filter_map(difference).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(node: &str, action: &str, severity: &str) -> String {
        format!(r#"{{"node":"{node}","action":"{action}","severity":"{severity}","resources":[]}}"#)
    }

    fn report(nodes: &[String]) -> String {
        format!(
            r#"{{"schema_version":1,"nodes":[{}],"errors":[]}}"#,
            nodes.join(",")
        )
    }

    #[test]
    fn a_wrong_verdict_and_a_missing_node_are_told() {
        let mut nodes = vec![
            said("leaky-1", "scale_up", "critical"),
            said("busy-1", "scale_up", "warning"),
            said("idle-1", "consolidate", "info"),
            said("steady-1", "none", "none"),
        ];
        assert_eq!(differences(&report(&nodes)).expect("a report"), [""; 0]);
        nodes[0] = said("leaky-1", "scale_up", "warning");
        nodes.remove(2);
        assert_eq!(
            differences(&report(&nodes)).expect("a report"),
            [
                "idle-1: nothing instead of consolidate, info",
                "leaky-1: scale_up, warning instead of scale_up, critical",
            ]
        );
    }

    #[test]
    fn what_is_no_report_is_an_error() {
        assert!(differences("4 nodes: 1 critical").is_err());
    }
}
