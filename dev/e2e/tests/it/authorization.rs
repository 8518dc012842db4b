//! The rights of each mode's token at both doors, the API server and the kubelets'
//! own ports, with the role and the admission policy that the chart renders for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use contract::{ExporterMode, Via};
use e2e::{Exporter, PATIENCE, cluster_flags, program};
use manifestgen::objects;
use manifestgen::values::Values;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use testbed::{Cluster, Endpoint, Node, Running};

/// The server that answers a request.
#[derive(Clone, Copy)]
enum Door {
    ApiServer,
    Kubelet,
}

impl Door {
    /// URL of the server, CA file, and path of a kubelet's page on a node.
    fn way(self, cluster: &Running, node: &str, path: &str) -> (String, PathBuf, String) {
        match self {
            Self::ApiServer => (
                cluster.url(),
                cluster.ca_file().to_owned(),
                format!("/api/v1/nodes/{node}/proxy{path}"),
            ),
            Self::Kubelet => (
                cluster.kubelet_url(node),
                cluster.kubelet_ca_file().to_owned(),
                path.to_owned(),
            ),
        }
    }
}

fn cluster() -> Running {
    let cluster = Cluster::new()
        .node(Node::new("node-a").pods(2))
        .node(Node::new("node-b").pods(2))
        .kubelets();
    cluster.start().expect("a cluster")
}

fn rendered(mode: ExporterMode, via: Via) -> Vec<Value> {
    let mut values = Values::default();
    values.exporter.mode = mode.into();
    values.exporter.via = via.into();
    release(&values)
}

/// The objects of a release with these values, without hooks.
fn release(values: &Values) -> Vec<Value> {
    let manifests = objects::render(values, "binbots-k8s").expect("the chart renders");
    let trees = manifests.into_iter().map(|manifest| manifest.tree);
    trees.filter(|tree| !objects::is_hook(tree)).collect()
}

const WEBSOCKET: &str = "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                         Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n";
const PLAIN: &str = "Connection: close\r\n";

