//! Which time the report is about: lookback, step, horizon.

use std::time::Duration;

use commandline::{BadValue, Environment, setting};
use quantity::parse_duration;

use super::flags::Args;
use crate::recommend::interval;
use crate::window::{MAX_POINTS, MAX_SPAN_SECONDS, Misfit, Spans};

const DEFAULT_LOOKBACK_SECONDS: u64 = 120 * 60;
const DEFAULT_FORECAST_SECONDS: u64 = 30 * 60;
const DEFAULT_STEP_SECONDS: u64 = 60;

pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Spans, BadValue> {
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
    fit(
        lookback.unwrap_or(DEFAULT_LOOKBACK_SECONDS),
        step.unwrap_or(DEFAULT_STEP_SECONDS),
        forecast.unwrap_or(DEFAULT_FORECAST_SECONDS),
    )
}

/// Lengths that each are fine may still not fit each other.
fn fit(lookback: u64, step: u64, forecast: u64) -> Result<Spans, BadValue> {
    let bad = |flag: &str, seconds: u64, expected: String| BadValue {
        setting: flag.to_owned(),
        value: interval(seconds).to_string(),
        expected,
    };
    Spans::new(lookback, step, forecast).map_err(|misfit| match misfit {
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
                interval(forecast),
                interval(step_that_would_do)
            ),
        ),
    })
}

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

fn parse_step(text: &str) -> Result<u64, &'static str> {
    parse_duration(text)
        .ok()
        .and_then(whole_seconds)
        .ok_or("a duration such as 60s or 5m, in whole seconds from 1s to 3653d")
}
