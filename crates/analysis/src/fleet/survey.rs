//! The survey of each node: its load, its room for the pods of others, and the obstacles to
//! removing it.

use super::cluster::{Controller, NodeState, NodeStates, Pod, Pods};
use super::packing::{Amounts, Item, Load};
use crate::hysteresis::Thresholds;
use crate::recommend::Resource;
use crate::report::NodeReport;
use crate::report::fleet::{Obstacle, ObstacleKind};
use contract::Action;

/// The survey of one node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Surveyed {
    /// The node's name.
    pub name: String,
    /// The largest share of allocatable that it uses at forecast peak or that its pods request, in
    /// ten-thousandths; the largest number if unknown.
    pub busy: u64,
    /// The usage at forecast peak, system included; `None` if unknown.
    pub peak: Option<Amounts>,
    /// The number of pods that have not ended; `None` if unknown.
    pub pods: Option<u64>,
    /// The room for pods; `None` if it takes none.
    pub room: Option<Load>,
    /// The obstacles to removing it.
    pub obstacles: Vec<Obstacle>,
}

/// Surveys every node, the least busy first, then by name. Without `states` only usage counts.
pub(super) fn survey(
    nodes: &[NodeReport],
    states: Option<&NodeStates>,
    thresholds: Thresholds,
) -> Vec<Surveyed> {
    let mut surveyed: Vec<Surveyed> = nodes
        .iter()
        .map(|node| {
            let state = states.map(|states| states.get(&node.node));
            survey_node(node, state, thresholds)
        })
        .collect();
    surveyed.sort_by(|a, b| (a.busy, &a.name).cmp(&(b.busy, &b.name)));
    surveyed
}

/// Surveys one node. `state` is `None` where no node's state is known, `Some(None)` where that of
/// others is.
fn survey_node(
    node: &NodeReport,
    state: Option<Option<&NodeState>>,
    thresholds: Thresholds,
) -> Surveyed {
    let mut obstacles = Vec::new();
    let mut block = |kind, message: String| obstacles.push(obstacle(kind, message));
    let mut takes_pods = true;
    match state {
        None => {}
        Some(None) => {
            takes_pods = false;
            block(
                ObstacleKind::Unknown,
                "kube-state-metrics has no series of it (if that holds for all nodes, its scrape lacks honor_labels: true)".to_owned(),
            );
        }
        Some(Some(state)) => {
            takes_pods = !state.cordoned && state.ready != Some(false) && state.taints.is_empty();
            if state.ready == Some(false) {
                block(ObstacleKind::NotReady, "it is not ready".to_owned());
            }
            if state.cordoned {
                let text = "it is cordoned";
                block(ObstacleKind::Cordoned, text.to_owned());
            }
            if state.control_plane {
                let text = "it runs the control plane";
                block(ObstacleKind::ControlPlane, text.to_owned());
            }
            // Those that the node controller sets with the two above say no more.
            let own = |taint: &&String| !taint.starts_with("node.kubernetes.io/");
            let taints: Vec<&str> = state
                .taints
                .iter()
                .filter(own)
                .map(String::as_str)
                .collect();
            if !taints.is_empty() && !state.control_plane {
                let text = format!(
                    "it is tainted ({}): its pods may need a node like it",
                    taints.join(", ")
                );
                block(ObstacleKind::Tainted, text);
            }
        }
    }
    let measured = measure(node);
    if measured.is_none() || node.action == Action::InsufficientData {
        let text = "its forecast or allocatable is unknown";
        block(ObstacleKind::InsufficientData, text.to_owned());
    } else if node.action == Action::ScaleUp {
        let text = "it needs to be scaled up itself";
        block(ObstacleKind::ScaleUp, text.to_owned());
    }
    let state = state.flatten();
    // A node that needs to be scaled up takes no pods.
    takes_pods &= !matches!(node.action, Action::InsufficientData | Action::ScaleUp);
    let room = measured
        .filter(|_| takes_pods)
        .map(|measured| measured.room(state, thresholds));
    Surveyed {
        name: node.node.clone(),
        busy: measured.map_or(u64::MAX, |measured| measured.busy(state)),
        peak: measured.map(|measured| measured.peak),
        pods: state.map(|state| state.pods),
        room,
        obstacles,
    }
}

