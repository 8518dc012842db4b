//! What is known now -> samples of our series. Pure.
//!
//! The caller brings what is known, and crate [`publish`] writes the text.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use contract::kubelet::cadvisor::PRESSURE;
use contract::{Endpoint, Series, series};
use publish::Published;
use quantity::{Bytes, Cores, Ratio};

use crate::apiserver::{NodeObject, Resources};
use crate::args::NodeName;
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

/// Everything known of one node.
#[derive(Debug)]
pub struct NodeState {
    /// The node.
    pub node: NodeName,
    /// CPU, memory and pressure over rounds.
    pub usage: Usage,
    /// Pods that count.
    pub active_pods: Option<Known<u64>>,
    /// Allocatable and capacity.
    pub object: Option<Known<NodeObject>>,
    /// The API server said that there is no such node. Its list of pods is then
    /// an empty one like any other, and no count of a node's pods.
    gone: bool,
    /// By endpoint, in the order of [`Endpoint::ALL`]; `None` where it is not asked.
    pub health: [Option<EndpointHealth>; Endpoint::ALL.len()],
}

impl NodeState {
    /// A node of which nothing is known. `asked` says which endpoints will be.
    pub fn new(node: NodeName, asked: impl Fn(Endpoint) -> bool) -> Self {
        Self {
            node,
            usage: Usage::default(),
            active_pods: None,
            object: None,
            gone: false,
            health: Endpoint::ALL.map(|endpoint| asked(endpoint).then(EndpointHealth::default)),
        }
    }

    /// Forgets all usage: the API server knows no such node any more.
    pub fn forget(&mut self) {
        self.usage = Usage::default();
        self.active_pods = None;
        self.object = None;
        self.gone = true;
    }

    /// The node exists: an endpoint of its own has answered.
    pub fn found(&mut self) {
        self.gone = false;
    }

    /// Pods that count, while that is known.
    fn active_pods(&self, now: Instant) -> Option<u64> {
        Known::at(self.active_pods, now).filter(|_| !self.gone)
    }

    /// How the scrapes of an endpoint went; `None` where it is not asked.
    pub fn health_mut(&mut self, endpoint: Endpoint) -> Option<&mut EndpointHealth> {
        let index = Endpoint::ALL.iter().position(|e| *e == endpoint)?;
        self.health[index].as_mut()
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

    /// Adds this node's samples.
    pub fn samples<'a>(&'a self, now: Instant, namespaces: bool, out: &mut Vec<Published<'a>>) {
        let node = self.node.as_str();
        let mut put = |series: &'static Series, more: &[&'a str], value: Option<f64>| {
            if let Some(value) = value {
                let labels = std::iter::once(node).chain(more.iter().copied());
                out.push(Published {
                    series,
                    labels: labels.map(Cow::Borrowed).collect(),
                    value,
                });
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
            usage.oom_kills(now).map(|n| n as f64),
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
        for (endpoint, health) in Endpoint::ALL.iter().zip(&self.health) {
            // Nothing is known of an endpoint before its first scrape.
            let Some((health, up)) = health.as_ref().and_then(|h| Some((h, h.up?))) else {
                continue;
            };
            let endpoint = endpoint.label();
            put(&series::UP, &[endpoint], Some(f64::from(u8::from(up))));
            put(
                &series::SCRAPE_DURATION,
                &[endpoint],
                Some(health.duration.as_secs_f64()),
            );
            put(
                &series::LAST_SUCCESS,
                &[endpoint],
                health.last_success.map(|at| at.as_secs_f64()),
            );
            put(
                &series::RESPONSE_BYTES,
                &[endpoint],
                Some(health.bytes as f64),
            );
            for (reason, count) in health.errors.iter() {
                put(
                    &series::SCRAPE_ERRORS,
                    &[endpoint, reason.label()],
                    Some(count as f64),
                );
            }
        }
    }
}
