//! The shape that a series repeats each hour, day or week: what to take off it
//! before it is smoothed, and to add to what is predicted.
//!
//! The classical decomposition: each point is held against the mean of the period
//! around it, and what is left is averaged over the points at the same time of the
//! period. The shape is then shrunk by how much of it may be noise (as James and
//! Stein 1961 shrink means), so that a series without seasons keeps none.

use quantity::Timestamp;

use crate::average::mean;
use crate::point::Point;

/// The deviation from the level by the time within a period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Season {
    period: i64,
    /// One value a slot; their mean is 0.
    shape: Vec<f64>,
}

impl Season {
    /// The shape that `points`, `step` seconds apart, repeat each `period` seconds;
    /// `None` where nothing repeats.
    pub(crate) fn of(points: &[Point], period: i64, step: i64) -> Option<Self> {
        let slots = (period as f64 / step as f64).round() as usize;
        let mut season = Self {
            period,
            shape: vec![0.0; slots],
        };
        let away = away_from_level(points, period);
        let mut counts = vec![0u32; slots];
        for (point, away) in points.iter().zip(&away) {
            let slot = season.slot(point.at);
            counts[slot] += 1;
            season.shape[slot] += (away - season.shape[slot]) / f64::from(counts[slot]);
        }
        let within: f64 = points
            .iter()
            .zip(&away)
            .map(|(point, away)| (away - season.at(point.at)).powi(2))
            .sum();
        let freedom = points.len().saturating_sub(slots).max(1);
        let visits = points.len() as f64 / slots as f64;
        // What the shape would vary by if nothing repeated.
        let noise = within / freedom as f64 / visits;
        let centre = mean(season.shape.iter().copied());
        season.shape.iter_mut().for_each(|value| *value -= centre);
        let varies = mean(season.shape.iter().map(|value| value * value));
        if varies <= noise {
            return None;
        }
        let kept = 1.0 - noise / varies;
        season.shape.iter_mut().for_each(|value| *value *= kept);
        Some(season)
    }

    /// Returns the deviation at `time`, in the unit of the points.
    pub(crate) fn at(&self, time: Timestamp) -> f64 {
        self.shape[self.slot(time)]
    }

    pub(crate) fn period(&self) -> i64 {
        self.period
    }

    fn slot(&self, time: Timestamp) -> usize {
        let share = time.unix().rem_euclid(self.period) as f64 / self.period as f64;
        // Rounding may reach the end; the share never does.
        ((share * self.shape.len() as f64) as usize).min(self.shape.len() - 1)
    }
}

/// Each value less the mean of the values within half a period of it. Near an end
/// that is the first or last period.
fn away_from_level(points: &[Point], period: i64) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    // Counted from the first value, so that equal values are exactly on their level.
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(points.iter().scan(0.0, |sum, point| {
            *sum += point.value - first.value;
            Some(*sum)
        }))
        .collect();
    let (mut from, mut to) = (0, 0);
    points
        .iter()
        .map(|point| {
            let start = (point.at.unix() - period / 2)
                .min(last.at.unix() + 1 - period)
                .max(first.at.unix());
            from += points[from..].partition_point(|p| p.at.unix() < start);
            to += points[to..].partition_point(|p| p.at.unix() < start + period);
            point.value - first.value - (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::series;

    const HOUR: i64 = 3600;

    fn hourly(value: impl Fn(i64) -> f64, count: i64) -> Vec<Point> {
        series(&(0..count).map(|k| (k * 300, value(k))).collect::<Vec<_>>())
    }

    #[test]
    fn repeated_shape_is_found_without_level() {
        let shape = |k: i64| f64::from(u8::from(k % 12 == 3));
        let season = Season::of(&hourly(|k| 7.0 + shape(k), 36), HOUR, 300).expect("a season");
        for k in 0..24 {
            let expected = shape(k) - 1.0 / 12.0;
            let found = season.at(Timestamp::from_unix(k * 300));
            assert!((found - expected).abs() < 1e-9, "{k}: {found}");
        }
    }

    #[test]
    fn what_does_not_repeat_is_no_season() {
        assert_eq!(Season::of(&hourly(|_| 5.0, 36), HOUR, 300), None);
        // The second hour is the first one upside down.
        let turned = |k: i64| if k < 12 { k as f64 } else { 23.0 - k as f64 };
        assert_eq!(Season::of(&hourly(turned, 24), HOUR, 300), None);
    }

    #[test]
    fn a_trend_is_no_season() {
        let rising = hourly(|k| k as f64, 48);
        let season = Season::of(&rising, HOUR, 300);
        let most = season.map_or(0.0, |s| s.shape.iter().fold(0.0f64, |a, b| a.max(b.abs())));
        assert!(most < 3.0, "{most}");
    }
}