/// Sends one request with the cluster's token and returns all that is answered.
fn send(cluster: &Running, url: &str, ca: &Path, request: &str, headers: &str) -> String {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(ca).expect("a certificate");
    roots.add(ca).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = url.strip_prefix("https://").expect("TLS");
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let name = ServerName::from(stream.peer_addr().expect("connected").ip());
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = StreamOwned::new(session, stream);
    let token = std::fs::read_to_string(cluster.token_file()).expect("a token");
    let head =
        format!("{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_of(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("no status in {answer:?}"))
}

/// Path of a container of a pod on a node.
fn container(cluster: &Running, node: &str) -> String {
    let path = format!("GET /api/v1/pods?fieldSelector=spec.nodeName%3D{node}");
    let answer = send(cluster, &cluster.url(), cluster.ca_file(), &path, PLAIN);
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let list: Value = serde_json::from_str(body).expect("JSON");
    let pod = &list["items"][0];
    let text = |pointer| {
        pod.pointer(pointer)
            .and_then(Value::as_str)
            .expect("a name")
    };
    format!(
        "{}/{}/{}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        text("/spec/containers/0/name")
    )
}

/// The table's columns: what is asked of the node that the token's pod runs on, then of
/// another node, then with scheme and port in the node's name.
const COLUMNS: [&str; 11] = [
    "metrics",
    "pods",
    "configz",
    "containerLogs",
    "logs",
    "POST exec",
    "WebSocket exec",
    "other: metrics",
    "pods",
    "WebSocket exec",
    "other port",
];

/// The status of each request, in the order of the columns.
fn statuses(cluster: &Running, door: Door, containers: &[String; 2]) -> Vec<u16> {
    let ask = |node: &str, method: &str, path: &str, headers: &str| {
        let (url, ca, path) = door.way(cluster, node, path);
        let answer = send(cluster, &url, &ca, &format!("{method} {path}"), headers);
        let status = status_of(&answer);
        assert_eq!(status == 101, answer.contains("uid=0(root)"), "{answer}");
        status
    };
    let metrics = |node: &str| {
        let both = contract::kubelet::PATHS.map(|path| ask(node, "GET", path, PLAIN));
        assert_eq!(both[0], both[1], "{:?}", contract::kubelet::PATHS);
        both[0]
    };
    let exec = containers
        .each_ref()
        .map(|place| format!("/exec/{place}?command=id&output=1"));
    let logs = format!("/containerLogs/{}", containers[0]);
    let mut statuses = vec![
        metrics("node-a"),
        ask("node-a", "GET", "/pods", PLAIN),
        ask("node-a", "GET", "/configz", PLAIN),
        ask("node-a", "GET", &logs, PLAIN),
        ask("node-a", "GET", "/logs/", PLAIN),
        ask("node-a", "POST", &exec[0], WEBSOCKET),
        ask("node-a", "GET", &exec[0], WEBSOCKET),
        metrics("node-b"),
        ask("node-b", "GET", "/pods", PLAIN),
        ask("node-b", "GET", &exec[1], WEBSOCKET),
    ];
    if let Door::ApiServer = door {
        statuses.push(metrics("https:node-b:10250"));
    }
    statuses
}

/// One line of the table; cells are as wide as their columns' names.
fn line(token: &str, door: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().zip(COLUMNS);
    let cells: String = cells
        .map(|(cell, column)| format!("  {cell:<width$}", width = column.len()))
        .collect();
    format!("{token:<21}{door:<10}{cells}")
        .trim_end()
        .to_owned()
        + "\n"
}

/// The statuses are those of a real Kubernetes 1.36.2. Binding a token to a pod is told to
/// the API server's admission only: a kubelet knows nothing of it.
#[test]
fn tokens_allow_what_their_mode_needs() {
    let mut table = line("token", "door", COLUMNS.map(str::to_owned));
    for (name, mode, via, is_bound) in [
        ("one node, proxy", ExporterMode::Daemonset, Via::Proxy, true),
        (
            "the same, unbound",
            ExporterMode::Daemonset,
            Via::Proxy,
            false,
        ),
        (
            "all nodes, proxy",
            ExporterMode::Statefulset,
            Via::Proxy,
            true,
        ),
        (
            "one node, kubelet",
            ExporterMode::Daemonset,
            Via::Kubelet,
            true,
        ),
        (
            "all nodes, kubelet",
            ExporterMode::Standalone,
            Via::Kubelet,
            true,
        ),
    ] {
        let cluster = cluster();
        let containers = ["node-a", "node-b"].map(|node| container(&cluster, node));
        if is_bound {
            cluster.bind_token("node-a");
        }
        cluster.apply(&rendered(mode, via));
        for (label, door) in [("API server", Door::ApiServer), ("kubelet", Door::Kubelet)] {
            let statuses = statuses(&cluster, door, &containers);
            table += &line(name, label, statuses.iter().map(u16::to_string));
        }
    }
    assert_eq!(table, EXPECTED, "\n{table}");
}

const EXPECTED: &str = "\
token                door        metrics  pods  configz  containerLogs  logs  POST exec  WebSocket exec  other: metrics  pods  WebSocket exec  other port
one node, proxy      API server  200      422   422      422            422   403        422             422             422   422             422
one node, proxy      kubelet     403      200   200      200            403   403        101             403             200   101
the same, unbound    API server  422      422   422      422            422   403        422             422             422   422             422
the same, unbound    kubelet     403      200   200      200            403   403        101             403             200   101
all nodes, proxy     API server  200      422   422      422            422   403        422             200             422   422             422
all nodes, proxy     kubelet     403      200   200      200            403   403        101             403             200   101
one node, kubelet    API server  403      403   403      403            403   403        403             403             403   403             403
one node, kubelet    kubelet     200      403   403      403            403   403        403             200             403   403
all nodes, kubelet   API server  403      403   403      403            403   403        403             403             403   403             403
all nodes, kubelet   kubelet     200      403   403      403            403   403        403             200             403   403
";

/// Each validation of the policy refuses something that RBAC and the others let through.
#[test]
fn each_policy_validation_is_needed() {
    for (without, node, path) in [
        (0, "node-a", "/pods"),
        (1, "https:node-a:10250", contract::kubelet::RESOURCE_PATH),
    ] {
        let cluster = cluster();
        let mut objects = rendered(ExporterMode::Standalone, Via::Proxy);
        let (url, ca, path) = Door::ApiServer.way(&cluster, node, path);
        let status = || status_of(&send(&cluster, &url, &ca, &format!("GET {path}"), PLAIN));
        cluster.apply(&objects);
        assert_eq!(status(), 422, "{path}");
        for object in &mut objects {
            if object["kind"] == "ValidatingAdmissionPolicy" {
                let validations = object["spec"]["validations"].as_array_mut();
                validations.expect("validations").remove(without);
            }
        }
        cluster.apply(&objects);
        assert_eq!(status(), 200, "{path}");
    }
}

/// The exporter that the chart's DaemonSet runs on a node with these values.
fn of_daemonset(cluster: &Running, objects: &[Value]) -> Exporter {
    let daemonset = objects.iter().find(|object| object["kind"] == "DaemonSet");
    let pod = &daemonset.expect("a DaemonSet")["spec"]["template"]["spec"];
    let arguments = pod["containers"][0]["args"].as_array().expect("arguments");
    let arguments = arguments.iter().filter_map(Value::as_str);
    let arguments = arguments.filter(|argument| !argument.starts_with("--listen-address"));
    let mut command = Command::new(program("k8s-ai-exporter"));
    command
        .env_clear()
        .env("NODE_NAME", "node-a")
        .args(arguments)
        .args(cluster_flags(cluster));
    Exporter::run(&mut command)
}

#[test]
fn switching_kubelet_access_keeps_values() {
    const CPU: &str = "k8s_node_cpu_usage_cores{node=\"node-a\"}";
    let cluster = Cluster::new()
        .node(Node::new("node-a").pods(2))
        .housekeeping(Duration::from_millis(500))
        .kubelets()
        .start()
        .expect("a cluster");
    cluster.bind_token("node-a");
    let mut values = Values::default();
    values.exporter.scrape_interval = "1s".to_owned();
    values.exporter.cadvisor_interval = "1s".to_owned();
    let ca_file = cluster.kubelet_ca_file().display().to_string();
    values.exporter.kubelet_ca_file = ca_file;
    let mut previous: Option<Exporter> = None;
    for via in [Via::Proxy, Via::Kubelet, Via::Proxy] {
        values.exporter.via = via.into();
        let objects = release(&values);
        cluster.apply(&objects);
        cluster.clear_requests();
        let exporter = of_daemonset(&cluster, &objects);
        exporter.value_of(CPU);
        exporter.value_of("k8s_node_cpu_throttled_ratio{node=\"node-a\"}");
        // A pod that is not replaced yet keeps what it has until that is too old.
        if let Some(previous) = previous {
            previous.process.line_with("resource fails (forbidden)");
            assert!(previous.value(CPU).is_some(), "{}", previous.process.log());
        }
        let [proxied, direct] = [cluster.requests(), cluster.kubelet_requests()]
            .map(|asked| asked.get(Endpoint::Resource).statuses.contains_key(&200));
        assert_eq!((proxied, direct), (via == Via::Proxy, via == Via::Kubelet));
        previous = Some(exporter);
    }
}
