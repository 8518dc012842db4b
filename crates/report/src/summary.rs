//! What every form for people says in the same words.

use analysis::report::{CandidateReport, NodeReport, Report, ResourceReport};
use contract::{Action, Severity};
use quantity::{age, interval};

/// The report in one line: `3 nodes: 1 critical, 2 healthy`, and whether anything
/// is missing.
pub fn summary(report: &Report) -> String {
    let parts: Vec<String> = counts(report)
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let nodes = match report.nodes.len() {
        0 => "No nodes".to_owned(),
        1 => "1 node".to_owned(),
        many => format!("{many} nodes"),
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

/// How many nodes there are of each kind, worst first.
pub fn counts(report: &Report) -> [(usize, &'static str); 5] {
    let count = |kind: fn(&NodeReport) -> bool| report.nodes.iter().filter(|n| kind(n)).count();
    [
        (
            count(|node| node.severity == Severity::Critical),
            "critical",
        ),
        (
            count(|node| node.severity == Severity::Warning),
            "to scale up",
        ),
        (
            count(|node| node.action == Action::Consolidate),
            "to consolidate",
        ),
        (count(|node| node.action == Action::None), "healthy"),
        (
            count(|node| node.action == Action::InsufficientData),
            "unknown",
        ),
    ]
}

/// The newest value, as `amount` writes it, with its age where it is not current:
/// `17.4% (97s ago)`.
pub fn now(report: &ResourceReport, amount: impl Fn(f64) -> String) -> Option<String> {
    let now = amount(report.history.last()?.value);
    Some(match report.sample_age_seconds {
        Some(seconds) => format!("{now} ({} ago)", age(seconds)),
        None => now,
    })
}

/// When the forecast reaches allocatable: `18m30s`; in brackets where only the
/// upper end of its interval does; `None` where neither does.
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

/// Every model that was considered, in one sentence.
pub fn candidates(report: &ResourceReport) -> Option<String> {
    let candidate = |candidate: &CandidateReport| {
        let chosen = match report.model {
            Some(model) if model == candidate.model => ", chosen",
            _ => "",
        };
        match (candidate.mase, &candidate.left_out) {
            (Some(mase), _) => format!("{} (MASE {mase:.2}{chosen})", candidate.model),
            (None, Some(why)) => format!("{} (left out: {why})", candidate.model),
            (None, None) => candidate.model.to_string(),
        }
    };
    let all: Vec<String> = report.candidates.iter().map(candidate).collect();
    (!all.is_empty()).then(|| format!("considered: {}", all.join(", ")))
}
