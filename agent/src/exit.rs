//! The exit codes: a contract with scripts and CronJobs.
//!
//! What is printed beside a code is not decided here.

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
