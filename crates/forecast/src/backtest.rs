//! Rolling-origin backtest: the errors of a model on the series itself.
//!
//! At several past times (origins) a model gets the points before the origin, and its forecast
//! is compared with the points after (Tashman 2000, "Out-of-sample tests of forecasting
//! accuracy", International Journal of Forecasting 16). Origins are spaced by time, not by
//! number of points, so gaps keep their length.
//!
//! Seasons are estimated by blocked cross-validation (Bergmeir and Benítez 2012): from all
//! points except those within the fold's horizon, since the forecast too uses every period of
//! the window. Level and slope are estimated from the points before the origin. On 3,008
//! windows of real machine metrics this reduces the error of the mix by 0.8% and its interval
//! score by 1.7%. For a job that runs every 15 minutes, in a window of two hours, it lowers the
//! upper end from 1.9 to 1.04 times the actual maximum.

use quantity::Timestamp;

use crate::average::{mean, mean_step};
use crate::interval::{Interval, Residual, growth};
use crate::origin::Origin;
use crate::point::{Point, bounded};
use crate::volatility::Volatility;

/// The maximum number of origins.
const FOLDS: usize = 8;

/// The minimum number of points before the first origin.
const MIN_POINTS_BEFORE: usize = 10;

/// The window length, in horizons, that a backtest over the whole horizon needs: origins begin
/// after the first third of the window, and the horizon of the backtest is at most a third.
pub const HORIZONS_IN_WINDOW: u64 = 3;

/// The share of the window before the first origin, and the maximum horizon of the backtest as
/// a share of the window.
const THIRD: f64 = 1.0 / HORIZONS_IN_WINDOW as f64;

/// The minimum mean step that errors are divided by, as a share of the maximum.
const MIN_STEP: f64 = 1e-6;

/// The error below which a forecast counts as exact, as a share of the maximum: smaller errors
/// are rounding.
const MIN_ERROR: f64 = 1e-12;

/// One origin: the points known there, and the points within the horizon after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fold {
    /// The index of the first point after the origin.
    pub(crate) split: usize,
    /// The index of the first point beyond the horizon.
    pub(crate) until: usize,
}

impl Fold {
    /// Returns the origin of the fold in its series.
    pub(crate) fn origin<'a>(&self, points: &'a [Point], periods: &'a [i64]) -> Origin<'a> {
        Origin {
            before: &points[..self.split],
            after: &points[self.until..],
            periods,
            times: points[self.split..self.until]
                .iter()
                .map(|p| p.at)
                .collect(),
        }
    }
}

/// Returns the horizon of the backtest in seconds: `horizon`, but at most a third of the time
/// span of the points.
pub(crate) fn backtest_horizon(points: &[Point], horizon: f64) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return 0.0;
    };
    horizon.min(last.at.since(first.at) * THIRD)
}

/// Returns the folds, oldest first. Their origins are evenly spaced from the end of the first
/// third of the window to one horizon before the last point. Few points give fewer than
/// [`FOLDS`]; unevenly spaced points may give none.
pub(crate) fn folds(points: &[Point], horizon: f64) -> Vec<Fold> {
    let (Some(first), Some(last), Some(enough)) = (
        points.first(),
        points.last(),
        points.get(MIN_POINTS_BEFORE - 1),
    ) else {
        return Vec::new();
    };
    let span = last.at.since(first.at);
    let horizon = backtest_horizon(points, horizon);
    let oldest = (span * THIRD).max(enough.at.since(first.at));
    let newest = span - horizon;
    if newest < oldest {
        return Vec::new();
    }
    let spacing = (newest - oldest) / (FOLDS - 1) as f64;
    let index_after = |seconds: f64| points.partition_point(|p| p.at.since(first.at) <= seconds);
    let mut folds: Vec<Fold> = (0..FOLDS)
        .map(|k| oldest + spacing * k as f64)
        .map(|origin| Fold {
            split: index_after(origin),
            until: index_after(origin + horizon),
        })
        .filter(|fold| fold.split < fold.until)
        .collect();
    folds.dedup_by_key(|fold| fold.split);
    folds
}

/// Returns the folds of a series too short for [`folds`]: one at each point from the second on.
pub(crate) fn folds_of_few(points: &[Point], horizon: f64) -> Vec<Fold> {
    (2..points.len())
        .map(|split| {
            let origin = points[split - 1].at;
            let until = points.partition_point(|p| p.at.since(origin) <= horizon);
            // The next point counts even if it lies beyond the horizon.
            Fold {
                split,
                until: until.max(split + 1),
            }
        })
        .collect()
}

