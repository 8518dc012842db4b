//! A short history of the nodes' series in memory, and range queries over it.
//!
//! Answers a plain selector as Prometheus would: at each step the newest sample of the five
//! minutes before it, and nothing after the series ended. No functions, no operators, no
//! files.
//!
//! Invariants: memory stays within its budget (held by
//! `memory_is_shared_and_oldest_samples_go`); the answer equals that over all samples
//! (`answer_equals_that_of_all_samples`); a series that disappeared ends
//! (`disappeared_series_ends_and_may_return`); Prometheus and the history give the same report over
//! the same samples (`same_samples_give_same_report` in e2e).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use contract::label;
use exposition::write::Sample;

use crate::readings::Millis;

mod identity;
mod query;
mod track;

pub use identity::{Answered, Identity};
pub use query::{BadQuery, RangeQuery};
use track::Track;

/// Recent samples of all nodes.
#[derive(Debug)]
pub struct History {
    keep: Millis,
    /// Memory budget of all tracks together, in bytes.
    memory: usize,
    /// The tracks by node name.
    tracks: BTreeMap<String, Track>,
    /// Memory that they take, in bytes.
    taken: usize,
    /// Number of their series.
    series: usize,
}

impl History {
    /// Makes a history that drops samples older than `keep`, and sooner where it would take
    /// more than `memory` bytes.
    pub fn new(keep: Duration, memory: u64) -> Self {
        Self {
            keep: Millis::try_from(keep.as_millis()).unwrap_or(Millis::MAX),
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            tracks: BTreeMap::new(),
            taken: 0,
            series: 0,
        }
    }

    /// Returns the memory that the samples take, in bytes, and the number of series.
    pub fn size(&self) -> (usize, usize) {
        (self.taken, self.series)
    }

