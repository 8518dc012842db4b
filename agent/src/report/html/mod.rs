//! The report as one HTML page that needs nothing else: no script, no font, no
//! picture from elsewhere. Light and dark, on a telephone, a screen and paper.
//!
//! In scope: which words and drawings the page has. How it looks is in
//! `templates/`: `report.html`, `style.css`. The template escapes every text.

mod axis;
mod bar;
mod chart;
mod path;
mod spread;

use askama::Template;

use super::summary::{counts, time_to_limit};
use super::text::printable;
use super::{CandidateReport, NodeReport, Report, ResourceReport};
use crate::hysteresis::Verdict;
use crate::recommend::{Action, Reason, Resource, Severity, interval, percent};
use axis::moment;
use bar::Bar;
use chart::{Chart, chart};
use spread::{Spread, spreads};

/// Most points of one series that are drawn.
const MOST_POINTS: usize = 240;

/// Fewest, however many nodes there are.
const FEWEST_POINTS: usize = 48;

/// Points that all drawings share: what keeps the page of a large fleet a few
/// megabytes.
const ALL_POINTS: usize = 120_000;

/// Nodes whose details are open from the start, if they are in trouble.
const MOST_OPEN: usize = 12;

/// Nodes that are seen at once; the others are a click away.
const MOST_SEEN: usize = 40;

/// The report as an HTML page.
pub fn render(report: &Report) -> String {
    let mut page = Page::new(report)
        .render()
        .expect("writing to memory cannot fail");
    page.push('\n');
    page
}

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page {
    headline: String,
    made: String,
    window: String,
    version: &'static str,
    coverage: Option<String>,
    thresholds: [String; 2],
    tiles: Vec<Tile>,
    spreads: Vec<Spread>,
    scale: bar::Scale,
    nodes: Vec<Node>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

struct Tile {
    count: usize,
    state: &'static str,
    label: &'static str,
    /// What that means.
    hint: String,
}

struct Node {
    /// Anchor of its details.
    id: String,
    name: String,
    state: &'static str,
    label: &'static str,
    /// What to do, unless there is nothing to do.
    advice: Option<&'static str>,
    was: Option<&'static str>,
    is_open: bool,
    limit: Option<String>,
    resources: Vec<Panel>,
}

struct Panel {
    name: &'static str,
    state: &'static str,
    message: String,
    /// Why there is no bar, in a word or two.
    short: &'static str,
    bar: Option<Bar>,
    chart: Option<Chart>,
    evidence: Vec<String>,
    candidates: Vec<Candidate>,
}

struct Candidate {
    model: &'static str,
    is_chosen: bool,
    outcome: String,
}

impl Page {
    fn new(report: &Report) -> Self {
        let window = &report.window;
        let share = ALL_POINTS / (2 * report.nodes.len().max(1));
        let most = share.clamp(FEWEST_POINTS, MOST_POINTS);
        let bars_to = bar::extent(report);
        let node = |(index, node)| Node::new(report, index, node, most, bars_to);
        let printable = |notes: &[String]| notes.iter().map(|note| printable(note)).collect();
        Self {
            headline: headline(report),
            made: moment(report.generated_at),
            window: format!(
                "Forecast for the {} after {}, from the {} before at one point every {}.",
                interval(window.horizon_seconds),
                moment(window.end),
                interval(window.end.since(window.start) as u64),
                interval(window.step_seconds)
            ),
            version: report.program_version,
            coverage: coverage(report).map(percent),
            thresholds: [report.thresholds.high, report.thresholds.low].map(percent),
            tiles: tiles(report),
            spreads: spreads(report),
            scale: bar::Scale::new(report, bars_to),
            nodes: report.nodes.iter().enumerate().map(node).collect(),
            errors: printable(&report.errors),
            warnings: printable(&report.warnings),
        }
    }

    /// The nodes that are seen at once, and the others.
    fn nodes(&self) -> (&[Node], &[Node]) {
        self.nodes.split_at(self.nodes.len().min(MOST_SEEN))
    }
}

impl Node {
    fn new(report: &Report, index: usize, node: &NodeReport, most: usize, bars_to: f64) -> Self {
        let name = printable(&node.node);
        let limits = node.resources.iter().filter_map(|resource| {
            let seconds = resource.forecast.as_ref()?.seconds_to_limit?;
            Some((seconds, time_to_limit(resource)?))
        });
        let panel = |resource: &ResourceReport| Panel {
            name: chart::name(resource.resource),
            state: resource.recommendation.verdict().state(),
            message: printable(&resource.recommendation.message),
            short: match resource.recommendation.reason {
                Some(Reason::NoData) => "no data",
                Some(Reason::Stale) => "no recent data",
                Some(Reason::NotEnoughPoints) => "too few points",
                Some(Reason::NoAllocatable) => "allocatable unknown",
                None => "unknown",
            },
            bar: Bar::new(resource, bars_to),
            chart: chart(report, &name, resource, most),
            evidence: resource
                .evidence
                .iter()
                .map(|fact| printable(fact))
                .collect(),
            candidates: candidates(resource),
        };
        Self {
            id: format!("node-{index}"),
            state: node.verdict().state(),
            label: label(node.verdict().state()),
            advice: (node.action != Action::None).then(|| node.action.label()),
            was: node.changed_from.map(Verdict::state),
            is_open: node.severity >= Severity::Warning && index < MOST_OPEN,
            limit: limits.min().map(|(_, text)| text),
            resources: node.resources.iter().map(panel).collect(),
            name,
        }
    }
}

/// What matters most, in a few words.
fn headline(report: &Report) -> String {
    let all = report.nodes.len();
    let of = |count: usize| match (count, all) {
        (1, 1) => "The node".to_owned(),
        (count, all) if count == all => format!("All {all} nodes"),
        (count, all) => format!("{count} of {all} nodes"),
    };
    let [critical, warning, consolidate, healthy, unknown] = counts(report).map(|(count, _)| count);
    let horizon = interval(report.window.horizon_seconds);
    if critical > 0 {
        let verb = if critical == 1 { "runs" } else { "run" };
        format!(
            "{} {verb} out of {} within {horizon}",
            of(critical),
            scarce(report)
        )
    } else if warning > 0 {
        format!("{} may run short within {horizon}", of(warning))
    } else if consolidate > 0 {
        format!("{} could go", of(consolidate))
    } else if healthy > 0 {
        let verb = if healthy == 1 { "is" } else { "are" };
        format!("{} {verb} healthy", of(healthy))
    } else if unknown > 0 {
        match all {
            1 => "The node cannot be judged yet".to_owned(),
            all => format!("None of {all} nodes can be judged yet"),
        }
    } else {
        "No nodes".to_owned()
    }
}

/// What the nodes that run out run out of.
fn scarce(report: &Report) -> &'static str {
    let runs_out = |resource: &Resource| {
        let mut resources = report.nodes.iter().flat_map(|node| &node.resources);
        resources
            .any(|r| r.resource == *resource && r.recommendation.severity == Severity::Critical)
    };
    match Resource::ALL.map(|resource| runs_out(&resource)) {
        [true, true] => "CPU or memory",
        [true, false] => "CPU",
        _ => "memory",
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    let [high, low] = [report.thresholds.high, report.thresholds.low].map(percent);
    let kinds = [
        ("critical", "forecast reaches the limit".to_owned()),
        ("warning", format!("may pass {high}")),
        ("info", format!("under {low} on average")),
        ("healthy", "nothing to do".to_owned()),
        ("unknown", "too little is known".to_owned()),
    ];
    let tile = |((count, _), (state, hint))| Tile {
        count,
        state,
        label: label(state),
        hint,
    };
    counts(report).into_iter().zip(kinds).map(tile).collect()
}

/// A state as a heading has it.
fn label(state: &str) -> &'static str {
    match state {
        "critical" => "Critical",
        "warning" => "Warning",
        "info" => "Could go",
        "healthy" => "Healthy",
        _ => "Unknown",
    }
}

