//! Due times of an endpoint: at once, then on a grid, later after failures.
//!
//! Uses the monotonic clock, so setting the wall clock changes nothing. Nodes have
//! different phases in the interval, so that exporters that start together do not send
//! requests together. A failing endpoint backs off with full jitter, until its server is
//! known to be back.
//!
//! Invariants: nodes are spread over the interval (held by
//! `nodes_are_spread_over_the_interval`); back-off ends at five minutes, and with a success
//! (`back_off_ends_at_five_minutes_or_success`).

use std::time::{Duration, Instant};

use contract::Endpoint;
use runtime::random;
use runtime::schedule::{BackOff, Grid};

use crate::apiserver::ScrapeError;
use crate::outage::Outage;

/// Maximum wait between the first round and the second, so that CPU is available soon. A
/// kubelet measures every 10 to 15 s.
const SECOND_ROUND: Duration = Duration::from_secs(15);

/// Maximum wait after a first failure: the interval of the node object would be too long.
const RETRY: Duration = Duration::from_secs(30);

/// Maximum wait of an endpoint that keeps failing.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);

/// Returns the phase of a hash in an interval: nodes are spread, and keep their phase after
/// a restart.
pub fn phase(hash: u64, interval: Duration) -> Duration {
    Duration::from_millis(hash % whole_millis(interval))
}

fn whole_millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// The schedule of one endpoint.
#[derive(Debug)]
pub struct Schedule {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Time between two rounds.
    pub interval: Duration,
    /// Time of the next round.
    pub due: Instant,
    /// Number of scrapes.
    pub rounds: u32,
    /// Number of failed scrapes in a row.
    pub failures: u32,
    /// Time of the last scrape if it failed.
    failed: Option<Instant>,
    /// The server asks for no request before this time.
    not_before: Option<Instant>,
    /// Times of the rounds.
    grid: Grid,
}

impl Schedule {
    /// Makes a schedule that begins at `due` and continues on the grid of the hash's phase.
    /// `start` and `wall` are the same time on the monotonic and on the wall clock.
    pub fn new(
        endpoint: Endpoint,
        interval: Duration,
        hash: u64,
        due: Instant,
        (start, wall): (Instant, Duration),
    ) -> Self {
        // The grid follows the wall clock, which the nodes share, as it is at the start.
        let into = wall.as_millis() % u128::from(whole_millis(interval));
        let into = Duration::from_millis(u64::try_from(into).unwrap_or(0));
        Self {
            endpoint,
            interval,
            due,
            rounds: 0,
            failures: 0,
            failed: None,
            not_before: None,
            grid: Grid {
                origin: start + phase(hash, interval) + interval - into,
                interval,
            },
        }
    }

    /// Returns the time of the next round, given the last outages of the servers on the path:
    /// after an outage in which the endpoint failed, soon after its end. `hash` gives the
    /// endpoint's place in the time over which the retries are spread.
    pub fn due_after(&self, outages: [Option<Outage>; 2], hash: u64) -> Instant {
        let Some(failed) = self.failed else {
            return self.due;
        };
        let ended = outages
            .into_iter()
            .flatten()
            .filter(|outage| outage.began <= failed && failed <= outage.ended)
            .map(|outage| outage.ended + phase(hash, outage.spread));
        self.no_sooner(ended.chain([self.due]).min().unwrap_or(self.due))
    }

    /// Moves the next round forward to `at`, but not before the server's `Retry-After`.
    pub fn hasten(&mut self, at: Instant) {
        self.due = self.no_sooner(self.due.min(at));
    }

    /// Restarts the schedule of a node that was gone and is back. A failing endpoint waits as
    /// after any failure.
    pub fn restart(&mut self, now: Instant) {
        self.rounds = 0;
        let wait = match self.failures {
            0 => Duration::ZERO,
            _ => self.retry(),
        };
        self.hasten(now + wait);
    }

    /// Returns the wait after a first failure.
    pub fn retry(&self) -> Duration {
        self.interval.min(RETRY)
    }

    fn no_sooner(&self, at: Instant) -> Instant {
        self.not_before.map_or(at, |limit| at.max(limit))
    }

