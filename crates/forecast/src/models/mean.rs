//! The mean of all points, for ever: for values that jump about a level.

use quantity::Timestamp;

use crate::average;
use crate::point::Point;

/// Predicts the arithmetic mean of the points.
pub(super) fn predict(points: &[Point], times: &[Timestamp]) -> Result<Vec<f64>, String> {
    let mean = average::mean(points.iter().map(|p| p.value));
    Ok(vec![mean; times.len()])
}
