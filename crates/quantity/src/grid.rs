//! Evenly spaced timestamps. No clock is read here.

use crate::Timestamp;

/// Evenly spaced timestamps from `start` to `end`, both included: the times of a range
/// query. `end` lies whole steps after `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeGrid {
    /// The first timestamp.
    pub start: Timestamp,
    /// The last timestamp.
    pub end: Timestamp,
    /// Seconds between two timestamps, above 0.
    pub step: u64,
}

impl TimeGrid {
    /// The number of timestamps, at least 1.
    pub fn count(&self) -> usize {
        (self.seconds() / self.step + 1) as usize
    }

    /// The timestamps in order.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        let (start, step) = (self.start.unix(), self.step as i64);
        (0..self.count() as i64).map(move |k| Timestamp::from_unix(start + k * step))
    }

    /// Seconds from start to end.
    pub fn seconds(&self) -> u64 {
        (self.end.unix() - self.start.unix()) as u64
    }

    /// The last `seconds` of the grid, at least its last timestamp.
    pub fn last(&self, seconds: u64) -> Self {
        let kept = seconds.min(self.seconds()) / self.step * self.step;
        Self {
            start: Timestamp::from_unix(self.end.unix() - kept as i64),
            ..*self
        }
    }

    /// The timestamp nearest to `unix` seconds; `None` where that is further than half
    /// a step outside of the grid, or no number.
    pub fn nearest(&self, unix: f64) -> Option<Timestamp> {
        let steps = ((unix - self.start.unix() as f64) / self.step as f64).round();
        // NaN fails the comparison as well.
        (steps >= 0.0 && steps < self.count() as f64)
            .then(|| Timestamp::from_unix(self.start.unix() + steps as i64 * self.step as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(start: i64, end: i64) -> TimeGrid {
        TimeGrid {
            start: Timestamp::from_unix(start),
            end: Timestamp::from_unix(end),
            step: 60,
        }
    }

    #[test]
    fn both_ends_are_counted() {
        let grid = grid(480, 600);
        assert_eq!(grid.count(), 3);
        let times: Vec<i64> = grid.times().map(Timestamp::unix).collect();
        assert_eq!(times, [480, 540, 600]);
    }

    #[test]
    fn nearest_is_a_time_of_the_grid() {
        let grid = grid(480, 600);
        for (unix, at) in [
            (480.0, Some(480)),
            (509.0, Some(480)),
            (599.999, Some(600)),
            (449.0, None),
            (631.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (-1e300, None),
        ] {
            assert_eq!(grid.nearest(unix).map(Timestamp::unix), at, "{unix}");
        }
    }

    #[test]
    fn last_part_keeps_the_last_time() {
        let grid = grid(0, 7200);
        assert_eq!(grid.last(600).count(), 11);
        assert_eq!(grid.last(59).count(), 1);
        assert_eq!(grid.last(9999), grid);
    }
}
