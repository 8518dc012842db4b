//! Rates and counts that a client computes equal the cluster's truth.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::{Cluster, Node, Running, Shape};

use crate::client::{CADVISOR, RESOURCE, get, get_as};

/// Value and timestamp, in milliseconds, of the row that starts so.
fn sample(cluster: &Running, path: &str, start: &str) -> (f64, u64) {
    let page = get(cluster, path).expect("an answer");
    let row = page.text().lines().find(|line| line.starts_with(start));
    let row = row.unwrap_or_else(|| panic!("no {start} in {}", page.text()));
    let mut words = row.rsplit(' ');
    let timestamp = words.next().and_then(|word| word.parse().ok());
    let value = words.next().and_then(|word| word.parse().ok());
    (value.expect("a value"), timestamp.expect("a timestamp"))
}

fn time(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

fn cluster(shape: Shape) -> Running {
    let node = Node::new("node-a").cores(8.0).memory_gib(32.0).shape(shape);
    Cluster::new()
        .node(node.pods(5).succeeded(2))
        .housekeeping(Duration::from_millis(20))
        .seed(3)
        .start()
        .expect("a free port")
}

#[test]
fn cpu_rates_equal_the_truth() {
    let cluster = cluster(Shape::STEADY);
    let truth = cluster.truth("node-a", SystemTime::now()).cores;
    assert_eq!(truth, 0.35 * 8.0);
    for (path, row) in [
        (RESOURCE, "node_cpu_usage_seconds_total "),
        (
            CADVISOR,
            "container_cpu_usage_seconds_total{container=\"\",cpu=\"total\",id=\"/\",",
        ),
    ] {
        let (before, earlier) = sample(&cluster, path, row);
        let (after, later) = loop {
            let next = sample(&cluster, path, row);
            if next.1 >= earlier + 100 {
                break next;
            }
        };
        let cores = (after - before) / ((later - earlier) as f64 / 1000.0);
        assert!((cores - truth).abs() < 1e-6, "{cores} is not {truth}");
    }
}

#[test]
fn memory_samples_equal_the_truth() {
    let cluster = cluster(Shape::GROWING);
    let (bytes, at) = sample(&cluster, RESOURCE, "node_memory_working_set_bytes ");
    assert_eq!(bytes as u64, cluster.truth("node-a", time(at)).memory_bytes);
}

#[test]
fn table_rows_count_active_pods() {
    let cluster = cluster(Shape::Idle);
    let path = "/api/v1/pods?includeObject=None&resourceVersion=0&fieldSelector=\
                spec.nodeName%3Dnode-a,status.phase%21%3DSucceeded,status.phase%21%3DFailed";
    let accept = "application/json;as=Table;g=meta.k8s.io;v=v1";
    let table = get_as(&cluster, path, accept).expect("an answer").json();
    let rows = table["rows"].as_array().expect("rows").len();
    assert_eq!(rows, cluster.truth("node-a", SystemTime::now()).active_pods);
    assert_eq!(rows, 5);
}
