//! Whether the exporter is well, and what it tells of its own work.

use std::process::Command;
use std::time::Duration;

use e2e::{Exporter, Process, eventually, program, request};
use testbed::{Cluster, Effect, Endpoint, Fault, Node, Running};

fn cluster() -> Running {
    Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(300))
        .start()
        .expect("a cluster")
}

#[test]
fn an_api_server_that_is_away_makes_it_unready_and_never_unwell() {
    let cluster = cluster();
    cluster.fault(Effect::Reset);
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.process.line_with("resource fails (connect)");
    for _ in 0..20 {
        assert_eq!(exporter.get("/livez").status, 200);
        assert_eq!(exporter.get("/readyz").status, 503);
    }
    assert_eq!(exporter.get("/metrics").status, 200);
    cluster.clear_faults();
    eventually("ready", || {
        (exporter.get("/readyz").status == 200).then_some(())
    });
}

#[test]
fn asking_us_asks_nobody_else() {
    let cluster = cluster();
    // The first round is at once, the second soon after it, the third a day later.
    let mut command = Command::new(program("k8s-ai-exporter"));
    command
        .env_clear()
        .args(["--node-name=node-a", "--listen-address=127.0.0.1:0"])
        .args(["--scrape-interval=1d", "--cadvisor-interval=1d"])
        .arg(format!("--api-server={}", cluster.url()))
        .arg(format!("--ca-file={}", cluster.ca_file().display()))
        .arg(format!("--token-file={}", cluster.token_file().display()));
    let process = Process::start(&mut command);
    let line = process.line_with("serving on ");
    let address = line.rsplit(' ').next().expect("an address");
    eventually("ready", || {
        (request(address, "GET", "/readyz", &[], "").status == 200).then_some(())
    });
    for path in ["/metrics", "/readyz", "/livez", "/", "/nothing"] {
        for _ in 0..50 {
            request(address, "GET", path, &[], "");
        }
    }
    let asked = cluster.requests();
    for endpoint in [Endpoint::Resource, Endpoint::Cadvisor, Endpoint::Pods] {
        assert!(asked.count(endpoint) <= 2, "{endpoint:?}");
    }
}

#[test]
fn it_tells_what_it_did_what_failed_and_what_it_takes() {
    let cluster = cluster();
    cluster.fault(Fault::new(Effect::status(403)).on(Endpoint::Pods));
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of("k8s_node_cpu_usage_cores{node=\"node-a\"}");
    exporter.value_of(
        "k8s_ai_exporter_scrape_errors_total{node=\"node-a\",endpoint=\"pods\",reason=\"forbidden\"}",
    );
    let text = exporter.get("/metrics").text();
    for name in [
        "k8s_ai_exporter_build_info{",
        "k8s_ai_exporter_up{node=\"node-a\",endpoint=\"resource\"} 1\n",
        "k8s_ai_exporter_scrape_duration_seconds{node=\"node-a\",endpoint=\"resource\"} ",
        "k8s_ai_exporter_last_success_timestamp_seconds{node=\"node-a\",endpoint=\"resource\"} ",
        "k8s_ai_exporter_response_bytes_total{node=\"node-a\",endpoint=\"resource\"} ",
        "k8s_ai_exporter_token_reloads_total 0\n",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_start_time_seconds ",
    ] {
        assert!(text.contains(&format!("\n{name}")), "{name} in\n{text}");
    }
}
