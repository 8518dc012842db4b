//! One report with a node of every kind, for the tests of each form.

use std::time::Duration;

use forecast::{Model, Point};
use quantity::{BYTES_PER_GIB, Timestamp};

use analysis::hysteresis::{Shares, Thresholds, Verdict, judge};
use analysis::recommend::{Recommendation, Resource};
use analysis::report::fleet::{FleetReport, Move, Obstacle, ObstacleKind, Removable, Staying};
use analysis::report::{
    BacktestReport, CandidateReport, NodeReport, Origin, PredictionReport, Report,
    ResourceForecast, ResourceReport, ThresholdsReport, WindowReport,
};
use contract::{Action, FleetBasis, MissingData, Severity};

const END: i64 = 1_795_331_580;
const STEP: i64 = 300;
const LOOKBACK: i64 = 7200;
const HORIZON: i64 = 1800;

/// A name that no API server would accept, but that a query may return.
pub const HOSTILE: &str = "=1|<b onclick=\"x\">&`\\n\u{1b}[31m\u{202e}\n,'*_{}";

/// Worst first: two resources with findings, one of them a hostile name's, an idle node,
/// a healthy one, and four of which too little is known.
pub fn report() -> Report {
    let gib = |n: f64| n * BYTES_PER_GIB;
    let cpu = |from, to, size| busy(Resource::Cpu, from, to, size);
    let memory = |from, to, size| busy(Resource::Memory, gib(from), gib(to), gib(size));
    let nodes = vec![
        node(
            "busy",
            [cpu(2.0, 2.4, 4.0), sampled_ago(97, memory(6.0, 8.2, 7.9))],
        ),
        node(HOSTILE, [cpu(3.0, 3.5, 4.0), memory(4.0, 4.1, 8.0)]),
        node("idle", [cpu(0.2, 0.3, 8.0), memory(1.0, 1.0, 16.0)]),
        node("calm", [cpu(2.0, 2.0, 4.0), memory(4.0, 4.0, 8.0)]),
        node(
            "gone",
            [
                unknown(
                    Resource::Cpu,
                    4,
                    MissingData::Stale,
                    "no sample since 2026-11-22T05:23:20Z: the node is gone or no longer measured",
                ),
                unknown(
                    Resource::Memory,
                    0,
                    MissingData::NoData,
                    "no samples in the last 2h",
                ),
            ],
        ),
        node(
            "sizeless",
            [
                without_size(cpu(1.0, 1.1, 4.0)),
                without_size(memory(2.0, 2.0, 4.0)),
            ],
        ),
        node(
            "young",
            [Resource::Cpu, Resource::Memory]
                .map(|r| unknown(r, 4, MissingData::NotEnoughPoints, "not enough points (4)")),
        ),
    ];
    Report {
        schema_version: Report::SCHEMA_VERSION,
        program_version: "1.2.3",
        generated_at: Timestamp::from_unix(END + 3),
        took: Duration::from_millis(1250),
        window: WindowReport {
            start: Timestamp::from_unix(END - LOOKBACK),
            end: Timestamp::from_unix(END),
            step_seconds: STEP as u64,
            horizon_seconds: HORIZON as u64,
        },
        shard: None,
        thresholds: ThresholdsReport {
            high: 0.8,
            low: 0.2,
        },
        previous: Some(Origin::File),
        fleet: fleet(nodes.len()),
        nodes,
        errors: vec!["node gone: no memory samples".to_owned()],
        warnings: vec!["cpu usage: the backend warns: <i>slow</i> | `store`".to_owned()],
    }
}

/// One removable node, and one with an obstacle.
fn fleet(nodes: usize) -> FleetReport {
    FleetReport {
        basis: FleetBasis::Requests,
        nodes,
        considered: nodes,
        keep_nodes: 1,
        horizon_seconds: HORIZON as u64,
        removable: vec![Removable {
            node: "idle".to_owned(),
            moves: vec![
                Move {
                    to: "calm".to_owned(),
                    pods: 9,
                },
                Move {
                    to: HOSTILE.to_owned(),
                    pods: 1,
                },
            ],
            pods: Some(10),
            pods_of_the_node: Some(3),
        }],
        staying: vec![Staying {
            node: "calm".to_owned(),
            obstacles: vec![Obstacle {
                kind: ObstacleKind::BarePods,
                message: format!("pods without a controller: web/{HOSTILE}"),
                pods: vec![format!("web/{HOSTILE}")],
            }],
        }],
        unseen: vec!["local and zonal volumes"],
        note: None,
    }
}

/// The same report with some of its nodes.
pub fn report_of(names: &[&str]) -> Report {
    let mut report = report();
    report.nodes.retain(|n| names.contains(&n.node.as_str()));
    assert_eq!(report.nodes.len(), names.len());
    report
}

fn node(name: &str, resources: [ResourceReport; 2]) -> NodeReport {
    let verdicts = resources.each_ref().map(|r| r.recommendation.verdict());
    let Verdict { action, severity } = analysis::recommend::node_verdict(&verdicts);
    NodeReport {
        node: name.to_owned(),
        action,
        severity,
        changed_from: (severity == Severity::Critical).then_some(Verdict::HIGH),
        resources: resources.into(),
    }
}

