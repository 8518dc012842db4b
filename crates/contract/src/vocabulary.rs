//! Closed sets of words: values of flags, of the chart, of reports, of labels and of
//! Kubernetes.

/// Declares a set of words: an enum, each variant with its word.
macro_rules! vocabulary {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $about:literal])+ $word:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub enum $name {
            $($(#[doc = $about])+ #[cfg_attr(feature = "serde", serde(rename = $text))] $word,)+
        }

        impl $name {
            /// Every word, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The word.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$word => $text),+ }
            }
        }
    };
}

vocabulary! {
    /// A pod's phase, as the API server's field selector knows it.
    PodPhase {
        /// Accepted, not yet running.
        Pending = "Pending",
        /// At least one container runs or restarts.
        Running = "Running",
        /// All containers ended well.
        Succeeded = "Succeeded",
        /// All containers ended, one of them badly.
        Failed = "Failed",
        /// The node does not answer.
        Unknown = "Unknown",
    }
}

vocabulary! {
    /// The kubelet's policy for pulling an image.
    PullPolicy {
        /// Each time a container starts.
        Always = "Always",
        /// If the node does not have it.
        IfNotPresent = "IfNotPresent",
        /// Never.
        Never = "Never",
    }
}

vocabulary! {
    /// The lowest severity that is logged.
    LogLevel {
        /// Errors only.
        Error = "error",
        /// Warnings too.
        Warn = "warn",
        /// Changes of state too.
        Info = "info",
        /// Every request too.
        Debug = "debug",
    }
}

vocabulary! {
    /// The path from the exporter to the kubelets.
    Via {
        /// Through the API server's proxy.
        Proxy = "proxy",
        /// At their own port.
        Kubelet = "kubelet",
    }
}

vocabulary! {
    /// The type of an address in a node's `status.addresses`.
    AddressType {
        /// An IP address of the cluster's network.
        InternalIp = "InternalIP",
        /// An IP address outside of it.
        ExternalIp = "ExternalIP",
        /// The host name of the machine.
        Hostname = "Hostname",
        /// A DNS name of the cluster's network.
        InternalDns = "InternalDNS",
        /// A DNS name outside of it.
        ExternalDns = "ExternalDNS",
    }
}

vocabulary! {
    /// The workload that the chart runs the exporter as.
    ExporterMode {
        /// A pod on each node, which reads that node.
        Daemonset = "daemonset",
        /// Some pods that share all nodes.
        Statefulset = "statefulset",
        /// One pod that reads all nodes and keeps a history for the agent.
        Standalone = "standalone",
    }
}

vocabulary! {
    /// The workload that the chart runs the agent as.
    AgentMode {
        /// A report on a schedule, in the log of its job.
        Cronjob = "cronjob",
        /// A long-running pod that serves the newest report.
        Deployment = "deployment",
    }
}

vocabulary! {
    /// The format of the agent's report.
    ReportFormat {
        /// For people at a terminal.
        Text = "text",
        /// For programs; `report.schema.json` describes it.
        Json = "json",
        /// For comments, issues and wikis: GitHub-flavoured.
        Markdown = "markdown",
        /// For browsers: one file that needs nothing else.
        Html = "html",
        /// For spreadsheets: RFC 4180.
        Csv = "csv",
        /// For Prometheus: text format 0.0.4.
        Prometheus = "prometheus",
    }
}

vocabulary! {
    /// The report on removable nodes.
    FleetView {
        /// If kube-state-metrics is found.
        Auto = "auto",
        /// Never.
        Off = "off",
    }
}

vocabulary! {
    /// The action that a report recommends.
    Action {
        /// Add capacity, or move pods away.
        ScaleUp = "scale_up",
        /// Remove the node, or use a smaller one.
        Consolidate = "consolidate",
        /// Nothing to do.
        None = "none",
        /// No recommendation; [`MissingData`] names the reason.
        InsufficientData = "insufficient_data",
    }
}

impl Action {
    /// The action in words for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale up or move pods",
            Self::Consolidate => "consolidate or scale down",
            Self::None => "healthy",
            Self::InsufficientData => "insufficient data",
        }
    }
}

vocabulary! {
    /// The urgency of an action, in rising order.
    Severity {
        /// Nothing to do.
        None = "none",
        /// Worth knowing.
        Info = "info",
        /// Act within days.
        Warning = "warning",
        /// Act now: the limit is reached within the horizon.
        Critical = "critical",
    }
}

impl Severity {
    /// The value of the series for severities, from 0 (none) to 3 (critical).
    pub fn level(self) -> f64 {
        f64::from(self as u8)
    }
}

vocabulary! {
    /// The reason why a report makes no recommendation.
    MissingData {
        /// No sample in the window.
        NoData = "no_data",
        /// No recent sample: the node is gone, or no longer measured.
        Stale = "stale",
        /// Too few samples for a forecast.
        NotEnoughPoints = "not_enough_points",
        /// The node's allocatable is unknown.
        NoAllocatable = "no_allocatable",
    }
}

vocabulary! {
    /// The number of a forecast that decides a recommendation.
    Measure {
        /// The highest level that is held for `--for` over the horizon, in the median.
        Held = "held",
        /// The upper end of the mean over the horizon.
        Mean = "mean",
    }
}

vocabulary! {
    /// The data that the report on removable nodes is based on.
    FleetBasis {
        /// The requests of pods, and usage at forecast peak.
        Requests = "requests",
        /// Usage at forecast peak alone.
        Usage = "usage",
        /// None: there is no such report.
        None = "none",
    }
}

vocabulary! {
    /// An endpoint that the exporter reads: the label `endpoint`. In the order of a round.
    Endpoint {
        /// The list of the cluster's nodes.
        Nodes = "nodes",
        /// The node object: allocatable, capacity, the kubelet's address and the boot ID.
        Node = "node",
        /// The kubelet's `/metrics/resource`.
        Resource = "resource",
        /// The list of active pods: those of the node, or of all nodes at once.
        Pods = "pods",
        /// The kubelet's `/metrics/cadvisor`.
        Cadvisor = "cadvisor",
    }
}

vocabulary! {
    /// A value of a forecast's prediction interval: the label `bound`. In rising order.
    Bound {
        /// The lower end.
        Lower = "lower",
        /// The expected value, between the two ends.
        Expected = "expected",
        /// The upper end.
        Upper = "upper",
    }
}

vocabulary! {
    /// The state of a node or resource, worst first.
    State {
        /// The limit is reached within the horizon.
        Critical = "critical",
        /// The threshold `high` may be exceeded.
        Warning = "warning",
        /// The node or resource is underused.
        Info = "info",
        /// Nothing to do.
        Healthy = "healthy",
        /// Too little data.
        Unknown = "unknown",
    }
}
