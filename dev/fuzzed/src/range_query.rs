//! The decoder of range queries' answers.

use std::io::{self, Read};

use k8s_ai_agent::prometheus::matrix::{read, read_refusal, read_rows};
use k8s_ai_agent::window::{Spans, Window};
use quantity::Timestamp;
use shard::Shard;

/// Around the samples of the corpus.
fn window() -> Window {
    Spans::new(240, 60, 60)
        .expect("they fit")
        .ending_at(Timestamp::from_unix(1_795_331_580))
}

/// Where an answer is cut changes nothing; points are plausible, in order and in the
/// window; and no text of the backend's is more than a short line.
pub(crate) fn check(bytes: &[u8]) {
    let window = window();
    let whole = read(bytes, &window, Shard::WHOLE);
    let cut = read(Pieces::of(bytes), &window, Shard::WHOLE);
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    if let Ok(answer) = whole {
        for series in answer.nodes.values().flatten() {
            let points = series.points();
            assert!(points.len() <= window.points_expected());
            assert!(points.is_sorted_by(|a, b| a.at < b.at));
            for point in points {
                assert!(point.at >= window.start && point.at <= window.end);
                assert!((0.0..=9_007_199_254_740_992.0).contains(&point.value));
            }
        }
        for text in answer.remarks.warnings.iter().chain(&answer.remarks.infos) {
            short_line(text);
        }
    }
    // Its labels are read by another consumer.
    if let Ok(table) = read_rows(bytes, &window, Shard::WHOLE, &["node", "pod"]) {
        for row in &table.rows {
            assert!((0.0..=9_007_199_254_740_992.0).contains(&row.value));
            assert!(row.label("node").is_none_or(|label| !label.is_empty()));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(refusal) = read_refusal(text)
    {
        short_line(&refusal.error);
        short_line(&refusal.error_type);
    }
}

fn short_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().count() <= 500, "{text:?}");
}

/// Bytes that come in pieces.
struct Pieces<'b>(Box<dyn Iterator<Item = &'b [u8]> + 'b>, &'b [u8]);

impl<'b> Pieces<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self(Box::new(crate::pieces(bytes)), &[])
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.next().unwrap_or_default();
        }
        self.1.read(buffer)
    }
}
