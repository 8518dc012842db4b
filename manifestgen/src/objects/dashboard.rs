//! The Grafana dashboard, and the ConfigMap from which Grafana's sidecar loads it.
//!
//! The same JSON is imported by hand: it asks for its data source through a
//! variable, not through an input of the import form.

use contract::{Bound, Series, label, report, series};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
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
/// What dashboards and links know it by.
pub const UID: &str = "binbots-nodes";

/// A dashboard, as far as ours needs it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    title: &'static str,
    description: &'static str,
    uid: &'static str,
    tags: Vec<&'static str>,
    schema_version: u32,
    version: u32,
    editable: bool,
    refresh: &'static str,
    timezone: &'static str,
    time: Value,
    templating: Templating,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
}

#[derive(Debug, Clone, Serialize)]
struct Templating {
    list: Vec<Value>,
}

/// A panel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    /// Number, each once.
    pub id: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    datasource: Value,
    field_config: Value,
    grid_pos: Position,
    options: Value,
    /// What it asks.
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, Serialize)]
struct Position {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

/// A query.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// PromQL.
    pub expr: String,
    legend_format: String,
    ref_id: String,
    datasource: Value,
}

/// A panel before it has its place.
struct Draft {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    max: Option<f64>,
    queries: Vec<(String, &'static str)>,
}

const NODE: &str = "{{node}}";

/// A series of the chosen nodes; pods that replaced each other count once.
fn by_node(series: &Series) -> String {
    format!(
        "max by ({n}) ({}{{{n}=~\"$node\"}})",
        series.name,
        n = label::NODE
    )
}

fn drafts() -> Vec<Draft> {
    let one = |title, description, unit, expr: String| Draft {
        title,
        description,
        unit,
        max: None,
        queries: vec![(expr, NODE)],
    };
    let share = |usage, allocatable| format!("{} / {}", by_node(usage), by_node(allocatable));
    let rest = |allocatable, usage| format!("{} - {}", by_node(allocatable), by_node(usage));
    let ahead = |usage: &Series| {
        format!(
            "clamp_min(max by ({n}) (predict_linear({}{{{n}=~\"$node\"}}[2h], 1800)), 0)",
            usage.name,
            n = label::NODE
        )
    };
    let forecast = |upper: &Series, allocatable| {
        format!(
            "max by ({n}) ({}{{{n}=~\"$node\",{}=\"{}\"}}) / {}",
            upper.name,
            label::BOUND,
            Bound::Upper.name(),
            by_node(allocatable),
            n = label::NODE
        )
    };
    let own = |series: &Series| format!("{}{{{}=~\"$node\"}}", series.name, label::NODE);
    vec![
        one(
            "CPU used by node",
            "Cores, as a rate over the node's two newest samples.",
            "short",
            by_node(&series::CPU_USAGE),
        ),
        one(
            "Memory used by node",
            "Working set.",
            "bytes",
            by_node(&series::MEMORY_USAGE),
        ),
        one(
            "Active pods by node",
            "Pods that are neither Succeeded nor Failed.",
            "short",
            by_node(&series::ACTIVE_PODS),
        ),
        Draft {
            max: Some(1.0),
            ..one(
                "CPU used of allocatable",
                "Above 80% the agent recommends more room.",
                "percentunit",
                share(&series::CPU_USAGE, &series::CPU_ALLOCATABLE),
            )
        },
        Draft {
            max: Some(1.0),
            ..one(
                "Memory used of allocatable",
                "Above 80% the agent recommends more room.",
                "percentunit",
                share(&series::MEMORY_USAGE, &series::MEMORY_ALLOCATABLE),
            )
        },
        one(
            "Pods of allocatable",
            "A node has room for so many pods, whatever they use.",
            "percentunit",
            share(&series::ACTIVE_PODS, &series::PODS_ALLOCATABLE),
        ),
        one(
            "CPU headroom",
            "Allocatable cores that are not used.",
            "short",
            rest(&series::CPU_ALLOCATABLE, &series::CPU_USAGE),
        ),
        one(
            "Memory headroom",
            "Allocatable bytes that are not used.",
            "bytes",
            rest(&series::MEMORY_ALLOCATABLE, &series::MEMORY_USAGE),
        ),
        one(
            "CPU in 30 minutes",
            "A straight line through the last two hours, read 30 minutes ahead.",
            "short",
            ahead(&series::CPU_USAGE),
        ),
        one(
            "Memory in 30 minutes",
            "A straight line through the last two hours, read 30 minutes ahead.",
            "bytes",
            ahead(&series::MEMORY_USAGE),
        ),
        one(
            "CPU expected at most",
            "Upper end of the agent's forecast, of allocatable; needs its report in Prometheus: \
             agent.mode deployment, or a Pushgateway.",
            "percentunit",
            forecast(&report::CPU_MAX, &series::CPU_ALLOCATABLE),
        ),
        one(
            "Memory expected at most",
            "Upper end of the agent's forecast, of allocatable; needs its report in Prometheus: \
             agent.mode deployment, or a Pushgateway.",
            "percentunit",
            forecast(&report::MEMORY_MAX, &series::MEMORY_ALLOCATABLE),
        ),
        one(
            "Severity of the recommendation",
            "0 none, 1 info, 2 warning, 3 critical; needs the agent's report in Prometheus.",
            "short",
            by_node(&report::NODE_SEVERITY),
        ),
        Draft {
            title: "Exporters that answer",
            description: "Targets of Prometheus, and how many of them are up.",
            unit: "short",
            max: None,
            queries: vec![
                (format!("sum(up{{job=\"{EXPORTER_APP}\"}})"), "up"),
                (format!("count(up{{job=\"{EXPORTER_APP}\"}})"), "targets"),
            ],
        },
        Draft {
            title: "Scrapes by endpoint",
            description: "Share of nodes whose last scrape of the endpoint succeeded.",
            unit: "percentunit",
            max: Some(1.0),
            queries: vec![(
                format!("avg by ({}) ({})", label::ENDPOINT, own(&series::UP)),
                "{{endpoint}}",
            )],
        },
        Draft {
            title: "Scrape errors",
            description: "Failed scrapes, and lines or samples left out, by reason.",
            unit: "ops",
            max: None,
            queries: vec![(
                format!(
                    "sum by ({node}, {reason}) (rate({}[$__rate_interval]))",
                    own(&series::SCRAPE_ERRORS),
                    node = label::NODE,
                    reason = label::REASON
                ),
                "{{node}} {{reason}}",
            )],
        },
        Draft {
            title: "Duration of a scrape",
            description: "The slowest node's last scrape of each endpoint.",
            unit: "s",
            max: None,
            queries: vec![(
                format!(
                    "max by ({}) ({})",
                    label::ENDPOINT,
                    own(&series::SCRAPE_DURATION)
                ),
                "{{endpoint}}",
            )],
        },
    ]
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn panel(index: u32, draft: Draft) -> Panel {
    const COLUMNS: u32 = 3;
    const WIDTH: u32 = 24 / COLUMNS;
    const HEIGHT: u32 = 8;
    let mut defaults = json!({
        "unit": draft.unit,
        "min": 0,
        "custom": {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"},
    });
    if let Some(max) = draft.max {
        defaults["max"] = max.into();
    }
    Panel {
        id: index + 1,
        kind: "timeseries",
        title: draft.title,
        description: draft.description,
        datasource: datasource(),
        field_config: json!({"defaults": defaults, "overrides": []}),
        grid_pos: Position {
            x: index % COLUMNS * WIDTH,
            y: index / COLUMNS * HEIGHT,
            w: WIDTH,
            h: HEIGHT,
        },
        options: json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        targets: draft
            .queries
            .into_iter()
            .zip('A'..)
            .map(|((expr, legend), id)| Target {
                expr,
                legend_format: legend.to_owned(),
                ref_id: id.to_string(),
                datasource: datasource(),
            })
            .collect(),
    }
}

/// The dashboard.
pub fn dashboard() -> Dashboard {
    let all_nodes = format!("label_values({}, {})", series::CPU_USAGE.name, label::NODE);
    Dashboard {
        title: "Binbots: nodes",
        description: "Generated by manifestgen (manifestgen/src/objects/dashboard.rs); \
                      `just generate` writes it again.",
        uid: UID,
        tags: vec!["binbots", "kubernetes", "nodes"],
        schema_version: 39,
        version: 1,
        editable: true,
        refresh: "1m",
        timezone: "browser",
        time: json!({"from": "now-6h", "to": "now"}),
        templating: Templating {
            list: vec![
                json!({
                    "name": "datasource", "label": "Data source", "type": "datasource",
                    "query": "prometheus", "current": {}, "hide": 0, "refresh": 1,
                    "regex": "", "multi": false, "includeAll": false, "options": [],
                }),
                json!({
                    "name": "node", "label": "Node", "type": "query",
                    "datasource": datasource(),
                    "query": {"query": all_nodes, "refId": "node"},
                    "definition": all_nodes,
                    "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
                    "multi": true, "includeAll": true, "allValue": ".*",
                    "refresh": 2, "regex": "", "sort": 1, "hide": 0, "options": [],
                }),
            ],
        },
        panels: (0..).zip(drafts()).map(|(i, d)| panel(i, d)).collect(),
    }
}

/// The dashboard's file.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&serde_json::to_value(dashboard())?)? + "\n")
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
