//! The nodes of the show, and what is true of each: its load, and so what has
//! to be done about it.

use std::time::Duration;

use testbed::{Node, Shape};

/// Seconds that the agent looks ahead. The leak reaches allocatable within
/// them, however long history was gathered (25 s to 120 s).
pub(crate) const HORIZON_SECONDS: u64 = 180;

/// A node with its fate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    /// What happens to it: for people.
    pub(crate) story: &'static str,
    /// What the agent must say, as its JSON report writes it.
    pub(crate) action: &'static str,
    pub(crate) severity: &'static str,
    cores: f64,
    memory_gib: f64,
    pods: u32,
    shape: Shape,
}

/// Every node, by name.
pub(crate) const CAST: [Role; 4] = [
    Role {
        name: "busy-1",
        story: "4 cores, 16 GiB; CPU stays at about 87%",
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
    Role {
        name: "idle-1",
        story: "4 cores, 16 GiB; hardly anything runs",
        action: "consolidate",
        severity: "info",
        cores: 4.0,
        memory_gib: 16.0,
        pods: 3,
        shape: Shape::Idle,
    },
    Role {
        name: "leaky-1",
        story: "2 cores, 8 GiB; memory grows by 24 MiB a second",
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
    Role {
        name: "steady-1",
        story: "8 cores, 32 GiB; a third of the CPU, half of the memory",
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

impl Role {
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
    CAST.map(|role| role.name).join(",")
}
