//! The pages of names: series and error reasons of `contract`, models of `forecast`.

use std::fmt::Write as _;

use contract::{
    Action, Bound, Endpoint, FleetBasis, Kind, Reason, Series, label, report, series, service,
};
use forecast::{Model, Role};
use settings::reference::{cell, heading, text};

/// Returns the page of all series.
pub(super) fn metrics() -> String {
    let mut out = heading("Metrics", "crates/contract/src/");
    out.push_str(
        "Names and labels are stable. An unknown value is absent: it is never published \
         as 0 or NaN.\n",
    );
    let process = |series: &&&Series| series.name.starts_with("process_");
    let exporter = series::ALL.iter().filter(|series| !process(series));
    for (title, about, all) in [
        (
            "k8s-ai-exporter",
            "Served at `/metrics`.",
            exporter.collect::<Vec<_>>(),
        ),
        (
            "k8s-ai-agent: the report",
            "Written by `--format prometheus` and pushed to a Pushgateway; with `--serve` also \
             served at `/metrics`, those of the newest report.",
            report::ALL.iter().collect(),
        ),
        (
            "k8s-ai-agent: the service",
            "Served at `/metrics` with `--serve`.",
            service::ALL.iter().collect(),
        ),
        (
            "The process",
            "Served at `/metrics` by both programs.",
            series::ALL.iter().filter(process).collect(),
        ),
    ] {
        let _ = write!(
            out,
            "\n## {title}\n\n{about}\n\n| series | type | unit | labels | meaning |\n\
             |---|---|---|---|---|\n"
        );
        for series in all {
            let kind = match series.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Info => "gauge, always 1",
            };
            let labels: Vec<String> = series.labels.iter().map(|name| code(name)).collect();
            let _ = writeln!(
                out,
                "| {} | {kind} | {} | {} | {} |",
                code(series.name),
                unit(series.name).unwrap_or("–"),
                or_dash(labels.join(", ")),
                text(series.help),
            );
        }
    }
    out.push_str("\n## Labels\n\n| label | meaning |\n|---|---|\n");
    for (name, meaning) in label::ALL {
        let values = match *name {
            label::ENDPOINT => listed(Endpoint::ALL, Endpoint::name),
            label::BOUND => listed(Bound::ALL, Bound::name),
            label::ACTION => listed(Action::ALL, Action::name),
            label::BASIS => listed(FleetBasis::ALL, FleetBasis::name),
            label::REASON => ": see [error reasons](error-reasons.md)".to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(out, "| {} | {}{values} |", code(name), cell(meaning));
    }
    out
}

/// Returns the page of all forecast models.
pub(super) fn models() -> String {
    let mut out = heading("Models", "crates/forecast/src/models.rs");
    out.push_str(
        "[Forecast models](../agent/models.md) explains how `--model auto` uses them.\n\n\
         | model | `--model` | used by `auto` | forecast |\n|---|---|---|---|\n",
    );
    for model in Model::ALL {
        let used = match model.role() {
            Role::Level => "for short series",
            Role::Part { .. } => "in the mix",
            Role::OnRequest => "no",
        };
        let word = model.word().map_or_else(|| "–".to_owned(), code);
        let (name, about) = (code(model.name()), text(model.about()));
        let _ = writeln!(out, "| {name} | {word} | {used} | {about} |");
    }
    out
}

/// Returns the page of all error reasons.
pub(super) fn error_reasons() -> String {
    let mut out = heading("Error reasons", "crates/contract/src/lib.rs");
    let _ = writeln!(
        out,
        "Values of the label `{}` of {}. `k8s-ai-agent doctor` lists the endpoints that fail, \
         with the reason and its next step.",
        label::REASON,
        code(series::SCRAPE_ERRORS.name),
    );
    for (title, about, is_partial) in [
        (
            "The scrape failed",
            "Counted once for each scrape; nothing of its body is used.",
            false,
        ),
        (
            "A line or sample was left out",
            "Counted for each line or sample; the rest of the scrape is used.",
            true,
        ),
    ] {
        let _ = write!(
            out,
            "\n## {title}\n\n{about}\n\n| reason | meaning | next step |\n|---|---|---|\n"
        );
        for reason in Reason::ALL {
            if reason.is_partial() == is_partial {
                let _ = writeln!(
                    out,
                    "| {} | {} | {} |",
                    code(reason.name()),
                    text(reason.meaning()),
                    text(reason.next_step()),
                );
            }
        }
    }
    out
}

/// Returns the unit that a name ends in, before `_total`.
fn unit(name: &str) -> Option<&str> {
    let (_, last) = name.trim_end_matches("_total").rsplit_once('_')?;
    ["bytes", "cores", "ratio", "seconds"]
        .contains(&last)
        .then_some(last)
}

fn listed<T: Copy>(values: &[T], word: fn(T) -> &'static str) -> String {
    let values: Vec<String> = values.iter().map(|value| code(word(*value))).collect();
    format!(": {}", values.join(", "))
}

/// Formats text as code in a table cell.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// Returns the text, or a dash if it is empty.
pub(super) fn or_dash(text: String) -> String {
    match text.as_str() {
        "" => "–".to_owned(),
        _ => text,
    }
}
