//! The delivery of messages to a receiver: attempts, pauses, and reasons of failure.
//!
//! A message may arrive twice: where the answer was lost, it is unknown if the message was.
//!
//! Invariant: nothing of a secret path or token is shown (held by `secret_paths_are_never_shown`).

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use analysis::report::Report;
use runtime::random;
use runtime::schedule::BackOff;
use text::printable;
use webclient::{
    BaseUrl, CaBundle, Caps, Client, Content, Credentials, Failure, FileError, Header, Method,
    Secret, SecretFile, Settings,
};

/// The maximum number of attempts at one message.
const MAX_ATTEMPTS: u32 = 5;

/// Pauses between attempts.
const BACK_OFF: BackOff = BackOff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(4),
    jitter: BackOff::HALF_JITTER,
};

/// Connecting takes milliseconds inside a cluster; a lost packet takes a few seconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The maximum size of an answer: none of a success is read, and the start of a refusal.
const CAPS: Caps = Caps {
    compressed: 64 << 10,
    decompressed: 64 << 10,
};

/// The number of bytes of a refusal that are read, and of its characters that are shown.
const REFUSAL_BYTES: u64 = 4 * 1024;
const REMARK_CHARS: usize = 200;

/// A destination of reports.
pub(super) trait Sink: fmt::Debug + Send + Sync {
    /// Returns the name in messages and series.
    fn name(&self) -> &'static str;

    /// Returns the receiver of its messages.
    fn receiver(&self) -> &Receiver;

    /// Checks the files that it needs, before there is a report.
    fn check(&self) -> Result<(), DeliveryError> {
        self.receiver().check()
    }

    /// Returns the messages for a report, if there are any.
    fn messages(&self, report: &Report) -> Result<Vec<Message>, DeliveryError>;
}

/// A receiver of messages.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The URL.
    pub(super) address: Address,
    /// The CAs to trust over TLS.
    pub(super) ca_bundle: CaBundle,
    /// The credentials of each request.
    pub(super) credentials: Credentials,
}

/// The URL of a receiver.
#[derive(Debug)]
pub(super) enum Address {
    /// A URL below which each message has a path.
    Base(BaseUrl),
    /// A URL in a file, whose path is a secret. Servers tend to repeat paths in their
    /// refusals.
    Webhook(SecretFile),
}

impl Address {
    /// Returns the origin, and the secret path if there is one.
    fn read(&self) -> Result<(BaseUrl, Option<Secret>), FileError> {
        match self {
            Self::Base(url) => Ok((url.clone(), None)),
            Self::Webhook(file) => {
                let url = file.current()?;
                let (origin, path) = BaseUrl::parse_webhook(url.reveal())
                    .map_err(|url| FileError::invalid(file.path(), format!("expected {url}")))?;
                Ok((origin, Some(path)))
            }
        }
    }
}

/// The time by which a report has to be delivered, all attempts included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    /// Counted from the first attempt.
    after: Duration,
}

impl Deadline {
    /// Makes the deadline `after` from now.
    pub(super) fn after(after: Duration) -> Self {
        Self {
            at: Instant::now() + after,
            after,
        }
    }

    fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// A message to a receiver.
pub(super) struct Message {
    pub(super) method: Method,
    /// The path below the base URL; unused with a webhook.
    pub(super) path: String,
    pub(super) media_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Makes the headers of an attempt that begins now, from the body.
    pub(super) headers: Headers,
}

/// Makes headers from a body.
type Headers = Box<dyn Fn(&[u8]) -> Vec<Header>>;

impl Message {
    /// Makes a message that posts JSON to `path`.
    pub(super) fn json(path: &str, body: Vec<u8>) -> Self {
        Self {
            method: Method::Post,
            path: path.to_owned(),
            media_type: "application/json",
            body,
            headers: Box::new(|_| Vec::new()),
        }
    }
}

/// A message did not arrive.
#[derive(Debug)]
pub struct DeliveryError {
    problem: Problem,
    /// The number of attempts, at least 1.
    attempts: u32,
}

/// The reason why a message did not arrive.
#[derive(Debug)]
enum Problem {
    /// There was no answer, or a file was invalid.
    Failure(Failure),
    /// The receiver refused the message.
    Refused {
        /// The HTTP status code.
        status: u16,
        /// The receiver's `host:port`.
        by: String,
        /// The message of the answer in one line; may be empty.
        remark: String,
        /// The pause that the receiver asks for.
        retry_after: Option<Duration>,
    },
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Failure(failure) => failure.fmt(f)?,
            Problem::Refused {
                status,
                by,
                remark,
                retry_after,
            } => {
                write!(f, "HTTP status {status} from {by}")?;
                if !remark.is_empty() {
                    write!(f, ": {remark}")?;
                }
                if let Some(wait) = retry_after {
                    write!(f, ", retry after {wait:?}")?;
                }
                if (300..400).contains(status) {
                    f.write_str(" (redirects are not followed)")?;
                }
            }
        }
        match self.attempts {
            1 => Ok(()),
            many => write!(f, " ({many} attempts)"),
        }
    }
}

