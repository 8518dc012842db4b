//! The findings of a diagnosis.

use quantity::Timestamp;

use crate::exit::Exit;

/// The finding of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The subject: `clock`, `cpu usage`, …
    pub name: &'static str,
    /// The outcome.
    pub result: Outcome,
    /// The finding in one sentence.
    pub message: String,
    /// The fix; `None` where there is nothing to do.
    pub fix: Option<String>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No problem.
    Ok,
    /// Worth knowing; reports are complete nevertheless.
    Note,
    /// Reports are wrong, incomplete or missing because of it.
    Problem,
}

impl Outcome {
    /// Returns the word in text and JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// The findings of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The URL of the backend.
    pub backend: String,
    /// The time of the examination.
    pub at: Timestamp,
    /// The findings, from the backend down to its samples.
    pub checks: Vec<Check>,
    /// The exit code.
    pub exit: Exit,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            result: Outcome::Ok,
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn note(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            result: Outcome::Note,
            fix: Some(fix.into()),
            ..Self::ok(name, message)
        }
    }

    pub(super) fn problem(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            result: Outcome::Problem,
            ..Self::note(name, message, fix)
        }
    }
}

/// The maximum number of items that a message lists.
const LISTED: usize = 5;

/// Formats the first items of a list, and the number of the rest.
pub(super) fn listed(items: &[String]) -> String {
    let more = items.len().saturating_sub(LISTED);
    let shown = items[..items.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
