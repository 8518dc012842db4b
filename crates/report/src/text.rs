//! The report as plain text for terminals: a summary, then a table of each node's resources, worst
//! node first, with the evidence below each finding. Lines fit 80 columns, except for longer names
//! and for messages that are meant to be copied.
//!
//! Invariant: every line fits 80 columns, and foreign text cannot control the terminal (held by
//! `text_fits_80_columns`).

use std::fmt::{self, Write};

use super::summary::{candidates, forecast_of, gone, now, summary, time_to_limit, upper_level};
use crate::style::Style;
use ::text::printable;
use analysis::report::{NodeReport, Report, ResourceReport};
use contract::{Action, Severity, State};
use quantity::percent;

/// The width of lines, in columns.
const COLUMNS: usize = 80;

/// The numbers of one resource; those that are no sizes are shares of allocatable.
const HEADER: [&str; 7] = [
    "now",
    "mean",
    "max",
    "upper",
    "allocatable",
    "limit in",
    "points",
];

/// The width of the first column, the name of a resource.
const RESOURCE: usize = 6;

/// The indentation of the evidence below a resource.
const REASONS: usize = 4;

/// Returns the report as plain text with a final newline.
pub(crate) fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let page = Page::new(report, style);
    page.write(report, &mut out)
        .expect("writing to memory cannot fail");
    out
}

struct Page {
    style: Style,
    widths: [usize; 7],
    /// Set if the first column names the age of samples; otherwise a line below does.
    has_ages: bool,
}

impl Page {
    /// Lays out the table: with the ages of samples if its rows fit [`COLUMNS`].
    fn new(report: &Report, style: Style) -> Self {
        let page = |has_ages| {
            let mut page = Self {
                style,
                widths: HEADER.map(str::len),
                has_ages,
            };
            let resources = report.nodes.iter().flat_map(|node| &node.resources);
            for cells in Vec::from_iter(resources.filter_map(|resource| page.cells(resource))) {
                for (width, cell) in page.widths.iter_mut().zip(&cells) {
                    *width = cell.len().max(*width);
                }
            }
            page
        };
        let with_ages = page(true);
        match with_ages.row("", &HEADER.map(str::to_owned)).len() {
            ..=COLUMNS => with_ages,
            _ => page(false),
        }
    }

    /// Returns the cells of a resource whose share of allocatable is known.
    fn cells(&self, report: &ResourceReport) -> Option<[String; 7]> {
        let forecast = report.forecast.as_ref()?;
        let allocatable = report.allocatable?;
        let share = |amount: f64| percent(amount / allocatable);
        let current = match self.has_ages {
            true => now(report, share),
            false => report.history.last().map(|newest| share(newest.value)),
        };
        Some([
            current.unwrap_or("-".to_owned()),
            share(forecast.mean),
            share(forecast.max),
            share(forecast.upper),
            report.resource.display(allocatable),
            time_to_limit(report).unwrap_or("-".to_owned()),
            format!("{}/{}", report.points, report.points_expected),
        ])
    }

    fn write(&self, report: &Report, out: &mut String) -> fmt::Result {
        let mut headline = String::new();
        wrap(&mut headline, 0, 0, &format!("{}.", summary(report)))?;
        writeln!(out, "{}", self.paint(BOLD, headline.trim_end()))?;
        let forecast = forecast_of(&report.window, |at| at.to_string());
        wrap(out, 0, 0, &forecast)?;
        if let Some(level) = upper_level(report) {
            let key = format!(
                "Percentages are of allocatable. MAX is the median of the maximum, UPPER stays above it with a probability of {}; LIMIT IN is in brackets where allocatable is reached only at the upper end.",
                percent(level)
            );
            wrap(out, 0, 0, &key)?;
            let header = HEADER.map(str::to_uppercase);
            writeln!(out, "\n{}", self.paint(DIM, &self.row("", &header)))?;
        }
        for node in report.present() {
            self.write_node(node, out)?;
        }
        if let Some(gone) = gone(report) {
            out.push('\n');
            wrap(out, 0, 2, &printable(&gone))?;
        }
        self.write_fleet(report, out)?;
        for (heading, notes) in [
            ("Missing from this report", &report.errors),
            ("Warnings", &report.warnings),
        ] {
            if !notes.is_empty() {
                writeln!(out, "\n{}", self.paint(BOLD, &format!("{heading}:")))?;
            }
            for note in notes {
                // Whole, so that it can be copied and searched for.
                writeln!(out, "  {}", printable(note))?;
            }
        }
        Ok(())
    }

