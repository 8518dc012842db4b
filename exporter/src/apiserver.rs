//! Bounded GETs to the API server: the node object, the count of active pods,
//! and a kubelet endpoint through the proxy.
//!
//! Knows URLs, statuses and content types. Interprets no usage, keeps no
//! schedule. Each answer is read as a stream, under caps, within one deadline.

use std::fmt;
use std::io::{BufReader, Read};
use std::time::{Duration, Instant};

use contract::Reason;
use log::debug;
use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use webclient::{Caps, Failure, Header, Response};

use crate::args::{NodeName, Phase};
use crate::credentials::Credentials;
use exposition::{Consumer, Reader};

const MIB: u64 = 1024 * 1024;

/// Real bodies: up to 25 MB of cAdvisor text for 500 pods, a sixth of it sent.
const EXPOSITION_CAPS: Caps = Caps {
    compressed: 64 * MIB,
    inflated: 256 * MIB,
};

/// Real bodies: a node object with its images up to 100 KB, a page of pods 160 KB.
const JSON_CAPS: Caps = Caps {
    compressed: 16 * MIB,
    inflated: 32 * MIB,
};

/// Bytes of exposition handed to the reader at a time. After each piece the
/// decoder keeps its 32 KiB window, so larger pieces mean less copying.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Pods asked for in one page. The API server's cache ignores it and sends all.
const PODS_PER_PAGE: u32 = 500;

/// A pod list that takes more pages than this is not one node's.
const MAX_PAGES: u32 = 100;

/// Without the version parameter a kubelet may answer in protobuf.
const ACCEPT_EXPOSITION: &str = "text/plain;version=0.0.4";
const ACCEPT_JSON: &str = "application/json";
/// A table row a pod, some 300 bytes each; the pods themselves are 10 KB each.
const ACCEPT_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// Why a scrape of an endpoint failed as a whole.
#[derive(Debug)]
pub struct ScrapeError {
    /// The reason, as it is counted.
    pub reason: Reason,
    /// What happened and what to look at.
    pub message: String,
    /// How long the API server asks to wait.
    pub retry_after: Option<Duration>,
    /// The API server knows no such node: everything about it is void.
    pub node_gone: bool,
}

impl ScrapeError {
    /// An error without a wish to wait.
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
            Failure::Tls { .. } => Reason::Tls,
            Failure::Timeout { .. } => Reason::Timeout,
            Failure::Truncated => Reason::Truncated,
            Failure::TooLarge { .. } => Reason::TooLarge,
            Failure::Encoding(_) => Reason::Encoding,
            Failure::Protocol(_) => Reason::Protocol,
        };
        Self::new(reason, failure.to_string())
    }
}

/// An error while reading a body.
fn read_error(error: std::io::Error) -> ScrapeError {
    match Failure::from_io(error) {
        Ok(failure) => failure.into(),
        Err(other) => ScrapeError::new(Reason::Connect, other.to_string()),
    }
}

/// What pods may use of a node, or what it has. Plain numbers by Kubernetes
/// quantity; `None` where the node does not say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Cores.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<f64>,
    /// Number of pods.
    pub pods: Option<f64>,
}

/// What is read of a node object.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NodeObject {
    /// What pods may use.
    pub allocatable: Resources,
    /// What the machine has.
    pub capacity: Resources,
}

/// The API server, as one node's scraper asks it.
#[derive(Debug, Clone, Copy)]
pub struct ApiServer<'a> {
    credentials: &'a Credentials,
    node: &'a NodeName,
}

impl<'a> ApiServer<'a> {
    /// For questions about one node.
    pub fn new(credentials: &'a Credentials, node: &'a NodeName) -> Self {
        Self { credentials, node }
    }

    /// Reads a kubelet endpoint through the proxy into `consumer`. `bytes` grows
    /// by what was received, also where the scrape fails.
    ///
    /// # Errors
    /// When no complete exposition arrived: what `consumer` took is void then.
    pub fn exposition(
        self,
        path: &str,
        consumer: &mut dyn Consumer,
        bytes: &mut u64,
    ) -> Result<(), ScrapeError> {
        let url = format!("/api/v1/nodes/{}/proxy{path}", self.node);
        let mut response = self.get(&url, ACCEPT_EXPOSITION, EXPOSITION_CAPS, bytes)?;
        expect_type(&response, "text/plain")?;
        let result = stream(&mut response, consumer);
        *bytes += response.body.received();
        result
    }

