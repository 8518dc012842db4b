//! The loop that joins the parts: which endpoint is due, what its answer means
//! for what is known, and when to ask again.
//!
//! Time is counted on the monotonic clock, so a wall clock that jumps moves
//! nothing. Rounds of different nodes lie at different phases of the interval,
//! by a hash of the node's name, so that a fleet that starts together does not
//! ask together. A failing endpoint backs off with full jitter.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::{Endpoint, Reason, kubelet};
use log::{debug, info, warn};
use quantity::Cores;

use crate::apiserver::{ApiServer, NodeObject, ScrapeError};
use crate::args::{Config, NodeName};
use crate::credentials::Credentials;
use crate::history::History;
use crate::reading::{Collector, Millis, Reading, Source, Tally};
use crate::snapshot::NodeState;
use crate::usage::{Arrival, Known};

/// The second round follows the first after at most this time, so that CPU
/// appears soon. The kubelet measures each 10 to 15 s.
const SECOND_ROUND: Duration = Duration::from_secs(15);

/// The node object changes with the machine, if ever.
const NODE_OBJECT_INTERVAL: Duration = Duration::from_secs(300);

/// A failed endpoint is asked again after this time at the latest, plus what the
/// back-off adds: the node object's own interval would be long to wait.
const RETRY: Duration = Duration::from_secs(30);

/// Longest extra wait of an endpoint that keeps failing.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);

/// A value outlives its newest sample by this many intervals, but at least [`MIN_FRESH`].
const FRESH_INTERVALS: u32 = 3;
const MIN_FRESH: Duration = Duration::from_secs(60);

/// How long a value stays published without a newer sample.
pub fn fresh_for(interval: Duration) -> Duration {
    (interval * FRESH_INTERVALS).max(MIN_FRESH)
}