    /// Writes the outcome, the removable nodes, and of the nodes to consolidate those that are not
    /// removable; JSON has the others too.
    fn write_fleet(&self, report: &Report, out: &mut String) -> fmt::Result {
        let fleet = &report.fleet;
        out.push('\n');
        wrap(out, 0, 2, &printable(&format!("{}.", fleet.headline())))?;
        for node in &fleet.removable {
            let line = format!("{}: {}", node.node, node.message());
            wrap(out, 2, 4, &printable(&line))?;
        }
        let low = |name: &str| {
            let mut nodes = report.nodes.iter();
            nodes.any(|node| node.node == name && node.action == Action::Consolidate)
        };
        for node in fleet.staying.iter().filter(|node| low(&node.node)) {
            let line = format!("{} cannot be drained: {}", node.node, node.message());
            wrap(out, 2, 4, &printable(&line))?;
        }
        if let Some(caution) = fleet.caution() {
            wrap(out, 2, 4, &caution)?;
        }
        Ok(())
    }

    fn write_node(&self, node: &NodeReport, out: &mut String) -> fmt::Result {
        let state = node.verdict().state();
        let name = printable(&node.node);
        write!(
            out,
            "\n{}  {}",
            self.paint(color(state), &format!("{:<8}", state.name())),
            self.paint(BOLD, &name)
        )?;
        match node.action {
            Action::None | Action::InsufficientData => {}
            action => write!(out, ": {}", action.label())?,
        }
        if let Some(before) = node.changed_from {
            write!(out, " (was {})", before.state().name())?;
        }
        out.push('\n');
        for resource in &node.resources {
            self.write_resource(resource, out)?;
        }
        Ok(())
    }

    fn write_resource(&self, report: &ResourceReport, out: &mut String) -> fmt::Result {
        let label = report.resource.label();
        match self.cells(report) {
            Some(cells) => {
                let row = self.row(label, &cells);
                writeln!(out, "{}", self.paint(color_of(report), &row))?;
                if let (false, Some(old)) = (self.has_ages, report.old_sample()) {
                    wrap(out, REASONS, REASONS + 2, &old)?;
                }
            }
            None => {
                let (points, expected) = (report.points, report.points_expected);
                let message = printable(&report.recommendation.message);
                write!(out, "  {label:<RESOURCE$}  ")?;
                let rest = format!("{message}; {points} of {expected} points");
                wrap(out, RESOURCE + 4, RESOURCE + 4, &rest)?;
            }
        }
        let shown = match report.recommendation.severity {
            _ if self.style.explain => usize::MAX,
            Severity::Critical | Severity::Warning => usize::MAX,
            // Not urgent: the decisive fact is enough.
            Severity::Info => 1,
            Severity::None => 0,
        };
        // Without ages in the table the age is in the line above.
        let old = report.old_sample().filter(|_| !self.has_ages);
        let is_new = |fact: &&String| Some(*fact) != old.as_ref();
        for fact in report.evidence.iter().take(shown).filter(is_new) {
            wrap(out, REASONS, REASONS + 2, &printable(fact))?;
        }
        if self.style.explain
            && let Some(considered) = candidates(report)
        {
            wrap(out, REASONS, REASONS + 2, &considered)?;
        }
        Ok(())
    }