    /// Reads the node object.
    ///
    /// # Errors
    /// When it did not arrive whole, or is no node.
    pub fn node(self, bytes: &mut u64) -> Result<NodeObject, ScrapeError> {
        let url = format!("/api/v1/nodes/{}", self.node);
        let object: wire::Node = self.json(&url, ACCEPT_JSON, bytes)?;
        if object.kind != "Node" {
            return Err(ScrapeError::new(
                Reason::Json,
                format!(
                    "expected an object of kind Node, got kind {:?}",
                    object.kind
                ),
            ));
        }
        Ok(NodeObject {
            allocatable: object.status.allocatable.read()?,
            capacity: object.status.capacity.read()?,
        })
    }

    /// Counts the node's pods whose phase is none of `excluded`.
    ///
    /// # Errors
    /// When the list did not arrive whole.
    pub fn active_pods(self, excluded: &[Phase], bytes: &mut u64) -> Result<u64, ScrapeError> {
        let mut selector = format!("spec.nodeName={}", self.node);
        for phase in excluded {
            selector.push_str(",status.phase!=");
            selector.push_str(phase.name());
        }
        // resourceVersion=0: from the API server's cache, without asking etcd.
        let first = format!(
            "/api/v1/pods?fieldSelector={}&includeObject=None&limit={PODS_PER_PAGE}&resourceVersion=0",
            percent_encode(&selector)
        );
        let started = Instant::now();
        let mut url = first.clone();
        let mut count = 0;
        for _ in 0..MAX_PAGES {
            let page: wire::PodPage = match self.json(&url, ACCEPT_TABLE, bytes) {
                // The rest of the list has expired: the whole is read again,
                // this time at once and not from the cache.
                Err(error)
                    if error.reason == Reason::HttpStatus && url != first && is_gone(&error) =>
                {
                    url.clone_from(&first);
                    count = 0;
                    continue;
                }
                page => page?,
            };
            count += page.count()?;
            // One deadline for the list as for any other question.
            if started.elapsed() > self.credentials.deadline() {
                return Err(ScrapeError::new(
                    Reason::Timeout,
                    "the list of pods did not end within --request-timeout",
                ));
            }
            match page.metadata.next() {
                None => return Ok(count),
                // A token goes with the rest of its query, but not with resourceVersion.
                Some(token) => {
                    url = format!(
                        "{}&continue={}",
                        first.trim_end_matches("&resourceVersion=0"),
                        percent_encode(token)
                    );
                }
            }
        }
        Err(ScrapeError::new(
            Reason::TooLarge,
            format!("the list of pods does not end after {MAX_PAGES} pages"),
        ))
    }

    fn json<T: for<'de> Deserialize<'de>>(
        self,
        url: &str,
        accept: &str,
        bytes: &mut u64,
    ) -> Result<T, ScrapeError> {
        let mut response = self.get(url, accept, JSON_CAPS, bytes)?;
        expect_type(&response, "application/json")?;
        let parsed = serde_json::from_reader(BufReader::new(&mut response.body));
        *bytes += response.body.received();
        parsed.map_err(|error| {
            if error.is_io() {
                read_error(error.into())
            } else if error.is_eof() {
                ScrapeError::new(Reason::Truncated, format!("JSON that ends early: {error}"))
            } else {
                ScrapeError::new(
                    Reason::Json,
                    format!("not the JSON that was asked for: {error}"),
                )
            }
        })
    }

