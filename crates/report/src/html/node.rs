//! One node: a row of the overview, and its details.

use super::super::summary::time_to_limit;
use super::bar::Bar;
use super::chart::{self, Chart, chart};
use ::text::printable;
use analysis::report::{CandidateReport, NodeReport, Report, ResourceReport};
use contract::{Action, MissingData, Severity, State};

/// The maximum number of nodes whose details are unfolded, if they have a finding.
const MOST_OPEN: usize = 12;

/// A node in the overview.
pub(super) struct Row {
    /// The anchor of its details.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    /// The time until the limit is reached, if it is.
    pub(super) limit: Option<String>,
    pub(super) meters: Vec<Meter>,
}

/// A resource in the overview.
pub(super) struct Meter {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) bar: Option<Bar>,
    /// The age of the newest sample, if it is not current.
    pub(super) old: Option<String>,
    /// The reason for a missing bar, in a few words.
    pub(super) short: &'static str,
}

/// The details of a node.
pub(super) struct Details {
    /// The anchor.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) label: &'static str,
    /// The recommended action, if there is one.
    pub(super) advice: Option<&'static str>,
    /// Its previous state, if that differs.
    pub(super) was: Option<&'static str>,
    pub(super) is_open: bool,
    pub(super) panels: Vec<Panel>,
}

/// The details of a resource.
pub(super) struct Panel {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    /// The highest forecast, as a share of allocatable.
    pub(super) value: Option<String>,
    pub(super) message: String,
    pub(super) chart: Option<Chart>,
    pub(super) evidence: Vec<String>,
    pub(super) candidates: Vec<Candidate>,
}

/// A model that was considered.
pub(super) struct Candidate {
    pub(super) model: &'static str,
    pub(super) is_chosen: bool,
    pub(super) outcome: String,
}

impl Row {
    /// Makes the row of the `index`th node, with bars up to a share of `extent`.
    pub(super) fn new(index: usize, node: &NodeReport, extent: f64) -> Self {
        let limits = node.resources.iter().filter_map(|resource| {
            let seconds = resource.forecast.as_ref()?.seconds_to_limit?;
            Some((seconds, time_to_limit(resource)?))
        });
        let meter = |resource: &ResourceReport| Meter {
            name: chart::name(resource.resource),
            state: resource.recommendation.verdict().state().name(),
            bar: Bar::new(resource, extent),
            old: resource.old_sample(),
            short: match resource.recommendation.reason {
                Some(MissingData::NoData) => "no data",
                Some(MissingData::Stale) => "no recent data",
                Some(MissingData::NotEnoughPoints) => "too few points",
                Some(MissingData::NoAllocatable) => "allocatable unknown",
                None => "unknown",
            },
        };
        Self {
            id: anchor(index),
            name: printable(&node.node),
            state: node.verdict().state().name(),
            limit: limits.min().map(|(_, text)| text),
            meters: node.resources.iter().map(meter).collect(),
        }
    }
}

impl Details {
    /// Makes the details of the `index`th node, with at most `most` points of each series.
    pub(super) fn new(report: &Report, index: usize, node: &NodeReport, most: usize) -> Self {
        let name = printable(&node.node);
        let panel = |resource: &ResourceReport| Panel {
            name: chart::name(resource.resource),
            state: resource.recommendation.verdict().state().name(),
            value: Bar::new(resource, 1.0).map(|bar| bar.value),
            message: printable(&resource.recommendation.message),
            chart: chart(report, &name, resource, most),
            evidence: resource
                .evidence
                .iter()
                .map(|fact| printable(fact))
                .collect(),
            candidates: candidates(resource),
        };
        Self {
            id: anchor(index),
            state: node.verdict().state().name(),
            label: label(node.verdict().state()),
            advice: (node.action != Action::None).then(|| node.action.label()),
            was: node.changed_from.map(|before| before.state().name()),
            is_open: node.severity >= Severity::Warning && index < MOST_OPEN,
            panels: node.resources.iter().map(panel).collect(),
            name,
        }
    }
}

fn anchor(index: usize) -> String {
    format!("node-{index}")
}

/// Returns the label of a state.
pub(super) const fn label(state: State) -> &'static str {
    match state {
        State::Critical => "Critical",
        State::Warning => "Warning",
        State::Info => "Underused",
        State::Healthy => "Healthy",
        State::Unknown => "Unknown",
    }
}

fn candidates(resource: &ResourceReport) -> Vec<Candidate> {
    let candidate = |candidate: &CandidateReport| Candidate {
        model: candidate.model.name(),
        is_chosen: resource.model == Some(candidate.model),
        outcome: match (candidate.mase, &candidate.left_out) {
            (Some(mase), _) => format!("MASE {mase:.2}"),
            (None, Some(why)) => format!("left out: {why}"),
            (None, None) => String::new(),
        },
    };
    resource.candidates.iter().map(candidate).collect()
}
