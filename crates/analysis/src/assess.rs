//! From measurements to the report: forecasts, verdicts, and the data that is missing.
//!
//! Invariant: the number of worker threads does not change the report (held by
//! `parallel_results_keep_their_order`).

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use forecast::{MIN_POINTS, Point, Settings, forecast};
use quantity::Timestamp;

use crate::evidence::evidence;
use crate::horizon::{Criteria, ResourceForecast};
use crate::hysteresis::{Thresholds, Verdict};
use crate::measurements::{LOOK_BACK_SECONDS, Measured, Measurements};
use crate::previous::Previous;
use crate::recommend::{Outlook, Resource, Sizes, node_verdict, recommend};
use crate::report::fleet::FleetReport;
use crate::report::{NodeReport, Report, ResourceReport, WindowReport};
use crate::series::fewest_samples;
use crate::window::Window;

/// The age in seconds above which the newest point is stale, if it is also older than three steps.
/// Prometheus itself looks back five minutes for a sample.
const STALE_SECONDS: u64 = 300;
const STALE_STEPS: u64 = 3;

/// Returns the age of the newest point, in seconds, up to which a forecast is made from it.
pub fn stale_after(step: u64) -> u64 {
    STALE_SECONDS.max(STALE_STEPS * step)
}

/// The parameters of an assessment.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The version of the program that makes the report.
    pub program_version: &'static str,
    /// The time range of the report.
    pub window: &'a Window,
    /// The model and interval of forecasts.
    pub forecasts: Settings,
    /// The thresholds for high and low.
    pub thresholds: Thresholds,
    /// The time for which a level must be held, in seconds; `None` for the default.
    pub hold_seconds: Option<u64>,
    /// The verdicts of the previous report, if there was one.
    pub previous: Option<&'a Previous>,
}

/// Judges every node that any query returned, worst first, then by name, on as many threads as
/// `workers`; their number changes nothing. The caller fills in how long it took and the shard.
pub fn assess(
    mut measurements: Measurements,
    basis: Basis<'_>,
    workers: NonZeroUsize,
    generated_at: Timestamp,
) -> Report {
    let names: BTreeSet<String> = Resource::ALL
        .iter()
        .map(|resource| measurements.of(*resource))
        .flat_map(|m| m.usage.keys().chain(m.allocatable.keys()))
        .cloned()
        .collect();
    // Queries without any samples have been reported.
    let unknown = Resource::ALL.map(|resource| measurements.of(resource).usage.is_empty());
    // Moved, not copied, so that the points of a large fleet are in memory once.
    let nodes: Vec<Node> = names
        .into_iter()
        .map(|name| Node {
            resources: Resource::ALL.map(|r| Known::take(measurements.of_mut(r), &name)),
            name,
        })
        .collect();
    let mut errors = measurements.errors;
    let mut warnings = measurements.warnings;
    if let Some(short) = basis.window.short_lookback() {
        warnings.push(format!("{}; {}", short.problem(), short.fix()));
    }
    let mut reports = Vec::with_capacity(nodes.len());
    for (report, missing) in side_by_side(nodes, workers, |node| node.assess(unknown, basis)) {
        reports.push(report);
        errors.extend(missing);
    }
    // Stable: names stay in order within a severity.
    reports.sort_by_key(|node| std::cmp::Reverse(node.severity));
    Report {
        schema_version: Report::SCHEMA_VERSION,
        program_version: basis.program_version,
        generated_at,
        took: Duration::ZERO,
        window: WindowReport::from(basis.window),
        shard: None,
        thresholds: basis.thresholds.into(),
        previous: basis.previous.map(|p| p.origin),
        fleet: FleetReport::none(reports.len(), "not assessed"),
        nodes: reports,
        errors,
        warnings,
    }
}

/// Processes each item on several threads and returns the results in the order of the items. The
/// items are dealt out in turn, since neighbours often cost the same.
fn side_by_side<T: Send, R: Send>(
    items: Vec<T>,
    workers: NonZeroUsize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let count = items.len();
    let workers = workers.get().min(count.max(1));
    let mut shares: Vec<Vec<T>> = (0..workers).map(|_| Vec::new()).collect();
    for (index, item) in items.into_iter().enumerate() {
        shares[index % workers].push(item);
    }
    let work = &work;
    let mut done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || Vec::from_iter(share.into_iter().map(work))))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(results) => results.into_iter(),
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    (0..count)
        .filter_map(|index| done[index % workers].next())
        .collect()
}

/// A node and the data on its resources.
struct Node {
    name: String,
    resources: [Known; 2],
}

/// The data on one resource of a node.
struct Known {
    history: Vec<Point>,
    sample_age_seconds: Option<u64>,
    allocatable: Option<f64>,
    capacity: Option<f64>,
}