/// The result of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoldResult {
    /// The time of the newest point before the origin.
    origin: Timestamp,
    /// The error at each point within the horizon.
    residuals: Vec<Residual>,
    /// The mean absolute step before the origin, which scales the errors.
    step: f64,
    /// The volatility of the series at the origin.
    volatility: Volatility,
}

/// The results of a model at every fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    folds: Vec<FoldResult>,
}

impl Trial {
    /// Compares the predictions of a model at each fold with the actual points. Predictions are
    /// clamped to the range from 0 to `ceiling`.
    pub(crate) fn of(
        predicted: &[Vec<f64>],
        points: &[Point],
        folds: &[Fold],
        ceiling: Option<f64>,
    ) -> Self {
        let folds = folds.iter().zip(predicted);
        Self {
            folds: folds
                .map(|(fold, values)| compare(values, points, *fold, ceiling))
                .collect(),
        }
    }

    /// Returns the weighted sum of several trials at the same folds; `None` without trials.
    pub(crate) fn blend<'a>(parts: impl Iterator<Item = (f64, &'a Self)>) -> Option<Self> {
        let mut blend: Option<Self> = None;
        for (weight, trial) in parts {
            let blend = blend.get_or_insert_with(|| trial.scaled(|_| 0.0));
            let pairs = blend.folds.iter_mut().zip(&trial.folds);
            for (sums, fold) in pairs.map(|(b, f)| (&mut b.residuals, &f.residuals)) {
                for (sum, residual) in sums.iter_mut().zip(fold) {
                    sum.error += weight * residual.error;
                }
            }
        }
        blend
    }

    /// Returns the trial with its errors rescaled to the given volatility.
    pub(crate) fn rescaled_to(&self, volatility: Volatility) -> Self {
        self.scaled(|fold| volatility.error_factor(fold.volatility))
    }

    fn scaled(&self, factor: impl Fn(&FoldResult) -> f64) -> Self {
        let mut folds = self.folds.clone();
        for fold in &mut folds {
            let factor = factor(fold);
            fold.residuals.iter_mut().for_each(|r| r.error *= factor);
        }
        Self { folds }
    }

    /// Returns all errors.
    pub(crate) fn residuals(&self) -> impl Iterator<Item = &Residual> {
        self.folds.iter().flat_map(|fold| &fold.residuals)
    }

    /// Returns the errors of each fold at the given lead times, in seconds, in increasing order.
    /// A lead time within a gap gets the error before it. Beyond the horizon of the backtest the
    /// last error is extrapolated with the growth of all errors.
    pub(crate) fn error_paths(&self, ahead: &[f64]) -> Vec<Vec<f64>> {
        let growth = growth(&Vec::from_iter(self.residuals()));
        let path = |fold: &FoldResult| {
            let residuals = &fold.residuals;
            let at = |seconds: &f64| {
                let count = residuals.partition_point(|r| r.ahead <= *seconds);
                let residual = residuals.get(count.saturating_sub(1))?;
                let beyond = if count == residuals.len() {
                    (seconds / residual.ahead).powf(growth)
                } else {
                    1.0
                };
                Some(beyond * residual.error)
            };
            ahead.iter().map(at).collect()
        };
        self.folds.iter().filter_map(path).collect()
    }

    /// Returns the number of folds.
    pub(crate) fn folds(&self) -> usize {
        self.folds.len()
    }

    /// Returns the mean absolute error of each fold, in the unit of the points.
    pub(crate) fn errors(&self) -> impl Iterator<Item = f64> {
        let of_fold = |fold: &FoldResult| mean(fold.residuals.iter().map(|r| r.error.abs()));
        self.folds.iter().map(of_fold)
    }

    /// Returns the mean absolute error over all folds, in the unit of the points.
    pub(crate) fn error(&self) -> f64 {
        mean(self.errors())
    }

    /// Returns the mean absolute scaled error: [`Self::error`] divided by the mean absolute step
    /// before the origins; 0 without any error.
    pub(crate) fn scaled_error(&self) -> f64 {
        let error = self.error();
        if error == 0.0 {
            return 0.0;
        }
        let step = mean(self.folds.iter().map(|fold| fold.step));
        // All points are 0: the error has no scale and stays as it is.
        if step == 0.0 { error } else { error / step }
    }

    /// Returns the prediction interval that follows from the errors.
    pub(crate) fn interval(&self, coverage: f64) -> Option<Interval> {
        Interval::of(self.residuals(), coverage)
    }

    /// Returns the empirical coverage: the share of points within prediction intervals made only
    /// from errors known at each origin. `None` if no fold has earlier errors.
    pub(crate) fn coverage(&self, coverage: f64) -> Option<f64> {
        let (mut inside, mut all) = (0u32, 0u32);
        for (index, fold) in self.folds.iter().enumerate() {
            let known = Self {
                folds: self.folds[..index].to_vec(),
            };
            let known = known.rescaled_to(fold.volatility);
            let known = known.residuals().filter(|r| r.at <= fold.origin);
            let Some(interval) = Interval::of(known, coverage) else {
                continue;
            };
            let within = |residual: &&Residual| interval.contains(residual);
            inside += fold.residuals.iter().filter(within).count() as u32;
            all += fold.residuals.len() as u32;
        }
        (all > 0).then(|| f64::from(inside) / f64::from(all))
    }
}

