//! Errors of fitting and forecasting.

use std::fmt;

/// An error of fitting or forecasting.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The number of points, which is below 2.
    TooFewPoints(usize),
    /// The value at this timestamp is NaN or infinite.
    NotFinite(i64),
    /// This timestamp is not after the previous one.
    OutOfOrder(i64),
    /// The cap of logistic growth is not a finite number above 0.
    Cap(f64),
    /// The coverage of the interval is not between 0 and 1.
    Coverage(f64),
    /// The number of uncertainty samples is 0.
    NoSamples,
    /// This timestamp is farther from the window's start than [`crate::MAX_DISTANCE`] window
    /// lengths.
    TooFar(i64),
    /// The forecast at this timestamp is not a finite number.
    Overflow(i64),
    /// augurs could not fit the points.
    Augurs(augurs_prophet::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewPoints(count) => {
                write!(f, "{count} points in the series: expected at least 2")
            }
            Self::NotFinite(at) => write!(f, "value at {at}: expected a finite number"),
            Self::OutOfOrder(at) => {
                write!(
                    f,
                    "timestamp {at}: expected each timestamp to be after the previous one"
                )
            }
            Self::Cap(cap) => write!(f, "cap {cap}: expected a finite number above 0"),
            Self::Coverage(coverage) => {
                write!(
                    f,
                    "interval coverage {coverage}: expected a share between 0 and 1"
                )
            }
            Self::NoSamples => write!(f, "0 uncertainty samples: expected at least 1"),
            Self::TooFar(at) => write!(
                f,
                "timestamp {at}: expected at most {} window lengths from the start of the window",
                crate::MAX_DISTANCE
            ),
            Self::Overflow(at) => write!(f, "forecast at {at} is not a finite number"),
            Self::Augurs(_) => write!(f, "cannot fit the series"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Augurs(error) => Some(error),
            _ => None,
        }
    }
}
