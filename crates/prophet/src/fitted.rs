//! A fitted series: parameters from points, and predictions from parameters.

use std::collections::BTreeMap;

use augurs_prophet::optimizer::{Data, OptimizeOpts};
use augurs_prophet::{
    FeatureMode, GrowthType, PredictionData, Prophet, ProphetOptions, TrainingData,
};

use crate::ascent::Optimum;
use crate::interval::{PredictionPoint, Uncertainty, bounds};
use crate::optimizer::{FixedOrder, MaximumPosterior};
use crate::trend::{Trend, level};
use crate::{Error, Growth, MAX_DISTANCE, Options, Prediction, Seasonality};

/// Added to the mean absolute rate change, so that its scale is above 0 for a trend
/// without changes.
const MIN_CHANGE: f64 = 1e-8;

/// A series with its fitted model.
#[derive(Debug)]
pub struct Fitted {
    model: Prophet<FixedOrder<MaximumPosterior>>,
    optimizer: MaximumPosterior,
    options: Options,
    /// Timestamp of the first point, in Unix seconds.
    start: i64,
    /// Seconds from the first point to the last.
    length: i64,
    /// Largest absolute value; 1 if all values are 0.
    scale: f64,
}

/// The components of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// The trend at each timestamp, in the unit of the series.
    pub trend: Vec<f64>,
    /// Each seasonality by its name (`daily`, `weekly`, `yearly`): in the unit of the series
    /// if additive, as a fraction of the trend if multiplicative.
    pub seasonal: BTreeMap<String, Vec<f64>>,
}

/// Fits the model to points: timestamps in Unix seconds and values in one unit.
///
/// # Errors
/// There are fewer than 2 points, their timestamps are not ascending, a value is not
/// finite, or an option is out of its range.
pub fn fit(points: &[(i64, f64)], options: &Options) -> Result<Fitted, Error> {
    options.check()?;
    let [(start, _), .., (end, _)] = *points else {
        return Err(Error::TooFewPoints(points.len()));
    };
    if let Some(&(at, _)) = points.iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::NotFinite(at));
    }
    check_ascending(points.iter().map(|&(at, _)| at))?;
    let length = end.checked_sub(start).ok_or(Error::TooFar(end))?;

    let (times, values) = points.iter().copied().unzip();
    let mut training = TrainingData::new(times, values).map_err(Error::Augurs)?;
    let mut prepared = ProphetOptions {
        seasonality_mode: match options.seasonality {
            Seasonality::Additive => FeatureMode::Additive,
            Seasonality::Multiplicative => FeatureMode::Multiplicative,
        },
        // The sampling in augurs cannot be seeded.
        uncertainty_samples: 0,
        ..ProphetOptions::default()
    };
    match options.growth {
        Growth::Linear => prepared.growth = GrowthType::Linear,
        Growth::Flat => prepared.growth = GrowthType::Flat,
        Growth::Logistic { cap } => {
            prepared.growth = GrowthType::Logistic;
            training = training
                .with_cap(vec![cap; points.len()])
                .map_err(Error::Augurs)?;
        }
    }
    let optimizer = MaximumPosterior::default();
    let mut model = Prophet::new(prepared, FixedOrder(optimizer.clone()));
    model
        .fit(training, OptimizeOpts::default())
        .map_err(Error::Augurs)?;

    let largest = points
        .iter()
        .map(|(_, value)| value.abs())
        .fold(0.0, f64::max);
    let scale = if largest > 0.0 { largest } else { 1.0 };
    Ok(Fitted {
        model,
        optimizer,
        options: options.clone(),
        start,
        length,
        scale,
    })
}

impl Fitted {
    /// Returns the parameters with the log posterior they have.
    #[must_use]
    pub fn optimum(&self) -> &Optimum {
        self.result().1
    }

    /// Returns the data as prepared by augurs, with features in the order of the optimum's
    /// `beta`.
    #[must_use]
    pub fn data(&self) -> &Data {
        self.result().0
    }

    fn result(&self) -> (&Data, &Optimum) {
        self.optimizer
            .result()
            .expect("a successful fit has called the optimizer")
    }

