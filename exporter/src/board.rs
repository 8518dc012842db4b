//! The state that scrapers write and the HTTP server reads.

use std::borrow::Cow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use contract::series;
use publish::{Format, Published, render};

use crate::args::Config;
use crate::credentials::Credentials;
use crate::history::History;
use crate::scrape::{interval_of, lock};
use crate::snapshot::NodeState;

/// Everything that is shared between threads.
#[derive(Debug)]
pub struct Board {
    /// What the run was asked for.
    pub config: Config,
    /// How to speak to the API server.
    pub credentials: Credentials,
    /// What is known, one entry a node.
    pub nodes: Vec<Mutex<NodeState>>,
    /// The short history, where it is on.
    pub history: Option<Mutex<History>>,
}

impl Board {
    /// A board on which nothing is known yet.
    pub fn new(config: Config) -> Self {
        let nodes = config
            .nodes
            .iter()
            .map(|node| {
                let asked = |endpoint| interval_of(&config, endpoint).is_some();
                Mutex::new(NodeState::new(node.clone(), asked))
            })
            .collect();
        Self {
            credentials: Credentials::new(
                config.api_server.clone(),
                config.token_file.clone(),
                config.ca_file.clone(),
                config.request_timeout,
            ),
            history: (config.history > Duration::ZERO)
                .then(|| Mutex::new(History::new(config.history))),
            nodes,
            config,
        }
    }

    /// Whether a core series of any node is published now.
    pub fn is_ready(&self) -> bool {
        let now = Instant::now();
        self.nodes
            .iter()
            .any(|node| lock(node).has_core_series(now))
    }

    /// The exposition as of now.
    pub fn exposition(&self, format: Format) -> String {
        let now = Instant::now();
        let nodes: Vec<_> = self.nodes.iter().map(lock).collect();
        let mut samples = Vec::new();
        for node in &nodes {
            node.samples(now, self.config.namespaces, &mut samples);
        }
        samples.push(Published {
            series: &series::TOKEN_RELOADS,
            labels: Vec::new(),
            value: self.credentials.token_reloads() as f64,
        });
        samples.push(Published {
            series: &series::BUILD_INFO,
            labels: vec![
                Cow::Borrowed(crate::VERSION),
                Cow::Borrowed(crate::REVISION),
            ],
            value: 1.0,
        });
        process::samples(&mut samples);
        render(series::ALL, &samples, format)
    }
}
