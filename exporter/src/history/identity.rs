//! Identities of series in the history.

use crate::readings::Millis;

/// Name and labels of a series in an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Metric name.
    pub name: &'static str,
    /// Labels with their values.
    pub labels: Vec<(&'static str, String)>,
}

impl Identity {
    /// The node of the series: the first label of each.
    pub(super) fn node(&self) -> Option<&str> {
        self.labels.first().map(|(_, node)| node.as_str())
    }
}

/// One series of an answer: its identity, and its (time, value) pairs.
pub type Answered = (Identity, Vec<(Millis, f64)>);
