//! Log of requests: counts, bytes, and the last request of each kind.

use std::collections::BTreeMap;

use crate::http::Request;

/// Endpoint of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `/metrics/resource` of a node's kubelet, behind the proxy or at its own port.
    Resource,
    /// `/metrics/cadvisor` of a node's kubelet.
    Cadvisor,
    /// `/api/v1/pods`.
    Pods,
    /// `/api/v1/nodes/<name>`.
    Node,
    /// `/api/v1/nodes`.
    Nodes,
    /// Any other path of a kubelet.
    OtherProxy,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// Anything else.
    #[default]
    Other,
}

/// All requests of one method to one kind of path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestStats {
    /// Requests, the refused ones too.
    pub count: u64,
    /// Bytes of the bodies sent in answer, compressed as they were.
    pub body_bytes: u64,
    /// Number of responses of each status. A connection that was reset in
    /// place of an answer counts under none.
    pub statuses: BTreeMap<u16, u64>,
    /// Path and query of the last request, as it was sent.
    pub last_target: String,
    /// Headers of the last request, names in lower case.
    pub last_headers: BTreeMap<String, String>,
}

/// A snapshot of the request log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// By method and kind of path.
    pub stats: BTreeMap<(String, Endpoint), RequestStats>,
    /// Connections accepted.
    pub connections: u64,
    /// Connections on which TLS was not agreed upon.
    pub failed_handshakes: u64,
}

impl Requests {
    /// Requests to an endpoint, by any method.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.of(endpoint).map(|asked| asked.count).sum()
    }

    /// Bytes of the bodies that an endpoint sent.
    pub fn body_bytes(&self, endpoint: Endpoint) -> u64 {
        self.of(endpoint).map(|asked| asked.body_bytes).sum()
    }

    /// The GETs to an endpoint; all zero when there was none.
    pub fn get(&self, endpoint: Endpoint) -> RequestStats {
        let key = ("GET".to_owned(), endpoint);
        self.stats.get(&key).cloned().unwrap_or_default()
    }

    fn of(&self, endpoint: Endpoint) -> impl Iterator<Item = &RequestStats> {
        self.stats
            .iter()
            .filter(move |((_, each), _)| *each == endpoint)
            .map(|(_, asked)| asked)
    }

    /// Notes a request on its arrival.
    pub(crate) fn note(&mut self, request: &Request, endpoint: Endpoint) {
        let asked = self.entry(request, endpoint);
        asked.count += 1;
        asked.last_target.clone_from(&request.target);
        asked.last_headers.clone_from(&request.headers);
    }

    /// Notes what it was answered, before that is sent.
    pub(crate) fn note_answer(
        &mut self,
        request: &Request,
        endpoint: Endpoint,
        status: u16,
        body_bytes: usize,
    ) {
        let asked = self.entry(request, endpoint);
        asked.body_bytes += body_bytes as u64;
        *asked.statuses.entry(status).or_default() += 1;
    }

    fn entry(&mut self, request: &Request, endpoint: Endpoint) -> &mut RequestStats {
        let key = (request.method.clone(), endpoint);
        self.stats.entry(key).or_default()
    }
}
