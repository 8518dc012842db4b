//! Prediction intervals from backtest errors.
//!
//! Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei and others 2018): the width
//! is the quantile of absolute backtest errors at the nominal coverage. No distribution is
//! assumed, and the models' own intervals are not used. Errors are first divided by a power of
//! their lead time, estimated from the errors: 0 for noise around a level, about 0.5 for a
//! random walk, up to 1 for a wrong slope.
//!
//! Intervals are symmetric. Folds overlap, so few errors are independent; on a series with a
//! trend most have the same sign, which says little about the sign of the next error.

use quantity::Timestamp;

use crate::average::mean;

/// The error of one prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Residual {
    /// The time of the value.
    pub(crate) at: Timestamp,
    /// The lead time of the prediction, in seconds; above 0.
    pub(crate) ahead: f64,
    /// The actual value minus its prediction.
    pub(crate) error: f64,
}

/// The minimum number of errors from which their growth is estimated.
const MIN_FOR_GROWTH: usize = 8;

/// The number of groups by lead time for that estimate.
const GROUPS: usize = 5;

/// The minimum mean error of a group, as a share of the overall mean error.
const MIN_GROUP_ERROR: f64 = 0.05;

/// The width of prediction intervals by lead time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    /// The power of the lead time with which errors grow.
    growth: f64,
    /// Half the width at a lead time of one second, in the unit of the points.
    factor: f64,
}

impl Interval {
    /// Returns the interval that contains the share `coverage` of `residuals`; `None` without
    /// residuals.
    pub(crate) fn of<'a>(
        residuals: impl Iterator<Item = &'a Residual>,
        coverage: f64,
    ) -> Option<Self> {
        let residuals: Vec<&Residual> = residuals.collect();
        if residuals.is_empty() {
            return None;
        }
        let growth = growth(&residuals);
        let mut sizes: Vec<f64> = residuals.iter().map(|r| size(r, growth)).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        Some(Self {
            growth,
            factor: quantile(&sizes, coverage),
        })
    }

    /// Returns half the width at a lead time of `ahead` seconds, in the unit of the points.
    pub(crate) fn width(&self, ahead: f64) -> f64 {
        self.factor * ahead.max(0.0).powf(self.growth)
    }

    /// Returns `true` if a value with this error lies within the interval.
    pub(crate) fn contains(&self, residual: &Residual) -> bool {
        size(residual, self.growth) <= self.factor
    }
}

/// Returns the absolute error, scaled to a lead time of one second.
fn size(residual: &Residual, growth: f64) -> f64 {
    residual.error.abs() / residual.ahead.powf(growth)
}

/// Returns the power of the lead time with which errors grow, 0 to 1: the slope of a
/// least-squares line through the logarithms of mean lead time and mean error of each group.
pub(crate) fn growth(residuals: &[&Residual]) -> f64 {
    let mut sizes: Vec<(f64, f64)> = residuals.iter().map(|r| (r.ahead, r.error.abs())).collect();
    if sizes.len() < MIN_FOR_GROWTH {
        // That of a random walk.
        return 0.5;
    }
    sizes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let overall = mean(sizes.iter().map(|(_, error)| *error));
    if overall == 0.0 {
        return 0.0;
    }
    let groups: Vec<(f64, f64)> = (0..GROUPS)
        .map(|k| &sizes[k * sizes.len() / GROUPS..(k + 1) * sizes.len() / GROUPS])
        .map(|group| {
            let seconds = mean(group.iter().map(|(seconds, _)| *seconds));
            let error = mean(group.iter().map(|(_, error)| *error));
            (seconds.ln(), (error / overall).max(MIN_GROUP_ERROR).ln())
        })
        .collect();
    let middle = mean(groups.iter().map(|(time, _)| *time));
    let spread: f64 = groups.iter().map(|(time, _)| (time - middle).powi(2)).sum();
    let rise: f64 = groups
        .iter()
        .map(|(time, error)| (time - middle) * error)
        .sum();
    if spread > 0.0 {
        (rise / spread).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Returns the quantile of sorted values at the level `share`, interpolated linearly
/// (definition 5 of Hyndman and Fan 1996, "Sample quantiles in statistical packages", The
/// American Statistician 50). `values` is not empty.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let place = (share * values.len() as f64 - 0.5).clamp(0.0, (values.len() - 1) as f64);
    let (below, above) = (
        values[place.floor() as usize],
        values[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ahead(seconds: f64, error: f64) -> Residual {
        Residual {
            at: Timestamp::from_unix(0),
            ahead: seconds,
            error,
        }
    }

    #[test]
    fn no_errors_give_no_interval() {
        assert_eq!(Interval::of([].iter(), 0.8), None);
    }

    #[test]
    fn the_quantile_lies_between_the_nearest_values() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 3.0), (0.8, 4.5), (1.0, 5.0)] {
            assert_eq!(quantile(&values, share), expected);
        }
        assert_eq!(quantile(&[7.0], 0.8), 7.0);
    }

    #[test]
    fn intervals_widen_as_errors_grow() {
        for (power, expected) in [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.0, 1.0), (-1.0, 0.0)] {
            let residuals: Vec<Residual> = (1..=100)
                .map(|k| f64::from(k) * 60.0)
                .map(|seconds| ahead(seconds, seconds.powf(power)))
                .collect();
            let interval = Interval::of(residuals.iter(), 0.8).expect("errors");
            assert!((interval.growth - expected).abs() < 0.05, "{interval:?}");
        }
    }

    #[test]
    fn width_scales_with_the_unit() {
        for unit in [1e-3, 1.0, 1e12] {
            let residuals: Vec<Residual> = (1..=50)
                .map(|k| ahead(60.0 * f64::from(k), unit * f64::from(k % 7)))
                .collect();
            let interval = Interval::of(residuals.iter(), 0.8).expect("errors");
            let width = interval.width(600.0) / unit;
            assert!((3.0..9.0).contains(&width), "{unit}: {width}");
        }
    }

    proptest! {
        #[test]
        fn interval_contains_its_share_of_errors(
            errors in proptest::collection::vec(-1e9..1e9f64, 20..200),
            coverage in 0.5..0.95f64,
        ) {
            let residuals: Vec<Residual> = errors
                .iter()
                .enumerate()
                .map(|(k, error)| ahead(60.0 * (k + 1) as f64, *error))
                .collect();
            let interval = Interval::of(residuals.iter(), coverage).expect("errors");
            let inside = residuals.iter().filter(|r| interval.contains(r)).count() as f64;
            // Equal errors are all inside or all outside.
            let count = residuals.len() as f64;
            prop_assert!(inside / count >= coverage - 1.0 / count, "{} of {}", inside, count);
        }

        #[test]
        fn higher_coverage_is_no_narrower(
            errors in proptest::collection::vec(-1e3..1e3f64, 1..50),
        ) {
            let residuals: Vec<Residual> =
                errors.iter().map(|error| ahead(600.0, *error)).collect();
            let width = |coverage| {
                let interval = Interval::of(residuals.iter(), coverage).expect("errors");
                interval.width(1200.0)
            };
            prop_assert!(width(0.5) <= width(0.8) && width(0.8) <= width(0.99));
        }
    }
}
