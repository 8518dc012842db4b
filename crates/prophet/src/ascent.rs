//! Climbs the log posterior to its maximum.
//!
//! In scope: the maximum that is reached from Stan's own start, or a higher one, for each
//! growth and both kinds of features. Out of scope: the density itself.
//!
//! Stan follows gradients (L-BFGS) or the local curvature (Newton) of all parameters at
//! once, and stops short: the prior of `delta` has a kink at zero, just where most of
//! `delta` belongs. Here the structure is used instead. For a given sigma the linearised
//! model is a least-squares problem with a ridge and an L1 penalty, which [`ActiveSet`]
//! solves exactly; for given coefficients the best sigma has a closed form; taking
//! turns, the density rises with each turn. Linear and flat growth with additive
//! features *are* linear, so that is all. Otherwise the model is linearised anew at the
//! point found (Gauss-Newton), after going only as far towards it as the density rises.
//!
//! The posterior may have several maxima: one with much noise and few changepoints,
//! others with less noise whose changepoints follow the points more closely. Stan
//! starts at sigma = 1, more than any scaled series has, and so does this: sigma falls
//! turn by turn and comes to rest at the maximum with the most noise, where Stan's
//! algorithms come to rest too.

use crate::lasso::{ActiveSet, Quadratic};
use crate::parameters::Parameters;
use crate::posterior::{Linearised, Posterior, dot};

/// Gain of log density below which another turn, or step, is not worth it.
const LEAST_GAIN: f64 = 1e-10;

/// Most turns for one linearisation. Some 20 are usual, 100 the most that was seen.
const MOST_TURNS: usize = 1000;

/// Most linearisations. Some 10 are usual; where trend and features are multiplied and
/// both are close to zero it takes any number, for ever less gain.
const MOST_STEPS: usize = 100;

/// Rate of logistic growth that is about flat.
const GENTLE: f64 = 0.5;

/// Share of the promised gain that a step must yield to be taken. Well above 0, for a
/// step that goes too far by nearly as much again gains little, time after time.
const SUFFICIENT: f64 = 0.4;

/// Shortest share of a step that is tried.
const SHORTEST_STEP: f64 = 1e-9;

/// The parameters at the maximum of the log posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The parameters there.
    pub parameters: Parameters,
    /// The log density there, up to the constants that Stan drops too.
    pub log_density: f64,
    /// The number of linearisations.
    pub steps: usize,
}

/// Climbs from `start`, which is Stan's, and from wherever else it takes.
///
/// Logistic growth may rise or fall, soon or late, and has a maximum for each. From Stan's
/// start alone 7 of 423 series of many kinds ended below Stan; with two starts more, none.
pub(crate) fn highest(posterior: &Posterior, start: Parameters) -> Optimum {
    let mut best = climb(posterior, start.clone());
    if let Some(rest) = posterior.logistic_rest() {
        let (k, m) = (start.k(), start.m());
        let against = -GENTLE * k.signum();
        // As steep the other way; and about flat, the other way.
        for line in [[-k, m], [against, -rest / against]] {
            let mut other = start.clone();
            other.coefficients[..2].copy_from_slice(&line);
            let other = climb(posterior, other);
            if other.log_density > best.log_density {
                best = other;
            }
        }
    }
    best
}

/// Climbs from `start`, whose sigma is the first of the turns.
fn climb(posterior: &Posterior, start: Parameters) -> Optimum {
    let mut sigma = start.sigma;
    let mut best = with_best_sigma(posterior, start);
    while best.steps < MOST_STEPS {
        let local = Local::new(posterior, &best.parameters);
        let steps = best.steps + 1;
        let next = towards(posterior, &best, &local.after_all_turns(sigma), 1.0);
        // All turns may lead farther than the linearisation holds, even in a direction
        // that does not lead up at all. One turn from the best sigma leads up at first.
        let next = next.or_else(|| {
            let target = local.after_one_turn(best.parameters.sigma);
            towards(posterior, &best, &target, SHORTEST_STEP)
        });
        let Some(next) = next else { break };
        let gain = next.log_density - best.log_density;
        best = Optimum { steps, ..next };
        sigma = best.parameters.sigma;
        if posterior.is_linear() || gain < LEAST_GAIN {
            break;
        }
    }
    best
}

