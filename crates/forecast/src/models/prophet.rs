//! Prophet: a piecewise linear trend with changepoints, and smooth daily and weekly seasons. The
//! model itself is crate `prophet`.
//!
//! Its own interval is not used: on a varied fleet its coverage was below the nominal one.
//! Widened to the nominal coverage, it was wider than the interval from backtest errors.

use prophet::Options;

use crate::origin::Origin;

/// Forecasts by Prophet with its default settings.
pub(super) fn predict(origin: &Origin<'_>) -> Result<Vec<f64>, String> {
    let points: Vec<(i64, f64)> = origin
        .before
        .iter()
        .map(|p| (p.at.unix(), p.value))
        .collect();
    let times: Vec<i64> = origin.times.iter().map(|time| time.unix()).collect();
    // Its interval is not used, so one sample is enough.
    let options = Options {
        uncertainty_samples: 1,
        ..Options::default()
    };
    let predictions =
        prophet::predict(&points, &times, &options).map_err(|error| error.to_string())?;
    Ok(predictions.iter().map(|p| p.value).collect())
}
