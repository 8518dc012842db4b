//! The seasonal component of a series, with a period of an hour, a day or a week. It is removed
//! before smoothing, and added to the forecast.
//!
//! Classical decomposition: each point is compared with the mean of the period around it, and
//! these deviations are averaged by their time within the period. The result is then shrunk by
//! the share of its variance that noise explains (as James and Stein 1961 shrink means), so that
//! a series without a season has none.

use quantity::Timestamp;

use crate::average::mean;
use crate::point::Point;

/// The seasonal component: the deviation from the level by the time within a period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Season {
    period: i64,
    /// One value for each slot of the period; their mean is 0.
    shape: Vec<f64>,
}

impl Season {
    /// Estimates the season of `points`, `step` seconds apart, with a period of `period` seconds;
    /// `None` if there is none.
    pub(crate) fn of(points: &[Point], period: i64, step: i64) -> Option<Self> {
        let slots = (period as f64 / step as f64).round() as usize;
        let mut season = Self {
            period,
            shape: vec![0.0; slots],
        };
        let deviations = deviations_from_level(points, period);
        let mut counts = vec![0u32; slots];
        for (point, deviation) in points.iter().zip(&deviations) {
            let slot = season.slot(point.at);
            counts[slot] += 1;
            season.shape[slot] += (deviation - season.shape[slot]) / f64::from(counts[slot]);
        }
        let within: f64 = points
            .iter()
            .zip(&deviations)
            .map(|(point, deviation)| (deviation - season.at(point.at)).powi(2))
            .sum();
        let freedom = points.len().saturating_sub(slots).max(1);
        let visits = points.len() as f64 / slots as f64;
        // The expected variance of the shape of a series without a season.
        let noise = within / freedom as f64 / visits;
        let centre = mean(season.shape.iter().copied());
        season.shape.iter_mut().for_each(|value| *value -= centre);
        let variance = mean(season.shape.iter().map(|value| value * value));
        if variance <= noise {
            return None;
        }
        let kept = 1.0 - noise / variance;
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
        // The share is below 1, but rounding may give the length.
        ((share * self.shape.len() as f64) as usize).min(self.shape.len() - 1)
    }
}

/// Returns each value minus the mean of the values within half a period of it; near an end, minus
/// the mean of the first or last period.
fn deviations_from_level(points: &[Point], period: i64) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    // Relative to the first value, so that equal values deviate by exactly 0.
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
    fn series_without_repetition_has_no_season() {
        assert_eq!(Season::of(&hourly(|_| 5.0, 36), HOUR, 300), None);
        // The second hour mirrors the first.
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
