//! The exit codes: a contract with scripts and CronJobs.
//!
//! What is printed beside a code is not decided here.

use analysis::report::Report;
use contract::Severity;

/// How a run ended. Where several apply, the first of this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A flag, a variable or a file named by one is of no use.
    Usage,
    /// The backend cannot be reached, or refuses.
    Backend,
    /// The backend answered, and has no data at all.
    NoData,
    /// Something is missing from the report: a node, a resource; or the report
    /// could not be written, or not be delivered to a sink.
    Partial,
    /// A finding is at least as severe as `--fail-on` says.
    Findings,
    /// The report is complete.
    Complete,
}

impl Exit {
    /// Returns the code that a report deserves, given the least severity that is a
    /// finding.
    pub fn of(report: &Report, fail_on: Option<Severity>) -> Self {
        let found = |least| report.nodes.iter().any(|node| node.severity >= least);
        let others = report.shard.is_some_and(|shard| shard.others_have_data);
        if !report.has_data() && !others {
            Self::NoData
        } else if !report.errors.is_empty() {
            Self::Partial
        } else if fail_on.is_some_and(found) {
            Self::Findings
        } else {
            Self::Complete
        }
    }

    /// What it becomes when a part of the report did not reach whom it is for.
    pub const fn undelivered(self) -> Self {
        match self {
            Self::Complete | Self::Findings => Self::Partial,
            worse => worse,
        }
    }

    /// The code that the process leaves with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Usage => 2,
            Self::Backend => 3,
            Self::NoData => 4,
            Self::Partial => 5,
            Self::Findings => 10,
        }
    }
}
