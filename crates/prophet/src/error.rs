//! Why a series could not be fitted or continued.

use std::fmt;

/// Why a series could not be fitted or continued.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// So many points; a fit takes two.
    TooFewPoints(usize),
    /// The value at this moment is NaN or infinite.
    NotFinite(i64),
    /// This moment is not after the one before it.
    OutOfOrder(i64),
    /// The cap of logistic growth is not a finite number above 0.
    Cap(f64),
    /// The coverage of the interval is not between 0 and 1.
    Coverage(f64),
    /// No sample to take an interval from.
    NoSamples,
    /// This moment is farther from the window than [`crate::REACH`] times its length.
    OutOfReach(i64),
    /// The model gives no finite number at this moment.
    Overflow(i64),
    /// augurs refused the points.
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
                    "moment {at}: expected each moment to be after the one before it"
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
            Self::OutOfReach(at) => write!(
                f,
                "moment {at}: expected at most {} times the window's length from its start",
                crate::REACH
            ),
            Self::Overflow(at) => write!(f, "forecast at {at} is not a finite number"),
            Self::Augurs(_) => write!(f, "the series could not be fitted"),
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
