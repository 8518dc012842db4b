//! The kubelets' own ports: where each is reached, its certificate, how it refuses,
//! and its answers on paths other than those of metrics.
//!
//! One listener serves them all. Each node has an address of its own on the
//! loopback network, and the address that a client has connected to says which
//! kubelet it means.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use runtime::lock::lock;
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::credentials::USER;
use crate::http::{Request, Response};
use crate::rights::Right;
use crate::tls::{Certificate, CertificateAuthority};

/// The CA of the kubelets' serving certificates, and those it has issued.
pub(crate) struct Kubelets {
    ca: CertificateAuthority,
    /// Port of each kubelet.
    port: u16,
    issued: Mutex<Issued>,
}

struct Issued {
    kind: Certificate,
    certificates: HashMap<IpAddr, Arc<ServerConfig>>,
}

impl Kubelets {
    /// Opens the port on every address.
    pub(crate) fn listen() -> io::Result<(Self, TcpListener)> {
        let on = |ip: IpAddr| TcpListener::bind(SocketAddr::new(ip, 0));
        // One IPv6 socket takes IPv4 connections too, where the machine has IPv6.
        let listener =
            on(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| on(Ipv4Addr::UNSPECIFIED.into()))?;
        let kubelets = Self {
            ca: CertificateAuthority::new("kubelet-ca")?,
            port: listener.local_addr()?.port(),
            issued: Mutex::new(Issued {
                kind: Certificate::Good,
                certificates: HashMap::new(),
            }),
        };
        Ok((kubelets, listener))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The CA certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.ca.pem()
    }

    /// Shows certificates of this kind from now on.
    pub(crate) fn show(&self, kind: Certificate) {
        let certificates = HashMap::new();
        *lock(&self.issued) = Issued { kind, certificates };
    }

    /// The configuration of the kubelet at an address, which is a node's of this name.
    pub(crate) fn tls(&self, ip: IpAddr, node: Option<String>) -> io::Result<Arc<ServerConfig>> {
        let mut issued = lock(&self.issued);
        if let Some(config) = issued.certificates.get(&ip) {
            return Ok(Arc::clone(config));
        }
        let name = match (issued.kind, node) {
            (Certificate::NodeName, Some(node)) => node,
            _ => ip.to_string(),
        };
        let config = self.ca.server(issued.kind, "system:node", &[name])?;
        issued.certificates.insert(ip, Arc::clone(&config));
        Ok(config)
    }
}

/// The address of the kubelet of the `n`th node: not the loopback address itself,
/// which is the API server's.
pub(crate) fn address(n: usize) -> IpAddr {
    let [.., high, low] = (n as u32).to_be_bytes();
    let middle = (n >> 16) as u8;
    IpAddr::V4(Ipv4Addr::new(127, 64 + middle, high, low))
}

fn plain(status: u16, text: &str) -> Response {
    Response::new(status, "text/plain; charset=utf-8", text)
}

/// The refusal of a token that no review knows.
pub(crate) fn unauthorized() -> Response {
    plain(401, "Unauthorized")
}

/// The refusal of a request of which no access review is allowed.
pub(crate) fn forbidden(reviews: &[Right]) -> Response {
    let verb = reviews.first().map_or("", |review| review.verb);
    let subresources: Vec<&str> = reviews
        .iter()
        .filter_map(|review| review.resource.strip_prefix("nodes/"))
        .collect();
    let subresources = subresources.join(" ");
    let text = format!(
        "Forbidden (user={USER}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"
    );
    plain(403, &text)
}

/// The answer on a path other than those of metrics, to a request that is let in.
pub(crate) fn answer(request: &Request, path: &str, pods: impl Fn() -> Vec<Value>) -> Response {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let place = match segments[..] {
        ["exec" | "containerLogs", namespace, pod, container] => Some((namespace, pod, container)),
        _ => None,
    };
    match (request.method.as_str(), segments[0]) {
        ("GET", "pods" | "runningpods") => {
            let list =
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods()});
            Response::new(200, "application/json", list.to_string())
        }
        ("GET", "healthz" | "configz" | "stats" | "logs") => plain(200, "ok"),
        ("GET", "containerLogs") if runs(&pods(), place) => plain(200, "a line of the container\n"),
        ("GET" | "POST", "exec") if runs(&pods(), place) => exec(request),
        _ => plain(404, "404 page not found\n"),
    }
}

/// Returns true if there is such a container, by namespace, pod and name.
fn runs(pods: &[Value], place: Option<(&str, &str, &str)>) -> bool {
    let Some((namespace, pod, container)) = place else {
        return false;
    };
    pods.iter().any(|each| {
        let containers = each["spec"]["containers"].as_array().into_iter().flatten();
        each["metadata"]["namespace"] == namespace
            && each["metadata"]["name"] == pod
            && containers.into_iter().any(|each| each["name"] == container)
    })
}

/// Runs a command, always the same: over a WebSocket with the channels
/// of `v4.channel.k8s.io`, whose first byte says standard output (1) or the outcome (3).
fn exec(request: &Request) -> Response {
    if !request.header("upgrade").eq_ignore_ascii_case("websocket") {
        return plain(
            400,
            "unable to upgrade: missing upgrade headers in request\n",
        );
    }
    let message = |channel: u8, text: &str| {
        let length = u8::try_from(text.len() + 1).expect("a short message");
        [&[0x82, length, channel], text.as_bytes()].concat()
    };
    let frames = [
        message(1, "uid=0(root) gid=0(root) groups=0(root)\n"),
        message(3, r#"{"metadata":{},"status":"Success"}"#),
        // Close, with status 1000.
        vec![0x88, 2, 0x03, 0xe8],
    ];
    let key = format!("{}{WEBSOCKET_GUID}", request.header("sec-websocket-key"));
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let mut response = plain(101, "")
        .with_header("Upgrade", "websocket")
        .with_header("Connection", "Upgrade")
        .with_header("Sec-WebSocket-Accept", BASE64_STANDARD.encode(digest))
        .with_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io");
    response.body = frames.concat();
    response
}

/// The text that a server appends to the client's key (RFC 6455, section 1.3).
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
