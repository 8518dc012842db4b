//! Range queries against Prometheus, or anything that speaks its API.
//!
//! In scope: one query with its attempts, and what a failure means. Out of
//! scope: which queries to ask, and what their answers are good for.

pub mod instant;
pub mod matrix;
pub mod sampling;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use contract::path;
use quantity::{Interval, Timestamp};
use serde::de::DeserializeOwned;
use webclient::{Caps, Client, Failure, Response};

pub use matrix::{Answer, Defect, Labels, Refusal, Remarks, Row, Table};

use crate::collect::Source;
use crate::series::Series;
use crate::window::Window;
use shard::Shard;

/// Most bytes of an answer. 5,000 nodes with a point a minute for a day are some 200 MB.
const CAPS: Caps = Caps {
    compressed: 256 << 20,
    inflated: 256 << 20,
};

/// How much of a refusal's body is read for its message.
const REFUSAL_BYTES: u64 = 16 * 1024;

/// Pauses before the second and the third attempt, if the backend names none.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Longest pause that a backend can ask for: a report has somebody waiting.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// No complete response.
    Failure(Failure),
    /// A response that says no.
    Status {
        /// HTTP status code.
        status: u16,
        /// What the body says about it, in one line; may be empty.
        message: String,
        /// How long the backend asks to wait.
        retry_after: Option<Duration>,
    },
    /// A response of another kind than JSON.
    NotJson {
        /// Its media type; may be empty.
        media_type: String,
    },
    /// JSON that is no complete answer.
    Defect(Defect),
    /// So long after the report began that no more is asked.
    OutOfTime(Duration),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) | Self::Defect(Defect::Body(failure)) => failure.fmt(f),
            Self::Status {
                status, message, ..
            } => {
                write!(f, "HTTP status {status}")?;
                if !message.is_empty() {
                    write!(f, ": {message}")?;
                }
                f.write_str(hint(*status))
            }
            Self::NotJson { media_type } => write!(
                f,
                "the answer is of type {media_type:?}, not JSON: is this the API of a Prometheus, and not a page before it?"
            ),
            Self::Defect(Defect::Refused(refusal)) => refusal.fmt(f),
            Self::Defect(Defect::Truncated) => Failure::Truncated.fmt(f),
            Self::Defect(Defect::Shape(problem)) => {
                write!(f, "not the answer to a range query: {problem}")
            }
            Self::OutOfTime(deadline) => {
                write!(
                    f,
                    "not asked: the report began over {} ago (--deadline)",
                    Interval(*deadline)
                )
            }
        }
    }
}

impl std::error::Error for QueryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failure(failure) | Self::Defect(Defect::Body(failure)) => Some(failure),
            _ => None,
        }
    }
}

/// What to look at, for statuses that usually have one cause.
fn hint(status: u16) -> &'static str {
    match status {
        301 | 302 | 303 | 307 | 308 => {
            " (redirects are not followed: give the URL it leads to as --prometheus-url)"
        }
        401 | 403 => {
            " (the backend wants credentials, a tenant's --header, or these may not query it)"
        }
        404 | 405 => {
            " (no query API at this path: does --prometheus-url need a prefix such as /prometheus?)"
        }
        _ => "",
    }
}

impl QueryError {
    /// Whether another query would meet the same end.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Failure(
                Failure::Connect { .. }
                    | Failure::NameNotFound { .. }
                    | Failure::Tls { .. }
                    | Failure::Credentials(_)
            ) | Self::OutOfTime(_)
        )
    }

    /// Whether the same query may well succeed a little later. A deadline that
    /// passed is no such case: asking again doubles the load that caused it.
    fn is_passing(&self) -> bool {
        match self {
            Self::Failure(failure) | Self::Defect(Defect::Body(failure)) => matches!(
                failure,
                Failure::Connect { .. } | Failure::NameNotFound { .. } | Failure::Truncated
            ),
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Defect(Defect::Truncated) => true,
            Self::NotJson { .. } | Self::Defect(_) | Self::OutOfTime(_) => false,
        }
    }

    /// How long to wait before the next attempt, if it is worth one.
    fn pause(&self, usual: Duration) -> Option<Duration> {
        let asked = match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        self.is_passing()
            .then(|| asked.map_or(usual, |asked| asked.clamp(usual, MAX_PAUSE)))
    }
}

/// A backend with Prometheus's query API.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    shard: Shard,
    started: Instant,
    deadline: Duration,
}

impl Prometheus {
    /// Asks through `client` for `deadline` from now, and keeps of the answers what
    /// is of `shard`; connects to nothing yet.
    pub fn new(client: Client, shard: Shard, deadline: Duration) -> Self {
        Self {
            client,
            shard,
            started: Instant::now(),
            deadline,
        }
    }

    /// Asks for `query` at one moment, or at the backend's own present, once.
    ///
    /// # Errors
    /// When there is no complete answer, or its result is no `T`.
    pub fn query_instant<T: DeserializeOwned>(
        &self,
        query: &str,
        at: Option<Timestamp>,
    ) -> Result<instant::Instant<T>, QueryError> {
        let time = at.map(|at| at.unix().to_string());
        let mut form = vec![("query", query)];
        form.extend(time.as_deref().map(|time| ("time", time)));
        let response = self.post(path::QUERY, &form)?;
        instant::read(response.body).map_err(QueryError::Defect)
    }

