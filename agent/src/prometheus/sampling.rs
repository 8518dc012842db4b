//! How far apart the samples of a series are: what a step should be a multiple of.
//!
//! Two small instant queries: one series of those asked for, then its samples as
//! they were scraped. A backend that cannot answer them says nothing, which is no
//! failure: the exporter's own history is one.

use std::collections::BTreeMap;

use exposition::Selector;
use quantity::Timestamp;

use super::instant::{RawSeries, Sample};
use super::{Prometheus, QueryError};

/// How far back samples are looked at. An hour has two gaps of half an hour.
const LOOK_BACK: &str = "1h";

/// Fewest gaps to tell the usual one from an odd one.
const MIN_GAPS: usize = 2;

impl Prometheus {
    /// The times, in Unix seconds, of the samples that one of the series behind
    /// `query` had in the hour before `at`; empty if there is none, or if `query` is
    /// more than a selector.
    ///
    /// # Errors
    /// When the backend does not answer.
    pub fn sample_times(&self, query: &str, at: Timestamp) -> Result<Vec<f64>, QueryError> {
        if Selector::parse(query).is_none() {
            return Ok(Vec::new());
        }
        let one = self.query_instant::<Vec<Sample>>(&format!("topk(1, {query})"), Some(at))?;
        let Some(sample) = one.result.into_iter().next() else {
            return Ok(Vec::new());
        };
        let raw = format!("{}[{LOOK_BACK}]", selector(sample.metric));
        let series = self.query_instant::<Vec<RawSeries>>(&raw, Some(at))?.result;
        let times = series
            .first()
            .map(|one| one.values.iter().map(|(at, _)| *at));
        Ok(times.into_iter().flatten().collect())
    }
}

/// The seconds between two samples, as it mostly is; `None` where there are too few
/// to tell.
pub fn interval(times: &[f64]) -> Option<u64> {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if gaps.len() < MIN_GAPS {
        return None;
    }
    gaps.sort_unstable_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2].round();
    (median >= 1.0).then_some(median as u64)
}

/// Selects the series with these labels.
fn selector(mut labels: BTreeMap<String, String>) -> Selector {
    Selector {
        name: labels.remove("__name__").unwrap_or_default(),
        matchers: labels
            .into_iter()
            .filter(|(name, _)| is_plain(name))
            .collect(),
    }
}

/// Whether PromQL takes the label without quotes. Without the others a selector
/// may select several series, of which one is as good as another.
fn is_plain(label: &str) -> bool {
    label
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !label.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_usual_gap_whatever_is_missing() {
        for (times, expected) in [
            (&[][..], None),
            (&[0.0, 30.0], None),
            (&[0.0, 30.0, 60.0], Some(30)),
            (&[0.1, 15.09, 30.12, 75.1, 90.1, 105.1], Some(15)),
            (&[0.0, 300.0, 600.0, 1500.0], Some(300)),
            (&[0.0, 0.2, 0.4, 0.6], None),
        ] {
            assert_eq!(interval(times), expected, "{times:?}");
        }
    }

    #[test]
    fn a_series_is_selected_by_all_its_labels() {
        let labels = [
            ("__name__", "up"),
            ("node", "a\"b\\c\nd"),
            ("k8s.cluster", "x"),
            ("_9", "y"),
        ];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(
            selector(labels.into()).to_string(),
            "up{_9=\"y\",node=\"a\\\"b\\\\c\\nd\"}"
        );
    }
}
