//! How wide an interval must be to hold its share of what comes.
//!
//! Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei and others
//! 2018): as wide as would have held that share of the errors which the model made
//! in its backtest. No distribution is assumed. Errors are first made comparable:
//! by the model's own idea of its interval where it has one, otherwise by a power
//! of the time ahead that the errors themselves show — none for noise about a
//! level, near a half for a random walk, up to one for a slope gone wrong.
//!
//! Below and above are as wide as each other: on a series that moves one way, the
//! errors of its few independent stretches all point there, and say little about
//! where the next one will point.

use quantity::Timestamp;

use crate::mean::mean;

/// How far a model's interval reaches: what errors are measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    /// As far as the model says: below its value, and above.
    Own {
        /// Below the value; not negative.
        below: f64,
        /// Above the value; not negative.
        above: f64,
    },
    /// The model does not say: this many seconds ahead.
    Ahead(f64),
}

/// What a prediction was off by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Residual {
    /// When the value came.
    pub(crate) at: Timestamp,
    /// The value less its prediction.
    pub(crate) error: f64,
    /// What it is measured by.
    pub(crate) reach: Reach,
}

/// Fewest errors from which their growth with time is judged.
const MIN_FOR_GROWTH: usize = 8;

/// Into how many groups by time ahead they are put for that.
const GROUPS: usize = 5;

/// A group without errors counts as one with this share of the mean error.
const LEAST_SHARE: f64 = 0.05;

/// No interval is stretched by more: a model that is certain and wrong shall not
/// make an endless one elsewhere.
const MOST: f64 = 1e6;

/// How wide an interval is: learnt from errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    /// Power of the time ahead with which errors grow, where no model says.
    growth: f64,
    /// Width as a multiple of the reach.
    factor: f64,
}

impl Interval {
    /// The interval that holds a `coverage` of `residuals`; `None` of nothing.
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

    /// How far it goes below and above a value, in the unit of the points.
    pub(crate) fn widths(&self, reach: Reach) -> (f64, f64) {
        let (below, above) = widths(reach, self.growth);
        (self.factor * below, self.factor * above)
    }

    /// Whether a value with this error lies within.
    pub(crate) fn holds(&self, residual: &Residual) -> bool {
        size(residual, self.growth) <= self.factor
    }
}

/// What errors below and above are measured by.
fn widths(reach: Reach, growth: f64) -> (f64, f64) {
    match reach {
        Reach::Own { below, above } => (below, above),
        Reach::Ahead(seconds) => {
            let width = seconds.powf(growth);
            (width, width)
        }
    }
}

/// An error as a multiple of the width on its side.
fn size(residual: &Residual, growth: f64) -> f64 {
    let (below, above) = widths(residual.reach, growth);
    let width = if residual.error < 0.0 { below } else { above };
    match residual.error.abs() {
        0.0 => 0.0,
        // Widths of nothing included.
        error => (error / width).min(MOST),
    }
}

/// The power of the time ahead that fits the errors best, 0 to 1: least squares
/// through the logarithms of mean time and mean error of a few groups.
fn growth(residuals: &[&Residual]) -> f64 {
    let mut sizes: Vec<(f64, f64)> = residuals
        .iter()
        .filter_map(|residual| match residual.reach {
            Reach::Ahead(seconds) => Some((seconds, residual.error.abs())),
            Reach::Own { .. } => None,
        })
        .collect();
    if sizes.len() < MIN_FOR_GROWTH {
        // As a random walk's.
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
            (seconds.ln(), (error / overall).max(LEAST_SHARE).ln())
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

/// The value below which a `share` of the sorted values lies, between the two
/// nearest (definition 5 of Hyndman and Fan 1996, "Sample quantiles in statistical
/// packages", The American Statistician 50). `values` is not empty.
fn quantile(values: &[f64], share: f64) -> f64 {
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
            error,
            reach: Reach::Ahead(seconds),
        }
    }

    fn own(error: f64, below: f64, above: f64) -> Residual {
        Residual {
            reach: Reach::Own { below, above },
            ..ahead(0.0, error)
        }
    }

    #[test]
    fn nothing_is_learnt_from_nothing() {
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
    fn errors_that_do_not_grow_make_an_even_interval_and_others_one_that_opens() {
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
    fn a_models_own_interval_is_stretched_until_it_holds_its_share() {
        // Four in five of the errors are within twice what the model said.
        let residuals = [0.5, -1.0, 2.0, -1.5, 9.0].map(|error| own(error, 1.0, 1.0));
        let interval = Interval::of(residuals[..4].iter(), 0.875).expect("errors");
        assert_eq!(
            interval.widths(Reach::Own {
                below: 3.0,
                above: 5.0
            }),
            (6.0, 10.0)
        );
        assert!(interval.holds(&residuals[2]) && !interval.holds(&residuals[4]));
    }

    #[test]
    fn a_model_that_was_certain_and_wrong_makes_a_wide_interval_not_an_endless_one() {
        let residuals = [own(1.0, 0.0, 0.0); 3];
        let interval = Interval::of(residuals.iter(), 0.8).expect("errors");
        let (below, above) = interval.widths(Reach::Own {
            below: 1.0,
            above: 0.0,
        });
        assert!(below.is_finite() && above.is_finite(), "{interval:?}");
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share_of_the_errors_that_it_was_made_from(
            errors in proptest::collection::vec(-1e9..1e9f64, 20..200),
            coverage in 0.5..0.95f64,
        ) {
            let residuals: Vec<Residual> = errors
                .iter()
                .enumerate()
                .map(|(k, error)| ahead(60.0 * (k + 1) as f64, *error))
                .collect();
            let interval = Interval::of(residuals.iter(), coverage).expect("errors");
            let held = residuals.iter().filter(|r| interval.holds(r)).count() as f64;
            // Equal errors are held together.
            let count = residuals.len() as f64;
            prop_assert!(held / count >= coverage - 1.0 / count, "{} of {}", held, count);
        }

        #[test]
        fn a_wider_share_makes_no_narrower_interval(
            errors in proptest::collection::vec(-1e3..1e3f64, 1..50),
        ) {
            let residuals: Vec<Residual> =
                errors.iter().map(|error| ahead(600.0, *error)).collect();
            let width = |coverage| {
                let interval = Interval::of(residuals.iter(), coverage).expect("errors");
                interval.widths(Reach::Ahead(1200.0)).0
            };
            prop_assert!(width(0.5) <= width(0.8) && width(0.8) <= width(0.99));
        }
    }
}
