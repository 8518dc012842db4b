//! The real exporter reading all nodes of a simulated cluster, through the proxy and
//! directly, over real TLS.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use e2e::{Exporter, agent, check_metrics, eventually, exporter_of, run, unix_seconds, value_in};
use testbed::{Certificate, Cluster, Effect, Endpoint, Fault, Node, Right, Running, Shape};

fn node(name: &str) -> Node {
    Node::new(name).cores(4.0).shape(Shape::STEADY)
}

/// `node-0` with one pod, `node-1` with two, and so on.
fn cluster(nodes: u32) -> Running {
    builder(nodes).start().expect("a cluster")
}

fn builder(nodes: u32) -> Cluster {
    let mut builder = Cluster::new().housekeeping(Duration::from_millis(300));
    for number in 0..nodes {
        builder = builder.node(node(&format!("node-{number}")).pods(number + 1));
    }
    builder
}

const RESOURCE_ONLY: &str = "--enable-cadvisor=false";

fn cpu(node: &str) -> String {
    format!("k8s_node_cpu_usage_cores{{node=\"{node}\"}}")
}

/// The nodes of which anything is published.
fn published(exporter: &Exporter) -> BTreeSet<String> {
    let text = exporter.get("/metrics").text();
    text.lines()
        .filter_map(|line| line.split_once("node=\"")?.1.split_once('"'))
        .map(|(node, _)| node.to_owned())
        .filter(|node| !node.is_empty())
        .collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Flags to reach kubelets directly.
fn direct(cluster: &Running) -> [String; 2] {
    let ca = cluster.kubelet_ca_file().display();
    [
        "--via=kubelet".to_owned(),
        format!("--kubelet-ca-file={ca}"),
    ]
}

#[test]
fn all_nodes_need_four_rights() {
    let cluster = cluster(5);
    cluster.grant_only(&[
        Right::GET_NODES_PROXY,
        Right::GET_NODES,
        Right::LIST_NODES,
        Right::LIST_PODS,
    ]);
    let exporter = Exporter::start(&cluster, "all", &[]);
    for number in 0..5 {
        let name = format!("node-{number}");
        let cores = exporter.value_of(&cpu(&name));
        let truth = cluster.truth(&name, SystemTime::now()).cores;
        assert!(
            (cores - truth).abs() < 0.01 * truth,
            "{name}: {cores}, truth {truth}"
        );
        let pods = format!("k8s_node_active_pods{{node=\"{name}\"}}");
        assert_eq!(exporter.value_of(&pods), f64::from(number) + 1.0);
        exporter.value_of(&format!(
            "k8s_node_memory_allocatable_bytes{{node=\"{name}\"}}"
        ));
    }
    eventually("six rounds of five nodes", || {
        (cluster.requests().count(Endpoint::Resource) >= 30).then_some(())
    });
    let asked = cluster.requests();
    let pods = asked.get(Endpoint::Pods);
    for part in [
        "status.phase%21%3DSucceeded",
        "includeObject=None",
        "resourceVersion=0",
    ] {
        assert!(
            pods.last_target.contains(part),
            "{part} in {}",
            pods.last_target
        );
    }
    assert!(
        !pods.last_target.contains("nodeName"),
        "{}",
        pods.last_target
    );
    assert!(asked.get(Endpoint::Nodes).last_headers["accept"].contains("as=Table"));
    assert!(
        asked.count(Endpoint::Pods) < asked.count(Endpoint::Resource) / 5,
        "one list for all of them, and that every other round"
    );
    assert_eq!(asked.count(Endpoint::Node), 5, "seldom");
    let text = exporter.get("/metrics").text();
    for endpoint in ["nodes", "pods"] {
        let up = format!("k8s_ai_exporter_up{{node=\"\",endpoint=\"{endpoint}\"}}");
        assert_eq!(value_in(&text, &up), Some(1.0), "{text}");
    }
    check_metrics(&text);
}

#[test]
fn missing_right_is_named() {
    let cluster = cluster(2);
    cluster.grant_only(&[Right::GET_NODES_PROXY, Right::GET_NODES, Right::LIST_NODES]);
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
    let line = exporter
        .process
        .line_with("all nodes: pods fails (forbidden)");
    assert!(line.contains("cannot list resource"), "{line}");
    exporter.value_of(&cpu("node-1"));
    assert_eq!(
        exporter.value("k8s_node_active_pods{node=\"node-1\"}"),
        None
    );
}

#[test]
fn leaving_nodes_lose_their_series() {
    let cluster = cluster(2);
    let exporter = Exporter::start(&cluster, "all", &["--history=1h"]);
    exporter.value_of(&cpu("node-1"));
    cluster.join(node("new").pods(7));
    exporter.value_of(&cpu("new"));
    assert_eq!(exporter.value_of("k8s_node_active_pods{node=\"new\"}"), 7.0);
    cluster.remove("node-1");
    eventually("node-1 is gone", || {
        (published(&exporter) == names(&["new", "node-0"])).then_some(())
    });
    // Its history stays, and ends.
    let url = "/api/v1/query_range?query=k8s_node_active_pods&step=1";
    let series = |start: u64, end: u64| {
        let answer = exporter
            .get(&format!("{url}&start={start}&end={end}"))
            .json();
        let series = answer["data"]["result"].as_array().expect("series").clone();
        series
            .iter()
            .map(|each| each["metric"]["node"].as_str().expect("a node").to_owned())
            .collect::<BTreeSet<_>>()
    };
    let now = unix_seconds();
    assert_eq!(
        series(now - 60, now + 1),
        names(&["new", "node-0", "node-1"])
    );
    eventually("its series has ended", || {
        let now = unix_seconds();
        (series(now, now) == names(&["new", "node-0"])).then_some(())
    });
    // It is no longer scraped; one that returns is a new node.
    let asked = |cluster: &Running| {
        cluster
            .requests()
            .get(Endpoint::Resource)
            .statuses
            .get(&404)
            .copied()
    };
    let before = asked(&cluster);
    cluster.join(node("node-1").pods(9));
    exporter.value_of(&cpu("node-1"));
    assert_eq!(
        exporter.value_of("k8s_node_active_pods{node=\"node-1\"}"),
        9.0
    );
    assert_eq!(asked(&cluster), before);
}

#[test]
fn hanging_nodes_block_no_others() {
    let mut builder = builder(3);
    for number in 0..40 {
        builder = builder.node(node(&format!("hanging-{number}")));
    }
    let cluster = builder.start().expect("a cluster");
    for number in 0..40 {
        let latency = Effect::Latency(Duration::from_secs(600));
        let name = format!("hanging-{number}");
        cluster.fault(Fault::new(latency).on(Endpoint::Resource).of_node(name));
    }
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY, "--request-timeout=2s"]);
    for number in 0..3 {
        exporter.value_of(&cpu(&format!("node-{number}")));
    }
    eventually("a hanging node has failed", || {
        let errors = "k8s_ai_exporter_scrape_errors_total{node=\"hanging-39\",endpoint=\"resource\",reason=\"timeout\"}";
        exporter.value(errors)
    });
    let since = |node: &str| {
        let series = "k8s_ai_exporter_last_success_timestamp_seconds";
        exporter.value_of(&format!(
            "{series}{{node=\"{node}\",endpoint=\"resource\"}}"
        ))
    };
    let before = since("node-0");
    eventually("five further rounds", || {
        (since("node-0") >= before + 5.0).then_some(())
    });
    assert!(!published(&exporter).is_empty());
    assert_eq!(exporter.value(&cpu("hanging-0")), None);
}

