//! The configuration of a run: all flags, resolved and checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use analysis::hysteresis::Thresholds;
use contract::{FleetView, ReportFormat, Severity};
use forecast::Settings;
use shard::Shard;
use webserver::ListenAddress;

use crate::collect::UsageQueries;
use crate::connection::Backend;
use crate::input::InputFile;
use crate::sink;
use crate::time::Time;

/// The configuration of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The flags, one a line, as `--print-config` shows them.
    pub lines: String,
    /// The files to read points from; empty if the backend is queried.
    pub inputs: Vec<InputFile>,
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
    /// The JSON report of the previous run; without it the backend is queried.
    pub previous: Option<PathBuf>,
    /// Set to `Auto` if the report names nodes that could be removed.
    pub fleet: FleetView,
    /// The minimum number of nodes to keep; above 0.
    pub keep_nodes: usize,
    /// The least severity that makes the exit code 10.
    pub fail_on: Option<Severity>,
    /// The format on standard output.
    pub format: ReportFormat,
    /// The files to write the report to, each a different one.
    pub outputs: Vec<Output>,
    /// The use of colours on standard output.
    pub color: Color,
    /// Set if the models that were not selected are shown too.
    pub explain: bool,
    /// The sinks.
    pub sinks: sink::Config,
    /// The service, if the program keeps running.
    pub service: Option<Service>,
}

/// Holds no secret: those are in files, and a URL with credentials is refused.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines)
    }
}

/// A file that the report is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: ReportFormat,
    /// The path of the file.
    pub file: PathBuf,
}

/// The use of colours in text on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The options of a long-running agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The address to serve on.
    pub listen: ListenAddress,
    /// The files that protect the port.
    pub protection: webconfig::Files,
    /// The time from one report to the next.
    pub every: Duration,
}