/// The node's place in the interval: fleets spread, restarts keep their place.
fn phase(node: &NodeName, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    let millis = u64::try_from(interval.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    Duration::from_millis(hasher.finish() % millis)
}

/// When an endpoint is asked.
#[derive(Debug)]
struct Schedule {
    endpoint: Endpoint,
    interval: Duration,
    /// Any instant of the grid `origin + n * interval`.
    origin: Instant,
    due: Instant,
    /// Scrapes so far.
    rounds: u64,
    failures: u32,
}

impl Schedule {
    /// Due at once; later rounds on the grid of the node's phase.
    fn new(
        endpoint: Endpoint,
        interval: Duration,
        node: &NodeName,
        start: Instant,
        wall: Duration,
    ) -> Self {
        // The grid is the wall clock's, as it stands now: it is what nodes share.
        let millis = u64::try_from(interval.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let into = Duration::from_millis(
            u64::try_from(wall.as_millis() % u128::from(millis)).unwrap_or(0),
        );
        let origin = start + phase(node, interval) + interval - into;
        Self {
            endpoint,
            interval,
            origin,
            due: start,
            rounds: 0,
            failures: 0,
        }
    }

    /// The first instant of the grid at least half an interval after `after`.
    fn next_on_grid(&self, after: Instant) -> Instant {
        let earliest = after + self.interval / 2;
        let mut at = self.origin;
        if at < earliest {
            let behind = (earliest - at)
                .as_nanos()
                .div_ceil(self.interval.as_nanos().max(1));
            at += self.interval * u32::try_from(behind).unwrap_or(u32::MAX);
        }
        // The origin may lie up to two intervals ahead.
        while at >= earliest + self.interval {
            at -= self.interval;
        }
        at
    }

    /// Enters the end of a scrape. `hurry`: the first rates are still missing.
    fn ended(&mut self, now: Instant, failure: Option<&ScrapeError>, hurry: bool) {
        self.rounds += 1;
        self.due = if hurry {
            now + self.interval.min(SECOND_ROUND)
        } else if failure.is_some() {
            now + self.interval.min(RETRY)
        } else {
            self.next_on_grid(now)
        };
        match failure {
            None => self.failures = 0,
            Some(error) => {
                self.failures = self.failures.saturating_add(1);
                // One failure does not change the pace.
                if self.failures > 1 {
                    let longest = self
                        .interval
                        .saturating_mul(2_u32.saturating_pow(self.failures - 1))
                        .min(MAX_BACK_OFF);
                    self.due = self.due.max(now) + full_jitter(longest);
                }
                if let Some(wait) = error.retry_after {
                    self.due = self.due.max(now + wait);
                }
            }
        }
    }
}

/// A random time from 0 to `longest`.
fn full_jitter(longest: Duration) -> Duration {
    // The standard library seeds each RandomState at random: enough for jitter.
    let random = RandomState::new().hash_one(0_u8);
    longest.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

/// One node's rounds.
#[derive(Debug)]
pub struct NodeScraper<'a> {
    config: &'a Config,
    credentials: &'a Credentials,
    node: NodeName,
    schedules: Vec<Schedule>,
    state: &'a Mutex<NodeState>,
    history: Option<&'a Mutex<History>>,
    /// When the history was last added to.
    recorded: Instant,
}

/// Which endpoints a configuration asks, and how often.
pub fn interval_of(config: &Config, endpoint: Endpoint) -> Option<Duration> {
    let scrape = config.scrape_interval;
    match endpoint {
        Endpoint::Node => Some(NODE_OBJECT_INTERVAL.max(scrape)),
        Endpoint::Resource => config.sources.kubelet().then_some(scrape),
        Endpoint::Pods => Some(scrape),
        Endpoint::Cadvisor => config.sources.cadvisor_interval(scrape),
    }
}

impl<'a> NodeScraper<'a> {
    /// A scraper that keeps `state` up to date.
    pub fn new(
        config: &'a Config,
        credentials: &'a Credentials,
        state: &'a Mutex<NodeState>,
        history: Option<&'a Mutex<History>>,
    ) -> Self {
        let node = lock(state).node.clone();
        let (start, wall) = (Instant::now(), since_epoch());
        let schedules = Endpoint::ALL
            .into_iter()
            .filter_map(|endpoint| {
                let interval = interval_of(config, endpoint)?;
                Some(Schedule::new(endpoint, interval, &node, start, wall))
            })
            .collect();
        Self {
            config,
            credentials,
            node,
            schedules,
            state,
            history,
            recorded: start,
        }
    }

    /// When the next endpoint is due, or the history is: also while every endpoint
    /// backs off it is kept, so that a value that expires ends there.
    pub fn due(&self) -> Instant {
        let record = self
            .history
            .map(|_| self.recorded + self.config.scrape_interval);
        self.schedules
            .iter()
            .map(|schedule| schedule.due)
            .chain(record)
            .min()
            .unwrap_or_else(Instant::now)
    }

    /// Scrapes each endpoint that is due, one after the other.
    pub fn round(&mut self) {
        let now = Instant::now();
        for index in 0..self.schedules.len() {
            if self.schedules[index].due <= now {
                self.scrape(index);
            }
        }
        if let Some(history) = self.history {
            self.recorded = Instant::now();
            let state = lock(self.state);
            let mut samples = Vec::new();
            state.samples(Instant::now(), self.config.namespaces, &mut samples);
            lock(history).record(state.node.as_str(), &samples, millis(since_epoch()));
        }
    }

    /// Whether `--once` has what it came for: the core series, and two readings
    /// of cAdvisor, where that is asked, for what lies between them.
    pub fn is_complete(&self) -> bool {
        lock(self.state).has_all_core_series(Instant::now())
            && self.schedules.iter().all(|schedule| {
                schedule.endpoint != Endpoint::Cadvisor
                    || (schedule.rounds >= 2 && schedule.failures == 0)
            })
    }

    fn scrape(&mut self, index: usize) {
        let Schedule {
            endpoint,
            interval,
            rounds,
            ..
        } = self.schedules[index];
        let started = Instant::now();
        let mut bytes = 0;
        let api = ApiServer::new(self.credentials, &self.node);
        let mut errors = Tally::default();
        let answer = self.ask(api, endpoint, &mut bytes, &mut errors);
        let now = Instant::now();

        let mut state = lock(self.state);
        let arrival = Arrival {
            now,
            fresh_for: fresh_for(interval),
            machine: machine(&state, now),
        };
        let until = now + arrival.fresh_for;
        let failure = match answer {
            Ok(answer) => {
                if endpoint != Endpoint::Pods {
                    state.found();
                }
                let left_out = match answer {
                    Answer::Resource(reading) => state.usage.observe_resource(&reading, arrival),
                    Answer::Cadvisor(reading) => {
                        let with_pods = self.config.namespaces_from_cadvisor();
                        state.usage.observe_cadvisor(reading, arrival, with_pods)
                    }
                    Answer::Pods(value) => {
                        state.active_pods = Some(Known { value, until });
                        Tally::default()
                    }
                    Answer::Node(value) => {
                        state.object = Some(Known { value, until });
                        Tally::default()
                    }
                };
                errors.merge(&left_out);
                None
            }
            Err(error) => {
                errors.add(error.reason);
                if error.node_gone {
                    state.forget();
                }
                Some(error)
            }
        };
        let was_up = state.health_mut(endpoint).and_then(|health| {
            let was_up = health.up.replace(failure.is_none());
            health.duration = now - started;
            health.bytes += bytes;
            health.errors.merge(&errors);
            if failure.is_none() {
                health.last_success = Some(since_epoch());
            }
            was_up
        });
        // Rates need a second reading soon: of an endpoint asked once, and of
        // the CPU's source as long as the kubelet repeats its first sample.
        let cpu_missing = state.usage.cpu(now).is_none()
            && matches!(endpoint, Endpoint::Resource | Endpoint::Cadvisor)
            && (endpoint == Endpoint::Resource || !self.config.sources.kubelet());
        let hurry = endpoint != Endpoint::Node
            && (rounds == 0 || (cpu_missing && failure.is_none() && rounds < 8));
        drop(state);

        self.schedules[index].ended(now, failure.as_ref(), hurry);
        self.tell(endpoint, was_up, failure.as_ref(), now - started, &errors);
    }

    /// Logs a change of an endpoint's health, once; repetitions only for debugging.
    fn tell(
        &self,
        endpoint: Endpoint,
        was_up: Option<bool>,
        failure: Option<&ScrapeError>,
        took: Duration,
        errors: &Tally,
    ) {
        let (node, name) = (&self.node, endpoint.label());
        match (failure, was_up) {
            (Some(error), Some(false)) => {
                debug!(
                    "node {node}: {name} still fails ({}): {error}",
                    error.reason.label()
                );
            }
            (Some(error), _) => {
                warn!(
                    "node {node}: {name} fails ({}): {error}",
                    error.reason.label()
                );
            }
            (None, Some(true)) => debug!("node {node}: {name} scraped in {took:.0?}"),
            (None, Some(false)) => info!("node {node}: {name} answers again"),
            (None, None) => info!("node {node}: {name} answers, first in {took:.0?}"),
        }
        for (reason, count) in errors.iter() {
            if failure.is_none_or(|error| error.reason != reason) {
                debug!("node {node}: {name} left out {count} ({})", reason.label());
            }
        }
    }

    /// Asks one endpoint. `bytes` and `left_out` grow, also where it fails.
    fn ask(
        &self,
        api: ApiServer<'_>,
        endpoint: Endpoint,
        bytes: &mut u64,
        left_out: &mut Tally,
    ) -> Result<Answer, ScrapeError> {
        match endpoint {
            Endpoint::Node => api.node(bytes).map(Answer::Node),
            Endpoint::Pods => api
                .active_pods(&self.config.exclude_phases, bytes)
                .map(Answer::Pods),
            Endpoint::Resource => {
                let collector = collector(Source::Resource, self.config.namespaces);
                read_kubelet(api, kubelet::RESOURCE_PATH, collector, bytes, left_out)
                    .map(Answer::Resource)
            }
            Endpoint::Cadvisor => {
                let pods = self.config.namespaces_from_cadvisor();
                let collector = collector(Source::Cadvisor, pods);
                read_kubelet(api, kubelet::CADVISOR_PATH, collector, bytes, left_out)
                    .map(Answer::Cadvisor)
            }
        }
    }
}

fn collector(source: Source, namespaces: bool) -> Collector {
    Collector::new(source, namespaces, millis(since_epoch()))
}

/// What an endpoint answered.
enum Answer {
    Resource(Reading),
    Cadvisor(Reading),
    Pods(u64),
    Node(NodeObject),
}

fn read_kubelet(
    api: ApiServer<'_>,
    path: &str,
    mut collector: Collector,
    bytes: &mut u64,
    left_out: &mut Tally,
) -> Result<Reading, ScrapeError> {
    // A body that broke off says nothing, whatever came before the break.
    api.exposition(path, &mut collector, bytes)?;
    let (reading, tally) = collector.finish();
    left_out.merge(&tally);
    reading.map_err(|reason| {
        ScrapeError::new(
            reason,
            match reason {
                Reason::KubeletError => "the kubelet could not collect (its scrape_error is 1)",
                Reason::TooLarge => "more pods or containers than any kubelet runs",
                _ => "a complete body without a usable sample of the node",
            },
        )
    })
}

/// What the machine has, for the bound on rates.
fn machine(state: &NodeState, now: Instant) -> Option<Cores> {
    Known::at(state.object, now)
        .and_then(|object| object.capacity.cpu)
        .and_then(Cores::new)
        .filter(|cores| cores.get() > 0.0)
}

/// The wall clock: for timestamps that others compare, never for scheduling.
pub fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A time since the epoch in whole milliseconds.
pub fn millis(since_epoch: Duration) -> Millis {
    Millis::try_from(since_epoch.as_millis()).unwrap_or(Millis::MAX)
}

/// Locks what cannot be left half-changed: a panic elsewhere does not spoil it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeName {
        NodeName::parse(name).expect("a name")
    }

    fn schedule(name: &str, start: Instant) -> Schedule {
        let interval = Duration::from_secs(30);
        Schedule::new(
            Endpoint::Resource,
            interval,
            &node(name),
            start,
            Duration::from_millis(1_795_330_653_390),
        )
    }

    #[test]
    fn the_second_round_comes_soon_and_later_ones_keep_the_nodes_phase() {
        let start = Instant::now();
        let mut schedule = schedule("node-a", start);
        assert_eq!(schedule.due, start);
        schedule.ended(start, None, true);
        assert_eq!(schedule.due, start + Duration::from_secs(15));
        let mut last = schedule.due;
        schedule.ended(last, None, false);
        for _ in 0..5 {
            let gap = schedule.due - last;
            assert!(
                gap >= Duration::from_secs(15) && gap < Duration::from_secs(45),
                "{gap:?}"
            );
            last = schedule.due;
            // A scrape that takes a moment does not shift the grid.
            schedule.ended(last + Duration::from_millis(700), None, false);
            assert_eq!(schedule.due - last, Duration::from_secs(30));
        }
    }

    #[test]
    fn a_fleet_is_spread_over_the_interval() {
        let interval = Duration::from_secs(30);
        let mut quarters = [0; 4];
        for index in 0..1000 {
            let phase = phase(&node(&format!("node-{index}")), interval);
            quarters[(phase.as_millis() * 4 / interval.as_millis()) as usize] += 1;
        }
        assert!(
            quarters.iter().all(|count| (200..300).contains(count)),
            "{quarters:?}"
        );
    }

    #[test]
    fn failures_back_off_to_at_most_five_minutes_and_success_ends_it() {
        let now = Instant::now();
        let error = ScrapeError::new(Reason::Unavailable, "down");
        let mut schedule = schedule("node-a", now);
        schedule.ended(now, Some(&error), false);
        assert!(
            schedule.due - now < Duration::from_secs(45),
            "the first costs nothing"
        );
        for _ in 0..40 {
            schedule.ended(now, Some(&error), false);
            assert!(
                schedule.due - now <= Duration::from_secs(345),
                "{:?}",
                schedule.due - now
            );
        }
        schedule.ended(now, None, false);
        assert!(schedule.due - now < Duration::from_secs(45));
    }

    #[test]
    fn a_retry_after_is_honoured() {
        let now = Instant::now();
        let mut error = ScrapeError::new(Reason::RateLimited, "slow down");
        error.retry_after = Some(Duration::from_secs(120));
        let mut schedule = schedule("node-a", now);
        schedule.ended(now, Some(&error), false);
        assert!(schedule.due - now >= Duration::from_secs(120));
    }

    #[test]
    fn values_live_three_intervals_but_at_least_a_minute() {
        assert_eq!(fresh_for(Duration::from_secs(1)), Duration::from_secs(60));
        assert_eq!(fresh_for(Duration::from_secs(30)), Duration::from_secs(90));
    }
}