#[test]
fn failing_node_is_counted_by_name() {
    let cluster = cluster(3);
    cluster.fault(
        Fault::new(Effect::status(503))
            .on(Endpoint::Resource)
            .of_node("node-1"),
    );
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
    exporter.value_of(&cpu("node-0"));
    exporter.value_of(&cpu("node-2"));
    let errors = |node: &str| {
        format!(
            "k8s_ai_exporter_scrape_errors_total{{node=\"{node}\",endpoint=\"resource\",reason=\"unavailable\"}}"
        )
    };
    exporter.value_of(&errors("node-1"));
    assert_eq!(exporter.value(&errors("node-0")), None);
    assert_eq!(exporter.value(&cpu("node-1")), None);
    cluster.clear_faults();
    exporter.value_of(&cpu("node-1"));
}

#[test]
fn a_list_that_fails_takes_no_node_away() {
    let cluster = cluster(2);
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
    exporter.value_of(&cpu("node-1"));
    for effect in [
        Effect::status(500),
        Effect::html(),
        Effect::status_with_200(),
        Effect::Empty,
        Effect::body("application/json", r#"{"kind":"Table","metadata":{}}"#),
    ] {
        let before = cluster.requests().count(Endpoint::Nodes);
        cluster.fault(Fault::new(effect).on(Endpoint::Nodes).times(1));
        eventually("two lists", || {
            (cluster.requests().count(Endpoint::Nodes) >= before + 2).then_some(())
        });
        assert_eq!(published(&exporter), names(&["node-0", "node-1"]));
    }
    let down = "k8s_ai_exporter_scrape_errors_total{node=\"\",endpoint=\"nodes\",reason=\"json\"}";
    assert!(exporter.value_of(down) >= 1.0);
}

#[test]
fn nodes_and_lists_recover_from_outage() {
    let cluster = cluster(3);
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
    exporter.value_of(&cpu("node-2"));
    let health = |name: &str, node: &str, endpoint: &str| {
        format!("k8s_ai_exporter_{name}{{node=\"{node}\",endpoint=\"{endpoint}\"")
    };
    let all = [
        ("", "nodes"),
        ("", "pods"),
        ("node-0", "resource"),
        ("node-1", "resource"),
        ("node-2", "resource"),
    ];
    cluster.fault(Effect::Reset);
    // By then each waits for up to a minute.
    for (node, endpoint) in all {
        let errors = health("scrape_errors_total", node, endpoint) + ",reason=\"connect\"}";
        eventually(&errors, || {
            exporter.value(&errors).filter(|count| *count >= 6.0)
        });
    }
    cluster.clear_requests();
    cluster.clear_faults();
    for (node, endpoint) in all {
        let up = health("up", node, endpoint) + "}";
        eventually(&up, || (exporter.value(&up) == Some(1.0)).then_some(()));
    }
    // Three nodes, the first answer and two rounds.
    let resource = cluster.requests().get(Endpoint::Resource);
    let answers = resource.statuses.get(&200).copied().unwrap_or(0);
    assert!(answers <= 9, "{answers} answers until all were back");
}

#[test]
fn moved_kubelet_is_found_soon() {
    let at = |last| node("node-0").address(IpAddr::from([127, 77, 0, last]));
    let cluster = Cluster::new()
        .housekeeping(Duration::from_millis(300))
        .node(at(1))
        .kubelets()
        .start()
        .expect("a cluster");
    let flags = direct(&cluster);
    let flags = [RESOURCE_ONLY, &flags[0], &flags[1]];
    let exporter = Exporter::start(&cluster, "node-0", &flags);
    exporter.value_of(&cpu("node-0"));
    cluster.join(at(2));
    let before = cluster.kubelet_requests().get(Endpoint::Resource).statuses;
    // The node object's own turn would come after five minutes.
    eventually("answers from the new address", || {
        let now = cluster.kubelet_requests().get(Endpoint::Resource).statuses;
        (now.get(&200) > before.get(&200)).then_some(())
    });
}

#[test]
fn null_node_list_means_no_nodes() {
    for list in [
        r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":null}"#,
        r#"{"kind":"NodeList","items":null}"#,
        r#"{"kind":"NodeList","items":[]}"#,
    ] {
        let cluster = cluster(2);
        let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
        exporter.value_of(&cpu("node-1"));
        let empty = Effect::body("application/json", list);
        cluster.fault(Fault::new(empty).on(Endpoint::Nodes));
        eventually("not ready", || {
            (exporter.get("/readyz").status == 503).then_some(())
        });
        assert_eq!(published(&exporter), names(&[]));
        cluster.clear_faults();
        exporter.value_of(&cpu("node-1"));
    }
}

#[test]
fn expired_list_pages_are_read_again() {
    let cluster = cluster(4);
    cluster.force_paging(Some(1));
    for endpoint in [Endpoint::Nodes, Endpoint::Pods] {
        let slow = Effect::Latency(Duration::from_millis(250));
        cluster.fault(Fault::new(slow).on(endpoint));
    }
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY]);
    for endpoint in [Endpoint::Nodes, Endpoint::Pods] {
        let page = |wanted: u64| {
            eventually("a page", || {
                (cluster.requests().count(endpoint) >= wanted).then_some(())
            });
        };
        page(2);
        cluster.expire_continue_tokens();
        eventually("410", || {
            cluster.requests().get(endpoint).statuses.get(&410).copied()
        });
    }
    cluster.clear_faults();
    for number in 0..4 {
        exporter.value_of(&cpu(&format!("node-{number}")));
        let pods = format!("k8s_node_active_pods{{node=\"node-{number}\"}}");
        assert_eq!(
            exporter.value_of(&pods),
            f64::from(number) + 1.0,
            "each counted once"
        );
    }
    let text = exporter.get("/metrics").text();
    assert!(
        !text.contains("http_status"),
        "410 there is no failure: {text}"
    );
}