    /// Records the end of a scrape. `hurry`: the first rates are still missing.
    pub fn ended(&mut self, now: Instant, failure: Option<&ScrapeError>, hurry: bool) {
        self.rounds = self.rounds.saturating_add(1);
        self.due = if hurry {
            now + self.interval.min(SECOND_ROUND)
        } else if failure.is_some() {
            now + self.retry()
        } else {
            // Not twice within half an interval.
            self.grid.next(now + self.interval / 2)
        };
        self.failed = failure.map(|_| now);
        self.not_before = failure.and_then(|error| Some(now + error.retry_after?));
        self.failures = match failure {
            None => 0,
            Some(_) => self.failures.saturating_add(1),
        };
        // A single failure does not slow it down.
        if self.failures > 1 {
            let back_off = BackOff {
                first: self.retry(),
                longest: MAX_BACK_OFF,
                jitter: BackOff::FULL_JITTER,
            };
            let wait = back_off.wait(self.failures, random::unit());
            self.due = self.due.max(now + wait);
        }
        self.due = self.no_sooner(self.due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Reason;

    fn schedule(name: &str, start: Instant) -> Schedule {
        Schedule::new(
            Endpoint::Resource,
            Duration::from_secs(30),
            shard::hash(name),
            start,
            (start, Duration::from_millis(1_795_330_653_390)),
        )
    }

    #[test]
    fn second_round_is_early_then_the_phase_holds() {
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
            // The duration of a scrape does not shift the grid.
            schedule.ended(last + Duration::from_millis(700), None, false);
            assert_eq!(schedule.due - last, Duration::from_secs(30));
        }
    }

    /// It is read once, at the start, for the phase alone: rounds are counted on the
    /// monotonic clock.
    #[test]
    fn setting_the_clock_moves_no_round() {
        let interval = Duration::from_secs(30);
        for wall in [0, 1, 1_795_330_653, 4_102_444_800, u64::MAX / 1_000] {
            let start = Instant::now() + 3 * interval;
            let wall = Duration::from_secs(wall);
            let hash = shard::hash("node-a");
            let clocks = (start, wall);
            let mut schedule = Schedule::new(Endpoint::Resource, interval, hash, start, clocks);
            schedule.ended(start, None, false);
            let mut last = schedule.due;
            assert!(last >= start + interval / 2 && last < start + 2 * interval);
            for _ in 0..3 {
                schedule.ended(last, None, false);
                assert_eq!(schedule.due - last, interval, "{wall:?}");
                last = schedule.due;
            }
        }
    }

    #[test]
    fn nodes_are_spread_over_the_interval() {
        let interval = Duration::from_secs(30);
        let mut quarters = [0; 4];
        for index in 0..1000 {
            let phase = phase(shard::hash(&format!("node-{index}")), interval);
            quarters[(phase.as_millis() * 4 / interval.as_millis()) as usize] += 1;
        }
        assert!(
            quarters.iter().all(|count| (200..300).contains(count)),
            "{quarters:?}"
        );
    }

    #[test]
    fn back_off_ends_at_five_minutes_or_success() {
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
    fn end_of_an_outage_ends_the_back_off() {
        let seconds = Duration::from_secs;
        let start = Instant::now();
        let error = ScrapeError::new(Reason::Connect, "down");
        let mut schedule = schedule("node-a", start);
        for after in [10, 60, 120] {
            schedule.ended(start + seconds(after), Some(&error), false);
        }
        let outage = |began, ended| {
            Some(Outage {
                began: start + seconds(began),
                ended: start + seconds(ended),
                spread: seconds(5),
            })
        };
        let due = |schedule: &Schedule, outages| schedule.due_after(outages, 7_003) - start;
        let waits = schedule.due - start;
        // Another server's, one before the failure, and one whose end it has seen.
        for outage in [None, outage(0, 100), outage(121, 200)] {
            assert_eq!(due(&schedule, [None, outage]), waits);
        }
        let place = Duration::from_millis(2_003);
        let ended = [outage(0, 100), outage(5, 125)];
        assert_eq!(due(&schedule, ended), waits.min(seconds(125) + place));

        let mut error = ScrapeError::new(Reason::RateLimited, "slow down");
        error.retry_after = Some(seconds(60));
        schedule.ended(start + seconds(124), Some(&error), false);
        let waits = due(&schedule, ended);
        assert!(waits >= seconds(184), "as the server asks: {waits:?}");
        schedule.ended(start + seconds(126), None, false);
        assert_eq!(due(&schedule, ended), schedule.due - start);
    }

    #[test]
    fn second_failure_waits_at_most_two_rounds() {
        let now = Instant::now();
        let error = ScrapeError::new(Reason::Unavailable, "down");
        for _ in 0..100 {
            let mut schedule = schedule("node-a", now);
            schedule.ended(now, Some(&error), false);
            schedule.ended(now, Some(&error), false);
            let wait = schedule.due - now;
            assert!((30..=60).contains(&wait.as_secs()), "{wait:?}");
        }
    }

    #[test]
    fn retry_after_is_honoured() {
        let now = Instant::now();
        let mut error = ScrapeError::new(Reason::RateLimited, "slow down");
        error.retry_after = Some(Duration::from_secs(120));
        let mut schedule = schedule("node-a", now);
        schedule.ended(now, Some(&error), false);
        assert!(schedule.due - now >= Duration::from_secs(120));
    }
}
