//! The newest value, for ever: for values that move away from where they were.

use crate::origin::Origin;

/// Predicts the value of the newest point.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let newest = origin.before.last().map_or(0.0, |p| p.value);
    Ok(vec![newest; origin.times.len()])
}
