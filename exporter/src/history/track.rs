//! The recorded samples of one node.
//!
//! All its series are recorded at the same times, which are stored once; of a series only
//! the rounds in which its value changed. Constant series, such as allocatable, take no
//! memory; a value that changes each round takes 12 bytes a round.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use contract::{Series, label};
use exposition::write::Sample;

use super::identity::{Answered, Identity};
use super::query::RangeQuery;
use crate::readings::Millis;

/// A sample is used for steps up to this much later: Prometheus's default.
const LOOK_BACK_MS: Millis = 300_000;

/// Memory of a track without samples: its name, its maps, room in its queues.
const TRACK_BYTES: usize = 1024;

/// Memory of a series without samples.
const SERIES_BYTES: usize = 160;

/// The samples of one node, oldest first.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Times of rounds; the first of them has the number `first`.
    rounds: VecDeque<Millis>,
    first: u32,
    series: BTreeMap<Key, Line>,
    /// Runs of all series.
    runs: usize,
}

/// The identity of a series within one node.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: &'static str,
    /// Label values after the node's.
    more: Box<[Box<str>]>,
}

impl Key {
    fn of(identity: &Identity) -> Self {
        let more = identity.labels.iter().skip(1);
        Self {
            name: identity.name,
            more: more.map(|(_, value)| value.as_str().into()).collect(),
        }
    }
}

/// One series.
#[derive(Debug)]
struct Line {
    series: &'static Series,
    /// Never empty.
    runs: VecDeque<Run>,
    /// The newest round with a sample.
    newest: u32,
}

/// A value, from one round up to that of the next run. NaN means that there was no sample:
/// published values are finite.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: u32,
    /// As bytes, so that a run takes 12 bytes and not 16.
    value: [u8; 8],
}

impl Track {
    /// The number of series.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Memory in bytes, to within some percent.
    pub(super) fn bytes(&self) -> usize {
        TRACK_BYTES
            + self.rounds.len() * size_of::<Millis>()
            + self.series.len() * SERIES_BYTES
            + self.runs * size_of::<Run>()
    }

    /// Records a round in at most `memory` bytes. Returns false if the oldest rounds were
    /// dropped for it, or a new series was left out.
    pub(super) fn record<'a>(
        &mut self,
        samples: impl Iterator<Item = &'a Sample<'a>>,
        now: Millis,
        memory: usize,
    ) -> bool {
        // If the wall clock was set back, rounds must stay in order.
        if self.rounds.back().is_some_and(|last| *last >= now) {
            return true;
        }
        // Bounded by the memory: far below 2^32.
        let round = self.first + self.rounds.len() as u32;
        push(&mut self.rounds, now);
        let mut all_kept = true;
        for sample in samples {
            let key = Key {
                name: sample.series.name,
                more: sample.labels().skip(1).map(|(_, v)| v.into()).collect(),
            };
            let full = self.bytes() + SERIES_BYTES > memory;
            match self.series.get_mut(&key) {
                Some(line) => self.runs += line.extend(round, sample.value),
                None if full => all_kept = false,
                None => {
                    let line = Line::new(sample.series, round, sample.value);
                    self.series.insert(key, line);
                    self.runs += 1;
                }
            }
        }
        for line in self.series.values_mut() {
            if line.newest < round {
                self.runs += line.end(round);
            }
        }
        while self.bytes() > memory && self.rounds.len() > 1 {
            // Several at a time, so that a full history has room for the next rounds.
            self.forget(self.rounds.len().div_ceil(32));
            all_kept = false;
        }
        all_kept
    }

    /// Drops the rounds before `oldest`, and the series that ended before it.
    pub(super) fn forget_before(&mut self, oldest: Millis) {
        self.forget(self.rounds.partition_point(|at| *at < oldest));
    }

    fn forget(&mut self, rounds: usize) {
        self.rounds.drain(..rounds);
        give_back(&mut self.rounds);
        // As above.
        self.first += rounds as u32;
        let mut dropped = 0;
        self.series.retain(|_, line| {
            dropped += line.forget_before(self.first);
            let is_over = line.runs.len() == 1 && line.runs[0].value().is_nan();
            dropped += usize::from(is_over);
            !is_over
        });
        self.runs -= dropped;
    }

    /// Returns the selected series that have samples: those after `last`, or all.
    pub(super) fn answer<'a>(
        &'a self,
        node: &'a str,
        query: &'a RangeQuery,
        last: Option<&'a Identity>,
    ) -> impl Iterator<Item = Answered> + 'a {
        let from = last.map_or(Bound::Unbounded, |last| Bound::Excluded(Key::of(last)));
        self.series
            .range((from, Bound::Unbounded))
            .filter(|(key, _)| query.is_of(key.name))
            .map(move |(key, line)| (identity(node, key, line), line))
            .filter(|(identity, _)| query.selects(identity))
            .map(move |(identity, line)| (identity, self.evaluate(line, query)))
            .filter(|(_, values)| !values.is_empty())
    }

    /// Returns the value at each step: that of the newest round up to it.
    fn evaluate(&self, line: &Line, query: &RangeQuery) -> Vec<(Millis, f64)> {
        let mut rounds = self.rounds.iter().zip(self.first..).peekable();
        let mut runs = line.runs.iter().peekable();
        let mut newest = None;
        let mut value = f64::NAN;
        let mut values = Vec::new();
        for step in query.steps() {
            while let Some(round) = rounds.next_if(|(at, _)| **at <= step) {
                newest = Some(round);
            }
            let Some((at, number)) = newest else { continue };
            while let Some(run) = runs.next_if(|run| run.from <= number) {
                value = run.value();
            }
            if !value.is_nan() && step - at < LOOK_BACK_MS {
                values.push((step, value));
            }
        }
        values
    }
}

