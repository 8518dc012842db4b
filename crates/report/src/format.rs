//! The formats of a report.

use std::io;

use analysis::report::Report;
pub use contract::ReportFormat as Format;

use crate::style::Style;
use crate::{csv, html, json, markdown, prometheus, text};

/// Returns the file extension of a format.
pub const fn extension(format: Format) -> &'static str {
    match format {
        Format::Text => "txt",
        Format::Json => "json",
        Format::Markdown => "md",
        Format::Html => "html",
        Format::Csv => "csv",
        Format::Prometheus => "prom",
    }
}

/// Returns the `Content-Type` of a format.
pub fn media_type(format: Format) -> &'static str {
    match format {
        Format::Text => "text/plain; charset=utf-8",
        Format::Json => "application/json",
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Html => "text/html; charset=utf-8",
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Prometheus => exposition::write::Format::Text.content_type(),
    }
}

/// Writes a report in a format, with a final newline. The long formats are written piece by piece.
///
/// # Errors
/// The error of `out`.
pub fn write(
    report: &Report,
    format: Format,
    style: Style,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let text = match format {
        Format::Json => return json::write(report, out),
        Format::Html => return html::write(report, out),
        Format::Text => text::render(report, style),
        Format::Markdown => markdown::render(report, style),
        Format::Csv => csv::render(report),
        Format::Prometheus => prometheus::render(report),
    };
    out.write_all(text.as_bytes())
}

/// Renders a report as one text.
pub fn render(report: &Report, format: Format, style: Style) -> String {
    let mut bytes = Vec::new();
    write(report, format, style, &mut bytes).expect("memory takes everything");
    String::from_utf8(bytes).expect("every format is text")
}
