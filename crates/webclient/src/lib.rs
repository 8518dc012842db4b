//! Bounded HTTPS client of both programs.
//!
//! In scope: GET, POST and PUT to one origin at a time; verified TLS with a given CA and
//! client certificate; bearer tokens, basic authentication and extra headers; one deadline
//! for the whole request; limits on the compressed and on the decompressed body; gzip;
//! failures that name the next step.
//!
//! Out of scope, on purpose: redirects, proxies, cookies and disabling verification. A token
//! is sent to the configured origin only.
//!
//! Invariants: no secret is shown (held by `debug_output_shows_no_secret`,
//! `invalid_url_is_refused_without_its_text`); a rotated token is retried once
//! (`rotated_token_is_retried_once`).

mod body;
mod credentials;
mod failure;
mod header;
mod identity;
mod name;
mod resolver;
mod tls;
mod url;

pub use body::{Body, Caps};
pub use credentials::Credentials;
pub use failure::Failure;
pub use header::Header;
pub use identity::Identity;
pub use runtime::file::FileError;
pub use runtime::secret::{Secret, SecretFile};
pub use tls::CaBundle;
pub use url::BaseUrl;

use std::fmt;
use std::time::{Duration, SystemTime};

use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{RequestBuilder, http};

/// The expected form of a text that was refused. Does not repeat that text: it may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected(&'static str);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Expected {}

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Scheme, host, port and path prefix of every request.
    pub base: BaseUrl,
    /// The CAs to trust over TLS; unused for `http://`.
    pub ca_bundle: CaBundle,
    /// The client certificate to present where the server requests one.
    pub identity: Option<Identity>,
    /// The credentials of each request.
    pub credentials: Credentials,
    /// Sent with each request.
    pub headers: Vec<Header>,
    /// Sent as `User-Agent`.
    pub user_agent: &'static str,
    /// Deadline of one request, from resolving the name to the last byte of the body.
    pub deadline: Duration,
    /// Time for connecting and the TLS handshake within the deadline.
    pub connect_deadline: Duration,
    /// Time for which an idle connection is kept.
    pub keep_idle: Duration,
}

/// An HTTP client for one origin. Can be called from several threads.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: BaseUrl,
    credentials: Credentials,
    headers: Vec<Header>,
    deadline: Duration,
    /// Name that the server's certificate may have in place of the host's.
    peer_name: Option<String>,
}

/// Methods of requests with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// A request body.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Sent as `Content-Type`.
    pub media_type: &'a str,
    /// Sent as they are.
    pub bytes: &'a [u8],
}

/// Maximum size of the response header: real ones stay under 1 KiB.
const MAX_RESPONSE_HEADER_BYTES: usize = 16 * 1024;

/// Size of the buffer between socket and parser, of which a connection has two (TLS and
/// plain). Four of the largest TLS records: a system call costs as much as decrypting one.
const INPUT_BUFFER_BYTES: usize = 64 * 1024;
const OUTPUT_BUFFER_BYTES: usize = 8 * 1024;

/// Maximum wait that a `Retry-After` can request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

