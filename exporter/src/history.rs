//! A short history of our own series in memory, and range queries over it.
//!
//! Answers what a range query of Prometheus would answer for a plain selector:
//! at each step the newest sample of the five minutes before it, and nothing
//! once the series had disappeared. No functions, no operators, no files.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use publish::Published;

use crate::reading::Millis;

mod query;

pub use query::{BadQuery, RangeQuery};

/// How far back a step looks for a sample: Prometheus's default.
const LOOK_BACK_MS: Millis = 300_000;

/// Series kept at most. Those of the nodes come to some 40 each; namespaces add
/// two each, and come and go.
const MAX_SERIES: usize = 4096;

/// Name and labels of a series, as a query's answer shows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Metric name.
    pub name: &'static str,
    /// Labels with their values.
    pub labels: Vec<(&'static str, String)>,
}

/// One recorded moment of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: Millis,
    /// `None` marks that the series had disappeared.
    value: Option<f64>,
}

/// Samples of the last while, oldest first.
#[derive(Debug)]
pub struct History {
    keep: Duration,
    series: BTreeMap<Identity, VecDeque<Point>>,
}

/// One series of an answer: what it is called, and its (time, value) pairs.
pub type Answered<'a> = (&'a Identity, Vec<(Millis, f64)>);

impl History {
    /// A history that forgets what is older than `keep`.
    pub fn new(keep: Duration) -> Self {
        Self {
            keep,
            series: BTreeMap::new(),
        }
    }

    /// Records the samples of one node as of `now`. A series of that node that
    /// is no longer among them ends here.
    pub fn record(&mut self, node: &str, samples: &[Published<'_>], now: Millis) {
        let keep = Millis::try_from(self.keep.as_millis()).unwrap_or(Millis::MAX);
        let oldest = now.saturating_sub(keep);
        let mut present: BTreeMap<Identity, f64> = samples
            .iter()
            .map(|sample| (identity(sample), sample.value))
            .collect();
        for (identity, points) in &mut self.series {
            if identity.labels.first() != Some(&(contract::label::NODE, node.to_owned())) {
                continue;
            }
            let value = present.remove(identity);
            let already_ended = points.back().is_some_and(|point| point.value.is_none());
            // A wall clock that was set back must not put points out of order.
            let in_order = points.back().is_none_or(|point| point.at < now);
            if in_order && (value.is_some() || !already_ended) {
                points.push_back(Point { at: now, value });
            }
            while points.front().is_some_and(|point| point.at < oldest) {
                points.pop_front();
            }
        }
        self.series.retain(|_, points| !points.is_empty());
        for (identity, value) in present {
            if self.series.len() >= MAX_SERIES {
                break;
            }
            let point = Point {
                at: now,
                value: Some(value),
            };
            self.series.insert(identity, VecDeque::from([point]));
        }
    }

    /// Answers a range query. Series without a sample in the range are left out.
    pub fn answer(&self, query: &RangeQuery) -> Vec<Answered<'_>> {
        self.series
            .iter()
            .filter(|(identity, _)| query.selects(identity))
            .map(|(identity, points)| (identity, evaluate(points, query)))
            .filter(|(_, values)| !values.is_empty())
            .collect()
    }
}

fn identity(sample: &Published<'_>) -> Identity {
    Identity {
        name: sample.series.name,
        labels: sample
            .series
            .labels
            .iter()
            .zip(&sample.labels)
            .map(|(name, value)| (*name, value.clone().into_owned()))
            .collect(),
    }
}

