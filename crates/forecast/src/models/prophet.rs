//! Prophet: a trend that bends at some moments, days and weeks that repeat, smooth
//! shapes throughout. The model itself is crate `prophet`.
//!
//! Its own interval is not used: on a varied fleet it held too little, and stretched
//! until it held its share it was wider than that of the backtest's errors alone.

use prophet::Options;

use crate::origin::Origin;

/// Predicts as Prophet does, with its usual settings.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points: Vec<(i64, f64)> = origin
        .before
        .iter()
        .map(|p| (p.at.unix(), p.value))
        .collect();
    let times: Vec<i64> = origin.times.iter().map(|time| time.unix()).collect();
    // How sure it is of itself is not asked: the fewest samples do.
    let options = Options {
        uncertainty_samples: 1,
        ..Options::default()
    };
    let predictions =
        prophet::predict(&points, &times, &options).map_err(|error| error.to_string())?;
    Ok(predictions.iter().map(|p| p.value).collect())
}
