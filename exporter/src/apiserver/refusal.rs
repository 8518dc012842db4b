//! Errors for responses other than 200, and for missing responses, each with the next step.
//!
//! Invariant: each refusal is counted by its reason (held by `refusals_are_counted_by_reason` in
//! e2e).

use contract::Reason;
use webclient::{Failure, Response};

use super::error::ScrapeError;
use super::wire::Status;

/// The server that was asked: the same status means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The API server, also where it passes a kubelet's answer on.
    ApiServer,
    /// A kubelet itself.
    Kubelet,
}

/// Bytes of a refusal that are read for its message.
const REFUSAL_BYTES: u64 = 16 * 1024;

/// Converts a response other than 200 into an error with the next step.
pub(super) fn of(response: &mut Response, server: Server) -> ScrapeError {
    let text = response.body.read_start(REFUSAL_BYTES);
    ScrapeError {
        retry_after: response.retry_after,
        ..read_refusal(response.status, &response.media_type(), &text, server)
    }
}

/// Returns the error for a response with this status, type and start of its body. Pure.
pub fn read_refusal(status: u16, media_type: &str, text: &str, server: Server) -> ScrapeError {
    let parsed: Option<Status> = serde_json::from_str(text)
        .ok()
        .filter(|status: &Status| status.kind == "Status");
    let said = match &parsed {
        Some(status) => one_line(&status.message),
        // A kubelet answers in plain text; anything else may be a page of a proxy.
        None if media_type == "text/plain" => one_line(text.trim()),
        None => String::new(),
    };
    let (reason, hint) = match (status, server) {
        (401, Server::ApiServer) => (
            Reason::Unauthorized,
            "the API server does not accept the token; check that --token-file is the service account's",
        ),
        (401, Server::Kubelet) => (
            Reason::Unauthorized,
            "the kubelet does not accept the token; check its setting authentication.webhook",
        ),
        (403, Server::ApiServer) => (
            Reason::Forbidden,
            "RBAC refuses it; check that the ClusterRole k8s-ai-exporter is bound to this service account",
        ),
        (403, Server::Kubelet) => (
            Reason::Forbidden,
            "RBAC refuses it; --via=kubelet requires get on nodes/metrics in the ClusterRole k8s-ai-exporter",
        ),
        (404, Server::ApiServer) => (
            Reason::NotFound,
            "check that --node-name is a node of this cluster",
        ),
        (404, Server::Kubelet) => (Reason::NotFound, "the kubelet does not serve this path"),
        (422, _) => (
            Reason::AdmissionDenied,
            "an admission policy refuses it; check that it allows this path, and this pod's node",
        ),
        (429, _) => (Reason::RateLimited, "the API server limits requests"),
        (503, Server::ApiServer) => (
            Reason::Unavailable,
            "the API server is not ready or cannot reach the kubelet",
        ),
        (503, Server::Kubelet) => (Reason::Unavailable, "the kubelet is not ready"),
        _ => (Reason::HttpStatus, ""),
    };
    let node_gone = status == 404
        && server == Server::ApiServer
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
        node_gone,
        ..ScrapeError::new(reason, message)
    }
}

/// Adds the next step to a failure to reach a kubelet.
pub(super) fn failed(failure: Failure, server: Server) -> ScrapeError {
    let mut error = ScrapeError::from(failure);
    if error.reason == Reason::Tls && server == Server::Kubelet {
        error.message.push_str(
            "; --kubelet-ca-file must hold the CAs of the kubelets' serving certificates, which must name the address or the node; --kubelet-address-types selects the address",
        );
    }
    error
}

/// Makes text from outside fit a log line: no line breaks, limited length.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(400)
        .collect()
}
