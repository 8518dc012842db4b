//! The newest value, for ever: for values that move away from where they were.

use quantity::Timestamp;

use crate::{Model, Point};

/// Predicts the value of the newest point.
#[derive(Debug, Clone, Copy)]
pub struct LastValue;

impl Model for LastValue {
    fn name(&self) -> &'static str {
        "last_value"
    }

    fn predict(&self, points: &[Point], times: &[Timestamp]) -> Vec<f64> {
        vec![points.last().map_or(0.0, |p| p.value); times.len()]
    }
}
