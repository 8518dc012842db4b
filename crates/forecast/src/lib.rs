//! Continues a series over a horizon. Pure.
//!
//! In scope: which model fits so many points, its values ahead with their
//! intervals, how good it would have been so far. Out of scope: what the values
//! mean for a node, and where they came from. A model is one file and one
//! implementation of [`Model`].

mod last_value;
mod mean;
mod theil_sen;

pub use last_value::LastValue;
pub use mean::Mean;
pub use theil_sen::TheilSen;

use quantity::Timestamp;

/// Fewest points to say anything at all.
pub const MIN_POINTS: usize = 5;

/// Fewest points for a trend: with fewer, a forecast is a level.
pub const MIN_POINTS_FOR_TREND: usize = 20;

/// Share of what comes that an interval is meant to hold, unless told otherwise.
pub const DEFAULT_COVERAGE: f64 = 0.8;

/// One value at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Cores or bytes; finite and not negative.
    pub value: f64,
}

/// What a series is expected to be at one moment, in the unit of its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// When.
    pub at: Timestamp,
    /// The expected value.
    pub value: f64,
    /// Lower end of the interval; not above `value`.
    pub lower: f64,
    /// Upper end of the interval; not below `value`.
    pub upper: f64,
}

/// One way to continue a series.
pub trait Model {
    /// As reports name it.
    fn name(&self) -> &'static str;

    /// The value at each of `times`, in the unit of the points.
    ///
    /// `points` is not empty and in rising order of time; gaps are open.
    fn predict(&self, points: &[Point], times: &[Timestamp]) -> Vec<f64>;
}

/// What a series does over the horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Name of the model.
    pub model: &'static str,
    /// Share of what comes that the intervals are meant to hold, 0 to 1.
    pub coverage: f64,
    /// One prediction for each moment of the horizon, in order of time; not empty.
    pub path: Vec<Prediction>,
    /// How the model would have done so far; `None` for a series too short to tell.
    pub backtest: Option<Backtest>,
    /// Every model that was considered, the chosen one among them; empty for a
    /// series too short to choose.
    pub candidates: Vec<Candidate>,
}

impl Forecast {
    /// Highest expected value over the horizon.
    pub fn max(&self) -> f64 {
        highest(self.path.iter().map(|p| p.value))
    }

    /// Highest upper end of an interval over the horizon.
    pub fn upper(&self) -> f64 {
        highest(self.path.iter().map(|p| p.upper))
    }

    /// Mean expected value over the horizon.
    pub fn mean(&self) -> f64 {
        mean::mean(self.path.iter().map(|p| p.value))
    }
}

fn highest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

/// How a model would have done on the series itself: at several moments of the
/// past it was given what came before, and its forecast over as long a horizon
/// was held against what came after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backtest {
    /// Moments at which it was tried.
    pub folds: usize,
    /// Mean absolute scaled error: the mean absolute error over all folds, as a
    /// multiple of the mean absolute step from one point to the next before each
    /// fold (Hyndman and Koehler 2006). Under 1 it beats one-step persistence.
    pub mase: f64,
    /// The same error of the newest value carried forward: what a model has to beat.
    pub naive_mase: f64,
    /// Share of what came after that lay within the intervals, 0 to 1.
    pub coverage: f64,
}

/// A model that was considered.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Name of the model.
    pub model: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of considering a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was tried: its mean absolute scaled error.
    Error(f64),
    /// It was not tried, or could not be fitted: why.
    LeftOut(String),
}

/// Fewer than [`MIN_POINTS`] points: this many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewPoints(pub usize);

/// Forecasts a series at `times`, which is not empty. No value is below 0 or
/// above `ceiling`, the size of the machine, where that is known.
///
/// # Errors
/// When there are fewer than [`MIN_POINTS`] points.
pub fn forecast(
    points: &[Point],
    times: &[Timestamp],
    ceiling: Option<f64>,
) -> Result<Forecast, TooFewPoints> {
    if points.len() < MIN_POINTS {
        return Err(TooFewPoints(points.len()));
    }
    let model = choose(points);
    let past: Vec<Timestamp> = points.iter().map(|p| p.at).collect();
    let mut residuals: Vec<f64> = points
        .iter()
        .zip(model.predict(points, &past))
        .map(|(point, fitted)| point.value - fitted)
        .collect();
    residuals.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| residuals[(share * (residuals.len() - 1) as f64).round() as usize];
    let tail = (1.0 - DEFAULT_COVERAGE) / 2.0;
    let (below, above) = (quantile(tail).min(0.0), quantile(1.0 - tail).max(0.0));
    let held = |value: f64| value.clamp(0.0, ceiling.unwrap_or(f64::INFINITY));
    let path = times
        .iter()
        .zip(model.predict(points, times))
        .map(|(&at, value)| Prediction {
            at,
            value: held(value),
            lower: held(value + below),
            upper: held(value + above),
        })
        .collect();
    Ok(Forecast {
        model: model.name(),
        coverage: DEFAULT_COVERAGE,
        path,
        backtest: None,
        candidates: Vec::new(),
    })
}

