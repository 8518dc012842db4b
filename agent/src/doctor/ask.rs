//! The facts about a backend: about 30 small queries, independent of the number of nodes.
//!
//! In scope: the queries and their answers. Out of scope: their meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use contract::{kube_state, label, series};
use exposition::Selector;
use promql::{Consumer, Labels, Prometheus, QueryError, Sample, VectorSample, sampling};
use quantity::{TimeGrid, Timestamp};
use shard::Shard;
use webclient::BaseUrl;

use super::exporter::{self, FailingEndpoint};
use super::subject::{Found, Subject};
use crate::age::newest_samples;
use crate::args::Config;
use crate::backend::select;
use crate::collect::UsageQueries;
use crate::connection::Login;
use crate::source::{ByNode, explain};
use analysis::measurements::LOOK_BACK_SECONDS;
use analysis::series::{Series, simultaneous};
use analysis::window::Window;

/// The facts about a backend.
#[derive(Debug)]
pub struct Facts {
    /// The URL of the backend.
    pub url: BaseUrl,
    /// Set if requests have credentials.
    pub sends_secret: bool,
    /// The time of the examination.
    pub at: Timestamp,
    /// The answers, or the error of the first query.
    pub answers: Result<Answers, QueryError>,
}

/// The answers of a backend.
#[derive(Debug)]
pub struct Answers {
    /// The time that its first answer took.
    pub took: Duration,
    /// The status that POST was refused with, if the queries were sent by GET.
    pub post_refusal: Option<u16>,
    /// The window of a report.
    pub window: Window,
    /// Usage and allocatable, of CPU and memory.
    pub ours: [Subject; 4],
    /// The time range of CPU usage.
    pub depth: Depth,
    /// The times of the window at which no node had CPU usage; `None` if the query failed.
    pub empty_times: Option<BTreeSet<Timestamp>>,
    /// The answers to instant queries; `None` where the backend supports range queries only.
    pub instant: Option<InstantAnswers>,
}

/// The answers of a backend to instant queries.
#[derive(Debug)]
pub struct InstantAnswers {
    /// Its name and version: `Prometheus 2.42.0`.
    pub software: Option<String>,
    /// The seconds by which its clock is ahead of ours.
    pub ahead_seconds: Option<f64>,
    /// The exporter's own series by node.
    pub exporter: Subject,
    /// Endpoints that the exporter fails to read, or the error of the query.
    pub failing: Result<Vec<FailingEndpoint>, String>,
    /// The series of kube-state-metrics.
    pub kube_state: [Subject; 2],
    /// A node with several series at the same time.
    pub duplicates: Option<Duplicates>,
    /// The times of the samples of one series in Unix seconds, oldest first; empty if unknown.
    pub sample_times: Vec<f64>,
    /// The share of the expected samples over `counted_seconds`, by node; empty if unknown.
    pub shares: BTreeMap<String, f64>,
    /// The time range in seconds over which samples were counted.
    pub counted_seconds: u64,
}

/// Several series of one node at the same time.
#[derive(Debug, PartialEq)]
pub struct Duplicates {
    /// The node's name.
    pub node: String,
    /// The labels by which the series differ, with their values.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

/// The beginning of the samples.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Depth {
    /// The time at which they begin, to within a hundredth of its age.
    pub since: Option<Timestamp>,
    /// Set if older samples were not searched for.
    pub or_earlier: bool,
}

/// The name of the check of CPU usage.
pub const CPU_USAGE: &str = "cpu usage";

/// The ages in seconds at which samples are searched.
const AGES: [u64; 8] = [0, HOUR, 6 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY];
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The number of parts into which the time is divided in which samples begin.
const PARTS: u64 = 100;

/// The longest time range in seconds over which samples are counted, as the backend reads each one.
const MAX_COUNTED_SECONDS: u64 = 6 * HOUR;

/// Runs all queries; only the first if it fails.
pub fn ask(prometheus: &Prometheus, config: &Config, now: Timestamp) -> Facts {
    let backend = &config.backend;
    let at = config.time.at.unwrap_or(now);
    Facts {
        url: backend.url.clone(),
        sends_secret: backend.login != Login::None || backend.header_file.is_some(),
        at,
        answers: answers(prometheus, config, at),
    }
}

fn answers(prometheus: &Prometheus, config: &Config, at: Timestamp) -> Result<Answers, QueryError> {
    let started = Instant::now();
    let clock = prometheus.vector("vector(time())", None);
    let took = started.elapsed();
    match clock {
        Ok(clock) => {
            let theirs = clock.first().and_then(number);
            let ours = unix_now() - took.as_secs_f64() / 2.0;
            let inquiry = Inquiry {
                prometheus,
                queries: &config.queries,
                at,
            };
            Ok(inquiry.all(config, took, theirs.map(|theirs| theirs - ours)))
        }
        // The exporter's history answers range queries only.
        Err(QueryError::Status {
            status: 404 | 405, ..
        }) => of_ranges(prometheus, config, at),
        Err(error) => Err(error),
    }
}