#[test]
fn two_shards_split_all_nodes() {
    let cluster = cluster(12);
    let exporters = ["--shard=0/2", "--shard=1/2"]
        .map(|shard| Exporter::start(&cluster, "all", &[RESOURCE_ONLY, shard]));
    let both = eventually("all nodes", || {
        let both = [published(&exporters[0]), published(&exporters[1])];
        (both[0].len() + both[1].len() >= 12).then_some(both)
    });
    assert!(both[0].is_disjoint(&both[1]), "{both:?}");
    assert_eq!(both[0].union(&both[1]).count(), 12);
    assert!(both.iter().all(|nodes| nodes.len() > 2), "{both:?}");
    for (exporter, nodes) in exporters.iter().zip(&both) {
        for node in nodes {
            exporter.value_of(&cpu(node));
            exporter.value_of(&format!("k8s_node_active_pods{{node=\"{node}\"}}"));
        }
    }
}

#[test]
fn once_prints_all_nodes_and_leaves() {
    let cluster = cluster(3);
    let (code, out, err) = run(exporter_of(&cluster, "all").arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    for number in 0..3 {
        let name = format!("node-{number}");
        assert!(value_in(&out, &cpu(&name)).is_some(), "{name} in {out}");
        assert!(value_in(&out, &format!("k8s_node_active_pods{{node=\"{name}\"}}")).is_some());
    }
    cluster.fault(
        Fault::new(Effect::status(503))
            .on(Endpoint::Resource)
            .of_node("node-1"),
    );
    let flags = ["--once", "--once-timeout=6s", RESOURCE_ONLY];
    let (code, out, _) = run(exporter_of(&cluster, "all").args(flags), "");
    assert_eq!(code, Some(1));
    assert!(value_in(&out, &cpu("node-2")).is_some());
}

#[test]
fn direct_kubelets_need_three_rights() {
    let cluster = builder(2)
        .node(
            node("six")
                .pods(4)
                .address(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        )
        .kubelets()
        .start()
        .expect("a cluster");
    cluster.grant_only(&[Right::GET_NODES_METRICS, Right::GET_NODES, Right::LIST_PODS]);
    let flags = direct(&cluster);
    let exporter = Exporter::start(
        &cluster,
        "node-0,node-1,six",
        &flags.each_ref().map(String::as_str),
    );
    for name in ["node-0", "node-1", "six"] {
        let cores = exporter.value_of(&cpu(name));
        let truth = cluster.truth(name, SystemTime::now()).cores;
        assert!(
            (cores - truth).abs() < 0.01 * truth,
            "{name}: {cores}, truth {truth}"
        );
        exporter.value_of(&format!("k8s_node_cpu_throttled_ratio{{node=\"{name}\"}}"));
    }
    let proxied = cluster.requests();
    assert_eq!(
        proxied.count(Endpoint::Resource) + proxied.count(Endpoint::Cadvisor),
        0
    );
    let asked = cluster.kubelet_requests();
    assert!(asked.count(Endpoint::Resource) >= 6);
    assert_eq!(
        asked.connections, 3,
        "one for each kubelet serves all rounds"
    );
}

#[test]
fn kubelet_addresses_are_discovered() {
    let cluster = builder(3).kubelets().start().expect("a cluster");
    let flags = direct(&cluster);
    let flags = [RESOURCE_ONLY, &flags[0], &flags[1]];
    let exporter = Exporter::start(&cluster, "all", &flags);
    for number in 0..3 {
        exporter.value_of(&cpu(&format!("node-{number}")));
    }
    cluster.rotate_token().expect("rotated");
    cluster.join(node("new"));
    exporter.value_of(&cpu("new"));
    assert_eq!(cluster.requests().count(Endpoint::Resource), 0);
}

#[test]
fn foreign_kubelet_gets_no_token() {
    let cluster = builder(1).kubelets().start().expect("a cluster");
    let wrong = format!("--kubelet-ca-file={}", cluster.ca_file().display());
    let right = direct(&cluster)[1].clone();
    for (ca, certificate, says) in [
        (&wrong, Certificate::Good, "issued by CN=kubelet-ca"),
        (&right, Certificate::OtherCa, "issued by CN=another-ca"),
        (&right, Certificate::OtherName, "not for 127."),
        (&right, Certificate::Expired, "expired"),
    ] {
        cluster.show_kubelet_certificate(certificate);
        cluster.clear_requests();
        let exporter = Exporter::start(&cluster, "node-0", &["--via=kubelet", ca, RESOURCE_ONLY]);
        let line = exporter.process.line_with("resource fails (tls)");
        assert!(line.contains(says), "{line}");
        assert!(line.contains("--kubelet-ca-file"), "the next step: {line}");
        assert_eq!(cluster.kubelet_requests().count(Endpoint::Resource), 0);
        let errors = "k8s_ai_exporter_scrape_errors_total{node=\"node-0\",endpoint=\"resource\",reason=\"tls\"}";
        assert!(exporter.value_of(errors) >= 1.0);
        assert_eq!(exporter.value(&cpu("node-0")), None);
    }
}

#[test]
fn kubelet_certificate_may_name_the_node() {
    let cluster = builder(1).kubelets().start().expect("a cluster");
    cluster.show_kubelet_certificate(Certificate::NodeName);
    let flags = direct(&cluster);
    let flags = [&flags[0], &flags[1], RESOURCE_ONLY];
    let exporter = Exporter::start(&cluster, "node-0", &flags);
    exporter.value_of(&cpu("node-0"));
    // Another node's certificate is refused, at any address.
    let url = cluster.kubelet_url("node-0");
    let address = url.strip_prefix("https://").expect("TLS");
    let address: SocketAddr = address.parse().expect("an address");
    cluster.join(node("node-1").address(address.ip()));
    let exporter = Exporter::start(&cluster, "node-1", &flags);
    let line = exporter.process.line_with("resource fails (tls)");
    assert!(line.contains("or node-1; it is for"), "{line}");
    assert_eq!(exporter.value(&cpu("node-1")), None);
}

#[test]
fn kubelets_are_reached_at_wanted_addresses() {
    let local = node("localhost").address(IpAddr::from([127, 0, 0, 1]));
    let cluster = Cluster::new()
        .housekeeping(Duration::from_millis(300))
        .node(local.address_type("ExternalIP"))
        .kubelets();
    let cluster = cluster.start().expect("a cluster");
    let start = |types: &str| {
        let flags = direct(&cluster);
        let flags = [&flags[0], &flags[1], RESOURCE_ONLY, types];
        Exporter::start(&cluster, "localhost", &flags)
    };
    let exporter = start("--kubelet-address-types=InternalIP,InternalDNS");
    let line = exporter.process.line_with("resource fails (no_address)");
    assert!(line.contains("=InternalIP,InternalDNS"), "{line}");
    start("--kubelet-address-types=InternalIP,ExternalIP").value_of(&cpu("localhost"));
    // A name that is resolved, and that the certificate is for.
    cluster.show_kubelet_certificate(Certificate::NodeName);
    let exporter = start("--kubelet-address-types=Hostname,ExternalIP");
    exporter.process.line_with("GET https://localhost:");
    exporter.value_of(&cpu("localhost"));
}

#[test]
fn kubelet_refusals_are_told_apart() {
    let cluster = builder(1).kubelets().start().expect("a cluster");
    let flags = direct(&cluster);
    let flags = [&flags[0], &flags[1], RESOURCE_ONLY];
    cluster.grant_only(&[Right::GET_NODES_PROXY, Right::GET_NODES, Right::LIST_PODS]);
    let exporter = Exporter::start(&cluster, "node-0", &flags);
    let line = exporter.process.line_with("resource fails (forbidden)");
    for part in ["verb=get, resource=nodes", "nodes/metrics", "ClusterRole"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    cluster.grant_only(&Right::ALL);
    cluster.fault(
        Fault::new(Effect::Status {
            code: 401,
            retry_after: None,
        })
        .on(Endpoint::Resource),
    );
    let exporter = Exporter::start(&cluster, "node-0", &flags);
    let line = exporter.process.line_with("resource fails (unauthorized)");
    assert!(line.contains("authentication.webhook"), "{line}");
}

#[test]
fn agent_reads_all_nodes_from_history() {
    let cluster = cluster(4);
    let exporter = Exporter::start(&cluster, "all", &[RESOURCE_ONLY, "--history=1h"]);
    let history = "k8s_ai_exporter_history_series";
    eventually("nine series of each node", || {
        exporter.value(history).filter(|series| *series >= 36.0)
    });
    assert!(exporter.value_of("k8s_ai_exporter_history_bytes") > 0.0);
    let url = format!("http://{}", exporter.address);
    let report = eventually("a report of enough points", || {
        let mut agent = agent(&url);
        agent.args(["--format=json", "--step=1s"]);
        let (code, out, _) = run(agent.args(["--lookback=6s", "--forecast=10s"]), "");
        let report: serde_json::Value = serde_json::from_str(&out).ok()?;
        (code == Some(0)).then_some(report)
    });
    assert_eq!(
        report["nodes"].as_array().map(Vec::len),
        Some(4),
        "{report}"
    );
}
