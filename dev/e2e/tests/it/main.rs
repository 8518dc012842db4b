//! The programs against each other, a simulated cluster, promtool, a real Prometheus and
//! a real Pushgateway, over real sockets.

mod authorization;
mod bad_input;
mod certificates;
mod credentials;
mod doctor;
mod exporter;
mod fleet;
mod health;
mod links;
mod login;
mod nodes;
mod port;
mod prometheus;
mod promises;
mod protection;
mod pushgateway;
mod soak;

use std::time::Duration;

use testbed::{Cluster, Node, Running, Shape};

/// The CPU of the node of [`one_node`].
const CORES: &str = "k8s_node_cpu_usage_cores{node=\"node-a\"}";

/// A cluster of `node-a`, 4 cores, 16 GiB and 12 pods under a steady load.
fn one_node() -> Running {
    let node = Node::new("node-a").shape(Shape::STEADY).pods(12);
    Cluster::new()
        .node(node)
        .housekeeping(Duration::from_millis(300))
        .start()
        .expect("a cluster")
}

/// A cluster of two nodes of 4 cores and 16 GiB, `idle` and `steady`.
fn idle_and_steady() -> Running {
    Cluster::new()
        .node(Node::new("idle").shape(Shape::Idle).pods(3))
        .node(Node::new("steady").shape(Shape::STEADY).pods(9))
        .housekeeping(Duration::from_millis(300))
        .start()
        .expect("a cluster")
}
