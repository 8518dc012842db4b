//! The nodes that could be removed, and the obstacles to removing others.
//!
//! `survey` finds each node's load at forecast peak, its room and its obstacles; [`packing`] finds
//! the nodes that can be emptied onto the others. In between, only the pods of the least busy nodes
//! are needed ([`Survey::candidates`]). Where requests are unknown, usage at forecast peak alone
//! decides, and the report says so.
//!
//! Out of scope: draining; obstacles that the series do not show ([`UNSEEN`]).

pub mod cluster;
pub mod packing;
mod survey;

use std::collections::BTreeMap;

use contract::FleetBasis;
use quantity::BYTES_PER_GIB;

use crate::hysteresis::Thresholds;
use crate::report::NodeReport;
use crate::report::fleet::{FleetReport, Move, Obstacle, ObstacleKind, Removable, Staying};
use cluster::{Controller, NodeStates, Pod, Pods};
use packing::{Amounts, Item, Place, Plan, Refusal, Removal};
use survey::{Surveyed, cut, divisible, items, obstacle, obstacles_of_pods, some_of};

/// The maximum number of nodes whose pods are queried, the least busy ones. With 110 pods each they
/// take about ten megabytes.
pub const MAX_CANDIDATES: usize = 100;

/// Obstacles to a drain that the series do not show.
pub const UNSEEN: [&str; 4] = [
    "affinity, node selectors, tolerations and topology spread",
    "local and zonal volumes",
    "host ports, extended resources and pod overhead",
    "which pods a PodDisruptionBudget covers",
];

/// The obstacle to add where the backend has no series of PodDisruptionBudgets.
const NO_BUDGETS: &str = "PodDisruptionBudgets, of which the backend has no series";

/// The nodes of a report as targets and as candidates for removal, the least busy first.
pub struct Survey {
    nodes: Vec<Surveyed>,
    /// The number of nodes examined, from the least busy one on, so that at most [`MAX_CANDIDATES`]
    /// of them have no obstacle.
    considered: usize,
}

impl Survey {
    /// Surveys the nodes of a report. Without `states` only their usage is known.
    pub fn new(nodes: &[NodeReport], states: Option<&NodeStates>, thresholds: Thresholds) -> Self {
        let nodes = survey::survey(nodes, states, thresholds);
        let mut free = nodes.iter().enumerate().filter(|(_, node)| is_free(node));
        let considered = free.nth(MAX_CANDIDATES).map(|(index, _)| index);
        Self {
            considered: considered.unwrap_or(nodes.len()),
            nodes,
        }
    }

    /// Returns the nodes without an obstacle before their pods are known, at most
    /// [`MAX_CANDIDATES`].
    pub fn candidates(&self) -> Vec<&str> {
        let considered = self.nodes[..self.considered].iter();
        let free = considered.filter(|node| is_free(node));
        free.map(|node| node.name.as_str()).collect()
    }

    /// Makes the report from the requests of the candidates' pods and from usage at forecast peak,
    /// keeping at least `keep_nodes`.
    pub fn by_requests(self, pods: &Pods, keep_nodes: usize) -> FleetReport {
        let mut unseen = UNSEEN.to_vec();
        if !pods.budgets_known {
            unseen.push(NO_BUDGETS);
        }
        self.report(Some(pods), keep_nodes, unseen)
    }

    /// Makes the report from usage at forecast peak alone, keeping at least `keep_nodes`.
    pub fn by_usage(self, keep_nodes: usize) -> FleetReport {
        let unseen = vec![
            "pods and their requests",
            "cordons, taints and readiness of nodes",
            "PodDisruptionBudgets",
            UNSEEN[0],
            UNSEEN[1],
        ];
        self.report(None, keep_nodes, unseen)
    }

    /// Packs the pods and describes the outcome. Without `pods` a node's usage is divisible.
    fn report(
        self,
        pods: Option<&Pods>,
        keep_nodes: usize,
        unseen: Vec<&'static str>,
    ) -> FleetReport {
        let Self {
            mut nodes,
            considered,
        } = self;
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
            let obstacle =
                refused_because(&places[place], &refusal, nodes[place].peak, pods.is_some());
            nodes[place].obstacles.push(obstacle);
        }
        let removable = removed.iter().map(|removal| {
            let node = &places[removal.place].name;
            let here = of(node);
            let of_the_node = |pods: &Vec<Pod>| {
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
            basis: match pods {
                Some(_) => FleetBasis::Requests,
                None => FleetBasis::Usage,
            },
            note: None,
            nodes: nodes.len(),
            considered,
            keep_nodes,
            horizon_seconds: 0,
            removable,
            unseen,
            staying: staying
                .map(|node| Staying {
                    node: node.name.clone(),
                    obstacles: node.obstacles.clone(),
                })
                .collect(),
        }
    }
}

fn is_free(node: &Surveyed) -> bool {
    node.obstacles.is_empty()
}

/// Returns the number of pods by target, most pods first, then by name.
fn moves(removal: &Removal, places: &[Place]) -> Vec<Move> {
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
            "it takes the load of nodes drained before it".to_owned(),
        ),
        Refusal::Kept => obstacle(
            ObstacleKind::KeepNodes,
            "too few nodes would be left (--keep-nodes)".to_owned(),
        ),
        Refusal::DoesNotFit(_) if !pods_known => obstacle(
            ObstacleKind::DoesNotFit,
            format!(
                "no room elsewhere for its {} at forecast peak",
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

/// Formats `0.30 cores and 1.20 GiB`.
fn in_words(amounts: Amounts) -> String {
    format!(
        "{:.2} cores and {:.2} GiB",
        amounts.millicores as f64 / 1000.0,
        amounts.bytes as f64 / BYTES_PER_GIB
    )
}
