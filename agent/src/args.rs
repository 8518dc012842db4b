//! The flags of the agent, and the [`Config`] that they resolve to.
//!
//! Each module defines the flags of one group and resolves them. No file is read here, and nothing
//! is printed.

mod backend;
mod command;
mod findings;
mod forecast;
mod input;
mod percent;
mod repeated;
pub mod reports;
mod service;
mod shards;
mod sinks;
mod time;

use std::ffi::OsString;
use std::fmt;

use ::forecast::Settings;
use analysis::hysteresis::Thresholds;
use contract::ReportFormat as Format;
use settings::{
    Environment, General, Given, Invocation, Program, UsageError, config_lines, flag_sets,
};
use shard::Shard;

use crate::PROGRAM;
use crate::collect::UsageQueries;
use crate::connection::Backend;
use crate::exit::Exit;
use crate::sink;
use crate::time::Time;

flag_sets! {
    /// The flags of the agent, in the order of the help.
    pub struct Flags {
        input: input::Flags,
        backend: backend::Flags,
        time: time::Flags,
        shards: shards::Flags,
        forecasts: forecast::Flags,
        findings: findings::Flags,
        reports: reports::Flags,
        sinks: sinks::Flags,
        service: service::Flags,
        general: General,
    }
}

/// The agent's command line.
pub const COMMAND_LINE: Program = Program {
    name: PROGRAM,
    version: env!("CARGO_PKG_VERSION"),
    revision: runtime::REVISION,
    summary: "Forecasts CPU and memory of Kubernetes nodes and recommends actions",
    description: &[
        "Forecasts CPU and memory of each node from its series in Prometheus, or in the history \
         of k8s-ai-exporter, and recommends to scale up, to consolidate, or nothing. Reports once to standard output; changes nothing in the cluster.",
        "Missing data is also reported on standard error. Once the report is \
         printed, it goes to all notification targets (Slack, webhook, Grafana, Pushgateway) at the same time; one that \
         fails is named on standard error and does not affect the others. Without a report, exit \
         codes 2 and 3, nothing is sent.",
    ],
    commands: &[settings::Command {
        name: command::NAME,
        help: "check the backend instead of reporting: that it answers, which series it has, and how to \
               fix problems; the format is text or json",
        exit_codes: &[
            (Exit::Complete.code(), "no problem (notes do not count)"),
            (Exit::Backend.code(), "the backend does not answer, or is not a Prometheus API"),
            (Exit::NoData.code(), "the backend has no usage data"),
            (Exit::Partial.code(), "another problem"),
        ],
    }],
    groups: Flags::GROUPS,
    examples: &[
        (
            "Query the exporter's history, without a Prometheus:",
            "--prometheus-url http://k8s-ai-exporter.monitoring.svc:9100",
        ),
        (
            "Forecast six hours from the last day, as JSON, and fail a pipeline on findings:",
            "--lookback 24h --step 5m --forecast 6h --format json \\\n    --fail-on warning",
        ),
        (
            "Report as of Monday morning, from range queries saved by curl:",
            "--input cpu.json --input memory.json --at 2026-11-23T09:00:00Z",
        ),
        (
            "Keep running, report every ten minutes, serve the newest report, post to Slack:",
            "--serve :9101 --every 10m \\\n    --slack-webhook-url-file /etc/k8s-ai-agent/slack-url",
        ),
        (
            "Find out why there is no report:",
            "doctor --prometheus-url http://prometheus.example:9090",
        ),
    ],
    exit_codes: &[
        (
            Exit::Usage.code(),
            "usage: a flag, a variable or a file that one names is invalid",
        ),
        (Exit::Backend.code(), "the backend cannot be reached, or refuses the queries"),
        (
            Exit::NoData.code(),
            "the backend, or the input, has no data, or no node has a current forecast",
        ),
        (
            Exit::Partial.code(),
            "partial: a node, a resource or a query is missing, the report was not written, or a \
             notification target did not receive it; of several codes the first of this list is used",
        ),
        (
            Exit::Findings.code(),
            "with --fail-on: a node has at least that severity, or with unknown no verdict; 5 comes first",
        ),
        (Exit::Complete.code(), "the report is complete"),
        (
            143,
            "stopped by SIGTERM, or 130 by SIGINT: no report, or no notification target received it; with \
             --serve both are a success: 0",
        ),
    ],
}
.checked();

/// The configuration of a run: all flags, and the values that follow from several of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The flags.
    pub flags: Flags,
    /// The backend.
    pub backend: Backend,
    /// The queries for usage.
    pub queries: UsageQueries,
    /// The time range of the report.
    pub time: Time,
    /// The shard of the nodes to report on.
    pub shard: Shard,
    /// The model and interval of forecasts.
    pub forecasts: Settings,
    /// The thresholds for high and low.
    pub thresholds: Thresholds,
    /// The sinks.
    pub sinks: sink::Config,
}

/// One flag a line, in the form that [`parse`] reads. Holds no secret: those are in files, and
/// a URL with credentials is refused.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&config_lines(&self.flags.sets()))
    }
}

/// The command of a command line.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a report.
    Report(Box<Config>),
    /// Examine the backend.
    Doctor(Box<Config>),
    /// Print this text and exit.
    Print(String),
}

/// Parses the arguments, without the program's name.
///
/// # Errors
/// When a flag or a variable is invalid, or conflicts with others.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, UsageError> {
    let mut given = match COMMAND_LINE.invocation(args, environment)? {
        Invocation::Print(text) => return Ok(Command::Print(text)),
        Invocation::Run(given) => given,
    };
    let flags = Flags::read(&mut given)?;
    let print_config = flags.general.print_config;
    let config = Box::new(resolve(flags, &given, environment)?);
    let doctor = given.command().is_some();
    let format = config.flags.reports.format;
    if doctor && !matches!(format, Format::Text | Format::Json) {
        let setting = const { reports::Flags::setting("--format") };
        return Err(given.invalid(setting, format.name(), "text or json with doctor"));
    }
    Ok(match (print_config, doctor) {
        (true, _) => Command::Print(config.to_string()),
        (false, true) => Command::Doctor(config),
        (false, false) => Command::Report(config),
    })
}

fn resolve(
    mut flags: Flags,
    given: &Given<'_>,
    environment: Environment<'_>,
) -> Result<Config, UsageError> {
    input::check(&flags.input, given)?;
    reports::resolve(&mut flags.reports, given, environment)?;
    Ok(Config {
        backend: backend::resolve(&flags.backend, given)?,
        queries: UsageQueries {
            cpu: flags.backend.cpu_query.clone(),
            memory: flags.backend.memory_query.clone(),
        },
        time: time::resolve(&mut flags.time, given, !flags.input.input.is_empty())?,
        shard: shards::resolve(&mut flags.shards, given, environment)?,
        forecasts: Settings {
            model: flags.forecasts.model,
            coverage: flags.forecasts.interval,
        },
        thresholds: findings::thresholds(&flags.findings, given)?,
        sinks: sinks::resolve(&flags.sinks, given)?,
        flags,
    })
}
