//! The agent's report on its way through a real Pushgateway into a real Prometheus.

use e2e::{Exporter, Prometheus, Pushgateway, agent, eventually, run};

use crate::idle_and_steady;

/// An exporter whose history has enough points for a recommendation.
fn exporter(cluster: &testbed::Running, nodes: &str) -> Exporter {
    let exporter = Exporter::start(cluster, nodes, &["--history=1h"]);
    exporter.value_of(r#"k8s_node_memory_usage_bytes{node="idle"}"#);
    exporter
}

/// Reports from the exporter's history to the Pushgateway once there are enough points.
fn push(exporter: &Exporter, pushgateway: &Pushgateway) {
    eventually("a report with recommendations", || {
        let (code, out, err) = run(
            agent(&format!("http://{}", exporter.address)).args([
                "--step=1s",
                "--lookback=10s",
                "--forecast=10s",
                "--format=prometheus",
                &format!("--pushgateway-url=http://{}", pushgateway.address),
                "--pushgateway-label=cluster=a/b c",
            ]),
            "",
        );
        assert!(!err.contains("pushgateway"), "{err}");
        let advice = r#"k8s_node_recommendation{node="idle",action="consolidate"} 1"#;
        (code == Some(0) && out.contains(advice)).then_some(())
    });
}

#[test]
fn pushgateway_replaces_last_report() {
    let cluster = idle_and_steady();
    let pushgateway = Pushgateway::start();
    push(&exporter(&cluster, "idle,steady"), &pushgateway);
    let prometheus = Prometheus::scraping_one(&pushgateway.address);
    // Nodes that are to be consolidated, or not, by what Prometheus holds now.
    let nodes = || -> Vec<String> {
        let query = "/api/v1/query?query=k8s_node_recommendation\
             %7Bjob%3D%22k8s-ai-agent%22,cluster%3D%22a/b%20c%22,action%3D%22consolidate%22%7D";
        let answer = prometheus.get(query).json();
        let series = answer["data"]["result"].as_array().expect("series");
        let mut nodes: Vec<String> = series
            .iter()
            .map(|series| format!("{}={}", series["metric"]["node"], series["value"][1]))
            .collect();
        nodes.sort();
        nodes
    };
    eventually("both nodes in Prometheus", || {
        (nodes() == [r#""idle"="1""#, r#""steady"="0""#]).then_some(())
    });
    // A node that is no longer in the report takes its series along.
    push(&exporter(&cluster, "idle"), &pushgateway);
    eventually("one node in Prometheus", || {
        (nodes() == [r#""idle"="1""#]).then_some(())
    });
}
