//! A diagnosis in text or JSON. Pure.

use std::fmt::Write;

use serde_json::json;

use super::check::{Diagnosis, Outcome};
use text::printable;

/// For people: one check a line, its cure below it, a count at the end.
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut out = String::new();
    let width = diagnosis
        .checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in &diagnosis.checks {
        let (result, name) = (check.result.label(), check.name);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{result:<7}  {name:<width$}  {}",
            printable(&check.message)
        );
        if let Some(cure) = &check.cure {
            let _ = writeln!(out, "{:<7}  {:<width$}  -> {}", "", "", printable(cure));
        }
    }
    let count = |result| {
        diagnosis
            .checks
            .iter()
            .filter(|check| check.result == result)
            .count()
    };
    let _ = writeln!(
        out,
        "\n{} ok, {} to note, {} with a problem",
        count(Outcome::Ok),
        count(Outcome::Note),
        count(Outcome::Problem)
    );
    out
}

/// For programs, indented, with a final newline.
pub fn json(diagnosis: &Diagnosis) -> String {
    let checks: Vec<_> = diagnosis
        .checks
        .iter()
        .map(|check| {
            json!({
                "check": check.name,
                "result": check.result.label(),
                "message": check.message,
                "cure": check.cure,
            })
        })
        .collect();
    let whole = json!({
        "schema_version": 1,
        "program_version": env!("CARGO_PKG_VERSION"),
        "backend": diagnosis.backend,
        "at": diagnosis.at,
        "checks": checks,
    });
    format!("{whole:#}\n")
}