    /// Records the samples of one node as of `now`. A series of that node that is no longer
    /// among them ends here. Series about the exporter's own work are left out. Returns false
    /// where samples were dropped early for lack of memory.
    pub fn record(&mut self, node: &str, samples: &[Sample<'_>], now: Millis) -> bool {
        let (node, mut track) = match self.tracks.remove_entry(node) {
            Some((node, track)) => {
                self.taken -= track.bytes();
                self.series -= track.len();
                (node, track)
            }
            None => (node.to_owned(), Track::default()),
        };
        track.forget_before(now.saturating_sub(self.keep));
        // An equal share for each node. A new node hardly uses its share at first, so the
        // others have time to shrink to theirs.
        let share = self.memory / (self.tracks.len() + 1);
        let about_nodes = samples
            .iter()
            .filter(|sample| !sample.series.labels.contains(&label::ENDPOINT));
        let all_kept = track.record(about_nodes, now, share);
        self.put(node, track);
        all_kept
    }

    /// Drops old samples, also of nodes that are gone and so record nothing any more.
    pub fn forget_old(&mut self, now: Millis) {
        let oldest = now.saturating_sub(self.keep);
        (self.taken, self.series) = (0, 0);
        for (node, mut track) in std::mem::take(&mut self.tracks) {
            track.forget_before(oldest);
            self.put(node, track);
        }
    }

    /// Keeps a track unless it is empty.
    fn put(&mut self, node: String, track: Track) {
        if track.len() > 0 {
            self.taken += track.bytes();
            self.series += track.len();
            self.tracks.insert(node, track);
        }
    }

    /// Answers a range query with the series after `last`, or all. Series without a sample in
    /// the range are left out. Their order is always the same, so an answer can be sent in
    /// parts while new samples are recorded.
    pub fn answer<'a>(
        &'a self,
        query: &'a RangeQuery,
        last: Option<&'a Identity>,
    ) -> impl Iterator<Item = Answered> + 'a {
        let from = match last.and_then(Identity::node) {
            Some(node) => Bound::Included(node),
            None => Bound::Unbounded,
        };
        self.tracks
            .range::<str, _>((from, Bound::Unbounded))
            .flat_map(move |(node, track)| {
                let last = last.filter(|last| last.node() == Some(node));
                track.answer(node, query, last)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::series;

    const PLENTY: u64 = 1 << 30;

    fn history(seconds: u64) -> History {
        History::new(Duration::from_secs(seconds), PLENTY)
    }

    fn cpu(node: &'static str, value: f64) -> Sample<'static> {
        Sample::new(&series::CPU_USAGE, &[node], value)
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
        let answer = history.answer(query, None);
        answer.map(|(_, values)| values).collect()
    }

    #[test]
    fn step_takes_the_newest_earlier_sample() {
        let mut history = history(3600);
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
    fn disappeared_series_ends_and_may_return() {
        let mut history = history(3600);
        history.record("a", &[cpu("a", 1.0)], 1_000);
        history.record("a", &[], 2_000);
        history.record("a", &[], 3_000);
        history.record("a", &[cpu("a", 3.0)], 4_000);
        let query = query("k8s_node_cpu_usage_cores", 1_000, 4_000, 1_000);
        assert_eq!(values(&history, &query), [[(1_000, 1.0), (4_000, 3.0)]]);
    }

    #[test]
    fn sample_is_stale_after_five_minutes() {
        let mut history = history(3600);
        history.record("a", &[cpu("a", 1.0)], 0);
        let query = query("k8s_node_cpu_usage_cores", 0, 600_000, 299_999);
        assert_eq!(values(&history, &query), [[(0, 1.0), (299_999, 1.0)]]);
    }

    #[test]
    fn round_ends_only_series_of_its_node() {
        let mut history = history(3600);
        history.record("a", &[cpu("a", 1.0)], 1_000);
        history.record("b", &[cpu("b", 2.0)], 1_500);
        let all = query("k8s_node_cpu_usage_cores", 2_000, 2_000, 1_000);
        assert_eq!(values(&history, &all), [[(2_000, 1.0)], [(2_000, 2.0)]]);
        let one = query("k8s_node_cpu_usage_cores{node=\"b\"}", 2_000, 2_000, 1_000);
        assert_eq!(values(&history, &one), [[(2_000, 2.0)]]);
    }

    #[test]
    fn answer_in_parts_has_each_series_once() {
        let mut history = history(3600);
        let space =
            |name: &'static str, value| Sample::new(&series::NAMESPACE_CPU, &["b", name], value);
        let spaces = [space("x", 1.0), space("y", 2.0), space("z", 3.0)];
        history.record("b", &spaces, 1_000);
        let query = query("k8s_namespace_cpu_usage_cores", 0, 5_000, 1_000);
        let next = |history: &History, last: Option<&Identity>| {
            history.answer(&query, last).map(|(each, _)| each).next()
        };
        let x = next(&history, None).expect("a series");
        let y = next(&history, Some(&x)).expect("another");
        assert_eq!([&x, &y].map(|each| each.labels[1].1.as_str()), ["x", "y"]);
        // A node before it and one after it, and another series of its own.
        for node in ["a", "c"] {
            let one = Sample::new(&series::NAMESPACE_CPU, &[node, "w"], 1.0);
            history.record(node, &[one], 2_000);
        }
        let left: Vec<_> = history
            .answer(&query, Some(&y))
            .map(|(each, _)| each.labels[1].1.clone())
            .collect();
        assert_eq!(left, ["z", "w"]);
        // A node that is gone is not listed.
        history.tracks.remove("b");
        assert_eq!(history.answer(&query, Some(&y)).count(), 1);
    }

    #[test]
    fn samples_beyond_the_length_are_dropped() {
        let mut history = history(10);
        for second in 0..100 {
            history.record("a", &[cpu("a", 1.0)], second * 1_000);
        }
        let all = query("k8s_node_cpu_usage_cores", 0, 99_000, 1_000);
        let kept: Vec<Millis> = values(&history, &all)[0]
            .iter()
            .map(|(at, _)| *at)
            .collect();
        assert_eq!(kept, (89_000..=99_000).step_by(1_000).collect::<Vec<_>>());
        // A node that is gone leaves nothing behind.
        history.record("a", &[], 100_000);
        history.record("a", &[], 200_000);
        assert_eq!(history.size(), (0, 0));
    }

    #[test]
    fn silent_node_is_dropped() {
        let mut history = history(10);
        history.record("gone", &[cpu("gone", 1.0)], 1_000);
        history.record("gone", &[], 2_000);
        history.record("here", &[cpu("here", 1.0)], 11_500);
        history.forget_old(11_000);
        assert_eq!(history.size().1, 2);
        history.forget_old(11_500);
        assert_eq!(history.size().1, 1);
    }

    #[test]
    fn clock_set_back_keeps_the_order() {
        let mut history = history(3600);
        for at in [5_000, 3_000, 6_000] {
            history.record("a", &[cpu("a", at as f64)], at);
        }
        let query = query("k8s_node_cpu_usage_cores", 3_000, 6_000, 1_000);
        assert_eq!(
            values(&history, &query),
            [[(5_000, 5_000.0), (6_000, 6_000.0)]]
        );
    }

    /// Stores changes only, and answers with all samples.
    #[test]
    fn answer_equals_that_of_all_samples() {
        let mut history = history(60);
        let mut samples: Vec<(Millis, Option<f64>)> = Vec::new();
        let mut random = 7_u64;
        for round in 0..400 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = Some(random >> 61)
                .filter(|v| *v > 1)
                .map(|v| (v / 2) as f64);
            let at = round * 700 + (random >> 40) as Millis % 600;
            let present: Vec<_> = value.iter().map(|value| cpu("a", *value)).collect();
            history.record("a", &present, at);
            samples.push((at, value));
            samples.retain(|(each, _)| *each >= at - 60_000);
        }
        let (from, to) = (samples[0].0, samples[samples.len() - 1].0);
        let all = query("k8s_node_cpu_usage_cores", from, to, 97);
        let expected: Vec<(Millis, f64)> = all
            .steps()
            .filter_map(|step| {
                let (_, value) = samples.iter().rev().find(|(at, _)| *at <= step)?;
                Some((step, (*value)?))
            })
            .collect();
        assert!(expected.len() > 300);
        assert_eq!(values(&history, &all), [expected]);
    }

    fn busy(node: &'static str, round: Millis) -> Vec<Sample<'static>> {
        let changing = [&series::CPU_USAGE, &series::MEMORY_USAGE];
        let constant = [
            &series::CPU_ALLOCATABLE,
            &series::MEMORY_ALLOCATABLE,
            &series::PODS_ALLOCATABLE,
            &series::CPU_CAPACITY,
            &series::MEMORY_CAPACITY,
            &series::PODS_CAPACITY,
        ];
        let changing = changing.map(|series| Sample::new(series, &[node], round as f64));
        let constant = constant.map(|series| Sample::new(series, &[node], 4.0));
        changing.into_iter().chain(constant).collect()
    }

    #[test]
    fn six_hours_of_a_node_take_24_kilobytes() {
        let mut history = history(6 * 3600);
        for round in 0..2 * 720 {
            history.record("a", &busy("a", round), round * 30_000);
        }
        let (bytes, series) = history.size();
        assert_eq!(series, 8);
        assert!((24_000..27_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn memory_is_shared_and_oldest_samples_go() {
        let names = ["a", "b", "c", "d"];
        let memory = 64 * 1024;
        let mut history = History::new(Duration::from_secs(86_400), memory);
        let mut full = false;
        for round in 0..5_000 {
            // One is alone for a while, and must give back what the others need.
            for node in names.iter().take(if round < 3_000 { 1 } else { 4 }) {
                full |= !history.record(node, &busy(node, round), round * 30_000);
            }
            if !(3_000..3_002).contains(&round) {
                assert!(history.size().0 as u64 <= memory, "{:?}", history.size());
            }
        }
        assert!(full, "the limit is reported");
        let all = query("k8s_node_cpu_usage_cores", 0, 5_000 * 30_000, 30_000);
        let lengths: Vec<usize> = values(&history, &all).iter().map(Vec::len).collect();
        assert_eq!(lengths.len(), 4);
        assert!(
            lengths.iter().all(|length| (400..500).contains(length)),
            "{lengths:?}"
        );
    }

    #[test]
    fn new_series_are_dropped_when_memory_is_full() {
        let mut history = History::new(Duration::from_secs(3_600), 20_000);
        let mut names: Vec<String> = (0..1_000).map(|n| format!("namespace-{n}")).collect();
        names.sort();
        let samples: Vec<_> = names
            .iter()
            .map(|name| Sample::new(&series::NAMESPACE_CPU, &["a", name], 1.0))
            .collect();
        assert!(!history.record("a", &samples, 1_000));
        assert!(history.size().0 <= 20_000, "{:?}", history.size());
        assert!(history.size().1 > 90);
    }
}
