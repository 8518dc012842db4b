//! The report as CSV (RFC 4180) for spreadsheets and scripts: one row for each node and resource.
//! Unknown values are empty.
//!
//! Columns keep their places; new ones are added on the right. Numbers are plain: cores, bytes,
//! seconds, shares of 1. A text that a spreadsheet would take for a formula is prefixed with an
//! apostrophe, as spreadsheets do; this changes no name that Kubernetes allows.
//!
//! Invariant: no cell is a formula (held by `cells_are_no_formulas`).

use std::fmt::{Display, Write};

use ::text::printable;
use analysis::report::{NodeReport, Report, ResourceReport};
use forecast::Model;

const HEADER: &str = "node,node_action,node_severity,resource,action,severity,reason,message,unit,points,points_expected,model,now,mean,max,upper,interval_level,allocatable,capacity,seconds_to_limit,seconds_to_limit_earliest,seconds_to_limit_latest,backtest_folds,backtest_horizon_seconds,backtest_mase,backtest_naive_mase,backtest_coverage,decided_by,decided_share,decided_line,decided_held,changed_from,removable,generated_at,window_start,window_end,horizon_seconds,sample_age_seconds,for_seconds,held,held_upper,exceeds_high";

/// Returns the report as CSV with CRLF line ends and a header.
pub fn render(report: &Report) -> String {
    let mut out = format!("{HEADER}\r\n");
    for node in &report.nodes {
        for resource in &node.resources {
            row(report, node, resource).write(&mut out);
        }
    }
    out
}

fn row(report: &Report, node: &NodeReport, resource: &ResourceReport) -> Row {
    let recommendation = &resource.recommendation;
    let forecast = resource.forecast.as_ref();
    let backtest = resource.backtest.as_ref();
    let window = &report.window;
    let mut row = Row::default();
    row.text(&node.node);
    row.text(node.action.name());
    row.text(node.severity.name());
    row.text(resource.resource.label());
    row.text(recommendation.action.name());
    row.text(recommendation.severity.name());
    row.text(recommendation.reason.map_or("", |reason| reason.name()));
    row.text(&recommendation.message);
    row.text(resource.unit);
    row.known(resource.points);
    row.known(resource.points_expected);
    row.text(resource.model.map_or("", Model::name));
    row.maybe(resource.history.last().map(|point| point.value));
    row.maybe(forecast.map(|f| f.mean));
    row.maybe(forecast.map(|f| f.max));
    row.maybe(forecast.map(|f| f.upper));
    row.maybe(forecast.map(|f| f.coverage));
    row.maybe(resource.allocatable);
    row.maybe(resource.capacity);
    row.maybe(forecast.and_then(|f| f.seconds_to_limit));
    row.maybe(forecast.and_then(|f| f.seconds_to_limit_earliest));
    row.maybe(forecast.and_then(|f| f.seconds_to_limit_latest));
    row.maybe(backtest.map(|b| b.folds));
    row.maybe(backtest.map(|b| b.horizon_seconds));
    row.maybe(backtest.map(|b| b.mase));
    row.maybe(backtest.map(|b| b.naive_mase));
    row.maybe(backtest.map(|b| b.coverage));
    let decision = recommendation.decision.as_ref();
    row.text(decision.map_or("", |d| d.measure.name()));
    row.maybe(decision.map(|d| d.share));
    row.maybe(decision.map(|d| d.line));
    row.maybe(decision.map(|d| d.held));
    row.text(
        recommendation
            .changed_from
            .map_or("", |before| before.state().name()),
    );
    row.maybe(is_removable(report, &node.node));
    row.known(report.generated_at);
    row.known(window.start);
    row.known(window.end);
    row.known(window.horizon_seconds);
    row.maybe(resource.sample_age_seconds);
    row.maybe(forecast.map(|f| f.for_seconds));
    row.maybe(forecast.map(|f| f.held));
    row.maybe(forecast.map(|f| f.held_upper));
    row.maybe(forecast.and_then(|f| f.exceeds_high));
    row
}

/// Returns `true` if the node could be removed, `None` if it was not examined.
fn is_removable(report: &Report, node: &str) -> Option<bool> {
    let fleet = &report.fleet;
    let can_go = fleet.removable.iter().any(|other| other.node == node);
    let stays = || fleet.staying.iter().any(|other| other.node == node);
    (can_go || stays()).then_some(can_go)
}

#[derive(Default)]
struct Row(Vec<String>);

