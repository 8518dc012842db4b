//! A smooth daily wave around a level, for windows that cover only part of a day.
//!
//! A window of less than two days does not show that days repeat. User traffic does follow the
//! time of day, and a wave continues its curve better than a straight line. The backtest decides
//! the weight of the wave for each series.
//!
//! A least-squares fit of a constant and of sines and cosines with periods of a day and half a
//! day, shifted by the median error at the newest points.

use std::f64::consts::TAU;

use quantity::Timestamp;

use crate::average::median;
use crate::origin::Origin;
use crate::point::Point;

const DAY: i64 = 86_400;

/// The minimum time span of the points, in seconds: over a shorter span every curve fits a
/// wave.
const MIN_SPAN: i64 = DAY / 4;

/// The number of regressors: a constant, and a sine and a cosine for each period.
const TERMS: usize = 5;

/// The ridge on the diagonal of the normal equations, for each point: it makes collinear
/// regressors solvable.
const RIDGE: f64 = 1e-6;

/// The number of equal parts of the window; the wave is shifted to the newest part.
const PARTS: usize = 12;

/// The minimum number of points in the newest part.
const MIN_NEWEST: usize = 3;

/// Forecasts the wave.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points = origin.before;
    let (Some(first), Some(newest)) = (points.first(), points.last()) else {
        return Err("no points".to_owned());
    };
    if newest.at.unix() - first.at.unix() < MIN_SPAN {
        return Err("needs a window of at least a quarter of a day".to_owned());
    }
    let weights = fit(&origin.around());
    let wave = |time: Timestamp| -> f64 {
        terms(time)
            .iter()
            .zip(&weights)
            .map(|(term, weight)| term * weight)
            .sum()
    };
    let newest = points
        .len()
        .saturating_sub((points.len() / PARTS).max(MIN_NEWEST));
    let shift = median(
        points[newest..]
            .iter()
            .map(|p| p.value - wave(p.at))
            .collect(),
    );
    Ok(origin
        .times
        .iter()
        .map(|time| wave(*time) + shift)
        .collect())
}

/// Returns the regressors at one time.
fn terms(time: Timestamp) -> [f64; TERMS] {
    let angle = TAU * time.unix().rem_euclid(DAY) as f64 / DAY as f64;
    [
        1.0,
        angle.sin(),
        angle.cos(),
        (2.0 * angle).sin(),
        (2.0 * angle).cos(),
    ]
}

/// Returns the least-squares weights: the normal equations, solved by Cholesky decomposition.
/// The ridge makes them positive definite for any points.
fn fit(points: &[Point]) -> [f64; TERMS] {
    let mut normal = [[0.0; TERMS]; TERMS];
    let mut right = [0.0; TERMS];
    for point in points {
        let terms = terms(point.at);
        for i in 0..TERMS {
            for j in 0..=i {
                normal[i][j] += terms[i] * terms[j];
            }
            right[i] += terms[i] * point.value;
        }
    }
    for (i, row) in normal.iter_mut().enumerate() {
        row[i] += RIDGE * points.len() as f64;
    }
    let mut root = [[0.0; TERMS]; TERMS];
    for i in 0..TERMS {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| root[i][k] * root[j][k]).sum();
            let rest = normal[i][j] - sum;
            root[i][j] = if i == j {
                rest.sqrt()
            } else {
                rest / root[j][j]
            };
        }
    }
    let mut half = [0.0; TERMS];
    for i in 0..TERMS {
        let sum: f64 = (0..i).map(|k| root[i][k] * half[k]).sum();
        half[i] = (right[i] - sum) / root[i][i];
    }
    let mut weights = [0.0; TERMS];
    for i in (0..TERMS).rev() {
        let sum: f64 = (i + 1..TERMS).map(|k| root[k][i] * weights[k]).sum();
        weights[i] = (half[i] - sum) / root[i][i];
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::series;
    use crate::models::Model;
    use proptest::prelude::*;

    const STEP: i64 = 300;

    fn at(k: i64) -> Timestamp {
        Timestamp::from_unix(k * STEP)
    }

    #[test]
    fn part_of_a_wave_is_enough_to_continue_it() {
        let wave = |k: i64| 5.0 + 2.0 * (TAU * (k * STEP) as f64 / 86_400.0 + 1.0).sin();
        // A window of 16 hours and a horizon of 6.
        let points: Vec<(i64, f64)> = (0..192).map(|k| (k * STEP, wave(k))).collect();
        let times: Vec<Timestamp> = (192..264).map(at).collect();
        let values = Model::DailyWave
            .predict(&series(&points), &times)
            .expect("fits");
        for (k, value) in (192..).zip(values) {
            assert!((value - wave(k)).abs() < 0.01, "{k}: {value}");
        }
    }

    #[test]
    fn less_than_a_quarter_of_a_day_is_refused() {
        let points: Vec<(i64, f64)> = (0..72).map(|k| (k * STEP, 1.0)).collect();
        let times = [at(72)];
        assert!(Model::DailyWave.predict(&series(&points), &times).is_err());
    }

    proptest! {
        #[test]
        fn any_points_give_finite_values(
            gaps in proptest::collection::vec(1..20_000i64, 4..60),
            values in proptest::collection::vec(0.0..2f64.powi(53), 60),
        ) {
            let times: Vec<i64> =
                gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let points: Vec<(i64, f64)> = times.into_iter().zip(values).collect();
            let end = points[points.len() - 1].0;
            let ahead = [60, 90_000].map(|seconds| Timestamp::from_unix(end + seconds));
            if let Ok(values) = Model::DailyWave.predict(&series(&points), &ahead) {
                prop_assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }
}
