//! Nodes, pods and PodDisruptionBudgets of a cluster, as far as they are known.

use std::collections::{BTreeMap, BTreeSet};

use super::packing::Amounts;

/// One node, as far as the series tell.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// `kubectl cordon` was here.
    pub cordoned: bool,
    /// Whether it is ready; `None` if that is not told.
    pub ready: Option<bool>,
    /// Whether it has the role of a control plane.
    pub control_plane: bool,
    /// Taints that keep pods away, as kubectl writes them.
    pub taints: BTreeSet<String>,
    /// How many pods it takes; `None` if that is not told.
    pub most_pods: Option<u64>,
    /// How many it has that have not ended.
    pub pods: u64,
    /// What they request.
    pub requested: Amounts,
}

/// Every node that the series know.
pub type NodeStates = BTreeMap<String, NodeState>;

/// A pod that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What created it.
    pub controller: Controller,
    /// What it requests; 0 if it requests nothing.
    pub requested: Amounts,
}

/// What created a pod, as far as it matters when its node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// It goes with the node and is not missed: of a DaemonSet, or static.
    OfTheNode,
    /// Nothing would create it again.
    None,
    /// Something that creates it elsewhere.
    Other,
}

/// The pods of some nodes, and which PodDisruptionBudgets allow no eviction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pods {
    /// By node.
    pub of: BTreeMap<String, Vec<Pod>>,
    /// Names by namespace. Which pods they cover is not told.
    pub exhausted_budgets: BTreeMap<String, BTreeSet<String>>,
    /// Whether any PodDisruptionBudget is told of.
    pub budgets_known: bool,
}