fn identity(node: &str, key: &Key, line: &Line) -> Identity {
    let values = std::iter::once(node).chain(key.more.iter().map(|value| &**value));
    Identity {
        name: key.name,
        labels: line
            .series
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| (*name, value.to_owned()))
            .collect(),
    }
}

impl Line {
    fn new(series: &'static Series, round: u32, value: f64) -> Self {
        debug_assert_eq!(series.labels.first(), Some(&label::NODE));
        Self {
            series,
            runs: VecDeque::from([Run::new(round, value)]),
            newest: round,
        }
    }

    /// Adds a sample. Returns the number of new runs.
    fn extend(&mut self, round: u32, value: f64) -> usize {
        self.newest = round;
        self.enter(Run::new(round, value))
    }

    /// Notes a missing sample. Returns the number of new runs.
    fn end(&mut self, round: u32) -> usize {
        self.enter(Run::new(round, f64::NAN))
    }

    fn enter(&mut self, run: Run) -> usize {
        if self.runs.back().is_some_and(|last| last.value == run.value) {
            return 0;
        }
        push(&mut self.runs, run);
        1
    }

    /// Drops the runs that end before a round. Returns their number.
    fn forget_before(&mut self, round: u32) -> usize {
        let over = self.runs.partition_point(|run| run.from <= round);
        let over = over.saturating_sub(1);
        self.runs.drain(..over);
        give_back(&mut self.runs);
        over
    }
}

impl Run {
    fn new(from: u32, value: f64) -> Self {
        Self {
            from,
            value: value.to_ne_bytes(),
        }
    }

    fn value(self) -> f64 {
        f64::from_ne_bytes(self.value)
    }
}

/// Adds an entry with little room to spare: a queue that doubles its capacity would leave
/// half of a full history empty.
fn push<T>(queue: &mut VecDeque<T>, entry: T) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(queue.len() / 8 + 4);
    }
    queue.push_back(entry);
}

/// Shrinks a queue once a quarter of it is empty.
fn give_back<T>(queue: &mut VecDeque<T>) {
    let wanted = queue.len() + queue.len() / 8 + 4;
    if queue.capacity() > wanted + queue.len() / 8 + 16 {
        queue.shrink_to(wanted);
    }
}
