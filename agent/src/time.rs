//! The time range of a report, as the flags set it.

use analysis::window::{Misfit, Spans};
use quantity::Timestamp;

/// The least step in seconds unless `--step` sets one, and the time between samples
/// where it is unknown.
pub const USUAL_STEP_SECONDS: u64 = 60;

/// The time range of a report, as far as it is known before any samples are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// The lookback in seconds; `None` for all samples in files.
    pub lookback: Option<u64>,
    /// The step in seconds; `None` to derive it from the time between samples.
    pub step: Option<u64>,
    /// The horizon in seconds.
    pub horizon: u64,
    /// The time of the report; `None` for now, and in files for the newest sample.
    pub at: Option<Timestamp>,
}

impl Time {
    /// Returns the lengths of the window for a lookback and a time between samples in
    /// seconds.
    ///
    /// # Errors
    /// When they do not fit each other; never for those that the flags were checked with.
    pub fn spans(&self, lookback: u64, sampled_every: u64, least: u64) -> Result<Spans, Misfit> {
        match self.step {
            Some(step) => Spans::new(lookback, step, self.horizon),
            None => Spans::sampled_every(lookback, self.horizon, sampled_every, least),
        }
    }

    /// Returns the lengths of the window for a backend whose samples are `interval` seconds
    /// apart, if that is known.
    pub fn spans_of_backend(&self, interval: Option<u64>) -> Spans {
        let interval = interval.unwrap_or(USUAL_STEP_SECONDS);
        self.lookback
            .and_then(|lookback| self.spans(lookback, interval, USUAL_STEP_SECONDS).ok())
            .expect("a lookback is set for a backend, and was checked with the other lengths")
    }
}
