//! Scheduling: times on a grid, and waits between attempts that fail.
//!
//! Pure: times and random numbers are parameters. Times are monotonic, so a wall clock that
//! is set changes nothing.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Times at equal distances, before and after an origin.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// One of the times.
    pub origin: Instant,
    /// The distance between two times; above 0.
    pub interval: Duration,
}

impl Grid {
    /// Returns the first time of the grid after `at`.
    pub fn next(&self, at: Instant) -> Instant {
        let interval = self.interval.as_nanos();
        let wait = match at.checked_duration_since(self.origin) {
            Some(since) => interval - since.as_nanos() % interval,
            None => ((self.origin - at).as_nanos() - 1) % interval + 1,
        };
        // 2^64 nanoseconds are 584 years.
        at + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

/// Exponential back-off with jitter. The wait after the nth failure in a row is
///
/// ```text
/// min(first × 2^(n - 1), longest) × jitter
/// ```
///
/// where `jitter` is uniform in its range, so that clients that fail together do not retry
/// together.
#[derive(Debug, Clone)]
pub struct BackOff {
    /// The wait after the first failure, before jitter.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub longest: Duration,
    /// The range of the random factor.
    pub jitter: Range<f64>,
}

impl BackOff {
    /// The jitter that spreads most: from no wait to the whole.
    pub const FULL_JITTER: Range<f64> = 0.0..1.0;

    /// The jitter that keeps the mean: half the wait to one and a half.
    pub const HALF_JITTER: Range<f64> = 0.5..1.5;

    /// Returns the wait after `failures` in a row, at least 1; `random` is from 0 to below 1.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let Range { start, end } = self.jitter;
        let factor = start + (end - start) * random;
        self.first
            .saturating_mul(doubled)
            .min(self.longest)
            .mul_f64(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn next_time_of_a_grid_is_after_now() {
        let start = Instant::now();
        let origin = start + seconds(100);
        let grid = Grid {
            origin,
            interval: seconds(30),
        };
        for (at, next) in [
            (0, 10),
            (9, 10),
            (10, 40),
            (70, 100),
            (99, 100),
            (100, 130),
            (101, 130),
            (1000, 1030),
        ] {
            assert_eq!(grid.next(start + seconds(at)) - start, seconds(next));
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let full = BackOff {
            first: seconds(5),
            longest: seconds(60),
            jitter: BackOff::FULL_JITTER,
        };
        let half = BackOff {
            jitter: BackOff::HALF_JITTER,
            ..full.clone()
        };
        for (failures, wait) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (u32::MAX, 60)] {
            let wait = seconds(wait);
            assert_eq!(full.wait(failures, 0.0), Duration::ZERO);
            assert_eq!(full.wait(failures, 0.5), wait / 2);
            assert_eq!(half.wait(failures, 0.0), wait / 2);
            assert_eq!(half.wait(failures, 0.5), wait);
        }
    }
}
