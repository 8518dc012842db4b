//! Continues a series over a horizon.
//!
//! In scope: which model continues a series best, its values ahead with their
//! intervals, how good it would have been so far. Out of scope: the meaning of the
//! values for a node, and where they came from.
//!
//! The modules in the order of the data: `settings`; `outlier`, `cadence` and `season`
//! (what a series shows of itself); `origin` (what a model is asked); `models` (one row
//! each, simplest first); `backtest` (their errors so far); `choose` (their shares of the
//! forecast); `shift` (a level that has just changed); `volatility` and `interval` (how
//! wide errors make an interval); `paths` (what they make of the whole horizon).

mod average;
mod backtest;
mod cadence;
mod choose;
#[cfg(test)]
mod fixtures;
mod interval;
mod models;
mod origin;
mod outlier;
mod paths;
mod point;
mod season;
mod settings;
mod shift;
mod volatility;

pub use backtest::HORIZONS_IN_WINDOW;
pub use choose::{Candidate, MIN_POINTS_FOR_TREND, Outcome};
pub use models::{Choice, Model, Role};
pub use paths::{Distribution, Paths};
pub use point::Point;
pub use settings::{DEFAULT_COVERAGE, Settings};

use average::mean;
use backtest::tried_horizon;
use choose::{Chosen, Question, choose};
use point::bounded;
use volatility::Volatility;

use quantity::Timestamp;

/// Fewest points to say anything at all.
pub const MIN_POINTS: usize = 5;

/// The prediction for one time, in the unit of the points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The time.
    pub at: Timestamp,
    /// The expected value.
    pub value: f64,
    /// Lower end of the interval; not above `value`.
    pub lower: f64,
    /// Upper end of the interval; not below `value`.
    pub upper: f64,
}

/// The forecast of a series over the horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The model with the largest share of the forecast.
    pub model: Model,
    /// Share of what comes that the intervals are meant to hold, 0 to 1.
    pub coverage: f64,
    /// One prediction for each time of the horizon, in order; not empty.
    pub path: Vec<Prediction>,
    /// Ways that the series may take over the horizon.
    pub paths: Paths,
    /// The backtest of the mix; `None` for a series too short for one.
    pub backtest: Option<Backtest>,
    /// Every model that was considered, with its share of the forecast.
    pub candidates: Vec<Candidate>,
}

impl Forecast {
    /// The median of the maximum over the horizon.
    pub fn max(&self) -> f64 {
        self.paths.held(1).median()
    }

    /// The value that the maximum over the horizon stays under with the probability of
    /// [`Forecast::upper_level`].
    pub fn upper(&self) -> f64 {
        self.paths.held(1).quantile(self.upper_level())
    }

    /// The probability of an upper end, 0 to 1: 90% for an interval of 80%.
    pub fn upper_level(&self) -> f64 {
        (1.0 + self.coverage) / 2.0
    }

    /// The mean expected value over the horizon.
    pub fn mean(&self) -> f64 {
        mean(self.path.iter().map(|p| p.value))
    }
}

/// The errors of a model on the series itself: at several times in the
/// past it was given what came before, and its forecast over as long a horizon
/// was held against what came after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backtest {
    /// Moments at which it was tried.
    pub folds: usize,
    /// The horizon of the backtest, in seconds: that of the forecast, or a third of the time
    /// that the points span where that is shorter.
    pub horizon: u64,
    /// Mean absolute scaled error: the mean absolute error over all folds, as a
    /// multiple of the mean absolute step from one point to the next before each
    /// fold (Hyndman and Koehler 2006). About 0.7 is independent noise about a known
    /// level, which no model can better. Steps count as a millionth of the greatest
    /// value at least, so that a series that never moved has an error too.
    pub mase: f64,
    /// The same error of the newest value carried forward: what a model has to beat.
    pub naive_mase: f64,
    /// Share of what came after that lay within the intervals, 0 to 1. Each of them
    /// was made as if nothing were known but what came before it; the first fold,
    /// before which there were no errors to learn from, does not count.
    pub coverage: f64,
}

