//! What the user typed, over the environment, over the defaults -> [`Config`].
//!
//! A [`Config`] is proven: lengths fit each other, the URL is one, queries are
//! not empty. Reading the CA file is not done here, nor is anything printed.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use argh::FromArgs;
use commandline::{BadValue, Environment, normalise, parse_bool, parse_text, setting};
use contract::series;
use quantity::parse_duration;
use webclient::BaseUrl;

use crate::collect::UsageQueries;
use crate::recommend::{Severity, Thresholds, interval, percent};
use crate::window::{MAX_POINTS, MAX_SPAN_SECONDS, Misfit, Spans};

#[derive(Debug, FromArgs)]
#[argh(
    help_triggers("-h", "--help"),
    description = "Forecasts CPU and memory of each Kubernetes node from what Prometheus (or the
history of k8s-ai-exporter) holds, and says what to do: scale up, consolidate, or
nothing. Reports once to standard output; changes nothing in the cluster.",
    note = "Durations are written 30s, 1m30s, 6h. Each flag is also taken as --flag=value.
A flag wins over its variable, which wins over the default.",
    note = "What is missing from a report is also said on standard error. Where several
exit codes apply, the first of the list below counts.",
    example = "Ask the exporter of a small cluster that has no Prometheus:
$ {command_name} --prometheus-url http://k8s-ai-exporter.monitoring.svc:9100",
    example = "Look back a day and ahead six hours, as JSON, and fail a pipeline on findings:
$ {command_name} --lookback 24h --step 5m --forecast 6h --format json \\
    --fail-on warning",
    error_code(2, "usage: a flag, a variable or the CA file is of no use"),
    error_code(3, "the backend cannot be reached, or refuses the queries"),
    error_code(4, "the backend has no data at all"),
    error_code(
        5,
        "partial: a node, a resource or a query is missing, or the report was not written"
    ),
    error_code(10, "with --fail-on: a node's severity is at least that"),
    error_code(0, "the report is complete, also if every node has too few points yet"),
    error_code(143, "stopped by SIGTERM, or 130 by SIGINT: no report")
)]
// The doc comments are the help text, where a URL stands bare.
#[allow(rustdoc::bare_urls)]
struct Args {
    /// where to ask, with a path prefix if there is one; the path
    /// /api/v1/query_range is added (PROMETHEUS_URL; default
    /// http://prometheus-operated.monitoring.svc:9090)
    #[argh(option, arg_name = "url")]
    prometheus_url: Option<String>,

    /// how far to look back: 2h, or minutes (LOOKBACK, then LOOKBACK_MINUTES;
    /// default 120)
    #[argh(option, arg_name = "duration")]
    lookback: Option<String>,

    /// how far to look ahead: 30m, or minutes (FORECAST, then FORECAST_MINUTES;
    /// default 30)
    #[argh(option, arg_name = "duration")]
    forecast: Option<String>,

    /// time between two points (STEP; default 60s)
    #[argh(option, arg_name = "duration")]
    step: Option<String>,

    /// the PromQL for cores used, with a label node (CPU_QUERY; default
    /// k8s_node_cpu_usage_cores)
    #[argh(option, arg_name = "promql")]
    cpu_query: Option<String>,

    /// the PromQL for bytes used, with a label node (MEM_QUERY, then MEMORY_QUERY;
    /// default k8s_node_memory_usage_bytes)
    #[argh(option, arg_name = "promql")]
    memory_query: Option<String>,

    /// text for people or json for programs (FORMAT; default text)
    #[argh(option, arg_name = "text|json")]
    format: Option<String>,

    /// percent of allocatable above which a forecast maximum is a finding
    /// (default 80)
    #[argh(option, arg_name = "percent")]
    high: Option<String>,

    /// percent of allocatable under which a forecast mean is a finding
    /// (default 20)
    #[argh(option, arg_name = "percent")]
    low: Option<String>,

    /// exit with 10 if a node's severity is at least info, warning or critical
    /// (FAIL_ON; default: never)
    #[argh(option, arg_name = "severity")]
    fail_on: Option<String>,

    /// authorities to trust over https, a PEM file (CA_FILE; default: the public
    /// ones)
    #[argh(option, arg_name = "file")]
    ca_file: Option<String>,

    /// deadline of one exchange with the backend (default 30s)
    #[argh(option, arg_name = "duration")]
    timeout: Option<String>,

    /// print the resolved configuration and exit
    #[argh(option, arg_name = "true|false")]
    print_config: Option<String>,

    /// print the version and exit
    #[argh(option, arg_name = "true|false")]
    version: Option<String>,
}

/// Flags that need no value.
const BOOLEANS: &[&str] = &["--print-config", "--version"];

/// The program's name in messages.
pub const PROGRAM: &str = "k8s-ai-agent";

const DEFAULT_URL: &str = "http://prometheus-operated.monitoring.svc:9090";
const DEFAULT_LOOKBACK_SECONDS: u64 = 120 * 60;
const DEFAULT_FORECAST_SECONDS: u64 = 30 * 60;
const DEFAULT_STEP_SECONDS: u64 = 60;
const DEFAULT_HIGH: f64 = 0.8;
const DEFAULT_LOW: f64 = 0.2;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Everything a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The backend.
    pub prometheus_url: BaseUrl,
    /// Lookback, step and horizon.
    pub spans: Spans,
    /// What to ask for usage.
    pub queries: UsageQueries,
    /// The form of the report.
    pub format: Format,
    /// What counts as high and low.
    pub thresholds: Thresholds,
    /// Least severity that makes the exit code 10.
    pub fail_on: Option<Severity>,
    /// Whom to trust over TLS, if not the public authorities.
    pub ca_file: Option<PathBuf>,
    /// Deadline of one exchange.
    pub timeout: Duration,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a report.
    Report(Config),
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

