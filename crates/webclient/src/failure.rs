//! Failures of requests, with what a person needs to find the cause.

use std::fmt;
use std::io;
use std::time::Duration;

use runtime::file::FileError;
use rustls::AlertDescription;

use crate::BaseUrl;

/// The reason why no complete response arrived.
#[derive(Debug)]
pub enum Failure {
    /// The file of a token or password is unusable.
    Credentials(FileError),
    /// The host name has no address.
    NameNotFound {
        /// The name that was looked up.
        host: String,
    },
    /// No connection, or one that broke before the response was complete.
    Connect {
        /// `host:port` of the peer.
        to: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The TLS handshake failed. `problem` names the host name or CA that did not match.
    Tls {
        /// `host:port` of the peer.
        to: String,
        /// The mismatch.
        problem: String,
    },
    /// The peer does not use TLS.
    NoTls {
        /// `host:port` of the peer.
        to: String,
        /// The error of the handshake.
        problem: String,
    },
    /// The deadline passed.
    Timeout {
        /// `host:port` of the peer.
        to: String,
        /// The deadline.
        after: Duration,
    },
    /// The body ended before its announced length or inside its gzip data.
    Truncated,
    /// The body exceeds a cap.
    TooLarge {
        /// The cap in bytes.
        cap: u64,
        /// `compressed` or `decompressed`.
        what: &'static str,
    },
    /// A content encoding that was not requested, or corrupt gzip data.
    Encoding(String),
    /// The peer violated HTTP.
    Protocol(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(error) => error.fmt(f),
            Self::NameNotFound { host } => write!(f, "no address found for host {host:?}"),
            Self::Connect { to, source } => write!(f, "no connection to {to}: {source}"),
            Self::Tls { to, problem } => write!(f, "TLS with {to}: {problem}"),
            Self::NoTls { to, problem } => {
                write!(f, "TLS with {to}: the peer does not use TLS ({problem})")
            }
            Self::Timeout { to, after } => {
                write!(f, "no complete response from {to} within {after:?}")
            }
            Self::Truncated => f.write_str("the body ended early"),
            Self::TooLarge { cap, what } => {
                write!(f, "the {what} body exceeds {cap} bytes")
            }
            Self::Encoding(problem) => write!(f, "content encoding: {problem}"),
            Self::Protocol(problem) => write!(f, "HTTP: {problem}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Shown as it is, so its source is ours.
            Self::Credentials(error) => error.source(),
            Self::Connect { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Credentials(error)
    }
}

impl Failure {
    /// Returns `true` if another attempt may succeed. After a deadline it would double the load
    /// that caused it.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::NameNotFound { .. } | Self::Truncated
        )
    }

    /// Returns the failure behind an error of [`crate::Body`]'s `Read`.
    ///
    /// # Errors
    /// Returns the error itself if it does not come from a body of this crate.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }

    /// Converts the failure for the `Read` interface.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    pub(crate) fn from_ureq(error: ureq::Error, base: &BaseUrl, after: Duration) -> Self {
        let to = base.authority();
        match error {
            ureq::Error::Timeout(_) => Self::Timeout { to, after },
            ureq::Error::HostNotFound => Self::NameNotFound {
                host: base.host().to_owned(),
            },
            ureq::Error::Io(error) => Self::from_transport(error, base, after),
            // Our TLS connector reports its failures this way.
            ureq::Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(other) => Self::Protocol(other.to_string()),
            },
            ureq::Error::ConnectionFailed => Self::Connect {
                to,
                source: io::Error::from(io::ErrorKind::NotConnected),
            },
            // Its text is the URL, whose path may be a secret.
            ureq::Error::BadUri(_) => Self::Protocol("the path cannot be part of a URL".into()),
            other => Self::Protocol(other.to_string()),
        }
    }

    /// Classifies an I/O error of the connection; ureq and rustls wrap theirs in one.
    pub(crate) fn from_transport(error: io::Error, base: &BaseUrl, after: Duration) -> Self {
        let to = base.authority();
        if error
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<ureq::Error>)
        {
            return match error.downcast::<ureq::Error>() {
                Ok(inner) => Self::from_ureq(inner, base, after),
                Err(source) => Self::Connect { to, source },
            };
        }
        if let Some(tls) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            if let rustls::Error::InvalidMessage(_) = tls {
                let problem = tls.to_string();
                return Self::NoTls { to, problem };
            }
            return Self::Tls {
                to,
                problem: tls_problem(tls),
            };
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout { to, after },
            // std has no kind for the errors of getaddrinfo, only this text.
            _ if error.to_string().starts_with("failed to lookup address") => Self::NameNotFound {
                host: base.host().to_owned(),
            },
            _ => Self::Connect { to, source: error },
        }
    }
}

fn tls_problem(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            other.to_string()
        }
        rustls::Error::InvalidCertificate(problem) => {
            format!("the server's certificate: {problem}")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate, and none is set".to_owned()
        }
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError),
        ) => {
            // Go's servers call a missing certificate a bad one.
            format!("the server refused the client certificate, or requires one ({alert:?})")
        }
        other => other.to_string(),
    }
}
