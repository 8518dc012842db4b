//! The queries behind the view of a fleet, evaluated by a real Prometheus over series
//! as kube-state-metrics publishes them.

use std::fmt::Write;

use e2e::{Prometheus, agent, run, unix_seconds};
use serde_json::{Value, json};

const GIB: f64 = 1_073_741_824.0;
const MINUTE: u64 = 60;

/// Series for `promtool` to make blocks of.
#[derive(Default)]
struct Samples(Vec<Series>);

struct Series {
    family: &'static str,
    labels: String,
    /// Unix seconds and values.
    points: Vec<(u64, f64)>,
}

impl Samples {
    /// A value each minute from so many minutes before `now`.
    fn put(&mut self, family: &'static str, labels: &str, minutes: u64, now: u64, value: f64) {
        let points = (0..=minutes).rev().map(|k| (now - k * MINUTE, value));
        self.0.push(Series {
            family,
            labels: labels.to_owned(),
            points: points.collect(),
        });
    }

    fn openmetrics(mut self) -> String {
        self.0.sort_by_key(|series| series.family);
        let mut text = String::new();
        let mut last = "";
        for series in self.0 {
            let Series {
                family,
                labels,
                points,
            } = series;
            if family != last {
                let _ = writeln!(text, "# TYPE {family} gauge");
                last = family;
            }
            for (at, value) in points {
                let _ = writeln!(text, "{family}{{{labels}}} {value} {at}");
            }
        }
        text
    }
}

/// A cluster as two replicas of kube-state-metrics tell it, so that everything is
/// there twice.
struct Cluster {
    samples: Samples,
    now: u64,
}

