//! The naive forecast: the newest value, repeated. Suits a random walk.

use crate::origin::Origin;

/// Forecasts the value of the newest point.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let newest = origin.before.last().map_or(0.0, |p| p.value);
    Ok(vec![newest; origin.times.len()])
}
