//! Each endpoint: what it answers, what it refuses, what is noted of it.

use std::io::Read;

use serde_json::json;
use testbed::{Cluster, Endpoint, Framing, Node, Running};
use webclient::Header;

use crate::client::{
    Answer, CADVISOR, CAPS, RESOURCE, ask, client, connect, get, get_as, send_raw, token,
};

const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const ACTIVE_ON_A: &str =
    "fieldSelector=spec.nodeName%3Dnode-a%2Cstatus.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";

fn cluster() -> Running {
    let node = Node::new("node-a").pods(12).succeeded(2).failed(1);
    let cluster = Cluster::new().node(node).node(Node::new("node-b").pods(3));
    cluster.start().expect("a free port")
}

fn good(cluster: &Running, path: &str) -> Answer {
    let answer = get(cluster, path).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

fn captured(name: &str) -> String {
    let path = testbed::fixtures().join("errors").join(name);
    std::fs::read_to_string(path).expect("the capture is there")
}

#[test]
fn pages_have_the_kubelet_content_type() {
    let cluster = cluster();
    for (path, row) in [
        (RESOURCE, "\nnode_cpu_usage_seconds_total "),
        (CADVISOR, "\nmachine_cpu_cores{"),
    ] {
        let answer = good(&cluster, path);
        assert_eq!(
            answer.content_type,
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert!(answer.text().contains(row), "{}", answer.text());
        assert!(answer.received * 3 < answer.body.len() as u64);
    }
}

#[test]
fn page_encoding_is_negotiated() {
    let cluster = Cluster::new().node(Node::new("node-a")).plain_http();
    let answer = |cluster: &Running, accepting: &str| {
        let request = format!(
            "GET {RESOURCE} HTTP/1.1\r\nAccept-Encoding: {accepting}\r\nConnection: close\r\n\r\n"
        );
        String::from_utf8_lossy(&send_raw(cluster, &request)).into_owned()
    };
    let chunked = cluster.start().expect("a free port");
    let plain = answer(&chunked, "identity");
    assert!(
        plain.contains("\r\nTransfer-Encoding: chunked\r\n"),
        "{plain}"
    );
    assert!(!plain.contains("Content-Encoding"), "{plain}");
    assert!(plain.contains("\nnode_cpu_usage_seconds_total "), "{plain}");
    assert!(answer(&chunked, "gzip").contains("\r\nContent-Encoding: gzip\r\n"));

    let counted = Cluster::new()
        .node(Node::new("node-a"))
        .plain_http()
        .framing(Framing::Counted);
    let counted = answer(&counted.start().expect("a free port"), "identity");
    let (head, body) = counted.split_once("\r\n\r\n").expect("a head");
    let length = format!("\r\nContent-Length: {}\r\n", body.len());
    assert!(head.contains(&length), "{head}");
}

#[test]
fn nodes_are_served_singly_and_listed() {
    let cluster = cluster();
    let node = good(&cluster, "/api/v1/nodes/node-b").json();
    assert_eq!(node["metadata"]["name"], "node-b");
    assert_eq!(
        (
            &node["status"]["capacity"]["cpu"],
            &node["status"]["capacity"]["memory"]
        ),
        (&json!("4"), &json!("16777216Ki"))
    );
    let list = good(&cluster, "/api/v1/nodes").json();
    assert_eq!(
        (&list["kind"], &list["items"][1]),
        (&json!("NodeList"), &node)
    );
    let one = good(
        &cluster,
        "/api/v1/nodes?fieldSelector=metadata.name%3Dnode-a",
    )
    .json();
    assert_eq!(one["items"].as_array().expect("items").len(), 1);
}

#[test]
fn pods_are_selected_by_fields() {
    let cluster = cluster();
    let list = |query: &str, accept: &str| {
        let path = format!("/api/v1/pods?{query}");
        get_as(&cluster, &path, accept).expect("an answer").json()
    };
    let count = |value: &serde_json::Value| value.as_array().expect("a list").len();

    assert_eq!(count(&list("", "*/*")["items"]), 18);
    let objects = list(ACTIVE_ON_A, "application/json");
    assert_eq!(
        (&objects["kind"], count(&objects["items"])),
        (&json!("PodList"), 12)
    );
    let query = format!("{ACTIVE_ON_A}&includeObject=None&resourceVersion=0");
    let table = list(&query, TABLE);
    assert_eq!(
        (&table["kind"], count(&table["rows"])),
        (&json!("Table"), 12)
    );
    assert!(table["rows"][0]["object"].is_null());
}

#[test]
fn lists_are_paged_on_request() {
    let cluster = cluster();
    let pages = |query: &str| {
        let (mut sizes, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/pods?{ACTIVE_ON_A}&{query}&continue={next}");
            let page = good(&cluster, &path).json();
            sizes.push(page["items"].as_array().expect("items").len());
            match page["metadata"]["continue"].as_str() {
                Some(token) => token.clone_into(&mut next),
                None => return sizes,
            }
        }
    };
    assert_eq!(pages("limit=5"), [5, 5, 2]);
    assert_eq!(pages("limit=5&resourceVersion=0"), [12]);
    cluster.force_paging(Some(7));
    assert_eq!(pages("resourceVersion=0"), [7, 5]);
    cluster.force_paging(None);
    assert_eq!(pages("resourceVersion=0"), [12]);
}

#[test]
fn an_expired_continue_token_is_gone() {
    let cluster = cluster();
    let page = good(&cluster, "/api/v1/pods?limit=5").json();
    let next = page["metadata"]["continue"].as_str().expect("a token");
    let path = format!("/api/v1/pods?limit=5&continue={next}");
    assert_eq!(good(&cluster, &path).status, 200);
    cluster.expire_continue_tokens();
    let answer = get(&cluster, &path).expect("an answer");
    assert_eq!(
        (answer.status, &answer.json()["reason"]),
        (410, &json!("Expired"))
    );
}

#[test]
fn health_is_ok() {
    let cluster = cluster();
    assert_eq!(good(&cluster, "/healthz").text(), "ok");
}

#[test]
fn policy_refusals_equal_captures() {
    let cluster = cluster();
    // As in the captures.
    let name = "k8s-ai-exporter-proxy";
    let expression = "object.path.startsWith('/metrics/')";
    cluster.apply(&[
        json!({"kind": "ClusterRole", "rules": [
            {"apiGroups": [""], "resources": ["nodes", "nodes/proxy"], "verbs": ["get"]},
        ]}),
        json!({
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"operations": ["CONNECT"], "resources": ["nodes/proxy"]},
                ]},
                "validations": [{"expression": expression, "message": "path not allowed: /pods"}],
            },
        }),
        json!({
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        }),
    ]);
    for (path, status, capture) in [
        ("/api/v1/nodes/node-zz", 404, "404-node.body"),
        (
            "/api/v1/nodes/node-zz/proxy/metrics/resource",
            404,
            "404-node.body",
        ),
        ("/api/v1/nodes/node-a/proxy/pods", 422, "422-admission.body"),
    ] {
        let answer = get(&cluster, path).expect("an answer");
        assert_eq!(
            (answer.status, &*answer.content_type),
            (status, "application/json")
        );
        assert_eq!(answer.text(), captured(capture).trim_end(), "{path}");
    }
}

