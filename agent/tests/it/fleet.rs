//! The real program's view of a fleet, against a backend with rows as
//! kube-state-metrics and its queries give them. What the queries themselves select is
//! tested with a real Prometheus.

use crate::scripted::{Answer, Backend, Ended, Query, run, series};
use serde_json::{Value, json};

const GIB: f64 = 1_073_741_824.0;

/// A node of 4 cores and 16 GiB, with what it uses all the time.
struct Node {
    name: &'static str,
    cores: f64,
    gib: f64,
    pods: &'static [Pod],
}

/// Namespace and name, kind of the controller, requested cores and GiB.
type Pod = (&'static str, &'static str, &'static str, f64, f64);

const AGENT: Pod = ("kube-system", "agent", "DaemonSet", 0.1, 0.25);

/// Two that stay for their load, and one of each kind of candidate.
const FLEET: &[Node] = &[
    node(
        "busy",
        2.4,
        8.0,
        &[AGENT, ("web", "front", "ReplicaSet", 3.0, 6.0)],
    ),
    node(
        "calm",
        2.0,
        4.0,
        &[AGENT, ("web", "back", "ReplicaSet", 1.5, 6.0)],
    ),
    node(
        "idle",
        0.4,
        1.0,
        &[
            AGENT,
            ("shop", "cart", "ReplicaSet", 0.5, 1.0),
            ("shop", "list", "StatefulSet", 1.0, 1.0),
        ],
    ),
    node("bare", 0.44, 1.0, &[AGENT, ("ops", "debug", "", 0.1, 0.1)]),
    node(
        "guarded",
        0.48,
        1.0,
        &[AGENT, ("db", "db-0", "StatefulSet", 0.2, 1.0)],
    ),
    node(
        "large",
        0.52,
        1.0,
        &[AGENT, ("ml", "train", "Job", 3.85, 8.0)],
    ),
    node("cordoned", 0.1, 1.0, &[AGENT]),
    node("unready", 0.11, 1.0, &[AGENT]),
    node("tainted", 0.12, 1.0, &[AGENT]),
    node("master", 0.13, 1.0, &[AGENT]),
    node("foreign", 0.14, 1.0, &[]),
];

const fn node(name: &'static str, cores: f64, gib: f64, pods: &'static [Pod]) -> Node {
    Node {
        name,
        cores,
        gib,
        pods,
    }
}

/// A series with these labels and a value at the requested time.
fn row(query: &Query, labels: &[(&str, &str)], value: f64) -> String {
    let labels: Value = labels.iter().map(|(k, v)| (*k, *v)).collect();
    json!({"metric": labels, "values": [[query.end, value.to_string()]]}).to_string()
}

fn usage(query: &Query, value: impl Fn(&Node) -> f64) -> Answer {
    let one = |node: &Node| {
        let value = value(node);
        series(query, node.name, 121, move |_| value)
    };
    Answer::matrix(&FLEET.iter().map(one).collect::<Vec<_>>())
}

/// Nodes as kube-state-metrics knows them: all but `foreign`.
fn known() -> impl Iterator<Item = &'static Node> {
    FLEET.iter().filter(|node| node.name != "foreign")
}

fn nodes(query: &Query) -> Answer {
    let mut rows = Vec::new();
    for Node { name, .. } in known() {
        let flag = |yes: bool| f64::from(u8::from(yes));
        rows.push(row(query, &[("node", name)], flag(*name == "cordoned")));
        rows.push(row(
            query,
            &[("node", name), ("condition", "Ready")],
            flag(*name != "unready"),
        ));
        rows.push(row(query, &[("node", name), ("resource", "pods")], 110.0));
    }
    let taint = |node, key, value, effect| {
        let labels = [
            ("node", node),
            ("key", key),
            ("value", value),
            ("effect", effect),
        ];
        row(query, &labels, 1.0)
    };
    rows.push(taint("tainted", "gpu", "yes", "NoSchedule"));
    rows.push(taint(
        "master",
        "node-role.kubernetes.io/control-plane",
        "",
        "NoSchedule",
    ));
    rows.push(taint(
        "cordoned",
        "node.kubernetes.io/unschedulable",
        "",
        "NoSchedule",
    ));
    rows.push(row(
        query,
        &[("node", "master"), ("role", "control-plane")],
        1.0,
    ));
    Answer::matrix(&rows)
}

