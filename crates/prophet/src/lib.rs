//! Prophet (Taylor and Letham, "Forecasting at Scale", 2018) without Stan: a series is
//! a trend whose rate changes at some moments, seasonalities, and noise.
//!
//! In scope: fitting one series, continuing it, and how far it may stray; pure, and the
//! same to the last digit for the same input. Out of scope: choosing between models,
//! holidays, further regressors, full sampling of the posterior.
//!
//! Crate `augurs-prophet` prepares the points: scaling, changepoints, seasonalities and
//! their features. What Python Prophet asks of Stan, and augurs of Stan in WebAssembly, is
//! done by [`MaximumPosterior`]: the parameters of highest posterior density.

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

/// The farthest time from the start of the window, in multiples of its length.
pub const REACH: u64 = 100;

/// The options of a model and of its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The long-run form of the trend.
    pub growth: Growth,
    /// The mode of seasonalities. Which are there follows from the window: daily, weekly
    /// and yearly ones where it holds two periods and points closer than one.
    pub seasonality: Seasonality,
    /// Share of values that the interval is to hold, between 0 and 1.
    pub interval_coverage: f64,
    /// Simulated futures that the interval is taken from; at least 1.
    pub uncertainty_samples: usize,
    /// The seed of the simulation.
    pub seed: u64,
}

/// The long-run form of the trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Goes on at its last rate.
    Linear,
    /// Approaches 0 or a cap.
    Logistic {
        /// In the unit of the series; above 0.
        cap: f64,
    },
    /// Stays where it is.
    Flat,
}

/// The mode of seasonalities on the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seasonality {
    /// They are added to it.
    Additive,
    /// They are shares of it.
    Multiplicative,
}

impl Default for Options {
    /// As in Python Prophet: linear growth, additive seasonalities, 80% from 1,000 samples.
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
    /// Not above the value; as much of the interval's rest lies below as above.
    pub lower: f64,
    /// Not below the value.
    pub upper: f64,
}

/// Fits points and predicts the moments ahead: [`fit`] and [`Fitted::predict`].
///
/// # Errors
/// As these two.
pub fn predict(
    points: &[(i64, f64)],
    ahead: &[i64],
    options: &Options,
) -> Result<Vec<Prediction>, Error> {
    fit(points, options)?.predict(ahead)
}
