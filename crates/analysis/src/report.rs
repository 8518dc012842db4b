//! The data of a report, without its presentation in text, JSON or HTML.
//!
//! The field names are those of the JSON format.

pub mod fleet;

use std::time::Duration;

use forecast::{Backtest, Candidate, Model, Outcome, Point};
use quantity::{Timestamp, age};
use serde::{Serialize, Serializer};
use shard::Shard;

use self::fleet::FleetReport;
pub use crate::horizon::{PredictionReport, ResourceForecast};
use crate::hysteresis::{Thresholds, Verdict};
use crate::recommend::{Recommendation, Resource};
use crate::window::Window;
use contract::{Action, MissingData, Severity};

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of the JSON format: incremented when a field changes its meaning or is removed,
    /// not when one is added.
    pub schema_version: u32,
    /// The version of the agent.
    pub program_version: &'static str,
    /// The time at which the report was made.
    pub generated_at: Timestamp,
    /// The time that queries and forecasts took; not part of the JSON format, which is the same for
    /// the same points.
    #[serde(skip)]
    pub took: Duration,
    /// The time range of the report.
    pub window: WindowReport,
    /// The shard of the nodes, if not all of them are reported on.
    pub shard: Option<ShardReport>,
    /// The thresholds of the verdicts.
    pub thresholds: ThresholdsReport,
    /// The source of the previous verdicts; `None` if there are none.
    pub previous: Option<Origin>,
    /// The nodes, worst first, then by name.
    pub nodes: Vec<NodeReport>,
    /// The nodes that could be removed.
    pub fleet: FleetReport,
    /// The data that is missing from the report, one sentence each; empty if it is complete.
    pub errors: Vec<String>,
    /// Other problems, one sentence each.
    pub warnings: Vec<String>,
}

/// The source of the previous verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A JSON report.
    File,
    /// The agent's own series in the backend.
    Prometheus,
    /// The previous report of the same process.
    Process,
}

/// The lookback window and the forecast horizon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowReport {
    /// The first timestamp of the queries.
    pub start: Timestamp,
    /// The last timestamp of the queries.
    pub end: Timestamp,
    /// Seconds between two points.
    pub step_seconds: u64,
    /// Seconds forecast from `end` on.
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

/// A shard of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShardReport {
    /// The shard.
    #[serde(flatten)]
    pub shard: Shard,
    /// Set if other shards have nodes: then none in this one is not a failure.
    #[serde(skip)]
    pub others_have_data: bool,
}

/// Shares of allocatable, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdsReport {
    /// A held level above it is a finding.
    pub high: f64,
    /// An upper end of the mean below it is a finding.
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

/// The verdict on one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeReport {
    /// The node's name.
    pub node: String,
    /// The recommended action.
    pub action: Action,
    /// The urgency of the action.
    pub severity: Severity,
    /// The verdict of the previous report, if its severity differs.
    pub changed_from: Option<Verdict>,
    /// The reports on CPU and memory.
    pub resources: Vec<ResourceReport>,
}

impl NodeReport {
    /// Returns `true` if the node had samples and has no recent ones.
    pub fn has_gone(&self) -> bool {
        let reasons = || self.resources.iter().map(|r| r.recommendation.reason);
        reasons().any(|reason| reason == Some(MissingData::Stale))
            && reasons().all(|r| matches!(r, Some(MissingData::Stale | MissingData::NoData)))
    }

    /// Returns action and severity.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            action: self.action,
            severity: self.severity,
        }
    }
}

/// The report on one resource of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceReport {
    /// The resource.
    pub resource: Resource,
    /// The unit of all its numbers: `cores` or `bytes`.
    pub unit: &'static str,
    /// The number of points in the window.
    pub points: usize,
    /// The number of points in a window without gaps.
    pub points_expected: usize,
    /// The points of the window, for drawing; not part of the JSON form.
    #[serde(skip)]
    pub history: Vec<Point>,
    /// The age of the newest sample, where it is older than two sampling intervals; `None` where it
    /// is current, or where there is none.
    pub sample_age_seconds: Option<u64>,
    /// The model with the largest weight in the forecast.
    #[serde(serialize_with = "name_or_null")]
    pub model: Option<Model>,
    /// The backtest of the model; `None` with too few points.
    pub backtest: Option<BacktestReport>,
    /// Every model that was considered, with its error.
    pub candidates: Vec<CandidateReport>,
    /// The forecast; `None` with too few points.
    pub forecast: Option<ResourceForecast>,
    /// The amount that pods may use, if known.
    pub allocatable: Option<f64>,
    /// The amount that the node has, if known.
    pub capacity: Option<f64>,
    /// The recommendation.
    pub recommendation: Recommendation,
    /// The evidence for it, one fact a line, the decisive one first.
    pub evidence: Vec<String>,
}

impl ResourceReport {
    /// Returns `last sample 97s old`, where the newest sample is not current.
    pub fn old_sample(&self) -> Option<String> {
        let seconds = self.sample_age_seconds?;
        Some(format!("last sample {} old", age(seconds)))
    }
}

/// The backtest of a model on the series itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BacktestReport {
    /// The number of forecast origins.
    pub folds: usize,
    /// The backtest's horizon: that of the forecast, or a third of the time span of the points
    /// where that is shorter.
    pub horizon_seconds: u64,
    /// Its mean absolute scaled error at that horizon.
    pub mase: f64,
    /// The same error of the naive forecast.
    pub naive_mase: f64,
    /// The empirical coverage: the share of actual values within the intervals, from 0 to 1.
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

/// A model that was considered: its error, or the reason why it was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateReport {
    /// The model.
    #[serde(serialize_with = "name")]
    pub model: Model,
    /// Its mean absolute scaled error in the backtest.
    pub mase: Option<f64>,
    /// Its weight in the forecast, from 0 to 1.
    pub weight: f64,
    /// The reason why it was left out.
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
            weight: candidate.weight,
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
    /// The version of the JSON format.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Returns `true` if any node has a sample.
    pub fn has_data(&self) -> bool {
        self.nodes
            .iter()
            .flat_map(|node| &node.resources)
            .any(|resource| resource.points > 0)
    }

    /// Returns `true` if any node has a current forecast.
    pub fn has_forecast(&self) -> bool {
        let mut resources = self.nodes.iter().flat_map(|node| &node.resources);
        resources.any(|resource| resource.forecast.is_some())
    }

    /// Returns the nodes that have not gone.
    pub fn present(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(|node| !node.has_gone())
    }
}
