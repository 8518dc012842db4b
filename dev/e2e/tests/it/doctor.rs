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

/// The last whole minute, as of which the samples are made and examined.
fn now() -> u64 {
    unix_seconds() / 60 * 60
}

/// Samples of one series, one every half minute for as many minutes: of each, `value`
/// by its age in seconds. The newest is 7 s before `now`: none is on a step of the window.
fn series(
    name: &str,
    labels: &str,
    now: u64,
    minutes: u64,
    value: impl Fn(u64) -> Option<u64>,
) -> String {
    let newest = now - 7;
    let ages = (0..minutes * 2).rev().map(|k| k * 30);
    let line = |age| {
        Some(format!(
            "{name}{{{labels}}} {} {}\n",
            value(age)?,
            newest - age
        ))
    };
    ages.filter_map(line).collect()
}

/// The same of each of our series and of these labels, but for those that `is_missing`
/// names by series, labels and age in seconds.
fn samples(now: u64, labels: &[&str], is_missing: impl Fn(&str, &str, u64) -> bool) -> String {
    let mut text = String::new();
    for name in NAMES {
        let _ = writeln!(text, "# TYPE {name} gauge");
        for labels in labels {
            let value = |age| (!is_missing(name, labels, age)).then_some(2);
            text += &series(name, labels, now, 180, value);
        }
    }
    text
}

/// Exit code and result of each check as of `now`, with its message.
fn examine(
    prometheus: &Prometheus,
    now: u64,
    flags: &[&str],
) -> (i32, Vec<(String, String, String)>) {
    let mut doctor = agent(&prometheus.url);
    doctor
        .args(["doctor", "--format=json", "--lookback=2h"])
        .arg(format!("--at={now}"))
        .args(flags);
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
fn doctor_accepts_three_hours_of_samples() {
    let now = now();
    let samples = samples(now, &["node=\"a\"", "node=\"b\""], |_, _, _| false);
    let prometheus = Prometheus::holding(&samples);
    let (code, checks) = examine(&prometheus, now, &[]);
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
fn doctor_finds_gaps_and_replicas() {
    let labels = [
        "node=\"a\",prometheus_replica=\"0\"",
        "node=\"a\",prometheus_replica=\"1\"",
    ];
    // There was no scrape from 60 to 30 minutes ago; the look-back fills five of them.
    let now = now();
    let is_missing = |_: &str, _: &str, age| (1830..=3570).contains(&age);
    let prometheus = Prometheus::holding(&samples(now, &labels, is_missing));
    let (code, checks) = examine(&prometheus, now, &[]);
    assert_eq!(code, 5, "{checks:#?}");
    assert_eq!(
        message(&checks, "duplicates"),
        "node a has several series at the same time; they differ in prometheus_replica (\"0\", \"1\")"
    );
    let gaps = message(&checks, "gaps");
    assert!(gaps.starts_with("at 25 of 121 points"), "{gaps}");

    let (code, checks) = examine(
        &prometheus,
        now,
        &["--cpu-query=nothing", "--memory-query=nothing"],
    );
    assert_eq!(code, 4, "{checks:#?}");
}

/// The kubelets of `unread` have not answered the exporter for ten minutes, and the
/// usage of their nodes is no longer published.
fn outage(now: u64, unread: &[&str]) -> String {
    const SECONDS: u64 = 600;
    const NODES: [&str; 2] = ["node=\"a\"", "node=\"b\""];
    let is_unread = |labels: &str| unread.contains(&labels);
    let mut text = samples(now, &NODES, |name, labels, age| {
        is_unread(labels) && name.contains("_usage_") && age < SECONDS
    });
    let up = |labels: &str, age| u64::from(!is_unread(labels) || age >= SECONDS);
    let failures = |labels: &str, age: u64| match is_unread(labels) {
        true => SECONDS.saturating_sub(age) / 60,
        false => 0,
    };
    for (family, name, kind, more) in [
        ("k8s_ai_exporter_up", "k8s_ai_exporter_up", "gauge", ""),
        (
            "k8s_ai_exporter_last_success_timestamp_seconds",
            "k8s_ai_exporter_last_success_timestamp_seconds",
            "gauge",
            "",
        ),
        (
            "k8s_ai_exporter_scrape_errors",
            "k8s_ai_exporter_scrape_errors_total",
            "counter",
            ",reason=\"timeout\"",
        ),
    ] {
        let _ = writeln!(text, "# TYPE {family} {kind}");
        for node in NODES {
            let labels = format!("{node},endpoint=\"resource\"{more}");
            text += &series(name, &labels, now, 180, |age| {
                Some(match kind {
                    "counter" => failures(node, age),
                    _ if name.ends_with("_up") => up(node, age),
                    _ if is_unread(node) => (now - age).min(now - SECONDS),
                    _ => now - age,
                })
            });
        }
    }
    text
}

#[test]
fn exporter_series_explain_an_outage() {
    let now = now();
    let both = ["node=\"a\"", "node=\"b\""];
    for (unread, code, exporter, usage, nodes) in [
        (
            &both[1..],
            5,
            "endpoint resource of 1 of 2 nodes cannot be read (timeout): b since ",
            "ok",
            "1 node without current samples: b (cpu usage, memory usage)",
        ),
        (
            &both[..],
            4,
            "endpoint resource of 2 of 2 nodes cannot be read (timeout): a since ",
            "problem",
            "2 nodes without current samples: a (cpu usage, memory usage), b (cpu usage, memory usage)",
        ),
    ] {
        let prometheus = Prometheus::holding(&outage(now, unread));
        let (found, checks) = examine(&prometheus, now, &[]);
        assert_eq!(found, code, "{checks:#?}");
        let told = message(&checks, "exporter");
        assert!(told.starts_with(exporter), "{checks:#?}");
        assert!(told.ends_with(" (10m ago)"), "{checks:#?}");
        assert_eq!(message(&checks, "nodes"), nodes);
        let results = results(&checks);
        assert_eq!(results[2], ("exporter", "problem"), "before usage");
        assert_eq!(results[3], ("cpu usage", usage));
    }
}

#[test]
fn samples_that_stopped_are_not_current() {
    let now = now();
    // Prometheus shows the newest sample for five minutes.
    let samples = samples(now, &["node=\"a\""], |_, _, age| age < 90);
    let prometheus = Prometheus::holding(&samples);
    let (code, checks) = examine(&prometheus, now, &[]);
    assert_eq!(code, 5, "{checks:#?}");
    assert_eq!(
        message(&checks, "cpu usage"),
        "\"k8s_node_cpu_usage_cores\" has samples of 1 node, 1 of them not current: a (97s)"
    );
    assert_eq!(
        message(&checks, "gaps"),
        "none in the last 2h until the newest sample, 97s ago"
    );
    let is_ok = |(name, result): &&(&str, &str)| {
        *result == "ok" && !["backend", "clock", "history"].contains(name)
    };
    assert_eq!(results(&checks).iter().find(is_ok), None);
}
