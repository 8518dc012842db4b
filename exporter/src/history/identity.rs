//! Series of the history, as an answer names them.

use crate::readings::Millis;

/// Name and labels of a series, as a query's answer shows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Metric name.
    pub name: &'static str,
    /// Labels with their values.
    pub labels: Vec<(&'static str, String)>,
}

impl Identity {
    /// The node that the series is about: each has this label first.
    pub(super) fn node(&self) -> Option<&str> {
        self.labels.first().map(|(_, node)| node.as_str())
    }
}

/// One series of an answer: what it is called, and its (time, value) pairs.
pub type Answered = (Identity, Vec<(Millis, f64)>);