    /// Sends a GET, once more after a 401: the token may have rotated since it
    /// was read. Returns a response with status 200.
    fn get(
        self,
        url: &str,
        accept: &str,
        caps: Caps,
        bytes: &mut u64,
    ) -> Result<Response, ScrapeError> {
        let mut again = true;
        loop {
            let current = self
                .credentials
                .current()
                .map_err(|missing| ScrapeError::new(Reason::Credentials, missing.to_string()))?;
            debug!("GET {}", current.client.base().join(url));
            let bearer = current.token.as_ref().map(Header::bearer);
            let mut response = current.client.get(url, accept, bearer.as_slice(), caps)?;
            if response.status == 200 {
                return Ok(response);
            }
            let refusal = refusal(&mut response);
            *bytes += response.body.received();
            if response.status == 401 && again {
                again = false;
                continue;
            }
            return Err(refusal);
        }
    }
}

fn stream(response: &mut Response, consumer: &mut dyn Consumer) -> Result<(), ScrapeError> {
    let mut reader = Reader::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match response.body.read(&mut chunk).map_err(read_error)? {
            0 => break,
            count => reader.push(&chunk[..count], consumer),
        }
    }
    reader.finish(consumer);
    Ok(())
}

fn expect_type(response: &Response, expected: &str) -> Result<(), ScrapeError> {
    let found = response.media_type();
    if found == expected {
        return Ok(());
    }
    Err(ScrapeError::new(
        Reason::ContentType,
        format!(
            "expected a body of type {expected}, got {:?}",
            response.content_type.as_deref().unwrap_or("none")
        ),
    ))
}

/// Bytes of a refusal that are read for its message.
const REFUSAL_BYTES: u64 = 16 * 1024;

/// Turns a response that is not 200 into an error that says what to look at.
fn refusal(response: &mut Response) -> ScrapeError {
    let status = response.status;
    let text = response.body.read_start(REFUSAL_BYTES);
    let parsed: Option<wire::Status> = serde_json::from_str(&text)
        .ok()
        .filter(|status: &wire::Status| status.kind == "Status");
    let said = parsed
        .as_ref()
        .map_or_else(String::new, |status| one_line(&status.message));
    let (reason, hint) = match status {
        401 => (
            Reason::Unauthorized,
            "the API server does not accept the token; is --token-file the service account's?",
        ),
        403 => (
            Reason::Forbidden,
            "RBAC does not allow it; is the ClusterRole k8s-ai-exporter bound to this service account?",
        ),
        404 => (Reason::NotFound, "is --node-name a node of this cluster?"),
        422 => (
            Reason::AdmissionDenied,
            "an admission policy refuses it; does its list hold this path, and this pod's node?",
        ),
        429 => (
            Reason::RateLimited,
            "the API server asks for fewer requests",
        ),
        503 => (
            Reason::Unavailable,
            "the API server is not ready or cannot reach the kubelet",
        ),
        _ => (Reason::HttpStatus, ""),
    };
    let node_gone = status == 404
        && parsed.is_some_and(|status| {
            status.reason == "NotFound" && status.details.is_some_and(|d| d.kind == "nodes")
        });
    let mut message = format!("HTTP {status}");
    for part in [said.as_str(), hint] {
        if !part.is_empty() {
            message.push_str(": ");
            message.push_str(part);
        }
    }
    ScrapeError {
        reason,
        message,
        retry_after: response.retry_after,
        node_gone,
    }
}

/// Foreign text for a log line: no line breaks, not without end.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(400)
        .collect()
}

fn is_gone(error: &ScrapeError) -> bool {
    error.message.starts_with("HTTP 410")
}

/// Encodes a query value: everything but RFC 3986's unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The JSON of the API server, as far as it is read.
mod wire {
    use super::{Deserialize, IgnoredAny, Reason, Resources, ScrapeError, SeqAccess, Visitor, fmt};
    use quantity::parse_quantity;

    #[derive(Deserialize)]
    pub(super) struct Status {
        #[serde(default)]
        pub(super) kind: String,
        #[serde(default)]
        pub(super) message: String,
        #[serde(default)]
        pub(super) reason: String,
        pub(super) details: Option<Details>,
    }

    #[derive(Deserialize)]
    pub(super) struct Details {
        #[serde(default)]
        pub(super) kind: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Node {
        #[serde(default)]
        pub(super) kind: String,
        #[serde(default)]
        pub(super) status: NodeStatus,
    }

