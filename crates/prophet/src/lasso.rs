//! Exact active-set solver for least squares with a ridge penalty on every coefficient and
//! an L1 penalty on some.
//!
//! In scope: the minimum of ½·xᵀGx − cᵀx + ½·Σ ridge·x² + penalty·Σ|x|, the last sum
//! over the penalised coefficients only. Out of scope: computing `G` and `c`.
//!
//! With an L1 penalty most penalised coefficients are exactly zero at the minimum. The
//! objective is not differentiable there, and gradient methods converge slowly. This
//! solver computes the nonzero coefficients (the active set) from a linear system and
//! changes the set one coefficient at a time: it removes one that would change its sign,
//! and adds one whose gradient at zero exceeds the penalty. Every step lowers the
//! objective, so the solver ends at the minimum.

use std::ops::Range;

/// Minimum pivot, as a fraction of the diagonal element; anything below is rounding error.
/// It keeps the system solvable when columns are linearly dependent.
const MIN_PIVOT: f64 = 1e-14;

/// Minimum excess of a gradient over the penalty, as a fraction of the penalty.
const GRADIENT_TOLERANCE: f64 = 1e-9;

/// The quadratic part of the objective, the same for every ridge and penalty.
pub(crate) struct Quadratic<'a> {
    /// `G`, symmetric, row-major.
    pub(crate) gram: &'a [f64],
    /// The linear term `c`.
    pub(crate) slope: &'a [f64],
    /// Indices of the coefficients with an L1 penalty.
    pub(crate) penalised: Range<usize>,
}

/// The solver; each solve starts from the previous solution (warm start).
pub(crate) struct ActiveSet {
    /// The solution.
    pub(crate) x: Vec<f64>,
    /// Coefficients that may differ from zero, in the order of the factor's rows.
    free: Vec<usize>,
    /// Sign of each penalised free coefficient; 0 for all others.
    sign: Vec<f64>,
    /// Cholesky factor for the free coefficients: lower triangle, row-major.
    factor: Vec<f64>,
}

impl ActiveSet {
    /// Returns a solver that starts from `x`; `penalised` is that of the problem.
    pub(crate) fn new(x: Vec<f64>, penalised: &Range<usize>) -> Self {
        let n = x.len();
        let mut sign = vec![0.0; n];
        let mut free = Vec::with_capacity(n);
        for j in 0..n {
            if !penalised.contains(&j) {
                free.push(j);
            } else if x[j] != 0.0 {
                sign[j] = x[j].signum();
                free.push(j);
            }
        }
        let factor = vec![0.0; n * n];
        Self {
            x,
            free,
            sign,
            factor,
        }
    }

    /// Moves to the minimum for this ridge and penalty.
    pub(crate) fn solve(&mut self, problem: &Quadratic, ridge: &[f64], penalty: f64) {
        let n = self.x.len();
        self.refactor(problem, ridge, 0);
        let mut entered = None;
        // Without rounding no set is visited twice, and few are visited at all.
        for _ in 0..20 * n {
            let target = self.stationary(problem, penalty);
            if let Some((position, share)) = self.first_sign_change(&target) {
                let leaving = self.free[position];
                for (&j, &t) in self.free.iter().zip(&target) {
                    self.x[j] += share * (t - self.x[j]);
                }
                self.free.remove(position);
                self.x[leaving] = 0.0;
                self.sign[leaving] = 0.0;
                self.refactor(problem, ridge, position);
                if entered == Some(leaving) {
                    // It was added because of rounding error.
                    return;
                }
                continue;
            }
            for (&j, &t) in self.free.iter().zip(&target) {
                self.x[j] = t;
            }
            entered = self.activate_steepest(problem, penalty);
            let Some(j) = entered else { return };
            self.free.push(j);
            self.refactor(problem, ridge, self.free.len() - 1);
        }
    }

    /// Returns the minimum over the free coefficients with their signs held fixed.
    fn stationary(&self, problem: &Quadratic, penalty: f64) -> Vec<f64> {
        let n = self.x.len();
        let mut solution: Vec<f64> = self
            .free
            .iter()
            .map(|&j| problem.slope[j] - penalty * self.sign[j])
            .collect();
        for i in 0..solution.len() {
            let row = &self.factor[i * n..];
            let known: f64 = (0..i).map(|k| row[k] * solution[k]).sum();
            solution[i] = (solution[i] - known) / row[i];
        }
        for i in (0..solution.len()).rev() {
            solution[i] /= self.factor[i * n + i];
            for k in 0..i {
                solution[k] -= self.factor[i * n + k] * solution[i];
            }
        }
        solution
    }

    /// Returns the position of the free coefficient that reaches zero first on the line to
    /// `target`, and the fraction of the line at which it does.
    fn first_sign_change(&self, target: &[f64]) -> Option<(usize, f64)> {
        let mut first: Option<(usize, f64)> = None;
        for (position, (&j, &t)) in self.free.iter().zip(target).enumerate() {
            if self.sign[j] * t < 0.0 {
                let share = self.x[j] / (self.x[j] - t);
                if first.is_none_or(|(_, smallest)| share < smallest) {
                    first = Some((position, share));
                }
            }
        }
        first
    }

