//! What a report recommends otherwise than the one before it.

use crate::recommend::{Recommendation, Resource};
use crate::report::Report;

/// A recommendation that has changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The node.
    pub(super) node: &'a str,
    /// CPU or memory.
    pub(super) resource: Resource,
    /// What the report before said.
    pub(super) from: &'a Recommendation,
    /// What this one says.
    pub(super) to: &'a Recommendation,
}

/// Every change, in the order of the report. A resource of which the report before
/// said nothing has not changed.
pub(super) fn changes(_report: &Report) -> impl Iterator<Item = Change<'_>> {
    std::iter::empty()
}