/// A node's usage at forecast peak and its allocatable.
#[derive(Clone, Copy)]
struct Measured {
    peak: Amounts,
    allocatable: Amounts,
}

fn measure(node: &NodeReport) -> Option<Measured> {
    let of = |resource| {
        let report = node.resources.iter().find(|r| r.resource == resource)?;
        Some((report.forecast.as_ref()?.held_upper, report.allocatable?))
    };
    let (cpu, memory) = (of(Resource::Cpu)?, of(Resource::Memory)?);
    // Use is rounded up and size down, so that what fits does fit.
    Some(Measured {
        peak: Amounts {
            millicores: (cpu.0 * 1000.0).ceil() as u64,
            bytes: memory.0.ceil() as u64,
        },
        allocatable: Amounts {
            millicores: (cpu.1 * 1000.0).floor() as u64,
            bytes: memory.1.floor() as u64,
        },
    })
}

impl Measured {
    fn busy(self, state: Option<&NodeState>) -> u64 {
        let requested = state.map_or_else(Amounts::default, |state| state.requested);
        let share = |amounts: Amounts| {
            let of = |part: u64, whole: u64| u128::from(part) * 10_000 / u128::from(whole.max(1));
            of(amounts.millicores, self.allocatable.millicores)
                .max(of(amounts.bytes, self.allocatable.bytes))
        };
        // Saturated: such a share counts as unknown.
        u64::try_from(share(self.peak).max(share(requested))).unwrap_or(u64::MAX)
    }

    /// Returns the room: for requests up to allocatable, as the scheduler allows, for usage at
    /// forecast peak up to `high`, and for pods.
    fn room(self, state: Option<&NodeState>, thresholds: Thresholds) -> Load {
        let Self { peak, allocatable } = self;
        let high = |size: u64| (size as f64 * thresholds.high()).floor() as u64;
        let requested = state.map_or_else(Amounts::default, |state| state.requested);
        let places = state.map_or(u64::MAX, |state| {
            state
                .most_pods
                .map_or(u64::MAX, |most| most.saturating_sub(state.pods))
        });
        Load {
            requested: Amounts {
                millicores: allocatable.millicores.saturating_sub(requested.millicores),
                bytes: allocatable.bytes.saturating_sub(requested.bytes),
            },
            used: Amounts {
                millicores: high(allocatable.millicores).saturating_sub(peak.millicores),
                bytes: high(allocatable.bytes).saturating_sub(peak.bytes),
            },
            pods: places,
        }
    }
}

/// Returns the obstacles to moving these pods, apart from room. `count` is the number of pods that
/// the node has.
pub(super) fn obstacles_of_pods(pods: &[Pod], count: u64, known: &Pods) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    // Both counts are of one timestamp: a difference means that part of an answer is missing.
    if pods.len() as u64 != count {
        obstacles.push(obstacle(
            ObstacleKind::Unknown,
            format!("the series show {} of its {count} pods", pods.len()),
        ));
    }
    let bare: Vec<String> = pods
        .iter()
        .filter(|pod| pod.controller == Controller::None)
        .map(full_name)
        .collect();
    if !bare.is_empty() {
        obstacles.push(Obstacle {
            kind: ObstacleKind::BarePods,
            message: format!("pods without a controller: {}", some_of(&bare)),
            pods: cut(bare),
        });
    }
    for (namespace, budgets) in &known.exhausted_budgets {
        let here: Vec<String> = pods
            .iter()
            .filter(|pod| pod.namespace == *namespace && pod.controller == Controller::Other)
            .map(full_name)
            .collect();
        if !here.is_empty() {
            let names: Vec<&str> = budgets.iter().map(String::as_str).collect();
            obstacles.push(Obstacle {
                kind: ObstacleKind::DisruptionBudget,
                message: format!(
                    "PodDisruptionBudget {} in namespace {namespace} allows no eviction now, and may cover {}",
                    names.join(", "),
                    some_of(&here)
                ),
                pods: cut(here),
            });
        }
    }
    obstacles
}

