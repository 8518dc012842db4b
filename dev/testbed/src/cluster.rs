//! The description of a cluster, and bringing it up.
//!
//! Out of scope: steering it once it runs (`running`).

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::RwLock;
use std::time::{Duration, SystemTime};

use crate::api::Backend;
use crate::cgroup::{Sampling, unix_ms};
use crate::credentials::{Credentials, Files};
use crate::http::Framing;
use crate::kubelet::Kubelets;
use crate::node::Node;
use crate::replay::Replay;
use crate::running::Running;

/// The description of a simulated cluster: an API server with its nodes behind it.
#[derive(Debug, Default)]
#[must_use]
pub struct Cluster {
    nodes: Vec<Node>,
    replay: Option<Replay>,
    housekeeping: Duration,
    plain_http: bool,
    kubelets: bool,
    directory: Option<PathBuf>,
    seed: u64,
    framing: Framing,
}

impl Cluster {
    /// A cluster without nodes; [`Cluster::start`] brings it up.
    pub fn new() -> Self {
        Self {
            housekeeping: Duration::from_secs(10),
            framing: Framing::Chunked,
            ..Self::default()
        }
    }

    /// Adds a simulated node.
    pub fn node(mut self, node: Node) -> Self {
        self.nodes.push(node);
        self
    }

    setters! {
        /// Serves captures for every node that is not simulated.
        replay: Replay;
        /// Time between two samples of a control group: 10 s by default, at least 1 ms.
        housekeeping: Duration;
        /// The seed of the pseudo-random parts: 0 by default.
        seed: u64;
        /// Framing of the kubelets' pages: chunked by default, as on real ones.
        framing: Framing;
    }

    /// Folder to write `ca.crt` and `token` to, and to keep them in. By default a
    /// temporary directory that goes when the cluster stops.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Neither TLS nor tokens, like `kubectl proxy`.
    pub fn plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Lets each simulated node's kubelet listen on a port of its own too: over TLS,
    /// for the same token, with certificates of another CA.
    pub fn kubelets(mut self) -> Self {
        self.kubelets = true;
        self
    }

    /// Brings the cluster up: when this returns, it listens.
    ///
    /// # Errors
    /// A port that cannot be bound, or a file that cannot be written, by name.
    pub fn start(self) -> io::Result<Running> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let files = Files::new(self.directory)?;
        let has_tls = !self.plain_http;
        let credentials = has_tls.then(|| Credentials::new(&files)).transpose()?;
        let kubelets = self.kubelets.then(Kubelets::listen).transpose()?;
        let backend = Backend {
            machines: RwLock::default(),
            seed: self.seed,
            replay: self.replay,
            sampling: Sampling::new(unix_ms(SystemTime::now()), self.housekeeping),
            framing: self.framing,
        };
        Running::start(listener, files, credentials, kubelets, backend, self.nodes)
    }
}