fn totals(query: &Query) -> Answer {
    let mut rows = Vec::new();
    for Node { name, pods, .. } in known() {
        let cores: f64 = pods.iter().map(|pod| pod.3).sum();
        let gib: f64 = pods.iter().map(|pod| pod.4).sum();
        rows.push(row(query, &[("node", name), ("resource", "cpu")], cores));
        rows.push(row(
            query,
            &[("node", name), ("resource", "memory")],
            gib * GIB,
        ));
        rows.push(row(query, &[("node", name)], pods.len() as f64));
    }
    Answer::matrix(&rows)
}

/// The pods of the nodes that the query names.
fn pods(query: &Query) -> Answer {
    let mut rows = Vec::new();
    let (_, names) = query.query.split_once("node=~\"").expect("a list of nodes");
    let (names, _) = names.split_once('"').expect("its end");
    let names: Vec<&str> = names.split('|').collect();
    for Node { name, pods, .. } in known().filter(|node| names.contains(&node.name)) {
        for (namespace, pod, kind, cores, gib) in *pods {
            let of = [("node", *name), ("namespace", namespace), ("pod", pod)];
            let with = |label| [of[0], of[1], of[2], label];
            rows.push(row(query, &with(("created_by_kind", kind)), 1.0));
            rows.push(row(query, &with(("resource", "cpu")), *cores));
            rows.push(row(query, &with(("resource", "memory")), gib * GIB));
        }
    }
    Answer::matrix(&rows)
}

fn budgets(query: &Query) -> Answer {
    let budget = |namespace, name| {
        row(
            query,
            &[("namespace", namespace), ("poddisruptionbudget", name)],
            0.0,
        )
    };
    Answer::matrix(&[
        budget("db", "db"),
        budget("elsewhere", "other"),
        row(query, &[], 3.0),
    ])
}

fn backend(query: &Query) -> Answer {
    match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => usage(query, |node| node.cores),
        "k8s_node_memory_usage_bytes" => usage(query, |node| node.gib * GIB),
        "k8s_node_cpu_allocatable_cores" => usage(query, |_| 4.0),
        "k8s_node_memory_allocatable_bytes" => usage(query, |_| 16.0 * GIB),
        text if text.starts_with("kube_node_spec_unschedulable") => nodes(query),
        text if text.contains("count by (node)") => totals(query),
        text if text.contains("node=~\"") => pods(query),
        text if text.contains("poddisruptionbudget") => budgets(query),
        _ => Answer::matrix(&[]),
    }
}

fn fleet(backend: &Backend, flags: &[&str]) -> (Ended, Value) {
    let mut args = vec!["--prometheus-url", &backend.url, "--format=json"];
    args.extend(flags);
    let ended = run(&args);
    let report: Value = serde_json::from_str(&ended.out).expect("a JSON report");
    let schema = serde_json::from_str(include_str!("../../../crates/report/report.schema.json"))
        .expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let problems: Vec<String> = validator
        .iter_errors(&report)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    (ended, report["fleet"].clone())
}

/// Node, and kinds of what is in its way.
fn staying(fleet: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let nodes = fleet["staying"].as_array().expect("a list").iter();
    nodes
        .map(|node| {
            let obstacles = node["obstacles"].as_array().expect("a list").iter();
            let kinds: Vec<String> = obstacles.map(|o| text(&o["kind"])).collect();
            (text(&node["node"]), kinds.join(" "))
        })
        .collect()
}

#[test]
fn removable_nodes_and_obstacles_are_named() {
    let backend = Backend::start(backend);
    let (ended, fleet) = fleet(&backend, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        (&fleet["basis"], &fleet["note"]),
        (&json!("requests"), &Value::Null)
    );
    // The larger pod goes to `calm`: `busy` has 0.9 cores left of what may be requested.
    assert_eq!(
        fleet["removable"],
        json!([{
            "node": "idle",
            "moves": [{"to": "busy", "pods": 1}, {"to": "calm", "pods": 1}],
            "pods": 2,
            "pods_of_the_node": 1
        }])
    );
    let staying = staying(&fleet);
    let staying: Vec<_> = staying
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        staying,
        [
            ("cordoned", "cordoned"),
            ("foreign", "unknown"),
            ("master", "control_plane"),
            ("tainted", "tainted"),
            ("unready", "not_ready"),
            ("bare", "bare_pods"),
            ("guarded", "disruption_budget"),
            ("calm", "takes_pods"),
            ("busy", "takes_pods"),
            ("large", "does_not_fit"),
        ]
    );
    let asked: Vec<_> = backend.queries().into_iter().skip(7).collect();
    assert_eq!(asked.len(), 4, "independent of the number of nodes");
    assert!(asked.iter().all(|query| query.start == query.end));
}