/// Returns the pods that would have to move, each with its requests and its part of the node's
/// usage at forecast peak.
///
/// The usage of a pod is unknown, so it is assumed to be in proportion to its request, and to the
/// mean request of the node's pods for one without. Pods that belong to the node have their part
/// too, and the system's usage moves with the others: that errs on the safe side.
pub(super) fn items(pods: &[Pod], peak: Amounts) -> Vec<Item> {
    let millicores = parts(pods, |pod| pod.requested.millicores, peak.millicores);
    let bytes = parts(pods, |pod| pod.requested.bytes, peak.bytes);
    pods.iter()
        .zip(millicores.into_iter().zip(bytes))
        .filter(|(pod, _)| pod.controller != Controller::OfTheNode)
        .map(|(pod, (millicores, bytes))| Item {
            name: full_name(pod),
            load: Load {
                requested: pod.requested,
                used: Amounts { millicores, bytes },
                pods: 1,
            },
            count: 1,
        })
        .collect()
}

/// Divides `whole` in proportion to the requests of pods, each part rounded up.
fn parts(pods: &[Pod], request: impl Fn(&Pod) -> u64, whole: u64) -> Vec<u64> {
    let known: Vec<u64> = pods.iter().map(&request).filter(|r| *r > 0).collect();
    let mean = match known.len() {
        0 => 1,
        some => (known.iter().sum::<u64>() / some as u64).max(1),
    };
    let weight = |pod: &Pod| match request(pod) {
        0 => u128::from(mean),
        some => u128::from(some),
    };
    let total: u128 = pods.iter().map(weight).sum();
    pods.iter()
        .map(|pod| {
            let part = (u128::from(whole) * weight(pod)).div_ceil(total);
            u64::try_from(part).expect("a part is not above the whole")
        })
        .collect()
}

/// The number of pieces that a node's usage is divided into where its pods are unknown.
pub(super) const PIECES: u64 = 100;

/// Returns a node's usage as one item of many pieces.
pub(super) fn divisible(peak: Amounts) -> Vec<Item> {
    vec![Item {
        name: String::new(),
        load: Load {
            used: Amounts {
                millicores: peak.millicores.div_ceil(PIECES),
                bytes: peak.bytes.div_ceil(PIECES),
            },
            ..Load::default()
        },
        count: PIECES,
    }]
}

/// Formats `namespace/name`.
fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// Makes an obstacle that names no pods.
pub(super) fn obstacle(kind: ObstacleKind, message: String) -> Obstacle {
    Obstacle {
        kind,
        message,
        pods: Vec::new(),
    }
}

/// Formats the first names of a list and the number of the rest.
pub(super) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let (shown, rest) = names.split_at(names.len().min(SHOWN));
    match rest.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Cuts a list of names to the number that a report holds.