    /// The points of the one series that `query` computes; none if it computes none.
    ///
    /// # Errors
    /// As [`Source::query_range`].
    pub fn query_points(&self, query: &str, window: &Window) -> Result<Series, QueryError> {
        self.query(query, window, |response| {
            matrix::read_points(response.body, window)
        })
    }

    /// What the backend says it is, such as `Prometheus 2.42.0`; `None` where it does
    /// not say. Those that speak its API mostly name the version that they resemble.
    pub fn software(&self) -> Option<String> {
        let accept = "application/json";
        let response = self.client.get(path::BUILD_INFO, accept, &[], CAPS).ok()?;
        (response.status == 200).then(|| instant::read_build(response.body))?
    }

    /// Asks up to three times. An error is that of the last attempt.
    fn query<T>(
        &self,
        query: &str,
        window: &Window,
        read: impl Fn(Response) -> Result<T, Defect>,
    ) -> Result<T, QueryError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self
                .attempt(query, window)
                .and_then(|response| read(response).map_err(QueryError::Defect))
            {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match pauses.next().and_then(|usual| error.pause(usual)) {
                Some(pause) if self.started.elapsed() + pause < self.deadline => {
                    thread::sleep(pause);
                }
                _ => return Err(error),
            }
        }
    }

    fn attempt(&self, query: &str, window: &Window) -> Result<Response, QueryError> {
        let start = window.start.unix().to_string();
        let end = window.end.unix().to_string();
        let step = window.step.to_string();
        // POST: a query may be longer than proxies let a URL be.
        let form = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.post(path::QUERY_RANGE, &form)
    }

    /// A response that is JSON, its body not read yet.
    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Response, QueryError> {
        if self.started.elapsed() >= self.deadline {
            return Err(QueryError::OutOfTime(self.deadline));
        }
        let response = self
            .client
            .post_form(path, form, "application/json", &[], CAPS)
            .map_err(QueryError::Failure)?;
        let is_json = response.media_type() == "application/json";
        if response.status != 200 {
            return Err(refusal(response, is_json));
        }
        if !is_json {
            return Err(QueryError::NotJson {
                media_type: matrix::one_line(&response.media_type()),
            });
        }
        Ok(response)
    }
}

impl Source for Prometheus {
    fn query_range(&self, query: &str, window: &Window) -> Result<Answer, QueryError> {
        self.query(query, window, |response| {
            matrix::read(response.body, window, self.shard)
        })
    }

    fn query_rows(
        &self,
        query: &str,
        window: &Window,
        labels: Labels,
    ) -> Result<Table, QueryError> {
        self.query(query, window, |response| {
            matrix::read_rows(response.body, window, self.shard, labels)
        })
    }
}

fn refusal(mut response: Response, is_json: bool) -> QueryError {
    let body = response.body.read_start(REFUSAL_BYTES);
    let message = match matrix::read_refusal(&body) {
        Some(refusal) => refusal.to_string(),
        // The text of a proxy helps; the source of its HTML page does not.
        None if is_json || response.media_type() == "text/plain" => matrix::one_line(&body),
        None => String::new(),
    };
    QueryError::Status {
        status: response.status,
        message,
        retry_after: response.retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Spans;
    use webclient::{Authorities, BaseUrl, Credentials, Settings};

    #[test]
    fn after_the_deadline_nobody_is_asked() {
        let client = Client::new(Settings {
            // Nobody listens there, and nobody is to find out.
            base: BaseUrl::parse("http://127.0.0.1:1").expect("a URL"),
            authorities: Authorities::none(),
            identity: None,
            credentials: Credentials::None,
            headers: Vec::new(),
            user_agent: "test",
            deadline: Duration::from_secs(1),
            connect_deadline: Duration::from_secs(1),
            keep_idle: Duration::from_secs(1),
        });
        let prometheus = Prometheus::new(client, Shard::WHOLE, Duration::ZERO);
        let window = Spans::new(60, 60, 60)
            .expect("fits")
            .ending_at(Timestamp::from_unix(60));
        let error = prometheus.query_range("up", &window).expect_err("too late");
        assert!(matches!(error, QueryError::OutOfTime(_)), "{error}");
        assert!(
            error.is_unreachable(),
            "the next query would fare no better"
        );
    }

    #[test]
    fn only_what_may_pass_is_asked_again_and_the_pause_is_held_within_bounds() {
        let usual = Duration::from_millis(500);
        let status = |status, retry_after| QueryError::Status {
            status,
            message: String::new(),
            retry_after,
        };
        let seconds = Duration::from_secs;
        for (error, pause) in [
            (status(503, None), Some(usual)),
            (status(500, None), Some(usual)),
            (status(429, Some(seconds(7))), Some(seconds(7))),
            (status(503, Some(seconds(300))), Some(MAX_PAUSE)),
            (status(400, None), None),
            (status(422, Some(seconds(1))), None),
            (status(302, None), None),
            (QueryError::Failure(Failure::Truncated), Some(usual)),
            (QueryError::Defect(Defect::Truncated), Some(usual)),
            (QueryError::Defect(Defect::Shape(String::new())), None),
            (
                QueryError::Failure(Failure::Timeout {
                    to: String::new(),
                    after: usual,
                }),
                None,
            ),
            (
                QueryError::Failure(Failure::Tls {
                    to: String::new(),
                    problem: String::new(),
                }),
                None,
            ),
        ] {
            assert_eq!(error.pause(usual), pause, "{error:?}");
        }
    }
}