/// The step that the linearised model proposes.
struct Target {
    coefficients: Vec<f64>,
    /// The log density there if the model were linear.
    log_density: f64,
}

/// The first point on the way to the target, halving the distance, where the density
/// has risen by enough of what was promised.
fn towards(
    posterior: &Posterior,
    from: &Optimum,
    target: &Target,
    shortest: f64,
) -> Option<Optimum> {
    let promised = target.log_density - from.log_density;
    let mut share = 1.0;
    while promised >= LEAST_GAIN && share >= shortest {
        let there = posterior.part_of_the_way(&from.parameters, &target.coefficients, share);
        let next = with_best_sigma(posterior, there);
        if next.log_density >= from.log_density + SUFFICIENT * share * promised {
            return Some(next);
        }
        share /= 2.0;
    }
    None
}

fn with_best_sigma(posterior: &Posterior, mut parameters: Parameters) -> Optimum {
    let squares = posterior.squares(&parameters);
    parameters.sigma = posterior.best_sigma(squares);
    let log_density =
        posterior.log_prior(&parameters) + posterior.log_noise(parameters.sigma, squares);
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
    /// Scalar products of the columns with each other, row by row.
    gram: Vec<f64>,
    /// Scalar products of the columns with what they are to explain.
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
                // Columns end at the same row, whatever row they start at.
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
                let left = &around.residual[around.residual.len() - column.len()..];
                dot(column, left) + dot(&gram[j * n..(j + 1) * n], &at.coefficients)
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

    /// Takes turns from this sigma, each with the sigma that is best after the last.
    fn after_all_turns(&self, mut sigma: f64) -> Target {
        let mut set = self.active_set();
        let mut best = Target {
            coefficients: self.at.coefficients.clone(),
            log_density: f64::NEG_INFINITY,
        };
        for _ in 0..MOST_TURNS {
            let squares = self.turn(&mut set, sigma);
            sigma = self.posterior.best_sigma(squares);
            let target = self.target(&set, sigma, squares);
            let gain = target.log_density - best.log_density;
            if gain > 0.0 {
                best = target;
            }
            if gain < LEAST_GAIN {
                break;
            }
        }
        best
    }

    /// Takes one turn, and leaves sigma as it is.
    fn after_one_turn(&self, sigma: f64) -> Target {
        let mut set = self.active_set();
        let squares = self.turn(&mut set, sigma);
        self.target(&set, sigma, squares)
    }

    fn active_set(&self) -> ActiveSet {
        ActiveSet::new(self.at.coefficients.clone(), &self.posterior.deltas())
    }

    fn target(&self, set: &ActiveSet, sigma: f64, squares: f64) -> Target {
        let there = self.at.with(set.x.clone());
        let log_density =
            self.posterior.log_prior(&there) + self.posterior.log_noise(sigma, squares);
        Target {
            coefficients: there.coefficients,
            log_density,
        }
    }

    /// Moves to the best coefficients for a sigma, and says which squares they leave.
    fn turn(&self, set: &mut ActiveSet, sigma: f64) -> f64 {
        let problem = Quadratic {
            gram: &self.gram,
            slope: &self.slope,
            penalised: self.posterior.deltas(),
        };
        // The log density, multiplied by the variance to leave `gram` as it is.
        let variance = sigma * sigma;
        let ridge: Vec<f64> = self.precisions.iter().map(|p| p * variance).collect();
        set.solve(&problem, &ridge, self.posterior.delta_penalty() * variance);
        self.squares(&set.x)
    }

    /// Sum of the squares of what the linearised model leaves.
    fn squares(&self, coefficients: &[f64]) -> f64 {
        let mut left = self.around.residual.clone();
        for (j, (x, at)) in coefficients.iter().zip(&self.at.coefficients).enumerate() {
            let moved = x - at;
            if moved != 0.0 {
                let column = self.around.column(j);
                let start = left.len() - column.len();
                for (left, by) in left[start..].iter_mut().zip(column) {
                    *left -= moved * by;
                }
            }
        }
        dot(&left, &left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::tests::{GROWTHS, data};
    use augurs_prophet::TrendIndicator;
    use proptest::prelude::*;

    /// As augurs and Python Prophet start: near the points, without any change.
    fn start(changepoints: usize, features: usize) -> Parameters {
        Parameters::new(
            0.1,
            0.5,
            &vec![0.0; changepoints],
            &vec![0.0; features],
            1.0,
        )
    }

    /// Returns the distance of the gradient from that of a maximum, kinks considered.
    fn unrest(posterior: &Posterior, at: &Parameters) -> f64 {
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
        fn no_way_leads_up_from_the_optimum(
            y in proptest::collection::vec(0.0..1.0f64, 60),
            features in proptest::collection::vec(-1.0..1.0f64, 60 * 2),
        ) {
            for growth in GROWTHS {
                let data = data(growth, &y, 8, &features);
                let posterior = Posterior::new(&data, false).expect("columns of one length");
                let optimum = climb(&posterior, start(8, 2));
                let unrest = unrest(&posterior, &optimum.parameters);
                prop_assert!(unrest < 0.02, "{:?}: {}", growth, unrest);
                let density = posterior.log_density(&optimum.parameters);
                prop_assert!((density - optimum.log_density).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_line_with_one_bend_is_found_with_one_change() {
        let y: Vec<f64> = (0..100)
            .map(|i| f64::from(i) / 99.0)
            // Some noise, for without it the density has no bound.
            .map(|t| 0.2 + 0.1 * t + 0.6 * (t - 0.4_f64).max(0.0) + 0.01 * (97.0 * t).sin())
            .collect();
        let data = data(TrendIndicator::Linear, &y, 4, &[0.0; 100]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        let optimum = climb(&posterior, start(4, 1));
        let delta = optimum.parameters.delta();
        assert!((delta[1] - 0.6).abs() < 0.02, "{delta:?}");
        let others = delta[0].abs() + delta[2].abs() + delta[3].abs();
        assert!(others < 0.01, "{delta:?}");
    }

    #[test]
    fn of_several_maxima_it_takes_the_one_with_the_most_noise() {
        let y: Vec<f64> = (0..240)
            .map(|i| 0.5 + 0.4 * (f64::from(i) / 25.0).sin())
            .collect();
        let data = data(TrendIndicator::Linear, &y, 25, &[0.0; 240]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        let from = |sigma| {
            let mut start = start(25, 1);
            start.sigma = sigma;
            climb(&posterior, start)
        };
        let (first, second) = (from(1.0), from(1e-3));
        for optimum in [&first, &second] {
            assert!(unrest(&posterior, &optimum.parameters) < 1e-3);
        }
        assert!(first.parameters.sigma > 2.0 * second.parameters.sigma);
    }

    #[test]
    fn logistic_growth_is_tried_in_other_directions_too() {
        let wave = |i: i32| 0.6 + 0.05 * (f64::from(i) / 12.0 + 2.4).sin();
        let y: Vec<f64> = (0..60).map(wave).collect();
        let data = data(TrendIndicator::Logistic, &y, 8, &[0.0; 60]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        // Through the first point and the last, as Stan starts.
        let start = Parameters::new(0.03, 10.3, &[0.0; 8], &[0.0], 1.0);
        let one = climb(&posterior, start.clone());
        let best = highest(&posterior, start);
        assert!(best.log_density > one.log_density + 10.0, "{one:?}");
        assert!(unrest(&posterior, &best.parameters) < 0.02);
    }
}