    /// Returns value and bounds at each of the timestamps `ahead`, in Unix seconds, ascending.
    ///
    /// # Errors
    /// The timestamps are not ascending or too far from the window, or a prediction is not
    /// finite.
    pub fn predict(&self, ahead: &[i64]) -> Result<Vec<Prediction>, Error> {
        let (data, Optimum { parameters, .. }) = self.result();
        let Components { seasonal, .. } = self.components(ahead)?;
        let times = self.scaled(ahead);
        let points: Vec<PredictionPoint> = (0..ahead.len())
            .zip(times.iter().zip(self.trend().curve(&times)))
            .map(|(i, (&t, curve))| {
                let sum: f64 = seasonal.values().map(|values| values[i]).sum();
                let (share, added) = match self.options.seasonality {
                    Seasonality::Additive => (0.0, sum),
                    Seasonality::Multiplicative => (sum, 0.0),
                };
                PredictionPoint {
                    t,
                    curve,
                    factor: self.scale * (1.0 + share),
                    added,
                }
            })
            .collect();
        let changes: f64 = parameters.delta().iter().map(|delta| delta.abs()).sum();
        let count = data.t_change.len() as f64;
        let uncertainty = Uncertainty {
            growth: data.trend_indicator,
            cap: self.scaled_cap(),
            frequency: count,
            change: changes / count + MIN_CHANGE,
            noise: parameters.sigma * self.scale,
        };
        let Options {
            interval_coverage,
            uncertainty_samples,
            seed,
            ..
        } = self.options;
        let bounds = bounds(
            &points,
            &uncertainty,
            interval_coverage,
            uncertainty_samples,
            seed,
        );
        ahead
            .iter()
            .zip(points.iter().zip(bounds))
            .map(|(&at, (point, (lower, upper)))| {
                let trend = level(uncertainty.growth, point.curve, uncertainty.cap);
                let value = trend * point.factor + point.added;
                let (lower, upper) = (lower.min(value), upper.max(value));
                let finite = [value, lower, upper].iter().all(|v| v.is_finite());
                finite
                    .then_some(Prediction {
                        value,
                        lower,
                        upper,
                    })
                    .ok_or(Error::Overflow(at))
            })
            .collect()
    }

    /// Returns trend and seasonalities at each of the timestamps, in Unix seconds, ascending.
    ///
    /// # Errors
    /// The timestamps are not ascending or too far from the window.
    pub fn components(&self, at: &[i64]) -> Result<Components, Error> {
        check_ascending(at.iter().copied())?;
        if let Some(&far) = at.iter().find(|&&at| !self.is_within_range(at)) {
            return Err(Error::TooFar(far));
        }
        if at.is_empty() {
            return Ok(Components {
                trend: Vec::new(),
                seasonal: BTreeMap::new(),
            });
        }
        let mut request = PredictionData::new(at.to_vec());
        if let Growth::Logistic { cap } = self.options.growth {
            request = request
                .with_cap(vec![cap; at.len()])
                .map_err(Error::Augurs)?;
        }
        // The total of augurs is not used: it is summed in the order of a HashMap.
        let predicted = self.model.predict(request).map_err(Error::Augurs)?;
        let seasonal = predicted
            .seasonalities
            .into_iter()
            .map(|(name, values)| (name, values.point))
            .collect();
        let (growth, cap) = (self.data().trend_indicator, self.scaled_cap());
        let curve = self.trend().curve(&self.scaled(at));
        let trend = curve
            .into_iter()
            .map(|c| level(growth, c, cap) * self.scale)
            .collect();
        Ok(Components { trend, seasonal })
    }

    fn trend(&self) -> Trend<'_> {
        let (data, Optimum { parameters, .. }) = self.result();
        Trend {
            growth: data.trend_indicator,
            k: parameters.k(),
            m: parameters.m(),
            changepoints: &data.t_change,
            delta: parameters.delta(),
        }
    }

    /// Returns the cap as a fraction of the largest value; 0 for growth without a cap.
    fn scaled_cap(&self) -> f64 {
        match self.options.growth {
            Growth::Logistic { cap } => cap / self.scale,
            Growth::Linear | Growth::Flat => 0.0,
        }
    }

    fn scaled(&self, at: &[i64]) -> Vec<f64> {
        at.iter()
            .map(|at| (at - self.start) as f64 / self.length as f64)
            .collect()
    }

    fn is_within_range(&self, at: i64) -> bool {
        at.checked_sub(self.start)
            .is_some_and(|since| since.unsigned_abs() / MAX_DISTANCE <= self.length.unsigned_abs())
    }
}

