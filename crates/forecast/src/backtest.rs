//! The errors of a model on the series itself: a rolling origin.
//!
//! At several moments of the past a model is given what came before, and what it
//! says of the time after is held against what came (Tashman 2000, "Out-of-sample
//! tests of forecasting accuracy", International Journal of Forecasting 16).
//! Origins are times, not numbers of points: a gap stays one.
//!
//! Blocked cross-validation (Bergmeir and Benítez 2012): what repeats is learnt from all
//! points but the fold's own horizon, since the forecast will know as many repetitions
//! as the whole window holds. Level and slope are learnt from the points before. On
//! 3,008 windows of real machine metrics this takes 0.8% off the error of the mix and
//! 1.7% off its interval score; on a job of each quarter of an hour, seen for two hours,
//! it brings the upper end from 1.9 times the real maximum to 1.04.

use quantity::Timestamp;

use crate::average::{mean, mean_step};
use crate::interval::{Interval, Residual, growth};
use crate::origin::Origin;
use crate::point::{Point, bounded};
use crate::volatility::Volatility;

/// Moments at which models are tried, where the points allow.
const FOLDS: usize = 8;

/// Fewest points before the first of them.
const MIN_POINTS_BEFORE: usize = 10;

/// Horizons that a window holds for the backtest to cover all of one: the first third is
/// only looked back on, and no trial looks further ahead than a third.
pub const HORIZONS_IN_WINDOW: u64 = 3;

const THIRD: f64 = 1.0 / HORIZONS_IN_WINDOW as f64;

/// The smallest step that counts as a move, as a share of the greatest value.
const LEAST_MOVE: f64 = 1e-6;

/// The smallest error that is one, as a share of the greatest value: less is
/// rounding.
const LEAST_ERROR: f64 = 1e-12;

/// One moment of the past: what was known then, and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fold {
    /// Points before this one were known.
    pub(crate) split: usize,
    /// Points from there to before this one came within the horizon.
    pub(crate) until: usize,
}

impl Fold {
    /// The origin of the fold in its series.
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

/// The horizon that can be tried: the whole of it in seconds, or a third of the
/// time that the points span where that is shorter.
pub(crate) fn tried_horizon(points: &[Point], horizon: f64) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return 0.0;
    };
    horizon.min(last.at.since(first.at) * THIRD)
}

/// Moments spread evenly from the end of the first third to a horizon before the
/// last point; oldest first. Fewer than [`FOLDS`] where the points are few, and
/// perhaps none where they lie unevenly.
pub(crate) fn folds(points: &[Point], horizon: f64) -> Vec<Fold> {
    let (Some(first), Some(last), Some(enough)) = (
        points.first(),
        points.last(),
        points.get(MIN_POINTS_BEFORE - 1),
    ) else {
        return Vec::new();
    };
    let span = last.at.since(first.at);
    let horizon = tried_horizon(points, horizon);
    let oldest = (span * THIRD).max(enough.at.since(first.at));
    let newest = span - horizon;
    if newest < oldest {
        return Vec::new();
    }
    let apart = (newest - oldest) / (FOLDS - 1) as f64;
    let passed = |seconds: f64| points.partition_point(|p| p.at.since(first.at) <= seconds);
    let mut folds: Vec<Fold> = (0..FOLDS)
        .map(|k| oldest + apart * k as f64)
        .map(|origin| Fold {
            split: passed(origin),
            until: passed(origin + horizon),
        })
        .filter(|fold| fold.split < fold.until)
        .collect();
    folds.dedup_by_key(|fold| fold.split);
    folds
}

/// For a series too short for more: every moment from the third point on.
pub(crate) fn folds_of_few(points: &[Point], horizon: f64) -> Vec<Fold> {
    (2..points.len())
        .map(|split| {
            let origin = points[split - 1].at;
            let until = points.partition_point(|p| p.at.since(origin) <= horizon);
            // The next point counts however late it comes.
            Fold {
                split,
                until: until.max(split + 1),
            }
        })
        .collect()
}

/// The result of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tried {
    /// The newest moment that was known.
    origin: Timestamp,
    /// The error of each point that came.
    residuals: Vec<Residual>,
    /// The mean absolute step before the origin: what errors are a multiple of.
    step: f64,
    /// The volatility of the series at the origin.
    volatility: Volatility,
}

/// The results of a model at every fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    folds: Vec<Tried>,
}

impl Trial {
    /// Holds what a model predicted at each fold against the points that came; no value
    /// is taken to be below 0 or above `ceiling`.
    pub(crate) fn of(
        predicted: &[Vec<f64>],
        points: &[Point],
        folds: &[Fold],
        ceiling: Option<f64>,
    ) -> Self {
        let folds = folds.iter().zip(predicted);
        Self {
            folds: folds
                .map(|(fold, values)| tried(values, points, *fold, ceiling))
                .collect(),
        }
    }

    /// The sum of several trials at the same folds, each with its weight.
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

    /// The same with the errors that a series so unsettled is to expect.
    pub(crate) fn as_at(&self, volatility: Volatility) -> Self {
        self.scaled(|fold| volatility.against(fold.volatility))
    }

    fn scaled(&self, factor: impl Fn(&Tried) -> f64) -> Self {
        let mut folds = self.folds.clone();
        for fold in &mut folds {
            let factor = factor(fold);
            fold.residuals.iter_mut().for_each(|r| r.error *= factor);
        }
        Self { folds }
    }

    /// All errors.
    pub(crate) fn residuals(&self) -> impl Iterator<Item = &Residual> {
        self.folds.iter().flat_map(|fold| &fold.residuals)
    }

