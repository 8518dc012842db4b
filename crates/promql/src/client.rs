//! One backend: its queries, their attempts, and the reasons why a query fails.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use contract::path;
use quantity::{Interval, TimeGrid, Timestamp};
use runtime::random;
use runtime::schedule::BackOff;
use text::one_line;
use webclient::{BaseUrl, Caps, Client, Failure, Response};

use crate::answer::{
    Consumer, Defect, Each, Labels, Remarks, ResultType, read, read_build, read_refusal,
};

/// The largest answer. 5,000 nodes with a point a minute for a day are some 200 MB.
const CAPS: Caps = Caps {
    compressed: 256 << 20,
    decompressed: 256 << 20,
};

/// The most bytes of a refusal's body that are read for its message.
const REFUSAL_BYTES: u64 = 16 * 1024;

/// Attempts at one query.
const MAX_ATTEMPTS: u32 = 3;

/// Pauses between attempts.
const BACK_OFF: BackOff = BackOff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(2),
    jitter: BackOff::HALF_JITTER,
};

/// The longest pause that a backend can ask for, since a report may be waited for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The statuses that refuse POST where GET may be allowed: those after which Prometheus's own
/// client repeats a query by GET.
const POST_REFUSALS: [u16; 3] = [403, 405, 501];

/// The media type of every answer.
const JSON: &str = "application/json";

/// The reason why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// No complete response.
    Failure(Failure),
    /// A response with another status than 200.
    Status {
        /// The HTTP status code.
        status: u16,
        /// The message in the body, in one line; may be empty.
        message: String,
        /// The pause that the backend asks for.
        retry_after: Option<Duration>,
        /// The status that POST was refused with, if this one is the answer to GET.
        post_refusal: Option<u16>,
        /// The target of a redirect.
        redirect: Option<Redirect>,
    },
    /// A response of another kind than JSON.
    NotJson {
        /// Its media type; may be empty.
        media_type: String,
    },
    /// JSON that is not a complete answer.
    Defect(Defect),
    /// The deadline for beginning queries, after the client was made, has passed.
    OutOfTime(Duration),
}

/// The target of a redirect, which is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The `Location` header without its query, which may be secret.
    pub target: String,
    /// The URL of the backend there, if it leads to the same path of the API.
    pub base: Option<String>,
}

impl Redirect {
    /// Reads the `Location` of a response to `path` below `base`.
    fn read(location: &str, path: &str, base: &BaseUrl) -> Self {
        let end = location.find(['?', '#']).unwrap_or(location.len());
        let target = match &location[..end] {
            path if path.starts_with('/') => {
                let scheme = if base.is_https() { "https" } else { "http" };
                format!("{scheme}://{}{path}", base.authority())
            }
            url => url.to_owned(),
        };
        let base = target.strip_suffix(path).map(one_line);
        Self {
            // A URL with credentials is not shown.
            base: base.filter(|base| BaseUrl::parse(base).is_ok()),
            target: match target.contains('@') {
                true => "a URL with credentials".to_owned(),
                false => one_line(&target),
            },
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) | Self::Defect(Defect::Body(failure)) => failure.fmt(f),
            Self::Status {
                status,
                message,
                post_refusal,
                redirect,
                ..
            } => {
                write!(f, "HTTP status {status}")?;
                match post_refusal {
                    Some(post) if post == status => f.write_str(" to POST and to GET")?,
                    Some(post) => write!(f, " to GET, after {post} to POST")?,
                    None => {}
                }
                if let Some(redirect) = redirect {
                    write!(f, ", a redirect to {}", redirect.target)?;
                }
                match message.as_str() {
                    "" => Ok(()),
                    message => write!(f, ": {message}"),
                }
            }
            Self::NotJson { media_type } => write!(
                f,
                "the answer is of type {media_type:?}, not JSON: expected the API of a Prometheus (check --prometheus-url and proxies on the path)"
            ),
            Self::Defect(Defect::Refused(refusal)) => refusal.fmt(f),
            Self::Defect(Defect::Truncated) => Failure::Truncated.fmt(f),
            Self::Defect(Defect::Shape(problem)) => {
                write!(f, "not the answer to a range query: {problem}")
            }
            Self::OutOfTime(deadline) => {
                write!(
                    f,
                    "not queried: the report began over {} ago",
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

impl QueryError {
    /// Returns `true` if another query would fail in the same way.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Failure(
                Failure::Connect { .. }
                    | Failure::NameNotFound { .. }
                    | Failure::Tls { .. }
                    | Failure::NoTls { .. }
                    | Failure::Credentials(_)
            ) | Self::OutOfTime(_)
        )
    }

    /// Returns `true` if a retry may succeed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Failure(failure) | Self::Defect(Defect::Body(failure)) => failure.is_transient(),
            Self::Status { status, .. } => {
                *status == 429 || (*status >= 500 && !POST_REFUSALS.contains(status))
            }
            Self::Defect(Defect::Truncated) => true,
            Self::NotJson { .. } | Self::Defect(_) | Self::OutOfTime(_) => false,
        }
    }

    /// Returns the pause after as many attempts, if another one is worth it.
    fn pause(&self, attempts: u32, random: f64) -> Option<Duration> {
        let asked = match self {
            Self::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let usual = BACK_OFF.wait(attempts, random);
        (attempts < MAX_ATTEMPTS && self.is_transient()).then(|| usual.max(asked.min(MAX_PAUSE)))
    }
}

