//! The report in JSON. Numbers are plain: cores, bytes, seconds, shares from 0 to 1.
//!
//! Invariant: reports follow `report.schema.json` (held by
//! `healthy_backend_gives_a_json_report`, agent).

use std::io::{self, Write};

use analysis::report::Report;

/// Returns the report as indented JSON with a final newline.
pub fn render(report: &Report) -> String {
    let mut bytes = Vec::new();
    write(report, &mut bytes).expect("a report has string keys, and memory takes everything");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Writes the report as indented JSON with a final newline, piece by piece.
///
/// # Errors
/// The error of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
