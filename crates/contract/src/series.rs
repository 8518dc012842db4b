//! Every series that the exporter publishes: name, type, help text, labels.
//! Those of a report are in [`crate::report`].

use crate::label;

/// Metric type, as exposition formats name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows, and starts at 0 with the program.
    Counter,
    /// Always 1; its labels are the information. A gauge in text format 0.0.4.
    Info,
}

/// A published series.
#[derive(Debug, PartialEq, Eq)]
pub struct Series {
    /// Full name with its suffix, as in PromQL.
    pub name: &'static str,
    /// Metric type.
    pub kind: Kind,
    /// Help text in one sentence; no full stop, as in Prometheus's own.
    pub help: &'static str,
    /// Label names in their order.
    pub labels: &'static [&'static str],
}

/// Declares series and the list of them all in one table.
macro_rules! table {
    ($($const:ident: $kind:ident $name:literal [$($label:expr),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $const: $crate::Series = $crate::Series {
                name: $name,
                kind: $crate::Kind::$kind,
                help: $help,
                labels: &[$($label),*],
            };
        )+

        /// Every series, in the order of the exposition.
        pub const ALL: &[&$crate::Series] = &[$(&$const),+];
    };
}

pub(crate) use table;

table! {
    CPU_USAGE: Gauge "k8s_node_cpu_usage_cores" [label::NODE]
        "CPU used by the node, in cores: the rate of its CPU seconds between its two newest samples";
    MEMORY_USAGE: Gauge "k8s_node_memory_usage_bytes" [label::NODE]
        "Memory used by the node, in bytes: its working set";
    ACTIVE_PODS: Gauge "k8s_node_active_pods" [label::NODE]
        "Pods bound to the node in a phase that is not excluded (by default all but Succeeded and Failed)";
    CPU_ALLOCATABLE: Gauge "k8s_node_cpu_allocatable_cores" [label::NODE]
        "CPU allocatable to pods on the node, in cores";
    MEMORY_ALLOCATABLE: Gauge "k8s_node_memory_allocatable_bytes" [label::NODE]
        "Memory allocatable to pods on the node, in bytes";
    PODS_ALLOCATABLE: Gauge "k8s_node_pods_allocatable" [label::NODE]
        "Pods that can be scheduled on the node";
    CPU_CAPACITY: Gauge "k8s_node_cpu_capacity_cores" [label::NODE]
        "CPU of the node, in cores";
    MEMORY_CAPACITY: Gauge "k8s_node_memory_capacity_bytes" [label::NODE]
        "Memory of the node, in bytes";
    PODS_CAPACITY: Gauge "k8s_node_pods_capacity" [label::NODE]
        "Pod capacity of the node";
    CPU_THROTTLED: Gauge "k8s_node_cpu_throttled_ratio" [label::NODE]
        "Share of scheduler periods in which containers with a CPU limit were throttled, 0 to 1, over the last cAdvisor interval";
    OOM_KILLS: Counter "k8s_node_oom_kills_total" [label::NODE]
        "Processes that the node's kernel killed for lack of memory since boot, if the exporter reads only the node that it runs on; else OOM kills in containers since the exporter started, a lower bound, since cAdvisor drops a container's count with the container";
    PRESSURE: Gauge "k8s_node_pressure_ratio" [label::NODE, label::RESOURCE, label::KIND]
        "Share of time in which some (waiting) or all (stalled) tasks of the node waited for the resource, 0 to 1, over the last cAdvisor interval";
    NAMESPACE_CPU: Gauge "k8s_namespace_cpu_usage_cores" [label::NODE, label::NAMESPACE]
        "CPU used by the namespace's pods on the node, in cores; a new pod counts from its second sample";
    NAMESPACE_MEMORY: Gauge "k8s_namespace_memory_usage_bytes" [label::NODE, label::NAMESPACE]
        "Memory used by the namespace's pods on the node, in bytes: the sum of their working sets";
    UP: Gauge "k8s_ai_exporter_up" [label::NODE, label::ENDPOINT]
        "Whether the last scrape of the endpoint succeeded (1) or failed (0)";
    SCRAPE_DURATION: Gauge "k8s_ai_exporter_scrape_duration_seconds" [label::NODE, label::ENDPOINT]
        "Duration of the last scrape of the endpoint, in seconds";
    SCRAPE_ERRORS: Counter "k8s_ai_exporter_scrape_errors_total" [label::NODE, label::ENDPOINT, label::REASON]
        "Failed scrapes by reason; reasons ending in _line or _sample count dropped lines or samples of scrapes that otherwise succeeded";
    LAST_SUCCESS: Gauge "k8s_ai_exporter_last_success_timestamp_seconds" [label::NODE, label::ENDPOINT]
        "Unix time of the last successful scrape of the endpoint, in seconds";
    RESPONSE_BYTES: Counter "k8s_ai_exporter_response_bytes_total" [label::NODE, label::ENDPOINT]
        "Bytes of response bodies received, as sent (compressed)";
    TOKEN_RELOADS: Counter "k8s_ai_exporter_token_reloads_total" []
        "Service-account token reloads";
    HISTORY_SERIES: Gauge "k8s_ai_exporter_history_series" []
        "Series in the history";
    HISTORY_BYTES: Gauge "k8s_ai_exporter_history_bytes" []
        "Memory of the history, in bytes; at --history-memory the oldest samples are dropped";
    BUILD_INFO: Info "k8s_ai_exporter_build_info" [label::VERSION, label::REVISION]
        "Version and source revision of the running exporter";
    PROCESS_CPU: Counter "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" []
        "Number of open file descriptors";
    PROCESS_MAX_FDS: Gauge "process_max_fds" []
        "Maximum number of open file descriptors";
    PROCESS_VIRTUAL_MEMORY: Gauge "process_virtual_memory_bytes" []
        "Virtual memory size in bytes";
    PROCESS_RESIDENT_MEMORY: Gauge "process_resident_memory_bytes" []
        "Resident memory size in bytes";
    PROCESS_START_TIME: Gauge "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report, service};
    use std::collections::HashSet;

    #[test]
    fn series_names_are_distinct_and_suffixed() {
        let mut seen = HashSet::new();
        for series in ALL.iter().chain(report::ALL).chain(service::ALL) {
            assert!(seen.insert(series.name), "{} twice", series.name);
            assert_eq!(
                series.kind == Kind::Counter,
                series.name.ends_with("_total"),
                "{}",
                series.name
            );
            assert_eq!(series.kind == Kind::Info, series.name.ends_with("_info"));
            assert!(!series.help.ends_with('.'), "{}", series.name);
        }
    }

    #[test]
    fn promised_series_names_stay() {
        for promised in [
            "k8s_node_cpu_usage_cores",
            "k8s_node_memory_usage_bytes",
            "k8s_node_active_pods",
            "k8s_ai_exporter_scrape_errors_total",
        ] {
            assert!(ALL.iter().any(|s| s.name == promised), "{promised}");
        }
    }
}