/// One series of a small answer.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Every label, the name among them.
    pub labels: BTreeMap<String, String>,
    /// The value; NaN where it is no number.
    pub value: f64,
}

/// A backend with Prometheus's query API.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    started: Instant,
    deadline: Duration,
    /// The status that POST was refused with; 0 while queries are sent by POST.
    post_refusal: AtomicU16,
}

impl Prometheus {
    /// Makes a backend whose queries begin within `deadline` from now; connects to
    /// nothing yet.
    pub fn new(client: Client, deadline: Duration) -> Self {
        Self {
            client,
            started: Instant::now(),
            deadline,
            post_refusal: AtomicU16::new(0),
        }
    }

    /// Returns the status that POST was refused with, if queries are sent by GET because of it.
    pub fn post_refusal(&self) -> Option<u16> {
        // Nothing else depends on the order.
        let status = self.post_refusal.load(Ordering::Relaxed);
        (status != 0).then_some(status)
    }

    /// Evaluates `query` at each time of `grid`, in up to three attempts, each with a
    /// consumer of its own.
    ///
    /// # Errors
    /// When no attempt has a complete answer: the error of the last one.
    pub fn range<C: Consumer>(
        &self,
        query: &str,
        grid: &TimeGrid,
        consumer: impl Fn() -> C,
    ) -> Result<(C, Remarks), QueryError> {
        let start = grid.start.unix().to_string();
        let end = grid.end.unix().to_string();
        let step = grid.step.to_string();
        let form = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.attempts(path::QUERY_RANGE, &form, &[ResultType::Matrix], consumer)
    }

    /// Lists the label sets of the series that any of `selectors` selects between two
    /// times, in up to three attempts, each with a consumer of its own. The backend
    /// needs its index for that, and no samples.
    ///
    /// # Errors
    /// As [`Self::range`].
    pub fn series<C: Consumer>(
        &self,
        selectors: &[&str],
        start: Timestamp,
        end: Timestamp,
        consumer: impl Fn() -> C,
    ) -> Result<(C, Remarks), QueryError> {
        let (start, end) = (start.unix().to_string(), end.unix().to_string());
        let mut form = vec![("start", start.as_str()), ("end", end.as_str())];
        form.extend(selectors.iter().map(|selector| ("match[]", *selector)));
        self.attempts(path::SERIES, &form, &[ResultType::Series], consumer)
    }

