//! The settings of forecasts.

use crate::models::Choice;

/// The settings of forecasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The model.
    pub model: Choice,
    /// Share of what comes that an interval is meant to hold: above 0, below 1.
    pub coverage: f64,
}

/// Share of what comes that an interval is meant to hold, unless told otherwise.
pub const DEFAULT_COVERAGE: f64 = 0.8;

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Choice::Auto,
            coverage: DEFAULT_COVERAGE,
        }
    }
}