fn check_ascending(timestamps: impl Iterator<Item = i64>) -> Result<(), Error> {
    let mut before = None;
    for at in timestamps {
        if before.is_some_and(|before| before >= at) {
            return Err(Error::OutOfOrder(at));
        }
        before = Some(at);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict;
    use proptest::prelude::*;
    use std::error::Error as _;

    const START: i64 = 1_700_000_000;
    const HOUR: i64 = 3600;

    /// Returns points `step` seconds apart.
    fn spaced(step: i64, values: impl IntoIterator<Item = f64>) -> Vec<(i64, f64)> {
        (0..).map(|i| START + i * step).zip(values).collect()
    }

    fn ahead(points: &[(i64, f64)], step: i64) -> Vec<i64> {
        let last = points.last().map_or(START, |(at, _)| *at);
        (1..=30).map(|i| last + i * step).collect()
    }

    /// Returns 400 hourly points with a daily and a weekly seasonality.
    fn two_seasonalities() -> Vec<(i64, f64)> {
        let wave = |i: i32, period: f64| (f64::from(i) / period * std::f64::consts::TAU).sin();
        spaced(
            HOUR,
            (0..400).map(|i| 5.0 + wave(i, 24.0) + 0.5 * wave(i, 168.0)),
        )
    }

    #[test]
    fn invalid_input_is_named() {
        let good = spaced(60, [1.0, 2.0, 1.5, 2.5, 2.0]);
        let with = |index: usize, point: (i64, f64)| {
            let mut points = good.clone();
            points[index] = point;
            points
        };
        let defaults = Options::default();
        let of = |points: &[(i64, f64)], ahead: &[i64], options: &Options| {
            let error = predict(points, ahead, options).expect_err("invalid input");
            error.to_string()
        };
        let next = [START + 300];
        for (error, expected) in [
            (
                of(&good[..1], &next, &defaults),
                "1 points in the series: expected at least 2",
            ),
            (
                of(&[], &next, &defaults),
                "0 points in the series: expected at least 2",
            ),
            (
                of(&with(2, (START + 120, f64::NAN)), &next, &defaults),
                "value at 1700000120: expected a finite number",
            ),
            (
                of(&with(2, (START + 60, 1.0)), &next, &defaults),
                "timestamp 1700000060: expected each timestamp to be after the previous one",
            ),
            (
                of(&good, &[START + 400, START + 300], &defaults),
                "timestamp 1700000300: expected each timestamp to be after the previous one",
            ),
            (
                of(&good, &[START + 1_000_000], &defaults),
                "timestamp 1701000000: expected at most 100 window lengths from the start of the window",
            ),
            (
                of(&with(0, (i64::MIN, 1.0)), &next, &defaults),
                "timestamp 1700000240: expected at most 100 window lengths from the start of the window",
            ),
            (
                of(
                    &good,
                    &next,
                    &Options {
                        interval_coverage: 1.0,
                        ..defaults.clone()
                    },
                ),
                "interval coverage 1: expected a share between 0 and 1",
            ),
            (
                of(
                    &good,
                    &next,
                    &Options {
                        uncertainty_samples: 0,
                        ..defaults.clone()
                    },
                ),
                "0 uncertainty samples: expected at least 1",
            ),
            (
                of(
                    &good,
                    &next,
                    &Options {
                        growth: Growth::Logistic { cap: 0.0 },
                        ..defaults
                    },
                ),
                "cap 0: expected a finite number above 0",
            ),
        ] {
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn augurs_error_is_kept_as_source() {
        let error = Error::Augurs(augurs_prophet::Error::NotEnoughData);
        assert_eq!(error.to_string(), "cannot fit the series");
        assert!(
            error
                .source()
                .is_some_and(|source| source.to_string() == "Not enough data")
        );
    }

    #[test]
    fn repeated_forecasts_are_identical() {
        let points = two_seasonalities();
        let ahead = ahead(&points, HOUR);
        let first = predict(&points, &ahead, &Options::default()).expect("a forecast");
        // Each fit has its own HashMaps, with a different order.
        for _ in 0..20 {
            assert_eq!(
                predict(&points, &ahead, &Options::default()).expect("the same"),
                first
            );
        }
    }

    #[test]
    fn seasonality_needs_two_periods_in_window() {
        const DAY: i64 = 24 * HOUR;
        let names = |step: i64, length: i64| {
            let points = spaced(step, (0..=length / step).map(|i| (i % 7) as f64));
            let fitted = fit(&points, &Options::default()).expect("a fit");
            let components = fitted.components(&[START]).expect("components");
            components.seasonal.into_keys().collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(names(HOUR / 6, 2 * DAY - HOUR), none);
        assert_eq!(names(HOUR / 6, 2 * DAY), ["daily"]);
        assert_eq!(names(HOUR, 14 * DAY - HOUR), ["daily"]);
        assert_eq!(names(HOUR, 14 * DAY), ["daily", "weekly"]);
        assert_eq!(names(DAY, 14 * DAY), ["weekly"]);
        assert_eq!(names(4 * DAY, 2 * 366 * DAY), ["weekly", "yearly"]);
    }

    #[test]
    fn components_add_up_to_the_forecast() {
        let points = two_seasonalities();
        let ahead = ahead(&points, HOUR);
        for seasonality in [Seasonality::Additive, Seasonality::Multiplicative] {
            let options = Options {
                seasonality,
                ..Options::default()
            };
            let fitted = fit(&points, &options).expect("a fit");
            let Components { trend, seasonal } = fitted.components(&ahead).expect("components");
            let predictions = fitted.predict(&ahead).expect("a forecast");
            for (i, prediction) in predictions.iter().enumerate() {
                let sum = seasonal["daily"][i] + seasonal["weekly"][i];
                let whole = match seasonality {
                    Seasonality::Additive => trend[i] + sum,
                    Seasonality::Multiplicative => trend[i] * (1.0 + sum),
                };
                assert!(
                    (whole - prediction.value).abs() < 1e-9,
                    "{seasonality:?} {i}"
                );
            }
        }
    }

    #[test]
    fn seasonality_continues_in_forecast() {
        let points = two_seasonalities();
        let ahead = ahead(&points, HOUR);
        for prediction in predict(&points, &ahead, &Options::default()).expect("a forecast") {
            assert!(prediction.upper - prediction.lower < 0.3, "{prediction:?}");
        }
        let last = points[points.len() - 1].0;
        let two = predict(
            &points,
            &[last + 6 * HOUR, last + 18 * HOUR],
            &Options::default(),
        );
        let [dawn, dusk] = two.expect("a forecast")[..] else {
            panic!("expected two predictions")
        };
        assert!((dawn.value - dusk.value).abs() > 1.0, "{dawn:?} {dusk:?}");
    }

    #[test]
    fn gap_is_not_read_as_zero() {
        let line = |i: i64| 100.0 + i as f64 + (i as f64).sin();
        let whole = spaced(60, (0..240).map(line));
        let with_gap: Vec<_> = whole
            .iter()
            .copied()
            .filter(|(at, _)| !(60..120).contains(&((at - START) / 60)))
            .collect();
        let ahead = ahead(&whole, 60);
        let [whole, with_gap] = [whole, with_gap]
            .map(|points| predict(&points, &ahead, &Options::default()).expect("a forecast"));
        for (whole, with_gap) in whole.iter().zip(&with_gap) {
            assert!(
                (whole.value - with_gap.value).abs() < 2.0,
                "{whole:?} {with_gap:?}"
            );
        }
    }

    #[test]
    fn fitted_model_is_send_and_sync() {
        fn shared<T: Send + Sync>() {}
        shared::<Fitted>();
        shared::<Error>();
    }

    fn growths(cap: f64) -> [Growth; 3] {
        [Growth::Linear, Growth::Logistic { cap }, Growth::Flat]
    }

    proptest! {
        #[test]
        fn constant_series_has_constant_forecast(
            value in prop_oneof![Just(0.0), -1e12..1e12f64],
            count in 2..300usize,
        ) {
            let points = spaced(600, vec![value; count]);
            for growth in [Growth::Linear, Growth::Flat] {
                let options = Options { growth, uncertainty_samples: 50, ..Options::default() };
                for prediction in predict(&points, &ahead(&points, 600), &options).expect("a forecast") {
                    prop_assert_eq!(prediction.value, value);
                    prop_assert!(prediction.upper - prediction.lower <= 1e-5 * value.abs().max(1.0));
                }
            }
        }

        #[test]
        fn any_series_has_finite_bounds_or_error(
            values in proptest::collection::vec(-1.0..1.0f64, 2..60),
            offset in prop_oneof![Just(0.0), Just(1.0), Just(1e6)],
            exponent in -300..300i32,
            step in prop_oneof![Just(1i64), Just(60), Just(HOUR), Just(11 * HOUR), Just(400_000)],
            kept in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let size = 10f64.powi(exponent);
            let mut points = spaced(step, values.iter().map(|value| (value + offset) * size));
            let all = points.clone();
            let mut kept = kept.into_iter();
            points.retain(|_| kept.next().unwrap_or(true));
            if points.len() < 2 {
                points = all;
            }
            for growth in growths(size) {
                let options = Options { growth, uncertainty_samples: 20, ..Options::default() };
                match predict(&points, &ahead(&points, step), &options) {
                    Ok(predictions) => for Prediction { value, lower, upper } in predictions {
                        prop_assert!(lower.is_finite() && upper.is_finite());
                        prop_assert!(lower <= value && value <= upper);
                    },
                    // The prediction times are far ahead of a short window.
                    Err(error) => prop_assert!(matches!(error, Error::TooFar(_)), "{error:?}"),
                }
            }
        }

        #[test]
        fn forecast_scales_with_the_unit(values in proptest::collection::vec(0.0..10.0f64, 50)) {
            // A power of two: scaling by it is exact.
            let unit = 1_073_741_824.0;
            let points = spaced(60, values);
            let bytes: Vec<_> = points.iter().map(|&(at, value)| (at, value * unit)).collect();
            let [small, large] = [points, bytes].map(|points| {
                predict(&points, &ahead(&points, 60), &Options::default()).expect("a forecast")
            });
            for (small, large) in small.iter().zip(&large) {
                prop_assert_eq!(small.value * unit, large.value);
                prop_assert_eq!(small.upper * unit, large.upper);
            }
        }
    }
}
