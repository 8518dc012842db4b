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

    fn continue_from(&self, points: &[Point], times: &[Timestamp]) -> Result<Vec<f64>, String> {
        let newest = points.last().map_or(0.0, |p| p.value);
        Ok(vec![newest; times.len()])
    }
}
