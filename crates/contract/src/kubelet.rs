//! Kubelet paths, and the families of `/metrics/resource` and cAdvisor that are read.

/// Default port of a kubelet.
pub const PORT: u16 = 10250;

/// Path of the kubelet's resource metrics endpoint (STABLE).
pub const RESOURCE_PATH: &str = "/metrics/resource";
/// Path of the kubelet's cAdvisor endpoint.
pub const CADVISOR_PATH: &str = "/metrics/cadvisor";

/// Every kubelet path that the exporter requests: an admission policy may refuse all
/// others.
pub const PATHS: [&str; 2] = [RESOURCE_PATH, CADVISOR_PATH];

/// Families of `/metrics/resource`.
pub mod resource {
    /// Cumulative CPU time of the node in core-seconds; no labels.
    pub const NODE_CPU: &str = "node_cpu_usage_seconds_total";
    /// Working set of the node in bytes; no labels.
    pub const NODE_MEMORY: &str = "node_memory_working_set_bytes";
    /// Cumulative CPU time of a pod in core-seconds; labels namespace, pod.
    pub const POD_CPU: &str = "pod_cpu_usage_seconds_total";
    /// Working set of a pod in bytes; labels namespace, pod.
    pub const POD_MEMORY: &str = "pod_memory_working_set_bytes";
    /// 1 if the kubelet could not collect.
    pub const ERROR: &str = "resource_scrape_error";
    /// [`ERROR`] in older kubelets.
    pub const ERROR_OLD: &str = "scrape_error";
}

/// Families of `/metrics/cadvisor`.
pub mod cadvisor {
    /// Cumulative CPU time of a cgroup in core-seconds; the row `id="/"`,
    /// `cpu="total"` is the node.
    pub const CPU: &str = "container_cpu_usage_seconds_total";
    /// Working set of a cgroup in bytes; the row `id="/"` is the node.
    pub const MEMORY: &str = "container_memory_working_set_bytes";
    /// Scheduler periods of a container with a CPU limit.
    pub const CFS_PERIODS: &str = "container_cpu_cfs_periods_total";
    /// Scheduler periods in which the container was throttled.
    pub const CFS_THROTTLED: &str = "container_cpu_cfs_throttled_periods_total";
    /// Out-of-memory kills in a cgroup.
    pub const OOM: &str = "container_oom_events_total";
    /// 1 if cAdvisor could not collect.
    pub const ERROR: &str = "container_scrape_error";
    /// Pressure stall information: seconds in which some (waiting) or all (stalled) tasks of
    /// a cgroup waited for a resource, each with its labels `resource` and `kind` in our
    /// series. At the root the kernel defines no `stalled` for CPU.
    pub const PRESSURE: [(&str, &str, &str); 5] = [
        (
            "container_pressure_cpu_waiting_seconds_total",
            "cpu",
            "waiting",
        ),
        (
            "container_pressure_memory_waiting_seconds_total",
            "memory",
            "waiting",
        ),
        (
            "container_pressure_memory_stalled_seconds_total",
            "memory",
            "stalled",
        ),
        (
            "container_pressure_io_waiting_seconds_total",
            "io",
            "waiting",
        ),
        (
            "container_pressure_io_stalled_seconds_total",
            "io",
            "stalled",
        ),
    ];
}
