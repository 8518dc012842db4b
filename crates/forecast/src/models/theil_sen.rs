//! The Theil–Sen line: a straight line that is robust against outliers.
//!
//! Slope: the median of the slopes between all pairs of points (Theil 1950; Sen 1968, "Estimates
//! of the regression coefficient based on Kendall's tau", JASA 63). Level: the median residual
//! after removing the slope. The breakdown point is 29%: up to that share of the points may be
//! arbitrarily wrong.

use quantity::Timestamp;

use crate::average::median;
use crate::origin::Origin;

/// The maximum number of points for slopes between all pairs: 256 give 32,640 slopes, which
/// takes about a millisecond. A longer series is first reduced to as many medians of consecutive
/// points.
const MAX_PAIRED: usize = 256;

/// Forecasts along the Theil–Sen line.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points = origin.before;
    let Some(newest) = points.last() else {
        return Ok(vec![0.0; origin.times.len()]);
    };
    // Times relative to the newest point are small, so no precision is lost, and do not depend
    // on the date.
    let xy: Vec<(f64, f64)> = points
        .iter()
        .map(|p| (p.at.since(newest.at), p.value))
        .collect();
    let slope = if xy.len() > MAX_PAIRED {
        slope(&thinned(&xy))
    } else {
        slope(&xy)
    };
    let level = median(xy.iter().map(|(x, y)| y - slope * x).collect());
    let at = |time: &Timestamp| level + slope * time.since(newest.at);
    Ok(origin.times.iter().map(at).collect())
}

/// Returns at most [`MAX_PAIRED`] points: the median time and the median value of each run of
/// consecutive points. Points on a line give points on that line.
fn thinned(xy: &[(f64, f64)]) -> Vec<(f64, f64)> {
    xy.chunks(xy.len().div_ceil(MAX_PAIRED))
        .map(|run| {
            (
                median(run.iter().map(|p| p.0).collect()),
                median(run.iter().map(|p| p.1).collect()),
            )
        })
        .collect()
}

/// Returns the median slope between all pairs, per second; 0 for a single point.
fn slope(xy: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(xy.len() * xy.len().saturating_sub(1) / 2);
    for (i, a) in xy.iter().enumerate() {
        // Times strictly increase, so the difference is never 0.
        slopes.extend(xy[i + 1..].iter().map(|b| (b.1 - a.1) / (b.0 - a.0)));
    }
    median(slopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ahead, spaced};
    use crate::models::Model;
    use proptest::prelude::*;

    #[test]
    fn thinned_series_keep_their_slope() {
        for count in [256, 257, 1000, 11_000] {
            let xy: Vec<(f64, f64)> = (0..count)
                .map(|k| (f64::from(k) * 60.0, 3.0 + 0.5 * f64::from(k)))
                .collect();
            let thinned = thinned(&xy);
            assert!(thinned.len() <= MAX_PAIRED, "{}", thinned.len());
            assert!((slope(&thinned) * 60.0 - 0.5).abs() < 1e-12, "{count}");
        }
    }

    #[test]
    fn slope_is_the_median_of_all_pairs() {
        // Computed by hand: the pairs of (0,0) (1,1) (2,8) (3,3) have the slopes
        // 1, 4, 1, 7, 1, -5; sorted: -5 1 1 1 4 7; the middle two are 1 and 1.
        assert_eq!(
            slope(&[(0.0, 0.0), (1.0, 1.0), (2.0, 8.0), (3.0, 3.0)]),
            1.0
        );
    }

    proptest! {
        #[test]
        fn one_outlier_hardly_moves_a_line(
            at in 0..20usize,
            outlier in 0.0..1e6f64,
            slope in 0.0..0.1f64,
        ) {
            let end = |values: &[f64]| {
                let points = spaced(values);
                let line = Model::TheilSen.predict(&points, &ahead(&points, 30));
                line.expect("a line fits any points")[29]
            };
            let mut values: Vec<f64> = (0..20).map(|k| 10.0 + slope * f64::from(k)).collect();
            let clean = end(&values);
            values[at] = outlier;
            let dirty = end(&values);
            prop_assert!((dirty - clean).abs() <= 0.1 * clean, "{} {}", clean, dirty);
        }
    }
}