impl std::error::Error for DeliveryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            // Displayed unchanged, so its source is ours.
            Problem::Failure(failure) => failure.source(),
            Problem::Refused { .. } => None,
        }
    }
}

impl From<Problem> for DeliveryError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            attempts: 1,
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<FileError> for DeliveryError {
    fn from(error: FileError) -> Self {
        Problem::from(error).into()
    }
}

impl DeliveryError {
    /// Returns the pause before the next attempt, if that may help. After a deadline it does not:
    /// the receiver may still be processing the message.
    fn pause(&self, random: f64) -> Option<Duration> {
        let asked = match &self.problem {
            Problem::Failure(failure) if failure.is_transient() => Duration::ZERO,
            Problem::Refused {
                status: 429 | 500..,
                retry_after,
                ..
            } => retry_after.unwrap_or_default(),
            _ => return None,
        };
        let usual = BACK_OFF.wait(self.attempts, random);
        (self.attempts < MAX_ATTEMPTS).then(|| usual.max(asked))
    }
}

impl Receiver {
    /// Checks the files of URL and credentials.
    pub(super) fn check(&self) -> Result<(), DeliveryError> {
        self.address.read()?;
        if let Credentials::Bearer(token) = &self.credentials {
            token.current()?;
        }
        Ok(())
    }

    /// Sends a message, with retries while they can help and `deadline` allows it.
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub(super) fn send(&self, message: &Message, deadline: Deadline) -> Result<(), DeliveryError> {
        let mut attempts = 1;
        loop {
            let error = match self.attempt(message, deadline) {
                Ok(()) => return Ok(()),
                Err(problem) => DeliveryError { problem, attempts },
            };
            match error.pause(random::unit()) {
                Some(pause) if pause < deadline.left() => thread::sleep(pause),
                _ => return Err(error),
            }
            attempts += 1;
        }
    }

    fn attempt(&self, message: &Message, deadline: Deadline) -> Result<(), Problem> {
        let (base, secret_path) = self.address.read()?;
        let path = (secret_path.as_ref()).map_or(message.path.as_str(), Secret::reveal);
        let by = base.authority();
        // A deadline of 0 would be none, and some clocks count in milliseconds.
        let left = deadline.left().max(Duration::from_millis(1));
        let client = Client::new(Settings {
            base,
            ca_bundle: self.ca_bundle.clone(),
            identity: None,
            credentials: self.credentials.clone(),
            headers: Vec::new(),
            user_agent: concat!("k8s-ai-agent/", env!("CARGO_PKG_VERSION")),
            deadline: left,
            connect_deadline: CONNECT_DEADLINE.min(left),
            // Messages are minutes apart.
            keep_idle: Duration::ZERO,
        });
        let content = Content {
            media_type: message.media_type,
            bytes: &message.body,
        };
        let headers = (message.headers)(&message.body);
        let answer = client.send(message.method, path, content, &headers, CAPS);
        let mut answer = answer.map_err(|failure| match failure {
            // The configured time, not the rest of it after earlier attempts.
            Failure::Timeout { to, .. } => Problem::Failure(Failure::Timeout {
                to,
                after: deadline.after,
            }),
            other => Problem::Failure(other),
        })?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(Problem::Refused {
            status: answer.status,
            by,
            remark: self.remark(&answer.body.read_start(REFUSAL_BYTES), secret_path.as_ref()),
            retry_after: answer.retry_after,
        })
    }