fn candidates(resource: &ResourceReport) -> Vec<Candidate> {
    let candidate = |candidate: &CandidateReport| Candidate {
        model: candidate.model,
        is_chosen: resource.model == Some(candidate.model),
        outcome: match (candidate.mase, &candidate.left_out) {
            (Some(mase), _) => format!("MASE {mase:.2}"),
            (None, Some(why)) => format!("left out: {why}"),
            (None, None) => String::new(),
        },
    };
    resource.candidates.iter().map(candidate).collect()
}

/// The share that intervals are meant to hold, if there are any.
fn coverage(report: &Report) -> Option<f64> {
    let mut resources = report.nodes.iter().flat_map(|node| &node.resources);
    resources.find_map(|resource| Some(resource.forecast.as_ref()?.coverage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::{HOSTILE, report, report_of};

    #[test]
    fn the_headline_says_what_matters_most() {
        let said = |names: &[&str]| headline(&report_of(names));
        for (names, text) in [
            (
                &["busy", HOSTILE, "idle", "calm"][..],
                "1 of 4 nodes runs out of memory within 30m",
            ),
            (&[HOSTILE, "idle"], "1 of 2 nodes may run short within 30m"),
            (&["idle", "calm"], "1 of 2 nodes could go"),
            (&["calm"], "The node is healthy"),
            (&["calm", "young"], "1 of 2 nodes is healthy"),
            (&["young", "gone"], "None of 2 nodes can be judged yet"),
            (&[], "No nodes"),
        ] {
            assert_eq!(said(names), text);
        }
    }

    #[test]
    fn trouble_is_open_and_the_rest_a_click_away() {
        let html = render(&report());
        assert_eq!(html.matches("<details class=\"node").count(), 7);
        for state in ["critical", "warning"] {
            let open = format!("<details class=\"node {state}\" open=\"\">");
            assert_eq!(html.matches(&open).count(), 1, "{state}");
        }
        assert_eq!(html.matches(" open=\"\"").count(), 2);

        let mut large = report();
        large.nodes = vec![large.nodes[3].clone(); MOST_SEEN + 5];
        let html = render(&large);
        assert_eq!(html.matches("<summary>5 more nodes</summary>").count(), 2);
        assert_eq!(html.matches("<details class=\"node").count(), MOST_SEEN + 5);
    }

    #[test]
    fn text_from_outside_is_escaped_and_has_no_control_codes() {
        let html = render(&report());
        assert!(!html.contains("<b onclick"), "a name became an element");
        assert!(!html.contains("<i>slow"), "a warning became an element");
        let escaped = "=1|&#60;b onclick=&#34;x&#34;&#62;&#38;`\\n[31m,&#39;*_{}";
        assert!(html.contains(escaped), "{html}");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn what_is_missing_is_told_at_the_top() {
        let html = render(&report());
        let place = |text: &str| html.find(text).expect(text);
        assert!(place("node gone: no memory samples") < place("id=\"fleet\""));
        let mut complete = report();
        complete.errors.clear();
        assert!(!render(&complete).contains("incomplete"));
    }

    #[test]
    fn a_report_without_nodes_is_a_page_all_the_same() {
        let html = render(&report_of(&[]));
        assert!(html.contains("<h1>No nodes</h1>"));
        assert!(!html.contains("id=\"fleet\""));
    }
}
