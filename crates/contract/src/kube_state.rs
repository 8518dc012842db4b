//! Families, labels and values of kube-state-metrics, version 2, that the agent queries.
//!
//! Source: <https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics>.

/// 1 if the node is cordoned, else 0; label node.
pub const NODE_UNSCHEDULABLE: &str = "kube_node_spec_unschedulable";
/// Always 1, one a taint; labels node, key, value, effect.
pub const NODE_TAINT: &str = "kube_node_spec_taint";
/// Always 1, one a role; labels node, role.
pub const NODE_ROLE: &str = "kube_node_role";
/// 1 for the status that holds; labels node, condition, status.
pub const NODE_CONDITION: &str = "kube_node_status_condition";
/// Resources of the node for pods; labels node, resource, unit.
pub const NODE_ALLOCATABLE: &str = "kube_node_status_allocatable";
/// Always 1, one a pod, ended pods included; labels node, namespace, pod,
/// created_by_kind.
pub const POD_INFO: &str = "kube_pod_info";
/// 1 for the phase that holds; labels namespace, pod, phase.
pub const POD_PHASE: &str = "kube_pod_status_phase";
/// Requests of a container; labels node, namespace, pod, container, resource, unit.
pub const CONTAINER_REQUESTS: &str = "kube_pod_container_resource_requests";
/// Requests of an init container; the same labels.
pub const INIT_CONTAINER_REQUESTS: &str = "kube_pod_init_container_resource_requests";
/// Always 1; labels namespace, pod, container, restart_policy: `Always` is a sidecar.
pub const INIT_CONTAINER_INFO: &str = "kube_pod_init_container_info";
/// Evictions that a PodDisruptionBudget allows now; labels namespace,
/// poddisruptionbudget.
pub const BUDGET_ALLOWED: &str = "kube_poddisruptionbudget_status_pod_disruptions_allowed";
/// Pods that the PodDisruptionBudget covers; the same labels.
pub const BUDGET_PODS: &str = "kube_poddisruptionbudget_status_expected_pods";

/// Labels of these families; those that our own series share are in [`crate::label`].
pub mod label {
    /// Pod.
    pub const POD: &str = "pod";
    /// Kind of a pod's controller; empty, or `<none>` before 2.5, if it has none.
    pub const CREATED_BY_KIND: &str = "created_by_kind";
    /// Key of a taint.
    pub const KEY: &str = "key";
    /// Value of a taint; may be empty.
    pub const VALUE: &str = "value";
    /// Effect of a taint.
    pub const EFFECT: &str = "effect";
    /// Role of a node.
    pub const ROLE: &str = "role";
    /// Name of a node's condition.
    pub const CONDITION: &str = "condition";
    /// Name of a PodDisruptionBudget.
    pub const BUDGET: &str = "poddisruptionbudget";
}
