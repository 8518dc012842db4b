//! The doctor and a real Prometheus.

use std::fmt::Write;

use e2e::{Prometheus, agent, run, unix_seconds};
use serde_json::Value;

const NAMES: [&str; 4] = [
    "k8s_node_cpu_usage_cores",
    "k8s_node_memory_usage_bytes",
    "k8s_node_cpu_allocatable_cores",
    "k8s_node_memory_allocatable_bytes",
];

/// A sample every half minute for as many minutes, of each of our series and of these
/// labels, but for those that `is_missing` names by their age in seconds. The newest is
/// from just before a whole minute: none is on a moment of the window.
fn samples(minutes: u64, labels: &[&str], is_missing: impl Fn(u64) -> bool) -> String {
    let newest = unix_seconds() / 60 * 60 - 7;
    let mut text = String::new();
    for name in NAMES {
        let _ = writeln!(text, "# TYPE {name} gauge");
        for labels in labels {
            for age in (0..minutes * 2)
                .rev()
                .map(|k| k * 30)
                .filter(|age| !is_missing(*age))
            {
                let _ = writeln!(text, "{name}{{{labels}}} 2 {}", newest - age);
            }
        }
    }
    text
}

/// Exit code and result of each check, with its message.
fn examine(prometheus: &Prometheus, flags: &[&str]) -> (i32, Vec<(String, String, String)>) {
    let mut doctor = agent(&prometheus.url);
    doctor.args(["doctor", "--format=json"]).args(flags);
    let (code, out, err) = run(&mut doctor, "");
    assert_eq!(err, "");
    let diagnosis: Value = serde_json::from_str(&out).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = diagnosis["checks"].as_array().expect("checks").iter();
    let checks = checks.map(|c| (text(&c["check"]), text(&c["result"]), text(&c["message"])));
    (code.expect("an exit"), checks.collect())
}

fn results(checks: &[(String, String, String)]) -> Vec<(&str, &str)> {
    checks
        .iter()
        .map(|(name, result, _)| (name.as_str(), result.as_str()))
        .collect()
}

fn message<'a>(checks: &'a [(String, String, String)], name: &str) -> &'a str {
    let found = checks.iter().find(|(check, ..)| check == name);
    found.map_or_else(
        || panic!("no {name} in {checks:#?}"),
        |(.., message)| message,
    )
}

#[test]
fn a_prometheus_with_three_hours_of_samples_is_well_but_for_kube_state_metrics() {
    let samples = samples(180, &["node=\"a\"", "node=\"b\""], |_| false);
    let prometheus = Prometheus::holding(&samples);
    let (code, checks) = examine(&prometheus, &[]);
    assert_eq!(code, 0, "{checks:#?}");
    assert_eq!(
        results(&checks),
        [
            ("backend", "ok"),
            ("clock", "ok"),
            ("cpu usage", "ok"),
            ("memory usage", "ok"),
            ("cpu allocatable", "ok"),
            ("memory allocatable", "ok"),
            ("nodes", "ok"),
            ("interval", "ok"),
            ("gaps", "ok"),
            ("history", "ok"),
            ("pod requests", "note"),
            ("node states", "note"),
        ]
    );
    assert!(
        message(&checks, "backend").starts_with("Prometheus 2."),
        "{checks:#?}"
    );
    assert_eq!(
        message(&checks, "interval"),
        "a sample every 30s, a point every 1m"
    );
    assert!(message(&checks, "history").ends_with("121 of 121 points, enough for a trend"));
}

#[test]
fn gaps_and_replicas_in_a_real_prometheus_are_found() {
    let labels = [
        "node=\"a\",prometheus_replica=\"0\"",
        "node=\"a\",prometheus_replica=\"1\"",
    ];
    // From 60 to 30 minutes ago nobody scraped; the look-back fills five of them.
    let is_missing = |age| (1830..=3570).contains(&age);
    let prometheus = Prometheus::holding(&samples(180, &labels, is_missing));
    let (code, checks) = examine(&prometheus, &[]);
    assert_eq!(code, 5, "{checks:#?}");
    assert_eq!(
        message(&checks, "duplicates"),
        "node a has several series at the same time; they differ in prometheus_replica (\"0\", \"1\")"
    );
    let gaps = message(&checks, "gaps");
    assert!(gaps.starts_with("at 25 of 121 points"), "{gaps}");

    let (code, checks) = examine(
        &prometheus,
        &["--cpu-query=nothing", "--memory-query=nothing"],
    );
    assert_eq!(code, 4, "{checks:#?}");
}
