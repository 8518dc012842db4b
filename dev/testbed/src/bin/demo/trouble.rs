//! How the show ends before its end.

use std::fmt;
use std::io;

/// Why the show stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Somebody asked it to, by Ctrl-C or SIGTERM.
    Interrupted,
    /// Something did not work: for people, without a full stop.
    Failed(String),
}

impl Trouble {
    /// A failure, with what was being done.
    pub(crate) fn doing(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
