//! The rules in promtool: they are valid, and each alert fires when it should and only then,
//! also where targets or jobs are missing.
//!
//! `dev/scripts/setup prometheus` installs promtool; without it these tests fail.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use contract::ExporterMode;
use manifestgen::objects;
use manifestgen::values::Values;
use serde_json::{Value, json};

/// The groups of the rule with these values, as Prometheus reads them.
fn groups(values: &Values) -> Value {
    objects::render(values, "binbots-k8s")
        .expect("the values fit their types")
        .into_iter()
        .find(|manifest| manifest.tree["kind"] == "PrometheusRule")
        .map(|manifest| manifest.tree["spec"].clone())
        .expect("there is one")
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn promtool(values: &Values, name: &str, verb: &str, test: Option<&Value>) {
    let folder = Folder(std::env::temp_dir().join(format!("rules-{}-{name}", std::process::id())));
    fs::create_dir_all(&folder.0).expect("it can be made");
    // JSON is YAML.
    fs::write(folder.0.join("rules.yaml"), groups(values).to_string()).expect("it can be written");
    let mut file = "rules.yaml";
    if let Some(test) = test {
        file = "test.yaml";
        fs::write(folder.0.join(file), test.to_string()).expect("it can be written");
    }
    let output = Command::new("promtool")
        .args([verb, "rules", file])
        .current_dir(&folder.0)
        .output()
        .expect("promtool is missing: run `dev/scripts/setup prometheus`");
    assert!(
        output.status.success(),
        "{name}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Annotations of an alert, with the values of its templates.
fn annotations(values: &Values, alert: &str, filled: &[(&str, &str)]) -> Value {
    let groups = groups(values);
    let rule = groups["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"))
        .find(|rule| rule["alert"] == alert)
        .expect("there is one");
    let mut text = rule["annotations"].to_string();
    for (template, value) in filled {
        text = text.replace(&format!("{{{{ {template} }}}}"), value);
    }
    assert!(!text.contains("{{"), "{text}");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Expected state of an alert at a time.
struct Case {
    name: &'static str,
    series: Vec<(&'static str, &'static str)>,
    at: &'static str,
    /// Labels, and the values of the annotations' templates; none: silent.
    fires: Option<(Value, Vec<(&'static str, &'static str)>)>,
}

fn check(alert: &str, cases: Vec<Case>) {
    check_with(&Values::default(), alert, cases);
}

fn check_with(values: &Values, alert: &str, cases: Vec<Case>) {
    let tests: Vec<Value> = cases
        .iter()
        .map(|case| {
            let series: Vec<Value> = case
                .series
                .iter()
                .map(|(series, values)| json!({"series": series, "values": values}))
                .collect();
            let expected: Vec<Value> = case
                .fires
                .iter()
                .map(|(labels, filled)| {
                    json!({"exp_labels": labels, "exp_annotations": annotations(values, alert, filled)})
                })
                .collect();
            json!({
                "name": case.name,
                "interval": "1m",
                "input_series": series,
                "alert_rule_test": [
                    {"eval_time": case.at, "alertname": alert, "exp_alerts": expected},
                ],
            })
        })
        .collect();
    let test = json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests});
    let name = format!("{alert}-{}", values.exporter.all_nodes.shards);
    promtool(values, &name, "test", Some(&test));
}

#[test]
fn the_rules_are_valid() {
    promtool(&Values::default(), "valid", "check", None);
}

#[test]
fn down_alert_fires_for_all_or_no_targets() {
    const A: &str = r#"up{job="k8s-ai-exporter",namespace="monitoring",pod="a"}"#;
    const B: &str = r#"up{job="k8s-ai-exporter",namespace="monitoring",pod="b"}"#;
    let down = || Some((json!({"severity": "critical"}), Vec::new()));
    check(
        "BinbotsExporterDown",
        vec![
            Case {
                name: "all down for long enough",
                series: vec![(A, "0x20"), (B, "0x20")],
                at: "6m",
                fires: down(),
            },
            Case {
                name: "all down, not yet for long enough",
                series: vec![(A, "1x10 0x20"), (B, "0x30")],
                at: "13m",
                fires: None,
            },
            Case {
                name: "one of two answers",
                series: vec![(A, "0x20"), (B, "1x20")],
                at: "15m",
                fires: None,
            },
            Case {
                name: "no target at all",
                series: vec![],
                at: "6m",
                fires: Some((
                    json!({"severity": "critical", "job": "k8s-ai-exporter", "namespace": "monitoring"}),
                    Vec::new(),
                )),
            },
            Case {
                name: "targets of others only",
                series: vec![(r#"up{job="node-exporter",namespace="monitoring"}"#, "1x20")],
                at: "6m",
                fires: Some((
                    json!({"severity": "critical", "job": "k8s-ai-exporter", "namespace": "monitoring"}),
                    Vec::new(),
                )),
            },
        ],
    );
}

#[test]
fn down_alert_fires_for_one_missing_shard() {
    let target = |pod| format!(r#"up{{job="k8s-ai-exporter",namespace="monitoring",pod="{pod}"}}"#);
    let [a, b, c] = ["a", "b", "c"].map(|pod| &*String::leak(target(pod)));
    let mut values = Values::default();
    values.exporter.mode = ExporterMode::Statefulset.into();
    values.exporter.all_nodes.shards = 3;
    let fires = || Some((json!({"severity": "critical"}), Vec::new()));
    check_with(
        &values,
        "BinbotsExporterDown",
        vec![
            Case {
                name: "all answer",
                series: vec![(a, "1x20"), (b, "1x20"), (c, "1x20")],
                at: "15m",
                fires: None,
            },
            Case {
                name: "one is down",
                series: vec![(a, "1x20"), (b, "0x20"), (c, "1x20")],
                at: "6m",
                fires: fires(),
            },
            Case {
                name: "one has no target",
                series: vec![(a, "1x20"), (b, "1x20")],
                at: "6m",
                fires: fires(),
            },
        ],
    );
}

#[test]
fn missing_alert_fires_for_unscraped_pods() {
    const POD_1: &str = r#"kube_pod_info{namespace="monitoring",pod="a",node="n1",created_by_kind="DaemonSet",created_by_name="k8s-ai-exporter"}"#;
    const POD_2: &str = r#"kube_pod_info{namespace="monitoring",pod="b",node="n2",created_by_kind="DaemonSet",created_by_name="k8s-ai-exporter"}"#;
    const PENDING: &str = r#"kube_pod_info{namespace="monitoring",pod="c",created_by_kind="DaemonSet",created_by_name="k8s-ai-exporter"}"#;
    const OTHER: &str = r#"kube_pod_info{namespace="monitoring",pod="x",node="fargate",created_by_kind="DaemonSet",created_by_name="node-exporter"}"#;
    const SHARD: &str = r#"kube_pod_info{namespace="monitoring",pod="s",node="n1",created_by_kind="StatefulSet",created_by_name="k8s-ai-exporter"}"#;
    const UP_1: &str = r#"k8s_ai_exporter_up{node="n1",endpoint="resource"}"#;
    const UP_2: &str = r#"k8s_ai_exporter_up{node="n2",endpoint="resource"}"#;
    const LISTS: &str = r#"k8s_ai_exporter_up{endpoint="nodes"}"#;
    // The text of the template's `else` stays in the expected annotations.
    let on = |node: &'static str| {
        let (labels, place) = match node {
            "" => (
                json!({"severity": "warning"}),
                "a node where its pod is not scheduled",
            ),
            _ => (json!({"severity": "warning", "node": node}), "node n2"),
        };
        Some((
            labels,
            vec![(
                "with $labels.node }}node {{ . }}{{ else }}a node where its pod is not scheduled{{ end",
                place,
            )],
        ))
    };
    let case = |name, series, at, fires| Case {
        name,
        series,
        at,
        fires,
    };
    check(
        "BinbotsExporterMissing",
        vec![
            case(
                "one node's exporter is gone for long enough",
                vec![
                    (POD_1, "1x60"),
                    (POD_2, "1x60"),
                    (UP_1, "1x60"),
                    (UP_2, "1x9 _x50"),
                ],
                "40m",
                on("n2"),
            ),
            case(
                "one node's exporter restarts",
                vec![
                    (POD_1, "1x60"),
                    (POD_2, "1x60"),
                    (UP_1, "1x60"),
                    (UP_2, "1x9 stale _x8 1x40"),
                ],
                "20m",
                None,
            ),
            case(
                "a pod never started",
                vec![(POD_1, "1x60"), (POD_2, "1x60"), (UP_1, "1x60")],
                "16m",
                on("n2"),
            ),
            case(
                "a pod cannot be scheduled",
                vec![
                    (POD_1, "1x60"),
                    (PENDING, "1x60"),
                    (UP_1, "1x60"),
                    (LISTS, "1x60"),
                ],
                "16m",
                on(""),
            ),
            case(
                "a node is scraped, and its kubelet fails",
                vec![
                    (POD_1, "1x60"),
                    (POD_2, "1x60"),
                    (UP_1, "1x60"),
                    (UP_2, "0x60"),
                ],
                "40m",
                None,
            ),
            case(
                "a node gets no pod of the DaemonSet",
                vec![(POD_1, "1x60"), (OTHER, "1x60"), (UP_1, "1x60")],
                "40m",
                None,
            ),
            case(
                "a node leaves with its pod",
                vec![
                    (POD_1, "1x60"),
                    (POD_2, "1x20 stale"),
                    (UP_1, "1x60"),
                    (UP_2, "1x15 stale"),
                ],
                "40m",
                None,
            ),
            case(
                "no exporter is scraped at all",
                vec![(POD_1, "1x60"), (POD_2, "1x60")],
                "40m",
                None,
            ),
            case(
                "shards read the nodes",
                vec![(SHARD, "1x60"), (UP_2, "1x60")],
                "40m",
                None,
            ),
        ],
    );
}

#[test]
fn agent_alert_fires_for_late_never_and_missing() {
    const SUCCESS: &str = r#"kube_cronjob_status_last_successful_time{namespace="monitoring",cronjob="k8s-ai-agent"}"#;
    const CREATED: &str = r#"kube_cronjob_created{namespace="monitoring",cronjob="k8s-ai-agent"}"#;
    const SUSPENDED: &str =
        r#"kube_cronjob_spec_suspend{namespace="monitoring",cronjob="k8s-ai-agent"}"#;
    let labels =
        || json!({"severity": "warning", "namespace": "monitoring", "cronjob": "k8s-ai-agent"});
    let late = || Some((labels(), Vec::new()));
    check(
        "BinbotsAgentNotRun",
        vec![
            Case {
                name: "the last success is too long ago",
                series: vec![(CREATED, "0x60"), (SUCCESS, "60x60"), (SUSPENDED, "0x60")],
                at: "35m",
                fires: late(),
            },
            Case {
                name: "it succeeds in time",
                series: vec![(CREATED, "0x60"), (SUCCESS, "0+60x60"), (SUSPENDED, "0x60")],
                at: "55m",
                fires: None,
            },
            Case {
                name: "it never succeeded",
                series: vec![(CREATED, "0x60"), (SUSPENDED, "0x60")],
                at: "35m",
                fires: late(),
            },
            Case {
                name: "it is too young to have succeeded",
                series: vec![(CREATED, "0x60"), (SUSPENDED, "0x60")],
                at: "25m",
                fires: None,
            },
            Case {
                name: "it is suspended",
                series: vec![(CREATED, "0x60"), (SUCCESS, "60x60"), (SUSPENDED, "1x60")],
                at: "50m",
                fires: None,
            },
            Case {
                name: "it stays, and serves a fresh report",
                series: vec![("k8s_ai_agent_report_timestamp_seconds", "0+60x60")],
                at: "55m",
                fires: None,
            },
            Case {
                name: "it stays, and its report is old",
                series: vec![("k8s_ai_agent_report_timestamp_seconds", "0x60")],
                at: "55m",
                fires: late(),
            },
            Case {
                name: "there is no such job, or nothing that knows of it",
                series: vec![],
                at: "5m",
                fires: late(),
            },
            Case {
                name: "kube-state-metrics was away for a short time",
                series: vec![
                    (CREATED, "0x10 _x6 0x20"),
                    (SUCCESS, "0+60x10 _x6 960+60x20"),
                ],
                at: "17m",
                fires: None,
            },
        ],
    );
}

/// `values` of a series, and for each of these times whether the alert fires.
fn at_each(
    name: &'static str,
    series: &[(&'static str, &'static str)],
    times: &[(&'static str, bool)],
) -> Vec<Case> {
    let endpoint = match series[0].0.contains("cadvisor") {
        true => "cadvisor",
        false => "resource",
    };
    times
        .iter()
        .map(|&(at, fires)| Case {
            name,
            series: series.to_vec(),
            at,
            fires: fires.then(|| {
                (
                    json!({"severity": "warning", "node": "n1", "endpoint": endpoint}),
                    vec![
                        ("$labels.endpoint", endpoint),
                        ("with $labels.node", ""),
                        (".", "n1"),
                        ("end", ""),
                    ],
                )
            }),
        })
        .collect()
}

#[test]
fn scrape_alert_fires_for_failures_not_restarts() {
    const FAILED: &str =
        r#"k8s_ai_exporter_scrape_errors_total{node="n1",endpoint="resource",reason="timeout"}"#;
    const UP: &str = r#"k8s_ai_exporter_up{node="n1",endpoint="resource"}"#;
    const CADVISOR: &str = r#"k8s_ai_exporter_up{node="n1",endpoint="cadvisor"}"#;
    const NODE: &str = r#"k8s_ai_exporter_up{node="n1",endpoint="node"}"#;
    const LINE: &str = r#"k8s_ai_exporter_scrape_errors_total{node="n1",endpoint="cadvisor",reason="malformed_line"}"#;
    let silent_from_30m = [
        ("31m", false),
        ("32m", false),
        ("33m", false),
        ("34m", false),
        ("35m", false),
        ("36m", false),
        ("37m", false),
        ("38m", false),
        ("40m", false),
        ("42m", false),
        ("45m", false),
        ("50m", false),
    ];
    let cases = [
        // Failures become rarer as the exporter backs off.
        at_each(
            "the node cannot be read from minute 30 on",
            &[(UP, "1x29 0x60"), (FAILED, "0x29 1 2 2 3 3 3 4x60")],
            &[("34m", false), ("35m", true), ("60m", true)],
        ),
        at_each(
            "cAdvisor alone cannot be read",
            &[(CADVISOR, "1x29 0x60")],
            &[("34m", false), ("35m", true), ("60m", true)],
        ),
        at_each(
            "a node that was never read",
            &[(UP, "0x60")],
            &[("4m", false), ("5m", true)],
        ),
        at_each(
            "the API server restarts within two minutes",
            &[(UP, "1x29 0x1 1x60"), (FAILED, "0x29 4 8x60")],
            &silent_from_30m,
        ),
        at_each(
            "the API server restarts, and the exporter returns late",
            &[(UP, "1x29 0x3 1x60"), (FAILED, "0x29 3 6 7 8x60")],
            &silent_from_30m,
        ),
        at_each(
            "three API servers are replaced, one every ten minutes",
            &[
                (UP, "1x9 0x1 1x7 0x1 1x7 0x1 1x60"),
                (FAILED, "0x9 3 5x8 8 10x8 13 15x60"),
            ],
            &silent_from_30m,
        ),
        at_each(
            "every other scrape fails from minute 30 on",
            &[
                (
                    UP,
                    "1x29 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 1x30",
                ),
                (FAILED, "0x29 1+1x30 31x30"),
            ],
            &[("34m", false), ("45m", true), ("60m", true), ("75m", false)],
        ),
        at_each(
            "one scrape failed among many that did not",
            &[(FAILED, "0x30 1x60"), (UP, "1x30 0 1x60")],
            &silent_from_30m,
        ),
        // It is requested every five minutes, and again half a minute after a failure.
        at_each(
            "the node object is not read once",
            &[(NODE, "1x29 0x6 1x60")],
            &silent_from_30m,
        ),
        at_each(
            "lines are left out, scrapes go on",
            &[(LINE, "0+5x60")],
            &[("40m", false)],
        ),
        at_each(
            "an hour ago it was worse",
            &[(FAILED, "0+1x20 20x60")],
            &[("60m", false)],
        ),
    ];
    check("BinbotsScrapeErrors", cases.into_iter().flatten().collect());
}

#[test]
fn node_alert_extrapolates_usage() {
    const USED: &str = r#"k8s_node_memory_usage_bytes{node="n1"}"#;
    const REPLACED: &str = r#"k8s_node_memory_usage_bytes{node="n1",pod="new"}"#;
    const ROOM: &str = r#"k8s_node_memory_allocatable_bytes{node="n1"}"#;
    const CORES: &str = r#"k8s_node_cpu_usage_cores{node="n2"}"#;
    const CORES_ROOM: &str = r#"k8s_node_cpu_allocatable_cores{node="n2"}"#;
    let fires = |node: &'static str, resource: &'static str, value: &'static str| {
        Some((
            json!({"severity": "warning", "node": node, "resource": resource}),
            vec![
                ("$labels.node", node),
                ("$labels.resource", resource),
                ("$value | humanizePercentage", value),
            ],
        ))
    };
    check(
        "BinbotsNodeRunsOut",
        vec![
            Case {
                name: "memory grows by one percent a minute",
                series: vec![(USED, "0+1x120"), (ROOM, "100x120")],
                at: "90m",
                fires: fires("n1", "memory", "150%"),
            },
            Case {
                name: "cores grow",
                series: vec![(CORES, "0+0.04x120"), (CORES_ROOM, "4x120")],
                at: "90m",
                fires: fires("n2", "cpu", "150%"),
            },
            Case {
                name: "much is used, but it does not grow",
                series: vec![(USED, "95x120"), (ROOM, "100x120")],
                at: "110m",
                fires: None,
            },
            Case {
                name: "it shrinks",
                series: vec![(USED, "99-0.5x120"), (ROOM, "100x120")],
                at: "110m",
                fires: None,
            },
            Case {
                name: "a few minutes prove nothing",
                series: vec![(USED, "0+4x120"), (ROOM, "100x120")],
                at: "20m",
                fires: None,
            },
            Case {
                name: "a pod that replaced another does not count twice",
                series: vec![(USED, "40x120"), (REPLACED, "40x120"), (ROOM, "100x120")],
                at: "110m",
                fires: None,
            },
            Case {
                name: "the room is not known",
                series: vec![(USED, "0+1x120")],
                at: "90m",
                fires: None,
            },
        ],
    );
}
