//! The nodes of the demo: the load of each, and so what has to be done about it.

use std::time::Duration;

use testbed::{Node, Shape};

/// Seconds that the agent looks ahead. The leak reaches allocatable within
/// them, however long history was gathered (25 s to 120 s).
pub(crate) const HORIZON_SECONDS: u64 = 180;

/// A simulated node.
#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) name: &'static str,
    /// Its size and load, for people.
    pub(crate) load: &'static str,
    /// The action and severity that the agent must report.
    pub(crate) verdict: &'static str,
    pub(crate) node: Node,
}

/// Every node, by name.
pub(crate) fn nodes() -> [Simulated; 4] {
    let busy = Shape::Spiky {
        base: 0.86,
        peak: 0.88,
        slot: Duration::from_secs(1),
    };
    let leaky = Shape::Growing {
        cpu: 0.3,
        memory: 0.45,
        bytes_per_second: 24.0 * 1_048_576.0,
    };
    [
        simulated(
            "busy-1",
            "4 cores, 16 GiB; CPU stays at about 87%",
            "scale_up, warning",
            |node| node.pods(24).shape(busy),
        ),
        simulated(
            "idle-1",
            "4 cores, 16 GiB; hardly anything runs",
            "consolidate, info",
            |node| node.pods(3).shape(Shape::Idle),
        ),
        simulated(
            "leaky-1",
            "2 cores, 8 GiB; memory grows by 24 MiB a second",
            "scale_up, critical",
            |node| node.cores(2.0).memory_gib(8.0).pods(9).shape(leaky),
        ),
        simulated(
            "steady-1",
            "8 cores, 32 GiB; a third of the CPU, half of the memory",
            "none, none",
            |node| node.cores(8.0).memory_gib(32.0).pods(40),
        ),
    ]
}

/// A node with 4 cores, 16 GiB and two pods that have finished, and so are not active.
fn simulated(
    name: &'static str,
    load: &'static str,
    verdict: &'static str,
    describe: impl Fn(Node) -> Node,
) -> Simulated {
    Simulated {
        name,
        load,
        verdict,
        node: describe(Node::new(name).succeeded(2)),
    }
}