    /// Sets the sign of the zero coefficient whose gradient exceeds the penalty most, and
    /// returns its index.
    fn activate_steepest(&mut self, problem: &Quadratic, penalty: f64) -> Option<usize> {
        let n = self.x.len();
        let mut most = penalty * (1.0 + GRADIENT_TOLERANCE);
        let mut steepest = None;
        for j in problem.penalised.clone().filter(|&j| self.sign[j] == 0.0) {
            let row = &problem.gram[j * n..];
            let pulled: f64 = self.free.iter().map(|&i| row[i] * self.x[i]).sum();
            let gradient = problem.slope[j] - pulled;
            if gradient.abs() > most {
                most = gradient.abs();
                steepest = Some((j, gradient.signum()));
            }
        }
        let (j, sign) = steepest?;
        self.sign[j] = sign;
        Some(j)
    }

    /// Recomputes the factor's rows from `first` on.
    fn refactor(&mut self, problem: &Quadratic, ridge: &[f64], first: usize) {
        let n = self.x.len();
        for i in first..self.free.len() {
            let j = self.free[i];
            for k in 0..=i {
                let (before, row) = self.factor.split_at_mut(i * n);
                let above = if k < i {
                    &before[k * n..k * n + k]
                } else {
                    &row[..k]
                };
                let known: f64 = above.iter().zip(&row[..k]).map(|(a, b)| a * b).sum();
                let element = problem.gram[j * n + self.free[k]] - known;
                row[k] = if k < i {
                    element / before[k * n + k]
                } else {
                    let diagonal = problem.gram[j * n + j] + ridge[j];
                    (element + ridge[j])
                        .max(diagonal * MIN_PIVOT)
                        .max(f64::MIN_POSITIVE)
                        .sqrt()
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N: usize = 12;

    /// Returns the Gram matrix of cumulative sums of random columns, which are as strongly
    /// correlated as the changepoint columns of a trend.
    fn gram(random: &[f64]) -> Vec<f64> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for random in random.chunks(20) {
            let before = columns.last().cloned().unwrap_or_else(|| vec![0.0; 20]);
            columns.push(random.iter().zip(before).map(|(a, b)| a + b).collect());
        }
        let product = |i: usize, j: usize| {
            columns[i]
                .iter()
                .zip(&columns[j])
                .map(|(a, b)| a * b)
                .sum::<f64>()
        };
        (0..N * N).map(|at| product(at / N, at % N)).collect()
    }

    proptest! {
        #[test]
        fn solution_satisfies_optimality_conditions(
            random in proptest::collection::vec(-1.0..1.0f64, 20 * N),
            slope in proptest::collection::vec(-10.0..10.0f64, N),
            penalty in 0.0..8.0f64,
            start in proptest::collection::vec(-1i8..=1, N),
        ) {
            let gram = gram(&random);
            let problem = Quadratic { gram: &gram, slope: &slope, penalised: 2..N - 2 };
            let mut ridge = vec![0.1; N];
            ridge[2..N - 2].fill(0.0);
            let start = start.into_iter().map(f64::from).collect();
            let mut set = ActiveSet::new(start, &problem.penalised);
            set.solve(&problem, &ridge, penalty);
            for j in 0..N {
                let pulled: f64 = (0..N).map(|i| gram[j * N + i] * set.x[i]).sum();
                let gradient = slope[j] - pulled - ridge[j] * set.x[j];
                let size = 1e-7 * gram[j * N + j].max(10.0);
                // Zero where the objective is differentiable; a subgradient at zero.
                if !problem.penalised.contains(&j) {
                    prop_assert!(gradient.abs() < size, "{}: {}", j, gradient);
                } else if set.x[j] == 0.0 {
                    prop_assert!(gradient.abs() < penalty + size, "{}: {}", j, gradient);
                } else {
                    let rest = gradient - penalty * set.x[j].signum();
                    prop_assert!(rest.abs() < size, "{}: {}", j, rest);
                }
            }
        }
    }

    #[test]
    fn large_penalty_zeroes_penalised_coefficients() {
        let gram = [4.0, 2.0, 2.0, 4.0];
        let problem = Quadratic {
            gram: &gram,
            slope: &[8.0, 8.0],
            penalised: 1..2,
        };
        let mut set = ActiveSet::new(vec![0.0, 3.0], &problem.penalised);
        set.solve(&problem, &[0.0; 2], 4.5);
        assert_eq!(set.x, [2.0, 0.0]);
        set.solve(&problem, &[0.0; 2], 1.0);
        assert!(
            (set.x[0] - 1.5).abs() + (set.x[1] - 1.0).abs() < 1e-12,
            "{:?}",
            set.x
        );
    }

    #[test]
    fn identical_columns_share_the_solution() {
        let problem = Quadratic {
            gram: &[1.0; 4],
            slope: &[1.0; 2],
            penalised: 0..0,
        };
        let mut set = ActiveSet::new(vec![0.0; 2], &problem.penalised);
        set.solve(&problem, &[0.0; 2], 1.0);
        assert!((set.x[0] + set.x[1] - 1.0).abs() < 1e-9, "{:?}", set.x);
    }
}
