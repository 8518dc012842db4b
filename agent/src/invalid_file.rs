//! The error of files that flags name.

use std::fmt;

/// A file that a flag names is invalid. One line, without the file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFile(String);

impl InvalidFile {
    /// Names the file's purpose and the problem.
    pub fn new(what: &str, problem: &dyn fmt::Display) -> Self {
        Self(format!("{what} {problem}"))
    }
}

impl fmt::Display for InvalidFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFile {}
