//! How a model would have done on the series itself: a rolling origin.
//!
//! At several moments of the past a model is given what came before, and what it
//! says of the time after is held against what came (Tashman 2000, "Out-of-sample
//! tests of forecasting accuracy", International Journal of Forecasting 16).
//! Moments are moments of time, not numbers of points: a gap stays one.

use quantity::Timestamp;

use crate::average::mean;
use crate::interval::{Interval, Residual};
use crate::models::Model;
use crate::point::{Point, bounded};

/// Moments at which models are tried, where the points allow.
const FOLDS: usize = 8;

/// Fewest points before the first of them.
const MIN_POINTS_BEFORE: usize = 10;

/// The first third of the window is only looked back on, and no trial looks
/// further ahead than a third.
const THIRD: f64 = 1.0 / 3.0;

/// The smallest step that counts as a move, as a share of the greatest value.
const LEAST_MOVE: f64 = 1e-6;

/// The smallest error that is one, as a share of the greatest value: less is
/// rounding.
const LEAST_ERROR: f64 = 1e-12;

/// One moment of the past: what was known then, and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fold {
    /// Points before this one were known.
    split: usize,
    /// Points from there to before this one came within the horizon.
    until: usize,
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

/// What came of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tried {
    /// The newest moment that was known.
    origin: Timestamp,
    /// What each point that came was off by.
    residuals: Vec<Residual>,
    /// The mean absolute step before the origin: what errors are a multiple of.
    step: f64,
}

/// What came of trying a model at every fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    folds: Vec<Tried>,
}

impl Trial {
    /// Tries a model; no value is taken to be below 0 or above `ceiling`.
    ///
    /// # Errors
    /// When the model does not fit the points of a fold: why.
    pub(crate) fn of(
        model: Model,
        points: &[Point],
        folds: &[Fold],
        ceiling: Option<f64>,
    ) -> Result<Self, String> {
        let folds = folds
            .iter()
            .map(|fold| tried(model, &points[..fold.until], fold.split, ceiling))
            .collect::<Result<_, _>>()?;
        Ok(Self { folds })
    }

    /// How often it was tried.
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

    /// What is to be learnt from the errors for an interval.
    pub(crate) fn interval(&self, coverage: f64) -> Option<Interval> {
        Interval::of(self.folds.iter().flat_map(|fold| &fold.residuals), coverage)
    }

    /// The share of points that lay within the intervals as they would have been
    /// made: from the errors that were known at each fold. `None` where no fold came
    /// after another.
    pub(crate) fn coverage(&self, coverage: f64) -> Option<f64> {
        let (mut inside, mut all) = (0u32, 0u32);
        for (index, fold) in self.folds.iter().enumerate() {
            let known = self.folds[..index]
                .iter()
                .flat_map(|earlier| &earlier.residuals)
                .filter(|residual| residual.at <= fold.origin);
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

/// Tries a model on all of `points`, of which those before `split` are known.
fn tried(
    model: Model,
    points: &[Point],
    split: usize,
    ceiling: Option<f64>,
) -> Result<Tried, String> {
    let (known, came) = points.split_at(split);
    let origin = known[known.len() - 1].at;
    let times: Vec<Timestamp> = came.iter().map(|p| p.at).collect();
    let values = model.predict(known, &times)?;
    let greatest = points.iter().fold(0.0, |most, p| f64::max(most, p.value));
    let residuals = came
        .iter()
        .zip(&values)
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
    let step = mean(
        known
            .windows(2)
            .map(|pair| (pair[1].value - pair[0].value).abs()),
    );
    Ok(Tried {
        origin,
        residuals,
        step: step.max(LEAST_MOVE * greatest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{series, spaced};
    use proptest::prelude::*;

    const MODELS: [Model; 4] = [Model::LastValue, Model::Mean, Model::TheilSen, Model::Ets];

    fn rising(count: usize) -> Vec<Point> {
        spaced(&(0..count).map(|k| k as f64).collect::<Vec<_>>())
    }

    #[test]
    fn moments_lie_between_the_first_third_and_a_horizon_before_the_end() {
        let points = rising(121);
        let folds = folds(&points, 1800.0);
        assert_eq!(folds.len(), FOLDS);
        assert_eq!((folds[0].split, folds[0].until), (41, 71));
        assert_eq!((folds[7].split, folds[7].until), (91, 121));
        assert!(folds.windows(2).all(|w| w[0].split < w[1].split));
    }

    #[test]
    fn a_horizon_beyond_a_third_of_the_window_is_tried_over_a_third() {
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
    fn a_gap_is_time_in_which_nothing_can_be_tried() {
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
    fn an_error_is_a_multiple_of_the_mean_step_before_the_fold() {
        // A line with slope 1 that the newest value misses by 1, 2 … 30 steps.
        let points = rising(121);
        let folds = folds(&points, 1800.0);
        let trial = Trial::of(Model::LastValue, &points, &folds, None).expect("fits");
        assert_eq!(trial.error(), 15.5);
        assert_eq!(trial.scaled_error(), 15.5);
    }

    #[test]
    fn a_series_that_never_moved_has_an_error_when_it_does() {
        let mut values = vec![5.0; 121];
        let folds = folds(&spaced(&values), 1800.0);
        let error = |values: &[f64]| {
            let trial = Trial::of(Model::LastValue, &spaced(values), &folds, None);
            trial.expect("fits").scaled_error()
        };
        assert_eq!(error(&values), 0.0);
        values[120] = 10.0;
        let scaled = error(&values);
        assert!(scaled.is_finite() && scaled > 1.0, "{scaled}");
        assert_eq!(error(&[0.0; 121]), 0.0);
    }

    #[test]
    fn coverage_counts_what_lay_within_intervals_made_from_earlier_folds() {
        // The same error at every moment: each interval holds the next one.
        let points = rising(121);
        let folds = folds(&points, 60.0);
        let trial = Trial::of(Model::LastValue, &points, &folds, None).expect("fits");
        assert_eq!(trial.coverage(0.8), Some(1.0));
        // Each error is greater than any before it: no interval holds the next one.
        let squares: Vec<f64> = (0..121).map(|k| f64::from(k * k)).collect();
        let trial = Trial::of(Model::LastValue, &spaced(&squares), &folds, None).expect("fits");
        assert_eq!(trial.coverage(0.8), Some(0.0));
        // One fold has none before it.
        let trial = Trial::of(Model::LastValue, &points, &folds[..1], None).expect("fits");
        assert_eq!(trial.coverage(0.8), None);
    }

    proptest! {
        #[test]
        fn what_comes_after_a_fold_does_not_move_it(
            values in proptest::collection::vec(0.0..1e6f64, 24..150),
            others in proptest::collection::vec(0.0..1e6f64, 150),
            horizon in 60.0..7200.0f64,
        ) {
            let points = spaced(&values);
            let folds = folds(&points, horizon);
            for (index, fold) in folds.iter().enumerate() {
                let mut changed = points.clone();
                for (point, other) in changed[fold.until..].iter_mut().zip(&others) {
                    point.value = *other;
                }
                for model in MODELS {
                    let of = |points| Trial::of(model, points, &folds, None).expect("fits");
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
