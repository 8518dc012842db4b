//! How a report judges: thresholds, the report before, the view of the fleet, what
//! makes the exit code 10.

use std::fmt;
use std::path::PathBuf;

use commandline::{BadValue, Environment, parse_text, setting};
use contract::limit;

use super::flags::Args;
use analysis::action::Severity;
use analysis::hysteresis::Thresholds;
use quantity::percent;

const DEFAULT_HIGH: f64 = 0.8;
const DEFAULT_LOW: f64 = 0.2;
const DEFAULT_KEEP_NODES: usize = 1;

/// What counts as a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What counts as high and low.
    pub thresholds: Thresholds,
    /// The JSON report of the run before; if there is none, the backend is asked.
    pub previous: Option<PathBuf>,
    /// Whether there is to be a view of the fleet.
    pub fleet: bool,
    /// How many nodes that view leaves at least; above 0.
    pub keep_nodes: usize,
    /// Least severity that makes the exit code 10.
    pub fail_on: Option<Severity>,
}

impl Judgement {
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let low = setting(
            environment,
            "--low",
            args.low.clone(),
            &["LOW_PERCENT"],
            parse_percent,
        )?;
        let high = setting(
            environment,
            "--high",
            args.high.clone(),
            &["HIGH_PERCENT"],
            parse_percent,
        )?;
        let previous = setting(
            environment,
            "--previous",
            args.previous.clone(),
            &["PREVIOUS"],
            parse_text,
        )?;
        let fleet = setting(
            environment,
            "--fleet",
            args.fleet.clone(),
            &["FLEET"],
            parse_fleet,
        )?;
        let keep_nodes = setting(
            environment,
            "--keep-nodes",
            args.keep_nodes.clone(),
            &["KEEP_NODES"],
            parse_count,
        )?;
        let fail_on = setting(
            environment,
            "--fail-on",
            args.fail_on.clone(),
            &["FAIL_ON"],
            parse_severity,
        )?;
        Ok(Self {
            thresholds: order(low.unwrap_or(DEFAULT_LOW), high.unwrap_or(DEFAULT_HIGH))?,
            previous: previous.map(PathBuf::from),
            fleet: fleet.unwrap_or(true),
            keep_nodes: keep_nodes.unwrap_or(DEFAULT_KEEP_NODES),
            fail_on,
        })
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // To a millionth of a percent: the division by 100 leaves stray digits.
        let exact = |share: f64| (share * 1e8).round() / 1e6;
        writeln!(f, "--high={}%", exact(self.thresholds.high()))?;
        writeln!(f, "--low={}%", exact(self.thresholds.low()))?;
        if let Some(path) = &self.previous {
            writeln!(f, "--previous={}", path.display())?;
        }
        writeln!(f, "--fleet={}", if self.fleet { "auto" } else { "off" })?;
        writeln!(f, "--keep-nodes={}", self.keep_nodes)?;
        if let Some(severity) = self.fail_on {
            writeln!(f, "--fail-on={}", severity.label())?;
        }
        Ok(())
    }
}

fn order(low: f64, high: f64) -> Result<Thresholds, BadValue> {
    Thresholds::new(low, high).ok_or_else(|| BadValue {
        setting: "--low".to_owned(),
        value: percent(low),
        expected: format!("below --high ({})", percent(high)),
    })
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

fn parse_severity(text: &str) -> Result<Severity, &'static str> {
    [Severity::Info, Severity::Warning, Severity::Critical]
        .into_iter()
        .find(|severity| severity.label() == text)
        .ok_or("info, warning or critical")
}

fn parse_fleet(text: &str) -> Result<bool, &'static str> {
    match text {
        "auto" => Ok(true),
        "off" => Ok(false),
        _ => Err("auto or off"),
    }
}

fn parse_count(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .ok()
        .filter(|count| limit::KEEP_NODES.contains(count))
        .map(|count| count as usize)
        .ok_or("a number of nodes from 1 to 100000")
}
