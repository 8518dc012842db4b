//! The time between two samples of a series, of which a query's step should be a
//! multiple.
//!
//! Two small instant queries find it: one series of those asked for, then its samples
//! as they were scraped. A backend that cannot answer them, such as the exporter's own
//! history, is no failure: the interval is unknown.

use exposition::Selector;
use quantity::Timestamp;

use crate::answer::{Consumer, Each, Labels, Sample};
use crate::client::{Prometheus, QueryError};

/// The range in which samples are counted. An hour has two gaps of half an hour.
const RANGE: &str = "1h";

/// The fewest gaps that tell the usual one from an odd one.
const MIN_GAPS: usize = 2;

impl Prometheus {
    /// Returns the times, in Unix seconds, of the samples that one of the series behind
    /// `query` had in the hour before `at`; none where there is no such series, or where
    /// `query` is more than a selector.
    ///
    /// # Errors
    /// When the backend does not answer.
    pub fn sample_times(&self, query: &str, at: Timestamp) -> Result<Vec<f64>, QueryError> {
        if Selector::parse(query).is_none() {
            return Ok(Vec::new());
        }
        let mut selector = None;
        let mut one = Each::new(|labels: &Labels, _| selector = Some(select(labels)));
        self.instant(&format!("topk(1, {query})"), Some(at), &mut one)?;
        let Some(selector) = selector else {
            return Ok(Vec::new());
        };
        let mut times = Times::default();
        self.instant(&format!("{selector}[{RANGE}]"), Some(at), &mut times)?;
        Ok(times.of_first)
    }
}

/// Returns the usual number of seconds between two samples; `None` for too few samples.
pub fn interval(times: &[f64]) -> Option<u64> {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if gaps.len() < MIN_GAPS {
        return None;
    }
    gaps.sort_unstable_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2].round();
    (median >= 1.0).then_some(median as u64)
}

/// The times of the samples of the first series.
#[derive(Default)]
struct Times {
    of_first: Vec<f64>,
    has_ended: bool,
}

impl Consumer for Times {
    fn keeps_label(&self, _: &str) -> bool {
        false
    }

    fn wants_samples(&mut self, _: &Labels) -> bool {
        !self.has_ended
    }

    fn sample(&mut self, sample: Sample<'_>) {
        if !self.has_ended {
            self.of_first.push(sample.unix);
        }
    }

    fn end_series(&mut self, _: &Labels) {
        self.has_ended = true;
    }
}

/// Returns the selector of the series with these labels.
fn select(labels: &Labels) -> Selector {
    let matchers = labels
        .iter()
        .filter(|(name, _)| is_plain(name) && *name != NAME);
    Selector {
        name: labels.get(NAME).unwrap_or_default().to_owned(),
        matchers: matchers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// The label in which Prometheus writes a series's name.
const NAME: &str = "__name__";

/// Returns `true` if PromQL takes the label without quotes.
fn is_plain(label: &str) -> bool {
    label
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !label.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{ResultType, read};

    #[test]
    fn interval_is_the_usual_gap() {
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
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":
            {"_9":"y","__name__":"up","k8s.cluster":"x","node":"a\"b\\c\nd"},"value":[1,"1"]}]}}"#;
        let mut selector = None;
        let mut one = Each::new(|labels: &Labels, _| selector = Some(select(labels)));
        read(body.as_bytes(), ResultType::INSTANT, &mut one).expect("a vector");
        assert_eq!(
            selector.map(|selector| selector.to_string()).as_deref(),
            Some("up{_9=\"y\",node=\"a\\\"b\\\\c\\nd\"}")
        );
    }

    #[test]
    fn only_the_first_series_is_sampled() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"node":"a"},"values":[[1.5,"1"],[31.5,"1"]]},
            {"metric":{"node":"b"},"values":[[2,"1"]]},
            {"values":[[3,"1"]]}]}}"#;
        let mut times = Times::default();
        read(body.as_bytes(), ResultType::INSTANT, &mut times).expect("a matrix");
        assert_eq!(times.of_first, [1.5, 31.5]);
    }
}
