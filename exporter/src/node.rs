//! Current values of one node, and the health of its scrapes. Pure.

use std::time::{Duration, Instant};

use contract::Endpoint;
use webclient::BaseUrl;

use crate::apiserver::NodeObject;
use crate::kernel::Kernel;
use crate::readings::Tally;
use crate::usage::{Known, Usage};

/// Health of the scrapes of one endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct EndpointHealth {
    /// True if the last scrape succeeded; `None` before the first.
    pub up: Option<bool>,
    /// Duration of the last scrape.
    pub duration: Duration,
    /// End of the last successful scrape, since the Unix epoch.
    pub last_success: Option<Duration>,
    /// Failures and dropped samples since the start.
    pub errors: Tally,
    /// Bytes received since the start.
    pub bytes: u64,
}

/// Health of the scrapes of a node's endpoints, or of the lists of all nodes.
#[derive(Debug, Default)]
pub struct Health(Vec<(Endpoint, EndpointHealth)>);

impl Health {
    /// Makes the health of endpoints that have not been scraped.
    pub fn of(endpoints: impl Iterator<Item = Endpoint>) -> Self {
        Self(endpoints.map(|e| (e, EndpointHealth::default())).collect())
    }

    /// The health of one endpoint; `None` where it is not scraped.
    pub fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut EndpointHealth> {
        let found = self.0.iter_mut().find(|(each, _)| *each == endpoint);
        found.map(|(_, health)| health)
    }

    /// The health of each endpoint.
    pub fn iter(&self) -> impl Iterator<Item = &(Endpoint, EndpointHealth)> {
        self.0.iter()
    }
}

/// The current values of one node.
#[derive(Debug)]
pub struct NodeState {
    /// CPU, memory and pressure over rounds.
    pub usage: Usage,
    /// Number of active pods.
    pub active_pods: Option<Known<u64>>,
    /// Allocatable and capacity.
    pub object: Option<Known<NodeObject>>,
    /// Last known origin of its kubelet, where kubelets are read directly.
    pub kubelet: Option<BaseUrl>,
    /// True if the API server knows no such node. Its pod list is then empty like any
    /// other, and no count of a node's pods.
    gone: bool,
    /// Health of its scrapes.
    pub health: Health,
}

impl NodeState {
    /// Makes a node without values.
    pub fn new(health: Health) -> Self {
        Self {
            usage: Usage::default(),
            active_pods: None,
            object: None,
            kubelet: None,
            gone: false,
            health,
        }
    }

    /// Drops all values: the API server knows no such node any more.
    pub fn forget(&mut self) {
        self.usage.forget();
        self.active_pods = None;
        self.object = None;
        self.kubelet = None;
        self.gone = true;
    }

    /// Notes that the node exists: an endpoint of its own has answered. Returns whether it
    /// was gone.
    pub fn found(&mut self) -> bool {
        std::mem::take(&mut self.gone)
    }

    /// Returns the number of active pods while it is known.
    pub fn active_pods(&self, now: Instant) -> Option<u64> {
        Known::at(self.active_pods, now).filter(|_| !self.gone)
    }

    /// Returns whether any core series is published, as readiness demands.
    pub fn has_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            || self.usage.memory(now).is_some()
            || self.active_pods(now).is_some()
    }

    /// Returns whether all core series are published.
    pub fn has_all_core_series(&self, now: Instant) -> bool {
        self.usage.cpu(now).is_some()
            && self.usage.memory(now).is_some()
            && self.active_pods(now).is_some()
    }

    /// Returns the number of OOM kills: the kernel's own count where the node's kernel is the
    /// exporter's, else the kills in containers that cAdvisor reports.
    pub fn oom_kills(&self, kernel: Option<Kernel>, now: Instant) -> Option<u64> {
        let Some(kernel) = kernel else {
            return self.usage.oom_kills(now);
        };
        // Unknown until the node object names its boot. An old object will do: after a
        // reboot of the node the exporter has restarted too.
        match self.object?.value.boot_id == Some(kernel.boot_id) {
            true => kernel.oom_kills,
            false => self.usage.oom_kills(now),
        }
    }
}
