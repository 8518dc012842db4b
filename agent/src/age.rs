//! The age of each node's newest sample, where it is too old to be called current.
//!
//! A backend repeats a sample at each point for the whole look-back, so points do not show its age.
//! Backends with instant queries are asked for the samples' own timestamps; elsewhere the newest
//! point gives a lower bound.

use std::collections::BTreeMap;

use contract::label;
use promql::{Prometheus, QueryError};
use quantity::Timestamp;

use crate::collect::UsageQueries;
use crate::source::Source;
use analysis::assess::stale_after;
use analysis::measurements::{LOOK_BACK_SECONDS, Measurements};
use analysis::recommend::Resource;
use analysis::window::Window;

/// The number of sampling intervals after which a value is no longer current. One passes between
/// any two samples, and a single missed scrape is normal.
const CURRENT_INTERVALS: u64 = 2;

/// The maximum number of times at which the newest sample of an ended series is searched, and the
/// minimum distance between two of them, in seconds.
const MAX_LOOKS: u64 = 50;
const MIN_LOOK_SECONDS: u64 = 15;

/// Returns the time of the newest sample of each node behind `query`, in Unix seconds; with `back`
/// also of series that ended in so many seconds before `at`, to within a few seconds. A query other
/// than a selector has the time at which it last had a result, since its samples have no time of
/// their own.
///
/// # Errors
/// When the backend does not answer.
pub fn newest_samples(
    prometheus: &Prometheus,
    query: &str,
    at: Timestamp,
    back: Option<u64>,
) -> Result<BTreeMap<String, f64>, QueryError> {
    let mut times = format!("timestamp({query})");
    if let Some(back) = back {
        let every = back.div_ceil(MAX_LOOKS).max(MIN_LOOK_SECONDS);
        times = format!("{times} or max_over_time({times}[{back}s:{every}s])");
    }
    let newest = format!("max by ({}) ({times})", label::NODE);
    let samples = prometheus.vector(&newest, Some(at))?.into_iter();
    Ok(samples
        .filter(|sample| sample.value.is_finite())
        .filter_map(|mut sample| Some((sample.labels.remove(label::NODE)?, sample.value)))
        .collect())
}

/// The age in seconds up to which a sample is current, where samples are `interval`
/// seconds apart.
pub fn current_for(interval: u64) -> u64 {
    CURRENT_INTERVALS * interval
}

/// Sets the age as of `at` of every newest sample that is not current; `interval` is the time
/// between samples in seconds, if known.
pub fn measure(
    source: &dyn Source,
    queries: &UsageQueries,
    window: &Window,
    (at, interval): (Timestamp, Option<u64>),
    measurements: &mut Measurements,
) {
    // The longest time for which a report shows a sample.
    let step = window.past.step;
    let back = LOOK_BACK_SECONDS + stale_after(step) + step;
    for resource in Resource::ALL {
        let query = match resource {
            Resource::Cpu => &queries.cpu,
            Resource::Memory => &queries.memory,
        };
        let measured = measurements.of_mut(resource);
        if measured.usage.is_empty() {
            continue;
        }
        // Without an answer the points are still there.
        let sampled = source.sampled_at(query, at, back).unwrap_or_default();
        measured.ages = ages(
            measured
                .usage
                .iter()
                .filter_map(|(node, series)| Some((node, series.last()?.at))),
            &sampled,
            (at, interval, step),
        );
    }
}

/// Returns the ages of those that are not current, from the newest point of each node and, if
/// known, the time of its newest sample in Unix seconds.
fn ages<'a>(
    points: impl Iterator<Item = (&'a String, Timestamp)>,
    sampled: &BTreeMap<String, f64>,
    (at, interval, step): (Timestamp, Option<u64>, u64),
) -> BTreeMap<String, u64> {
    let interval = interval.unwrap_or(step);
    points
        .filter_map(|(node, point)| {
            let (sampled, interval) = match sampled.get(node) {
                Some(sampled) => (*sampled, interval),
                None => (point.unix() as f64, interval.max(step)),
            };
            // Ages above 2^53 are capped by the cast, negative ones become 0.
            let age = (at.unix() as f64 - sampled).round() as u64;
            (age > current_for(interval)).then(|| (node.clone(), age))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_current_for_two_intervals() {
        let at = Timestamp::from_unix(1_000);
        let node = "a".to_owned();
        let age = |sampled: Option<f64>, point: i64, interval: Option<u64>| {
            let sampled = sampled.map(|sampled| (node.clone(), sampled));
            ages(
                [(&node, Timestamp::from_unix(point))].into_iter(),
                &sampled.into_iter().collect(),
                (at, interval, 60),
            )
            .remove("a")
        };
        // The sample's own time counts, not that of the point that repeats it.
        assert_eq!(age(Some(903.0), 960, Some(30)), Some(97));
        assert_eq!(age(Some(940.0), 960, Some(30)), None);
        assert_eq!(age(Some(939.4), 960, Some(30)), Some(61));
        assert_eq!(age(Some(903.0), 960, Some(60)), None);
        assert_eq!(age(Some(879.0), 960, None), Some(121));
        // Ahead of the agent's clock.
        assert_eq!(age(Some(1_009.0), 960, Some(1)), None);
        // A point is only as precise as the step.
        assert_eq!(age(None, 900, Some(30)), None);
        assert_eq!(age(None, 840, Some(30)), Some(160));
        assert_eq!(age(None, 840, None), Some(160));
        assert_eq!(age(None, 840, Some(90)), None);
    }
}
