//! The subject of a check: a query and the series behind it.

use std::collections::BTreeMap;

/// A query and its result now.
#[derive(Debug)]
pub struct Subject {
    /// The name in checks.
    pub name: &'static str,
    /// The PromQL.
    pub query: String,
    /// The series, or the error of the query.
    pub found: Result<Found, String>,
}

/// The series behind a query at one time.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Found {
    /// The number of series of each node.
    pub nodes: BTreeMap<String, u64>,
    /// The number of series without a label `node`.
    pub without_node: u64,
    /// The time of each node's newest sample, in Unix seconds; without nodes where it is unknown.
    pub sampled: BTreeMap<String, f64>,
}