fn unix_now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Returns the answers of a backend that supports range queries of plain selectors only.
fn of_ranges(
    prometheus: &Prometheus,
    config: &Config,
    at: Timestamp,
) -> Result<Answers, QueryError> {
    let window = config.time.spans_of_backend(None).ending_at(at);
    let queries = our_queries(&config.queries);
    let started = Instant::now();
    let usage = by_node(prometheus, &queries[0].1, &window.past)?;
    let took = started.elapsed();
    let present: BTreeSet<Timestamp> = usage
        .nodes
        .values()
        .flatten()
        .flat_map(|series| series.points().iter().map(|point| point.at))
        .collect();
    let ours = queries.map(|(name, query)| {
        let answer = by_node(prometheus, &query, &window.past);
        let found = answer
            .map_err(|error| explain(&error))
            .map(|answer| newest_of(answer, &window.past));
        Subject { name, query, found }
    });
    Ok(Answers {
        took,
        post_refusal: prometheus.post_refusal(),
        window,
        ours,
        depth: Depth {
            since: present.first().copied(),
            or_earlier: present.first() == Some(&window.past.start),
        },
        empty_times: Some(missing(&present, &window.past)),
        instant: None,
    })
}

/// Queries the points of every node.
fn by_node(prometheus: &Prometheus, query: &str, grid: &TimeGrid) -> Result<ByNode, QueryError> {
    let selection = select(prometheus, Shard::WHOLE, query, grid, &[label::NODE])?;
    Ok(ByNode::of(selection.series))
}

/// Returns the series that an instant query at the end of the grid would find.
fn newest_of(answer: ByNode, grid: &TimeGrid) -> Found {
    let mut found = Found {
        without_node: answer.without_node,
        ..Found::default()
    };
    for (node, parts) in answer.nodes {
        let newest = parts.iter().filter_map(Series::last).map(|p| p.at);
        let Some(newest) = newest.max() else { continue };
        if grid.end.since(newest) <= LOOK_BACK_SECONDS as f64 {
            let beside = simultaneous(&parts) > 1;
            let count = if beside { parts.len() as u64 } else { 1 };
            found.nodes.insert(node.clone(), count);
            found.sampled.insert(node, newest.unix() as f64);
        }
    }
    found
}

/// Returns the value of a sample; `None` unless it is finite.
fn number(sample: &VectorSample) -> Option<f64> {
    sample.value.is_finite().then_some(sample.value)
}

/// Returns the times of a grid that are not in `present`.
fn missing(present: &BTreeSet<Timestamp>, grid: &TimeGrid) -> BTreeSet<Timestamp> {
    grid.times().filter(|at| !present.contains(at)).collect()
}

fn our_queries(queries: &UsageQueries) -> [(&'static str, String); 4] {
    [
        (CPU_USAGE, queries.cpu.clone()),
        ("memory usage", queries.memory.clone()),
        ("cpu allocatable", series::CPU_ALLOCATABLE.name.to_owned()),
        (
            "memory allocatable",
            series::MEMORY_ALLOCATABLE.name.to_owned(),
        ),
    ]
}

/// Collects the times of samples.
struct Times<'a> {
    grid: &'a TimeGrid,
    found: BTreeSet<Timestamp>,
}

impl Consumer for Times<'_> {
    fn keeps_label(&self, _: &str) -> bool {
        false
    }

    fn wants_samples(&mut self, _: &Labels) -> bool {
        true
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.found.extend(self.grid.nearest(sample.unix));
    }

    fn end_series(&mut self, _: &Labels) {}
}

/// The queries of a backend that supports instant queries.
struct Inquiry<'a> {
    prometheus: &'a Prometheus,
    queries: &'a UsageQueries,
    at: Timestamp,
}