/// Even over the window, then evenly from one value to another over the horizon.
fn busy(resource: Resource, from: f64, to: f64, size: f64) -> ResourceReport {
    let steps = HORIZON / STEP;
    let path: Vec<PredictionReport> = (1..=steps)
        .map(|k| {
            let value = from + (to - from) * k as f64 / steps as f64;
            PredictionReport {
                at: Timestamp::from_unix(END + k * STEP),
                value,
                lower: value * 0.9,
                upper: value * 1.1,
            }
        })
        .collect();
    let reached = |bound: fn(&PredictionReport) -> f64| {
        let first = path.iter().find(|p| bound(p) >= size)?;
        Some(first.at.since(Timestamp::from_unix(END)) as u64)
    };
    let highest = |bound: fn(&PredictionReport) -> f64| path.iter().map(bound).fold(0.0, f64::max);
    let (max, upper) = (highest(|p| p.value), highest(|p| p.upper));
    let mean = path.iter().map(|p| p.value).sum::<f64>() / path.len() as f64;
    let shares = Shares {
        held: max / size,
        mean: 1.1 * mean / size,
    };
    let thresholds = Thresholds::new(0.2, 0.8).expect("in order");
    let decision = judge(shares, thresholds, None);
    let Verdict { action, severity } = decision.verdict;
    let history: Vec<Point> = (-LOOKBACK / STEP..=0)
        .map(|k| Point {
            at: Timestamp::from_unix(END + k * STEP),
            value: from,
        })
        .collect();
    ResourceReport {
        resource,
        unit: resource.unit(),
        points: history.len(),
        points_expected: history.len(),
        history,
        sample_age_seconds: None,
        model: Some(Model::TheilSen),
        backtest: Some(BacktestReport {
            folds: 3,
            horizon_seconds: HORIZON as u64,
            mase: 0.5,
            naive_mase: 1.25,
            coverage: 0.75,
        }),
        candidates: vec![
            CandidateReport {
                model: Model::TheilSen,
                mase: Some(0.5),
                weight: 1.0,
                left_out: None,
            },
            CandidateReport {
                model: Model::LastValue,
                mase: Some(1.25),
                weight: 0.0,
                left_out: None,
            },
            CandidateReport {
                model: Model::Mean,
                mase: None,
                weight: 0.0,
                left_out: Some("only for fewer than 20 points".to_owned()),
            },
        ],
        forecast: Some(ResourceForecast {
            max_lower: 0.9 * max,
            max,
            upper,
            upper_level: 0.9,
            mean_lower: 0.9 * mean,
            mean,
            mean_upper: 1.1 * mean,
            held_lower: 0.9 * max,
            held: max,
            held_upper: upper,
            for_seconds: 900,
            exceeds_high: Some(if max > 0.8 * size { 0.75 } else { 0.25 }),
            coverage: 0.8,
            horizon_seconds: HORIZON as u64,
            seconds_to_limit: reached(|p| p.value),
            seconds_to_limit_earliest: reached(|p| p.upper),
            seconds_to_limit_latest: reached(|p| p.lower),
            path,
        }),
        allocatable: Some(size),
        capacity: Some(size * 1.1),
        recommendation: Recommendation {
            action,
            severity,
            message: format!("{}: up to {}", action.label(), resource.display(max)),
            reason: None,
            decision: Some(decision),
            changed_from: (severity == Severity::Critical).then_some(Verdict::HIGH),
        },
        evidence: vec![
            format!("decided by {}", resource.display(max)),
            "25 of 25 expected points".to_owned(),
        ],
    }
}

fn sampled_ago(seconds: u64, report: ResourceReport) -> ResourceReport {
    ResourceReport {
        sample_age_seconds: Some(seconds),
        ..report
    }
}

fn without_size(mut report: ResourceReport) -> ResourceReport {
    if let Some(forecast) = &mut report.forecast {
        forecast.exceeds_high = None;
    }
    ResourceReport {
        allocatable: None,
        capacity: None,
        recommendation: Recommendation {
            action: Action::InsufficientData,
            severity: Severity::None,
            message: "no recommendation, since allocatable is unknown".to_owned(),
            reason: Some(MissingData::NoAllocatable),
            decision: None,
            changed_from: None,
        },
        ..report
    }
}

fn unknown(
    resource: Resource,
    points: usize,
    reason: MissingData,
    message: &str,
) -> ResourceReport {
    let known = busy(resource, 1.0, 1.0, 4.0);
    ResourceReport {
        points,
        history: known.history[..points].to_vec(),
        model: None,
        backtest: None,
        candidates: Vec::new(),
        forecast: None,
        recommendation: Recommendation {
            action: Action::InsufficientData,
            severity: Severity::None,
            message: message.to_owned(),
            reason: Some(reason),
            decision: None,
            changed_from: None,
        },
        evidence: vec![format!("{points} of 25 expected points")],
        ..known
    }
}