/// Fewer than [`MIN_POINTS`] points: this many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewPoints(pub usize);

/// Forecasts a series at `times`, which is not empty and begins after the newest
/// point. Points are in strictly rising order of time. No value is below 0 or above
/// `ceiling`, the size of the machine, where that is known.
///
/// With fewer than [`MIN_POINTS_FOR_TREND`] points, or points too uneven for a
/// backtest, only levels are considered, whatever the settings ask for.
///
/// # Errors
/// When there are fewer than [`MIN_POINTS`] points.
pub fn forecast(
    points: &[Point],
    times: &[Timestamp],
    ceiling: Option<f64>,
    settings: &Settings,
) -> Result<Forecast, TooFewPoints> {
    let (Some(newest), Some(end)) = (points.last(), times.last()) else {
        return Err(TooFewPoints(points.len()));
    };
    if points.len() < MIN_POINTS {
        return Err(TooFewPoints(points.len()));
    }
    let horizon = end.since(newest.at);
    let Chosen {
        model,
        trial,
        values,
        shift,
        naive_error,
        candidates,
    } = choose(&Question {
        points,
        times,
        ceiling,
        horizon,
        settings: *settings,
    });
    let errors = trial.as_at(Volatility::of(points, times.len()));
    let interval = errors.interval(settings.coverage);
    let (values, gap) = match &shift {
        Some(shift) => (&shift.before, Some(shift.gap)),
        None => (&values, None),
    };
    // Half way to a level that has just changed, with room for both.
    let half = gap.unwrap_or_default() / 2.0;
    let prediction = |(&at, value): (&Timestamp, &f64)| {
        let width = interval.map_or(0.0, |interval| interval.width(at.since(newest.at)));
        let (value, width) = (value + half, width + half.abs());
        Prediction {
            at,
            value: bounded(value, ceiling),
            lower: bounded(value - width, ceiling),
            upper: bounded(value + width, ceiling),
        }
    };
    let backtest =
        naive_error
            .zip(trial.coverage(settings.coverage))
            .map(|(naive_mase, coverage)| Backtest {
                folds: trial.folds(),
                horizon: tried_horizon(points, horizon) as u64,
                mase: trial.scaled_error(),
                naive_mase,
                coverage,
            });
    Ok(Forecast {
        model,
        coverage: settings.coverage,
        path: times.iter().zip(values).map(prediction).collect(),
        paths: Paths::of(
            times,
            values,
            &errors,
            newest.at,
            stretch(points, horizon),
            gap,
            ceiling,
        ),
        backtest,
        candidates,
    })
}

