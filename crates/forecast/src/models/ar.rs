//! Autoregression: each value is a weighted sum of the values before it, around a level.
//!
//! The weights are estimated by Burg's method (1975, "Maximum entropy spectral analysis"), which
//! makes them stable. The order minimises the corrected Akaike information criterion (Hurvich
//! and Tsai 1989). Missing points are interpolated linearly.

use quantity::Timestamp;

use crate::average::{mean, median};
use crate::cadence::step;
use crate::origin::Origin;
use crate::point::Point;

/// The maximum number of missing points, as a multiple of the points present.
const MAX_MISSING: usize = 1;

/// The number of equal parts of the window; the level is the median of the newest part. The error
/// of the mix on 3,008 windows of real machine metrics is 1.1% smaller than with the mean of the
/// whole window, to which a series does not return after its level has changed.
const LEVEL_PARTS: usize = 3;

/// The maximum order, as a multiple of the decimal logarithm of the number of points; as in R's
/// `ar`.
const MAX_ORDER: f64 = 10.0;

/// Forecasts by autoregression.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points = origin.before;
    let (Some(newest), Some(end)) = (points.last(), origin.times.last()) else {
        return Err("no points".to_owned());
    };
    let step = step(points);
    let values = resampled(points, step).ok_or("more than half of the points are missing")?;
    let level = median(values[values.len() - values.len().div_ceil(LEVEL_PARTS)..].to_vec());
    let deviations: Vec<f64> = values.iter().map(|value| value - level).collect();
    let weights = burg(&deviations);
    let steps = (end.since(newest.at) / step as f64).ceil() as usize;
    let mut path = deviations[deviations.len() - weights.len()..].to_vec();
    for _ in 0..steps {
        let next = weights
            .iter()
            .zip(path.iter().rev())
            .map(|(weight, value)| weight * value)
            .sum();
        path.push(next);
    }
    let path = &path[weights.len()..];
    let at = |time: &Timestamp| {
        let steps = time.since(newest.at) / step as f64;
        let index = (steps.round() as usize).clamp(1, path.len());
        level + path[index - 1]
    };
    Ok(origin.times.iter().map(at).collect())
}

/// Returns the values at regular steps up to the newest point, interpolated linearly; `None` if
/// too many are missing.
fn resampled(points: &[Point], step: i64) -> Option<Vec<f64>> {
    let (first, newest) = (points.first()?, points.last()?);
    let count = ((newest.at.unix() - first.at.unix()) / step) as usize + 1;
    if count > (1 + MAX_MISSING) * points.len() {
        return None;
    }
    let mut next = 0;
    let start = newest.at.unix() - (count as i64 - 1) * step;
    let value = |k: usize| {
        let at = start + k as i64 * step;
        while points[next].at.unix() < at {
            next += 1;
        }
        let after = points[next];
        let gap = after.at.unix() - at;
        if gap == 0 || next == 0 {
            return after.value;
        }
        let before = points[next - 1];
        let share = gap as f64 / after.at.since(before.at);
        after.value + (before.value - after.value) * share
    };
    Some((0..count).map(value).collect())
}

/// Returns the weights of the previous values, newest first.
fn burg(values: &[f64]) -> Vec<f64> {
    let count = values.len();
    let most = ((MAX_ORDER * (count as f64).log10()) as usize).min(count / 3);
    let mut forward = values.to_vec();
    let mut backward = values.to_vec();
    let mut weights: Vec<f64> = Vec::new();
    let mut variance = mean(values.iter().map(|value| value * value));
    let criterion = |variance: f64, order: usize| {
        let (n, k) = (count as f64, order as f64 + 2.0);
        n * variance.max(f64::MIN_POSITIVE).ln() + 2.0 * k * n / (n - k - 1.0)
    };
    let mut best = (criterion(variance, 0), Vec::new());
    for order in 1..=most {
        let (mut cross, mut power) = (0.0, 0.0);
        for k in order..count {
            cross += forward[k] * backward[k - 1];
            power += forward[k].powi(2) + backward[k - 1].powi(2);
        }
        if power <= 0.0 || variance <= 0.0 {
            break;
        }
        let reflection = 2.0 * cross / power;
        for k in (order..count).rev() {
            let (ahead, behind) = (forward[k], backward[k - 1]);
            forward[k] = ahead - reflection * behind;
            backward[k] = behind - reflection * ahead;
        }
        let before = weights.clone();
        for (weight, mirrored) in weights.iter_mut().zip(before.iter().rev()) {
            *weight -= reflection * mirrored;
        }
        weights.push(reflection);
        variance *= 1.0 - reflection * reflection;
        let criterion = criterion(variance, order);
        if criterion < best.0 {
            best = (criterion, weights.clone());
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ahead, series, spaced};
    use std::f64::consts::TAU;

    fn continued(points: &[Point], steps: i64) -> Vec<f64> {
        let origin = Origin {
            before: points,
            after: &[],
            periods: &[],
            times: ahead(points, steps),
        };
        predict(&origin).expect("fits")
    }

    #[test]
    fn burg_estimates_the_weight_of_one_value() {
        // x(k) = 0.8 x(k-1) + e(k), e from a congruential generator.
        let mut state = 1u32;
        let mut value = 0.0;
        let values = (0..2000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value = 0.8 * value + f64::from(state >> 8) / f64::from(1u32 << 24) - 0.5;
            value
        });
        let weights = burg(&Vec::from_iter(values));
        assert!((weights[0] - 0.8).abs() < 0.06, "{weights:?}");
        let others: f64 = weights[1..].iter().map(|weight| weight.abs()).sum();
        assert!(others < 0.2, "{weights:?}");
    }

    #[test]
    fn wave_of_any_period_is_continued() {
        let wave = |k: i64| 5.0 + (TAU * k as f64 / 17.3).sin();
        let points = spaced(&(0..200).map(wave).collect::<Vec<_>>());
        for (k, value) in (200..).zip(continued(&points, 20)) {
            assert!((value - wave(k)).abs() < 0.2, "{k}: {value}");
        }
    }

    #[test]
    fn forecast_returns_to_the_newest_level() {
        let values = (0..200).map(|k| if k < 60 { 1.0 } else { 9.0 } + f64::from(k % 2));
        let values = continued(&spaced(&Vec::from_iter(values)), 400);
        assert!((values[399] - 9.5).abs() < 0.6, "{}", values[399]);
    }

    #[test]
    fn gaps_are_interpolated_up_to_half_of_the_points() {
        let some = (0..60).filter(|k| k % 10 != 3).map(|k| (60 * k, 2.0));
        let values = continued(&series(&Vec::from_iter(some)), 3);
        assert_eq!(values, [2.0; 3]);
        let far = (0..30).chain(500..520).map(|k| (60 * k, 2.0));
        let points = series(&Vec::from_iter(far));
        assert_eq!(resampled(&points, 60), None);
    }
}
