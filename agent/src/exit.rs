//! The exit codes: a contract with scripts and CronJobs. Out of scope: messages.
//!
//! The messages printed with a code are decided elsewhere.

use analysis::report::{NodeReport, Report};
use contract::{Severity, State};

/// The outcome of a run. Where several apply, the first of this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A flag, a variable or a file that one names is invalid.
    Usage,
    /// The backend cannot be reached, or refuses the queries.
    Backend,
    /// The backend answered and has no data.
    NoData,
    /// No node has a current forecast.
    NoForecast,
    /// A node or a resource is missing from the report, the report was not written, or a sink did
    /// not receive it.
    Partial,
    /// A node meets `--fail-on`.
    Findings,
    /// The report is complete.
    Complete,
}

/// The nodes that make the exit code 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Nodes of any severity, and nodes of unknown state that have not gone.
    Unknown,
    /// Nodes of at least a severity.
    Severity(Severity),
}

impl FailOn {
    /// Every value, in increasing order of severity.
    pub const ALL: [Self; 4] = [
        Self::Unknown,
        Self::Severity(Severity::Info),
        Self::Severity(Severity::Warning),
        Self::Severity(Severity::Critical),
    ];

    /// Returns the value of the flag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => State::Unknown.name(),
            Self::Severity(severity) => severity.name(),
        }
    }

    fn is_met(self, node: &NodeReport) -> bool {
        match self {
            Self::Unknown => {
                let is_unknown = node.verdict().state() == State::Unknown;
                node.severity >= Severity::Info || (is_unknown && !node.has_gone())
            }
            Self::Severity(least) => node.severity >= least,
        }
    }
}

impl Exit {
    /// Returns the outcome of a report, given the nodes that count as findings.
    pub fn of(report: &Report, fail_on: Option<FailOn>) -> Self {
        let found = |fail_on: FailOn| report.nodes.iter().any(|node| fail_on.is_met(node));
        let others = report.shard.is_some_and(|shard| shard.others_have_data);
        if !report.has_data() && !others {
            Self::NoData
        } else if !report.has_forecast() && !others {
            Self::NoForecast
        } else if !report.errors.is_empty() {
            Self::Partial
        } else if fail_on.is_some_and(found) {
            Self::Findings
        } else {
            Self::Complete
        }
    }

    /// Returns the outcome if a file or sink did not receive the report.
    pub const fn undelivered(self) -> Self {
        match self {
            Self::Complete | Self::Findings => Self::Partial,
            worse => worse,
        }
    }

    /// Returns the exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Usage => 2,
            Self::Backend => 3,
            Self::NoData | Self::NoForecast => 4,
            Self::Partial => 5,
            Self::Findings => 10,
        }
    }
}
