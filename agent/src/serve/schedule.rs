//! The times of reports. Pure: times and random numbers are parameters.

use std::time::{Duration, Instant};

use runtime::schedule::{BackOff, Grid};

/// The wait after a first failure, before jitter.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Times of reports. The first report is due at once. All others lie on a grid that begins
/// at a random time from half an interval to a whole one later, so that agents that start
/// together do not query together.
#[derive(Debug)]
pub(super) struct Schedule {
    grid: Grid,
    back_off: BackOff,
    failures: u32,
}

impl Schedule {
    /// Makes a schedule of reports at a distance of `every`, above 0; `random` is from 0 to
    /// below 1.
    pub(super) fn new(start: Instant, every: Duration, random: f64) -> Self {
        Self {
            grid: Grid {
                origin: start + every.mul_f64(0.5 + random / 2.0),
                interval: every,
            },
            back_off: BackOff {
                first: FIRST_RETRY,
                // Halved by jitter, it still reaches the next time of the grid.
                longest: every * 2,
                jitter: BackOff::HALF_JITTER,
            },
            failures: 0,
        }
    }

    /// Returns the time of the next report after one that succeeded. Times that passed
    /// meanwhile are left out.
    pub(super) fn after_success(&mut self, now: Instant) -> Instant {
        self.failures = 0;
        self.grid.next(now)
    }

    /// Returns the time of the next attempt after a failure: after a back-off, but no later
    /// than after a success.
    pub(super) fn after_failure(&mut self, now: Instant, random: f64) -> Instant {
        self.failures = self.failures.saturating_add(1);
        let retry = now + self.back_off.wait(self.failures, random);
        retry.min(self.grid.next(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn reports_lie_on_a_grid_without_catching_up() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, seconds(600), 0.5);
        for (ended, due) in [
            (1, 450),
            (449, 450),
            (450, 1050),
            (451, 1050),
            (1049, 1050),
            // Ten minutes late: not two reports in a row.
            (1700, 2250),
        ] {
            let due = start + seconds(due);
            assert_eq!(schedule.after_success(start + seconds(ended)), due);
        }
    }

    #[test]
    fn a_fleet_is_spread_over_half_an_interval() {
        let start = Instant::now();
        for (random, due) in [(0.0, 300), (0.5, 450), (0.999_999_999_999, 600)] {
            let mut schedule = Schedule::new(start, seconds(600), random);
            let due_first = schedule.after_success(start + seconds(1)) - start;
            assert!(due_first.abs_diff(seconds(due)) < Duration::from_millis(1));
        }
    }

    #[test]
    fn retries_back_off_up_to_the_grid() {
        let start = Instant::now();
        let at = |after| start + seconds(after);
        let mut schedule = Schedule::new(start, seconds(600), 0.0);
        let mut now = at(1000);
        for wait in [5, 10, 20, 40, 80] {
            let due = schedule.after_failure(now, 0.5);
            assert_eq!(due - now, seconds(wait));
            now = due;
        }
        assert_eq!(now, at(1155));
        assert_eq!(schedule.after_failure(now, 0.5), at(1315));
        for _ in 0..100 {
            assert!(schedule.after_failure(at(1600), 0.999) <= at(2100));
        }
        assert_eq!(schedule.after_failure(at(1600), 0.0), at(2100));
        schedule.after_success(at(2100));
        let due = schedule.after_failure(at(2200), 0.0);
        assert_eq!(due - start, Duration::from_millis(2_202_500));
    }
}