    /// The errors of each fold at so many seconds ahead, which rise. Where a gap left
    /// none the one before stands in; beyond the horizon that could be tried the newest
    /// grows as all of them do.
    pub(crate) fn error_paths(&self, ahead: &[f64]) -> Vec<Vec<f64>> {
        let growth = growth(&Vec::from_iter(self.residuals()));
        let path = |fold: &Tried| {
            let residuals = &fold.residuals;
            let at = |seconds: &f64| {
                let passed = residuals.partition_point(|r| r.ahead <= *seconds);
                let residual = residuals.get(passed.saturating_sub(1))?;
                let beyond = if passed == residuals.len() {
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

    /// The mean absolute error at each fold, in the unit of the points.
    pub(crate) fn errors(&self) -> impl Iterator<Item = f64> {
        let of_fold = |fold: &Tried| mean(fold.residuals.iter().map(|r| r.error.abs()));
        self.folds.iter().map(of_fold)
    }

    /// The mean absolute error over all folds, in the unit of the points.
    pub(crate) fn error(&self) -> f64 {
        mean(self.errors())
    }

    /// The same as a multiple of the mean absolute step from one point to the next
    /// before each fold; 0 where nothing is wrong.
    pub(crate) fn scaled_error(&self) -> f64 {
        let error = self.error();
        if error == 0.0 {
            return 0.0;
        }
        let step = mean(self.folds.iter().map(|fold| fold.step));
        // All known points were 0, and something else came: the error itself.
        if step == 0.0 { error } else { error / step }
    }

    /// Returns the interval that the errors make.
    pub(crate) fn interval(&self, coverage: f64) -> Option<Interval> {
        Interval::of(self.residuals(), coverage)
    }

    /// The share of points that lay within the intervals as they would have been
    /// made: from the errors that were known at each fold. `None` where no fold came
    /// after another.
    pub(crate) fn coverage(&self, coverage: f64) -> Option<f64> {
        let (mut inside, mut all) = (0u32, 0u32);
        for (index, fold) in self.folds.iter().enumerate() {
            let known = Self {
                folds: self.folds[..index].to_vec(),
            };
            let known = known.as_at(fold.volatility);
            let known = known.residuals().filter(|r| r.at <= fold.origin);
            let Some(interval) = Interval::of(known, coverage) else {
                continue;
            };
            let within = |residual: &&Residual| interval.holds(residual);
            inside += fold.residuals.iter().filter(within).count() as u32;
            all += fold.residuals.len() as u32;
        }
        (all > 0).then(|| f64::from(inside) / f64::from(all))
    }
}

/// Holds predictions of one fold against the points that came.
fn tried(values: &[f64], points: &[Point], fold: Fold, ceiling: Option<f64>) -> Tried {
    let Fold { split, until } = fold;
    let (known, came) = (&points[..split], &points[split..until]);
    let origin = known[known.len() - 1].at;
    let until = points[..until].iter();
    let greatest = until.fold(0.0, |most, p| f64::max(most, p.value));
    let residuals = came
        .iter()
        .zip(values)
        .map(|(point, value)| {
            let error = point.value - bounded(*value, ceiling);
            let rounding = error.abs() <= LEAST_ERROR * greatest;
            Residual {
                at: point.at,
                ahead: point.at.since(origin),
                error: if rounding { 0.0 } else { error },
            }
        })
        .collect();
    let step = mean_step(known);
    Tried {
        origin,
        residuals,
        volatility: Volatility::of(known, came.len()),
        step: step.max(LEAST_MOVE * greatest),
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
    fn long_horizon_is_tried_over_a_third() {
        let points = rising(121);
        assert_eq!(tried_horizon(&points, 1800.0), 1800.0);
        assert_eq!(tried_horizon(&points, 86_400.0), 2400.0);
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
    fn gaps_hold_no_folds() {
        // Forty minutes, two hours of nothing, an hour and twenty minutes.
        let times = (0..40).chain(160..240).map(|minute| (minute * 60, 1.0));
        let points = series(&times.collect::<Vec<_>>());
        let folds = folds(&points, 1800.0);
        assert!(folds.len() >= 3, "{folds:?}");
        for fold in folds {
            let origin = points[fold.split - 1].at;
            let (first, last) = (points[fold.split].at, points[fold.until - 1].at);
            assert!(last.since(first) <= 1800.0, "{fold:?}");
            // After the gap nothing is held against what was known before it, but
            // for a fold whose horizon reaches over its end.
            assert!(first.since(origin) <= 60.0 || fold.split == 40, "{fold:?}");
        }
    }

    #[test]
    fn errors_are_multiples_of_the_mean_step() {
        // A line with slope 1 that the newest value misses by 1, 2 … 30 steps.
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
        // The same error at every moment: each interval holds the next one.
        let points = rising(121);
        let folds = folds(&points, 60.0);
        let even = trial(Model::LastValue, &points, &folds);
        assert_eq!(even.coverage(0.8), Some(1.0));
        // Each error is greater than any before it: no interval holds the next one.
        let squares: Vec<f64> = (0..121).map(|k| f64::from(k * k)).collect();
        let growing = trial(Model::LastValue, &spaced(&squares), &folds);
        assert_eq!(growing.coverage(0.8), Some(0.0));
        // One fold has none before it.
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
    fn error_path_goes_on_beyond_what_was_tried() {
        // A line that the newest value misses by 1, 2 … 40 steps.
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
        /// Without seasons, which are learnt from both sides.
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
                    // Its interval neither: it was made from what was known then.
                    let up_to = |trial: &Trial| {
                        Trial { folds: trial.folds[..=index].to_vec() }.coverage(0.8)
                    };
                    prop_assert_eq!(up_to(&before), up_to(&after));
                }
            }
        }
    }
}
