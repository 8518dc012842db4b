//! Maximization of the log posterior by block coordinate ascent.
//!
//! In scope: the maximum reached from Stan's starting point, or a higher one, for every
//! growth and both kinds of features. Out of scope: the density itself.
//!
//! Stan optimizes all parameters at once, by L-BFGS or Newton's method, and stops short of
//! the maximum: the prior of `delta` is not differentiable at zero, where most of `delta`
//! is. This module uses the structure of the model. For a given sigma the linearised model
//! is a least-squares problem with a ridge and an L1 penalty, which [`ActiveSet`] solves
//! exactly. For given coefficients the best sigma has a closed form. Each iteration does
//! both, and none lowers the density. Linear and flat growth with additive features are
//! linear models and need no more. Other models are linearised again at the point found
//! (Gauss-Newton), with a backtracking line search.
//!
//! The posterior may have several maxima: one with much noise and few changepoints, others
//! with less noise whose changepoints follow the points more closely. As in Stan, sigma
//! starts at 1, above that of any scaled series. It decreases from iteration to iteration
//! and converges to the maximum with the most noise, as it does in Stan.

use crate::lasso::{ActiveSet, Quadratic};
use crate::parameters::Parameters;
use crate::posterior::{Linearised, Posterior, dot};

/// Convergence threshold: minimum gain of log density in an iteration or a step.
const MIN_GAIN: f64 = 1e-10;

/// Maximum iterations for one linearisation. About 20 are usual; 100 is the most observed.
const MAX_ITERATIONS: usize = 1000;

/// Maximum linearisations. About 10 are usual. With multiplicative features, and trend and
/// features both close to zero, the gain decreases without reaching the threshold.
const MAX_LINEARISATIONS: usize = 100;

/// Rate of logistic growth that is almost flat.
const GENTLE_RATE: f64 = 0.5;

/// Minimum fraction of the predicted gain for a step to be accepted (Armijo condition). It
/// is well above 0, because steps that overshoot to almost twice the optimal length gain
/// little and repeat.
const SUFFICIENT_INCREASE: f64 = 0.4;

/// Minimum fraction of a step in the line search.
const MIN_STEP: f64 = 1e-9;

/// The parameters at the maximum of the log posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The parameters.
    pub parameters: Parameters,
    /// Their log density, without the constants that Stan drops.
    pub log_density: f64,
    /// Number of linearisations.
    pub steps: usize,
}

/// Returns the highest maximum found from `start`, Stan's starting point; for logistic
/// growth also from two others.
///
/// Logistic growth has local maxima for rising and falling, early and late growth. From
/// Stan's start alone 7 of 423 varied series ended below Stan; with two more starts, none.
pub(crate) fn maximize(posterior: &Posterior, start: Parameters) -> Optimum {
    let mut best = ascend(posterior, start.clone());
    if let Some(mean_curve) = posterior.logistic_mean_curve() {
        let (k, m) = (start.k(), start.m());
        let against = -GENTLE_RATE * k.signum();
        // The opposite rate; and an almost flat one of opposite sign.
        for line in [[-k, m], [against, -mean_curve / against]] {
            let mut other = start.clone();
            other.coefficients[..2].copy_from_slice(&line);
            let other = ascend(posterior, other);
            if other.log_density > best.log_density {
                best = other;
            }
        }
    }
    best
}

/// Returns the maximum reached from `start`; its sigma is that of the first iteration.
fn ascend(posterior: &Posterior, start: Parameters) -> Optimum {
    let mut sigma = start.sigma;
    let mut best = with_best_sigma(posterior, start);
    while best.steps < MAX_LINEARISATIONS {
        let local = Local::new(posterior, &best.parameters);
        let steps = best.steps + 1;
        let next = line_search(posterior, &best, &local.converged(sigma), 1.0);
        // The converged step may leave the region where the linearisation is valid, even in
        // a direction of descent. One iteration from the best sigma is an ascent direction.
        let next = next.or_else(|| {
            let target = local.after_one_iteration(best.parameters.sigma);
            line_search(posterior, &best, &target, MIN_STEP)
        });
        let Some(next) = next else { break };
        let gain = next.log_density - best.log_density;
        best = Optimum { steps, ..next };
        sigma = best.parameters.sigma;
        if posterior.is_linear() || gain < MIN_GAIN {
            break;
        }
    }
    best
}

/// The step that the linearised model proposes.
struct Target {
    coefficients: Vec<f64>,
    /// The log density of the linearised model there.
    log_density: f64,
}

