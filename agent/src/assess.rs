//! From what was measured to the report: forecasts, verdicts, what is missing. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use forecast::{Forecast, MIN_POINTS, Point, Prediction, forecast};
use quantity::Timestamp;

use crate::collect::{LOOK_BACK_SECONDS, Measured, Measurements};
use crate::evidence::evidence;
use crate::hysteresis::{Thresholds, Verdict};
use crate::previous::Previous;
use crate::recommend::{Outlook, Resource, Sizes, node_verdict, recommend, seconds_to_limit};
use crate::report::fleet::FleetReport;
use crate::report::{NodeReport, Report, ResourceForecast, ResourceReport, WindowReport};
use crate::series::fewest_samples;
use crate::window::Window;

/// A newest point older than this, and older than three steps, is no base for a
/// forecast. Prometheus itself looks back five minutes for a sample.
const STALE_SECONDS: u64 = 300;
const STALE_STEPS: u64 = 3;

/// Judges every node that any query knows, worst first, then by name, each knowing
/// its verdict in the report before, if there was one. How long all of it took, and
/// of which shard the measurements are, is for the caller to fill in, who knows.
pub fn assess(
    mut measurements: Measurements,
    window: &Window,
    thresholds: Thresholds,
    previous: Option<&Previous>,
    generated_at: Timestamp,
) -> Report {
    let names: BTreeSet<String> = Resource::ALL
        .iter()
        .map(|resource| measurements.of(*resource))
        .flat_map(|m| m.usage.keys().chain(m.allocatable.keys()))
        .cloned()
        .collect();
    // Where a query brought nothing at all, that has been said.
    let unknown = Resource::ALL.map(|resource| measurements.of(resource).usage.is_empty());
    let mut errors = std::mem::take(&mut measurements.errors);
    let mut nodes = Vec::new();
    for name in names {
        let mut resources = Vec::new();
        let mut stale = Vec::new();
        let mut any_recent = false;
        let before = |resource| previous.and_then(|p| p.verdict(&name, resource));
        for (resource, unknown) in Resource::ALL.into_iter().zip(unknown) {
            let (report, presence) = assess_resource(
                resource,
                &name,
                measurements.of_mut(resource),
                window,
                thresholds,
                before(resource),
            );
            match presence {
                Presence::Recent => any_recent = true,
                Presence::Stale => stale.push(format!(
                    "node {name}: no recent {} samples",
                    resource.label()
                )),
                Presence::Absent if unknown => {}
                Presence::Absent => {
                    errors.push(format!("node {name}: no {} samples", resource.label()));
                }
            }
            resources.push(report);
        }
        // A node of which nothing is recent has gone, which is no error; one of
        // which something is recent lacks the rest.
        if any_recent {
            errors.append(&mut stale);
        }
        let verdicts: Vec<Verdict> = resources
            .iter()
            .map(|r| r.recommendation.verdict())
            .collect();
        let verdict = node_verdict(&verdicts);
        let before: Option<Vec<Verdict>> = Resource::ALL.into_iter().map(before).collect();
        let before = before.map(|verdicts| node_verdict(&verdicts));
        nodes.push(NodeReport {
            node: name,
            action: verdict.action,
            severity: verdict.severity,
            changed_from: before.filter(|before| before.severity != verdict.severity),
            resources,
        });
    }
    // Stable: names stay in order within a severity.
    nodes.sort_by_key(|node| std::cmp::Reverse(node.severity));
    Report {
        schema_version: Report::SCHEMA_VERSION,
        program_version: env!("CARGO_PKG_VERSION"),
        generated_at,
        took: Duration::ZERO,
        window: WindowReport::from(window),
        shard: None,
        thresholds: thresholds.into(),
        previous: previous.map(|p| p.origin),
        fleet: FleetReport::none(nodes.len(), "nobody looked"),
        nodes,
        errors,
        warnings: measurements.warnings,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Absent,
    Stale,
    Recent,
}

fn assess_resource(
    resource: Resource,
    node: &str,
    measured: &mut Measured,
    window: &Window,
    thresholds: Thresholds,
    before: Option<Verdict>,
) -> (ResourceReport, Presence) {
    let allocatable = measured.allocatable.get(node).copied();
    let capacity = measured.capacity.get(node).copied();
    // Capacity is never below allocatable; if it is said to be, it is the odd one.
    let ceiling = capacity.map(|c| c.max(allocatable.unwrap_or(c)));
    // Taken, not copied: the report holds the points of a large fleet once.
    let history = measured
        .usage
        .remove(node)
        .unwrap_or_default()
        .into_points();
    let points = history.as_slice();
    let oldest_useful = window.end.unix() - STALE_SECONDS.max(STALE_STEPS * window.step) as i64;
    let (result, presence) = match points.last() {
        None => (Err(Outlook::NoData), Presence::Absent),
        Some(newest) if newest.at.unix() < oldest_useful => {
            (Err(Outlook::Stale(newest.at)), Presence::Stale)
        }
        Some(_) if may_repeat_few(points, window) => {
            (Err(Outlook::Repeated(points.len())), Presence::Recent)
        }
        Some(_) => (
            forecast(points, &window.ahead(), ceiling).map_err(Outlook::TooFew),
            Presence::Recent,
        ),
    };
    let outlook = match &result {
        Ok(forecast) => &Outlook::Forecast(forecast),
        Err(unknown) => unknown,
    };
    let sizes = Sizes {
        allocatable,
        capacity,
    };
    let recommendation = recommend(resource, outlook, sizes, before, thresholds, window);
    let report = ResourceReport {
        resource,
        unit: resource.unit(),
        points: history.len(),
        points_expected: window.points_expected(),
        history,
        model: None,
        backtest: None,
        candidates: Vec::new(),
        forecast: None,
        allocatable,
        capacity,
        recommendation,
        evidence: Vec::new(),
    };
    let mut report = match result {
        Ok(forecast) => with_forecast(report, forecast, window),
        Err(_) => report,
    };
    report.evidence = evidence(&report, window);
    (report, presence)
}

/// Whether enough points may stand for too few samples, since the backend shows
/// each sample again until it looks back no further. A window no longer than that
/// could never tell, and is taken at its word.
fn may_repeat_few(points: &[Point], window: &Window) -> bool {
    points.len() >= MIN_POINTS
        && window.seconds() > LOOK_BACK_SECONDS
        && fewest_samples(points, LOOK_BACK_SECONDS) < MIN_POINTS
}

fn with_forecast(report: ResourceReport, forecast: Forecast, window: &Window) -> ResourceReport {
    let reached = |bound: fn(&Prediction) -> f64| {
        let limit = report.allocatable?;
        seconds_to_limit(&forecast, bound, limit, window)
    };
    ResourceReport {
        model: Some(forecast.model),
        backtest: forecast.backtest.map(Into::into),
        forecast: Some(ResourceForecast {
            max: forecast.max(),
            mean: forecast.mean(),
            upper: forecast.upper(),
            coverage: forecast.coverage,
            horizon_seconds: window.horizon,
            seconds_to_limit: reached(|p| p.value),
            seconds_to_limit_earliest: reached(|p| p.upper),
            seconds_to_limit_latest: reached(|p| p.lower),
            path: forecast.path.iter().copied().map(Into::into).collect(),
        }),
        candidates: forecast.candidates.into_iter().map(Into::into).collect(),
        ..report
    }
}