    /// Evaluates `query` at one time, or at the backend's own present, once.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub fn instant(
        &self,
        query: &str,
        at: Option<Timestamp>,
        consumer: &mut dyn Consumer,
    ) -> Result<Remarks, QueryError> {
        let time = at.map(|at| at.unix().to_string());
        let mut form = vec![("query", query)];
        form.extend(time.as_deref().map(|time| ("time", time)));
        self.attempt(path::QUERY, &form, ResultType::INSTANT, consumer)
    }

    /// Evaluates `query` at one time, once, and keeps the answer: for aggregates and
    /// other small results.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub fn vector(
        &self,
        query: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<VectorSample>, QueryError> {
        let mut samples = Vec::new();
        let mut keep = Each::new(|labels: &Labels, value| {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let labels = labels.iter().map(owned).collect();
            samples.push(VectorSample { labels, value });
        });
        self.instant(query, at, &mut keep)?;
        Ok(samples)
    }

    /// Returns the backend's name and version, such as `Prometheus 2.42.0`; `None` where
    /// it does not say. Compatible backends mostly name the version that they resemble.
    pub fn software(&self) -> Option<String> {
        let response = self.client.get(path::BUILD_INFO, JSON, &[], CAPS).ok()?;
        (response.status == 200).then(|| read_build(response.body))?
    }

    fn attempts<C: Consumer>(
        &self,
        path: &str,
        form: &[(&str, &str)],
        expected: &[ResultType],
        consumer: impl Fn() -> C,
    ) -> Result<(C, Remarks), QueryError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut consumer = consumer();
            let error = match self.attempt(path, form, expected, &mut consumer) {
                Ok(remarks) => return Ok((consumer, remarks)),
                Err(error) => error,
            };
            match error.pause(attempts, random::unit()) {
                Some(pause) if self.started.elapsed() + pause < self.deadline => {
                    thread::sleep(pause);
                }
                _ => return Err(error),
            }
        }
    }

    fn attempt(
        &self,
        path: &str,
        form: &[(&str, &str)],
        expected: &[ResultType],
        consumer: &mut dyn Consumer,
    ) -> Result<Remarks, QueryError> {
        if self.started.elapsed() >= self.deadline {
            return Err(QueryError::OutOfTime(self.deadline));
        }
        let (response, post_refusal) = self.send(path, form).map_err(QueryError::Failure)?;
        let is_json = response.media_type() == JSON;
        if response.status != 200 {
            return Err(QueryError::Status {
                status: response.status,
                retry_after: response.retry_after,
                post_refusal,
                redirect: (response.location.as_deref())
                    .filter(|_| (300..400).contains(&response.status))
                    .map(|location| Redirect::read(location, path, self.client.base())),
                message: refusal(response, is_json),
            });
        }
        if !is_json {
            return Err(QueryError::NotJson {
                media_type: one_line(&response.media_type()),
            });
        }
        read(response.body, expected, consumer).map_err(QueryError::Defect)
    }

    /// Sends a query by POST, since it may be longer than the URLs that proxies accept; by GET if
    /// POST is refused, and for the rest of the run once GET has answered: other refusals, such
    /// as of a path that the backend lacks, say nothing about the method. Returns the response,
    /// with the status that POST was refused with.
    fn send(&self, path: &str, form: &[(&str, &str)]) -> Result<(Response, Option<u16>), Failure> {
        let get = || self.client.get(&with_query(path, form), JSON, &[], CAPS);
        if let Some(refusal) = self.post_refusal() {
            return Ok((get()?, Some(refusal)));
        }
        let response = self.client.post_form(path, form, JSON, &[], CAPS)?;
        let refusal = response.status;
        if !POST_REFUSALS.contains(&refusal) {
            return Ok((response, None));
        }
        drop(response);
        let response = get()?;
        if response.status == 200 {
            self.post_refusal.store(refusal, Ordering::Relaxed);
        }
        Ok((response, Some(refusal)))
    }
}

/// Returns the path of a GET with `form` as its query.
fn with_query(path: &str, form: &[(&str, &str)]) -> String {
    let mut joined = path.to_owned();
    for (index, (name, value)) in form.iter().enumerate() {
        joined.push(if index == 0 { '?' } else { '&' });
        percent_encode(name, &mut joined);
        joined.push('=');
        percent_encode(value, &mut joined);
    }
    joined
}

