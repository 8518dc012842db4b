//! The nodes that could be removed, and the obstacles to removing others.

use contract::FleetBasis;
use quantity::interval;
use serde::Serialize;
use text::plural;

/// The nodes that could be removed, one after the other, and the obstacles to removing others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetReport {
    /// The data that it is based on.
    pub basis: FleetBasis,
    /// The reason why it is not based on requests, if so.
    pub note: Option<String>,
    /// The number of nodes in the report.
    pub nodes: usize,
    /// The number of nodes examined: the least busy ones.
    pub considered: usize,
    /// The minimum number of nodes to keep.
    pub keep_nodes: usize,
    /// The horizon of the forecast peak, in seconds.
    pub horizon_seconds: u64,
    /// The removable nodes, in the order of removal.
    pub removable: Vec<Removable>,
    /// The other nodes examined, the least busy first.
    pub staying: Vec<Staying>,
    /// Obstacles to a drain that the series do not show.
    pub unseen: Vec<&'static str>,
}

/// A node that could be removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Removable {
    /// The node's name.
    pub node: String,
    /// The nodes that its pods would fit on, most pods first; empty if pods are unknown.
    pub moves: Vec<Move>,
    /// The number of pods that would have to move; `None` if pods are unknown.
    pub pods: Option<u64>,
    /// The number of DaemonSet pods and static pods, which are removed with the node; `None` if
    /// pods are unknown.
    pub pods_of_the_node: Option<u64>,
}

/// Pods of a removable node that would fit on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The other node.
    pub to: String,
    /// The number of pods.
    pub pods: u64,
}

/// A node that was examined and could not be removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Staying {
    /// The node's name.
    pub node: String,
    /// The obstacles; at least one.
    pub obstacles: Vec<Obstacle>,
}

/// An obstacle to removing a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// The kind of obstacle.
    pub kind: ObstacleKind,
    /// The obstacle in words.
    pub message: String,
    /// `namespace/name` of the pods concerned, at most [`Obstacle::MAX_PODS`], the largest first.
    pub pods: Vec<String>,
}

impl Obstacle {
    /// The maximum number of pods named.
    pub const MAX_PODS: usize = 20;
}

/// The kind of an obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObstacleKind {
    /// kube-state-metrics does not know the node, or not all of its pods.
    Unknown,
    /// The node is not ready.
    NotReady,
    /// The node is cordoned.
    Cordoned,
    /// The node runs the control plane.
    ControlPlane,
    /// The node is tainted, so it may serve a purpose.
    Tainted,
    /// The node's forecast or allocatable is unknown.
    InsufficientData,
    /// The node needs to be scaled up itself.
    ScaleUp,
    /// Pods without a controller that would recreate them.
    BarePods,
    /// A PodDisruptionBudget that allows no eviction now.
    DisruptionBudget,
    /// Pods that fit nowhere else.
    DoesNotFit,
    /// The node takes the pods of nodes removed before it.
    TakesPods,
    /// Fewer nodes than the minimum would be left.
    KeepNodes,
}

impl FleetReport {
    /// Makes a report without an assessment, for `nodes` nodes and this reason.
    pub fn none(nodes: usize, why: impl Into<String>) -> Self {
        Self {
            basis: FleetBasis::None,
            note: Some(why.into()),
            nodes,
            considered: 0,
            keep_nodes: 0,
            horizon_seconds: 0,
            removable: Vec::new(),
            staying: Vec::new(),
            unseen: Vec::new(),
        }
    }

    /// Returns the outcome in one sentence.
    pub fn headline(&self) -> String {
        let note = self.note.as_deref().unwrap_or_default();
        let (found, nodes) = (self.removable.len(), plural(self.nodes, "node"));
        let some = self.of_some();
        let peak = format!(
            "forecast peak of the next {}",
            interval(self.horizon_seconds)
        );
        match (self.basis, found) {
            (FleetBasis::None, _) => format!("Fleet: not assessed: {note}"),
            (FleetBasis::Requests, 0) => format!(
                "Fleet: none of {nodes}{some} could be drained, by pod requests and the {peak}"
            ),
            (FleetBasis::Requests, _) => format!(
                "Fleet: {found} of {nodes}{some} could be drained, one after the other: the rest has room for their pods, by requests and the {peak}"
            ),
            (FleetBasis::Usage, 0) => format!(
                "Fleet: none of {nodes}{some} could be drained, by the {peak} alone; pod requests are unknown: {note}"
            ),
            (FleetBasis::Usage, _) => format!(
                "Fleet: {found} of {nodes}{some} could be drained: the rest has room at the {peak}; pod requests are unknown: {note}"
            ),
        }
    }

    /// Returns the checks before a drain, in one sentence; `None` if no node is removable.
    pub fn caution(&self) -> Option<String> {
        let unseen = self.unseen.join("; ");
        (!self.removable.is_empty() && !unseen.is_empty())
            .then(|| format!("Check before draining, as the series do not show it: {unseen}."))
    }

    fn of_some(&self) -> String {
        match self.considered < self.nodes {
            true => format!(" (the {} least busy examined)", self.considered),
            false => String::new(),
        }
    }
}

impl Staying {
    /// Returns the obstacles in one line.
    pub fn message(&self) -> String {
        let messages: Vec<&str> = self.obstacles.iter().map(|o| o.message.as_str()).collect();
        messages.join("; ")
    }
}

impl Removable {
    /// Returns the moves of its pods in one line.
    pub fn message(&self) -> String {
        let (Some(pods), Some(of_the_node)) = (self.pods, self.pods_of_the_node) else {
            return "its usage would fit on the other nodes".to_owned();
        };
        let with_it = match of_the_node {
            0 => String::new(),
            some => format!(", not counting {some} DaemonSet or static pods"),
        };
        if pods == 0 {
            return format!("no pod would have to move{with_it}");
        }
        let (shown, rest) = self.moves.split_at(self.moves.len().min(MAX_TARGETS_SHOWN));
        let mut targets: Vec<String> = shown
            .iter()
            .map(|step| format!("{} ({})", step.to, step.pods))
            .collect();
        if !rest.is_empty() {
            targets.push(format!("{} more", rest.len()));
        }
        format!(
            "{} would fit on {}{with_it}",
            plural(pods as usize, "pod"),
            targets.join(", ")
        )
    }
}

/// The maximum number of targets that a line names.
const MAX_TARGETS_SHOWN: usize = 5;
