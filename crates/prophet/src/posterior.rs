//! The log posterior of Prophet's Stan model, and its derivatives.
//!
//! In scope: the density of parameters given prepared data, as `prophet.stan` of
//! Prophet 1.x defines it, its analytic gradient, and the model's linearisation. Out
//! of scope: maximizing the density, preparing the data.
//!
//! With y scaled to at most 1 and t to [0, 1], over T points, S changepoints and K
//! features X, the model is
//!
//! ```text
//! y     ~ normal(trend·(1 + X_m·beta) + X_a·beta, sigma)
//! k, m  ~ normal(0, 5)
//! delta ~ double_exponential(0, tau)
//! beta  ~ normal(0, sigmas)
//! sigma ~ normal(0, 0.5), positive
//! ```
//!
//! where X_a and X_m are the additive and the multiplicative features. Terms that do not
//! depend on a parameter are dropped, as in Stan.

use augurs_prophet::TrendIndicator;
use augurs_prophet::optimizer::Data;

use crate::parameters::Parameters;
use crate::trend::{Trend, level, level_derivative};

/// Precision of the priors of `k` and `m`: 1 / 5².
const LINE_PRECISION: f64 = 1.0 / 25.0;

/// Precision of the prior of sigma: 1 / 0.5².
const NOISE_PRECISION: f64 = 4.0;

/// Minimum sigma. If the model fits a series exactly, the density is unbounded as sigma
/// approaches zero; below this fraction of the largest value there is only rounding error.
/// Python Prophet sets the same sigma for a constant series.
const MIN_SIGMA: f64 = 1e-9;

/// The posterior of one series.
#[derive(Debug)]
pub struct Posterior<'a> {
    data: &'a Data,
    /// The features, column-major.
    features: Vec<f64>,
    /// The negative exponent of sigma in the density: the number of points, less 1 for the
    /// density over log sigma.
    pub(crate) noise_power: f64,
}

/// The model's mean linearised around some parameters.
pub(crate) struct Linearised {
    /// Residual of the mean at each point.
    pub(crate) residual: Vec<f64>,
    /// Derivative of the mean with respect to each coefficient, column-major.
    columns: Vec<f64>,
    /// First row of each column that may be nonzero.
    starts: Vec<usize>,
}

impl Linearised {
    /// Returns the derivative with respect to a coefficient, from the first row that may be
    /// nonzero.
    pub(crate) fn column(&self, j: usize) -> &[f64] {
        let points = self.residual.len();
        &self.columns[j * points + self.starts[j]..(j + 1) * points]
    }
}

/// The model's components at each point.
struct Shape {
    curve: Vec<f64>,
    /// 1 + X_m·beta.
    factor: Vec<f64>,
    trend: Vec<f64>,
    mean: Vec<f64>,
}