impl Cluster {
    fn put(&mut self, family: &'static str, labels: &str, value: f64) {
        for replica in ["10.0.0.1:8080", "10.0.0.2:8080"] {
            let labels = format!(r#"job="kube-state-metrics",instance="{replica}",{labels}"#);
            self.samples.put(family, &labels, 5, self.now, value);
        }
    }

    /// A node of 4 cores and 16 GiB that uses so much of them.
    fn node(&mut self, name: &str, cores: f64, gib: f64) {
        let labels = format!(r#"node="{name}""#);
        for (family, minutes, value) in [
            ("k8s_node_cpu_usage_cores", 120, cores),
            ("k8s_node_memory_usage_bytes", 120, gib * GIB),
            ("k8s_node_cpu_allocatable_cores", 5, 4.0),
            ("k8s_node_memory_allocatable_bytes", 5, 16.0 * GIB),
        ] {
            self.samples.put(family, &labels, minutes, self.now, value);
        }
        self.put("kube_node_spec_unschedulable", &labels, 0.0);
        for (status, value) in [("true", 1.0), ("false", 0.0), ("unknown", 0.0)] {
            let labels = format!(r#"{labels},condition="Ready",status="{status}""#);
            self.put("kube_node_status_condition", &labels, value);
        }
        for (resource, unit, value) in [("pods", "integer", 110.0), ("cpu", "core", 4.0)] {
            let labels = format!(r#"{labels},resource="{resource}",unit="{unit}""#);
            self.put("kube_node_status_allocatable", &labels, value);
        }
    }

    fn pod(&mut self, node: &str, pod: &str, kind: &str, phase: &str) {
        let labels = of(pod);
        let info = format!(r#"{labels},node="{node}",created_by_kind="{kind}",host_ip="10.1.0.1""#);
        self.put("kube_pod_info", &info, 1.0);
        for known in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
            let labels = format!(r#"{labels},phase="{known}""#);
            let value = f64::from(u8::from(known == phase));
            self.put("kube_pod_status_phase", &labels, value);
        }
    }

    fn requests(
        &mut self,
        family: &'static str,
        on: (&str, &str),
        container: &str,
        size: (f64, f64),
    ) {
        let (node, pod) = on;
        let labels = format!(r#"{},node="{node}",container="{container}""#, of(pod));
        for (resource, unit, value) in [("cpu", "core", size.0), ("memory", "byte", size.1 * GIB)] {
            let labels = format!(r#"{labels},resource="{resource}",unit="{unit}""#);
            self.put(family, &labels, value);
        }
        let storage = format!(r#"{labels},resource="ephemeral_storage",unit="byte""#);
        self.put(family, &storage, 1e12);
    }

    /// A running pod with one container.
    fn simple(&mut self, node: &str, pod: &str, kind: &str, size: (f64, f64)) {
        self.pod(node, pod, kind, "Running");
        self.requests(
            "kube_pod_container_resource_requests",
            (node, pod),
            "main",
            size,
        );
    }

    /// A running pod that needs 2 cores to start and 1.25 GiB to run: a container of
    /// 0.5 cores and 1 GiB, a sidecar of 0.25 cores and 0.25 GiB, and an init
    /// container of 2 cores and 0.5 GiB.
    fn composed(&mut self, node: &str, pod: &str) {
        self.simple(node, pod, "ReplicaSet", (0.5, 1.0));
        for (container, policy, size) in [
            ("proxy", "Always", (0.25, 0.25)),
            ("migrate", "", (2.0, 0.5)),
        ] {
            self.requests(
                "kube_pod_init_container_resource_requests",
                (node, pod),
                container,
                size,
            );
            let labels = format!(
                r#"{},container="{container}",restart_policy="{policy}""#,
                of(pod)
            );
            self.put("kube_pod_init_container_info", &labels, 1.0);
        }
    }

    fn budget(&mut self, namespace: &str, name: &str, allowed: f64, pods: f64) {
        let labels = format!(r#"namespace="{namespace}",poddisruptionbudget="{name}""#);
        self.put(
            "kube_poddisruptionbudget_status_pod_disruptions_allowed",
            &labels,
            allowed,
        );
        self.put(
            "kube_poddisruptionbudget_status_expected_pods",
            &labels,
            pods,
        );
    }
}

/// Labels of a pod written `namespace/name`.
fn of(pod: &str) -> String {
    let (namespace, name) = pod.split_once('/').expect("a namespace");
    format!(r#"namespace="{namespace}",pod="{name}",uid="{namespace}-{name}""#)
}

fn cluster(now: u64) -> Samples {
    let mut cluster = Cluster {
        samples: Samples::default(),
        now,
    };
    // Takes all that comes: 2.5 of its 4 cores are requested, so there is room for 1.5.
    cluster.node("host", 2.0, 8.0);
    cluster.simple("host", "web/front", "ReplicaSet", (2.5, 4.0));
    // Has ended, and so neither counts here nor moves.
    cluster.pod("host", "batch/done", "Job", "Succeeded");
    cluster.requests(
        "kube_pod_container_resource_requests",
        ("host", "batch/done"),
        "main",
        (1.0, 8.0),
    );
    // The name is one that a regular expression would read otherwise.
    cluster.node("idle.1", 0.2, 0.5);
    cluster.simple("idle.1", "shop/cart", "StatefulSet", (1.5, 1.0));
    cluster.simple("idle.1", "kube-system/agent-1", "DaemonSet", (0.1, 0.1));
    cluster.simple("idle.1", "kube-system/proxy-1", "Node", (0.1, 0.1));
    cluster.pod("idle.1", "batch/failed", "Job", "Failed");
    // No other node has room for its two cores.
    cluster.node("idle-1", 0.24, 0.5);
    cluster.composed("idle-1", "web/app");
    cluster.node("bare", 0.28, 0.5);
    cluster.simple("bare", "ops/new", "", (0.1, 0.1));
    cluster.simple("bare", "ops/old", "<none>", (0.1, 0.1));
    cluster.simple("bare", "ops/heavy", "Job", (3.0, 0.1));
    cluster.node("guarded", 0.32, 0.5);
    cluster.simple("guarded", "db/db-0", "StatefulSet", (2.5, 0.1));
    cluster.budget("db", "tight", 0.0, 1.0);
    cluster.budget("db", "loose", 1.0, 1.0);
    // Covers no pod, so it blocks no drain.
    cluster.budget("shop", "forgotten", 0.0, 0.0);
    cluster.node("tainted", 0.36, 0.5);
    for (effect, key) in [("NoSchedule", "gpu"), ("PreferNoSchedule", "slow")] {
        let labels = format!(r#"node="tainted",key="{key}",value="",effect="{effect}""#);
        cluster.put("kube_node_spec_taint", &labels, 1.0);
    }
    cluster.node("control", 0.4, 0.5);
    cluster.simple("control", "kube-system/api", "Node", (3.0, 0.1));
    cluster.put(
        "kube_node_role",
        r#"node="control",role="control-plane""#,
        1.0,
    );
    cluster.put("kube_node_role", r#"node="host",role="worker""#, 1.0);
    cluster.samples
}

#[test]
fn fleet_queries_work_in_real_prometheus() {
    let prometheus = Prometheus::holding(&cluster(unix_seconds()).openmetrics());
    let (code, out, err) = run(agent(&prometheus.url).arg("--format=json"), "");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let report: Value = serde_json::from_str(&out).expect("a report");
    let fleet = &report["fleet"];
    assert_eq!(fleet["basis"], "requests", "{fleet:#}");
    assert_eq!(
        fleet["removable"],
        json!([{
            "node": "idle.1",
            "moves": [{"to": "host", "pods": 1}],
            "pods": 1,
            "pods_of_the_node": 2
        }])
    );
    let staying: Vec<(&str, &str)> = fleet["staying"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|node| {
            let name = node["node"].as_str().expect("a name");
            let obstacles = node["obstacles"].as_array().expect("a list").iter();
            obstacles.map(move |o| (name, o["message"].as_str().expect("a text")))
        })
        .collect();
    assert_eq!(
        staying,
        [
            (
                "tainted",
                "it is tainted (gpu:NoSchedule): its pods may need a node like it"
            ),
            (
                "idle-1",
                "no room elsewhere for web/app (requests 2.00 cores and 1.25 GiB; 0.24 cores and 0.50 GiB at peak)"
            ),
            (
                "guarded",
                "PodDisruptionBudget tight in namespace db allows no eviction now, and may cover db/db-0"
            ),
            ("host", "it takes the load of nodes drained before it"),
            ("control", "it runs the control plane"),
            ("bare", "pods without a controller: ops/new, ops/old"),
        ]
    );
    let unseen = fleet["unseen"].as_array().expect("a list");
    assert_eq!(unseen.len(), 4, "budgets are told of: {unseen:?}");
}