/// The value at each step: that of the newest point up to it.
fn evaluate(points: &VecDeque<Point>, query: &RangeQuery) -> Vec<(Millis, f64)> {
    let mut values = Vec::new();
    let mut points = points.iter().peekable();
    let mut newest: Option<&Point> = None;
    for step in query.steps() {
        while let Some(point) = points.next_if(|point| point.at <= step) {
            newest = Some(point);
        }
        if let Some(Point {
            at,
            value: Some(value),
        }) = newest
            && step - at < LOOK_BACK_MS
        {
            values.push((step, *value));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::series;
    use std::borrow::Cow;

    fn cpu(node: &'static str, value: f64) -> Published<'static> {
        Published {
            series: &series::CPU_USAGE,
            labels: vec![Cow::Borrowed(node)],
            value,
        }
    }

    fn query(text: &str, start: Millis, end: Millis, step: Millis) -> RangeQuery {
        let seconds = |ms: Millis| (ms as f64 / 1000.0).to_string();
        RangeQuery::parse(&[
            ("query".into(), text.into()),
            ("start".into(), seconds(start)),
            ("end".into(), seconds(end)),
            ("step".into(), seconds(step)),
        ])
        .expect("a query")
    }

    fn values(history: &History, query: &RangeQuery) -> Vec<Vec<(Millis, f64)>> {
        history
            .answer(query)
            .into_iter()
            .map(|(_, values)| values)
            .collect()
    }

    #[test]
    fn each_step_takes_the_newest_sample_up_to_it() {
        let mut history = History::new(Duration::from_secs(3600));
        for (at, value) in [(1_000, 1.0), (2_500, 2.0), (4_000, 4.0)] {
            history.record("a", &[cpu("a", value)], at);
        }
        assert_eq!(
            values(
                &history,
                &query("k8s_node_cpu_usage_cores", 0, 5_000, 1_000)
            ),
            [[
                (1_000, 1.0),
                (2_000, 1.0),
                (3_000, 2.0),
                (4_000, 4.0),
                (5_000, 4.0)
            ]]
        );
    }

    #[test]
    fn a_series_that_disappeared_is_not_drawn_on_and_may_come_back() {
        let mut history = History::new(Duration::from_secs(3600));
        history.record("a", &[cpu("a", 1.0)], 1_000);
        history.record("a", &[], 2_000);
        history.record("a", &[], 3_000);
        history.record("a", &[cpu("a", 3.0)], 4_000);
        let query = query("k8s_node_cpu_usage_cores", 1_000, 4_000, 1_000);
        assert_eq!(values(&history, &query), [[(1_000, 1.0), (4_000, 3.0)]]);
    }

    #[test]
    fn a_sample_is_drawn_on_for_less_than_five_minutes() {
        let mut history = History::new(Duration::from_secs(3600));
        history.record("a", &[cpu("a", 1.0)], 0);
        let query = query("k8s_node_cpu_usage_cores", 0, 600_000, 299_999);
        assert_eq!(values(&history, &query), [[(0, 1.0), (299_999, 1.0)]]);
    }

    #[test]
    fn nodes_are_told_apart_and_one_nodes_round_does_not_end_anothers_series() {
        let mut history = History::new(Duration::from_secs(3600));
        history.record("a", &[cpu("a", 1.0)], 1_000);
        history.record("b", &[cpu("b", 2.0)], 1_500);
        let all = query("k8s_node_cpu_usage_cores", 2_000, 2_000, 1_000);
        assert_eq!(values(&history, &all), [[(2_000, 1.0)], [(2_000, 2.0)]]);
        let one = query("k8s_node_cpu_usage_cores{node=\"b\"}", 2_000, 2_000, 1_000);
        assert_eq!(values(&history, &one), [[(2_000, 2.0)]]);
    }

    #[test]
    fn what_is_older_than_asked_to_keep_is_forgotten() {
        let mut history = History::new(Duration::from_secs(10));
        for second in 0..100 {
            history.record("a", &[cpu("a", 1.0)], second * 1_000);
        }
        let kept: usize = history.series.values().map(VecDeque::len).sum();
        assert_eq!(kept, 11);
        // A node that is gone leaves nothing behind.
        history.record("a", &[], 100_000);
        history.record("a", &[], 200_000);
        assert!(history.series.is_empty());
    }

    #[test]
    fn a_wall_clock_set_back_puts_nothing_out_of_order() {
        let mut history = History::new(Duration::from_secs(3600));
        for at in [5_000, 3_000, 6_000] {
            history.record("a", &[cpu("a", at as f64)], at);
        }
        let query = query("k8s_node_cpu_usage_cores", 3_000, 6_000, 1_000);
        assert_eq!(
            values(&history, &query),
            [[(5_000, 5_000.0), (6_000, 6_000.0)]]
        );
    }
}
