//! The view of the fleet: which nodes could be removed, and why the others not.
//!
//! 1. [`cluster`] asks kube-state-metrics's series for nodes; [`survey`] says how
//!    busy each is at forecast peak, what room it has, what is in its way. (pure)
//! 2. For the least busy ones [`cluster`] asks for pods and PodDisruptionBudgets.
//! 3. [`packing`] finds which can be emptied onto the others. (pure)
//!
//! Four queries, whatever the number of nodes ([`queries`]); pods are asked for of
//! [`MAX_CANDIDATES`] nodes at most, which bounds memory. Where the backend has no
//! such series, use at peak alone decides, and the report says so.
//!
//! Out of scope: draining anything; what the series do not tell ([`UNSEEN`]).

pub mod cluster;
pub mod packing;
pub mod queries;
pub mod survey;

use std::collections::BTreeMap;

use quantity::BYTES_PER_GIB;

use crate::args::Judgement;
use crate::hysteresis::Thresholds;
use crate::report::Report;
use crate::report::fleet::{Basis, FleetReport, Move, Obstacle, ObstacleKind, Removable, Staying};
use crate::source::Source;
use crate::window::Window;
use cluster::{Controller, Inquiry, Pods};
use packing::{Amounts, Item, Place, Plan, Refusal};
use survey::{Surveyed, cut, divisible, items, obstacle, obstacles_of_pods, some_of};

/// Most nodes whose pods are asked for, the least busy ones. With 110 pods each they
/// take some ten megabytes.
pub const MAX_CANDIDATES: usize = 100;

/// What a drain may meet that the series do not tell.
pub const UNSEEN: [&str; 4] = [
    "affinity, node selectors, tolerations and topology spread",
    "local and zonal volumes",
    "host ports, extended resources and pod overhead",
    "which pods a PodDisruptionBudget covers",
];

/// No PodDisruptionBudget is told of.
const NO_BUDGETS: &str = "PodDisruptionBudgets: the backend has no series of any";

/// From what a view is drawn.
pub enum Scope<'a> {
    /// There is to be none, and why.
    Off(&'static str),
    /// Nobody is there to be asked for more than the report has, and why.
    Usage(&'static str),
    /// This is asked.
    Ask(&'a dyn Source),
}

/// Draws the view of the nodes of `report` into it, with what goes wrong meanwhile.
pub fn look(scope: &Scope<'_>, report: &mut Report, judgement: &Judgement, window: &Window) {
    let (thresholds, keep_nodes) = (judgement.thresholds, judgement.keep_nodes);
    let count = report.nodes.len();
    let source = match scope {
        Scope::Off(why) => {
            report.fleet = FleetReport::none(count, *why);
            return;
        }
        _ if count < 2 => {
            report.fleet = FleetReport::none(count, "of a single node nothing can move");
            return;
        }
        Scope::Usage(why) => Err((*why).to_owned()),
        Scope::Ask(source) => Ok(*source),
    };
    let drawn = source.and_then(|source| {
        let mut inquiry = Inquiry::new(source, &window.past);
        let drawn = by_requests(&mut inquiry, report, thresholds, keep_nodes);
        report.errors.append(&mut inquiry.errors);
        report.warnings.append(&mut inquiry.warnings);
        drawn
    });
    let drawn = drawn.unwrap_or_else(|why| FleetReport {
        note: Some(why),
        ..by_usage(report, thresholds, keep_nodes)
    });
    report.fleet = FleetReport {
        keep_nodes,
        horizon_seconds: window.horizon,
        ..drawn
    };
}

/// # Errors
/// Why requests are not known.
fn by_requests(
    inquiry: &mut Inquiry<'_>,
    report: &Report,
    thresholds: Thresholds,
    keep_nodes: usize,
) -> Result<FleetReport, String> {
    let states = inquiry.nodes()?;
    let nodes = survey::survey(&report.nodes, Some(&states), thresholds);
    let (considered, candidates) = least_busy(&nodes);
    let pods = inquiry.pods(&candidates)?;
    let mut unseen = UNSEEN.to_vec();
    if !pods.budgets_known {
        unseen.push(NO_BUDGETS);
    }
    Ok(FleetReport {
        basis: Basis::Requests,
        nodes: report.nodes.len(),
        unseen,
        ..draw(nodes, considered, Some(&pods), keep_nodes)
    })
}

fn by_usage(report: &Report, thresholds: Thresholds, keep_nodes: usize) -> FleetReport {
    let nodes = survey::survey(&report.nodes, None, thresholds);
    let (considered, _) = least_busy(&nodes);
    FleetReport {
        basis: Basis::Usage,
        nodes: report.nodes.len(),
        unseen: vec![
            "pods and what they request",
            "cordons, taints and readiness of nodes",
            "PodDisruptionBudgets",
            UNSEEN[0],
            UNSEEN[1],
        ],
        ..draw(nodes, considered, None, keep_nodes)
    }
}

/// How many nodes to look at, from the least busy one on, so that there are
/// [`MAX_CANDIDATES`] with nothing in their way; and those.
fn least_busy(nodes: &[Surveyed]) -> (usize, Vec<&str>) {
    let free = nodes.iter().enumerate();
    let free: Vec<(usize, &str)> = free
        .filter(|(_, node)| node.obstacles.is_empty())
        .map(|(index, node)| (index, node.name.as_str()))
        .collect();
    let considered = free.get(MAX_CANDIDATES).map_or(nodes.len(), |next| next.0);
    let names = free.into_iter().take(MAX_CANDIDATES);
    (considered, names.map(|(_, name)| name).collect())
}

/// Packs and puts the outcome into words; what it was drawn from is left to the
/// caller. Without `pods` a node's use is divisible.
fn draw(
    mut nodes: Vec<Surveyed>,
    considered: usize,
    pods: Option<&Pods>,
    keep_nodes: usize,
) -> FleetReport {
    let none = Vec::new();
    let of = |node: &str| pods.map(|pods| pods.of.get(node).unwrap_or(&none));
    if let Some(known) = pods {
        for node in nodes[..considered]
            .iter_mut()
            .filter(|n| n.obstacles.is_empty())
        {
            let here = known.of.get(&node.name).unwrap_or(&none);
            node.obstacles = obstacles_of_pods(here, node.pods.unwrap_or(0), known);
        }
    }
    let places: Vec<Place> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let candidate = index < considered && node.obstacles.is_empty();
            let peak = node.peak.filter(|_| candidate);
            Place {
                name: node.name.clone(),
                busy: node.busy,
                room: node.room,
                items: peak.map(|peak| match of(&node.name) {
                    Some(pods) => items(pods, peak),
                    None => divisible(peak),
                }),
            }
        })
        .collect();
    let Plan { removed, refused } = packing::plan(&places, keep_nodes);
    for (place, refusal) in refused {
        let obstacle = refused_because(&places[place], &refusal, nodes[place].peak, pods.is_some());
        nodes[place].obstacles.push(obstacle);
    }
    let removable = removed.iter().map(|removal| {
        let node = &places[removal.place].name;
        let here = of(node);
        let of_the_node = |pods: &Vec<cluster::Pod>| {
            let goes = pods
                .iter()
                .filter(|pod| pod.controller == Controller::OfTheNode);
            goes.count() as u64
        };
        Removable {
            node: node.clone(),
            moves: here.map_or_else(Vec::new, |_| moves(removal, &places)),
            pods: here.map(|_| removal.moves.iter().map(|step| step.count).sum()),
            pods_of_the_node: here.map(of_the_node),
        }
    });
    let removable = removable.collect();
    let staying = nodes[..considered]
        .iter()
        .filter(|node| !node.obstacles.is_empty());
    FleetReport {
        considered,
        removable,
        staying: staying
            .map(|node| Staying {
                node: node.name.clone(),
                obstacles: node.obstacles.clone(),
            })
            .collect(),
        ..FleetReport::default()
    }
}

