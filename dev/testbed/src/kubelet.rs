//! The kubelets' own ports: where each is reached, its certificate, and how it
//! refuses.
//!
//! One listener serves them all. Each node has an address of its own on the
//! loopback network, and the address that a client has connected to says which
//! kubelet it means.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;

use crate::api::Route;
use crate::http::Response;
use crate::requests::Endpoint;
use crate::running::lock;
use crate::tls::{Authority, Certificate};

/// The authority of the kubelets' serving certificates, and those it has issued.
pub(crate) struct Kubelets {
    authority: Authority,
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
            authority: Authority::new("kubelet-ca")?,
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

    /// What clients must trust, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.authority.pem()
    }

    /// Shows certificates of this kind from now on.
    pub(crate) fn show(&self, kind: Certificate) {
        let certificates = HashMap::new();
        *lock(&self.issued) = Issued { kind, certificates };
    }

    /// The configuration of the kubelet at an address.
    pub(crate) fn tls(&self, ip: IpAddr) -> io::Result<Arc<ServerConfig>> {
        let mut issued = lock(&self.issued);
        if let Some(config) = issued.certificates.get(&ip) {
            return Ok(Arc::clone(config));
        }
        let config = self
            .authority
            .server(issued.kind, "system:node", &[ip.to_string()])?;
        issued.certificates.insert(ip, Arc::clone(&config));
        Ok(config)
    }
}

impl std::fmt::Debug for Kubelets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kubelets {{ port: {}, .. }}", self.port)
    }
}

/// The address of the kubelet of the `n`th node: not the loopback address itself,
/// which is the API server's.
pub(crate) fn address(n: usize) -> IpAddr {
    let [.., high, low] = (n as u32).to_be_bytes();
    let middle = (n >> 16) as u8;
    IpAddr::V4(Ipv4Addr::new(127, 64 + middle, high, low))
}

/// What a request to a kubelet asks for.
pub(crate) fn route(path: &str, node: String) -> Route {
    let path = path.split('?').next().unwrap_or_default();
    let endpoint = match path {
        "/metrics/resource" => Endpoint::Resource,
        "/metrics/cadvisor" => Endpoint::Cadvisor,
        _ => Endpoint::OtherProxy,
    };
    Route::of_kubelet(endpoint, node, path.to_owned())
}

fn plain(status: u16, text: &str) -> Response {
    Response::new(status, "text/plain; charset=utf-8", text)
}

/// Who is asking? As a kubelet says it.
pub(crate) fn unauthorized() -> Response {
    plain(401, "Unauthorized")
}

/// The API server, asked by the kubelet, says that this account may not.
pub(crate) fn forbidden() -> Response {
    plain(
        403,
        "Forbidden (user=system:serviceaccount:monitoring:k8s-ai-exporter, verb=get, \
         resource=nodes, subresource(s)=[metrics])\n",
    )
}

/// No such path on a kubelet.
pub(crate) fn not_found() -> Response {
    plain(404, "404 page not found\n")
}
