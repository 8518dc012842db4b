//! One value at one time.

use quantity::Timestamp;

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The time.
    pub at: Timestamp,
    /// Cores or bytes; finite and not negative.
    pub value: f64,
}

/// Returns a value as it can be: not below 0, not above `ceiling`.
pub(crate) fn bounded(value: f64, ceiling: Option<f64>) -> f64 {
    value.clamp(0.0, ceiling.unwrap_or(f64::MAX))
}