    #[derive(Deserialize, Default)]
    pub(super) struct NodeStatus {
        #[serde(default)]
        pub(super) allocatable: Quantities,
        #[serde(default)]
        pub(super) capacity: Quantities,
    }

    #[derive(Deserialize, Default)]
    pub(super) struct Quantities {
        cpu: Option<String>,
        memory: Option<String>,
        pods: Option<String>,
    }

    impl Quantities {
        pub(super) fn read(&self) -> Result<Resources, ScrapeError> {
            let read = |text: &Option<String>| {
                text.as_deref()
                    .map(parse_quantity)
                    .transpose()
                    .map_err(|error| ScrapeError::new(Reason::Json, error.to_string()))
            };
            Ok(Resources {
                cpu: read(&self.cpu)?,
                memory: read(&self.memory)?,
                pods: read(&self.pods)?,
            })
        }
    }

    /// A page of pods: a Table, or a PodList from a server that knows no tables.
    #[derive(Deserialize)]
    pub(super) struct PodPage {
        kind: String,
        #[serde(default)]
        pub(super) metadata: ListMeta,
        #[serde(default, deserialize_with = "present")]
        rows: Option<Count>,
        #[serde(default, deserialize_with = "present")]
        items: Option<Count>,
    }

    impl PodPage {
        pub(super) fn count(&self) -> Result<u64, ScrapeError> {
            let list = match self.kind.as_str() {
                "Table" => &self.rows,
                "PodList" => &self.items,
                other => {
                    return Err(ScrapeError::new(
                        Reason::Json,
                        format!("expected a Table or a PodList, got kind {other:?}"),
                    ));
                }
            };
            match list {
                Some(count) => Ok(count.0),
                None => Err(ScrapeError::new(
                    Reason::Json,
                    format!("a {} without its list", self.kind),
                )),
            }
        }
    }

    #[derive(Deserialize, Default)]
    pub(super) struct ListMeta {
        #[serde(default, rename = "continue")]
        token: String,
    }

    impl ListMeta {
        pub(super) fn next(&self) -> Option<&str> {
            (!self.token.is_empty()).then_some(&self.token)
        }
    }

    /// Tells a list that is null, which means an empty one, from one that is missing.
    fn present<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Count>, D::Error> {
        Count::deserialize(deserializer).map(Some)
    }

    /// The length of a JSON array, whose elements are passed over; 0 for null.
    pub(super) struct Count(u64);

    impl<'de> Deserialize<'de> for Count {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Counter;
            impl<'de> Visitor<'de> for Counter {
                type Value = Count;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an array or null")
                }
                fn visit_unit<E>(self) -> Result<Count, E> {
                    Ok(Count(0))
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Count, A::Error> {
                    let mut count = 0;
                    while array.next_element::<IgnoredAny>()?.is_some() {
                        count += 1;
                    }
                    Ok(Count(count))
                }
            }
            deserializer.deserialize_any(Counter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(json: &str) -> Result<u64, String> {
        let page: wire::PodPage = serde_json::from_str(json).map_err(|error| error.to_string())?;
        page.count().map_err(|error| error.to_string())
    }

    #[test]
    fn rows_and_items_are_counted_and_null_is_none() {
        assert_eq!(
            page(r#"{"kind":"Table","rows":[{"cells":["a"]},{"cells":[1]}]}"#),
            Ok(2)
        );
        assert_eq!(page(r#"{"kind":"Table","rows":null}"#), Ok(0));
        assert!(page(r#"{"kind":"Table"}"#).is_err());
        assert_eq!(page(r#"{"kind":"PodList","items":[{}]}"#), Ok(1));
        assert!(page(r#"{"kind":"Status"}"#).is_err());
        assert!(page(r#"{"kind":"Table","rows":{}}"#).is_err());
    }

    #[test]
    fn a_selector_survives_the_query_string() {
        assert_eq!(
            percent_encode("spec.nodeName=a-1,status.phase!=Failed"),
            "spec.nodeName%3Da-1%2Cstatus.phase%21%3DFailed"
        );
    }
}
