//! How forecasts are made: which model, and how wide its interval.

use std::fmt;

use commandline::{BadValue, Environment, setting};
use contract::limit::INTERVAL_PERCENT;
use forecast::{Choice, DEFAULT_COVERAGE, Settings};

use super::flags::Args;
use quantity::percent;

pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Settings, BadValue> {
    let model = setting(
        environment,
        "--model",
        args.model.clone(),
        &["MODEL"],
        parse_model,
    )?;
    let coverage = setting(
        environment,
        "--interval",
        args.interval.clone(),
        &["INTERVAL"],
        parse_coverage,
    )?;
    Ok(Settings {
        model: model.unwrap_or_default(),
        coverage: coverage.unwrap_or(DEFAULT_COVERAGE),
    })
}

/// Prints the settings as their flags.
pub(super) fn print(settings: &Settings, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "--model={}", settings.model.label())?;
    writeln!(f, "--interval={}", percent(settings.coverage))
}

fn parse_model(text: &str) -> Result<Choice, String> {
    Choice::parse(text).ok_or_else(Choice::list)
}

/// Reads `80` or `80%` as a share.
fn parse_coverage(text: &str) -> Result<f64, &'static str> {
    let limits = f64::from(*INTERVAL_PERCENT.start())..=f64::from(*INTERVAL_PERCENT.end());
    text.strip_suffix('%')
        .unwrap_or(text)
        .parse::<f64>()
        .ok()
        .filter(|percent| limits.contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or("a percentage such as 80 or 80%, from 10 to 99")
}
