//! The forecast of one resource over the horizon: its maximum, its mean, the level that it holds,
//! and the time to the limit, all from the same sample paths.

use forecast::{Forecast, Prediction};
use quantity::Timestamp;
use serde::Serialize;

use crate::hysteresis::Thresholds;
use crate::window::{Hold, Window};

/// The criteria that a forecast is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criteria {
    /// The thresholds for high and low.
    pub thresholds: Thresholds,
    /// The time for which a level must be held.
    pub hold: Hold,
}

/// The forecast of one resource. Lower and upper ends are quantiles: 10% and 90% for a nominal
/// coverage of 80%.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceForecast {
    /// The lower end of the maximum over the horizon.
    pub max_lower: f64,
    /// The median of the maximum over the horizon.
    pub max: f64,
    /// The upper end of the maximum over the horizon: its quantile at `upper_level`.
    pub upper: f64,
    /// The quantile level of upper ends, from 0 to 1: 0.9 for a nominal coverage of 0.8.
    pub upper_level: f64,
    /// The lower end of the mean over the horizon.
    pub mean_lower: f64,
    /// The mean expected value over the horizon.
    pub mean: f64,
    /// The upper end of the mean over the horizon.
    pub mean_upper: f64,
    /// The lower end of the highest level that is held for `for_seconds`.
    pub held_lower: f64,
    /// The median of the highest level that is held for `for_seconds`; it decides the verdict.
    pub held: f64,
    /// The upper end of the highest level that is held for `for_seconds`.
    pub held_upper: f64,
    /// The time for which a level must be held, in seconds.
    pub for_seconds: u64,
    /// The probability, from 0 to 1, of a held level above the threshold for high;
    /// `None` if allocatable is unknown.
    pub exceeds_high: Option<f64>,
    /// The nominal coverage of the prediction interval, from 0 to 1.
    pub coverage: f64,
    /// The horizon, in seconds.
    pub horizon_seconds: u64,
    /// The expected time until allocatable is reached and held, in seconds; `None` if that is
    /// beyond the horizon, or if allocatable is unknown.
    pub seconds_to_limit: Option<u64>,
    /// The earliest such time: the lower end of its distribution.
    pub seconds_to_limit_earliest: Option<u64>,
    /// The latest such time: the upper end of its distribution.
    pub seconds_to_limit_latest: Option<u64>,
    /// One prediction for each timestamp of the horizon, in order of time.
    pub path: Vec<PredictionReport>,
}

impl ResourceForecast {
    /// Returns the numbers of a forecast for a resource of which pods may use `allocatable`.
    pub fn of(
        forecast: &Forecast,
        Criteria { thresholds, hold }: Criteria,
        allocatable: Option<f64>,
        window: &Window,
    ) -> Self {
        let level = forecast.upper_level();
        let (max, mean) = (forecast.paths.held(1), forecast.paths.mean());
        let held = forecast.paths.held(hold.points);
        // The mean forecast may lie outside the quantiles of the paths if they are skewed.
        let expected = forecast.mean();
        let seconds_to_limit = |share: f64| {
            let limit = allocatable?;
            let reached = forecast.paths.reached(limit, hold.points, share)?;
            // A quantile may lie between two paths; the level decides, so that both agree.
            let level = held.quantile(1.0 - share);
            (level >= limit).then(|| reached.since(window.past.end) as u64)
        };
        Self {
            max_lower: max.quantile(1.0 - level),
            max: max.median(),
            upper: max.quantile(level),
            upper_level: level,
            mean_lower: mean.quantile(1.0 - level).min(expected),
            mean: expected,
            mean_upper: mean.quantile(level).max(expected),
            held_lower: held.quantile(1.0 - level),
            held: held.median(),
            held_upper: held.quantile(level),
            for_seconds: hold.seconds,
            exceeds_high: allocatable
                .map(|allocatable| held.share_above(thresholds.high() * allocatable)),
            coverage: forecast.coverage,
            horizon_seconds: window.horizon,
            seconds_to_limit: seconds_to_limit(0.5),
            seconds_to_limit_earliest: seconds_to_limit(1.0 - level),
            seconds_to_limit_latest: seconds_to_limit(level),
            path: forecast.path.iter().copied().map(Into::into).collect(),
        }
    }
}

/// The prediction for one timestamp, in the unit of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PredictionReport {
    /// The timestamp.
    pub at: Timestamp,
    /// The expected value.
    pub value: f64,
    /// The lower end of the interval.
    pub lower: f64,
    /// The upper end of the interval.
    pub upper: f64,
}

impl From<Prediction> for PredictionReport {
    fn from(prediction: Prediction) -> Self {
        let Prediction {
            at,
            value,
            lower,
            upper,
        } = prediction;
        Self {
            at,
            value,
            lower,
            upper,
        }
    }
}
