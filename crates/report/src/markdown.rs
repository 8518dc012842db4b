//! The report as GitHub-flavoured Markdown, for comments, issues and wikis: a table of all nodes,
//! worst first, and the evidence for each finding.
//!
//! Foreign text cannot end its cell, start an element or mention a person: names are code, and
//! every character with a meaning in Markdown or HTML is written as a character reference.
//!
//! Invariant: foreign text is no markup (held by `foreign_text_is_no_markup`).

use std::fmt::{self, Write};

use super::summary::{candidates, forecast_of, gone, now, summary, time_to_limit};
use crate::style::Style;
use ::text::printable;
use analysis::recommend::Resource;
use analysis::report::{NodeReport, Report, ResourceReport};
use contract::{Action, FleetBasis, State};
use quantity::percent;

/// Returns the report as Markdown with a final newline.
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    write(report, style, &mut out).expect("writing to memory cannot fail");
    out
}

fn write(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    writeln!(out, "**{}.**", summary(report))?;
    writeln!(
        out,
        "\n{}",
        forecast_of(&report.window, |at| at.to_string())
    )?;
    if report.present().next().is_some() {
        write_table(report, out)?;
    }
    if let Some(gone) = gone(report) {
        writeln!(out, "\n{}", text(&gone))?;
    }
    if report.fleet.basis != FleetBasis::None {
        write_fleet(report, out)?;
    }
    for node in report.present() {
        if node.action != Action::None || style.explain {
            write_details(node, style, out)?;
        }
    }
    for (heading, notes) in [
        ("Missing from this report", &report.errors),
        ("Warnings", &report.warnings),
    ] {
        if !notes.is_empty() {
            writeln!(out, "\n**{heading}**\n")?;
        }
        for note in notes {
            writeln!(out, "- {}", text(note))?;
        }
    }
    Ok(())
}

fn write_table(report: &Report, out: &mut String) -> fmt::Result {
    out.push_str("\n| | Node | Action | CPU now → max | Memory now → max | Limit in |\n");
    out.push_str("|---|---|---|--:|--:|--:|\n");
    for node in report.present() {
        let column = |resource| {
            let report = node.resources.iter().find(|r| r.resource == resource);
            report.and_then(now_and_max).unwrap_or("–".to_owned())
        };
        let soonest = node
            .resources
            .iter()
            .filter(|r| {
                r.forecast
                    .as_ref()
                    .is_some_and(|f| f.seconds_to_limit.is_some())
            })
            .min_by_key(|r| r.forecast.as_ref().and_then(|f| f.seconds_to_limit));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            state(node),
            code(&node.node),
            match node.action {
                Action::None => "–",
                action => action.label(),
            },
            column(Resource::Cpu),
            column(Resource::Memory),
            soonest.and_then(time_to_limit).unwrap_or("–".to_owned())
        )?;
    }
    Ok(())
}

/// Formats `**critical** (was healthy)`.
fn state(node: &NodeReport) -> String {
    let state = match node.verdict().state() {
        state @ (State::Critical | State::Warning) => format!("**{}**", state.name()),
        state => state.name().to_owned(),
    };
    match node.changed_from {
        Some(before) => format!("{state} (was {})", before.state().name()),
        None => state,
    }
}

/// Formats `50% → 60% of 4.00 cores`.
fn now_and_max(report: &ResourceReport) -> Option<String> {
    let forecast = report.forecast.as_ref()?;
    let resource = report.resource;
    Some(match report.allocatable {
        Some(allocatable) => {
            let share = |amount| percent(amount / allocatable);
            format!(
                "{} → {} of {}",
                now(report, share)?,
                share(forecast.max),
                resource.display(allocatable)
            )
        }
        None => format!(
            "{} → {}",
            now(report, |amount| resource.display(amount))?,
            resource.display(forecast.max)
        ),
    })
}

fn write_fleet(report: &Report, out: &mut String) -> fmt::Result {
    let fleet = &report.fleet;
    writeln!(out, "\n**{}.**", text(&fleet.headline()))?;
    if !fleet.removable.is_empty() {
        out.push('\n');
    }
    for (index, step) in fleet.removable.iter().enumerate() {
        let name = code(&step.node);
        writeln!(out, "{}. {name}: {}", index + 1, text(&step.message()))?;
    }
    if !fleet.staying.is_empty() {
        out.push_str("\n<details><summary>Obstacles on other nodes</summary>\n\n");
        for step in &fleet.staying {
            writeln!(out, "- {}: {}", code(&step.node), text(&step.message()))?;
        }
        out.push_str("\n</details>\n");
    }
    if let Some(caution) = fleet.caution() {
        writeln!(out, "\n{caution}")?;
    }
    Ok(())
}

fn write_details(node: &NodeReport, style: Style, out: &mut String) -> fmt::Result {
    let name = code(&node.node);
    let state = node.verdict().state().name();
    writeln!(out, "\n<details><summary>{name}: {state}</summary>\n")?;
    for report in &node.resources {
        let resource = report.resource.label();
        let message = &report.recommendation.message;
        writeln!(out, "- **{resource}**: {}", text(message))?;
        for fact in &report.evidence {
            writeln!(out, "  - {}", text(fact))?;
        }
        if style.explain
            && let Some(considered) = candidates(report)
        {
            writeln!(out, "  - {}", text(&considered))?;
        }
    }
    out.push_str("\n</details>\n");
    Ok(())
}

