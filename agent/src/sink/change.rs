//! The recommendations that differ from the previous report.

use analysis::hysteresis::Verdict;
use analysis::recommend::{Recommendation, Resource};
use analysis::report::Report;

/// A recommendation that has changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The node's name.
    pub(super) node: &'a str,
    /// The resource.
    pub(super) resource: Resource,
    /// The verdict of the previous report.
    pub(super) from: Verdict,
    /// The recommendation of this report.
    pub(super) to: &'a Recommendation,
}

/// Returns every change, in the order of the report. A resource that the previous report did not
/// judge has not changed.
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
