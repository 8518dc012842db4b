//! The flags of the time range: lookback, step, horizon, and the time of the report.

use std::time::Duration;

use analysis::window::{MAX_POINTS, Misfit};
use contract::limit;
use forecast::MIN_POINTS;
use quantity::{Timestamp, interval, parse_duration, parse_time};
use settings::{Given, Syntax, UsageError, Within, settings};

use super::command::DOCTOR;
use crate::time::{Time, USUAL_STEP_SECONDS};

const SPANS: Within = Within::Durations(limit::SPAN);

settings! {
    /// The flags of the time range.
    pub struct Flags {
        "Time", commands: DOCTOR => {
            /// length of the window to forecast from: a duration, or minutes
            lookback: Option<Span>, within: SPANS, variables: &["LOOKBACK", "LOOKBACK_MINUTES"],
                without: "360; with --input all samples";

            /// forecast horizon: a duration, or minutes
            forecast: Span = "30", within: SPANS, variables: &["FORECAST", "FORECAST_MINUTES"];

            /// time between two points; auto is a multiple of the time between samples, at least 60s
            /// and coarse enough for 11000 points; with --input, auto is that of the samples
            step: Step = "auto", within: Within::Durations(limit::STEP);

            /// report as of this time: 2026-11-22T07:13:08Z, or Unix seconds
            at: Option<UnixTime>, variables: &[], conflicts: Some("--serve"),
                without: "now; with --input the newest sample";
        }
    }
}

const DEFAULT_LOOKBACK_SECONDS: u64 = 360 * 60;

/// Resolves the flags; `from_files` where no backend is queried.
pub(super) fn resolve(
    flags: &mut Flags,
    given: &Given<'_>,
    from_files: bool,
) -> Result<Time, UsageError> {
    if !from_files {
        flags.lookback.get_or_insert(DEFAULT_LOOKBACK_SECONDS);
    }
    let time = Time {
        lookback: flags.lookback,
        step: flags.step,
        horizon: flags.forecast,
        at: flags.at,
    };
    check(&time, given)?;
    Ok(time)
}

/// Checks that the lengths fit each other.
fn check(time: &Time, given: &Given<'_>) -> Result<(), UsageError> {
    // All samples of files span at least one step.
    let Some(lookback) = time.lookback.or(time.step) else {
        return Ok(());
    };
    let step = time.step.unwrap_or(USUAL_STEP_SECONDS);
    let misfit = match time.spans(lookback, USUAL_STEP_SECONDS, USUAL_STEP_SECONDS) {
        Ok(_) if time.lookback.is_some() && lookback / step + 1 < MIN_POINTS as u64 => {
            let least = (MIN_POINTS as u64 - 1) * step;
            let expected = format!(
                "at least {}, since a forecast needs {MIN_POINTS} points, one every {} (a number without unit is minutes; two hours are 2h)",
                interval(least),
                interval(step),
            );
            let flag = const { Flags::setting("--lookback") };
            return Err(given.invalid(flag, interval(lookback), expected));
        }
        Ok(_) => return Ok(()),
        Err(misfit) => misfit,
    };
    let coarser = |flag: &str, length: u64, enough: u64| {
        format!(
            "at least {}: with {flag} {} it gives more than {MAX_POINTS} points",
            interval(enough),
            interval(length),
        )
    };
    let (flag, seconds, expected) = match misfit {
        Misfit::LookbackUnderStep => {
            let expected = format!("at least one --step ({})", interval(step));
            (const { Flags::setting("--lookback") }, lookback, expected)
        }
        Misfit::TooManyPoints {
            step_that_would_do, ..
        } => {
            let expected = coarser("--lookback", lookback, step_that_would_do);
            (const { Flags::setting("--step") }, step, expected)
        }
        Misfit::HorizonTooFine { step_that_would_do } => {
            let expected = coarser("--forecast", time.horizon, step_that_would_do);
            (const { Flags::setting("--step") }, step, expected)
        }
    };
    Err(given.invalid(flag, interval(seconds), expected))
}

/// Returns a duration in seconds, if it is whole and within limits.
fn whole_seconds(duration: Duration, within: &Within) -> Option<u64> {
    let is_whole = duration.subsec_nanos() == 0;
    (is_whole && within.has_duration(duration)).then_some(duration.as_secs())
}

/// The syntax of a length of time in seconds: `2h`, or minutes.
#[derive(Debug)]
pub struct Span;

impl Syntax for Span {
    type Value = u64;
    const VALUE_NAME: &'static str = "duration";

    fn expected(within: &Within) -> String {
        format!("a duration such as 2h, or a number of minutes, in whole seconds {within}")
    }

    fn parse(text: &str, within: &Within) -> Result<u64, String> {
        let duration = match text.parse::<u64>() {
            Ok(minutes) => minutes.checked_mul(60).map(Duration::from_secs),
            Err(_) => parse_duration(text).ok(),
        };
        duration
            .and_then(|duration| whole_seconds(duration, within))
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &u64) -> String {
        interval(*value).to_string()
    }
}

/// The value for a length that is derived from other flags.
pub(super) const AUTO: &str = "auto";

/// The syntax of a time between two points, in seconds; `None` for [`AUTO`].
#[derive(Debug)]
pub struct Step;

impl Syntax for Step {
    type Value = Option<u64>;
    const VALUE_NAME: &'static str = "duration";

    fn expected(within: &Within) -> String {
        format!("auto, or a duration such as 60s or 5m, in whole seconds {within}")
    }

    fn parse(text: &str, within: &Within) -> Result<Option<u64>, String> {
        if text == AUTO {
            return Ok(None);
        }
        let duration = parse_duration(text).ok();
        duration
            .and_then(|duration| whole_seconds(duration, within))
            .map(Some)
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &Option<u64>) -> String {
        value.map_or_else(|| AUTO.to_owned(), |step| interval(step).to_string())
    }
}

/// The syntax of a time, to the second.
#[derive(Debug)]
pub struct UnixTime;

impl Syntax for UnixTime {
    type Value = Timestamp;
    const VALUE_NAME: &'static str = "time";

    fn expected(_: &Within) -> String {
        "a time such as 2026-11-22T07:13:08Z, or Unix seconds".to_owned()
    }

    fn parse(text: &str, within: &Within) -> Result<Timestamp, String> {
        parse_time(text)
            .filter(|unix| *unix >= 0.0)
            .map(|unix| Timestamp::from_unix(unix as i64))
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &Timestamp) -> String {
        value.to_string()
    }
}
