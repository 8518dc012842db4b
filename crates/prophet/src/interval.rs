//! Prediction intervals by simulation.
//!
//! In scope: bounds at each prediction time from noise and future trend changes, as
//! Prophet defines them. Out of scope: the point forecast.
//!
//! Prophet assumes that future rate changes are as frequent and as large as past ones:
//! their times are a Poisson process, their sizes have a Laplace distribution whose scale
//! is the mean absolute change so far. augurs simulates this with random numbers of the
//! operating system. Here they come from a seed, so that a report can be reproduced.
//!
//! The bounds are pointwise: each holds for one prediction time. One noise value per path
//! is therefore enough, and evenly spaced quantiles of the noise are more precise than
//! random draws. Without trend changes the bounds are exact.

use augurs_prophet::TrendIndicator;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::trend::level;

/// The fitted model at one prediction time.
pub(crate) struct PredictionPoint {
    /// Scaled time.
    pub(crate) t: f64,
    /// Value of the trend's piecewise linear curve.
    pub(crate) curve: f64,
    /// Factor that converts the trend to the unit of the series.
    pub(crate) factor: f64,
    /// Additive part, in the unit of the series.
    pub(crate) added: f64,
}

/// The distributions of noise and future trend changes.
pub(crate) struct Uncertainty {
    pub(crate) growth: TrendIndicator,
    /// Scaled cap of logistic growth.
    pub(crate) cap: f64,
    /// Expected number of rate changes in one unit of scaled time.
    pub(crate) frequency: f64,
    /// Mean absolute rate change.
    pub(crate) change: f64,
    /// Standard deviation of the noise, in the unit of the series.
    pub(crate) noise: f64,
}

/// The deviation of a simulated path from the curve.
struct Path {
    next_change: f64,
    slope: f64,
    offset: f64,
    noise: f64,
}

/// Returns the bounds of the central interval with this coverage at each of the points,
/// which are in ascending order of time.
pub(crate) fn bounds(
    points: &[PredictionPoint],
    uncertainty: &Uncertainty,
    coverage: f64,
    samples: usize,
    seed: u64,
) -> Vec<(f64, f64)> {
    let mut random = SplitMix(seed);
    let normal = Normal::standard();
    let mut paths: Vec<Path> = (0..samples)
        .map(|i| Path {
            // The window ends at scaled time 1.
            next_change: 1.0 + random.exponential() / uncertainty.frequency,
            slope: 0.0,
            offset: 0.0,
            noise: uncertainty.noise * normal.inverse_cdf((i as f64 + 0.5) / samples as f64),
        })
        .collect();
    let mut values = vec![0.0; samples];
    points
        .iter()
        .map(|point| {
            for (path, value) in paths.iter_mut().zip(&mut values) {
                while path.next_change <= point.t {
                    let change = uncertainty.change * random.exponential() * random.sign();
                    path.slope += change;
                    path.offset -= change * path.next_change;
                    path.next_change += random.exponential() / uncertainty.frequency;
                }
                let shift = match uncertainty.growth {
                    TrendIndicator::Flat => 0.0,
                    _ => path.slope * point.t + path.offset,
                };
                let trend = level(uncertainty.growth, point.curve + shift, uncertainty.cap);
                *value = trend * point.factor + point.added + path.noise;
            }
            let outside = (1.0 - coverage) / 2.0;
            (
                quantile(&mut values, outside),
                quantile(&mut values, 1.0 - outside),
            )
        })
        .collect()
}

/// Returns the quantile by linear interpolation between order statistics. Reorders the
/// values.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    let rank = share * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (rank - below as f64) * (high - low)
}