/// Returns the first point on the line to the target that satisfies the Armijo condition,
/// halving the step each time; `None` below the step `min_step`.
fn line_search(
    posterior: &Posterior,
    from: &Optimum,
    target: &Target,
    min_step: f64,
) -> Option<Optimum> {
    let predicted = target.log_density - from.log_density;
    let mut share = 1.0;
    while predicted >= MIN_GAIN && share >= min_step {
        let there = posterior.interpolate(&from.parameters, &target.coefficients, share);
        let next = with_best_sigma(posterior, there);
        if next.log_density >= from.log_density + SUFFICIENT_INCREASE * share * predicted {
            return Some(next);
        }
        share /= 2.0;
    }
    None
}

fn with_best_sigma(posterior: &Posterior, mut parameters: Parameters) -> Optimum {
    let rss = posterior.rss(&parameters);
    parameters.sigma = posterior.best_sigma(rss);
    let log_density = posterior.log_prior(&parameters) + posterior.log_noise(parameters.sigma, rss);
    Optimum {
        parameters,
        log_density,
        steps: 0,
    }
}

/// The posterior with the model linearised at some parameters.
struct Local<'p, 'a> {
    posterior: &'p Posterior<'a>,
    at: &'p Parameters,
    around: Linearised,
    /// Dot products of the columns with each other, row-major.
    gram: Vec<f64>,
    /// Dot products of the columns with the response of the linearised model.
    slope: Vec<f64>,
    precisions: Vec<f64>,
}

