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

/// Everything that is shared between threads.
#[derive(Debug)]
pub struct SharedState {
    /// What the run was asked for.
    pub config: Config,
    /// How to speak to the API server.
    pub credentials: Credentials,
    /// How to speak to kubelets, where that is done directly.
    pub kubelets: Option<Credentials>,
    /// Whether the API server answers, whatever it is asked.
    api_server: Mutex<Availability>,
    /// How it goes with what is asked for all nodes at once.
    pub lists: Mutex<Health>,
    /// The boot of the exporter's own kernel, where that may be the kernel of the node
    /// that it reads: of one node alone, since the nodes of a simulated or nested
    /// cluster share one.
    boot_id: Option<BootId>,
    /// The short history, where it is on.
    pub history: Option<Mutex<History>>,
    /// In the order of their names.
    nodes: Mutex<Arc<[Arc<Node>]>>,
}

/// A node and what is known of it.
#[derive(Debug)]
pub struct Node {
    /// The node.
    pub name: NodeName,
    /// What is known of it.
    pub state: Mutex<NodeState>,
    left: AtomicBool,
}

impl Node {
    /// Whether the node is no longer one of the cluster's: nobody asks for its state.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

/// The nodes that a new list of nodes has changed.
#[derive(Debug, Default)]
pub struct Change {
    /// Those that are new.
    pub joined: Vec<Arc<Node>>,
    /// Those that are no longer there.
    pub left: Vec<Arc<Node>>,
}

impl SharedState {
    /// Nothing is known yet. So many threads will send requests.
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
            // Set with --via=kubelet only. Each request names the origin that it goes to.
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

    /// The nodes as of now, in the order of their names.
    pub fn nodes(&self) -> Arc<[Arc<Node>]> {
        Arc::clone(&lock(&self.nodes))
    }

    /// Makes these the nodes of the run. Of those that stay, all that is known stays.
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

    /// Whether a core series of any node is published now.
    pub fn is_ready(&self) -> bool {
        let now = Instant::now();
        self.nodes()
            .iter()
            .any(|node| lock(&node.state).has_core_series(now))
    }

    /// Enters a success of a request to the API server. Returns whether it ends an outage.
    pub fn api_server_answered(&self, now: Instant) -> bool {
        let nodes = self.nodes().len();
        let spread = plan::spread_after_outage(self.config.flags.scrape_interval, nodes);
        lock(&self.api_server).succeeded(now, spread)
    }

    /// The API server's newest outage that has ended.
    pub fn api_server_outage(&self) -> Option<Outage> {
        lock(&self.api_server).outage()
    }

    /// The exporter's own kernel, where that may be the kernel of the node that it reads.
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