/// A seeded random number generator: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns an exponentially distributed number with mean 1; positive and finite.
    fn exponential(&mut self) -> f64 {
        let uniform = ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln()
    }

    /// Returns 1 or -1 with equal probability.
    fn sign(&mut self) -> f64 {
        if self.next() >> 63 == 0 { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    const Z90: f64 = 1.281_551_565_544_6;

    fn points(times: &[f64]) -> Vec<PredictionPoint> {
        let point = |&t: &f64| PredictionPoint {
            t,
            curve: 0.0,
            factor: 1.0,
            added: 5.0,
        };
        times.iter().map(point).collect()
    }

    fn uncertainty(change: f64, noise: f64) -> Uncertainty {
        let growth = TrendIndicator::Linear;
        Uncertainty {
            growth,
            cap: 0.0,
            frequency: 25.0,
            change,
            noise,
        }
    }

    /// Returns the exact probability that a path is below `x` at a time `after` the window:
    /// from the characteristic function of a compound Poisson process plus noise.
    fn below(x: f64, after: f64, uncertainty: &Uncertainty) -> f64 {
        let characteristic = |u: f64| {
            let reach = uncertainty.change * u;
            let bends = uncertainty.frequency * ((reach * after).atan() / reach - after);
            (bends - (uncertainty.noise * u).powi(2) / 2.0).exp()
        };
        let step = 0.01;
        let terms = (0..100_000).map(|i| (f64::from(i) + 0.5) * step);
        let sum: f64 = terms.map(|u| (u * x).sin() / u * characteristic(u)).sum();
        0.5 + sum * step / PI
    }

    #[test]
    fn without_changes_bounds_are_noise_quantiles() {
        for (lower, upper) in bounds(&points(&[0.5, 1.5]), &uncertainty(0.0, 2.0), 0.8, 1000, 1) {
            assert!((lower - (5.0 - 2.0 * Z90)).abs() < 0.01, "{lower}");
            assert!((upper - (5.0 + 2.0 * Z90)).abs() < 0.01, "{upper}");
        }
    }

    #[test]
    fn future_changes_widen_the_interval() {
        for (change, noise) in [(0.3, 0.02), (0.05, 0.02), (1.0, 0.5)] {
            let uncertainty = uncertainty(change, noise);
            for after in [0.05, 0.1, 0.4] {
                let points = points(&[1.0 + after]);
                let (lower, upper) = bounds(&points, &uncertainty, 0.8, 20_000, 7)[0];
                let (low, high) = (
                    below(lower - 5.0, after, &uncertainty),
                    below(upper - 5.0, after, &uncertainty),
                );
                assert!((low - 0.1).abs() < 0.01, "{change} {noise} {after}: {low}");
                assert!(
                    (high - 0.9).abs() < 0.01,
                    "{change} {noise} {after}: {high}"
                );
            }
        }
    }

    #[test]
    fn flat_growth_has_no_trend_changes() {
        let flat = Uncertainty {
            growth: TrendIndicator::Flat,
            ..uncertainty(1.0, 0.1)
        };
        let (lower, upper) = bounds(&points(&[3.0]), &flat, 0.8, 1000, 1)[0];
        assert!((upper - lower - 0.2 * Z90).abs() < 1e-3, "{lower} {upper}");
    }

    #[test]
    fn logistic_bounds_lie_between_zero_and_cap() {
        let growth = TrendIndicator::Logistic;
        let logistic = Uncertainty {
            growth,
            cap: 2.0,
            ..uncertainty(50.0, 0.0)
        };
        let (lower, upper) = bounds(&points(&[3.0]), &logistic, 0.8, 1000, 1)[0];
        assert!(
            (5.0..5.01).contains(&lower) && (6.99..=7.0).contains(&upper),
            "{lower} {upper}"
        );
    }

    #[test]
    fn bounds_depend_only_on_the_seed() {
        let of = |seed| bounds(&points(&[1.1, 1.2]), &uncertainty(0.5, 0.1), 0.8, 200, seed);
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn quantiles_interpolate_linearly() {
        // The values of numpy.percentile.
        let values = [3.0, 1.0, 4.0, 2.0];
        for (share, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)] {
            let quantile = quantile(&mut values.clone(), share);
            assert!((quantile - expected).abs() < 1e-12, "{share}: {quantile}");
        }
        assert_eq!(quantile(&mut [7.0], 0.9), 7.0);
    }
}