    fn row(&self, label: &str, cells: &[String; 7]) -> String {
        let mut row = format!("  {label:<RESOURCE$}");
        for (cell, width) in cells.iter().zip(self.widths) {
            row.push_str(&format!("  {cell:>width$}"));
        }
        row
    }

    fn paint(&self, color: &str, text: &str) -> String {
        match self.style.color && !color.is_empty() {
            true => format!("\u{1b}[{color}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

// Select Graphic Rendition, ECMA-48 section 8.3.117.
const BOLD: &str = "1";
const DIM: &str = "2";

const fn color(state: State) -> &'static str {
    match state {
        State::Critical => "1;31",
        State::Warning => "33",
        State::Info => "36",
        State::Healthy => "32",
        State::Unknown => DIM,
    }
}

/// Returns the colour of a finding; other rows have none.
fn color_of(report: &ResourceReport) -> &'static str {
    let recommendation = &report.recommendation;
    match recommendation.action {
        Action::None => "",
        _ => color(recommendation.verdict().state()),
    }
}

/// Writes words on lines of [`COLUMNS`], the first indented by `first` columns and the others by
/// `others`. An unfinished line is continued.
fn wrap(out: &mut String, first: usize, others: usize, text: &str) -> fmt::Result {
    let line = out.rfind('\n').map_or(0, |at| at + 1);
    let mut column = out[line..].chars().count();
    if column == 0 {
        write!(out, "{:first$}", "")?;
        column = first;
    }
    for (index, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if index > 0 && column + 1 + width > COLUMNS {
            write!(out, "\n{:others$}", "")?;
            column = others;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{HOSTILE, report, report_of};

    #[test]
    fn worst_node_comes_first_with_evidence() {
        insta::assert_snapshot!(render(&report(), Style::default()), @r#"
        7 nodes: 1 critical, 1 to scale up, 1 to consolidate, 1 healthy, 2 unknown, 1
        gone; the report is incomplete.
        Forecast for the 30m after 2026-11-22T07:13:00Z, from the 2h before, one point
        every 5m.
        Percentages are of allocatable. MAX is the median of the maximum, UPPER stays
        above it with a probability of 90%; LIMIT IN is in brackets where allocatable is
        reached only at the upper end.

                              NOW   MEAN     MAX   UPPER  ALLOCATABLE  LIMIT IN  POINTS

        critical  busy: scale up or move pods (was warning)
          cpu                 50%  55.8%     60%     66%   4.00 cores         -   25/25
          memory  75.9% (97s ago)  92.2%  103.8%  114.2%     7.90 GiB       30m   25/25
            decided by 8.20 GiB
            25 of 25 expected points

        warning   =1|<b onclick="x">&`\n[31m,'*_{}: scale up or move pods
          cpu                 75%  82.3%   87.5%   96.3%   4.00 cores         -   25/25
            decided by 3.50 cores
            25 of 25 expected points
          memory              50%  50.7%   51.3%   56.4%     8.00 GiB         -   25/25

        info      idle: consolidate or scale down
          cpu                2.5%   3.2%    3.8%    4.1%   8.00 cores         -   25/25
            decided by 0.30 cores
          memory             6.3%   6.3%    6.3%    6.9%    16.00 GiB         -   25/25
            decided by 1.00 GiB

        healthy   calm
          cpu                 50%    50%     50%     55%   4.00 cores         -   25/25
          memory              50%    50%     50%     55%     8.00 GiB         -   25/25

        unknown   sizeless
          cpu     no recommendation, since allocatable is unknown; 25 of 25 points
          memory  no recommendation, since allocatable is unknown; 25 of 25 points

        unknown   young
          cpu     not enough points (4); 4 of 25 points
          memory  not enough points (4); 4 of 25 points

        Gone: 1 node without a sample for over 15m: gone

        Fleet: 1 of 7 nodes could be drained, one after the other: the rest has room for
          their pods, by requests and the forecast peak of the next 30m.
          idle: 10 pods would fit on calm (9), =1|<b onclick="x">&`\n[31m,'*_{} (1), not
            counting 3 DaemonSet or static pods
          Check before draining, as the series do not show it: local and zonal volumes.

        Missing from this report:
          node gone: no memory samples

        Warnings:
          cpu usage: the backend warns: <i>slow</i> | `store`
        "#);
    }

    #[test]
    fn explain_lists_all_models() {
        let explain = Style {
            explain: true,
            color: false,
        };
        insta::assert_snapshot!(render(&report_of(&["calm"]), explain), @r#"
        1 node: 1 healthy; the report is incomplete.
        Forecast for the 30m after 2026-11-22T07:13:00Z, from the 2h before, one point
        every 5m.
        Percentages are of allocatable. MAX is the median of the maximum, UPPER stays
        above it with a probability of 90%; LIMIT IN is in brackets where allocatable is
        reached only at the upper end.

                  NOW  MEAN  MAX  UPPER  ALLOCATABLE  LIMIT IN  POINTS

        healthy   calm
          cpu     50%   50%  50%    55%   4.00 cores         -   25/25
            decided by 2.00 cores
            25 of 25 expected points
            models considered: theil_sen (MASE 0.50, selected), last_value (MASE 1.25),
              mean (left out: only for fewer than 20 points)
          memory  50%   50%  50%    55%     8.00 GiB         -   25/25
            decided by 4.00 GiB
            25 of 25 expected points
            models considered: theil_sen (MASE 0.50, selected), last_value (MASE 1.25),
              mean (left out: only for fewer than 20 points)

        Fleet: 1 of 7 nodes could be drained, one after the other: the rest has room for
          their pods, by requests and the forecast peak of the next 30m.
          idle: 10 pods would fit on calm (9), =1|<b onclick="x">&`\n[31m,'*_{} (1), not
            counting 3 DaemonSet or static pods
          Check before draining, as the series do not show it: local and zonal volumes.

        Missing from this report:
          node gone: no memory samples

        Warnings:
          cpu usage: the backend warns: <i>slow</i> | `store`
        "#);
    }

    #[test]
    fn colours_change_only_colours() {
        let color = Style {
            color: true,
            explain: false,
        };
        let mut coloured = render(&report(), color);
        assert!(coloured.contains("\u{1b}[1;31mcritical\u{1b}[0m"));
        while let Some(start) = coloured.find('\u{1b}') {
            let end = coloured[start..].find('m').expect("an end") + start;
            coloured.replace_range(start..=end, "");
        }
        assert_eq!(coloured, render(&report(), Style::default()));
    }

    #[test]
    fn text_fits_80_columns() {
        for (report, explain) in [(report(), true), (report(), false), (wide(), false)] {
            let text = render(
                &report,
                Style {
                    color: false,
                    explain,
                },
            );
            for line in text.lines() {
                assert!(line.chars().count() <= COLUMNS, "{line}");
            }
            let tame = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
            assert!(text.chars().all(tame), "{text:?}");
            assert!(!text.contains(HOSTILE));
        }
        let old = wide().nodes[0].resources[0]
            .old_sample()
            .expect("it is old");
        let text = render(&wide(), Style::default());
        assert!(text.contains(&format!("\n    {old}\n")), "{text}");
    }

    /// Returns a report whose cells are as wide as they get.
    fn wide() -> Report {
        let mut report = report();
        for resource in report.nodes.iter_mut().flat_map(|node| &mut node.resources) {
            resource.sample_age_seconds = Some(750);
            (resource.points, resource.points_expected) = (11_000, 11_000);
            if let Some(forecast) = &mut resource.forecast {
                forecast.seconds_to_limit = None;
                forecast.seconds_to_limit_earliest = Some(86_399);
            }
            resource.allocatable = resource.allocatable.map(|size| size / 2.0);
        }
        report
    }
}