/// Formats a name as code, so that nothing in it is a link or mentions a person. Plain names stay
/// readable in the source too.
fn code(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    match name.chars().all(is_plain) && !name.is_empty() {
        // Within `<summary>` Markdown is not read, so this is HTML there too.
        true => format!("<code>{name}</code>"),
        false => format!("<code>{}</code>", text(name)),
    }
}

/// Escapes a sentence so that nothing in it is markup.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).trim().chars() {
        match c {
            // At the start of a line these begin a list.
            '-' | '+' if out.is_empty() => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // These have a meaning in Markdown or HTML anywhere in a line.
            '\\' | '`' | '*' | '~' | '[' | ']' | '<' | '>' | '&' | '|' | '"' | '\'' | '@' | '#'
            | '$' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // Within a word it is a letter like others: `theil_sen`.
            '_' if !out.ends_with(|before: char| before.is_ascii_alphanumeric()) => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{HOSTILE, report, report_of};
    use pulldown_cmark::{Event, Options, Parser, Tag};

    /// Parses GitHub-flavoured Markdown.
    fn read(markdown: &str) -> Vec<Event<'_>> {
        Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_GFM).collect()
    }

    #[test]
    fn table_lists_nodes_and_details_findings() {
        let report = report_of(&["busy", "calm", "young"]);
        insta::assert_snapshot!(render(&report, Style::default()), @r"
        **3 nodes: 1 critical, 1 healthy, 1 unknown; the report is incomplete.**

        Forecast for the 30m after 2026-11-22T07:13:00Z, from the 2h before, one point every 5m.

        | | Node | Action | CPU now → max | Memory now → max | Limit in |
        |---|---|---|--:|--:|--:|
        | **critical** (was warning) | <code>busy</code> | scale up or move pods | 50% → 60% of 4.00 cores | 75.9% (97s ago) → 103.8% of 7.90 GiB | 30m |
        | healthy | <code>calm</code> | – | 50% → 50% of 4.00 cores | 50% → 50% of 8.00 GiB | – |
        | unknown | <code>young</code> | insufficient data | – | – | – |

        **Fleet: 1 of 7 nodes could be drained, one after the other: the rest has room for their pods, by requests and the forecast peak of the next 30m.**

        1. <code>idle</code>: 10 pods would fit on calm (9), =1&#124;&#60;b onclick=&#34;x&#34;&#62;&#38;&#96;&#92;n&#91;31m,&#39;&#42;&#95;{} (1), not counting 3 DaemonSet or static pods

        <details><summary>Obstacles on other nodes</summary>

        - <code>calm</code>: pods without a controller: web/=1&#124;&#60;b onclick=&#34;x&#34;&#62;&#38;&#96;&#92;n&#91;31m,&#39;&#42;&#95;{}

        </details>

        Check before draining, as the series do not show it: local and zonal volumes.

        <details><summary><code>busy</code>: critical</summary>

        - **cpu**: healthy: up to 2.40 cores
          - decided by 2.40 cores
          - 25 of 25 expected points
        - **memory**: scale up or move pods: up to 8.20 GiB
          - decided by 8.20 GiB
          - 25 of 25 expected points

        </details>

        <details><summary><code>young</code>: unknown</summary>

        - **cpu**: not enough points (4)
          - 4 of 25 expected points
        - **memory**: not enough points (4)
          - 4 of 25 expected points

        </details>

        **Missing from this report**

        - node gone: no memory samples

        **Warnings**

        - cpu usage: the backend warns: &#60;i&#62;slow&#60;/i&#62; &#124; &#96;store&#96;
        ");
    }

    #[test]
    fn explain_lists_all_models_in_markdown() {
        let explain = Style {
            explain: true,
            color: false,
        };
        let text = render(&report_of(&["calm"]), explain);
        assert!(text.contains("  - models considered: theil_sen (MASE 0.50, selected), last"));
    }

    #[test]
    fn table_rows_have_six_cells() {
        let text = render(&report(), Style::default());
        let events = read(&text);
        let starts = |tag: fn(&Tag<'_>) -> bool| {
            let is = |event: &&Event<'_>| matches!(event, Event::Start(t) if tag(t));
            events.iter().filter(is).count()
        };
        assert_eq!(starts(|t| matches!(t, Tag::Table(_))), 1);
        let rows = starts(|t| matches!(t, Tag::TableRow)) + 1;
        assert_eq!(rows, report().present().count() + 1);
        assert_eq!(starts(|t| matches!(t, Tag::TableCell)), 6 * rows);
    }

    #[test]
    fn foreign_text_is_no_markup() {
        let text = render(&report(), Style::default());
        let mut cells = String::new();
        for event in read(&text) {
            match event {
                Event::Text(words) => cells.push_str(&words),
                Event::InlineHtml(tag) => {
                    assert!(["<code>", "</code>"].contains(&&*tag), "{tag}");
                }
                Event::Html(tag) => {
                    let ours = ["<details><summary>", "</details>"];
                    assert!(ours.iter().any(|start| tag.starts_with(start)), "{tag}");
                    assert_eq!(tag.matches('<').count(), tag.matches('>').count());
                    assert!(!tag.contains("<b"), "{tag}");
                }
                Event::Code(_) | Event::Start(Tag::Link { .. } | Tag::Emphasis) => {
                    panic!("{event:?}")
                }
                _ => {}
            }
        }
        assert!(cells.contains(&printable(HOSTILE)), "{cells}");
        assert!(cells.contains("<i>slow</i> | `store`"), "{cells}");
    }
}