/// Pods by target, most pods first, then by name.
fn moves(removal: &packing::Removal, places: &[Place]) -> Vec<Move> {
    let mut targets: BTreeMap<&str, u64> = BTreeMap::new();
    for step in &removal.moves {
        *targets.entry(&places[step.to].name).or_default() += step.count;
    }
    let mut moves: Vec<Move> = targets
        .into_iter()
        .map(|(to, pods)| Move {
            to: to.to_owned(),
            pods,
        })
        .collect();
    moves.sort_by_key(|step| std::cmp::Reverse(step.pods));
    moves
}

fn refused_because(
    place: &Place,
    refusal: &Refusal,
    peak: Option<Amounts>,
    pods_known: bool,
) -> Obstacle {
    match refusal {
        Refusal::Takes => obstacle(
            ObstacleKind::TakesPods,
            "it takes what comes from nodes that go".to_owned(),
        ),
        Refusal::Kept => obstacle(
            ObstacleKind::KeepNodes,
            "so few nodes would be left".to_owned(),
        ),
        Refusal::DoesNotFit(_) if !pods_known => obstacle(
            ObstacleKind::DoesNotFit,
            format!(
                "no room elsewhere for its {} at peak",
                in_words(peak.unwrap_or_default())
            ),
        ),
        Refusal::DoesNotFit(unplaced) => {
            let all = place.items.as_deref().unwrap_or_default();
            let unplaced: Vec<&Item> = unplaced.iter().map(|item| &all[*item]).collect();
            let sizes: Vec<String> = unplaced
                .iter()
                .map(|item| {
                    format!(
                        "{} (requests {}; {} at peak)",
                        item.name,
                        in_words(item.load.requested),
                        in_words(item.load.used)
                    )
                })
                .collect();
            Obstacle {
                kind: ObstacleKind::DoesNotFit,
                message: format!("no room elsewhere for {}", some_of(&sizes)),
                pods: cut(unplaced.iter().map(|item| item.name.clone()).collect()),
            }
        }
    }
}

/// `0.30 cores and 1.20 GiB`.
fn in_words(amounts: Amounts) -> String {
    format!(
        "{:.2} cores and {:.2} GiB",
        amounts.millicores as f64 / 1000.0,
        amounts.bytes as f64 / BYTES_PER_GIB
    )
}
