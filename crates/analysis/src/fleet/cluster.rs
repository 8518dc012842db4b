//! Nodes, pods and PodDisruptionBudgets of a cluster, as kube-state-metrics reports them.

use std::collections::{BTreeMap, BTreeSet};

use super::packing::Amounts;

/// The state of one node.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Set if the node is cordoned.
    pub cordoned: bool,
    /// The condition `Ready`; `None` if unknown.
    pub ready: Option<bool>,
    /// Set if it has the role of a control plane.
    pub control_plane: bool,
    /// Taints that keep pods away, as kubectl writes them.
    pub taints: BTreeSet<String>,
    /// The maximum number of pods; `None` if unknown.
    pub most_pods: Option<u64>,
    /// The number of pods that have not ended.
    pub pods: u64,
    /// The sum of their requests.
    pub requested: Amounts,
}

/// The state of every node, by name.
pub type NodeStates = BTreeMap<String, NodeState>;

/// A pod that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The kind of its controller.
    pub controller: Controller,
    /// Its requests; 0 if it has none.
    pub requested: Amounts,
}

/// The kind of a pod's controller, as far as it matters when the node is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// The pod belongs to the node: of a DaemonSet, or static.
    OfTheNode,
    /// No controller would recreate it.
    None,
    /// A controller recreates it elsewhere.
    Other,
}

/// The pods of some nodes, and the PodDisruptionBudgets that allow no eviction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pods {
    /// The pods by node.
    pub of: BTreeMap<String, Vec<Pod>>,
    /// Names of budgets that allow no eviction, by namespace. The series do not say which pods they
    /// cover.
    pub exhausted_budgets: BTreeMap<String, BTreeSet<String>>,
    /// Set if the backend has series of any PodDisruptionBudget.
    pub budgets_known: bool,
}
