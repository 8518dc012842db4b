//! A point of a series.

use quantity::Timestamp;

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The time.
    pub at: Timestamp,
    /// Cores or bytes; finite and not negative.
    pub value: f64,
}

/// Returns `value` clamped to the range from 0 to `ceiling`.
pub(crate) fn bounded(value: f64, ceiling: Option<f64>) -> f64 {
    value.clamp(0.0, ceiling.unwrap_or(f64::MAX))
}
