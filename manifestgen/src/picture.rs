//! A picture of a Grafana dashboard, drawn from its JSON: the layout, and of each panel the
//! title, kind, unit and legend. It shows no data.

use askama::Template;
use serde_json::Value;

/// The dashboard in units of Grafana's grid, which is 24 columns wide.
#[derive(Template)]
#[template(path = "dashboard.svg", escape = "html", syntax = "go")]
struct Picture {
    title: String,
    rows: u64,
    panels: Vec<Panel>,
}

struct Panel {
    x: u64,
    y: u64,
    w: u64,
    h: u64,
    title: String,
    description: String,
    kind: String,
    unit: &'static str,
    legend: String,
}

impl Panel {
    fn of(panel: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let number = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
        let targets = panel["targets"].as_array().into_iter().flatten();
        let legends = targets.map(|target| text(&target["legendFormat"]).replace(['{', '}'], ""));
        Self {
            x: number("x"),
            y: number("y"),
            w: number("w"),
            h: number("h"),
            title: text(&panel["title"]),
            description: text(&panel["description"]),
            kind: text(&panel["type"]),
            unit: match panel["fieldConfig"]["defaults"]["unit"].as_str() {
                Some("bytes") => "bytes",
                Some("percentunit") => "%",
                Some("ops") => "per second",
                Some("s") => "seconds",
                _ => "number",
            },
            legend: legends.collect::<Vec<_>>().join(", "),
        }
    }
}

/// Returns the picture of a dashboard, as SVG for light and dark backgrounds.
///
/// # Errors
/// When the template cannot be rendered.
pub(crate) fn svg(dashboard: &Value) -> askama::Result<String> {
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    let panels: Vec<Panel> = panels.map(Panel::of).collect();
    let bottoms = panels.iter().map(|panel| panel.y + panel.h);
    Picture {
        title: dashboard["title"].as_str().unwrap_or_default().to_owned(),
        rows: bottoms.max().unwrap_or_default(),
        panels,
    }
    .render()
}
