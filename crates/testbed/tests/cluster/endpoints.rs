//! Each endpoint, answered rightly.

use testbed::{Cluster, Endpoint, Node, Running};

use crate::client::{CADVISOR, RESOURCE, get};

fn cluster() -> Running {
    let node = Node::new("node-a").pods(12).succeeded(2).failed(1);
    let cluster = Cluster::new().node(node).node(Node::new("node-b").pods(3));
    cluster.start().expect("a free port")
}

#[test]
fn metrics_pages_come_over_tls_compressed() {
    let cluster = cluster();
    for (path, row) in [
        (RESOURCE, "\nnode_cpu_usage_seconds_total "),
        (CADVISOR, "\nmachine_cpu_cores{"),
    ] {
        let answer = get(&cluster, path).expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.content_type,
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert!(answer.text().contains(row), "{}", answer.text());
        assert!(answer.received * 3 < answer.body.len() as u64);
    }
    assert_eq!(cluster.requests().count(Endpoint::Resource), 1);
}
