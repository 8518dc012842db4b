//! The report for programs. Numbers are plain: cores, bytes, seconds, shares.

use super::Report;

/// The report as indented JSON with a final newline.
pub fn render(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report)
        .expect("a report has string keys and writes to memory: nothing can fail");
    text.push('\n');
    text
}
