//! Failed scrapes, by their reason.

use std::fmt;
use std::time::Duration;

use contract::Reason;
use webclient::Failure;

/// The failure of a whole scrape of an endpoint.
#[derive(Debug)]
pub struct ScrapeError {
    /// The reason, as it is counted.
    pub reason: Reason,
    /// The problem, and the next step.
    pub message: String,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// True if the API server knows no such node: all its values are invalid.
    pub node_gone: bool,
}

impl ScrapeError {
    /// Makes an error without a wait.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            retry_after: None,
            node_gone: false,
        }
    }
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScrapeError {}

impl From<Failure> for ScrapeError {
    fn from(failure: Failure) -> Self {
        let reason = match &failure {
            Failure::Credentials(_) => Reason::Credentials,
            Failure::NameNotFound { .. } | Failure::Connect { .. } => Reason::Connect,
            Failure::Tls { .. } | Failure::NoTls { .. } => Reason::Tls,
            Failure::Timeout { .. } => Reason::Timeout,
            Failure::Truncated => Reason::Truncated,
            Failure::TooLarge { .. } => Reason::TooLarge,
            Failure::Encoding(_) => Reason::Encoding,
            Failure::Protocol(_) => Reason::Protocol,
        };
        Self::new(reason, failure.to_string())
    }
}

/// Converts an error while reading a body.
pub(super) fn read_error(error: std::io::Error) -> ScrapeError {
    match Failure::from_io(error) {
        Ok(failure) => failure.into(),
        Err(other) => ScrapeError::new(Reason::Connect, other.to_string()),
    }
}
