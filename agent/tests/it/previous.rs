//! The real program run after run: severities do not flap, and changes are reported.

use std::path::{Path, PathBuf};

use crate::scripted::{Answer, Backend, Query, run, series};
use serde_json::Value;

/// A file that goes with this handle.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("binbots-{name}-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Left behind by a process of the same number that was killed.
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One node with a steady share of its four cores and of its memory in use.
fn one_node(share: f64) -> impl Fn(&Query) -> Answer {
    move |query| match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[series(query, "n", 121, |_| 4.0 * share)]),
        "k8s_node_memory_usage_bytes" => Answer::matrix(&[series(query, "n", 121, |_| 5e9)]),
        "k8s_node_cpu_allocatable_cores" => Answer::matrix(&[series(query, "n", 11, |_| 4.0)]),
        "k8s_node_memory_allocatable_bytes" => Answer::matrix(&[series(query, "n", 11, |_| 1e10)]),
        _ => Answer::matrix(&[]),
    }
}

fn report(share: f64, flags: &[&str]) -> (i32, Value) {
    let backend = Backend::start(one_node(share));
    let mut args = vec!["--prometheus-url", &backend.url, "--format=json"];
    args.extend(flags);
    let ended = run(&args);
    let report = serde_json::from_str(&ended.out).expect("a JSON report");
    (ended.code, report)
}

#[test]
fn severity_does_not_flap_between_runs() {
    let file = Scratch::new("dancing");
    // As in a CronJob: each run reads what the last one wrote.
    let previous = format!("--previous={}", file.path().display());
    let output = format!("--output=json={}", file.path().display());
    let mut verdicts = Vec::new();
    for share in [0.79, 0.81, 0.79, 0.81, 0.77, 0.74, 0.79] {
        let (code, report) = report(share, &[&previous, &output]);
        assert_eq!(code, 0);
        let node = &report["nodes"][0];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        verdicts.push((
            text(&node["severity"]),
            text(&node["changed_from"]["severity"]),
            node["resources"][0]["recommendation"]["decision"]["held"] == true,
            text(&report["previous"]),
        ));
    }
    let verdicts: Vec<_> = verdicts
        .iter()
        .map(|(severity, from, held, source)| {
            (severity.as_str(), from.as_str(), *held, source.as_str())
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("none", "-", false, "-"),
            ("warning", "none", false, "file"),
            ("warning", "-", true, "file"),
            ("warning", "-", false, "file"),
            ("warning", "-", true, "file"),
            ("none", "warning", false, "file"),
            ("none", "-", false, "file"),
        ]
    );
}

#[test]
fn first_run_needs_no_previous_report() {
    let (code, report) = report(0.5, &["--previous", "/nonexistent/report.json"]);
    assert_eq!((code, &report["previous"]), (0, &Value::Null));
    assert_eq!(
        report["warnings"],
        serde_json::json!([
            "no previous report at /nonexistent/report.json yet: severities have no hysteresis"
        ])
    );
}

#[test]
fn broken_previous_report_is_partial() {
    let file = Scratch::new("broken");
    std::fs::write(file.path(), "{\"schema_version\":1,\"nod").expect("a file");
    let previous = format!("--previous={}", file.path().display());
    let output = format!("--output=json={}", file.path().display());
    let (code, broken) = report(0.5, &[&previous, &output]);
    assert_eq!(code, 5);
    let error = broken["errors"][0].as_str().expect("an error");
    assert!(
        error.contains("not a JSON report of this program"),
        "{error}"
    );
    assert_eq!(report(0.5, &[&previous, &output]).0, 0);
}

#[test]
fn own_series_replace_a_previous_report() {
    let severity = |query: &Query, resource: &str, level: f64| {
        series(query, "n", 3, move |_| level).replace(
            "\"node\":",
            &format!("\"resource\":\"{resource}\",\"node\":"),
        )
    };
    let backend = Backend::start(move |query| match query.query.as_str() {
        "k8s_node_resource_recommendation_severity" => Answer::matrix(&[
            severity(query, "cpu", 2.0),
            severity(query, "memory", 0.0),
            // Of another version, or of another program.
            severity(query, "disk", 3.0),
            severity(query, "cpu", 7.0).replace("\"n\"", "\"m\""),
        ]),
        _ => one_node(0.77)(query),
    });
    let ended = run(&["--prometheus-url", &backend.url, "--format=json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report: Value = serde_json::from_str(&ended.out).expect("a report");
    assert_eq!(report["previous"], "prometheus");
    assert_eq!(report["nodes"][0]["severity"], "warning");
    assert_eq!(report["nodes"][0]["changed_from"], Value::Null);
    let asked = backend.queries();
    let memory = asked.last().expect("queries");
    assert_eq!((memory.end - memory.start, memory.step), (3600, 300));
}
