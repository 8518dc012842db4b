//! The programs with a real Prometheus between them.

use std::fmt::Write;

use e2e::{Exporter, Prometheus, agent, eventually, run, unix_seconds};
use serde_json::Value;

use crate::idle_and_steady;

/// The agent's JSON report from a backend.
fn report(url: &str, flags: &[&str]) -> Value {
    let mut agent = agent(url);
    agent.args(["--format=json", "--step=1s"]).args(flags);
    let (code, out, err) = run(&mut agent, "");
    assert_eq!(code, Some(0), "{err}\n{out}");
    serde_json::from_str(&out).expect("a JSON report")
}

/// Node, resource and action of each recommendation.
fn actions(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    report["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .flat_map(|node| {
            node["resources"]
                .as_array()
                .expect("resources")
                .iter()
                .map(|resource| {
                    (
                        text(&node["node"]),
                        text(&resource["resource"]),
                        text(&resource["recommendation"]["action"]),
                    )
                })
        })
        .collect()
}

#[test]
fn prometheus_and_history_agree() {
    let cluster = idle_and_steady();
    let exporter = Exporter::start(&cluster, "idle,steady", &["--history=1h"]);
    exporter.value_of(r#"k8s_node_cpu_usage_cores{node="steady"}"#);
    let prometheus = Prometheus::scraping_one(&exporter.address);
    // Enough points in Prometheus for a recommendation.
    eventually("samples in Prometheus", || {
        let query = "/api/v1/query?query=min(count_over_time(k8s_node_cpu_usage_cores%5B1m%5D))";
        let answer = prometheus.get(query).json();
        let value = answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse::<f64>()
            .ok()?;
        (value >= 8.0).then_some(())
    });
    let targets = prometheus.get("/api/v1/targets").json();
    assert_eq!(
        targets["data"]["activeTargets"][0]["health"], "up",
        "{targets}"
    );

    let flags = ["--lookback=10s", "--forecast=10s"];
    let from_prometheus = report(&prometheus.url, &flags);
    let from_history = report(&format!("http://{}", exporter.address), &flags);
    assert_eq!(actions(&from_prometheus), actions(&from_history));
    let actions = actions(&from_history);
    assert_eq!(actions.len(), 4, "{actions:?}");
    for (node, resource, action) in actions {
        let expected = if node == "idle" {
            "consolidate"
        } else {
            "none"
        };
        assert_eq!(action, expected, "{node} {resource}");
    }

    // Without the exporter the series end, and what they said is not called current.
    let ages = |report: &Value| -> Vec<Option<u64>> {
        let nodes = report["nodes"].as_array().expect("nodes").iter();
        nodes
            .flat_map(|node| node["resources"].as_array().expect("resources"))
            .map(|resource| resource["sample_age_seconds"].as_u64())
            .collect()
    };
    drop(exporter);
    let old = eventually("old samples", || {
        let report = report(&prometheus.url, &flags);
        ages(&report).iter().all(Option::is_some).then_some(report)
    });
    assert!(ages(&old).iter().all(|age| *age > Some(2)), "{old:#}");
}

#[test]
fn report_shows_sample_age() {
    let newest = unix_seconds() / 60 * 60 - 97;
    let mut openmetrics = String::new();
    for (name, value) in [
        ("k8s_node_cpu_usage_cores", 1_u64),
        ("k8s_node_memory_usage_bytes", 1 << 30),
        ("k8s_node_cpu_allocatable_cores", 4),
        ("k8s_node_memory_allocatable_bytes", 4 << 30),
    ] {
        let _ = writeln!(openmetrics, "# TYPE {name} gauge");
        for age in (0..240).rev().map(|k| k * 30) {
            let _ = writeln!(openmetrics, "{name}{{node=\"a\"}} {value} {}", newest - age);
        }
    }
    let prometheus = Prometheus::holding(&openmetrics);
    for (age, query, words) in [
        (97, "k8s_node_cpu_usage_cores", "cpu     25% (97s ago)  "),
        (60, "k8s_node_cpu_usage_cores", "cpu     25%  "),
        // Samples of an expression have no time of their own.
        (
            97,
            "sum by (node) (k8s_node_cpu_usage_cores)",
            "cpu     25%  ",
        ),
    ] {
        let mut agent = agent(&prometheus.url);
        agent
            .arg(format!("--at={}", newest + age))
            .arg(format!("--cpu-query={query}"));
        let (code, out, err) = run(&mut agent, "");
        assert_eq!(code, Some(0), "{err}\n{out}");
        assert!(out.contains(words), "{words}\n{out}");
    }
}

#[test]
fn same_samples_give_same_report() {
    let cluster = idle_and_steady();
    let exporter = Exporter::start(&cluster, "idle,steady", &["--history=1h"]);
    exporter.value_of(r#"k8s_node_cpu_usage_cores{node="steady"}"#);
    eventually("a dozen rounds of two nodes", || {
        (cluster.requests().count(testbed::Endpoint::Resource) >= 26).then_some(())
    });
    // Without its API server the exporter measures nothing new: for a minute the
    // history holds what it had, and so does a Prometheus that scraped it until now.
    drop(cluster);
    eventually("no more answers", || {
        let down = r#"k8s_ai_exporter_up{node="steady",endpoint="resource"}"#;
        (exporter.value(down) == Some(0.0)).then_some(())
    });
    // The history's own samples, step by step, become blocks of a Prometheus.
    let end = unix_seconds();
    let start = end - 30;
    let mut openmetrics = String::new();
    for name in [
        "k8s_node_cpu_usage_cores",
        "k8s_node_memory_usage_bytes",
        "k8s_node_cpu_allocatable_cores",
        "k8s_node_memory_allocatable_bytes",
        "k8s_node_cpu_capacity_cores",
        "k8s_node_memory_capacity_bytes",
    ] {
        let url = format!("/api/v1/query_range?query={name}&start={start}&end={end}&step=1");
        let answer = exporter.get(&url).json();
        let _ = writeln!(openmetrics, "# TYPE {name} gauge");
        for series in answer["data"]["result"].as_array().expect("series") {
            let node = series["metric"]["node"].as_str().expect("a node");
            for point in series["values"].as_array().expect("points") {
                let value = point[1].as_str().expect("a value");
                let _ = writeln!(
                    openmetrics,
                    "{name}{{node=\"{node}\"}} {value} {}",
                    point[0]
                );
            }
        }
    }
    let prometheus = Prometheus::holding(&openmetrics);

    // As of the newest sample: later it would be old in Prometheus alone.
    let at = format!("--at={end}");
    let flags = ["--lookback=20s", "--forecast=10s", &at];
    let history = report(&format!("http://{}", exporter.address), &flags);
    let backfilled = report(&prometheus.url, &flags);
    assert_eq!(history["nodes"], backfilled["nodes"]);
    let points = history["nodes"][0]["resources"][0]["points"]
        .as_u64()
        .expect("points");
    assert!(points >= 10, "{points} points to compare");
}
