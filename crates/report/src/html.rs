//! The report as one self-contained HTML page: no script, font or picture from elsewhere. Light and
//! dark, for phones, screens and paper.
//!
//! In scope: the texts and drawings of the page. Its layout is in `templates/`: `report.html`,
//! `style.css`. The template escapes every text.
//!
//! Invariant: foreign text is no markup (held by `foreign_text_is_escaped`).
//!
//! Invariant: the page is readable at every width, light and dark, and fetches nothing (held
//! by `html_is_readable_at_every_width` and `a_thousand_nodes_fit_one_page`, agent: Chromium).

mod axis;
mod bar;
mod chart;
mod node;
mod path;
mod plan;
mod spread;

use std::io;
use std::ops::Range;

use askama::Template;

use super::summary::{counts, coverage, forecast_of, gone, upper_level};
use ::text::printable;
use analysis::recommend::Resource;
use analysis::report::Report;
use axis::date_and_time;
use contract::{Severity, State};
use node::{Details, Row, label};
use plan::Plan;
use quantity::{interval, percent};
use spread::{Spread, spreads};

/// The maximum number of points drawn of one series.
const MOST_POINTS: usize = 240;

/// The minimum, however many nodes there are.
const FEWEST_POINTS: usize = 48;

/// The number of points that all drawings share, so that the page of a large fleet stays at a few
/// megabytes.
const ALL_POINTS: usize = 120_000;

/// The number of nodes shown unfolded.
const MOST_SEEN: usize = 40;

/// Writes the report as an HTML page, node by node, since it is large for a large fleet.
///
/// # Errors
/// The error of `out`.
pub fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    Page::new(report).write_into(out)?;
    out.write_all(b"\n")
}

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'a> {
    report: &'a Report,
    headline: String,
    /// The shard, if the report does not cover all nodes.
    shard: Option<String>,
    made: String,
    window: String,
    coverage: Option<String>,
    upper_level: Option<String>,
    thresholds: [String; 2],
    tiles: Vec<Tile>,
    spreads: Vec<Spread>,
    /// The length of bars, as a share of allocatable.
    extent: f64,
    scale: bar::Scale,
    plan: Plan,
    /// The indices of the nodes that have not gone.
    present: Vec<usize>,
    gone: Option<String>,
    /// The nodes shown unfolded, of those present.
    seen: Range<usize>,
    /// The folded nodes.
    others: Range<usize>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

struct Tile {
    count: usize,
    state: &'static str,
    label: &'static str,
    /// The meaning of the state.
    hint: String,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report) -> Self {
        let extent = bar::extent(report);
        let nodes = report.nodes.iter().enumerate();
        let present =
            Vec::from_iter(nodes.filter_map(|(index, node)| (!node.has_gone()).then_some(index)));
        let seen = present.len().min(MOST_SEEN);
        let gone = gone(report).map(|line| printable(&line));
        let printable = |notes: &[String]| notes.iter().map(|note| printable(note)).collect();
        Self {
            report,
            headline: headline(report),
            shard: report.shard.map(|part| part.shard.to_string()),
            made: date_and_time(report.generated_at),
            window: forecast_of(&report.window, date_and_time),
            coverage: coverage(report).map(percent),
            upper_level: upper_level(report).map(percent),
            thresholds: [report.thresholds.high, report.thresholds.low].map(percent),
            tiles: tiles(report),
            spreads: spreads(report),
            extent,
            scale: bar::Scale::new(report, extent),
            plan: Plan::new(report),
            seen: 0..seen,
            others: seen..present.len(),
            present,
            gone,
            errors: printable(&report.errors),
            warnings: printable(&report.warnings),
        }
    }

    fn rows(&self, nodes: &Range<usize>) -> impl Iterator<Item = Row> {
        self.present[nodes.clone()]
            .iter()
            .map(|&index| Row::new(index, &self.report.nodes[index], self.extent))
    }

    fn details(&self, nodes: &Range<usize>) -> impl Iterator<Item = Details> {
        let share = ALL_POINTS / (2 * self.report.nodes.len().max(1));
        let most = share.clamp(FEWEST_POINTS, MOST_POINTS);
        self.present[nodes.clone()]
            .iter()
            .map(move |&index| Details::new(self.report, index, &self.report.nodes[index], most))
    }
}