/// The robust line for a series long enough to have a trend. For a shorter one
/// whichever level would have done better so far, predicting each point from
/// those before it; the mean on a tie.
fn choose(points: &[Point]) -> &'static dyn Model {
    if points.len() >= MIN_POINTS_FOR_TREND {
        return &TheilSen;
    }
    let mut mean_error = 0.0;
    let mut last_error = 0.0;
    for (index, point) in points.iter().enumerate().skip(1) {
        let before = &points[..index];
        mean_error += (point.value - mean::mean(before.iter().map(|p| p.value))).abs();
        last_error += (point.value - before[index - 1].value).abs();
    }
    if last_error < mean_error {
        &LastValue
    } else {
        &Mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEP: i64 = 60;

    fn series(points: &[(i64, f64)]) -> Vec<Point> {
        let point = |&(at, value): &(i64, f64)| Point {
            at: Timestamp::from_unix(at),
            value,
        };
        points.iter().map(point).collect()
    }

    fn spaced(values: &[f64]) -> Vec<Point> {
        let times = (0..).map(|k| k * STEP);
        series(&times.zip(values.iter().copied()).collect::<Vec<_>>())
    }

    fn ahead(points: &[Point], steps: i64) -> Vec<Timestamp> {
        let end = points[points.len() - 1].at.unix();
        (1..=steps)
            .map(|k| Timestamp::from_unix(end + k * STEP))
            .collect()
    }

    fn forecast_of(values: &[f64], ceiling: Option<f64>) -> Forecast {
        let points = spaced(values);
        forecast(&points, &ahead(&points, 30), ceiling).expect("enough points")
    }

    #[test]
    fn fewer_than_five_points_give_no_forecast() {
        let points = spaced(&[1.0; 5]);
        let times = ahead(&points, 1);
        for count in 0..5 {
            assert_eq!(
                forecast(&points[..count], &times, None),
                Err(TooFewPoints(count))
            );
        }
        assert!(forecast(&points, &times, None).is_ok());
    }

    #[test]
    fn the_number_of_points_and_their_errors_choose_the_model() {
        let rising = |n: usize| (0..n).map(|k| k as f64).collect::<Vec<_>>();
        let jumping = |n: usize| (0..n).map(|k| (k % 2) as f64).collect::<Vec<_>>();
        for (values, model) in [
            (rising(19), "last_value"),
            (jumping(19), "mean"),
            (vec![0.1; 19], "mean"),
            (rising(20), "theil_sen"),
            (jumping(20), "theil_sen"),
        ] {
            assert_eq!(forecast_of(&values, None).model, model, "{values:?}");
        }
    }

    #[test]
    fn a_forecast_stays_between_nothing_and_the_machine() {
        let falling: Vec<f64> = (0..30).map(|k| f64::from(30 - k)).collect();
        let forecast = forecast_of(&falling, Some(40.0));
        assert!(forecast.path.iter().all(|p| p.value >= 0.0));
        assert_eq!(forecast.path[29].value, 0.0);

        let rising: Vec<f64> = (0..30).map(f64::from).collect();
        let forecast = forecast_of(&rising, Some(40.0));
        assert_eq!(forecast.max(), 40.0);
        assert!(forecast.mean() < 40.0);
        assert_eq!(forecast_of(&rising, None).max().round(), 59.0);
    }

    #[test]
    fn a_gap_is_not_a_zero() {
        let points = series(&[(0, 2.0), (60, 2.0), (6000, 2.0), (6060, 2.0), (6120, 2.0)]);
        let forecast = forecast(&points, &ahead(&points, 5), None).expect("five");
        assert_eq!((forecast.max(), forecast.mean()), (2.0, 2.0));
    }

    proptest! {
        #[test]
        fn a_constant_stays_what_it_is(value in 0.0..1e12f64, count in 5..400usize) {
            let forecast = forecast_of(&vec![value; count], None);
            prop_assert_eq!((forecast.max(), forecast.mean()), (value, value));
        }

        #[test]
        fn a_line_is_found_exactly(
            level in 0.0..100.0f64,
            slope in 0.0..1.0f64,
            count in 20..2000usize,
        ) {
            let values: Vec<f64> = (0..count).map(|k| level + slope * k as f64).collect();
            let expected = level + slope * (count + 29) as f64;
            let max = forecast_of(&values, None).max();
            prop_assert!((max - expected).abs() <= 1e-9 * expected.max(1.0), "{} {}", max, expected);
        }

        #[test]
        fn shifting_time_changes_nothing(
            values in proptest::collection::vec(0.0..100.0f64, 5..60),
            shift in -1_000_000_000..4_000_000_000i64,
        ) {
            let points = spaced(&values);
            let moved: Vec<Point> = points
                .iter()
                .map(|p| Point { at: Timestamp::from_unix(p.at.unix() + shift), ..*p })
                .collect();
            let here = forecast(&points, &ahead(&points, 30), None).expect("enough");
            let there = forecast(&moved, &ahead(&moved, 30), None).expect("enough");
            prop_assert_eq!((here.model, here.max(), here.mean()), (there.model, there.max(), there.mean()));
        }

        #[test]
        fn one_outlier_in_twenty_hardly_moves_a_line(
            at in 0..20usize,
            outlier in 0.0..1e6f64,
            slope in 0.0..0.1f64,
        ) {
            let mut values: Vec<f64> = (0..20).map(|k| 10.0 + slope * f64::from(k)).collect();
            let clean = forecast_of(&values, None).max();
            values[at] = outlier;
            let dirty = forecast_of(&values, None).max();
            prop_assert!((dirty - clean).abs() <= 0.1 * clean, "{} {}", clean, dirty);
        }
    }
}
