//! Which time the report is about: lookback, step, horizon, and as of when.

use std::fmt;
use std::time::Duration;

use commandline::{BadValue, Environment, flag, setting};
use quantity::{Timestamp, parse_duration, parse_time};

use super::flags::Args;
use analysis::window::{MAX_POINTS, MAX_SPAN_SECONDS, Misfit, Spans};
use quantity::interval;

const DEFAULT_LOOKBACK_SECONDS: u64 = 120 * 60;
const DEFAULT_FORECAST_SECONDS: u64 = 30 * 60;

/// The step where nothing is known of the time between samples; the least, unless
/// another one is asked for.
pub const USUAL_STEP_SECONDS: u64 = 60;

/// The time of a report, as far as it is known before anything was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Seconds to look back; `None` for all there is in files.
    pub lookback: Option<u64>,
    /// Seconds between two points; `None` to go by the time between samples.
    pub step: Option<u64>,
    /// Seconds to look ahead.
    pub horizon: u64,
    /// The moment to report as of; `None` for now, and in files for the newest sample.
    pub at: Option<Timestamp>,
}

impl Time {
    /// Reads the flags; `from_files` where no backend is asked.
    pub(super) fn resolve(
        args: &Args,
        environment: Environment<'_>,
        from_files: bool,
    ) -> Result<Self, BadValue> {
        let span = |flag, typed: &Option<String>, variables: &[&str]| {
            setting(environment, flag, typed.clone(), variables, parse_span)
        };
        let lookback = span(
            "--lookback",
            &args.lookback,
            &["LOOKBACK", "LOOKBACK_MINUTES"],
        )?;
        let forecast = span(
            "--forecast",
            &args.forecast,
            &["FORECAST", "FORECAST_MINUTES"],
        )?;
        let step = setting(
            environment,
            "--step",
            args.step.clone(),
            &["STEP"],
            parse_step,
        )?;
        let time = Self {
            lookback: lookback.or((!from_files).then_some(DEFAULT_LOOKBACK_SECONDS)),
            step: step.flatten(),
            horizon: forecast.unwrap_or(DEFAULT_FORECAST_SECONDS),
            at: flag("--at", args.at.clone(), parse_moment)?,
        };
        time.check()?;
        Ok(time)
    }

    /// The lengths of the window, for a lookback and a time between samples in seconds.
    ///
    /// # Errors
    /// When they do not fit each other; never for those that the flags were checked with.
    pub fn spans(&self, lookback: u64, sampled_every: u64, least: u64) -> Result<Spans, Misfit> {
        match self.step {
            Some(step) => Spans::new(lookback, step, self.horizon),
            None => Spans::sampled_every(lookback, self.horizon, sampled_every, least),
        }
    }

    /// Lengths that each are fine may still not fit each other.
    fn check(&self) -> Result<(), BadValue> {
        // All there is in files is at least one step.
        let Some(lookback) = self.lookback.or(self.step) else {
            return Ok(());
        };
        let misfit = match self.spans(lookback, USUAL_STEP_SECONDS, USUAL_STEP_SECONDS) {
            Ok(_) => return Ok(()),
            Err(misfit) => misfit,
        };
        let step = self.step.unwrap_or(USUAL_STEP_SECONDS);
        let bad = |flag: &str, seconds: u64, expected: String| BadValue {
            setting: flag.to_owned(),
            value: interval(seconds).to_string(),
            expected,
        };
        Err(match misfit {
            Misfit::LookbackUnderStep => bad(
                "--lookback",
                lookback,
                format!("at least one --step ({})", interval(step)),
            ),
            Misfit::TooManyPoints {
                points,
                step_that_would_do,
            } => bad(
                "--step",
                step,
                format!(
                    "coarse enough for --lookback {}: {points} points a series, of which {MAX_POINTS} are allowed (--step {} would do)",
                    interval(lookback),
                    interval(step_that_would_do)
                ),
            ),
            Misfit::HorizonTooFine { step_that_would_do } => bad(
                "--step",
                step,
                format!(
                    "coarse enough for --forecast {}: at most {MAX_POINTS} steps are allowed (--step {} would do)",
                    interval(self.horizon),
                    interval(step_that_would_do)
                ),
            ),
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(lookback) = self.lookback {
            writeln!(f, "--lookback={}", interval(lookback))?;
        }
        writeln!(f, "--forecast={}", interval(self.horizon))?;
        match self.step {
            Some(step) => writeln!(f, "--step={}", interval(step))?,
            None => writeln!(f, "--step={AUTO}")?,
        }
        match self.at {
            Some(at) => writeln!(f, "--at={at}"),
            None => Ok(()),
        }
    }
}

/// The step that goes by the time between samples.
const AUTO: &str = "auto";

/// Whole seconds above 0, at most ten years.
fn whole_seconds(duration: Duration) -> Option<u64> {
    let seconds = duration.as_secs();
    (duration.subsec_nanos() == 0 && (1..=MAX_SPAN_SECONDS).contains(&seconds)).then_some(seconds)
}

/// `2h`, or bare minutes; in seconds.
fn parse_span(text: &str) -> Result<u64, &'static str> {
    let minutes = text.parse::<u64>().ok();
    match minutes {
        Some(minutes) => minutes.checked_mul(60).map(Duration::from_secs),
        None => parse_duration(text).ok(),
    }
    .and_then(whole_seconds)
    .ok_or("a duration such as 2h, or a number of minutes, in whole seconds from 1s to 3653d")
}

fn parse_step(text: &str) -> Result<Option<u64>, &'static str> {
    if text == AUTO {
        return Ok(None);
    }
    parse_duration(text)
        .ok()
        .and_then(whole_seconds)
        .map(Some)
        .ok_or("auto, or a duration such as 60s or 5m, in whole seconds from 1s to 3653d")
}

/// The whole second of a moment.
fn parse_moment(text: &str) -> Result<Timestamp, &'static str> {
    parse_time(text)
        .filter(|unix| *unix >= 0.0)
        .map(|unix| Timestamp::from_unix(unix as i64))
        .ok_or("a moment such as 2026-11-22T07:13:08Z, or Unix seconds")
}
