//! Diagnoses in text and JSON. Pure.

use std::fmt::Write;

use serde_json::json;

use super::check::{Diagnosis, Outcome};
use text::{plural, printable};

/// Returns the text: one check a line, its fix below it, a count at the end.
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
        if let Some(fix) = &check.fix {
            let _ = writeln!(out, "{:<7}  {:<width$}  -> {}", "", "", printable(fix));
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
        "\n{} ok, {}, {}",
        count(Outcome::Ok),
        plural(count(Outcome::Note), "note"),
        plural(count(Outcome::Problem), "problem")
    );
    out
}

/// Returns indented JSON with a final newline.
pub fn json(diagnosis: &Diagnosis) -> String {
    let checks: Vec<_> = diagnosis
        .checks
        .iter()
        .map(|check| {
            json!({
                "check": check.name,
                "result": check.result.label(),
                "message": check.message,
                "cure": check.fix,
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