impl<'a> Posterior<'a> {
    /// Returns the posterior for prepared data. With `jacobian` it is the density over log
    /// sigma instead of sigma.
    ///
    /// # Errors
    /// The columns of the data differ in length.
    pub fn new(data: &'a Data, jacobian: bool) -> Result<Self, &'static str> {
        check(data)?;
        let (points, features) = (data.y.len(), data.sigmas.len());
        let mut columns = Vec::with_capacity(data.X.len());
        for j in 0..features {
            columns.extend(data.X.iter().skip(j).step_by(features));
        }
        Ok(Self {
            data,
            features: columns,
            noise_power: points as f64 - f64::from(u8::from(jacobian)),
        })
    }

    /// Returns the number of coefficients: all parameters but sigma.
    pub(crate) fn size(&self) -> usize {
        2 + self.data.t_change.len() + self.data.sigmas.len()
    }

    /// Returns the indices of the rate changes among the coefficients.
    pub(crate) fn deltas(&self) -> std::ops::Range<usize> {
        2..2 + self.data.t_change.len()
    }

    /// Returns the L1 penalty of the rate changes: the rate of their Laplace prior.
    pub(crate) fn delta_penalty(&self) -> f64 {
        1.0 / *self.data.tau
    }

    /// Returns the precision of each coefficient's normal prior; 0 for rate changes.
    pub(crate) fn precisions(&self) -> Vec<f64> {
        let mut precisions = vec![0.0; self.size()];
        precisions[..2].fill(LINE_PRECISION);
        let features = &mut precisions[2 + self.data.t_change.len()..];
        for (precision, scale) in features.iter_mut().zip(&self.data.sigmas) {
            *precision = 1.0 / (**scale * **scale);
        }
        precisions
    }

    /// Returns `true` if the mean is linear in the coefficients.
    pub(crate) fn is_linear(&self) -> bool {
        self.data.trend_indicator != TrendIndicator::Logistic
            && self.data.s_m.iter().all(|&marked| marked == 0)
    }

    /// Returns the curve at which logistic growth has the mean of y; `None` for other growth.
    pub(crate) fn logistic_mean_curve(&self) -> Option<f64> {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let share = (mean(&self.data.y) / mean(&self.data.cap)).clamp(0.01, 0.99);
        let logistic = self.data.trend_indicator == TrendIndicator::Logistic;
        logistic.then(|| (share / (1.0 - share)).ln())
    }

    /// Returns the log density, up to a constant.
    #[must_use]
    pub fn log_density(&self, at: &Parameters) -> f64 {
        self.log_prior(at) + self.log_noise(at.sigma, self.rss(at))
    }

    /// Returns the residual sum of squares.
    pub(crate) fn rss(&self, at: &Parameters) -> f64 {
        let mean = self.shape(at).mean;
        self.data
            .y
            .iter()
            .zip(&mean)
            .map(|(y, mean)| (y - mean) * (y - mean))
            .sum()
    }

    /// Returns the trend at each point, as a fraction of the largest value.
    #[must_use]
    pub fn trend(&self, at: &Parameters) -> Vec<f64> {
        self.shape(at).trend
    }

    /// Returns the log prior of the coefficients.
    pub(crate) fn log_prior(&self, at: &Parameters) -> f64 {
        let normal: f64 = at
            .coefficients
            .iter()
            .zip(self.precisions())
            .map(|(x, precision)| precision * x * x / 2.0)
            .sum();
        let laplace: f64 = at.delta().iter().map(|delta| delta.abs()).sum();
        -normal - self.delta_penalty() * laplace
    }

    /// Returns the log prior of sigma plus the log likelihood for a residual sum of squares.
    pub(crate) fn log_noise(&self, sigma: f64, rss: f64) -> f64 {
        -self.noise_power * sigma.ln()
            - rss / (2.0 * sigma * sigma)
            - NOISE_PRECISION * sigma * sigma / 2.0
    }

    /// Returns the sigma of highest density for a residual sum of squares; at least
    /// [`MIN_SIGMA`].
    pub(crate) fn best_sigma(&self, rss: f64) -> f64 {
        // With v = sigma², the derivative is zero at 4·v² + n·v = rss. This form of the
        // solution avoids cancellation if rss is small.
        let n = self.noise_power;
        let root = (n * n + 4.0 * NOISE_PRECISION * rss).sqrt();
        (2.0 * rss / (n + root)).sqrt().max(MIN_SIGMA)
    }

    /// Returns the gradient of the log density with respect to each coefficient, then log
    /// sigma. The prior of a rate change is not differentiable at zero; its term is left out
    /// there.
    #[must_use]
    pub fn gradient(&self, at: &Parameters) -> Vec<f64> {
        let around = self.linearised(at);
        let variance = at.sigma * at.sigma;
        let mut gradient: Vec<f64> = at
            .coefficients
            .iter()
            .zip(self.precisions())
            .enumerate()
            .map(|(j, (x, precision))| {
                let column = around.column(j);
                let residual = &around.residual[around.residual.len() - column.len()..];
                dot(column, residual) / variance - precision * x
            })
            .collect();
        for j in self.deltas() {
            let delta = at.coefficients[j];
            if delta != 0.0 {
                gradient[j] -= self.delta_penalty() * delta.signum();
            }
        }
        let rss = dot(&around.residual, &around.residual);
        gradient.push(rss / variance - self.noise_power - NOISE_PRECISION * variance);
        gradient
    }

    /// Returns the parameters at a fraction of the step from `from` to the coefficients `to`,
    /// which come from a linearisation around `from`.
    pub(crate) fn interpolate(&self, from: &Parameters, to: &[f64], share: f64) -> Parameters {
        let mut there = from.clone();
        for (x, &to) in there.coefficients.iter_mut().zip(to) {
            // The full step is exact: zeros must stay zeros.
            *x = if share < 1.0 {
                *x + share * (to - *x)
            } else {
                to
            };
        }
        if self.data.trend_indicator == TrendIndicator::Logistic {
            // The curve's value at time 0 is -k·m. The linearisation is linear in this value
            // and k; interpolating m would not be.
            let (k, m) = (from.k(), from.m());
            let rise = -k * (to[1] - m) - m * (to[0] - k);
            there.coefficients[1] = -(share * rise - k * m) / there.k();
        }
        there
    }

    /// Returns the residuals and derivatives of the mean at some parameters.
    pub(crate) fn linearised(&self, at: &Parameters) -> Linearised {
        let Data {
            t,
            y,
            cap,
            t_change,
            s_a,
            s_m,
            trend_indicator: growth,
            ..
        } = self.data;
        let points = y.len();
        let shape = self.shape(at);
        let steep: Vec<f64> = (0..points)
            .map(|i| level_derivative(*growth, shape.curve[i], cap[i]) * shape.factor[i])
            .collect();
        let mut columns = vec![0.0; self.size() * points];
        let mut starts = vec![0; self.size()];
        let mut column = columns.chunks_exact_mut(points);
        let mut fill = |start: usize, value: &dyn Fn(usize) -> f64| {
            let column = column.next().unwrap_or_default();
            for (i, element) in column.iter_mut().enumerate().skip(start) {
                *element = value(i);
            }
        };
        match growth {
            TrendIndicator::Linear => {
                fill(0, &|i| steep[i] * t[i]);
                fill(0, &|i| steep[i]);
            }
            TrendIndicator::Logistic => {
                fill(0, &|i| steep[i] * (t[i] - at.m()));
                fill(0, &|i| -steep[i] * at.k());
            }
            TrendIndicator::Flat => {
                fill(points, &|_| 0.0);
                fill(0, &|i| steep[i]);
            }
        }
        for (&changepoint, start) in t_change.iter().zip(&mut starts[2..]) {
            *start = match growth {
                TrendIndicator::Flat => points,
                _ => t.partition_point(|&t| t < changepoint),
            };
            fill(*start, &|i| steep[i] * (t[i] - changepoint));
        }
        for (j, feature) in self.features.chunks_exact(points).enumerate() {
            let (added, multiplied) = (f64::from(s_a[j]), f64::from(s_m[j]));
            fill(0, &|i| feature[i] * (added + multiplied * shape.trend[i]));
        }
        let residual = y
            .iter()
            .zip(&shape.mean)
            .map(|(y, mean)| y - mean)
            .collect();
        Linearised {
            residual,
            columns,
            starts,
        }
    }

    fn shape(&self, at: &Parameters) -> Shape {
        let Data {
            t,
            cap,
            t_change,
            s_a,
            s_m,
            trend_indicator: growth,
            ..
        } = self.data;
        let trend = Trend {
            growth: *growth,
            k: at.k(),
            m: at.m(),
            changepoints: t_change,
            delta: at.delta(),
        };
        let curve = trend.curve(t);
        let trend: Vec<f64> = curve
            .iter()
            .zip(cap)
            .map(|(&curve, &cap)| level(*growth, curve, cap))
            .collect();
        let (mut factor, mut added) = (vec![1.0; t.len()], vec![0.0; t.len()]);
        for (j, feature) in self.features.chunks_exact(t.len()).enumerate() {
            for (sum, marked) in [(&mut added, s_a[j]), (&mut factor, s_m[j])] {
                let weight = at.beta()[j] * f64::from(marked);
                if weight != 0.0 {
                    for (sum, x) in sum.iter_mut().zip(feature) {
                        *sum += weight * x;
                    }
                }
            }
        }
        let mean = (0..t.len())
            .map(|i| trend[i] * factor[i] + added[i])
            .collect();
        Shape {
            curve,
            factor,
            trend,
            mean,
        }
    }
}

/// Checks that the columns of prepared data agree in length.
pub(crate) fn check(data: &Data) -> Result<(), &'static str> {
    let (points, features) = (data.y.len(), data.sigmas.len());
    let fit = points > 0
        && features > 0
        && data.t.len() == points
        && data.cap.len() == points
        && data.X.len() == points * features
        && data.s_a.len() == features
        && data.s_m.len() == features;
    if fit {
        Ok(())
    } else {
        Err("the columns of the prepared data differ in length")
    }
}

