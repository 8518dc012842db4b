//! The nodes of the demo: the load of each, and so what has to be done about it.

use std::time::Duration;

use testbed::{Node, Shape};

/// Seconds that the agent looks ahead. The leak reaches allocatable within
/// them, however long hiload was gathered (25 s to 120 s).
pub(crate) const HORIZON_SECONDS: u64 = 180;

/// A simulated node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simulated {
    pub(crate) name: &'static str,
    /// Its size and load, for people.
    pub(crate) load: &'static str,
    /// What the agent must say, as its JSON report writes it.
    pub(crate) action: &'static str,
    pub(crate) severity: &'static str,
    cores: f64,
    memory_gib: f64,
    pods: u32,
    shape: Shape,
}

/// Every node, by name.
pub(crate) const NODES: [Simulated; 4] = [
    Simulated {
        name: "busy-1",
        load: "4 cores, 16 GiB; CPU stays at about 87%",
        action: "scale_up",
        severity: "warning",
        cores: 4.0,
        memory_gib: 16.0,
        pods: 24,
        shape: Shape::Spiky {
            base: 0.86,
            peak: 0.88,
            slot: Duration::from_secs(1),
        },
    },
    Simulated {
        name: "idle-1",
        load: "4 cores, 16 GiB; hardly anything runs",
        action: "consolidate",
        severity: "info",
        cores: 4.0,
        memory_gib: 16.0,
        pods: 3,
        shape: Shape::Idle,
    },
    Simulated {
        name: "leaky-1",
        load: "2 cores, 8 GiB; memory grows by 24 MiB a second",
        action: "scale_up",
        severity: "critical",
        cores: 2.0,
        memory_gib: 8.0,
        pods: 9,
        shape: Shape::Growing {
            cpu: 0.3,
            memory: 0.45,
            bytes_per_second: 24.0 * 1_048_576.0,
        },
    },
    Simulated {
        name: "steady-1",
        load: "8 cores, 32 GiB; a third of the CPU, half of the memory",
        action: "none",
        severity: "none",
        cores: 8.0,
        memory_gib: 32.0,
        pods: 40,
        shape: Shape::STEADY,
    },
];

/// Pods that have finished, and so are not active: on each node.
const SUCCEEDED: u32 = 2;

impl Simulated {
    /// The node to simulate.
    pub(crate) fn node(&self) -> Node {
        Node::new(self.name)
            .cores(self.cores)
            .memory_gib(self.memory_gib)
            .pods(self.pods)
            .succeeded(SUCCEEDED)
            .shape(self.shape)
    }
}

/// The names, as `--node-name` takes them.
pub(crate) fn names() -> String {
    NODES.map(|node| node.name).join(",")
}
