//! The report for people: a summary, then each node with one line a resource.

use std::fmt::{self, Write};

use super::{Report, ResourceReport};
use crate::recommend::{Action, Severity, interval, percent};

/// The report as plain text with a final newline.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    write(report, &mut text).expect("writing to memory cannot fail");
    text
}

fn write(report: &Report, out: &mut String) -> fmt::Result {
    let window = &report.window;
    let lookback = (window.end.unix() - window.start.unix()) as u64;
    writeln!(
        out,
        "{}. Forecast for the {} after {}, from the {} before at one point every {}.",
        summary(report),
        interval(window.horizon_seconds),
        window.end,
        interval(lookback),
        interval(window.step_seconds)
    )?;
    for node in &report.nodes {
        write!(out, "\n{}: ", printable(&node.node))?;
        match node.severity {
            Severity::None => writeln!(out, "{}", node.action.label())?,
            severity => writeln!(out, "{}, {}", severity.label(), node.action.label())?,
        }
        for resource in &node.resources {
            write_resource(resource, out)?;
        }
    }
    for (heading, notes) in [
        ("Missing from this report", &report.errors),
        ("Warnings", &report.warnings),
    ] {
        if !notes.is_empty() {
            writeln!(out, "\n{heading}:")?;
        }
        for note in notes {
            writeln!(out, "  {}", printable(note))?;
        }
    }
    Ok(())
}

/// `3 nodes: 1 critical, 2 healthy`, and whether anything is missing.
pub fn summary(report: &Report) -> String {
    let count = |action, severity| {
        let is = |node: &&super::NodeReport| node.action == action && node.severity == severity;
        report.nodes.iter().filter(is).count()
    };
    let parts: Vec<String> = [
        (count(Action::ScaleUp, Severity::Critical), "critical"),
        (count(Action::ScaleUp, Severity::Warning), "to scale up"),
        (count(Action::Consolidate, Severity::Info), "to consolidate"),
        (count(Action::None, Severity::None), "healthy"),
        (
            count(Action::InsufficientData, Severity::None),
            "with insufficient data",
        ),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let nodes = match report.nodes.len() {
        0 => "No nodes".to_owned(),
        1 => "1 node".to_owned(),
        many => format!("{many} nodes"),
    };
    let missing = match report.errors.is_empty() {
        true => "",
        false => " (incomplete, see the end)",
    };
    match parts.as_slice() {
        [] => format!("{nodes}{missing}"),
        parts => format!("{nodes}: {}{missing}", parts.join(", ")),
    }
}

fn write_resource(report: &ResourceReport, out: &mut String) -> fmt::Result {
    let ResourceReport {
        resource,
        points,
        points_expected,
        recommendation,
        ..
    } = report;
    write!(out, "  {:<6}  ", resource.label())?;
    match (&report.forecast, report.allocatable) {
        (Some(forecast), Some(allocatable)) => {
            let share = |amount: f64| {
                let percent = percent(amount / allocatable);
                format!("{} ({percent})", resource.display(amount))
            };
            write!(
                out,
                "{}: max {}, mean {} of {} allocatable",
                recommendation.action.label(),
                share(forecast.max),
                share(forecast.mean),
                resource.display(allocatable)
            )?;
            if let Some(seconds) = forecast.seconds_to_limit {
                write!(out, ", reached within {}", interval(seconds))?;
            }
        }
        // Without either of them the message has all there is to say.
        _ => out.push_str(&recommendation.message),
    }
    write!(out, "; {points} of {points_expected} points")?;
    if let Some(model) = report.model {
        write!(out, ", {model}")?;
    }
    out.push('\n');
    Ok(())
}

/// Names come from a server: nothing in them moves the cursor, colours the screen
/// or turns the direction of writing.
pub fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .collect()
}
