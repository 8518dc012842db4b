//! Captures are served again byte for byte.

use std::io::Read;

use flate2::read::GzDecoder;
use testbed::{Cluster, Framing, Node, Replay, Running};

use crate::client::{get, send_raw};

fn replaying(folder: &str, looping: bool) -> Cluster {
    let replay = Replay::dir(testbed::fixtures().join(folder)).expect("captures");
    Cluster::new().replay(replay.looping(looping))
}

fn file(folder: &str, name: &str) -> Vec<u8> {
    let path = testbed::fixtures().join(folder).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The body of a page as it is on the wire.
fn body(cluster: &Running, node: &str, page: &str, accepting: &str) -> Vec<u8> {
    let answer = send_raw(
        cluster,
        &format!(
            "GET /api/v1/nodes/{node}/proxy/metrics/{page} HTTP/1.1\r\n\
             Accept-Encoding: {accepting}\r\nConnection: close\r\n\r\n"
        ),
    );
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer[head.expect("a head") + 4..].to_vec()
}

#[test]
fn captures_are_served_verbatim() {
    let cluster = replaying("10-pods", false)
        .plain_http()
        .framing(Framing::Counted)
        .start()
        .expect("a free port");
    for round in 0..4 {
        let captured = file("10-pods", &format!("metrics-resource.{round}.prom.gz"));
        assert_eq!(
            body(&cluster, "any-name", "resource", "gzip"),
            captured,
            "round {round}"
        );
    }
    let last = file("10-pods", "metrics-resource.3.prom.gz");
    assert_eq!(body(&cluster, "node-a", "resource", "gzip"), last);
    let first = file("10-pods", "metrics-cadvisor.0.prom.gz");
    assert_eq!(body(&cluster, "node-a", "cadvisor", "gzip"), first);
}

#[test]
fn a_looping_replay_begins_again() {
    let cluster = replaying("100-pods", true)
        .plain_http()
        .framing(Framing::Counted)
        .start()
        .expect("a free port");
    for round in [0, 1, 0] {
        let captured = file("100-pods", &format!("metrics-resource.{round}.prom.gz"));
        assert_eq!(body(&cluster, "node-a", "resource", "gzip"), captured);
    }
}

#[test]
fn captures_are_served_inflated_too() {
    let cluster = replaying("10-pods", false)
        .plain_http()
        .framing(Framing::Counted)
        .start()
        .expect("a free port");
    let captured = file("10-pods", "metrics-resource.0.prom.gz");
    let mut text = Vec::new();
    GzDecoder::new(&*captured)
        .read_to_end(&mut text)
        .expect("good gzip");
    assert_eq!(body(&cluster, "node-a", "resource", "identity"), text);
}

#[test]
fn captured_objects_take_requested_name() {
    let cluster = replaying("10-pods", false).start().expect("a free port");
    let node = get(&cluster, "/api/v1/nodes/any-name").expect("an answer");
    assert_eq!(node.json()["metadata"]["name"], "any-name");
    let path = "/api/v1/pods?fieldSelector=spec.nodeName%3Dany-name";
    let pods = get(&cluster, path).expect("an answer").json();
    assert!(
        pods["items"].as_array().expect("items").len() >= 10,
        "{pods}"
    );
    let nodes = get(&cluster, "/api/v1/nodes").expect("an answer").json();
    assert_eq!(nodes["items"].as_array().expect("items").len(), 1);
}

#[test]
fn missing_captures_are_simulated() {
    let cluster = replaying("100-pods", false).start().expect("a free port");
    let path = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a";
    let pods = get(&cluster, path).expect("an answer").json();
    assert_eq!(pods["items"].as_array().expect("items").len(), 99);
    let node = get(&cluster, "/api/v1/nodes/node-a").expect("an answer");
    assert_eq!(node.json()["status"]["capacity"]["cpu"], "2");
}

#[test]
fn simulated_nodes_precede_replay() {
    let simulated = Node::new("node-b").cores(64.0).pods(1);
    let cluster = replaying("10-pods", false).node(simulated).start();
    let cluster = cluster.expect("a free port");
    let page = get(&cluster, "/api/v1/nodes/node-b/proxy/metrics/cadvisor").expect("an answer");
    assert!(page.text().contains("machine_cpu_cores{") && page.text().contains("} 64\n"));
    let path = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-b";
    let pods = get(&cluster, path).expect("an answer").json();
    assert_eq!(pods["items"].as_array().expect("items").len(), 1);
}