impl Client {
    /// Makes a client for one or two threads; connects to nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self::keeping(2, settings)
    }

    /// Makes a client that keeps up to `idle` idle connections, to all origins together: as
    /// many as there are threads that send requests.
    pub fn keeping(idle: usize, settings: Settings) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(settings.user_agent)
            .accept_encoding("gzip")
            .timeout_global(Some(settings.deadline))
            .timeout_connect(Some(settings.connect_deadline))
            .max_response_header_size(MAX_RESPONSE_HEADER_BYTES)
            .input_buffer_size(INPUT_BUFFER_BYTES)
            .output_buffer_size(OUTPUT_BUFFER_BYTES)
            .max_idle_connections(idle)
            .max_idle_connections_per_host(idle)
            .max_idle_age(settings.keep_idle)
            .build();
        let connector =
            ().chain(TcpConnector::default())
                .chain(tls::TlsConnector::new(
                    settings.base.is_https(),
                    &settings.ca_bundle,
                    settings.identity.as_ref(),
                ));
        Self {
            agent: ureq::Agent::with_parts(config, connector, resolver::AddressResolver::default()),
            base: settings.base,
            credentials: settings.credentials,
            headers: settings.headers,
            deadline: settings.deadline,
            peer_name: None,
        }
    }

    /// Returns a client for another origin, with the same CAs, client certificate, deadlines and
    /// pool of connections. Credentials and headers are not taken along. A certificate that does
    /// not name the host of `base` is accepted if it is valid for `peer_name` instead.
    pub fn at(&self, base: BaseUrl, peer_name: Option<&str>) -> Self {
        Self {
            agent: self.agent.clone(),
            base,
            credentials: Credentials::None,
            headers: Vec::new(),
            deadline: self.deadline,
            peer_name: peer_name.map(str::to_owned),
        }
    }

    /// The origin of this client.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Sends a GET for `path_and_query`, which starts with `/`.
    ///
    /// # Errors
    /// When no response arrives. A response of any status is not an error here.
    pub fn get(
        &self,
        path_and_query: &str,
        accept: &str,
        headers: &[Header],
        caps: Caps,
    ) -> Result<Response, Failure> {
        self.send_authorized(caps, |authorization| {
            let request = self.agent.get(self.base.join(path_and_query));
            let request = request.header("accept", accept);
            self.with_headers(request, headers, authorization).call()
        })
    }

    /// Sends a POST of `form`, URL-encoded, to `path`, which starts with `/`.
    ///
    /// # Errors
    /// When no response arrives. A response of any status is not an error here.
    pub fn post_form(
        &self,
        path: &str,
        form: &[(&str, &str)],
        accept: &str,
        headers: &[Header],
        caps: Caps,
    ) -> Result<Response, Failure> {
        self.send_authorized(caps, |authorization| {
            let request = self.agent.post(self.base.join(path));
            let request = request.header("accept", accept);
            self.with_headers(request, headers, authorization)
                .send_form(form.iter().copied())
        })
    }

    /// Sends `content` to `path_and_query`, which starts with `/`.
    ///
    /// # Errors
    /// When no response arrives. A response of any status is not an error here.
    pub fn send(
        &self,
        method: Method,
        path_and_query: &str,
        content: Content<'_>,
        headers: &[Header],
        caps: Caps,
    ) -> Result<Response, Failure> {
        self.send_authorized(caps, |authorization| {
            let url = self.base.join(path_and_query);
            let request = match method {
                Method::Post => self.agent.post(url),
                Method::Put => self.agent.put(url),
            };
            let request = request.header("content-type", content.media_type);
            self.with_headers(request, headers, authorization)
                .send(content.bytes)
        })
    }

    /// Sends a request with the current credentials; once more after a 401 if they have
    /// changed meanwhile, since a token may rotate during the request.
    fn send_authorized(
        &self,
        caps: Caps,
        send: impl Fn(Option<&Secret>) -> Result<http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response, Failure> {
        let send = |authorization: Option<&Secret>| {
            tls::with_peer_name(self.peer_name.as_deref(), || send(authorization))
        };
        let authorization = self.credentials.authorization()?;
        let response = self.finish(send(authorization.as_ref()), caps)?;
        if response.status != 401 {
            return Ok(response);
        }
        let changed = self.credentials.authorization()?;
        if changed == authorization {
            return Ok(response);
        }
        drop(response);
        self.finish(send(changed.as_ref()), caps)
    }

    fn with_headers<B>(
        &self,
        mut request: RequestBuilder<B>,
        headers: &[Header],
        authorization: Option<&Secret>,
    ) -> RequestBuilder<B> {
        for header in self.headers.iter().chain(headers) {
            request = request.header(header.name(), header.value());
        }
        match authorization {
            Some(value) => request.header("authorization", value.reveal()),
            None => request,
        }
    }

    fn finish(
        &self,
        result: Result<http::Response<ureq::Body>, ureq::Error>,
        caps: Caps,
    ) -> Result<Response, Failure> {
        let response =
            result.map_err(|error| Failure::from_ureq(error, &self.base, self.deadline))?;
        let (head, body) = response.into_parts();
        let header = |name: &str| {
            head.headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let encoding = header("content-encoding");
        Ok(Response {
            status: head.status.as_u16(),
            content_type: header("content-type"),
            location: header("location"),
            retry_after: header("retry-after")
                .and_then(|text| parse_retry_after(&text, SystemTime::now())),
            body: Body::new(
                body.into_reader(),
                encoding.as_deref(),
                caps,
                &self.base,
                self.deadline,
            )?,
        })
    }
}

/// The head of a response, with its body still to be read.
#[derive(Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// The `Content-Type` header, verbatim.
    pub content_type: Option<String>,
    /// The `Location` header, verbatim.
    pub location: Option<String>,
    /// The wait that the server requests, at most five minutes.
    pub retry_after: Option<Duration>,
    /// The body, decompressed as it is read.
    pub body: Body,
}

impl Response {
    /// Returns the media type without its parameters, in lower case; empty if there is none.
    pub fn media_type(&self) -> String {
        let full = self.content_type.as_deref().unwrap_or_default();
        let end = full.find(';').unwrap_or(full.len());
        full[..end].trim().to_ascii_lowercase()
    }
}

/// Parses both forms of RFC 9110's `Retry-After`: seconds or a date. A negative or past value
/// means no wait; the maximum is five minutes.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // A number with too many digits is a long wait.
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let at = httpdate::parse_http_date(text).ok()?;
        at.duration_since(now).ok()?
    };
    Some(wait.min(MAX_RETRY_AFTER)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_and_capped() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 07:13:08 GMT").expect("a date");
        let seconds = |text| parse_retry_after(text, now).map(|d| d.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Sun, 22 Nov 2026 07:13:38 GMT"), Some(30));
        assert_eq!(seconds("Sun, 22 Nov 2026 07:12:38 GMT"), None);
        assert_eq!(seconds("Sat, 22 Nov 2036 07:12:38 GMT"), Some(300));
        assert_eq!(seconds("86400"), Some(300));
        assert_eq!(seconds("99999999999999999999999"), Some(300));
        for nothing in ["", "0", "-5", "soon", "1.5"] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
    }
}