pub(super) fn cut(mut names: Vec<String>) -> Vec<String> {
    names.truncate(Obstacle::MAX_PODS);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pod(name: &str, controller: Controller, millicores: u64, bytes: u64) -> Pod {
        Pod {
            namespace: "ns".to_owned(),
            name: name.to_owned(),
            controller,
            requested: Amounts { millicores, bytes },
        }
    }

    fn used(items: &[Item]) -> Vec<(&str, u64, u64)> {
        let one = |item: &'_ Item| (item.load.used.millicores, item.load.used.bytes);
        items
            .iter()
            .map(|item| (item.name.as_str(), one(item).0, one(item).1))
            .collect()
    }

    #[test]
    fn usage_is_divided_by_requests() {
        let pods = [
            pod("a", Controller::Other, 300, 0),
            pod("b", Controller::Other, 0, 0),
            pod("agent", Controller::OfTheNode, 100, 0),
        ];
        let peak = Amounts {
            millicores: 1200,
            bytes: 900,
        };
        // The mean request is 200 millicores; no pod requests memory.
        assert_eq!(
            used(&items(&pods, peak)),
            [("ns/a", 600, 300), ("ns/b", 400, 300)]
        );
        assert_eq!(items(&[], peak), []);
    }

    #[test]
    fn pods_keep_their_requests() {
        let items = items(&[pod("a", Controller::None, 300, 7)], Amounts::default());
        assert_eq!(items[0].count, 1);
        assert_eq!(items[0].load.pods, 1);
        assert_eq!(
            (
                items[0].load.requested.millicores,
                items[0].load.requested.bytes
            ),
            (300, 7)
        );
    }

    #[test]
    fn budgets_block_pods_of_their_namespace() {
        let mut known = Pods::default();
        let budgets = ["x".to_owned(), "y".to_owned()];
        known
            .exhausted_budgets
            .insert("ns".to_owned(), budgets.into());
        known
            .exhausted_budgets
            .insert("other".to_owned(), ["z".to_owned()].into());
        let of_the_node = [pod("agent", Controller::OfTheNode, 1, 1)];
        assert_eq!(obstacles_of_pods(&of_the_node, 1, &known), []);
        let pods: Vec<Pod> = (0..5)
            .map(|k| pod(&format!("p{k}"), Controller::Other, 1, 1))
            .collect();
        let obstacles = obstacles_of_pods(&pods, 5, &known);
        assert_eq!(obstacles.len(), 1);
        assert_eq!(
            obstacles[0].message,
            "PodDisruptionBudget x, y in namespace ns allows no eviction now, and may cover ns/p0, ns/p1, ns/p2 and 2 more"
        );
        assert_eq!(obstacles[0].pods.len(), 5);
    }

    #[test]
    fn node_with_unknown_pods_stays() {
        let obstacles = obstacles_of_pods(&[], 3, &Pods::default());
        assert_eq!(obstacles.len(), 1);
        assert_eq!(obstacles[0].message, "the series show 0 of its 3 pods");
    }

    #[test]
    fn room_is_bounded_by_size_and_high() {
        let measured = Measured {
            peak: Amounts {
                millicores: 1000,
                bytes: 9000,
            },
            allocatable: Amounts {
                millicores: 4000,
                bytes: 10_000,
            },
        };
        let state = NodeState {
            most_pods: Some(10),
            pods: 4,
            requested: Amounts {
                millicores: 1500,
                bytes: 12_000,
            },
            ..NodeState::default()
        };
        let thresholds = Thresholds::new(0.2, 0.8).expect("in order");
        assert_eq!(
            measured.room(Some(&state), thresholds),
            Load {
                requested: Amounts {
                    millicores: 2500,
                    bytes: 0,
                },
                used: Amounts {
                    millicores: 2200,
                    bytes: 0,
                },
                pods: 6,
            }
        );
        assert_eq!(measured.busy(Some(&state)), 12_000);
        assert_eq!(measured.busy(None), 9_000);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            requests in proptest::collection::vec(0..5000u64, 1..40),
            whole in 0..1_000_000_000_000u64,
        ) {
            let pods: Vec<Pod> =
                requests.iter().map(|r| pod("p", Controller::Other, *r, 0)).collect();
            let sum: u64 = parts(&pods, |pod| pod.requested.millicores, whole).iter().sum();
            prop_assert!(sum >= whole && sum <= whole + pods.len() as u64, "{} {}", sum, whole);
        }
    }
}
