//! Closed sets of words that flags, chart values and Kubernetes share.

/// Declares a set of words: an enum, each variant with its word.
macro_rules! vocabulary {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $about:literal])+ $word:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $about])+ $word,)+ }

        impl $name {
            /// Every word, in the order of help texts.
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
    /// When the kubelet pulls an image.
    PullPolicy {
        /// Each time a container starts.
        Always = "Always",
        /// When the node lacks it.
        IfNotPresent = "IfNotPresent",
        /// Never.
        Never = "Never",
    }
}

vocabulary! {
    /// The least severity that is logged.
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
    /// How the exporter reaches the kubelets.
    Via {
        /// Through the API server's proxy.
        Proxy = "proxy",
        /// At their own port.
        Kubelet = "kubelet",
    }
}

vocabulary! {
    /// The workload that the chart runs the exporter as.
    ExporterMode {
        /// A pod on each node, which reads that node.
        Daemonset = "daemonset",
        /// Some pods that share all nodes.
        Statefulset = "statefulset",
        /// One pod that reads all nodes and keeps a history, which the agent asks.
        Standalone = "standalone",
    }
}

vocabulary! {
    /// The workload that the chart runs the agent as.
    AgentMode {
        /// A report on a schedule, in the log of its job.
        Cronjob = "cronjob",
        /// One pod that stays, and serves the newest report.
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
    /// Whether the agent reports which nodes could be removed.
    FleetView {
        /// Wherever kube-state-metrics is found.
        Auto = "auto",
        /// Never.
        Off = "off",
    }
}