#[test]
fn text_names_removable_nodes() {
    let backend = Backend::start(backend);
    let ended = run(&["--prometheus-url", &backend.url]);
    let (_, view) = ended.out.split_once("\nFleet: ").expect("a view");
    insta::assert_snapshot!(view, @r"
    1 of 11 nodes could be drained, one after the other: the rest has room
      for their pods, by requests and the forecast peak of the next 30m.
      idle: 2 pods would fit on busy (1), calm (1), not counting 1 DaemonSet or
        static pods
      cordoned cannot be drained: it is cordoned
      foreign cannot be drained: kube-state-metrics has no series of it (if that
        holds for all nodes, its scrape lacks honor_labels: true)
      master cannot be drained: it runs the control plane
      tainted cannot be drained: it is tainted (gpu=yes:NoSchedule): its pods may
        need a node like it
      unready cannot be drained: it is not ready
      bare cannot be drained: pods without a controller: ops/debug
      guarded cannot be drained: PodDisruptionBudget db in namespace db allows no
        eviction now, and may cover db/db-0
      large cannot be drained: no room elsewhere for ml/train (requests 3.85 cores
        and 8.00 GiB; 0.51 cores and 0.97 GiB at peak)
      Check before draining, as the series do not show it: affinity, node selectors,
        tolerations and topology spread; local and zonal volumes; host ports,
        extended resources and pod overhead; which pods a PodDisruptionBudget
        covers.
    ");
}

#[test]
fn keep_nodes_bounds_removals() {
    let backend = Backend::start(backend);
    let (_, kept) = fleet(&backend, &["--keep-nodes=6"]);
    assert_eq!(kept["removable"], json!([]));
    assert!(staying(&kept).contains(&("idle".to_owned(), "keep_nodes".to_owned())));
    backend.queries();

    for (flag, note) in [
        ("--fleet=off", "--fleet is off"),
        ("--shard=0/2", "a shard has only some of the nodes"),
    ] {
        let (ended, off) = fleet(&backend, &[flag, "--step=60s"]);
        assert_eq!((ended.code, &off["basis"]), (0, &json!("none")));
        assert_eq!(off["note"], note);
        let asked = backend.queries();
        assert!(asked.iter().all(|query| !query.query.contains("kube_")));
    }
}

#[test]
fn backend_without_promql_is_no_failure() {
    let refuse = |status: &'static str, part: &'static str| {
        Backend::start(move |query| match query.query.contains(part) {
            true => Answer::json(
                status,
                r#"{"status":"error","errorType":"bad_data","error":"only selectors"}"#,
            ),
            false => backend(query),
        })
    };
    for (status, part, code, note) in [
        (
            "400 Bad Request",
            "kube_node",
            0,
            "the backend cannot evaluate the queries (HTTP status 400: bad_data: only selectors)",
        ),
        (
            "403 Forbidden",
            "kube_node",
            5,
            "the query for nodes failed",
        ),
        (
            "422 Unprocessable Entity",
            "count by",
            5,
            "the query for pods by node failed",
        ),
        (
            "422 Unprocessable Entity",
            "poddisruptionbudget",
            5,
            "the query for budgets failed",
        ),
    ] {
        let backend = refuse(status, part);
        let (ended, fleet) = fleet(&backend, &[]);
        assert_eq!(ended.code, code, "{note}: {}", ended.err);
        assert_eq!(
            (&fleet["basis"], &fleet["note"]),
            (&json!("usage"), &json!(note))
        );
        let removable = fleet["removable"].as_array().expect("a list");
        assert!(!removable.is_empty());
        assert!(removable.iter().all(|node| node["pods"] == Value::Null));
    }
}
