//! The decoder of the query API's answers.

use promql::answer::{read, read_all, read_refusal};
use promql::{Consumer, Labels, ResultType, Sample};

use crate::{Pieces, pieces};

const ANY: &[ResultType] = &[
    ResultType::Matrix,
    ResultType::Vector,
    ResultType::Scalar,
    ResultType::String,
    ResultType::Series,
];

/// The chunks of an answer change nothing; no label is empty; and no text of the
/// backend's is more than a short line.
pub(crate) fn check(bytes: &[u8]) {
    let mut whole = Log::default();
    let mut cut = Log::default();
    let remarks = read(bytes, ANY, &mut whole);
    let again = read(Pieces::new(pieces(bytes)), ANY, &mut cut);
    assert_eq!(format!("{remarks:?}"), format!("{again:?}"));
    assert_eq!(whole, cut);
    if let Ok(remarks) = remarks {
        for text in remarks.warnings.iter().chain(&remarks.infos) {
            short_line(text);
        }
    }
    let all = read_all(bytes, &mut Log::default());
    let again = read_all(Pieces::new(pieces(bytes)), &mut Log::default());
    assert_eq!(format!("{all:?}"), format!("{again:?}"));
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(refusal) = read_refusal(text)
    {
        short_line(&refusal.error);
        short_line(&refusal.error_type);
    }
}

fn short_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().count() <= 501, "{text:?}");
}

/// Everything that a consumer is given, in order.
#[derive(Default, Debug, PartialEq)]
struct Log(Vec<String>);

impl Consumer for Log {
    fn keeps_label(&self, name: &str) -> bool {
        // Not all, so that labels are skipped, too.
        !name.len().is_multiple_of(4)
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        labels.iter().count() < 4
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.0.push(format!("{} {}", sample.unix, sample.text));
    }

    fn end_series(&mut self, labels: &Labels) {
        for (name, value) in labels.iter() {
            assert!(!value.is_empty(), "{name}");
            self.0.push(format!("{name}={value}"));
        }
    }
}