impl Inquiry<'_> {
    fn all(&self, config: &Config, took: Duration, ahead_seconds: Option<f64>) -> Answers {
        let cpu = &self.queries.cpu;
        let sample_times = self
            .prometheus
            .sample_times(cpu, self.at)
            .unwrap_or_default();
        let interval = sampling::interval(&sample_times);
        let window = config.time.spans_of_backend(interval).ending_at(self.at);
        let ours = our_queries(self.queries).map(|(name, query)| self.subject(name, query));
        let kube_state = [
            ("pod requests", kube_state::CONTAINER_REQUESTS),
            ("node states", kube_state::NODE_ALLOCATABLE),
        ];
        let counted_seconds = window.past.seconds().min(MAX_COUNTED_SECONDS);
        let present = self.times(&format!("count({cpu})"), &window.past);
        Answers {
            took,
            post_refusal: self.prometheus.post_refusal(),
            window,
            depth: self.depth(),
            empty_times: present.ok().map(|present| missing(&present, &window.past)),
            instant: Some(InstantAnswers {
                software: self.prometheus.software(),
                ahead_seconds,
                exporter: self.subject(exporter::NAME, series::UP.name.to_owned()),
                failing: exporter::failing(|query| self.instant(query, self.at))
                    .map_err(|error| explain(&error)),
                kube_state: kube_state.map(|(name, query)| self.subject(name, query.to_owned())),
                duplicates: self.duplicates(&ours[0]),
                shares: interval.map_or_else(BTreeMap::new, |interval| {
                    self.shares(interval, counted_seconds)
                }),
                sample_times,
                counted_seconds,
            }),
            ours,
        }
    }

    fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<VectorSample>, QueryError> {
        self.prometheus.vector(query, Some(at))
    }

    /// Returns the times of `grid` at which an aggregate over all series has a value.
    fn times(&self, query: &str, grid: &TimeGrid) -> Result<BTreeSet<Timestamp>, QueryError> {
        let times = || Times {
            grid,
            found: BTreeSet::new(),
        };
        let (times, _) = self.prometheus.range(query, grid, times)?;
        Ok(times.found)
    }

    fn subject(&self, name: &'static str, query: String) -> Subject {
        let counted = self.instant(&format!("count by ({}) ({query})", label::NODE), self.at);
        let found = counted.map_err(|error| explain(&error)).map(|samples| {
            let mut found = Found::default();
            for sample in &samples {
                let count = number(sample).unwrap_or_default() as u64;
                match sample.labels.get(label::NODE) {
                    Some(node) => {
                        found.nodes.insert(node.clone(), count);
                    }
                    None => found.without_node += count,
                }
            }
            found
        });
        let found = found.map(|mut found| {
            if !found.nodes.is_empty() {
                // Without an answer the ages are unknown.
                let sampled = newest_samples(self.prometheus, &query, self.at, None);
                found.sampled = sampled.unwrap_or_default();
            }
            found
        });
        Subject { name, query, found }
    }

    /// Returns one of the nodes that have several series at the same time, with the labels by which
    /// they differ: those of a plain selector only.
    fn duplicates(&self, usage: &Subject) -> Option<Duplicates> {
        let nodes = &usage.found.as_ref().ok()?.nodes;
        let (node, _) = nodes.iter().find(|(_, count)| **count > 1)?;
        let mut selector = Selector::parse(&usage.query)?;
        selector
            .matchers
            .push((label::NODE.to_owned(), node.clone()));
        let samples = self.instant(&selector.to_string(), self.at).ok()?;
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let names: BTreeSet<&String> = samples.iter().flat_map(|s| s.labels.keys()).collect();
        for name in names {
            let value =
                |sample: &VectorSample| sample.labels.get(name).cloned().unwrap_or_default();
            let values: BTreeSet<String> = samples.iter().map(value).collect();
            if values.len() > 1 {
                labels.insert(name.clone(), values);
            }
        }
        Some(Duplicates {
            node: node.clone(),
            labels,
        })
    }

    /// Searches the beginning of the samples: first by [`AGES`], then between the oldest age that
    /// has samples and the next one.
    fn depth(&self) -> Depth {
        let query = format!("count({})", self.queries.cpu);
        let before = |age: u64| Timestamp::from_unix(self.at.unix() - age as i64);
        let has_samples = |age: &u64| {
            self.instant(&query, before(*age))
                .is_ok_and(|samples| !samples.is_empty())
        };
        let Some(place) = AGES.iter().rposition(has_samples) else {
            return Depth::default();
        };
        let oldest = AGES[place];
        let Some(older) = AGES.get(place + 1) else {
            return Depth {
                since: Some(before(oldest)),
                or_earlier: true,
            };
        };
        let between = TimeGrid {
            start: before(*older),
            end: before(oldest),
            step: (older - oldest) / PARTS,
        };
        let times = self.times(&query, &between).unwrap_or_default();
        let first = times.first().copied();
        Depth {
            since: Some(first.unwrap_or(before(oldest))),
            or_earlier: false,
        }
    }

    fn shares(&self, interval: u64, seconds: u64) -> BTreeMap<String, f64> {
        let cpu = &self.queries.cpu;
        let query = format!(
            "sum by ({}) (count_over_time({cpu}[{seconds}s]))",
            label::NODE
        );
        let expected = (seconds / interval).max(1) as f64;
        let counted = self.instant(&query, self.at).unwrap_or_default();
        counted
            .into_iter()
            .filter_map(|mut sample| {
                let share = number(&sample)? / expected;
                Some((sample.labels.remove(label::NODE)?, share))
            })
            .collect()
    }
}