/// Returns the dot product. Four separate sums allow vectorization: a compiler must not
/// reorder a floating-point sum.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_fours, a_rest) = a.as_chunks::<4>();
    let (b_fours, b_rest) = b.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns prepared data with the given points, changepoints and features, of which the
    /// first half is additive and the second multiplicative.
    pub(crate) fn data(growth: TrendIndicator, y: &[f64], changepoints: usize, x: &[f64]) -> Data {
        let points = y.len();
        let features = x.len() / points;
        let positive = |x: f64| x.try_into().expect("a positive number");
        Data {
            T: points as i32,
            y: y.to_vec(),
            t: (0..points)
                .map(|i| i as f64 / (points - 1) as f64)
                .collect(),
            cap: vec![1.5; points],
            S: changepoints as i32,
            t_change: (1..=changepoints)
                .map(|j| 0.8 * j as f64 / changepoints as f64)
                .collect(),
            trend_indicator: growth,
            K: features as i32,
            s_a: (0..features).map(|j| i32::from(j < features / 2)).collect(),
            s_m: (0..features)
                .map(|j| i32::from(j >= features / 2))
                .collect(),
            X: x.to_vec(),
            sigmas: vec![positive(10.0); features],
            tau: positive(0.05),
        }
    }

    pub(crate) const GROWTHS: [TrendIndicator; 3] = [
        TrendIndicator::Linear,
        TrendIndicator::Logistic,
        TrendIndicator::Flat,
    ];

    proptest! {
        #[test]
        fn gradient_equals_finite_differences(
            y in proptest::collection::vec(-1.0..1.0f64, 30),
            features in proptest::collection::vec(-1.0..1.0f64, 30 * 4),
            line in (-2.0..2.0f64, -1.0..1.0f64),
            // Not at zero, where the prior is not differentiable.
            delta in proptest::collection::vec((0.05..1.0f64, any::<bool>()), 5),
            beta in proptest::collection::vec(-1.0..1.0f64, 4),
            sigma in 0.2..2.0f64,
            jacobian in any::<bool>(),
        ) {
            let delta: Vec<f64> =
                delta.into_iter().map(|(size, up)| if up { size } else { -size }).collect();
            let at = Parameters::new(line.0, line.1, &delta, &beta, sigma);
            for growth in GROWTHS {
                let data = data(growth, &y, delta.len(), &features);
                let posterior = Posterior::new(&data, jacobian).expect("columns of one length");
                let gradient = posterior.gradient(&at);
                prop_assert_eq!(gradient.len(), at.coefficients.len() + 1);
                let step = 1e-5;
                for (j, gradient) in gradient.iter().enumerate() {
                    let moved = |by: f64| {
                        let mut moved = at.clone();
                        match moved.coefficients.get_mut(j) {
                            Some(coefficient) => *coefficient += by,
                            None => moved.sigma *= by.exp(),
                        }
                        posterior.log_density(&moved)
                    };
                    let difference = (moved(step) - moved(-step)) / (2.0 * step);
                    let close = (difference - gradient).abs() < 1e-5 * gradient.abs().max(10.0);
                    prop_assert!(close, "{growth:?} {j}: {gradient}, {difference}");
                }
            }
        }

        #[test]
        fn best_sigma_maximizes_density(rss in 1e-9..1e3f64, factor in 0.5..2.0f64) {
            let data = data(TrendIndicator::Linear, &[0.5; 40], 3, &[0.0; 40]);
            for jacobian in [false, true] {
                let posterior = Posterior::new(&data, jacobian).expect("columns of one length");
                let best = posterior.best_sigma(rss);
                let highest = posterior.log_noise(best, rss);
                prop_assert!(posterior.log_noise(best * factor, rss) <= highest + 1e-9);
            }
        }
    }

    #[test]
    fn rate_changes_have_a_laplace_prior() {
        let data = data(TrendIndicator::Flat, &[0.0; 10], 2, &[0.0; 10]);
        let posterior = Posterior::new(&data, false).expect("columns of one length");
        let density = |delta: [f64; 2]| {
            posterior.log_density(&Parameters::new(0.0, 0.0, &delta, &[0.0], 1.0))
        };
        let cost = density([0.0, 0.0]) - density([0.5, -0.25]);
        assert!((cost - 0.75 / 0.05).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn unequal_column_lengths_are_rejected() {
        let mut data = data(TrendIndicator::Linear, &[0.5; 40], 3, &[0.0; 40]);
        data.cap.pop();
        assert!(Posterior::new(&data, false).is_err());
    }
}
