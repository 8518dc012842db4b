//! What the user typed, over the environment, over the defaults -> [`Config`].
//!
//! A [`Config`] is proven: lengths fit each other, the URL is one, queries are
//! not empty. Each group of flags is one module: it resolves them, and prints them
//! again for `--print-config`. No file is read here, nor is anything printed.

mod backend;
mod doctor;
mod flags;
mod fleet;
mod forecast;
mod input;
mod judgement;
mod reports;
mod service;
mod sinks;
mod time;

pub use backend::{Backend, IdentityFiles, Login, TypedHeader};
pub use input::InputFile;
pub use judgement::Judgement;
pub use reports::{Color, Output, Reports};
pub use service::Service;
pub use sinks::{Grafana, Occasion, Pushgateway, Sinks, Slack, Webhook};
pub use time::{Time, USUAL_STEP_SECONDS};

use std::ffi::OsString;
use std::fmt;

use ::forecast::Settings;
use argh::{ArgsInfo as _, CommandInfoWithArgs, FromArgs as _};
use commandline::{BadValue, Environment, normalise, parse_bool, setting};

use flags::{Args, BOOLEANS};
use shard::Shard;

/// The program's name in messages.
pub const PROGRAM: &str = "k8s-ai-agent";

/// Everything a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The files that the points come from; none if the backend is asked.
    pub inputs: Vec<InputFile>,
    /// The backend that is asked otherwise.
    pub backend: Backend,
    /// Which time the report is about.
    pub time: Time,
    /// Which part of the fleet it is about.
    pub shard: Shard,
    /// How forecasts are made.
    pub forecasts: Settings,
    /// What counts as a finding.
    pub judgement: Judgement,
    /// What becomes of the report.
    pub reports: Reports,
    /// Whom it is sent to.
    pub sinks: Sinks,
    /// Whether the program stays, and reports again and again.
    pub service: Option<Service>,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a report.
    Report(Config),
    /// Examine the backend.
    Doctor(Config),
    /// Print the resolved configuration.
    PrintConfig(Config),
    /// Print this text: help or version.
    Print(String),
}

/// A command line that cannot be used. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageError {
    /// A flag or variable has an unusable value.
    BadValue(BadValue),
    /// An argument is unknown, repeated or incomplete.
    Arguments(String),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadValue(bad) => bad.fmt(f),
            Self::Arguments(problem) => write!(f, "{problem} (--help lists the flags)"),
        }
    }
}

impl std::error::Error for UsageError {}

impl From<BadValue> for UsageError {
    fn from(bad: BadValue) -> Self {
        Self::BadValue(bad)
    }
}

/// What `--help` says, in parts: for manual pages and shells.
pub fn interface() -> CommandInfoWithArgs {
    Args::get_args_info()
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// When an argument is unknown, or a value is not what its flag or variable takes.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, UsageError> {
    let args = normalise(args, BOOLEANS)?;
    let words: Vec<&str> = args
        .iter()
        .map(|arg| commandline::canonical_name(arg))
        .collect();
    let args = match Args::from_args(&[PROGRAM], &words) {
        Ok(args) => args,
        Err(exit) if exit.status.is_ok() => return Ok(Command::Print(help(&exit.output))),
        Err(exit) => {
            let words: Vec<&str> = exit.output.split_whitespace().collect();
            let problem = words.join(" ");
            return Err(UsageError::Arguments(
                problem.trim_end_matches('.').to_owned(),
            ));
        }
    };
    let switch = |flag, typed| setting(environment, flag, typed, &[], parse_bool);
    if switch("--version", args.version.clone())? == Some(true) {
        let version = env!("CARGO_PKG_VERSION");
        return Ok(Command::Print(format!("{PROGRAM} {version}\n")));
    }
    let print = switch("--print-config", args.print_config.clone())? == Some(true);
    let is_doctor = match args.command.as_deref() {
        None => false,
        Some(doctor::WORD) => true,
        Some(other) => {
            let problem = format!("Unrecognized argument: {other}");
            return Err(UsageError::Arguments(problem));
        }
    };
    let config = Config::resolve(&args, environment)?;
    if is_doctor {
        doctor::check(&words, &config)?;
    }
    Ok(match (print, is_doctor) {
        (true, _) => Command::PrintConfig(config),
        (false, true) => Command::Doctor(config),
        (false, false) => Command::Report(config),
    })
}

/// The help without the line that names every flag, which the list below it does better.
fn help(full: &str) -> String {
    let (_usage, rest) = full.split_once('\n').unwrap_or_default();
    format!(
        "Usage: {PROGRAM} [flags]\n       {PROGRAM} {} [flags]\n{rest}",
        doctor::WORD
    )
}

impl Config {
    fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let inputs = input::resolve(args)?;
        Ok(Self {
            backend: Backend::resolve(args, environment)?,
            time: Time::resolve(args, environment, !inputs.is_empty())?,
            inputs,
            shard: fleet::resolve(args, environment)?,
            forecasts: forecast::resolve(args, environment)?,
            judgement: Judgement::resolve(args, environment)?,
            reports: Reports::resolve(args, environment)?,
            sinks: Sinks::resolve(args, environment)?,
            service: Service::resolve(args)?,
        })
    }
}

impl fmt::Display for Config {
    /// One flag a line, in the form that [`parse`] reads. Nothing in it is secret:
    /// a URL with credentials is refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inputs.is_empty() {
            write!(f, "{}", self.backend)?;
        } else {
            for file in &self.inputs {
                writeln!(f, "--input={file}")?;
            }
            write!(f, "{}", self.backend.queries)?;
        }
        write!(f, "{}", self.time)?;
        if !self.shard.is_whole() {
            writeln!(f, "--shard={}", self.shard)?;
        }
        forecast::print(&self.forecasts, f)?;
        write!(f, "{}{}{}", self.judgement, self.reports, self.sinks)?;
        self.service.iter().try_for_each(|service| service.fmt(f))
    }
}
