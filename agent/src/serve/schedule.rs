//! When the next report is due. Pure: moments are spans since the start.

use std::time::Duration;

/// Wait after a first failure, half of it to one and a half: each further failure
/// in a row doubles it, until it is the interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Doublings after which a wait is longer than any interval.
const MAX_DOUBLINGS: u32 = 20;

/// Moments at one distance. The first report is due at once, since somebody waits
/// for it; all others lie on a grid that begins half an interval later or more, by
/// chance, so that agents that are started together do not ask together for ever.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    phase: Duration,
    failures: u32,
}

impl Schedule {
    /// Reports at a distance of `every`, above 0; `chance` is from 0 to below 1.
    pub(super) fn new(every: Duration, chance: f64) -> Self {
        Self {
            every,
            phase: every.mul_f64(0.5 + chance / 2.0),
            failures: 0,
        }
    }

    /// When the next report is due after one that succeeded: moments that it took
    /// itself are left out.
    pub(super) fn after_success(&mut self, now: Duration) -> Duration {
        self.failures = 0;
        self.on_the_grid(now)
    }

    /// When to try again: soon, and then ever later, but no later than usual.
    pub(super) fn after_failure(&mut self, now: Duration, chance: f64) -> Duration {
        let doubled = 1_u32 << self.failures;
        self.failures = (self.failures + 1).min(MAX_DOUBLINGS);
        let retry = now + FIRST_RETRY.mul_f64(f64::from(doubled) * (0.5 + chance));
        retry.min(self.on_the_grid(now))
    }

    fn on_the_grid(&self, now: Duration) -> Duration {
        let Some(since) = now.checked_sub(self.phase) else {
            return self.phase;
        };
        let begun = since.as_nanos() / self.every.as_nanos() + 1;
        // 2^32 intervals of a second are 136 years.
        let begun = u32::try_from(begun).unwrap_or(u32::MAX);
        self.phase + self.every * begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn reports_lie_on_a_grid_and_one_that_takes_long_leaves_moments_out() {
        let mut schedule = Schedule::new(seconds(600), 0.5);
        for (ended, due) in [
            (1, 450),
            (449, 450),
            (450, 1050),
            (451, 1050),
            (1049, 1050),
            // Ten minutes late: not two reports in a row.
            (1700, 2250),
        ] {
            assert_eq!(schedule.after_success(seconds(ended)), seconds(due));
        }
    }

    #[test]
    fn a_fleet_that_starts_at_once_is_spread_over_half_an_interval() {
        for (chance, due) in [(0.0, 300), (0.5, 450), (0.999_999_999_999, 600)] {
            let due_first = Schedule::new(seconds(600), chance).after_success(seconds(1));
            assert!(due_first.abs_diff(seconds(due)) < Duration::from_millis(1));
        }
    }

    #[test]
    fn failures_are_tried_again_ever_later_but_no_later_than_usual() {
        let mut schedule = Schedule::new(seconds(600), 0.0);
        let mut now = seconds(1000);
        for wait in [5, 10, 20, 40, 80] {
            let due = schedule.after_failure(now, 0.5);
            assert_eq!(due - now, seconds(wait));
            now = due;
        }
        assert_eq!(now, seconds(1155));
        assert_eq!(schedule.after_failure(now, 0.5), seconds(1315));
        for _ in 0..100 {
            assert!(schedule.after_failure(seconds(1600), 0.999) <= seconds(2100));
        }
        assert_eq!(schedule.after_failure(seconds(1600), 0.0), seconds(2100));
        schedule.after_success(seconds(2100));
        assert_eq!(
            schedule.after_failure(seconds(2200), 0.0),
            Duration::from_millis(2_202_500)
        );
    }
}
