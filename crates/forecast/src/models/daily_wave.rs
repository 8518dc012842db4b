//! A smooth wave of one day about a level: for a day that has been seen in part.
//!
//! A window of a day holds no day twice, so nothing in it shows that days repeat.
//! But loads that people cause do rise and fall with the day, and a wave of that
//! period continues a curve where a straight line goes astray. Whether this series
//! is one of them, the backtest says.
//!
//! Least squares on a constant, the day's sine and cosine and those of half a day;
//! then moved as a whole by the median of what the newest points are off by.

use std::f64::consts::TAU;

use quantity::Timestamp;

use crate::average::median;
use crate::origin::Origin;
use crate::point::Point;

const DAY: i64 = 86_400;

/// Least that must have been seen of a day, in seconds: of a quarter every curve
/// looks like a wave.
const MIN_SPAN: i64 = DAY / 4;

/// Constant, and sine and cosine of each wave.
const TERMS: usize = 5;

/// Added to the diagonal, as a share of it: terms that the points cannot tell apart
/// share what there is between them.
const RIDGE: f64 = 1e-6;

/// Share of the points that say where the series is now; at least [`MIN_NEWEST`].
const NEWEST: usize = 12;
const MIN_NEWEST: usize = 3;

/// Predicts along the wave.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points = origin.before;
    let (Some(first), Some(newest)) = (points.first(), points.last()) else {
        return Err("no points".to_owned());
    };
    if newest.at.unix() - first.at.unix() < MIN_SPAN {
        return Err("needs to have seen a quarter of a day".to_owned());
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
        .saturating_sub((points.len() / NEWEST).max(MIN_NEWEST));
    let off = median(
        points[newest..]
            .iter()
            .map(|p| p.value - wave(p.at))
            .collect(),
    );
    Ok(origin.times.iter().map(|time| wave(*time) + off).collect())
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

/// The weights that fit the points best: the normal equations, solved by Cholesky's
/// decomposition. The ridge makes them definite whatever the points.
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
        // Sixteen hours, and six ahead.
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
            let moments: Vec<i64> =
                gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let points: Vec<(i64, f64)> = moments.into_iter().zip(values).collect();
            let end = points[points.len() - 1].0;
            let times = [Timestamp::from_unix(end + 60), Timestamp::from_unix(end + 90_000)];
            if let Ok(values) = Model::DailyWave.predict(&series(&points), &times) {
                prop_assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }
}
