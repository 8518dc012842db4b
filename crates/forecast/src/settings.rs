//! Forecast settings.

use crate::models::Choice;

/// Forecast settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The model, or automatic selection.
    pub model: Choice,
    /// The nominal coverage of prediction intervals: above 0, below 1.
    pub coverage: f64,
}

/// The default nominal coverage of prediction intervals.
pub const DEFAULT_COVERAGE: f64 = 0.8;

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Choice::Auto,
            coverage: DEFAULT_COVERAGE,
        }
    }
}
