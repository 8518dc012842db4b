//! What a report recommends otherwise than the one before it.

use analysis::hysteresis::Verdict;
use analysis::recommend::{Recommendation, Resource};
use analysis::report::Report;

/// A recommendation that has changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The node.
    pub(super) node: &'a str,
    /// CPU or memory.
    pub(super) resource: Resource,
    /// What the report before said.
    pub(super) from: Verdict,
    /// What this one says.
    pub(super) to: &'a Recommendation,
}

/// Every change, in the order of the report. A resource of which the report before
/// said nothing has not changed.
pub(super) fn changes(report: &Report) -> impl Iterator<Item = Change<'_>> {
    report.nodes.iter().flat_map(|node| {
        node.resources.iter().filter_map(|resource| {
            Some(Change {
                node: &node.node,
                resource: resource.resource,
                from: resource.recommendation.changed_from?,
                to: &resource.recommendation,
            })
        })
    })
}
