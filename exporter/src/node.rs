//! What is known of one node, and how its scrapes went. Pure.

use std::time::{Duration, Instant};

use contract::Endpoint;

use crate::apiserver::NodeObject;
use crate::kernel::Kernel;
use crate::readings::Tally;
use crate::usage::{Known, Usage};

/// How scrapes of one endpoint went.
#[derive(Debug, Clone, Copy, Default)]
pub struct EndpointHealth {
    /// Whether the last scrape succeeded; `None` before the first.
    pub up: Option<bool>,
    /// How long the last scrape took.
    pub duration: Duration,
    /// When the last good scrape ended, since the Unix epoch.
    pub last_success: Option<Duration>,
    /// Failures and omissions since the start.
    pub errors: Tally,
    /// Bytes received since the start.
    pub bytes: u64,
}

/// How scrapes of the endpoints of one node went, or of what is asked for all of them.
#[derive(Debug, Default)]
pub struct Health(Vec<(Endpoint, EndpointHealth)>);

impl Health {
    /// Nothing is known yet of these endpoints.
    pub fn of(endpoints: impl Iterator<Item = Endpoint>) -> Self {
        Self(endpoints.map(|e| (e, EndpointHealth::default())).collect())
    }

    /// That of one endpoint; `None` where it is not asked.
    pub fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut EndpointHealth> {
        let found = self.0.iter_mut().find(|(each, _)| *each == endpoint);
        found.map(|(_, health)| health)
    }

    /// That of each endpoint.
    pub fn iter(&self) -> impl Iterator<Item = &(Endpoint, EndpointHealth)> {
        self.0.iter()
    }
}

/// Everything known of one node.
#[derive(Debug)]
pub struct NodeState {
    /// CPU, memory and pressure over rounds.
    pub usage: Usage,
    /// Pods that count.
    pub active_pods: Option<Known<u64>>,
    /// Allocatable and capacity.
    pub object: Option<Known<NodeObject>>,
    /// The API server said that there is no such node. Its list of pods is then
    /// an empty one like any other, and no count of a node's pods.
    gone: bool,
    /// How its scrapes went.
    pub health: Health,
}

impl NodeState {
    /// A node of which nothing is known.
    pub fn new(health: Health) -> Self {
        Self {
            usage: Usage::default(),
            active_pods: None,
            object: None,
            gone: false,
            health,
        }
    }

    /// Forgets all usage: the API server knows no such node any more.
    pub fn forget(&mut self) {
        self.usage.forget();
        self.active_pods = None;
        self.object = None;
        self.gone = true;
    }

    /// The node exists: an endpoint of its own has answered. Returns whether it was gone.
    pub fn found(&mut self) -> bool {
        std::mem::take(&mut self.gone)
    }

    /// Pods that count, while that is known.
    pub fn active_pods(&self, now: Instant) -> Option<u64> {
        Known::at(self.active_pods, now).filter(|_| !self.gone)
    }

    /// Whether any core series is published: what readiness means.
    pub fn has_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            || self.usage.memory(now).is_some()
            || self.active_pods(now).is_some()
    }

    /// Whether all core series are published.
    pub fn has_all_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            && self.usage.memory(now).is_some()
            && self.active_pods(now).is_some()
    }

    /// OOM kills, as the node's own kernel counts them where that is the exporter's too,
    /// else those that cAdvisor tells of.
    pub fn oom_kills(&self, kernel: Option<Kernel>, now: Instant) -> Option<u64> {
        let Some(kernel) = kernel else {
            return self.usage.oom_kills(now);
        };
        // Unknown until the node object says whose kernel it is. However old: it says
        // of another boot only once the exporter has ended with this one.
        match self.object?.value.boot_id == Some(kernel.boot_id) {
            true => kernel.oom_kills,
            false => self.usage.oom_kills(now),
        }
    }
}