impl Row {
    fn text(&mut self, text: &str) {
        let mut text = printable(text);
        if text.starts_with(['=', '+', '-', '@']) {
            text.insert(0, '\'');
        }
        if text.contains(['"', ',']) {
            text = format!("\"{}\"", text.replace('"', "\"\""));
        }
        self.0.push(text);
    }

    fn known(&mut self, value: impl Display) {
        self.0.push(value.to_string());
    }

    fn maybe(&mut self, value: Option<impl Display>) {
        self.0
            .push(value.map_or_else(String::new, |value| value.to_string()));
    }

    fn write(&self, out: &mut String) {
        let _ = write!(out, "{}\r\n", self.0.join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{HOSTILE, report, report_of};

    /// Reads RFC 4180, byte by byte and independently of the writer.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = vec![vec![String::new()]];
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let row = rows.last_mut().expect("there is one");
            let field = row.last_mut().expect("there is one");
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    field.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(String::new()),
                '\r' if !quoted => {
                    assert_eq!(chars.next(), Some('\n'), "a bare CR");
                    rows.push(vec![String::new()]);
                }
                other => field.push(other),
            }
        }
        assert_eq!(rows.pop(), Some(vec![String::new()]), "the last line ends");
        rows
    }

    #[test]
    fn every_row_has_every_column() {
        let rows = read(&render(&report()));
        assert_eq!(rows.len(), 1 + 2 * report().nodes.len());
        for row in &rows {
            assert_eq!(row.len(), rows[0].len(), "{row:?}");
        }
    }

    #[test]
    fn unknown_values_are_empty_cells() {
        let rows = read(&render(&report_of(&["busy", "young"])));
        let of = |row: usize| {
            let columns = rows[0].iter().zip(&rows[row]);
            let lines: Vec<String> = columns
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            lines.join("\n")
        };
        insta::assert_snapshot!(of(2), @r"
        node=busy
        node_action=scale_up
        node_severity=critical
        resource=memory
        action=scale_up
        severity=critical
        reason=
        message=scale up or move pods: up to 8.20 GiB
        unit=bytes
        points=25
        points_expected=25
        model=theil_sen
        now=6442450944
        mean=7820419618.133334
        max=8804682956.8
        upper=9685151252.48
        interval_level=0.8
        allocatable=8482560409.6
        capacity=9330816450.560001
        seconds_to_limit=1800
        seconds_to_limit_earliest=1200
        seconds_to_limit_latest=
        backtest_folds=3
        backtest_horizon_seconds=1800
        backtest_mase=0.5
        backtest_naive_mase=1.25
        backtest_coverage=0.75
        decided_by=held
        decided_share=1.0379746835443036
        decided_line=1
        decided_held=false
        changed_from=warning
        removable=
        generated_at=2026-11-22T07:13:03Z
        window_start=2026-11-22T05:13:00Z
        window_end=2026-11-22T07:13:00Z
        horizon_seconds=1800
        sample_age_seconds=97
        for_seconds=900
        held=8804682956.8
        held_upper=9685151252.48
        exceeds_high=0.75
        ");
        insta::assert_snapshot!(of(3), @r"
        node=young
        node_action=insufficient_data
        node_severity=none
        resource=cpu
        action=insufficient_data
        severity=none
        reason=not_enough_points
        message=not enough points (4)
        unit=cores
        points=4
        points_expected=25
        model=
        now=1
        mean=
        max=
        upper=
        interval_level=
        allocatable=4
        capacity=4.4
        seconds_to_limit=
        seconds_to_limit_earliest=
        seconds_to_limit_latest=
        backtest_folds=
        backtest_horizon_seconds=
        backtest_mase=
        backtest_naive_mase=
        backtest_coverage=
        decided_by=
        decided_share=
        decided_line=
        decided_held=
        changed_from=
        removable=
        generated_at=2026-11-22T07:13:03Z
        window_start=2026-11-22T05:13:00Z
        window_end=2026-11-22T07:13:00Z
        horizon_seconds=1800
        sample_age_seconds=
        for_seconds=
        held=
        held_upper=
        exceeds_high=
        ");
    }

    #[test]
    fn cells_are_no_formulas() {
        let rows = read(&render(&report_of(&[HOSTILE])));
        assert_eq!(rows[1][0], format!("'{}", printable(HOSTILE)));
        for start in ["=1", "+1", "-1", "@a", "\t=1", "\r\n=1"] {
            let mut row = Row::default();
            row.text(start);
            assert!(row.0[0].starts_with('\''), "{start:?}");
        }
    }
}
