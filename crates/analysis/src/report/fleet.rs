//! The view of the fleet: which nodes could be removed, and why the others not.

use quantity::interval;
use serde::Serialize;
use text::plural;

/// What the view is drawn from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The requests of pods, and use at forecast peak.
    Requests,
    /// Use at forecast peak alone.
    Usage,
    /// Nothing: there is no view.
    #[default]
    None,
}

impl Basis {
    /// As programs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Usage => "usage",
            Self::None => "none",
        }
    }
}

/// Which nodes could be removed, one after the other, and why the others not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FleetReport {
    /// What it is drawn from.
    pub basis: Basis,
    /// Why it is not drawn from requests, if so.
    pub note: Option<String>,
    /// Nodes of the report.
    pub nodes: usize,
    /// Nodes that were looked at: the least busy ones.
    pub considered: usize,
    /// So many are to be left.
    pub keep_nodes: usize,
    /// Seconds ahead of which the peak counts: nobody looked further.
    pub horizon_seconds: u64,
    /// The first to go first.
    pub removable: Vec<Removable>,
    /// The others that were looked at, the least busy first.
    pub staying: Vec<Staying>,
    /// What the series do not tell and a drain may meet.
    pub unseen: Vec<&'static str>,
}

/// A node that could be removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Removable {
    /// Its name.
    pub node: String,
    /// Where its pods would fit, most pods first; empty if pods are not known.
    pub moves: Vec<Move>,
    /// Pods that would have to move; `None` if pods are not known.
    pub pods: Option<u64>,
    /// Pods that go with it: of DaemonSets, and static; `None` if pods are not known.
    pub pods_of_the_node: Option<u64>,
}

/// Some pods of a node that goes would fit here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Where to.
    pub to: String,
    /// How many.
    pub pods: u64,
}

/// A node that was looked at and could not be removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Staying {
    /// Its name.
    pub node: String,
    /// What is in the way; at least one.
    pub obstacles: Vec<Obstacle>,
}

/// One thing in the way of removing a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Which kind of thing.
    pub kind: ObstacleKind,
    /// The same in words.
    pub message: String,
    /// `namespace/name` of pods it is about, at most [`Obstacle::MAX_PODS`], the
    /// largest first.
    pub pods: Vec<String>,
}

impl Obstacle {
    /// Most pods that are named.
    pub const MAX_PODS: usize = 20;
}

/// What is in the way of removing a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObstacleKind {
    /// kube-state-metrics does not know the node, or not all of its pods.
    Unknown,
    /// It is not ready.
    NotReady,
    /// Somebody cordoned it.
    Cordoned,
    /// It runs the control plane.
    ControlPlane,
    /// It is tainted, so it may be there for a purpose.
    Tainted,
    /// Its own forecast or size is not known.
    InsufficientData,
    /// It is short of something itself.
    ScaleUp,
    /// Pods that nothing would create again.
    BarePods,
    /// A PodDisruptionBudget that allows no eviction now.
    DisruptionBudget,
    /// Pods that fit nowhere else.
    DoesNotFit,
    /// It takes the pods of others that go.
    TakesPods,
    /// So few nodes would be left.
    KeepNodes,
}

impl FleetReport {
    /// No view of so many nodes, and why.
    pub fn none(nodes: usize, why: impl Into<String>) -> Self {
        Self {
            note: Some(why.into()),
            nodes,
            ..Self::default()
        }
    }

    /// The outcome in one sentence.
    pub fn headline(&self) -> String {
        let note = self.note.as_deref().unwrap_or_default();
        let (found, nodes) = (self.removable.len(), plural(self.nodes, "node"));
        let some = self.of_some();
        let peak = format!(
            "forecast peak of the next {}",
            interval(self.horizon_seconds)
        );
        match (self.basis, found) {
            (Basis::None, _) => format!("Fleet: not looked at: {note}"),
            (Basis::Requests, 0) => format!(
                "Fleet: none of {nodes}{some} could be removed, by what pods request and by the {peak}"
            ),
            (Basis::Requests, _) => format!(
                "Fleet: {found} of {nodes}{some} could be removed, one after the other, by what pods request and by the {peak}"
            ),
            (Basis::Usage, 0) => format!(
                "Fleet: by the {peak} alone none of {nodes}{some} could be emptied onto the others; what pods request is unknown: {note}"
            ),
            (Basis::Usage, _) => format!(
                "Fleet: by the {peak} alone {found} of {nodes}{some} could be emptied onto the others; whether their pods would fit is unknown: {note}"
            ),
        }
    }

    /// What to look at before a node is drained, in one sentence; `None` if none is
    /// to be.
    pub fn caution(&self) -> Option<String> {
        let unseen = self.unseen.join("; ");
        (!self.removable.is_empty() && !unseen.is_empty())
            .then(|| format!("Not told by the series, so look before you drain: {unseen}."))
    }

    fn of_some(&self) -> String {
        match self.considered < self.nodes {
            true => format!(" (the {} least busy were looked at)", self.considered),
            false => String::new(),
        }
    }
}

impl Staying {
    /// What is in the way, in one line.
    pub fn message(&self) -> String {
        let messages: Vec<&str> = self.obstacles.iter().map(|o| o.message.as_str()).collect();
        messages.join("; ")
    }
}

impl Removable {
    /// Where its pods go, in one line.
    pub fn message(&self) -> String {
        let (Some(pods), Some(of_the_node)) = (self.pods, self.pods_of_the_node) else {
            return "what it uses would fit on the others".to_owned();
        };
        let with_it = match of_the_node {
            0 => String::new(),
            some => format!(", not counting {some} of DaemonSets or static ones"),
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

/// Most targets of a node's pods that a line names.
const MAX_TARGETS_SHOWN: usize = 5;
