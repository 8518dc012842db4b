//! The verdicts of the report before: the memory behind hysteresis, as data.

use std::collections::BTreeMap;

use crate::hysteresis::Verdict;
use crate::recommend::Resource;
use crate::report::{NodeReport, Origin, Report};

/// The verdicts of an earlier report.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// Where they come from.
    pub origin: Origin,
    /// By node.
    pub nodes: BTreeMap<String, Vec<(Resource, Verdict)>>,
}

impl Previous {
    /// The verdict on one resource, if there was any.
    pub fn verdict(&self, node: &str, resource: Resource) -> Option<Verdict> {
        let verdicts = self.nodes.get(node)?;
        let found = verdicts.iter().find(|(known, _)| *known == resource)?;
        Some(found.1)
    }

    /// The verdicts of a report of this process.
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