/// The factor of the errors of a maximum to those in the backtest, whose folds overlap
/// and lie within what the models have seen: 1 and the tried horizon as a share of the
/// two thirds of the window that they are spread over. On 3,008 windows of real machine
/// metrics the real maximum stays under the 90% quantile in 89%; without, in 85%.
fn stretch(points: &[Point], horizon: f64) -> f64 {
    let tried = tried_horizon(points, horizon);
    let spread = points[points.len() - 1].at.since(points[0].at) - tried_horizon(points, f64::MAX);
    if spread > 0.0 {
        1.0 + tried / spread
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ahead, series, spaced};
    use proptest::prelude::*;

    const STEP: i64 = 60;

    fn forecast_of(values: &[f64], ceiling: Option<f64>) -> Forecast {
        let points = spaced(values);
        forecast(&points, &ahead(&points, 30), ceiling, &Settings::default())
            .expect("enough points")
    }

    #[test]
    fn fewer_than_five_points_are_too_few() {
        let points = spaced(&[1.0; 5]);
        let times = ahead(&points, 1);
        for count in 0..5 {
            assert_eq!(
                forecast(&points[..count], &times, None, &Settings::default()),
                Err(TooFewPoints(count))
            );
        }
        assert!(forecast(&points, &times, None, &Settings::default()).is_ok());
    }

    #[test]
    fn points_and_errors_choose_the_model() {
        let rising = |n: usize| (0..n).map(|k| k as f64).collect::<Vec<_>>();
        let jumping = |n: usize| (0..n).map(|k| (k % 2) as f64).collect::<Vec<_>>();
        for (values, model) in [
            (rising(19), Model::LastValue),
            (jumping(19), Model::Mean),
            (vec![0.1; 19], Model::Mean),
            (rising(20), Model::Ets),
            (jumping(20), Model::Ar),
            (vec![0.1; 20], Model::Ets),
        ] {
            assert_eq!(forecast_of(&values, None).model, model, "{values:?}");
        }
    }

    #[test]
    fn forecasts_stay_within_the_machine() {
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
        let forecast =
            forecast(&points, &ahead(&points, 5), None, &Settings::default()).expect("five");
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
            count in 20..500usize,
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
            let here = forecast(&points, &ahead(&points, 30), None, &Settings::default()).expect("enough");
            let there = forecast(&moved, &ahead(&moved, 30), None, &Settings::default()).expect("enough");
            prop_assert_eq!((here.model, here.max(), here.mean()), (there.model, there.max(), there.mean()));
        }

        #[test]
        fn any_finite_points_stay_within_the_machine(
            gaps in proptest::collection::vec(any_gap(), 5..90),
            values in proptest::collection::vec(any_value(), 90),
            ahead in proptest::collection::vec(1..100_000i64, 1..40),
            ceiling in proptest::option::of(0.0..2f64.powi(53)),
            model in proptest::sample::select(Choice::ALL.to_vec()),
            coverage in 0.01..0.99f64,
        ) {
            let rising = |start: i64, gaps: &[i64]| -> Vec<i64> {
                gaps.iter().scan(start, |at, gap| { *at += gap; Some(*at) }).collect()
            };
            let moments = rising(-1_000_000, &gaps);
            let points = series(&moments.iter().copied().zip(values).collect::<Vec<_>>());
            let end = points[points.len() - 1].at.unix();
            let times: Vec<Timestamp> =
                rising(end, &ahead).into_iter().map(Timestamp::from_unix).collect();
            let settings = Settings { model, coverage };
            let made = forecast(&points, &times, ceiling, &settings).expect("enough");
            let most = ceiling.unwrap_or(f64::MAX);
            for (prediction, at) in made.path.iter().zip(&times) {
                let Prediction { value, lower, upper, .. } = *prediction;
                prop_assert_eq!(prediction.at, *at);
                prop_assert!(0.0 <= lower && lower <= value && value <= upper && upper <= most);
            }
            prop_assert_eq!(made.path.len(), times.len());
            if let Some(backtest) = made.backtest {
                prop_assert!(backtest.folds >= 3);
                prop_assert!(backtest.mase.is_finite() && backtest.naive_mase.is_finite());
                prop_assert!((0.0..=1.0).contains(&backtest.coverage));
            }
            let chosen = |c: &&Candidate| {
                c.model == made.model && matches!(c.outcome, Outcome::Error(_))
            };
            prop_assert_eq!(made.candidates.iter().filter(chosen).count(), 1);
            prop_assert_eq!(forecast(&points, &times, ceiling, &settings), Ok(made));
        }
    }

    /// Seconds between two points: usually the step.
    fn any_gap() -> impl Strategy<Value = i64> {
        prop_oneof![8 => Just(STEP), 1 => 1..10i64, 1 => 1..4_000_000i64]
    }

    /// Amounts that are hard on arithmetic among some that are not.
    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => 0.0..100.0f64,
            2 => Just(1.0),
            1 => Just(0.0),
            1 => Just(2f64.powi(53)),
            1 => Just(f64::MIN_POSITIVE),
            1 => 0.0..2f64.powi(53),
        ]
    }
}