/// Reads the arguments, without the program's name.
///
/// # Errors
/// When an argument is unknown, or a value is not what its flag or variable takes.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, UsageError> {
    let args = normalise(args, BOOLEANS)?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let args = match Args::from_args(&[PROGRAM], &args) {
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
    let config = resolve(args, environment)?;
    Ok(match print {
        true => Command::PrintConfig(config),
        false => Command::Report(config),
    })
}

/// The help without the line that names every flag, which the list below it does better.
fn help(full: &str) -> String {
    let (_usage, rest) = full.split_once('\n').unwrap_or_default();
    format!("Usage: {PROGRAM} [flags]\n{rest}")
}

fn resolve(args: Args, environment: Environment<'_>) -> Result<Config, BadValue> {
    let text =
        |flag, typed, variables: &[&str]| setting(environment, flag, typed, variables, parse_text);
    let span =
        |flag, typed, variables: &[&str]| setting(environment, flag, typed, variables, parse_span);
    let share = |flag, typed| setting(environment, flag, typed, &[], parse_percent);

    let url = setting(
        environment,
        "--prometheus-url",
        args.prometheus_url,
        &["PROMETHEUS_URL"],
        BaseUrl::parse,
    )?;
    let lookback = span(
        "--lookback",
        args.lookback,
        &["LOOKBACK", "LOOKBACK_MINUTES"],
    )?;
    let forecast = span(
        "--forecast",
        args.forecast,
        &["FORECAST", "FORECAST_MINUTES"],
    )?;
    let step = setting(environment, "--step", args.step, &["STEP"], parse_step)?;
    let cpu = text("--cpu-query", args.cpu_query, &["CPU_QUERY"])?;
    let memory = text(
        "--memory-query",
        args.memory_query,
        &["MEM_QUERY", "MEMORY_QUERY"],
    )?;
    let format = setting(
        environment,
        "--format",
        args.format,
        &["FORMAT"],
        parse_format,
    )?;
    let fail_on = setting(
        environment,
        "--fail-on",
        args.fail_on,
        &["FAIL_ON"],
        parse_severity,
    )?;
    let ca_file = text("--ca-file", args.ca_file, &["CA_FILE"])?;
    let timeout = setting(environment, "--timeout", args.timeout, &[], parse_timeout)?;
    let high = share("--high", args.high)?;
    let low = share("--low", args.low)?;

    Ok(Config {
        prometheus_url: url.unwrap_or_else(|| {
            BaseUrl::parse(DEFAULT_URL).expect("the default is a URL: a test reads it")
        }),
        spans: fit(
            lookback.unwrap_or(DEFAULT_LOOKBACK_SECONDS),
            step.unwrap_or(DEFAULT_STEP_SECONDS),
            forecast.unwrap_or(DEFAULT_FORECAST_SECONDS),
        )?,
        queries: UsageQueries {
            cpu: cpu.unwrap_or_else(|| series::CPU_USAGE.name.to_owned()),
            memory: memory.unwrap_or_else(|| series::MEMORY_USAGE.name.to_owned()),
        },
        format: format.unwrap_or(Format::Text),
        thresholds: order(low.unwrap_or(DEFAULT_LOW), high.unwrap_or(DEFAULT_HIGH))?,
        fail_on,
        ca_file: ca_file.map(PathBuf::from),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
    })
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

fn order(low: f64, high: f64) -> Result<Thresholds, BadValue> {
    Thresholds::new(low, high).ok_or_else(|| BadValue {
        setting: "--low".to_owned(),
        value: percent(low),
        expected: format!("below --high ({})", percent(high)),
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

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|d| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(d))
        .ok_or("a duration such as 30s, from 1ms to 1h")
}

/// `80` or `80%`, as a share.
fn parse_percent(text: &str) -> Result<f64, &'static str> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .parse::<f64>()
        .ok()
        .filter(|percent| 0.0 < *percent && *percent <= 100.0)
        .map(|percent| percent / 100.0)
        .ok_or("a percentage such as 80 or 80%, above 0 and at most 100")
}

fn parse_format(text: &str) -> Result<Format, &'static str> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("text or json"),
    }
}

fn parse_severity(text: &str) -> Result<Severity, &'static str> {
    [Severity::Info, Severity::Warning, Severity::Critical]
        .into_iter()
        .find(|severity| severity.label() == text)
        .ok_or("info, warning or critical")
}

impl fmt::Display for Config {
    /// One flag a line, in the form that [`parse`] reads. Nothing in it is secret:
    /// a URL with credentials is refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--prometheus-url={}", self.prometheus_url)?;
        writeln!(f, "--lookback={}", interval(self.spans.lookback()))?;
        writeln!(f, "--forecast={}", interval(self.spans.horizon()))?;
        writeln!(f, "--step={}", interval(self.spans.step()))?;
        writeln!(f, "--cpu-query={}", self.queries.cpu)?;
        writeln!(f, "--memory-query={}", self.queries.memory)?;
        let format = match self.format {
            Format::Text => "text",
            Format::Json => "json",
        };
        writeln!(f, "--format={format}")?;
        // To a millionth of a percent: the division by 100 leaves stray digits.
        let exact = |share: f64| (share * 1e8).round() / 1e6;
        writeln!(f, "--high={}%", exact(self.thresholds.high()))?;
        writeln!(f, "--low={}%", exact(self.thresholds.low()))?;
        if let Some(severity) = self.fail_on {
            writeln!(f, "--fail-on={}", severity.label())?;
        }
        if let Some(path) = &self.ca_file {
            writeln!(f, "--ca-file={}", path.display())?;
        }
        writeln!(f, "--timeout={}", quantity::Interval(self.timeout))
    }
}
