//! The report for people at a terminal: a summary, then a table of each node's
//! resources, worst node first, and below each finding why it is one. Within 80
//! columns, but for names that are longer.

use std::fmt::{self, Write};

use super::summary::{candidates, now, summary, time_to_limit};
use crate::style::Style;
use ::text::printable;
use analysis::report::{NodeReport, Report, ResourceReport};
use contract::{Action, Severity};
use quantity::{interval, percent};

/// Where lines are broken.
const COLUMNS: usize = 80;

/// Numbers of one resource, as shares of allocatable where they are not sizes.
const HEADER: [&str; 7] = [
    "now",
    "mean",
    "max",
    "upper",
    "allocatable",
    "limit in",
    "points",
];

/// Width of the first column: a resource, within its node.
const RESOURCE: usize = 6;

/// How far the reasons below a resource are moved in.
const REASONS: usize = 4;

/// The report as plain text with a final newline.
pub(crate) fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let widths = widths(report);
    let page = Page { style, widths };
    page.write(report, &mut out)
        .expect("writing to memory cannot fail");
    out
}

/// The cells of a resource whose share of allocatable is known.
fn cells(report: &ResourceReport) -> Option<[String; 7]> {
    let forecast = report.forecast.as_ref()?;
    let allocatable = report.allocatable?;
    let share = |amount: f64| percent(amount / allocatable);
    Some([
        now(report, share).unwrap_or("-".to_owned()),
        share(forecast.mean),
        share(forecast.max),
        share(forecast.upper),
        report.resource.display(allocatable),
        time_to_limit(report).unwrap_or("-".to_owned()),
        format!("{}/{}", report.points, report.points_expected),
    ])
}

fn widths(report: &Report) -> [usize; 7] {
    let mut widths = HEADER.map(str::len);
    let resources = report.nodes.iter().flat_map(|node| &node.resources);
    for cells in resources.filter_map(cells) {
        for (width, cell) in widths.iter_mut().zip(&cells) {
            *width = cell.len().max(*width);
        }
    }
    widths
}

struct Page {
    style: Style,
    widths: [usize; 7],
}

impl Page {
    fn write(&self, report: &Report, out: &mut String) -> fmt::Result {
        let window = &report.window;
        let mut headline = String::new();
        wrap(&mut headline, 0, 0, &format!("{}.", summary(report)))?;
        writeln!(out, "{}", self.paint(BOLD, headline.trim_end()))?;
        wrap(
            out,
            0,
            0,
            &format!(
                "Forecast for the {} after {}, from the {} before at one point every {}.",
                interval(window.horizon_seconds),
                window.end,
                interval(window.end.since(window.start) as u64),
                interval(window.step_seconds)
            ),
        )?;
        if let Some(coverage) = coverage(report) {
            wrap(
                out,
                0,
                0,
                &format!(
                    "Shares are of allocatable. Upper is the end of the {} interval; a limit in brackets is reached only there.",
                    percent(coverage)
                ),
            )?;
            let header = HEADER.map(str::to_uppercase);
            writeln!(out, "\n{}", self.paint(DIM, &self.row("", &header)))?;
        }
        for node in &report.nodes {
            self.write_node(node, out)?;
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

    /// The outcome, who could go, and of those that are called to be consolidated who
    /// cannot; the JSON form has the others.
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
            let line = format!("{} stays: {}", node.node, node.message());
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
            self.paint(color(state), &format!("{state:<8}")),
            self.paint(BOLD, &name)
        )?;
        match node.action {
            Action::None | Action::InsufficientData => {}
            action => write!(out, ": {}", action.label())?,
        }
        if let Some(before) = node.changed_from {
            write!(out, " (was {})", before.state())?;
        }
        out.push('\n');
        for resource in &node.resources {
            self.write_resource(resource, out)?;
        }
        Ok(())
    }

    fn write_resource(&self, report: &ResourceReport, out: &mut String) -> fmt::Result {
        let label = report.resource.label();
        match cells(report) {
            Some(cells) => {
                let row = self.row(label, &cells);
                writeln!(out, "{}", self.paint(color_of(report), &row))?;
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
            // What can go is not urgent: what decided is enough.
            Severity::Info => 1,
            Severity::None => 0,
        };
        for fact in report.evidence.iter().take(shown) {
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

fn color(state: &str) -> &'static str {
    match state {
        "critical" => "1;31",
        "warning" => "33",
        "info" => "36",
        "healthy" => "32",
        _ => DIM,
    }
}

/// Of findings only: the eye looks for them.
fn color_of(report: &ResourceReport) -> &'static str {
    let recommendation = &report.recommendation;
    match recommendation.action {
        Action::None => "",
        _ => color(recommendation.verdict().state()),
    }
}

/// The share that intervals are meant to hold, if there are any.
fn coverage(report: &Report) -> Option<f64> {
    let mut resources = report.nodes.iter().flat_map(|node| &node.resources);
    resources.find_map(|resource| Some(resource.forecast.as_ref()?.coverage))
}

/// Writes words on lines of [`COLUMNS`], the first moved in by `first` columns and
/// the others by `others`. Where a line is begun, it is continued.
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
    fn the_worst_comes_first_in_aligned_columns_and_with_its_reasons() {
        insta::assert_snapshot!(render(&report(), Style::default()), @r#"
        7 nodes: 1 critical, 1 to scale up, 1 to consolidate, 1 healthy, 3 unknown; the
        report is incomplete.
        Forecast for the 30m after 2026-11-22T07:13:00Z, from the 2h before at one point
        every 5m.
        Shares are of allocatable. Upper is the end of the 80% interval; a limit in
        brackets is reached only there.

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

        unknown   gone
          cpu     no sample since 2026-11-22T05:23:20Z: the node has gone, or is no
                  longer measured; 4 of 25 points
          memory  no samples in the last 2h; 0 of 25 points

        unknown   sizeless
          cpu     no recommendation, since allocatable is unknown; 25 of 25 points
          memory  no recommendation, since allocatable is unknown; 25 of 25 points

        unknown   young
          cpu     not enough points (4); 4 of 25 points
          memory  not enough points (4); 4 of 25 points

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
    fn explaining_names_every_model_and_its_error() {
        let explain = Style {
            explain: true,
            color: false,
        };
        insta::assert_snapshot!(render(&report_of(&["calm"]), explain), @r#"
        1 node: 1 healthy; the report is incomplete.
        Forecast for the 30m after 2026-11-22T07:13:00Z, from the 2h before at one point
        every 5m.
        Shares are of allocatable. Upper is the end of the 80% interval; a limit in
        brackets is reached only there.

                  NOW  MEAN  MAX  UPPER  ALLOCATABLE  LIMIT IN  POINTS

        healthy   calm
          cpu     50%   50%  50%    55%   4.00 cores         -   25/25
            decided by 2.00 cores
            25 of 25 expected points
            considered: theil_sen (MASE 0.50, chosen), last_value (MASE 1.25), mean
              (left out: only for fewer than 20 points)
          memory  50%   50%  50%    55%     8.00 GiB         -   25/25
            decided by 4.00 GiB
            25 of 25 expected points
            considered: theil_sen (MASE 0.50, chosen), last_value (MASE 1.25), mean
              (left out: only for fewer than 20 points)

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
    fn colours_change_nothing_but_colours() {
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
    fn no_line_is_longer_than_80_columns_and_no_name_controls_the_terminal() {
        let report = report();
        for explain in [true, false] {
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
    }
}
