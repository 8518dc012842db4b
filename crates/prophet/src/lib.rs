//! Prophet (Taylor and Letham, "Forecasting at Scale", 2018) without Stan: a series is
//! modelled as a trend with changepoints, seasonalities and noise.
//!
//! In scope: fitting one series, its forecast and the prediction interval. The crate is
//! pure and deterministic: the same input gives the same bits. Out of scope: model
//! selection, holidays, extra regressors, full sampling of the posterior.
//!
//! Crate `augurs-prophet` prepares the data: scaling, changepoints, seasonalities and
//! their features. [`MaximumPosterior`] computes the maximum a posteriori estimate, for
//! which Python Prophet calls Stan, and augurs Stan in WebAssembly.

mod ascent;
mod error;
mod fitted;
mod interval;
mod lasso;
mod optimizer;
mod parameters;
mod posterior;
mod trend;

pub use ascent::Optimum;
pub use error::Error;
pub use fitted::{Components, Fitted, fit};
pub use optimizer::{FixedOrder, MaximumPosterior};
pub use parameters::Parameters;
pub use posterior::Posterior;

/// Maximum distance of a prediction from the start of the window, in window lengths.
pub const MAX_DISTANCE: u64 = 100;

/// The options of a model and of its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The long-run form of the trend.
    pub growth: Growth,
    /// The mode of the seasonalities. A daily, weekly or yearly seasonality is fitted if
    /// the window spans two of its periods and the points are less than a period apart.
    pub seasonality: Seasonality,
    /// Nominal coverage of the prediction interval, between 0 and 1.
    pub interval_coverage: f64,
    /// Number of simulated paths for the interval; at least 1.
    pub uncertainty_samples: usize,
    /// The seed of the simulation.
    pub seed: u64,
}

/// The long-run form of the trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Continues at its last rate.
    Linear,
    /// Approaches 0 or a cap.
    Logistic {
        /// The cap, in the unit of the series; above 0.
        cap: f64,
    },
    /// Constant.
    Flat,
}

/// The way in which seasonalities apply to the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seasonality {
    /// Added to the trend.
    Additive,
    /// Fractions of the trend.
    Multiplicative,
}

impl Default for Options {
    /// Returns the defaults of Python Prophet: linear growth, additive seasonalities, 80%
    /// coverage, 1,000 samples.
    fn default() -> Self {
        Self {
            growth: Growth::Linear,
            seasonality: Seasonality::Additive,
            interval_coverage: 0.8,
            uncertainty_samples: 1000,
            seed: 0,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        if let Growth::Logistic { cap } = self.growth
            && !(cap.is_finite() && cap > 0.0)
        {
            return Err(Error::Cap(cap));
        }
        if !(self.interval_coverage > 0.0 && self.interval_coverage < 1.0) {
            return Err(Error::Coverage(self.interval_coverage));
        }
        if self.uncertainty_samples == 0 {
            return Err(Error::NoSamples);
        }
        Ok(())
    }
}

/// The prediction for one time, in the unit of the series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The expected value.
    pub value: f64,
    /// Lower bound of the central interval, at most the value.
    pub lower: f64,
    /// Upper bound, at least the value.
    pub upper: f64,
}

/// Fits the points and predicts the times `ahead`: [`fit`], then [`Fitted::predict`].
///
/// # Errors
/// Those of the two.
pub fn predict(
    points: &[(i64, f64)],
    ahead: &[i64],
    options: &Options,
) -> Result<Vec<Prediction>, Error> {
    fit(points, options)?.predict(ahead)
}