impl<'p, 'a> Local<'p, 'a> {
    fn new(posterior: &'p Posterior<'a>, at: &'p Parameters) -> Self {
        let around = posterior.linearised(at);
        let n = at.coefficients.len();
        let mut gram = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                // Columns start at different rows and end at the same one.
                let (a, b) = (around.column(i), around.column(j));
                let rows = a.len().min(b.len());
                let product = dot(&a[a.len() - rows..], &b[b.len() - rows..]);
                gram[i * n + j] = product;
                gram[j * n + i] = product;
            }
        }
        let slope = (0..n)
            .map(|j| {
                let column = around.column(j);
                let residual = &around.residual[around.residual.len() - column.len()..];
                dot(column, residual) + dot(&gram[j * n..(j + 1) * n], &at.coefficients)
            })
            .collect();
        Self {
            posterior,
            at,
            around,
            gram,
            slope,
            precisions: posterior.precisions(),
        }
    }

    /// Iterates from this sigma until the gain is below the threshold; each iteration uses the
    /// best sigma of the previous one.
    fn converged(&self, mut sigma: f64) -> Target {
        let mut set = self.active_set();
        let mut best = Target {
            coefficients: self.at.coefficients.clone(),
            log_density: f64::NEG_INFINITY,
        };
        for _ in 0..MAX_ITERATIONS {
            let rss = self.iterate(&mut set, sigma);
            sigma = self.posterior.best_sigma(rss);
            let target = self.target(&set, sigma, rss);
            let gain = target.log_density - best.log_density;
            if gain > 0.0 {
                best = target;
            }
            if gain < MIN_GAIN {
                break;
            }
        }
        best
    }

    /// Performs one iteration with sigma unchanged.
    fn after_one_iteration(&self, sigma: f64) -> Target {
        let mut set = self.active_set();
        let rss = self.iterate(&mut set, sigma);
        self.target(&set, sigma, rss)
    }

    fn active_set(&self) -> ActiveSet {
        ActiveSet::new(self.at.coefficients.clone(), &self.posterior.deltas())
    }

    fn target(&self, set: &ActiveSet, sigma: f64, rss: f64) -> Target {
        let there = self.at.with(set.x.clone());
        let log_density = self.posterior.log_prior(&there) + self.posterior.log_noise(sigma, rss);
        Target {
            coefficients: there.coefficients,
            log_density,
        }
    }

    /// Solves for the coefficients at a sigma, and returns their residual sum of squares.
    fn iterate(&self, set: &mut ActiveSet, sigma: f64) -> f64 {
        let problem = Quadratic {
            gram: &self.gram,
            slope: &self.slope,
            penalised: self.posterior.deltas(),
        };
        // The log density, multiplied by the variance to leave `gram` as it is.
        let variance = sigma * sigma;
        let ridge: Vec<f64> = self.precisions.iter().map(|p| p * variance).collect();
        set.solve(&problem, &ridge, self.posterior.delta_penalty() * variance);
        self.rss(&set.x)
    }

    /// Returns the residual sum of squares of the linearised model.
    fn rss(&self, coefficients: &[f64]) -> f64 {
        let mut residual = self.around.residual.clone();
        for (j, (x, at)) in coefficients.iter().zip(&self.at.coefficients).enumerate() {
            let moved = x - at;
            if moved != 0.0 {
                let column = self.around.column(j);
                let start = residual.len() - column.len();
                for (residual, by) in residual[start..].iter_mut().zip(column) {
                    *residual -= moved * by;
                }
            }
        }
        dot(&residual, &residual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::tests::{GROWTHS, data};
    use augurs_prophet::TrendIndicator;
    use proptest::prelude::*;

    /// Returns a starting point like that of augurs and Python Prophet: no rate changes.
    fn start(changepoints: usize, features: usize) -> Parameters {
        Parameters::new(
            0.1,
            0.5,
            &vec![0.0; changepoints],
            &vec![0.0; features],
            1.0,
        )
    }

    /// Returns the largest violation of the optimality conditions by a coefficient, with a
    /// subgradient for rate changes at zero.
    fn optimality_violation(posterior: &Posterior, at: &Parameters) -> f64 {
        let kinks = posterior.deltas();
        let gradient = posterior.gradient(at).into_iter().enumerate();
        gradient
            .map(|(j, gradient)| {
                let kink = kinks.contains(&j) && at.coefficients[j] == 0.0;
                let free = if kink { posterior.delta_penalty() } else { 0.0 };
                (gradient.abs() - free).max(0.0)
            })
            .fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn optimum_satisfies_optimality_conditions(
            y in proptest::collection::vec(0.0..1.0f64, 60),
            features in proptest::collection::vec(-1.0..1.0f64, 60 * 2),
        ) {
            for growth in GROWTHS {
                let data = data(growth, &y, 8, &features);
                let posterior = Posterior::new(&data, false).expect("columns of one length");
                let optimum = ascend(&posterior, start(8, 2));
                let violation = optimality_violation(&posterior, &optimum.parameters);
                prop_assert!(violation < 0.02, "{:?}: {}", growth, violation);
                let density = posterior.log_density(&optimum.parameters);
                prop_assert!((density - optimum.log_density).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_rate_change_is_recovered() {
        let y: Vec<f64> = (0..100)
            .map(|i| f64::from(i) / 99.0)
            // With noise: without it the density is unbounded.
            .map(|t| 0.2 + 0.1 * t + 0.6 * (t - 0.4_f64).max(0.0) + 0.01 * (97.0 * t).sin())
            .collect();
        let data = data(TrendIndicator::Linear, &y, 4, &[0.0; 100]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        let optimum = ascend(&posterior, start(4, 1));
        let delta = optimum.parameters.delta();
        assert!((delta[1] - 0.6).abs() < 0.02, "{delta:?}");
        let others = delta[0].abs() + delta[2].abs() + delta[3].abs();
        assert!(others < 0.01, "{delta:?}");
    }

    #[test]
    fn maximum_with_the_most_noise_is_chosen() {
        let y: Vec<f64> = (0..240)
            .map(|i| 0.5 + 0.4 * (f64::from(i) / 25.0).sin())
            .collect();
        let data = data(TrendIndicator::Linear, &y, 25, &[0.0; 240]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        let from = |sigma| {
            let mut start = start(25, 1);
            start.sigma = sigma;
            ascend(&posterior, start)
        };
        let (first, second) = (from(1.0), from(1e-3));
        for optimum in [&first, &second] {
            assert!(optimality_violation(&posterior, &optimum.parameters) < 1e-3);
        }
        assert!(first.parameters.sigma > 2.0 * second.parameters.sigma);
    }

    #[test]
    fn logistic_growth_is_fitted_from_several_starts() {
        let wave = |i: i32| 0.6 + 0.05 * (f64::from(i) / 12.0 + 2.4).sin();
        let y: Vec<f64> = (0..60).map(wave).collect();
        let data = data(TrendIndicator::Logistic, &y, 8, &[0.0; 60]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        // Through the first and the last point, as Stan starts.
        let start = Parameters::new(0.03, 10.3, &[0.0; 8], &[0.0], 1.0);
        let one = ascend(&posterior, start.clone());
        let best = maximize(&posterior, start);
        assert!(best.log_density > one.log_density + 10.0, "{one:?}");
        assert!(optimality_violation(&posterior, &best.parameters) < 0.02);
    }
}
