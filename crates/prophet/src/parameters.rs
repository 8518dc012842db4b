//! The parameters of Prophet's model, by their names in `prophet.stan` and as one vector.

/// A point of the posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `k`, `m`, each `delta`, each `beta`.
    pub(crate) coefficients: Vec<f64>,
    changepoints: usize,
    /// Standard deviation of the noise, as a share of the largest value; positive.
    pub sigma: f64,
}

impl Parameters {
    /// The growth rate `k`, the offset `m`, the changes of rate, the weights of the
    /// features and the noise.
    #[must_use]
    pub fn new(k: f64, m: f64, delta: &[f64], beta: &[f64], sigma: f64) -> Self {
        let coefficients = [&[k, m], delta, beta].concat();
        Self {
            coefficients,
            changepoints: delta.len(),
            sigma,
        }
    }

    /// The same with other coefficients.
    pub(crate) fn with(&self, coefficients: Vec<f64>) -> Self {
        Self {
            coefficients,
            ..*self
        }
    }

    /// Growth rate up to the first changepoint, for the whole of the history.
    #[must_use]
    pub fn k(&self) -> f64 {
        self.coefficients[0]
    }

    /// Offset: the trend's value at the start, or the middle of logistic growth.
    #[must_use]
    pub fn m(&self) -> f64 {
        self.coefficients[1]
    }

    /// Change of the growth rate at each changepoint.
    #[must_use]
    pub fn delta(&self) -> &[f64] {
        &self.coefficients[2..2 + self.changepoints]
    }

    /// Weight of each feature.
    #[must_use]
    pub fn beta(&self) -> &[f64] {
        &self.coefficients[2 + self.changepoints..]
    }
}
