//! The `Status` objects with which an API server refuses, in the shapes that a
//! real one sends.
//!
//! Invariant: refusals are byte for byte those of a real API server (held by
//! `refusals_equal_captured_ones` and `rbac_refusals_equal_captured_ones`).

use serde::Serialize;

use crate::credentials::USER;
use crate::http::Response;
use crate::requests::Endpoint;
use crate::rights::Right;

/// A refusal. Field order is the order on the wire.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Status {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    metadata: Empty,
    status: &'static str,
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Box<Details>>,
    code: u16,
}

#[derive(Debug, Clone, Serialize)]
struct Empty {}

#[derive(Debug, Clone, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Cause>,
}

#[derive(Debug, Clone, Serialize)]
struct Cause {
    message: String,
}

/// Code, reason and usual message of each refusal.
const REFUSALS: &str = "\
400 BadRequest the request is not understood
401 Unauthorized Unauthorized
403 Forbidden forbidden
404 NotFound the server could not find the requested resource
405 MethodNotAllowed the server does not allow this method on the requested resource
406 NotAcceptable only the following media types are accepted: application/json
410 Expired the continue token is too old; start a new list without it
422 Invalid invalid
429 TooManyRequests Too many requests, please try again later.
500 InternalError an error on the server
503 ServiceUnavailable error trying to reach service: dial tcp 192.0.2.2:10250: connect: connection refused
504 Timeout the request timed out";

impl Status {
    /// The refusal with this code, with its usual message.
    pub(crate) fn usual(code: u16) -> Self {
        let mut known = REFUSALS.lines();
        let known = known.find_map(|line| line.strip_prefix(&format!("{code} "))?.split_once(' '));
        let simulated = format!("a simulated answer with status {code}");
        let (reason, message) = known.unwrap_or(("", &simulated));
        Self {
            kind: "Status",
            api_version: "v1",
            metadata: Empty {},
            status: "Failure",
            message: message.to_owned(),
            reason,
            details: None,
            code,
        }
    }

    fn with(code: u16, message: String) -> Self {
        let usual = Self::usual(code);
        Self { message, ..usual }
    }

    fn about(mut self, kind: &'static str, name: &str) -> Self {
        self.details = Some(Box::new(Details {
            name: name.to_owned(),
            kind,
            causes: Vec::new(),
        }));
        self
    }

    pub(crate) fn bad_request(message: String) -> Self {
        Self::with(400, message)
    }

    pub(crate) fn forbidden(review: Right, node: &str) -> Self {
        let Right { verb, resource } = review;
        let kind = resource.split('/').next().unwrap_or_default();
        let name = if verb == "list" { "" } else { node };
        let what = match name {
            "" => kind.to_owned(),
            name => format!("{kind} \"{name}\""),
        };
        let message = format!(
            "{what} is forbidden: User \"{USER}\" cannot {verb} resource \"{resource}\" in API group \"\" at the cluster scope"
        );
        Self::with(403, message).about(kind, name)
    }

    pub(crate) fn node_not_found(node: &str) -> Self {
        Self::with(404, format!("nodes \"{node}\" not found")).about("nodes", node)
    }

    pub(crate) fn refused_by_admission(node: &str, why: String) -> Self {
        let message = format!("nodes \"{node}\" is forbidden: {why}");
        let mut status = Self::with(422, message).about("nodes", node);
        if let Some(details) = &mut status.details {
            details.causes.push(Cause { message: why });
        }
        status
    }

    /// The refusal that usually has this code, for a request about `node` and,
    /// behind the proxy, `path`.
    pub(crate) fn of_code(code: u16, endpoint: Endpoint, node: &str, path: &str) -> Self {
        match code {
            403 => {
                let review = Right::at_api_server("GET", endpoint);
                Self::forbidden(review.unwrap_or(Right::GET_NODES_PROXY), node)
            }
            404 => Self::node_not_found(node),
            422 => {
                let policy = "ValidatingAdmissionPolicy 'k8s-ai-exporter-proxy' with binding \
                              'k8s-ai-exporter-proxy'";
                let why = format!("{policy} denied request: path not allowed: {path}");
                Self::refused_by_admission(node, why)
            }
            code => Self::usual(code),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a Status has only text and numbers")
    }

    pub(crate) fn response(&self) -> Response {
        Response::new(self.code, "application/json", self.to_json())
            .with_header("Cache-Control", "no-cache, private")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_code(code: u16, node: &str, path: &str) -> Status {
        Status::of_code(code, Endpoint::OtherProxy, node, path)
    }

    #[test]
    fn refusals_equal_captured_ones() {
        for (file, status) in [
            ("401-bad-token", of_code(401, "node-a", "")),
            ("404-node", of_code(404, "node-zz", "")),
            ("422-admission", of_code(422, "node-a", "/pods")),
            ("5xx-kubelet-down", of_code(503, "node-a", "")),
        ] {
            let path = crate::fixtures().join(format!("errors/{file}.body"));
            let real = std::fs::read_to_string(&path).expect("the capture is there");
            assert_eq!(status.to_json(), real.trim_end(), "{file}");
        }
    }

    #[test]
    fn rbac_refusals_equal_captured_ones() {
        let path = crate::fixtures().join("errors/403-rbac.body");
        let real = std::fs::read_to_string(path).expect("the capture is there");
        let ours = of_code(403, "node-a", "").to_json();
        let account = "monitoring:k8s-ai-exporter";
        assert_eq!(ours.replace(account, "default:default"), real.trim_end());
    }
    #[test]
    fn refused_lists_name_their_verb() {
        let list = Status::of_code(403, Endpoint::Pods, "node-a", "").to_json();
        assert!(list.contains("\"pods is forbidden: User "), "{list}");
        assert!(
            list.contains("cannot list resource \\\"pods\\\" in"),
            "{list}"
        );
        assert!(!list.contains("\"name\""), "{list}");
    }
}
