//! Health routes of the exporter, and the metrics of its own work.

use e2e::{Exporter, exporter, program};
use testbed::{Effect, Endpoint, Fault};

use crate::{CORES, one_node};

#[test]
fn absent_api_server_keeps_it_live() {
    let cluster = one_node();
    cluster.fault(Effect::Reset);
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.process.line_with("resource fails (connect)");
    for _ in 0..20 {
        assert_eq!(exporter.get("/livez").status, 200);
        assert_eq!(exporter.get("/readyz").status, 503);
    }
    assert_eq!(exporter.get("/metrics").status, 200);
    cluster.clear_faults();
    exporter.ready();
}

#[test]
fn asking_us_asks_nobody_else() {
    let cluster = one_node();
    // The first round is at once, the second soon after it, the third a day later.
    let exporter = Exporter::run(
        exporter(program("k8s-ai-exporter"), &cluster)
            .arg("--node-name=node-a")
            .args(["--scrape-interval=1d", "--cadvisor-interval=1d"]),
    );
    exporter.ready();
    for path in ["/metrics", "/readyz", "/livez", "/", "/nothing"] {
        for _ in 0..50 {
            exporter.get(path);
        }
    }
    let asked = cluster.requests();
    for endpoint in [Endpoint::Resource, Endpoint::Cadvisor, Endpoint::Pods] {
        assert!(asked.count(endpoint) <= 2, "{endpoint:?}");
    }
}

#[test]
fn exporter_reports_about_itself() {
    let cluster = one_node();
    cluster.fault(Fault::new(Effect::status(403)).on(Endpoint::Pods));
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(CORES);
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