#[test]
fn refusals_are_status_objects() {
    let cluster = cluster();
    for (path, accept, status, message) in [
        (
            "/api/v1/pods?fieldSelector=spec.foo%3Dbar",
            "*/*",
            400,
            "field label not supported: spec.foo",
        ),
        (
            "/api/v1/pods?limit=x",
            "*/*",
            400,
            "limit: \"x\" is not a number",
        ),
        ("/api/v1/pods?limit=%zz", "*/*", 400, "invalid URL escape"),
        (
            "/api/v1/pods",
            "application/vnd.kubernetes.protobuf",
            406,
            "only the following media types are accepted: application/json",
        ),
        (
            "/api/v1/services",
            "*/*",
            404,
            "the server could not find the requested resource",
        ),
    ] {
        let answer = get_as(&cluster, path, accept).expect("an answer");
        let object = answer.json();
        assert_eq!(
            (answer.status, &object["message"]),
            (status, &json!(message)),
            "{path}"
        );
        assert_eq!(
            (&object["kind"], &object["code"]),
            (&json!("Status"), &json!(status))
        );
    }
    let token = token(cluster.token_file());
    let posted = client(&cluster)
        .post_form(
            "/api/v1/pods",
            &[("a", "b")],
            "*/*",
            &[Header::bearer(&token)],
            CAPS,
        )
        .expect("an answer");
    assert_eq!(posted.status, 405);
}

#[test]
fn requests_are_logged_with_headers() {
    let cluster = cluster();
    let (client, token) = (client(&cluster), token(cluster.token_file()));
    for path in [RESOURCE, RESOURCE, "/api/v1/pods?limit=1"] {
        ask(&client, path, "text/plain", Some(&token)).expect("an answer");
    }
    let requests = cluster.requests();
    assert_eq!(requests.connections, 1);
    assert_eq!(requests.count(Endpoint::Resource), 2);
    assert!(requests.body_bytes(Endpoint::Resource) > 500);
    let pods = requests.get(Endpoint::Pods);
    assert_eq!(pods.last_target, "/api/v1/pods?limit=1");
    assert_eq!(pods.last_headers["accept"], "text/plain");
    assert_eq!(pods.last_headers["user-agent"], "testbed-test");
    assert_eq!(pods.statuses.into_iter().collect::<Vec<_>>(), [(406, 1)]);
    cluster.clear_requests();
    assert_eq!(cluster.requests().count(Endpoint::Resource), 0);
}

#[test]
fn open_connections_can_be_closed() {
    let cluster = Cluster::new().plain_http().start().expect("a free port");
    let mut served = connect(&cluster);
    std::io::Write::write_all(&mut served, b"GET /healthz HTTP/1.1\r\n\r\n").expect("a request");
    let mut head = [0; 15];
    served.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    cluster.close_connections();
    let mut rest = Vec::new();
    served.read_to_end(&mut rest).expect("the end");
    assert!(rest.ends_with(b"\r\n\r\nok"), "{rest:?}");

    let mut silent = connect(&cluster);
    drop(cluster);
    assert_eq!(silent.read(&mut head).unwrap_or(0), 0);
}
