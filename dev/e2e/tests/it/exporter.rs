//! The real exporter against a simulated cluster, over real TLS.

use std::io::Read;
use std::time::{Duration, SystemTime};

use e2e::{
    Exporter, PATIENCE, check_metrics, eventually, exporter_of, request, run, unix_seconds,
    value_in,
};
use testbed::{Certificate, Cluster, Effect, Endpoint, Fault, Hostile, Node, Replay};
use webclient::{BaseUrl, CaBundle, Caps, Client, Credentials, Settings};

use crate::{CORES, one_node};

fn captures(name: &str) -> testbed::Running {
    let replay = Replay::dir(testbed::fixtures().join(name)).expect("captures");
    Cluster::new().replay(replay).start().expect("a cluster")
}

#[test]
fn once_prints_the_truth_and_exits() {
    let cluster = one_node();
    let truth = cluster.truth("node-a", SystemTime::now());
    let (code, out, err) = run(exporter_of(&cluster, "node-a").arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    let value =
        |sample: &str| value_in(&out, sample).unwrap_or_else(|| panic!("{sample} in\n{out}"));
    let cores = value(CORES);
    assert!(
        (cores - truth.cores).abs() < 0.01 * truth.cores,
        "{cores}, truth {}",
        truth.cores
    );
    assert_eq!(value(r#"k8s_node_active_pods{node="node-a"}"#), 12.0);
    assert_eq!(value(r#"k8s_node_cpu_capacity_cores{node="node-a"}"#), 4.0);
    let bytes = value(r#"k8s_node_memory_usage_bytes{node="node-a"}"#);
    let expected = truth.memory_bytes as f64;
    assert!(
        (bytes - expected).abs() < 0.01 * expected,
        "{bytes}, truth {expected}"
    );
    for resource in ["cpu", "memory", "io"] {
        let sample = format!(
            r#"k8s_node_pressure_ratio{{node="node-a",resource="{resource}",kind="waiting"}}"#
        );
        assert!((0.0..=1.0).contains(&value(&sample)));
    }
}

#[test]
fn captured_cores_match_the_kubelet() {
    let cluster = captures("10-pods");
    let (code, out, err) = run(exporter_of(&cluster, "node-a").arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    // usageCoreNanoSeconds of the first two summaries, over their samples' times.
    let expected = (2_252_348_163_685_f64 - 2_243_267_938_855_f64) / 1e6 / (673_449.0 - 653_390.0);
    let cores = value_in(&out, CORES).expect("cores");
    assert!((cores - expected).abs() < 1e-9, "{cores} is not {expected}");
    assert_eq!(
        value_in(&out, r#"k8s_node_memory_usage_bytes{node="node-a"}"#),
        Some(967_897_088.0)
    );
    // Ten pods, of which one succeeded and one failed.
    assert_eq!(
        value_in(&out, r#"k8s_node_active_pods{node="node-a"}"#),
        Some(8.0)
    );
    assert_eq!(
        value_in(&out, r#"k8s_node_memory_allocatable_bytes{node="node-a"}"#),
        Some(24_581_256.0 * 1024.0)
    );
}

#[test]
fn cadvisor_stands_in_for_resource() {
    let cluster = captures("10-pods");
    let flags = [
        "--once",
        "--enable-kubelet=false",
        "--enable-namespace-metrics",
    ];
    let (code, out, err) = run(exporter_of(&cluster, "node-a").args(flags), "");
    assert_eq!(code, Some(0), "{err}");
    let cores = value_in(&out, CORES).expect("cores");
    assert!((cores - 0.452_676_842_814).abs() < 1e-6, "{cores}");
    assert!(
        value_in(
            &out,
            r#"k8s_namespace_cpu_usage_cores{node="node-a",namespace="default"}"#
        )
        .is_some()
    );
    assert_eq!(cluster.requests().count(Endpoint::Resource), 0);
}

#[test]
fn requests_are_no_more_than_needed() {
    let cluster = one_node();
    let (code, _, err) = run(exporter_of(&cluster, "node-a").arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    let asked = cluster.requests();
    let pods = asked.get(Endpoint::Pods);
    for part in [
        "spec.nodeName%3Dnode-a",
        "status.phase%21%3DSucceeded",
        "status.phase%21%3DFailed",
        "includeObject=None",
        "resourceVersion=0",
    ] {
        assert!(
            pods.last_target.contains(part),
            "{part} in {}",
            pods.last_target
        );
    }
    assert_eq!(asked.count(Endpoint::OtherProxy), 0);
    assert_eq!(asked.count(Endpoint::Node), 1, "seldom");
    assert_eq!(asked.connections, 1, "one connection serves all rounds");
    let accept = |endpoint| {
        let headers = asked.get(endpoint).last_headers;
        let get = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        (get("accept"), get("accept-encoding"))
    };
    let (accepted, encoding) = accept(Endpoint::Cadvisor);
    assert_eq!(accepted, "text/plain;version=0.0.4");
    assert_eq!(encoding, "gzip");
    assert!(accept(Endpoint::Pods).0.contains("as=Table"));
}

#[test]
fn kubectl_proxy_needs_no_credentials() {
    let cluster = Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(500))
        .plain_http()
        .start()
        .expect("a cluster");
    let (code, out, err) = run(exporter_of(&cluster, "node-a").arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    assert!(value_in(&out, CORES).is_some());
}

#[test]
fn port_serves_only_known_paths() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    assert_eq!(exporter.get("/livez").status, 200);
    exporter.ready();
    let asked = cluster.requests().count(Endpoint::Cadvisor);
    let text = exporter.get("/metrics");
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );

    let open = request(
        &exporter.address,
        "GET",
        "/metrics",
        &["Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"],
        "",
    );
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("# EOF\n"));

    let zipped = request(
        &exporter.address,
        "GET",
        "/metrics",
        &["Accept-Encoding: gzip"],
        "",
    );
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let mut decompressed = String::new();
    flate2::read::GzDecoder::new(&zipped.body[..])
        .read_to_string(&mut decompressed)
        .expect("gzip");
    assert!(decompressed.contains("k8s_node_active_pods{"));

    for _ in 0..200 {
        exporter.get("/metrics");
    }
    let after = cluster.requests().count(Endpoint::Cadvisor);
    assert!(
        after - asked <= 3,
        "a scrape of ours causes none upstream: {asked} then {after}"
    );

    let index = exporter.get("/");
    assert!(index.text().contains("href=\"/metrics\""));
    assert_eq!(exporter.get("/nothing").status, 404);
    let posted = request(&exporter.address, "POST", "/metrics", &[], "x=1");
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD"))
    );
    assert_eq!(
        exporter.get("/api/v1/query_range").status,
        404,
        "history is off"
    );
}

#[test]
fn promtool_accepts_the_metrics() {
    let cluster = captures("10-pods");
    let exporter = Exporter::start(&cluster, "node-a", &["--enable-namespace-metrics"]);
    exporter.value_of(r#"k8s_node_cpu_throttled_ratio{node="node-a"}"#);
    // A fault, so that the error counter is there too.
    cluster.fault(Fault::new(Effect::status(503)).on(Endpoint::Pods).times(1));
    exporter.value_of(r#"k8s_ai_exporter_scrape_errors_total{node="node-a",endpoint="pods",reason="unavailable"}"#);
    let text = exporter.get("/metrics").text();
    check_metrics(&text);
}

#[test]
fn refusals_are_counted_by_reason() {
    for (status, reason, hint) in [
        (401, "unauthorized", "--token-file"),
        (403, "forbidden", "ClusterRole"),
        (404, "not_found", "--node-name"),
        (422, "admission_denied", "admission policy"),
        (429, "rate_limited", "limits requests"),
        (503, "unavailable", "cannot reach the kubelet"),
        (500, "http_status", "HTTP 500"),
    ] {
        let cluster = one_node();
        cluster.fault(Fault::new(Effect::status(status)).on(Endpoint::Resource));
        let exporter = Exporter::start(&cluster, "node-a", &["--enable-cadvisor=false"]);
        let line = exporter
            .process
            .line_with(&format!("resource fails ({reason})"));
        assert!(line.contains(hint), "{status}: {line}");
        let errors = format!(
            r#"k8s_ai_exporter_scrape_errors_total{{node="node-a",endpoint="resource",reason="{reason}"}}"#
        );
        assert!(exporter.value_of(&errors) >= 1.0);
        assert_eq!(
            exporter.value(r#"k8s_ai_exporter_up{node="node-a",endpoint="resource"}"#),
            Some(0.0)
        );
        assert_eq!(exporter.value(CORES), None, "no 0 for unknown");
    }
}

#[test]
fn gone_node_loses_series_and_readiness() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(CORES);
    cluster.fault(Fault::new(Effect::status(404)).of_node("node-a"));
    eventually("not ready", || {
        (exporter.get("/readyz").status == 503).then_some(())
    });
    let text = exporter.get("/metrics").text();
    assert!(!text.contains("\nk8s_node_"), "{text}");
    assert_eq!(exporter.get("/livez").status, 200);
    cluster.clear_faults();
    exporter.value_of(CORES);
}

const OOM_KILLS: &str = "k8s_node_oom_kills_total{node=\"node-a\"}";

/// Lets cAdvisor tell of these containers and their OOM kills from now on.
fn cadvisor_tells(cluster: &testbed::Running, containers: &[(&str, u32)]) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("a clock").as_millis();
    let mut page = format!("container_memory_working_set_bytes{{id=\"/\"}} 1e9 {now}\n");
    for (id, kills) in containers {
        page += &format!(
            "container_oom_events_total{{container=\"c\",id=\"/kubepods/pod1/{id}\"}} {kills} {now}\n"
        );
    }
    let page = Effect::body("text/plain; version=0.0.4", page);
    cluster.fault(Fault::new(page).on(Endpoint::Cadvisor));
}

/// Waits until two more answers of cAdvisor have been read.
fn two_readings(cluster: &testbed::Running) {
    let before = cluster.requests().count(Endpoint::Cadvisor);
    // One may be under way now, and the last one may not have been read.
    eventually("two readings", || {
        (cluster.requests().count(Endpoint::Cadvisor) >= before + 3).then_some(())
    });
}

#[test]
fn oom_kills_in_containers_are_counted() {
    let cluster = one_node();
    cadvisor_tells(&cluster, &[("life-0", 3), ("other", 0)]);
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    let counted = |kills: f64| {
        eventually(&format!("{kills} kills"), || {
            (exporter.value(OOM_KILLS) == Some(kills)).then_some(())
        });
    };
    counted(0.0);
    // Each restart of the first container gets an id and a count of its own.
    for life in 1..=5 {
        cadvisor_tells(&cluster, &[(&format!("life-{life}"), 1), ("other", 0)]);
        counted(f64::from(life));
    }
    // A child of the other one.
    cadvisor_tells(&cluster, &[("life-5", 1), ("other", 1)]);
    counted(6.0);
    cluster.fault(Effect::Reset);
    let up = "k8s_ai_exporter_up{node=\"node-a\",endpoint=\"cadvisor\"}";
    eventually("a gap", || (exporter.value(up) == Some(0.0)).then_some(()));
    cluster.clear_faults();
    cadvisor_tells(&cluster, &[("life-6", 1), ("other", 1)]);
    counted(7.0);
    two_readings(&cluster);
    assert_eq!(exporter.value(OOM_KILLS), Some(7.0));
}

#[test]
fn oom_kills_need_container_labels() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(OOM_KILLS);
    let unlabelled = Effect::Text(Hostile::Unlabelled);
    cluster.fault(Fault::new(unlabelled).on(Endpoint::Cadvisor));
    exporter.process.line_with("has no container labels");
    eventually("unknown", || {
        exporter.value(OOM_KILLS).is_none().then_some(())
    });
    let up = "k8s_ai_exporter_up{node=\"node-a\",endpoint=\"cadvisor\"}";
    assert_eq!(exporter.value(up), Some(1.0));
    two_readings(&cluster);
    cluster.clear_faults();
    exporter.process.line_with("has container labels again");
    exporter.value_of(OOM_KILLS);
    let log = exporter.process.log();
    assert_eq!(log.matches("has no container labels").count(), 1, "{log}");
}

#[test]
fn kernel_counts_own_node_oom_kills() {
    let read = |path: &str| std::fs::read_to_string(path).expect(path);
    let kernel = || {
        let vmstat = read("/proc/vmstat");
        let count = vmstat
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        count.expect("Linux 4.13").parse::<f64>().expect("a number")
    };
    let boot_id = read("/proc/sys/kernel/random/boot_id");
    let node = |name: &str| Node::new(name).boot_id(boot_id.trim());
    let builder = Cluster::new().node(node("node-a")).node(node("node-b"));
    let cluster = builder.start().expect("a cluster");
    cadvisor_tells(&cluster, &[("a", 0)]);
    let before = kernel();
    let own = Exporter::start(&cluster, "node-a", &[]);
    let counted = own.value_of(OOM_KILLS);
    assert!((before..=kernel()).contains(&counted), "{counted}");
    // Nodes that share a kernel are not told apart by it.
    let two = Exporter::start(&cluster, "node-a,node-b", &[]);
    assert_eq!(two.value_of(OOM_KILLS), 0.0);
    cadvisor_tells(&cluster, &[("a", 1_000)]);
    eventually("those of the containers", || {
        (two.value(OOM_KILLS) == Some(1_000.0)).then_some(())
    });
    let counted = own.value_of(OOM_KILLS);
    assert!((before..=kernel()).contains(&counted), "{counted}");
}

/// Good answers of the kubelet so far.
fn resource_rounds(cluster: &testbed::Running) -> u64 {
    let resource = cluster.requests().get(Endpoint::Resource);
    resource.statuses.get(&200).copied().unwrap_or(0)
}

#[test]
fn returning_node_recovers_in_two_rounds() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    let allocatable = "k8s_node_cpu_allocatable_cores{node=\"node-a\"}";
    let cpu = "k8s_node_cpu_usage_cores{node=\"node-a\"}";
    exporter.value_of(allocatable);
    exporter.value_of(cpu);
    for _ in 0..2 {
        cluster.remove("node-a");
        eventually("the node is gone", || {
            exporter.value(allocatable).is_none().then_some(())
        });
        let before = resource_rounds(&cluster);
        cluster.join(Node::new("node-a").cores(4.0));
        // The node object's own turn would come after five minutes.
        exporter.value_of(allocatable);
        let rounds = resource_rounds(&cluster) - before;
        assert!(rounds <= 3, "{rounds} rounds, the first answer included");
        exporter.value_of(cpu);
    }
}

#[test]
fn unknown_node_is_never_ready() {
    let cluster = one_node();
    // The list of its pods is an empty 200: only the other endpoints say 404.
    let exporter = Exporter::start(&cluster, "node-zz", &[]);
    let pods_up = r#"k8s_ai_exporter_up{node="node-zz",endpoint="pods"}"#;
    eventually("two lists of pods", || {
        (cluster.requests().count(Endpoint::Pods) >= 2 && exporter.value(pods_up) == Some(1.0))
            .then_some(())
    });
    assert_eq!(exporter.get("/readyz").status, 503);
    assert_eq!(
        exporter.value(r#"k8s_node_active_pods{node="node-zz"}"#),
        None
    );
}

#[test]
fn outage_recovery_takes_two_rounds() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(r#"k8s_node_cpu_usage_cores{node="node-a"}"#);
    let endpoints = ["resource", "pods", "cadvisor"];
    let series = |name: &str, endpoint: &str| {
        format!("k8s_ai_exporter_{name}{{node=\"node-a\",endpoint=\"{endpoint}\"")
    };
    cluster.fault(Effect::Reset);
    // By then each waits for up to a minute.
    for endpoint in endpoints {
        let errors = series("scrape_errors_total", endpoint) + ",reason=\"connect\"}";
        eventually(&errors, || {
            exporter.value(&errors).filter(|count| *count >= 6.0)
        });
    }
    let before = resource_rounds(&cluster);
    cluster.clear_faults();
    for endpoint in endpoints {
        let up = series("up", endpoint) + "}";
        eventually(&up, || (exporter.value(&up) == Some(1.0)).then_some(()));
    }
    let rounds = resource_rounds(&cluster) - before;
    assert!(rounds <= 3, "{rounds} rounds, the first answer included");
}

#[test]
fn rotated_token_fails_no_round() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(CORES);
    cluster.rotate_token().expect("rotated");
    eventually("the new token", || {
        (exporter.value("k8s_ai_exporter_token_reloads_total") == Some(1.0)).then_some(())
    });
    let asked = cluster.requests().count(Endpoint::Resource);
    eventually("further rounds", || {
        (cluster.requests().count(Endpoint::Resource) > asked + 1).then_some(())
    });
    let text = exporter.get("/metrics").text();
    assert!(!text.contains("unauthorized"), "{text}");
    let token = std::fs::read_to_string(cluster.token_file()).expect("a token");
    let log = exporter.process.log();
    assert!(!log.contains(token.trim()), "no token in the log: {log}");
}

#[test]
fn tls_failures_name_the_mismatch() {
    for (certificate, says) in [
        (Certificate::OtherName, "not for 127.0.0.1"),
        (Certificate::OtherCa, "issued by CN="),
        (Certificate::Expired, "expired"),
    ] {
        let cluster = one_node();
        cluster.show_certificate(certificate).expect("shown");
        let exporter = Exporter::start(&cluster, "node-a", &[]);
        let line = exporter.process.line_with("resource fails (tls)");
        assert!(line.contains(says), "{line}");
        assert!(line.contains("127.0.0.1:"), "which peer: {line}");
    }
}

#[test]
fn signals_end_it_within_two_seconds() {
    for signal in ["TERM", "INT"] {
        let cluster = one_node();
        cluster.fault(Effect::Latency(Duration::from_secs(30)));
        let mut exporter = Exporter::start(&cluster, "node-a", &[]);
        // PID 1 gets no default action: what is not caught is ignored there.
        let caught = exporter.process.status("SigCgt");
        let caught = u64::from_str_radix(&caught, 16).expect("a mask");
        for number in [2, 15] {
            assert_ne!(caught & (1 << (number - 1)), 0, "signal {number} is caught");
        }
        let (took, code) = exporter.process.end_with(signal);
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(2), "{signal}: {took:?}");
    }
}

#[test]
fn history_answers_range_queries() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &["--history=1h"]);
    exporter.value_of(CORES);
    let now = unix_seconds();
    let form = format!(
        "query=k8s_node_memory_usage_bytes%7Bnode%3D%22node-a%22%7D&start={}&end={}&step=1",
        now - 10,
        now + 2
    );
    let posted = request(&exporter.address, "POST", "/api/v1/query_range", &[], &form);
    let got = exporter.get(&format!("/api/v1/query_range?{form}"));
    for answer in [posted, got] {
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json"))
        );
        let json = answer.json();
        assert_eq!(json["status"], "success");
        assert_eq!(json["data"]["resultType"], "matrix");
        let series = &json["data"]["result"][0];
        assert_eq!(series["metric"]["__name__"], "k8s_node_memory_usage_bytes");
        assert_eq!(series["metric"]["node"], "node-a");
        let values = series["values"].as_array().expect("values");
        assert!(!values.is_empty());
        assert!(
            values[0][0].is_number() && values[0][1].is_string(),
            "{values:?}"
        );
    }
    let refused = exporter.get("/api/v1/query_range?query=rate(x%5B5m%5D)&start=0&end=1&step=1");
    assert_eq!(refused.status, 400);
    let json = refused.json();
    assert_eq!(
        (&json["status"], &json["errorType"]),
        (&"error".into(), &"bad_data".into())
    );
    assert!(
        json["error"]
            .as_str()
            .expect("words")
            .contains("answers only name{label=")
    );
}

/// More than the exporter would make at once, read by the agent's own client.
#[test]
fn long_history_response_arrives_whole() {
    let names: Vec<String> = (0..8).map(|number| format!("node-{number}")).collect();
    let cluster = names.iter().fold(Cluster::new(), |cluster, name| {
        cluster.node(Node::new(name.as_str()))
    });
    let cluster = cluster.start().expect("a cluster");
    let exporter = Exporter::start(&cluster, &names.join(","), &["--history=1h"]);
    for name in &names {
        exporter.value_of(&format!("k8s_node_memory_usage_bytes{{node=\"{name}\"}}"));
    }
    let client = Client::new(Settings {
        base: BaseUrl::parse(&format!("http://{}", exporter.address)).expect("a URL"),
        ca_bundle: CaBundle::none(),
        identity: None,
        credentials: Credentials::None,
        headers: Vec::new(),
        user_agent: "e2e",
        deadline: PATIENCE,
        connect_deadline: PATIENCE,
        keep_idle: PATIENCE,
    });
    let caps = Caps {
        compressed: 64 << 20,
        decompressed: 64 << 20,
    };
    // A sample counts for five minutes after it.
    let start = unix_seconds() + 2;
    let path = format!(
        "/api/v1/query_range?query=k8s_node_memory_usage_bytes&start={start}&end={}&step=0.05",
        start + 280
    );
    for _ in 0..2 {
        let answer = client.get(&path, "*/*", &[], caps).expect("an answer");
        assert_eq!(answer.status, 200);
        let mut json = String::new();
        let mut body = answer.body;
        body.read_to_string(&mut json).expect("whole");
        assert!(json.len() > 1_000_000, "{}", json.len());
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let series = json["data"]["result"].as_array().expect("series");
        let nodes: Vec<_> = series.iter().map(|each| &each["metric"]["node"]).collect();
        assert_eq!(nodes, names.iter().collect::<Vec<_>>());
        for each in series {
            assert_eq!(each["values"].as_array().map(Vec::len), Some(5601));
        }
    }
}

#[test]
fn history_survives_endpoint_failures() {
    let cluster = one_node();
    cluster.fault(Fault::new(Effect::status(403)).on(Endpoint::Pods));
    let exporter = Exporter::start(&cluster, "node-a", &["--history=1h"]);
    let usage = "k8s_node_memory_usage_bytes";
    let points = || {
        let now = unix_seconds();
        let url = format!(
            "/api/v1/query_range?query={usage}&start={}&end={now}&step=1",
            now - 30
        );
        let values = exporter.get(&url).json()["data"]["result"][0]["values"].clone();
        values.as_array().map_or(0, Vec::len)
    };
    eventually("five points", || (points() >= 5).then_some(()));
    cluster.fault(Fault::new(Effect::status(404)).of_node("node-a"));
    eventually("the node is gone", || {
        (exporter.get("/readyz").status == 503).then_some(())
    });
    let now = unix_seconds() + 1;
    let url = format!("/api/v1/query_range?query={usage}&start={now}&end={now}&step=1");
    eventually("its series has ended", || {
        (exporter.get(&url).json()["data"]["result"]
            .as_array()?
            .is_empty())
        .then_some(())
    });
}

#[test]
fn endless_pod_list_times_out() {
    let cluster = one_node();
    cluster.force_paging(Some(1));
    cluster.fault(Fault::new(Effect::Latency(Duration::from_millis(300))).on(Endpoint::Pods));
    let exporter = Exporter::start(&cluster, "node-a", &["--request-timeout=1s"]);
    let line = exporter.process.line_with("pods fails (timeout)");
    assert!(line.contains("--request-timeout"), "{line}");
    exporter.value_of(CORES);
}
