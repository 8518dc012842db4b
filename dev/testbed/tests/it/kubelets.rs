//! Kubelets at their own ports, nodes that come and go, rights that are granted.

use std::net::IpAddr;
use std::path::Path;

use testbed::{Certificate, Cluster, Endpoint, Node, Right, Running};
use webclient::Failure;

use crate::client::{self, DEADLINE};

fn cluster() -> Running {
    Cluster::new()
        .node(Node::new("node-a").pods(2))
        .node(Node::new("node-b").address(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])))
        .kubelets()
        .start()
        .expect("a cluster")
}

/// Address of the kubelet by the node object.
fn kubelet(cluster: &Running, node: &str) -> String {
    let object = client::get(cluster, &format!("/api/v1/nodes/{node}")).expect("an answer");
    let status = &object.json()["status"];
    let port = &status["daemonEndpoints"]["kubeletEndpoint"]["Port"];
    let address = status["addresses"][0]["address"]
        .as_str()
        .expect("an address");
    let url = if address.contains(':') {
        format!("https://[{address}]:{port}")
    } else {
        format!("https://{address}:{port}")
    };
    assert_eq!(url, cluster.kubelet_url(node));
    url
}

fn ask(cluster: &Running, node: &str, ca: &Path, path: &str) -> Result<client::Answer, Failure> {
    let token = client::token(cluster.token_file());
    let client = client::client_of(&kubelet(cluster, node), ca, DEADLINE);
    client::ask(&client, path, "*/*", Some(&token))
}

#[test]
fn kubelet_pages_equal_proxied_ones() {
    let cluster = cluster();
    for node in ["node-a", "node-b"] {
        let direct = ask(
            &cluster,
            node,
            cluster.kubelet_ca_file(),
            "/metrics/resource",
        )
        .expect("an answer");
        assert_eq!(direct.status, 200);
        let path = format!("/api/v1/nodes/{node}/proxy/metrics/resource");
        let proxied = client::get(&cluster, &path).expect("an answer");
        assert_eq!(direct.content_type, proxied.content_type);
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(direct.text()), lines(proxied.text()), "{node}");
    }
    assert_eq!(cluster.kubelet_requests().count(Endpoint::Resource), 2);
    assert_eq!(cluster.requests().count(Endpoint::Resource), 2);
}

#[test]
fn kubelets_check_token_and_right() {
    let cluster = cluster();
    let ca = cluster.kubelet_ca_file();
    let client = client::client_of(&kubelet(&cluster, "node-a"), ca, DEADLINE);
    let without = client::ask(&client, "/metrics/resource", "*/*", None).expect("an answer");
    assert_eq!((without.status, without.text()), (401, "Unauthorized"));
    let url = cluster.kubelet_url("node-a");
    let status = |path: &str| {
        let token = client::token(cluster.token_file());
        let client = client::client_of(&url, ca, DEADLINE);
        let answer = client::ask(&client, path, "*/*", Some(&token)).expect("an answer");
        (answer.status, answer.text().to_owned())
    };
    let exec = "/exec/none/none/none";
    for (right, path, expected) in [
        (Right::GET_NODES_PROXY, "/metrics/resource", 403),
        (Right::GET_NODES_PROXY, "/stats/summary", 403),
        (Right::GET_NODES_PROXY, "/logs/", 403),
        (Right::GET_NODES_PROXY, "/pods", 200),
        (Right::GET_NODES_PROXY, "/healthz", 200),
        (Right::GET_NODES_PROXY, exec, 404),
        (Right::GET_NODES_PROXY, "/nonsense", 404),
        (Right::GET_NODES_METRICS, "/metrics/cadvisor", 200),
        (Right::GET_NODES_METRICS, "/metrics/nonsense", 404),
        (Right::GET_NODES_METRICS, "/pods", 403),
        (Right::GET_NODES_METRICS, exec, 403),
    ] {
        cluster.grant_only(&[right]);
        assert_eq!(status(path).0, expected, "{right:?} {path}");
    }
    for (path, subresources) in [("/configz", "[configz proxy]"), ("/exec/a/b/c", "[proxy]")] {
        let refusal = format!(
            "Forbidden (user=system:serviceaccount:monitoring:k8s-ai-exporter, verb=get, \
             resource=nodes, subresource(s)={subresources})\n"
        );
        assert_eq!(status(path), (403, refusal));
    }
}

#[test]
fn kubelet_certificates_are_their_own() {
    let cluster = cluster();
    let tls = |ca: &Path| match ask(&cluster, "node-a", ca, "/metrics/resource") {
        Err(Failure::Tls { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let wrong = tls(cluster.ca_file());
    assert!(wrong.contains("issued by CN=kubelet-ca"), "{wrong}");
    cluster.show_kubelet_certificate(Certificate::OtherName);
    let other = tls(cluster.kubelet_ca_file());
    assert!(other.contains("not for 127."), "{other}");
}

#[test]
fn nodes_join_and_leave_completely() {
    let cluster = cluster();
    let names = || {
        let list = client::get(&cluster, "/api/v1/nodes")
            .expect("an answer")
            .json();
        let items = list["items"].as_array().expect("items").clone();
        let name = |item: serde_json::Value| item["metadata"]["name"].as_str().map(str::to_owned);
        items.into_iter().filter_map(name).collect::<Vec<_>>()
    };
    cluster.join(Node::new("node-0").pods(3));
    assert_eq!(names(), ["node-0", "node-a", "node-b"]);
    let gone = kubelet(&cluster, "node-a");
    cluster.remove("node-a");
    assert_eq!(names(), ["node-0", "node-b"]);
    let pods = client::get(&cluster, "/api/v1/pods")
        .expect("an answer")
        .json();
    assert_eq!(pods["items"].as_array().map(Vec::len), Some(3));
    let client = client::client_of(&gone, cluster.kubelet_ca_file(), DEADLINE);
    let token = client::token(cluster.token_file());
    let answer = client::ask(&client, "/metrics/resource", "*/*", Some(&token));
    assert!(matches!(answer, Err(Failure::Connect { .. })), "{answer:?}");
}

#[test]
fn missing_rights_are_named() {
    let cluster = cluster();
    for (right, path) in [
        (Right::GET_NODES_PROXY, client::RESOURCE),
        (Right::GET_NODES, "/api/v1/nodes/node-a"),
        (Right::LIST_NODES, "/api/v1/nodes"),
        (Right::LIST_PODS, "/api/v1/pods"),
    ] {
        cluster.grant_only(&[right]);
        assert_eq!(client::get(&cluster, path).expect("an answer").status, 200);
        let others: Vec<Right> = Right::ALL
            .into_iter()
            .filter(|each| *each != right)
            .collect();
        cluster.grant_only(&others);
        let refused = client::get(&cluster, path).expect("an answer");
        let Right { verb, resource } = right;
        let said = format!("cannot {verb} resource \\\"{resource}\\\"");
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.text().contains(&said), "{}", refused.text());
    }
}
