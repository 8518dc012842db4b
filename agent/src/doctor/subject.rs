//! A query and the series behind it.

use std::collections::BTreeMap;

/// One query and what it finds now.
#[derive(Debug)]
pub struct Subject {
    /// As checks name it.
    pub name: &'static str,
    /// PromQL.
    pub query: String,
    /// What is there, or why nobody knows.
    pub found: Result<Found, String>,
}

/// The series behind a query at one moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Found {
    /// How many each node has.
    pub nodes: BTreeMap<String, u64>,
    /// How many have no label `node`.
    pub without_node: u64,
    /// When the newest sample of each node was taken, in Unix seconds; no node whose
    /// time is not known.
    pub sampled: BTreeMap<String, f64>,
}
