//! The mean of all points, for ever: for values that jump about a level.

use quantity::Timestamp;

use crate::{Model, Point};

/// Predicts the arithmetic mean of the points.
#[derive(Debug, Clone, Copy)]
pub struct Mean;

impl Model for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn continue_from(&self, points: &[Point], times: &[Timestamp]) -> Result<Vec<f64>, String> {
        let mean = mean(points.iter().map(|p| p.value));
        Ok(vec![mean; times.len()])
    }
}

/// The arithmetic mean; 0 of nothing. Moved towards each value in turn rather
/// than divided from a sum, so that the mean of equal values is that very value.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values
        .zip(1u32..)
        .fold(0.0, |mean, (value, n)| mean + (value - mean) / f64::from(n))
}
