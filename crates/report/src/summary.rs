//! Phrases that all formats for people share.

use ::text::plural;
use analysis::assess::stale_after;
use analysis::report::{CandidateReport, NodeReport, Report, ResourceReport, WindowReport};
use contract::{Action, Severity};
use quantity::{Timestamp, age, interval};

/// Returns the report in one line, `3 nodes: 1 critical, 2 healthy`, with a note if it is
/// incomplete.
pub fn summary(report: &Report) -> String {
    let parts: Vec<String> = counts(report)
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let nodes = match report.nodes.len() {
        0 => "No nodes".to_owned(),
        some => plural(some, "node"),
    };
    let missing = match report.errors.is_empty() {
        true => "",
        false => "; the report is incomplete",
    };
    let shard = report
        .shard
        .map_or(String::new(), |part| format!("Shard {}: ", part.shard));
    match parts.as_slice() {
        [] => format!("{shard}{nodes}{missing}"),
        parts => format!("{shard}{nodes}: {}{missing}", parts.join(", ")),
    }
}

/// Returns the number of nodes of each kind, worst first.
pub fn counts(report: &Report) -> [(usize, &'static str); 6] {
    let count =
        |kind: &dyn Fn(&NodeReport) -> bool| report.nodes.iter().filter(|n| kind(n)).count();
    let severity = |severity| count(&|node| node.severity == severity);
    let action = |action| count(&|node| node.action == action);
    [
        (severity(Severity::Critical), "critical"),
        (severity(Severity::Warning), "to scale up"),
        (action(Action::Consolidate), "to consolidate"),
        (action(Action::None), "healthy"),
        (
            count(&|node| node.action == Action::InsufficientData && !node.has_gone()),
            "unknown",
        ),
        (count(&NodeReport::has_gone), "gone"),
    ]
}

/// The maximum number of gone nodes that are named.
const GONE_NAMED: usize = 5;

/// Returns the gone nodes in one line: their number and the first names.
pub fn gone(report: &Report) -> Option<String> {
    let gone = report.nodes.iter().filter(|node| node.has_gone());
    let names = Vec::from_iter(gone.map(|node| node.node.as_str()));
    let named = &names[..names.len().min(GONE_NAMED)];
    let more = match names.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!names.is_empty()).then(|| {
        format!(
            "Gone: {} without a sample for over {}: {}{more}",
            plural(names.len(), "node"),
            interval(stale_after(report.window.step_seconds)),
            named.join(", "),
        )
    })
}

/// Returns the newest value, as `amount` formats it, with its age where it is not current: `17.4%
/// (97s ago)`.
pub fn now(report: &ResourceReport, amount: impl Fn(f64) -> String) -> Option<String> {
    let now = amount(report.history.last()?.value);
    Some(match report.sample_age_seconds {
        Some(seconds) => format!("{now} ({} ago)", age(seconds)),
        None => now,
    })
}

/// Returns the time until the forecast reaches allocatable, `18m30s`; in brackets where only the
/// upper end of the interval does, `None` where neither does.
pub fn time_to_limit(report: &ResourceReport) -> Option<String> {
    let forecast = report.forecast.as_ref()?;
    let earliest = || {
        let seconds = forecast.seconds_to_limit_earliest?;
        Some(format!("({})", interval(seconds)))
    };
    match forecast.seconds_to_limit {
        Some(seconds) => Some(interval(seconds).to_string()),
        None => earliest(),
    }
}

/// Returns every model that was considered, in one sentence.
pub fn candidates(report: &ResourceReport) -> Option<String> {
    let candidate = |candidate: &CandidateReport| {
        let chosen = match report.model {
            Some(model) if model == candidate.model => ", selected",
            _ => "",
        };
        match (candidate.mase, &candidate.left_out) {
            (Some(mase), _) => format!("{} (MASE {mase:.2}{chosen})", candidate.model),
            (None, Some(why)) => format!("{} (left out: {why})", candidate.model),
            (None, None) => candidate.model.to_string(),
        }
    };
    let all: Vec<String> = report.candidates.iter().map(candidate).collect();
    (!all.is_empty()).then(|| format!("models considered: {}", all.join(", ")))
}

/// Returns the time range of the forecast in one sentence, with the end of the window as
/// `at` formats it.
pub fn forecast_of(window: &WindowReport, at: impl Fn(Timestamp) -> String) -> String {
    format!(
        "Forecast for the {} after {}, from the {} before, one point every {}.",
        interval(window.horizon_seconds),
        at(window.end),
        interval(window.end.since(window.start) as u64),
        interval(window.step_seconds)
    )
}

/// Returns the nominal coverage of the prediction intervals, if there are any.
pub fn coverage(report: &Report) -> Option<f64> {
    let mut resources = report.nodes.iter().flat_map(|node| &node.resources);
    resources.find_map(|resource| Some(resource.forecast.as_ref()?.coverage))
}

/// Returns the probability of upper ends, as the forecasts of a report have it.
pub fn upper_level(report: &Report) -> Option<f64> {
    let mut resources = report.nodes.iter().flat_map(|node| &node.resources);
    resources.find_map(|resource| Some(resource.forecast.as_ref()?.upper_level))
}
