//! The word `doctor`, and the flags that go with it.

use commandline::BadValue;

use super::{Config, UsageError};
use contract::ReportFormat as Format;

/// The word itself.
pub(super) const WORD: &str = "doctor";

/// What examining a backend has a use for.
const FLAGS: &[&str] = &[
    "--at",
    "--basic-auth-password-file",
    "--basic-auth-user",
    "--bearer-token-file",
    "--ca-file",
    "--client-cert-file",
    "--client-key-file",
    "--cpu-query",
    "--deadline",
    "--forecast",
    "--format",
    "--header",
    "--header-file",
    "--help",
    "--lookback",
    "--memory-query",
    "--print-config",
    "--prometheus-url",
    "--step",
    "--timeout",
    "--version",
];

/// Refuses arguments that would have no effect.
pub(super) fn check(args: &[&str], config: &Config) -> Result<(), UsageError> {
    let foreign = |arg: &&&str| arg.starts_with("--") && !FLAGS.contains(*arg);
    if let Some(flag) = args.iter().find(foreign) {
        return Err(UsageError::Arguments(format!(
            "{WORD} does not take {flag}"
        )));
    }
    match config.reports.format {
        Format::Text | Format::Json => Ok(()),
        other => Err(UsageError::BadValue(BadValue {
            setting: "--format".to_owned(),
            value: other.name().to_owned(),
            expected: format!("text or json, the forms of {WORD}"),
        })),
    }
}
