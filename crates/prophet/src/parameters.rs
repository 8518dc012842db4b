//! The parameters of Prophet's model, named as in `prophet.stan` and as one vector.

/// The parameters of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `k`, `m`, `delta`, `beta`, in this order.
    pub(crate) coefficients: Vec<f64>,
    changepoints: usize,
    /// Standard deviation of the noise, as a fraction of the largest value; positive.
    pub sigma: f64,
}

impl Parameters {
    /// Returns the parameters of growth rate `k`, offset `m`, rate changes `delta`,
    /// feature coefficients `beta` and noise `sigma`.
    #[must_use]
    pub fn new(k: f64, m: f64, delta: &[f64], beta: &[f64], sigma: f64) -> Self {
        let coefficients = [&[k, m], delta, beta].concat();
        Self {
            coefficients,
            changepoints: delta.len(),
            sigma,
        }
    }

    /// Returns these parameters with other coefficients.
    pub(crate) fn with(&self, coefficients: Vec<f64>) -> Self {
        Self {
            coefficients,
            ..*self
        }
    }

    /// Growth rate before the first changepoint, per window length.
    #[must_use]
    pub fn k(&self) -> f64 {
        self.coefficients[0]
    }

    /// Offset: the trend's value at the start, or the midpoint of logistic growth.
    #[must_use]
    pub fn m(&self) -> f64 {
        self.coefficients[1]
    }

    /// Rate change at each changepoint.
    #[must_use]
    pub fn delta(&self) -> &[f64] {
        &self.coefficients[2..2 + self.changepoints]
    }

    /// Coefficient of each feature.
    #[must_use]
    pub fn beta(&self) -> &[f64] {
        &self.coefficients[2 + self.changepoints..]
    }
}
