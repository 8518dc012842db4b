//! Sources of usage.

use std::time::Duration;

/// Sources of usage: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// `/metrics/resource` alone.
    Kubelet,
    /// cAdvisor alone, at the scrape interval.
    Cadvisor,
    /// `/metrics/resource` each round, and cAdvisor at its own interval.
    Both {
        /// Time between two scrapes of cAdvisor.
        cadvisor_interval: Duration,
    },
}

impl Sources {
    /// Returns whether `/metrics/resource` is scraped.
    pub fn kubelet(self) -> bool {
        !matches!(self, Self::Cadvisor)
    }

    /// Returns the interval at which cAdvisor is scraped, if it is.
    pub fn cadvisor_interval(self, scrape_interval: Duration) -> Option<Duration> {
        match self {
            Self::Kubelet => None,
            Self::Cadvisor => Some(scrape_interval),
            Self::Both { cadvisor_interval } => Some(cadvisor_interval),
        }
    }
}
