//! The findings of a diagnosis.

use quantity::Timestamp;

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

pub(super) fn ok(name: &'static str, message: String) -> Check {
    Check {
        name,
        result: Outcome::Ok,
        message,
        cure: None,
    }
}

pub(super) fn note(name: &'static str, message: String, cure: impl Into<String>) -> Check {
    Check {
        name,
        result: Outcome::Note,
        message,
        cure: Some(cure.into()),
    }
}

pub(super) fn problem(name: &'static str, message: String, cure: impl Into<String>) -> Check {
    Check {
        name,
        result: Outcome::Problem,
        message,
        cure: Some(cure.into()),
    }
}

/// Most of anything that a message lists.
const LISTED: usize = 5;

pub(super) fn listed(items: &[String]) -> String {
    let more = items.len().saturating_sub(LISTED);
    let shown = items[..items.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
