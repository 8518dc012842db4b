//! Continues a series over the horizon. Pure.
//!
//! In scope: which model fits so many points, its values ahead, their bounds.
//! Out of scope: what the values mean for a node, and where they came from.
//! A model is one file and one implementation of [`Model`].

mod last_value;
mod mean;
mod theil_sen;

pub use last_value::LastValue;
pub use mean::Mean;
pub use theil_sen::TheilSen;

use crate::series::Point;
use crate::window::Timestamp;

/// Fewest points to say anything at all.
pub const MIN_POINTS: usize = 5;

/// Fewest points for a trend: with fewer, a forecast is a level.
pub const MIN_POINTS_FOR_TREND: usize = 20;

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
    /// Highest value over the horizon; in the unit of the series, as all values here.
    pub max: f64,
    /// Mean value over the horizon.
    pub mean: f64,
    /// Value at each moment of the horizon, in order of time.
    pub path: Vec<Point>,
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
    let path: Vec<Point> = times
        .iter()
        .zip(model.predict(points, times))
        .map(|(&at, value)| Point {
            at,
            value: value.clamp(0.0, ceiling.unwrap_or(f64::INFINITY)),
        })
        .collect();
    Ok(Forecast {
        model: model.name(),
        max: path.iter().map(|p| p.value).fold(0.0, f64::max),
        mean: mean::mean(path.iter().map(|p| p.value)),
        path,
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
    use crate::series::tests::series;
    use proptest::prelude::*;

    const STEP: i64 = 60;

    fn spaced(values: &[f64]) -> Vec<Point> {
        let pairs: Vec<_> = (0..)
            .map(|k| k * STEP)
            .zip(values.iter().copied())
            .collect();
        series(&pairs).points().to_vec()
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
        assert_eq!(forecast.max, 40.0);
        assert!(forecast.mean < 40.0);
        assert_eq!(forecast_of(&rising, None).max.round(), 59.0);
    }

    #[test]
    fn a_gap_is_not_a_zero() {
        let points = series(&[(0, 2.0), (60, 2.0), (6000, 2.0), (6060, 2.0), (6120, 2.0)]);
        let forecast = forecast(points.points(), &ahead(points.points(), 5), None).expect("five");
        assert_eq!((forecast.max, forecast.mean), (2.0, 2.0));
    }

    proptest! {
        #[test]
        fn a_constant_stays_what_it_is(value in 0.0..1e12f64, count in 5..400usize) {
            let forecast = forecast_of(&vec![value; count], None);
            prop_assert_eq!((forecast.max, forecast.mean), (value, value));
        }

        #[test]
        fn a_line_is_found_exactly(
            level in 0.0..100.0f64,
            slope in 0.0..1.0f64,
            count in 20..2000usize,
        ) {
            let values: Vec<f64> = (0..count).map(|k| level + slope * k as f64).collect();
            let expected = level + slope * (count + 29) as f64;
            let max = forecast_of(&values, None).max;
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
            prop_assert_eq!((here.model, here.max, here.mean), (there.model, there.max, there.mean));
        }

        #[test]
        fn one_outlier_in_twenty_hardly_moves_a_line(
            at in 0..20usize,
            outlier in 0.0..1e6f64,
            slope in 0.0..0.1f64,
        ) {
            let mut values: Vec<f64> = (0..20).map(|k| 10.0 + slope * f64::from(k)).collect();
            let clean = forecast_of(&values, None).max;
            values[at] = outlier;
            let dirty = forecast_of(&values, None).max;
            prop_assert!((dirty - clean).abs() <= 0.1 * clean, "{} {}", clean, dirty);
        }
    }
}
