//! The verdicts of the previous report, on which hysteresis depends.

use std::collections::BTreeMap;

use crate::hysteresis::Verdict;
use crate::recommend::Resource;
use crate::report::{NodeReport, Origin, Report};

/// The verdicts of the previous report.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// The source of the verdicts.
    pub origin: Origin,
    /// The verdict on each resource, by node.
    pub nodes: BTreeMap<String, Vec<(Resource, Verdict)>>,
}

impl Previous {
    /// Returns the verdict on one resource, if there was one.
    pub fn verdict(&self, node: &str, resource: Resource) -> Option<Verdict> {
        let verdicts = self.nodes.get(node)?;
        let found = verdicts.iter().find(|(known, _)| *known == resource)?;
        Some(found.1)
    }

    /// Takes the verdicts of a report that this process made.
    pub fn of(report: &Report) -> Self {
        let verdicts = |node: &NodeReport| {
            let resources = node.resources.iter();
            resources
                .map(|r| (r.resource, r.recommendation.verdict()))
                .collect()
        };
        Self {
            origin: Origin::Process,
            nodes: report
                .nodes
                .iter()
                .map(|node| (node.node.clone(), verdicts(node)))
                .collect(),
        }
    }
}
