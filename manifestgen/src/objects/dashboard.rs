//! The Grafana dashboard, and the ConfigMap from which Grafana's sidecar loads it.
//!
//! The same JSON can be imported by hand: it selects its data source by a variable, not by
//! an input of the import form.

use contract::{Bound, Series, label, report, series};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::exporter::is_scraped;
use super::metadata::{Component, labelled, labels, namespace};
use crate::builder::{Builder, Problem};
use crate::chart::EXPORTER_APP;
use crate::term::{Condition, value};

/// Name of the dashboard's file.
pub const FILE: &str = "grafana-dashboard-binbots.json";
/// Its path in the chart.
pub const CHART_PATH: &str = "dashboards/grafana-dashboard-binbots.json";
/// Identifier of the dashboard in links.
pub const UID: &str = "binbots-nodes";

/// A panel without its position.
struct Draft {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    max: Option<f64>,
    queries: Vec<(String, &'static str)>,
}

const NODE: &str = "{{node}}";

/// The description of the panels of the maximum's upper end.
const UPPER_END: &str = "The maximum over the horizon stays below it with a probability of 90%, \
    unless the agent's --interval says otherwise. Share of allocatable. Requires the agent's \
    report in Prometheus: agent.mode deployment, or a Pushgateway.";

/// The description of the panels of the held level.
const HELD_LEVEL: &str = "Median of the highest level that is held for --for within the horizon, \
    as a share of allocatable; it decides on scaling up. Requires the agent's report in \
    Prometheus.";

/// A series of the selected nodes, once while one pod replaces another.
fn by_node(series: &Series) -> String {
    format!("max by ({}) ({})", label::NODE, own(series))
}

/// A series of the selected nodes.
fn own(series: &Series) -> String {
    format!("{}{{{}=~\"$node\"}}", series.name, label::NODE)
}

fn drafts() -> Vec<Draft> {
    let draft = |title, description, unit, queries| Draft {
        title,
        description,
        unit,
        max: None,
        queries,
    };
    let one = |title, description, unit, expr| draft(title, description, unit, vec![(expr, NODE)]);
    let of_all = |draft| Draft {
        max: Some(1.0),
        ..draft
    };
    let share = |usage, allocatable| format!("{} / {}", by_node(usage), by_node(allocatable));
    let rest = |allocatable, usage| format!("{} - {}", by_node(allocatable), by_node(usage));
    let ahead = |usage: &Series| {
        let line = format!("predict_linear({}[2h], 1800)", own(usage));
        format!("clamp_min(max by ({}) ({line}), 0)", label::NODE)
    };
    let forecast = |series: &Series, bound: Bound, allocatable| {
        format!(
            "max by ({n}) ({}{{{n}=~\"$node\",{}=\"{}\"}}) / {}",
            series.name,
            label::BOUND,
            bound.name(),
            by_node(allocatable),
            n = label::NODE
        )
    };
    let by_endpoint = |function, series| {
        let expr = format!("{function} by ({}) ({})", label::ENDPOINT, own(series));
        vec![(expr, "{{endpoint}}")]
    };
    vec![
        one(
            "CPU usage",
            "Cores, as a rate between the two newest samples of a node.",
            "short",
            by_node(&series::CPU_USAGE),
        ),
        one(
            "Memory usage",
            "Working set.",
            "bytes",
            by_node(&series::MEMORY_USAGE),
        ),
        one(
            "Active pods",
            "Pods that are neither Succeeded nor Failed.",
            "short",
            by_node(&series::ACTIVE_PODS),
        ),
        of_all(one(
            "CPU usage, share of allocatable",
            "By default the agent recommends scaling up above 80%.",
            "percentunit",
            share(&series::CPU_USAGE, &series::CPU_ALLOCATABLE),
        )),
        of_all(one(
            "Memory usage, share of allocatable",
            "By default the agent recommends scaling up above 80%.",
            "percentunit",
            share(&series::MEMORY_USAGE, &series::MEMORY_ALLOCATABLE),
        )),
        one(
            "Active pods, share of allocatable",
            "A node runs at most its allocatable number of pods, independent of their usage.",
            "percentunit",
            share(&series::ACTIVE_PODS, &series::PODS_ALLOCATABLE),
        ),
        one(
            "CPU headroom",
            "Allocatable minus usage, in cores.",
            "short",
            rest(&series::CPU_ALLOCATABLE, &series::CPU_USAGE),
        ),
        one(
            "Memory headroom",
            "Allocatable minus usage.",
            "bytes",
            rest(&series::MEMORY_ALLOCATABLE, &series::MEMORY_USAGE),
        ),
        one(
            "CPU usage predicted in 30 minutes",
            "Linear regression over the last two hours.",
            "short",
            ahead(&series::CPU_USAGE),
        ),
        one(
            "Memory usage predicted in 30 minutes",
            "Linear regression over the last two hours.",
            "bytes",
            ahead(&series::MEMORY_USAGE),
        ),
        one(
            "CPU forecast, upper end of the maximum",
            UPPER_END,
            "percentunit",
            forecast(&report::CPU_MAX, Bound::Upper, &series::CPU_ALLOCATABLE),
        ),
        one(
            "Memory forecast, upper end of the maximum",
            UPPER_END,
            "percentunit",
            forecast(
                &report::MEMORY_MAX,
                Bound::Upper,
                &series::MEMORY_ALLOCATABLE,
            ),
        ),
        one(
            "CPU forecast, held level",
            HELD_LEVEL,
            "percentunit",
            forecast(&report::CPU_HELD, Bound::Expected, &series::CPU_ALLOCATABLE),
        ),
        one(
            "Memory forecast, held level",
            HELD_LEVEL,
            "percentunit",
            forecast(
                &report::MEMORY_HELD,
                Bound::Expected,
                &series::MEMORY_ALLOCATABLE,
            ),
        ),
        of_all(draft(
            "Probability of a high level",
            "Probability that a level above the threshold for high is held for --for within the \
             horizon. Requires the agent's report in Prometheus.",
            "percentunit",
            vec![(
                format!(
                    "max by ({}, {}) ({})",
                    label::NODE,
                    label::RESOURCE,
                    own(&report::EXCEEDS_HIGH)
                ),
                "{{node}} {{resource}}",
            )],
        )),
        one(
            "Severity of recommendations",
            "0 none, 1 info, 2 warning, 3 critical. Requires the agent's report in Prometheus.",
            "short",
            by_node(&report::NODE_SEVERITY),
        ),
        draft(
            "Exporters up",
            "Exporters that Prometheus can scrape, and all of its targets.",
            "short",
            vec![
                (format!("sum(up{{job=\"{EXPORTER_APP}\"}})"), "up"),
                (format!("count(up{{job=\"{EXPORTER_APP}\"}})"), "targets"),
            ],
        ),
        of_all(draft(
            "Successful scrapes by endpoint",
            "Share of nodes whose last scrape of the endpoint succeeded.",
            "percentunit",
            by_endpoint("avg", &series::UP),
        )),
        draft(
            "Scrape errors",
            "Failed scrapes, and lines or samples that were left out, by reason.",
            "ops",
            vec![(
                format!(
                    "sum by ({node}, {reason}) (rate({}[$__rate_interval]))",
                    own(&series::SCRAPE_ERRORS),
                    node = label::NODE,
                    reason = label::REASON
                ),
                "{{node}} {{reason}}",
            )],
        ),
        draft(
            "Scrape duration",
            "Last scrape of each endpoint, of the slowest node.",
            "s",
            by_endpoint("max", &series::SCRAPE_DURATION),
        ),
    ]
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn panel(index: usize, draft: &Draft) -> Value {
    const COLUMNS: usize = 3;
    const WIDTH: usize = 24 / COLUMNS;
    const HEIGHT: usize = 8;
    let mut defaults = json!({
        "unit": draft.unit,
        "min": 0,
        "custom": {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"},
    });
    if let Some(max) = draft.max {
        defaults["max"] = max.into();
    }
    let targets = draft.queries.iter().zip('A'..).map(|((expr, legend), id)| {
        json!({"expr": expr, "legendFormat": legend, "refId": id, "datasource": datasource()})
    });
    json!({
        "id": index + 1,
        "type": "timeseries",
        "title": draft.title,
        "description": draft.description,
        "datasource": datasource(),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": {
            "x": index % COLUMNS * WIDTH,
            "y": index / COLUMNS * HEIGHT,
            "w": WIDTH,
            "h": HEIGHT,
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// The dashboard.
pub fn dashboard() -> Value {
    let all_nodes = format!("label_values({}, {})", series::CPU_USAGE.name, label::NODE);
    let panels = drafts();
    let panels = panels.iter().enumerate();
    json!({
        "title": "Binbots: nodes",
        "description": "Generated by manifestgen (manifestgen/src/objects/dashboard.rs); \
                        `just generate` overwrites this file.",
        "uid": UID,
        "tags": ["binbots", "kubernetes", "nodes"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "refresh": "1m",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {
                "name": "datasource", "label": "Data source", "type": "datasource",
                "query": "prometheus", "current": {}, "hide": 0, "refresh": 1,
                "regex": "", "multi": false, "includeAll": false, "options": [],
            },
            {
                "name": "node", "label": "Node", "type": "query",
                "datasource": datasource(),
                "query": {"query": all_nodes, "refId": "node"},
                "definition": all_nodes,
                "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
                "multi": true, "includeAll": true, "allValue": ".*",
                "refresh": 2, "regex": "", "sort": 1, "hide": 0, "options": [],
            },
        ]},
        "panels": panels.map(|(index, draft)| panel(index, draft)).collect::<Vec<_>>(),
    })
}

/// The dashboard's file.
pub fn json() -> String {
    format!("{:#}\n", dashboard())
}

/// The ConfigMap.
pub(super) fn config_map(b: &Builder<'_>, content: &str) -> Result<ConfigMap, Problem> {
    let values = b.values;
    b.only_if(Condition::all([
        value!(values.grafana_dashboard.enabled).is_set(),
        is_scraped(values),
    ]));
    // The sidecar reads the folder from an annotation; a label would be ignored.
    let folder = value!(values.grafana_dashboard.folder);
    let has_folder = folder.is_set();
    let folder = labels([("grafana_dashboard_folder", &b.text(folder))]);
    Ok(ConfigMap {
        metadata: ObjectMeta {
            namespace: Some(namespace(b)),
            annotations: b.comment(
                "Grafana's sidecar reads the folder from an annotation.",
                b.when(&has_folder, folder),
            ),
            ..labelled(
                b,
                Component::Monitoring,
                value!(values.grafana_dashboard.config_map_name),
                labels([("grafana_dashboard", "1")]),
                vec![value!(values.grafana_dashboard.labels)],
            )
        },
        data: Some(labels([(FILE, &b.file(CHART_PATH, content))])),
        ..ConfigMap::default()
    })
}
