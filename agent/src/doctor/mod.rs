//! `k8s-ai-agent doctor`: is the backend there, does it hold what a report needs, and
//! what to do where it does not.
//!
//! [`ask`] finds out, [`judge`] says what it means (pure), [`show`] prints it (pure);
//! [`exporter`] does both for the exporter's own series.
//! In scope: the backend and its series. Out of scope: the cluster itself, which the
//! agent has no access to, and what the numbers say about nodes.

pub mod ask;
pub mod exporter;
pub mod judge;
pub mod show;

use promql::Prometheus;
use quantity::Timestamp;

use crate::args::Config;
use crate::connection::{UnusableFile, client};
use crate::exit::Exit;

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `clock`, `cpu usage`, …
    pub name: &'static str,
    /// How it is.
    pub result: Outcome,
    /// What was found, one sentence.
    pub message: String,
    /// What to do about it; `None` where there is nothing to do.
    pub cure: Option<String>,
}

/// How a check has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Worth knowing; reports are complete all the same.
    Note,
    /// Reports are wrong, incomplete or missing because of it.
    Problem,
}

impl Outcome {
    /// As it is printed.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// What all checks together have found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Where was asked.
    pub backend: String,
    /// As of when.
    pub at: Timestamp,
    /// One after the other, from the outside in.
    pub checks: Vec<Check>,
    /// Which exit code it deserves.
    pub exit: Exit,
}

/// Examines the backend.
///
/// # Errors
/// When a file that is named is of no use.
pub fn examine(config: &Config, now: Timestamp) -> Result<Diagnosis, UnusableFile> {
    let backend = &config.backend;
    let prometheus = Prometheus::new(client(backend)?, backend.deadline);
    let facts = ask::ask(&prometheus, config, now);
    Ok(judge::judge(&facts))
}
