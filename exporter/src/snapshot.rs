//! What is known now -> samples of our series. Pure.
//!
//! The caller brings what is known, and [`exposition::write`] writes the text.

use std::time::{Duration, Instant};

use contract::kubelet::cadvisor::PRESSURE;
use contract::{Endpoint, Series, series};
use exposition::write::Sample;
use quantity::{Bytes, Cores, Ratio};

use crate::apiserver::{NodeObject, Resources};
use crate::kernel::Kernel;
use crate::reading::Tally;
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

    /// Adds samples about the exporter's own work; an empty `node` stands for all.
    pub fn samples<'a>(&self, node: &'a str, out: &mut Vec<Sample<'a>>) {
        for (endpoint, health) in &self.0 {
            // Nothing is known of an endpoint before its first scrape.
            let Some(up) = health.up else { continue };
            let labels = [node, endpoint.label()];
            let mut put = |series, value| out.push(Sample::new(series, &labels, value));
            put(&series::UP, f64::from(u8::from(up)));
            put(&series::SCRAPE_DURATION, health.duration.as_secs_f64());
            if let Some(at) = health.last_success {
                put(&series::LAST_SUCCESS, at.as_secs_f64());
            }
            put(&series::RESPONSE_BYTES, health.bytes as f64);
            for (reason, count) in health.errors.iter() {
                let labels = [labels[0], labels[1], reason.label()];
                out.push(Sample::new(&series::SCRAPE_ERRORS, &labels, count as f64));
            }
        }
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
    fn active_pods(&self, now: Instant) -> Option<u64> {
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
    fn oom_kills(&self, kernel: Option<Kernel>, now: Instant) -> Option<u64> {
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

    /// Adds the samples of this node, which is called so. `kernel` is the exporter's,
    /// where it may be the node's too.
    pub fn samples<'a>(
        &'a self,
        node: &'a str,
        now: Instant,
        kernel: Option<Kernel>,
        namespaces: bool,
        out: &mut Vec<Sample<'a>>,
    ) {
        let mut put = |series: &'static Series, more: &[&'a str], value: Option<f64>| {
            if let Some(value) = value {
                let labels: Vec<&str> = std::iter::once(node).chain(more.iter().copied()).collect();
                out.push(Sample::new(series, &labels, value));
            }
        };
        let usage = &self.usage;
        put(&series::CPU_USAGE, &[], usage.cpu(now).map(Cores::get));
        put(
            &series::MEMORY_USAGE,
            &[],
            usage.memory(now).map(Bytes::as_f64),
        );
        // Counts below are far under 2^53, where f64 is exact.
        put(
            &series::ACTIVE_PODS,
            &[],
            self.active_pods(now).map(|pods| pods as f64),
        );
        if let Some(NodeObject {
            allocatable,
            capacity,
            kubelet: _,
            boot_id: _,
        }) = Known::at(self.object, now)
        {
            let Resources { cpu, memory, pods } = allocatable;
            put(&series::CPU_ALLOCATABLE, &[], cpu);
            put(&series::MEMORY_ALLOCATABLE, &[], memory);
            put(&series::PODS_ALLOCATABLE, &[], pods);
            let Resources { cpu, memory, pods } = capacity;
            put(&series::CPU_CAPACITY, &[], cpu);
            put(&series::MEMORY_CAPACITY, &[], memory);
            put(&series::PODS_CAPACITY, &[], pods);
        }
        put(
            &series::CPU_THROTTLED,
            &[],
            usage.throttled(now).map(Ratio::get),
        );
        put(
            &series::OOM_KILLS,
            &[],
            self.oom_kills(kernel, now).map(|n| n as f64),
        );
        for ((_, resource, kind), ratio) in PRESSURE.iter().zip(usage.pressure(now)) {
            put(&series::PRESSURE, &[resource, kind], ratio.map(Ratio::get));
        }
        if namespaces {
            for (namespace, (cores, bytes)) in usage.namespaces(now) {
                put(&series::NAMESPACE_CPU, &[namespace], cores.map(Cores::get));
                put(
                    &series::NAMESPACE_MEMORY,
                    &[namespace],
                    bytes.map(Bytes::as_f64),
                );
            }
        }
        self.health.samples(node, out);
    }
}