/// Compares the predictions of one fold with the actual points.
fn compare(values: &[f64], points: &[Point], fold: Fold, ceiling: Option<f64>) -> FoldResult {
    let Fold { split, until } = fold;
    let (known, actual) = (&points[..split], &points[split..until]);
    let origin = known[known.len() - 1].at;
    let until = points[..until].iter();
    let greatest = until.fold(0.0, |most, p| f64::max(most, p.value));
    let residuals = actual
        .iter()
        .zip(values)
        .map(|(point, value)| {
            let error = point.value - bounded(*value, ceiling);
            let rounding = error.abs() <= MIN_ERROR * greatest;
            Residual {
                at: point.at,
                ahead: point.at.since(origin),
                error: if rounding { 0.0 } else { error },
            }
        })
        .collect();
    let step = mean_step(known);
    FoldResult {
        origin,
        residuals,
        volatility: Volatility::of(known, actual.len()),
        step: step.max(MIN_STEP * greatest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{series, spaced};
    use crate::models::Model;
    use proptest::prelude::*;

    const MODELS: [Model; 4] = [Model::LastValue, Model::Mean, Model::TheilSen, Model::Ets];

    fn trial(model: Model, points: &[Point], folds: &[Fold]) -> Trial {
        let origins: Vec<Origin<'_>> = folds.iter().map(|fold| fold.origin(points, &[])).collect();
        let predicted = model.predict_from(&origins).expect("fits");
        Trial::of(&predicted, points, folds, None)
    }

    fn rising(count: usize) -> Vec<Point> {
        spaced(&(0..count).map(|k| k as f64).collect::<Vec<_>>())
    }

    #[test]
    fn folds_lie_between_first_third_and_horizon() {
        let points = rising(121);
        let folds = folds(&points, 1800.0);
        assert_eq!(folds.len(), FOLDS);
        assert_eq!((folds[0].split, folds[0].until), (41, 71));
        assert_eq!((folds[7].split, folds[7].until), (91, 121));
        assert!(folds.windows(2).all(|w| w[0].split < w[1].split));
    }

    #[test]
    fn backtest_horizon_is_at_most_a_third() {
        let points = rising(121);
        assert_eq!(backtest_horizon(&points, 1800.0), 1800.0);
        assert_eq!(backtest_horizon(&points, 86_400.0), 2400.0);
        let folds = folds(&points, 86_400.0);
        assert_eq!(folds.len(), FOLDS);
        assert!(folds.iter().all(|fold| fold.until - fold.split == 40));
    }

    #[test]
    fn as_few_as_twenty_points_make_three_folds() {
        for count in 20..60 {
            for horizon in [60.0, 600.0, 1800.0] {
                let folds = folds(&rising(count), horizon);
                assert!(folds.len() >= 3, "{count} {horizon}: {folds:?}");
                assert!(folds.iter().all(|fold| fold.split >= MIN_POINTS_BEFORE));
            }
        }
    }

    #[test]
    fn gaps_contain_no_folds() {
        // 40 minutes of points, a gap of 2 hours, 80 minutes of points.
        let times = (0..40).chain(160..240).map(|minute| (minute * 60, 1.0));
        let points = series(&times.collect::<Vec<_>>());
        let folds = folds(&points, 1800.0);
        assert!(folds.len() >= 3, "{folds:?}");
        for fold in folds {
            let origin = points[fold.split - 1].at;
            let (first, last) = (points[fold.split].at, points[fold.until - 1].at);
            assert!(last.since(first) <= 1800.0, "{fold:?}");
            // A fold starts right after its origin, except for the one whose horizon
            // contains the end of the gap.
            assert!(first.since(origin) <= 60.0 || fold.split == 40, "{fold:?}");
        }
    }

    #[test]
    fn errors_are_multiples_of_the_mean_step() {
        // On a line of slope 1 the errors of the naive forecast are 1, 2 … 30.
        let points = rising(121);
        let folds = folds(&points, 1800.0);
        let trial = trial(Model::LastValue, &points, &folds);
        assert_eq!(trial.error(), 15.5);
        assert_eq!(trial.scaled_error(), 15.5);
    }

    #[test]
    fn constant_series_has_an_error_when_it_moves() {
        let mut values = vec![5.0; 121];
        let folds = folds(&spaced(&values), 1800.0);
        let error =
            |values: &[f64]| trial(Model::LastValue, &spaced(values), &folds).scaled_error();
        assert_eq!(error(&values), 0.0);
        values[120] = 10.0;
        let scaled = error(&values);
        assert!(scaled.is_finite() && scaled > 1.0, "{scaled}");
        assert_eq!(error(&[0.0; 121]), 0.0);
    }

    #[test]
    fn coverage_is_of_intervals_from_earlier_folds() {
        // Equal errors at every origin: each interval contains the next one.
        let points = rising(121);
        let folds = folds(&points, 60.0);
        let even = trial(Model::LastValue, &points, &folds);
        assert_eq!(even.coverage(0.8), Some(1.0));
        // Each error is greater than all before it: no interval contains it.
        let squares: Vec<f64> = (0..121).map(|k| f64::from(k * k)).collect();
        let growing = trial(Model::LastValue, &spaced(&squares), &folds);
        assert_eq!(growing.coverage(0.8), Some(0.0));
        // A single fold has no earlier errors.
        let first = trial(Model::LastValue, &points, &folds[..1]);
        assert_eq!(first.coverage(0.8), None);
    }

    #[test]
    fn blend_of_trials_sums_their_weighted_errors() {
        let points = rising(121);
        let folds = folds(&points, 1800.0);
        let naive = trial(Model::LastValue, &points, &folds);
        let mean = trial(Model::Mean, &points, &folds);
        let blend = Trial::blend([(0.25, &naive), (0.75, &mean)].into_iter()).expect("parts");
        let pairs = naive.residuals().zip(mean.residuals());
        for (sum, (naive, mean)) in blend.residuals().zip(pairs) {
            let expected = 0.25 * naive.error + 0.75 * mean.error;
            assert!((sum.error - expected).abs() < 1e-12, "{sum:?}");
        }
        assert_eq!(Trial::blend(std::iter::empty()), None);
    }

    #[test]
    fn error_path_extrapolates_beyond_the_backtest() {
        // On a line of slope 1 the errors of the naive forecast are 1, 2 … 40.
        let points = rising(121);
        let folds = folds(&points, 86_400.0);
        let trial = trial(Model::LastValue, &points, &folds);
        let paths = trial.error_paths(&[60.0, 90.0, 2400.0, 4800.0]);
        assert_eq!(paths.len(), FOLDS);
        for path in paths {
            assert_eq!(path[..3], [1.0, 1.0, 40.0]);
            assert!((path[3] - 80.0).abs() < 8.0, "{path:?}");
        }
    }

    proptest! {
        /// Without seasons, which are estimated from later points too.
        #[test]
        fn later_points_do_not_change_a_fold(
            values in proptest::collection::vec(0.0..1e6f64, 24..110),
            others in proptest::collection::vec(0.0..1e6f64, 150),
            horizon in 60.0..7200.0f64,
        ) {
            let points = spaced(&values);
            let folds = folds(&points, horizon);
            for index in 0..folds.len() {
                let until = folds[index].until;
                let mut changed = points.clone();
                for (point, other) in changed[until..].iter_mut().zip(&others) {
                    point.value = *other;
                }
                for model in MODELS {
                    let of = |points| trial(model, points, &folds);
                    let (before, after) = (of(&points), of(&changed));
                    prop_assert_eq!(&before.folds[index], &after.folds[index]);
                    // Nor do they change its interval, made from earlier errors.
                    let up_to = |trial: &Trial| {
                        Trial { folds: trial.folds[..=index].to_vec() }.coverage(0.8)
                    };
                    prop_assert_eq!(up_to(&before), up_to(&after));
                }
            }
        }
    }
}