    /// Returns the part of a refusal that may be shown. One that repeats a secret is not; and as
    /// there are many ways to write a path, with a secret path only a word such as Slack's
    /// `no_service` is shown.
    fn remark(&self, body: &str, secret_path: Option<&Secret>) -> String {
        let body = body.trim();
        let repeats_token = self
            .token()
            .is_some_and(|token| body.contains(token.reveal()));
        let is_word = body.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let may_repeat = |path: &Secret| !is_word || path.reveal().contains(body);
        if repeats_token || secret_path.is_some_and(may_repeat) {
            return String::new();
        }
        printable(body).chars().take(REMARK_CHARS).collect()
    }

    fn token(&self) -> Option<Secret> {
        match &self.credentials {
            Credentials::Bearer(file) => file.current().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<Duration>, attempts: u32) -> DeliveryError {
        let problem = Problem::Refused {
            status,
            by: "hooks.example:443".to_owned(),
            remark: String::new(),
            retry_after,
        };
        DeliveryError { problem, attempts }
    }

    #[test]
    fn only_transient_failures_are_retried() {
        let millis = Duration::from_millis;
        let seconds = Duration::from_secs;
        for (problem, random, pause) in [
            (refused(503, None, 1), 0.5, Some(millis(500))),
            (refused(500, None, 2), 0.5, Some(seconds(1))),
            (refused(429, None, 3), 0.0, Some(seconds(1))),
            (refused(429, None, 4), 1.0, Some(seconds(6))),
            (refused(429, Some(seconds(7)), 1), 0.5, Some(seconds(7))),
            (refused(503, Some(millis(1)), 1), 0.5, Some(millis(500))),
            (refused(503, None, MAX_ATTEMPTS), 0.5, None),
            (refused(400, None, 1), 0.5, None),
            (refused(404, Some(seconds(1)), 1), 0.5, None),
            (refused(302, None, 1), 0.5, None),
        ] {
            assert_eq!(problem.pause(random), pause, "{problem:?}");
        }
        let failed = |failure| DeliveryError::from(Problem::Failure(failure));
        assert!(failed(Failure::Truncated).pause(0.5).is_some());
        let to = String::new;
        for lasting in [
            Failure::Timeout {
                to: to(),
                after: seconds(1),
            },
            Failure::Tls {
                to: to(),
                problem: String::new(),
            },
        ] {
            assert_eq!(failed(lasting).pause(0.5), None);
        }
    }

    #[test]
    fn refusals_are_one_line() {
        let seven = Some(Duration::from_secs(7));
        for (problem, line) in [
            (
                refused(404, None, 1),
                "HTTP status 404 from hooks.example:443",
            ),
            (
                refused(429, seven, 2),
                "HTTP status 429 from hooks.example:443, retry after 7s (2 attempts)",
            ),
            (
                refused(302, None, 1),
                "HTTP status 302 from hooks.example:443 (redirects are not followed)",
            ),
        ] {
            assert_eq!(problem.to_string(), line);
        }
    }

    #[test]
    fn secret_paths_are_never_shown() {
        let receiver = Receiver {
            address: Address::Base(BaseUrl::parse("https://hooks.example").expect("a URL")),
            ca_bundle: CaBundle::none(),
            credentials: Credentials::None,
        };
        let path = Secret::new("/services/T0/hunter".to_owned());
        for (body, shown) in [
            ("no_service", "no_service"),
            ("invalid_payload\n", "invalid_payload"),
            ("hunter", ""),
            ("Cannot POST /services/T0/hunter", ""),
            ("Cannot POST &#x2F;services&#x2F;T0", ""),
            ("", ""),
        ] {
            assert_eq!(receiver.remark(body, Some(&path)), shown, "{body}");
        }
        let remark = receiver.remark("bad \u{1b}[31m label\n", None);
        assert_eq!(remark, "bad [31m label");
        assert_eq!(receiver.remark(&"x".repeat(999), None).len(), 200);
    }
}
