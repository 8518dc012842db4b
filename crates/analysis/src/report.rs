//! The data of a report. How it looks in text, JSON or HTML is decided elsewhere.
//!
//! The field names are those of the JSON format.

pub mod fleet;

use std::time::Duration;

use forecast::{Backtest, Candidate, Model, Outcome, Point, Prediction};
use quantity::{Timestamp, age};
use serde::{Serialize, Serializer};
use shard::Shard;

use self::fleet::FleetReport;
use crate::action::{Action, Severity};
use crate::hysteresis::{Thresholds, Verdict};
use crate::recommend::{Recommendation, Resource};
use crate::window::Window;

/// Everything a report says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Rises when a field changes its meaning or goes; not when one is added.
    pub schema_version: u32,
    /// Release of the agent.
    pub program_version: &'static str,
    /// When the report was made.
    pub generated_at: Timestamp,
    /// How long asking for the points and judging them took; not part of the
    /// JSON form, which is the same for the same points.
    #[serde(skip)]
    pub took: Duration,
    /// What time it is about.
    pub window: WindowReport,
    /// Which part of the fleet it is about, if not the whole.
    pub shard: Option<ShardReport>,
    /// What it judged by.
    pub thresholds: ThresholdsReport,
    /// Where the verdicts of the report before came from; `None` if there was none.
    pub previous: Option<Origin>,
    /// Worst first, then by name.
    pub nodes: Vec<NodeReport>,
    /// Which of them could be removed.
    pub fleet: FleetReport,
    /// What is missing from the report, one sentence each; empty if it is complete.
    pub errors: Vec<String>,
    /// What else is worth knowing, one sentence each.
    pub warnings: Vec<String>,
}

/// Where a memory came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A JSON report.
    File,
    /// The agent's own series in the backend.
    Prometheus,
    /// The same process, which reports again and again.
    Process,
}

/// The window looked back on and the horizon ahead.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowReport {
    /// First moment asked for.
    pub start: Timestamp,
    /// Last moment asked for.
    pub end: Timestamp,
    /// Seconds between two points.
    pub step_seconds: u64,
    /// Seconds looked ahead from `end`.
    pub horizon_seconds: u64,
}

impl From<&Window> for WindowReport {
    fn from(window: &Window) -> Self {
        Self {
            start: window.past.start,
            end: window.past.end,
            step_seconds: window.past.step,
            horizon_seconds: window.horizon,
        }
    }
}

/// A part of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShardReport {
    /// Which.
    #[serde(flatten)]
    pub shard: Shard,
    /// Whether there are nodes in other parts; then none in this one is no failure.
    #[serde(skip)]
    pub others_have_data: bool,
}

/// Shares of allocatable, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdsReport {
    /// Above it a resource is short.
    pub high: f64,
    /// Under it a resource is low.
    pub low: f64,
}

impl From<Thresholds> for ThresholdsReport {
    fn from(thresholds: Thresholds) -> Self {
        Self {
            high: thresholds.high(),
            low: thresholds.low(),
        }
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeReport {
    /// Its name.
    pub node: String,
    /// What to do with it.
    pub action: Action,
    /// How urgent that is.
    pub severity: Severity,
    /// The verdict of the report before, if its severity was another one.
    pub changed_from: Option<Verdict>,
    /// CPU and memory.
    pub resources: Vec<ResourceReport>,
}

impl NodeReport {
    /// What to do with it and how urgent that is.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            action: self.action,
            severity: self.severity,
        }
    }
}

/// One resource of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceReport {
    /// Which.
    pub resource: Resource,
    /// Unit of all its numbers: `cores` or `bytes`.
    pub unit: &'static str,
    /// Points that the window held.
    pub points: usize,
    /// Points that a series without gaps would have.
    pub points_expected: usize,
    /// The points of the window, for drawing; not part of the JSON form.
    #[serde(skip)]
    pub history: Vec<Point>,
    /// Age of the newest sample, where it is older than two sampling intervals; `None`
    /// where it is current, or where there is none.
    pub sample_age_seconds: Option<u64>,
    /// Model behind the forecast.
    #[serde(serialize_with = "name_or_null")]
    pub model: Option<Model>,
    /// How the model would have done so far, if that can be said.
    pub backtest: Option<BacktestReport>,
    /// Every model that was considered.
    pub candidates: Vec<CandidateReport>,
    /// What is ahead, if that can be said.
    pub forecast: Option<ResourceForecast>,
    /// What pods may use of the node, if known.
    pub allocatable: Option<f64>,
    /// What the node has, if known.
    pub capacity: Option<f64>,
    /// What to do.
    pub recommendation: Recommendation,
    /// Why, one fact a line, the decisive one first.
    pub evidence: Vec<String>,
}

