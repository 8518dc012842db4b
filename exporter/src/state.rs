//! The state that scrapers write and the HTTP server reads.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::kubelet;
use runtime::lock::lock;
use webclient::BaseUrl;

use crate::args::Config;
use crate::credentials::Credentials;
use crate::history::History;
use crate::kernel::{self, BootId, Kernel};
use crate::node::{Health, NodeState};
use crate::nodes::{NodeName, Nodes};
use crate::outage::{Availability, Outage};
use crate::plan::{self, Scope};

/// The state shared between threads.
#[derive(Debug)]
pub struct SharedState {
    /// The configuration of the run.
    pub config: Config,
    /// Credentials for the API server.
    pub credentials: Credentials,
    /// Credentials for kubelets, where they are read directly.
    pub kubelets: Option<Credentials>,
    /// Availability of the API server, over all requests.
    api_server: Mutex<Availability>,
    /// Health of the lists of all nodes.
    pub lists: Mutex<Health>,
    /// Boot ID of the exporter's own kernel, which may be the kernel of the node that it
    /// reads. Only for a single named node, since the nodes of a simulated or nested
    /// cluster share one kernel.
    boot_id: Option<BootId>,
    /// The history, if it is on.
    pub history: Option<Mutex<History>>,
    /// Sorted by name.
    nodes: Mutex<Arc<[Arc<Node>]>>,
}

/// A node and its state.
#[derive(Debug)]
pub struct Node {
    /// The node.
    pub name: NodeName,
    /// Its current values.
    pub state: Mutex<NodeState>,
    left: AtomicBool,
}

impl Node {
    /// Returns whether the node has left the cluster.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

/// Nodes that joined or left with a new list.
#[derive(Debug, Default)]
pub struct Change {
    /// New nodes.
    pub joined: Vec<Arc<Node>>,
    /// Nodes that are no longer listed.
    pub left: Vec<Arc<Node>>,
}

impl SharedState {
    /// Makes a state without values, for this many threads that send requests.
    pub fn new(config: Config, threads: usize) -> Self {
        let credentials = |origin: BaseUrl, ca_file: Option<&PathBuf>| {
            Credentials::new(
                origin,
                config.flags.token_file.clone(),
                ca_file.cloned(),
                config.flags.request_timeout,
                threads,
            )
        };
        let shared = Self {
            credentials: credentials(config.api_server.clone(), config.flags.ca_file.as_ref()),
            // Only with --via=kubelet. Each request names its own origin.
            kubelets: (config.flags.kubelet_ca_file.as_ref())
                .map(|ca_file| credentials(any_kubelet(), Some(ca_file))),
            api_server: Mutex::new(Availability::new(
                Instant::now(),
                config.flags.scrape_interval,
            )),
            lists: Mutex::new(health(&config, Scope::Cluster)),
            boot_id: config
                .nodes
                .is_one()
                .then(kernel::boot_id)
                .flatten()
                .filter(|_| kernel::oom_kills().is_some()),
            history: (config.flags.history > Duration::ZERO).then(|| {
                let (length, bytes) = (config.flags.history, config.flags.history_memory);
                Mutex::new(History::new(length, bytes))
            }),
            nodes: Mutex::new(Arc::new([])),
            config,
        };
        if let Nodes::Named(names) = &shared.config.nodes {
            shared.set_nodes(names.clone());
        }
        shared
    }

    /// Returns the current nodes, sorted by name.
    pub fn nodes(&self) -> Arc<[Arc<Node>]> {
        Arc::clone(&lock(&self.nodes))
    }

    /// Replaces the nodes of the run. Those that stay keep their state.
    pub fn set_nodes(&self, mut names: Vec<NodeName>) -> Change {
        names.sort();
        names.dedup();
        let mut change = Change::default();
        let mut nodes = lock(&self.nodes);
        let mut before = nodes.iter().peekable();
        let mut after = Vec::with_capacity(names.len());
        for name in names {
            while let Some(gone) = before.next_if(|node| node.name < name) {
                change.left.push(Arc::clone(gone));
            }
            match before.next_if(|node| node.name == name) {
                Some(node) => after.push(Arc::clone(node)),
                None => {
                    let node = Arc::new(Node {
                        name,
                        state: Mutex::new(NodeState::new(health(&self.config, Scope::Node))),
                        left: AtomicBool::new(false),
                    });
                    change.joined.push(Arc::clone(&node));
                    after.push(node);
                }
            }
        }
        change.left.extend(before.cloned());
        for node in &change.left {
            node.left.store(true, Ordering::Relaxed);
        }
        *nodes = after.into();
        change
    }

    /// Returns whether a core series of any node is published now.
    pub fn is_ready(&self) -> bool {
        let now = Instant::now();
        self.nodes()
            .iter()
            .any(|node| lock(&node.state).has_core_series(now))
    }

    /// Records a successful request to the API server. Returns whether it ends an outage.
    pub fn api_server_answered(&self, now: Instant) -> bool {
        let nodes = self.nodes().len();
        let spread = plan::spread_after_outage(self.config.flags.scrape_interval, nodes);
        lock(&self.api_server).succeeded(now, spread)
    }

    /// Returns the API server's last outage, once it has ended.
    pub fn api_server_outage(&self) -> Option<Outage> {
        lock(&self.api_server).outage()
    }

    /// Returns the exporter's own kernel, where it may be the kernel of the node that it reads.
    pub fn kernel(&self) -> Option<Kernel> {
        self.boot_id.map(|boot_id| Kernel {
            boot_id,
            oom_kills: kernel::oom_kills(),
        })
    }
}

fn any_kubelet() -> BaseUrl {
    BaseUrl::https((Ipv6Addr::UNSPECIFIED, kubelet::PORT).into())
}

fn health(config: &Config, scope: Scope) -> Health {
    Health::of(plan::endpoints(config, scope).map(|(endpoint, _)| endpoint))
}
