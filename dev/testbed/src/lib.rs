//! A Kubernetes cluster to test against: an API server with kubelets behind its
//! proxy and on ports of their own, over real TLS and HTTP/1.1, in the process of the test.
//!
//! ```
//! use std::time::SystemTime;
//! use testbed::{Cluster, Effect, Endpoint, Fault, Node, Shape};
//!
//! let node = Node::new("node-a").cores(4.0).shape(Shape::GROWING).pods(12);
//! let cluster = Cluster::new().node(node).start()?;
//! cluster.fault(Fault::new(Effect::Reset).on(Endpoint::Cadvisor).times(1));
//! assert!(cluster.url().starts_with("https://127.0.0.1:"));
//! assert_eq!(cluster.truth("node-a", SystemTime::now()).active_pods, 12);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! In scope: nodes whose load is a known function of time ([`Shape`]), the
//! metrics pages and objects derived from it, captures of a real cluster served
//! again ([`Replay`]), faults switched on while it runs ([`Fault`]), bearer
//! tokens and certificates that rotate, rights that are granted ([`Right`]), the
//! authorization of API server and kubelets and rendered admission policies, nodes
//! that join and leave, a log of requests ([`Requests`]).
//!
//! Out of scope: writes, watches, and everything that a reader of node
//! metrics does not ask for. Nothing here is shipped.
//!
//! The modules in the order of the data: `shape` and `node` (the truth),
//! `cgroup` (its samples), `exposition`, `objects`, `selector` and `list` (their
//! text), `replay`, `status`; `route`, `api` and `kubelet` (which path means what, and the answer), `rights`
//! and `admission` (authorization); `faults` and
//! `hostile` (failures); `http`, `tls` and `credentials` (the wire and the files);
//! `state` and `server` (the connections), `cluster` and `running` (start, steer, stop). Separate from
//! these is `specimens`: whole series with their future.

/// Defines methods of a builder that set the field of their name.
macro_rules! setters {
    ($($(#[$documentation:meta])* $field:ident: $type:ty;)*) => {
        $($(#[$documentation])*
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field.into();
            self
        })*
    };
}

mod admission;
mod api;
mod cgroup;
mod cluster;
mod credentials;
mod exposition;
mod faults;
mod hostile;
mod http;
mod kubelet;
mod list;
mod node;
mod objects;
mod replay;
mod requests;
mod rights;
mod route;
mod running;
mod selector;
mod server;
mod shape;
mod specimens;
mod state;
mod status;
mod tls;

pub use cluster::Cluster;
pub use faults::{BadGzip, Effect, Fault};
pub use hostile::{Hostile, Rows, Timestamp};
pub use http::Framing;
pub use node::{Node, Truth};
pub use replay::Replay;
pub use requests::{Endpoint, RequestStats, Requests};
pub use rights::Right;
pub use running::Running;
pub use shape::{Chance, Shape};
pub use specimens::{Specimen, VIEWS, View, specimens};
pub use tls::Certificate;

use std::path::PathBuf;

/// The captures of a real cluster that belong to this crate: `10-pods`,
/// `100-pods`, `container-restart` and `errors`.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