/// Appends `text` with all but RFC 3986's unreserved characters percent-encoded.
fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
}

/// Returns the message in the body of a refusal, in one line; may be empty.
fn refusal(mut response: Response, is_json: bool) -> String {
    let body = response.body.read_start(REFUSAL_BYTES);
    if let Some(refusal) = read_refusal(&body) {
        return refusal.to_string();
    }
    match response.media_type().as_str() {
        // Go answers a plain request to a TLS port without a type.
        "" | "text/plain" => one_line(&body),
        // The source of a proxy's page does not help, its title does.
        "text/html" => title(&body).map(one_line).unwrap_or_default(),
        _ if is_json => one_line(&body),
        _ => String::new(),
    }
}

/// Returns the title of an HTML page.
fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use webclient::{CaBundle, Credentials, Settings};

    #[test]
    fn no_query_begins_after_the_deadline() {
        let client = Client::new(Settings {
            // Nothing listens there.
            base: BaseUrl::parse("http://127.0.0.1:1").expect("a URL"),
            ca_bundle: CaBundle::none(),
            identity: None,
            credentials: Credentials::None,
            headers: Vec::new(),
            user_agent: "test",
            deadline: Duration::from_secs(1),
            connect_deadline: Duration::from_secs(1),
            keep_idle: Duration::from_secs(1),
        });
        let prometheus = Prometheus::new(client, Duration::ZERO);
        let error = prometheus
            .instant("up", None, &mut Each::new(|_, _| {}))
            .expect_err("too late");
        assert!(matches!(error, QueryError::OutOfTime(_)), "{error}");
        assert!(error.is_unreachable(), "the next query would fail as well");
    }

    #[test]
    fn redirects_name_the_url_to_use() {
        let base = BaseUrl::parse("http://prom:9090/old").expect("a URL");
        for (location, target, used) in [
            (
                "https://prom/api/v1/query_range?query=secret",
                "https://prom/api/v1/query_range",
                Some("https://prom"),
            ),
            (
                "/new/api/v1/query_range",
                "http://prom:9090/new/api/v1/query_range",
                Some("http://prom:9090/new"),
            ),
            ("/login?state=x", "http://prom:9090/login", None),
            (
                "https://u:p@h/api/v1/query_range",
                "a URL with credentials",
                None,
            ),
        ] {
            let redirect = Redirect::read(location, path::QUERY_RANGE, &base);
            assert_eq!(redirect.target, target);
            assert_eq!(redirect.base.as_deref(), used, "{location}");
        }
    }

    #[test]
    fn form_of_a_get_is_encoded() {
        let form = [("query", "a{b=~\"c|d\"} + 1 & é"), ("match[]", "x")];
        assert_eq!(
            with_query("/q", &form),
            "/q?query=a%7Bb%3D~%22c%7Cd%22%7D%20%2B%201%20%26%20%C3%A9&match%5B%5D=x"
        );
        assert_eq!(with_query("/q", &[]), "/q");
    }

    #[test]
    fn transient_errors_are_retried() {
        let usual = Duration::from_secs(1);
        let status = |status, retry_after| QueryError::Status {
            status,
            message: String::new(),
            retry_after,
            post_refusal: None,
            redirect: None,
        };
        let seconds = Duration::from_secs;
        for (error, pause) in [
            (status(503, None), Some(usual)),
            (status(500, None), Some(usual)),
            (status(429, Some(seconds(7))), Some(seconds(7))),
            (status(503, Some(seconds(300))), Some(MAX_PAUSE)),
            (status(400, None), None),
            (status(501, None), None),
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
            assert_eq!(error.pause(1, 0.5), pause, "{error:?}");
        }
        let down = status(503, None);
        assert_eq!(down.pause(2, 0.0), Some(usual));
        assert_eq!(down.pause(MAX_ATTEMPTS, 0.5), None);
    }
}