impl ResourceReport {
    /// `last sample 97s old`, where the newest sample is not current.
    pub fn old_sample(&self) -> Option<String> {
        let seconds = self.sample_age_seconds?;
        Some(format!("last sample {} old", age(seconds)))
    }
}

/// What is ahead of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceForecast {
    /// Highest value over the horizon.
    pub max: f64,
    /// Mean value over the horizon.
    pub mean: f64,
    /// Highest upper end of the interval over the horizon.
    pub upper: f64,
    /// Share of what comes that the interval is meant to hold.
    pub coverage: f64,
    /// Seconds looked ahead.
    pub horizon_seconds: u64,
    /// Seconds until the forecast reaches allocatable; `None` if it does not, or
    /// if allocatable is unknown.
    pub seconds_to_limit: Option<u64>,
    /// The same for the upper end of the interval: as early as that.
    pub seconds_to_limit_earliest: Option<u64>,
    /// The same for the lower end: by then at the latest.
    pub seconds_to_limit_latest: Option<u64>,
    /// One prediction for each moment of the horizon, in order of time.
    pub path: Vec<PredictionReport>,
}

/// What is expected at one moment, in the unit of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PredictionReport {
    /// When.
    pub at: Timestamp,
    /// The expected value.
    pub value: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl From<Prediction> for PredictionReport {
    fn from(prediction: Prediction) -> Self {
        let Prediction {
            at,
            value,
            lower,
            upper,
        } = prediction;
        Self {
            at,
            value,
            lower,
            upper,
        }
    }
}

/// How a model would have done on the series itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BacktestReport {
    /// Moments of the past at which it was tried.
    pub folds: usize,
    /// How far ahead it was tried: the horizon, or a third of the time that the
    /// points span where that is shorter.
    pub horizon_seconds: u64,
    /// Its mean absolute scaled error at that horizon.
    pub mase: f64,
    /// The same error of the newest value carried forward.
    pub naive_mase: f64,
    /// Share of what came after that lay within the intervals.
    pub coverage: f64,
}

impl From<Backtest> for BacktestReport {
    fn from(backtest: Backtest) -> Self {
        let Backtest {
            folds,
            horizon,
            mase,
            naive_mase,
            coverage,
        } = backtest;
        Self {
            folds,
            horizon_seconds: horizon,
            mase,
            naive_mase,
            coverage,
        }
    }
}

/// A model that was considered: its error, or why it was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateReport {
    /// The model.
    #[serde(serialize_with = "name")]
    pub model: Model,
    /// Its mean absolute scaled error in the backtest.
    pub mase: Option<f64>,
    /// Why it was left out.
    pub left_out: Option<String>,
}

impl From<Candidate> for CandidateReport {
    fn from(candidate: Candidate) -> Self {
        let (mase, left_out) = match candidate.outcome {
            Outcome::Error(mase) => (Some(mase), None),
            Outcome::LeftOut(why) => (None, Some(why)),
        };
        Self {
            model: candidate.model,
            mase,
            left_out,
        }
    }
}

fn name<S: Serializer>(model: &Model, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(model.name())
}

fn name_or_null<S: Serializer>(model: &Option<Model>, serializer: S) -> Result<S::Ok, S::Error> {
    model.map(Model::name).serialize(serializer)
}

impl Report {
    /// The version of the JSON form.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Whether any node has a sample at all.
    pub fn has_data(&self) -> bool {
        self.nodes
            .iter()
            .flat_map(|node| &node.resources)
            .any(|resource| resource.points > 0)
    }
}
