//! The true range of a node's values, from the simulated cluster.
//!
//! A published value is about some time, or some interval, of the past: it must lie
//! between the extremes of the truth over the time that it can be about. Of a load that
//! is constant there is one such value.

use std::time::{Duration, SystemTime};

use testbed::Running;

/// Samples of the truth in a window, and the shortest time between two of them.
const LOOKS: u32 = 100;
const STEP: Duration = Duration::from_millis(100);

/// Timestamps are whole milliseconds, and rates are printed in full.
const TOLERANCE: f64 = 1e-3;

/// The smallest and greatest true values over a window, by [`Known`].
#[derive(Debug, Clone, Copy)]
pub struct Extremes {
    low: [f64; 3],
    high: [f64; 3],
}

/// A series of a node with a known truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// CPU, in cores.
    Cpu,
    /// Working set, in bytes.
    Memory,
    /// Active pods.
    Pods,
}

impl Known {
    /// All of them, with the names of their series.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Cpu, "k8s_node_cpu_usage_cores"),
        (Self::Memory, "k8s_node_memory_usage_bytes"),
        (Self::Pods, "k8s_node_active_pods"),
    ];
}

impl Extremes {
    /// The extremes of a node from one time to another.
    pub fn of(cluster: &Running, node: &str, from: SystemTime, to: SystemTime) -> Self {
        let truth = |at| {
            let truth = cluster.truth(node, at);
            [
                truth.cores,
                truth.memory_bytes as f64,
                truth.active_pods as f64,
            ]
        };
        let (mut low, mut high) = (truth(to), truth(to));
        let step = (to.duration_since(from).unwrap_or_default() / LOOKS).max(STEP);
        let mut at = from;
        while at < to {
            for (index, value) in truth(at).into_iter().enumerate() {
                low[index] = value.min(low[index]);
                high[index] = value.max(high[index]);
            }
            at += step;
        }
        Self { low, high }
    }

    /// The same, once the node has left the cluster: its pods are gone from every list,
    /// which may be read before that of the nodes.
    pub fn after_leaving(mut self) -> Self {
        self.low[Known::Pods as usize] = 0.0;
        self
    }

    /// Returns true if the series may have this value.
    pub fn allow(&self, known: Known, value: f64) -> bool {
        let (low, high) = self.range(known);
        // Pods are counted exactly.
        let tolerance = if known == Known::Pods { 0.0 } else { TOLERANCE };
        value >= low * (1.0 - tolerance) && value <= high * (1.0 + tolerance)
    }

    /// The smallest and the greatest value that the series may have.
    pub fn range(&self, known: Known) -> (f64, f64) {
        (self.low[known as usize], self.high[known as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::{Cluster, Node, Shape};

    #[test]
    fn extremes_follow_the_load() {
        let cluster = Cluster::new()
            .node(Node::new("a").shape(Shape::GROWING).pods(3))
            .start()
            .expect("a cluster");
        let now = SystemTime::now();
        let minute = Extremes::of(&cluster, "a", now, now + Duration::from_secs(60));
        let cores = cluster.truth("a", now).cores;
        assert!(minute.allow(Known::Cpu, cores));
        assert!(!minute.allow(Known::Cpu, cores * 1.01));
        assert!(!minute.allow(Known::Cpu, f64::NAN));
        let bytes = |seconds| {
            let at = now + Duration::from_secs(seconds);
            cluster.truth("a", at).memory_bytes as f64
        };
        assert!(minute.allow(Known::Memory, bytes(30)));
        assert!(!minute.allow(Known::Memory, bytes(120)));
        assert!(minute.allow(Known::Pods, 3.0) && !minute.allow(Known::Pods, 2.0));
    }
}
