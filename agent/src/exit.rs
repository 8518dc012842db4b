//! The exit codes: a contract with scripts and CronJobs. Out of scope: messages.
//!
//! What is printed beside a code is not decided here.

use analysis::report::Report;
use contract::Severity;

/// The outcome of a run. Where several apply, the first of this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A flag, a variable or a file that one names is invalid.
    Usage,
    /// The backend cannot be reached, or refuses the queries.
    Backend,
    /// The backend answered and has no data.
    NoData,
    /// A node or a resource is missing from the report, the report was not written, or a sink did
    /// not receive it.
    Partial,
    /// A node has at least the severity of `--fail-on`.
    Findings,
    /// The report is complete.
    Complete,
}

impl Exit {
    /// Returns the outcome of a report, given the least severity that counts as a finding.
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
            Self::NoData => 4,
            Self::Partial => 5,
            Self::Findings => 10,
        }
    }
}