/// Returns the worst state in a few words.
fn headline(report: &Report) -> String {
    let all = report.present().count();
    let of = |count: usize| match (count, all) {
        (1, 1) => "The node".to_owned(),
        (count, all) if count == all => format!("All {all} nodes"),
        (count, all) => format!("{count} of {all} nodes"),
    };
    let [critical, warning, consolidate, healthy, unknown, gone] =
        counts(report).map(|(count, _)| count);
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
        format!("{} can be consolidated", of(consolidate))
    } else if healthy > 0 {
        let verb = if healthy == 1 { "is" } else { "are" };
        format!("{} {verb} healthy", of(healthy))
    } else if unknown > 0 {
        match all {
            1 => "Too little data on the node".to_owned(),
            all => format!("Too little data on all {all} nodes"),
        }
    } else if gone > 0 {
        "No node has recent samples".to_owned()
    } else {
        "No nodes".to_owned()
    }
}

/// Returns the resources that critical nodes run out of.
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
    let tile = |((count, _), &state): ((usize, _), &State)| Tile {
        count,
        state: state.name(),
        label: label(state),
        hint: match state {
            State::Critical => "forecast reaches the limit".to_owned(),
            State::Warning => format!("may exceed {high}"),
            State::Info => format!("below {low} on average"),
            State::Healthy => "nothing to do".to_owned(),
            State::Unknown => "too little data".to_owned(),
        },
    };
    let counts = counts(report).into_iter();
    counts.zip(State::ALL).map(tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{HOSTILE, report, report_of};

    fn render(report: &Report) -> String {
        let mut bytes = Vec::new();
        write(report, &mut bytes).expect("memory takes everything");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn headline_names_the_worst_state() {
        let said = |names: &[&str]| headline(&report_of(names));
        for (names, text) in [
            (
                &["busy", HOSTILE, "idle", "calm"][..],
                "1 of 4 nodes runs out of memory within 30m",
            ),
            (&[HOSTILE, "idle"], "1 of 2 nodes may run short within 30m"),
            (&["idle", "calm"], "1 of 2 nodes can be consolidated"),
            (&["calm"], "The node is healthy"),
            (&["calm", "young"], "1 of 2 nodes is healthy"),
            (&["young", "gone"], "Too little data on the node"),
            (&["gone"], "No node has recent samples"),
            (&[], "No nodes"),
        ] {
            assert_eq!(said(names), text);
        }
    }

    #[test]
    fn findings_are_open_and_the_rest_folded() {
        let html = render(&report());
        assert_eq!(
            html.matches("<details class=\"node").count(),
            6,
            "one has gone"
        );
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
    fn foreign_text_is_escaped() {
        let html = render(&report());
        assert!(!html.contains("<b onclick"), "a name became an element");
        assert!(!html.contains("<i>slow"), "a warning became an element");
        let escaped = "=1|&#60;b onclick=&#34;x&#34;&#62;&#38;`\\n[31m,&#39;*_{}";
        assert!(html.contains(escaped), "{html}");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn missing_data_is_listed_first() {
        let html = render(&report());
        let place = |text: &str| html.find(text).expect(text);
        assert!(place("node gone: no memory samples") < place("id=\"fleet\""));
        let mut complete = report();
        complete.errors.clear();
        assert!(!render(&complete).contains("incomplete"));
    }

    #[test]
    fn overview_shows_the_age_of_old_samples() {
        let html = render(&report_of(&["busy", "calm"]));
        assert_eq!(html.matches("now 75.9% (97s ago), ").count(), 1);
        assert_eq!(html.matches(">last sample 97s old</span>").count(), 1);
    }

    #[test]
    fn report_without_nodes_is_a_page() {
        let html = render(&report_of(&[]));
        assert!(html.contains("<h1>No nodes</h1>"));
        assert!(!html.contains("id=\"fleet\""));
    }
}