impl Known {
    fn take(measured: &mut Measured, node: &str) -> Self {
        Self {
            history: measured
                .usage
                .remove(node)
                .unwrap_or_default()
                .into_points(),
            sample_age_seconds: measured.ages.get(node).copied(),
            allocatable: measured.allocatable.get(node).copied(),
            capacity: measured.capacity.get(node).copied(),
        }
    }
}

impl Node {
    /// Returns the verdict on the node, and errors for missing data; `unknown` marks the resources
    /// without data for any node.
    fn assess(self, unknown: [bool; 2], basis: Basis<'_>) -> (NodeReport, Vec<String>) {
        let name = self.name;
        let mut errors = Vec::new();
        let mut resources = Vec::new();
        let mut stale = Vec::new();
        let mut any_recent = false;
        let before = |resource| basis.previous.and_then(|p| p.verdict(&name, resource));
        let known = self.resources.into_iter().zip(unknown);
        for (resource, (known, unknown)) in Resource::ALL.into_iter().zip(known) {
            let (report, presence) = assess_resource(resource, known, before(resource), basis);
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
        // A node without any recent data has gone, which is no error. If some of its data is
        // recent, the rest is missing.
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
        let report = NodeReport {
            node: name,
            action: verdict.action,
            severity: verdict.severity,
            changed_from: before.filter(|before| before.severity != verdict.severity),
            resources,
        };
        (report, errors)
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
    known: Known,
    before: Option<Verdict>,
    basis: Basis<'_>,
) -> (ResourceReport, Presence) {
    let window = basis.window;
    let Known {
        history,
        sample_age_seconds,
        allocatable,
        capacity,
    } = known;
    // Capacity below allocatable is invalid; allocatable then replaces it.
    let ceiling = capacity.map(|c| c.max(allocatable.unwrap_or(c)));
    let points = history.as_slice();
    let oldest_useful = window.past.end.unix() - stale_after(window.past.step) as i64;
    let (result, presence) = match points.last() {
        None => (Err(Outlook::NoData), Presence::Absent),
        Some(newest) if newest.at.unix() < oldest_useful => {
            (Err(Outlook::Stale(newest.at)), Presence::Stale)
        }
        Some(_) if may_repeat_few(points, window) => {
            (Err(Outlook::Repeated(points.len())), Presence::Recent)
        }
        Some(_) => (
            forecast(points, &window.ahead(), ceiling, &basis.forecasts).map_err(Outlook::TooFew),
            Presence::Recent,
        ),
    };
    let sizes = Sizes {
        allocatable,
        capacity,
    };
    let criteria = Criteria {
        thresholds: basis.thresholds,
        hold: window.hold(basis.hold_seconds),
    };
    let result = result.map(|forecast| {
        (
            ResourceForecast::of(&forecast, criteria, allocatable, window),
            forecast,
        )
    });
    let outlook = match &result {
        Ok((numbers, _)) => &Outlook::Forecast(numbers),
        Err(unknown) => unknown,
    };
    let recommendation = recommend(resource, outlook, sizes, before, basis.thresholds, window);
    let mut report = ResourceReport {
        resource,
        unit: resource.unit(),
        points: history.len(),
        points_expected: window.past.count(),
        history,
        sample_age_seconds,
        model: None,
        backtest: None,
        candidates: Vec::new(),
        forecast: None,
        allocatable,
        capacity,
        recommendation,
        evidence: Vec::new(),
    };
    if let Ok((numbers, forecast)) = result {
        report.model = Some(forecast.model);
        report.backtest = forecast.backtest.map(Into::into);
        report.candidates = forecast.candidates.into_iter().map(Into::into).collect();
        report.forecast = Some(numbers);
    }
    report.evidence = evidence(&report, window);
    (report, presence)
}

/// Returns `true` if the points may repeat too few samples, since the backend returns each sample
/// again for the whole look-back. A window no longer than that cannot tell, so its points count as
/// samples.
fn may_repeat_few(points: &[Point], window: &Window) -> bool {
    points.len() >= MIN_POINTS
        && window.past.seconds() > LOOK_BACK_SECONDS
        && fewest_samples(points, LOOK_BACK_SECONDS) < MIN_POINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_results_keep_their_order() {
        let expected: Vec<i32> = (0..23).map(|n| n * n).collect();
        for workers in [1, 2, 3, 22, 23, 24, 1000] {
            let workers = NonZeroUsize::new(workers).expect("above 0");
            let done = side_by_side((0..23).collect(), workers, |n: i32| n * n);
            assert_eq!(done, expected, "{workers}");
        }
        assert!(side_by_side(Vec::new(), NonZeroUsize::MIN, |n: i32| n).is_empty());
    }
}
