//! Units as types, with their text forms.
//!
//! In scope: CPU time, cores, bytes, ratios, timestamps, durations (`1m30s`) and
//! Kubernetes quantities (`1920m`, `24581256Ki`). Out of scope: I/O, clocks,
//! arithmetic that has no unit. No dependency but `std`; feature `serde` writes
//! timestamps as text.

mod duration;
mod grid;
mod kubernetes;
mod timestamp;

pub use duration::{Interval, age, interval, parse_duration};
pub use grid::TimeGrid;
pub use kubernetes::parse_quantity;
pub use timestamp::{Timestamp, parse_time};

use std::fmt;

/// The largest integer below which every integer is an exact `f64`: 2^53.
/// A larger reading cannot be told from its neighbours, so it is refused.
pub const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Bytes in one GiB, the unit in which people read memory.
pub const BYTES_PER_GIB: f64 = 1_073_741_824.0;

fn is_plausible(value: f64) -> bool {
    value.is_finite() && (0.0..=MAX_EXACT).contains(&value)
}

/// Cumulative CPU time in core-seconds: finite, 0 to 2^53.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct CpuSeconds(f64);

impl CpuSeconds {
    /// `None` for NaN, infinities, negative values and values above 2^53.
    pub fn new(seconds: f64) -> Option<Self> {
        is_plausible(seconds).then_some(Self(seconds))
    }

    /// The value in core-seconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// CPU usage or size in cores (1.0 is one core busy all the time): finite, not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Cores(f64);

impl Cores {
    /// No CPU, to start a sum with.
    pub const ZERO: Self = Self(0.0);

    /// `None` for NaN, infinities, negative values and values above 2^53.
    pub fn new(cores: f64) -> Option<Self> {
        is_plausible(cores).then_some(Self(cores))
    }

    /// The value in cores.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The smaller of two sizes.
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl std::ops::Add for Cores {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} cores", self.0)
    }
}

/// An amount of memory in bytes: 0 to 2^53, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

impl Bytes {
    /// `None` for NaN, infinities, negative values and values above 2^53. A fraction is dropped.
    pub fn new(bytes: f64) -> Option<Self> {
        // The range check makes the cast exact.
        is_plausible(bytes).then_some(Self(bytes as u64))
    }

    /// The value in bytes.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The value in bytes, for arithmetic with ratios. Exact: at most 2^53.
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} GiB", self.as_f64() / BYTES_PER_GIB)
    }
}

/// A share of a whole, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// `part / whole`, limited to 0..=1; `None` when `whole` is not above 0 or either is not finite.
    pub fn of(part: f64, whole: f64) -> Option<Self> {
        (part.is_finite() && whole.is_finite() && whole > 0.0)
            .then(|| Self((part / whole).clamp(0.0, 1.0)))
    }

    /// The value, 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Returns a share as a percentage to one decimal place: `80%`, `12.5%`.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round();
    format!("{}%", tenths / 10.0)
}

/// A text that a parser of this crate refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The text.
    pub input: String,
    /// The expected form.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(input: &str, expected: &'static str) -> Self {
        Self {
            input: input.to_owned(),
            expected,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.input, self.expected)
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_readings_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, -0.1, 1e17, 1e300] {
            assert_eq!(CpuSeconds::new(bad), None, "{bad}");
            assert_eq!(Cores::new(bad), None, "{bad}");
            assert_eq!(Bytes::new(bad), None, "{bad}");
        }
        assert_eq!(Bytes::new(9.04564736e8).map(Bytes::get), Some(904_564_736));
        assert_eq!(Bytes::new(MAX_EXACT).map(Bytes::as_f64), Some(MAX_EXACT));
    }

    #[test]
    fn ratio_stays_from_0_to_1() {
        assert_eq!(Ratio::of(1.0, 4.0).map(Ratio::get), Some(0.25));
        assert_eq!(Ratio::of(5.0, 4.0).map(Ratio::get), Some(1.0));
        assert_eq!(Ratio::of(1.0, 0.0), None);
        assert_eq!(Ratio::of(f64::NAN, 1.0), None);
    }
}
