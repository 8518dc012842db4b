//! The mean of all points. Suits noise around a constant level.

use crate::average;
use crate::origin::Origin;

/// Forecasts the arithmetic mean of the points.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let mean = average::mean(origin.before.iter().map(|p| p.value));
    Ok(vec![mean; origin.times.len()])
}
