//! The names that everything agrees on: the exporter emits them, the agent
//! asks for them and emits its own, manifests draw and alert on them.
//!
//! A series name, a label, a port, a path, a word of a closed vocabulary or the limit
//! of a flag is written here and nowhere else.
//! Data only: no I/O, no logic beyond lookups, no dependency but, with the feature `serde`, the
//! words in JSON.

pub mod kube_state;
pub mod kubelet;
pub mod limit;
pub mod report;
pub mod series;
pub mod service;
mod vocabulary;

pub use series::{Kind, Series};
pub use vocabulary::{
    Action, AgentMode, ExporterMode, FleetBasis, FleetView, LogLevel, Measure, MissingData,
    PodPhase, PullPolicy, ReportFormat, Severity, Via,
};

macro_rules! exporter_port {
    () => {
        9100
    };
}

/// Port on which the exporter serves.
pub const EXPORTER_PORT: u16 = exporter_port!();

/// Address on which the exporter serves: every one.
pub const EXPORTER_ADDRESS: &str = concat!(":", exporter_port!());

/// Port on which the manifests have a long-running agent serve.
pub const AGENT_PORT: u16 = 9101;

/// Paths that the programs serve.
pub mod path {
    /// The exposition.
    pub const METRICS: &str = "/metrics";
    /// 200 as long as the program runs.
    pub const LIVEZ: &str = "/livez";
    /// 200 while there is something to publish: a core series, a report.
    pub const READYZ: &str = "/readyz";
    /// What needs no login: the kubelet asks for it, and has none. It tells nothing but
    /// how the program is.
    pub const OPEN: &[&str] = &[LIVEZ, READYZ];
    /// Range queries: Prometheus's own path, so that the agent can ask either.
    pub const QUERY_RANGE: &str = "/api/v1/query_range";
    /// Instant queries: Prometheus's own path, which the exporter does not serve.
    pub const QUERY: &str = "/api/v1/query";
    /// Label sets of series: Prometheus's own path, which the exporter does not serve.
    pub const SERIES: &str = "/api/v1/series";
    /// The agent's newest report, with the form behind a dot: `/report.json`.
    pub const REPORT: &str = "/report";
    /// What a Prometheus says of its version.
    pub const BUILD_INFO: &str = "/api/v1/status/buildinfo";
}

/// Label names of our series.
pub mod label {
    /// Name of the Kubernetes node; empty for what is asked once for all nodes.
    pub const NODE: &str = "node";
    /// What was asked: one of [`super::Endpoint::ALL`].
    pub const ENDPOINT: &str = "endpoint";
    /// Why something went wrong: one of [`super::Reason::ALL`].
    pub const REASON: &str = "reason";
    /// Kubernetes namespace.
    pub const NAMESPACE: &str = "namespace";
    /// `cpu`, `memory` or `io`.
    pub const RESOURCE: &str = "resource";
    /// `waiting` (some tasks stall) or `stalled` (all of them do).
    pub const KIND: &str = "kind";
    /// Which end of an interval: one of [`super::Bound::ALL`].
    pub const BOUND: &str = "bound";
    /// Name of a forecasting model.
    pub const MODEL: &str = "model";
    /// What to do: one of the actions of a report.
    pub const ACTION: &str = "action";
    /// Whom reports are sent to: `slack`, `webhook`, `grafana` or `pushgateway`.
    pub const SINK: &str = "sink";
    /// What something is drawn from.
    pub const BASIS: &str = "basis";
    /// `high` or `low`.
    pub const THRESHOLD: &str = "threshold";
    /// Release of the program.
    pub const VERSION: &str = "version";
    /// Source revision the program was built from.
    pub const REVISION: &str = "revision";
}

/// What the exporter asks for, as the label `endpoint` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The kubelet's `/metrics/resource`.
    Resource,
    /// The kubelet's `/metrics/cadvisor`.
    Cadvisor,
    /// The list of active pods: those of the node, or of all nodes at once.
    Pods,
    /// The node object: allocatable, capacity, the kubelet's address and the boot ID.
    Node,
    /// The list of the cluster's nodes.
    Nodes,
}

impl Endpoint {
    /// Every endpoint, in the order of a round.
    pub const ALL: [Self; 5] = [
        Self::Nodes,
        Self::Node,
        Self::Resource,
        Self::Pods,
        Self::Cadvisor,
    ];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Cadvisor => "cadvisor",
            Self::Pods => "pods",
            Self::Node => "node",
            Self::Nodes => "nodes",
        }
    }
}

/// Which end of a forecast's interval, as the label `bound` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// The lower end.
    Lower,
    /// What is expected: between the two ends.
    Expected,
    /// The upper end.
    Upper,
}

impl Bound {
    /// All of them, in rising order.
    pub const ALL: [Self; 3] = [Self::Lower, Self::Expected, Self::Upper];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Expected => "expected",
            Self::Upper => "upper",
        }
    }
}

/// Declares [`Reason`] with its label values in one table.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $label:literal,)+) => {
        /// Why a scrape, or part of one, was discarded, as the label `reason` says it.
        ///
        /// The first group fails the whole scrape and counts once; the reasons that
        /// end in `_line` or `_sample` count each line or sample that was left out
        /// of a scrape that otherwise went on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The label value.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }
    };
}

reasons! {
    /// The service-account token or CA file could not be read.
    Credentials = "credentials",
    /// No connection: refused, unreachable, name not found, or reset.
    Connect = "connect",
    /// The TLS handshake failed: wrong authority, wrong name, expired.
    Tls = "tls",
    /// The overall deadline of the request passed.
    Timeout = "timeout",
    /// 401: the token was not accepted, also not after reading it again.
    Unauthorized = "unauthorized",
    /// 403: RBAC does not allow it.
    Forbidden = "forbidden",
    /// 404: no such node.
    NotFound = "not_found",
    /// 422: an admission policy refused it.
    AdmissionDenied = "admission_denied",
    /// 429: the API server asks for fewer requests.
    RateLimited = "rate_limited",
    /// 503: the API server cannot reach the kubelet, or is not ready.
    Unavailable = "unavailable",
    /// Any other status than 200.
    HttpStatus = "http_status",
    /// The answer broke HTTP's own rules.
    Protocol = "protocol",
    /// 200 with a body of another type than asked for.
    ContentType = "content_type",
    /// A content encoding that was not asked for, or gzip data that is broken.
    Encoding = "encoding",
    /// The body ended early.
    Truncated = "truncated",
    /// The body is larger than any real one.
    TooLarge = "too_large",
    /// JSON that is not the object that was asked for.
    Json = "json",
    /// The node's object names no address to reach its kubelet at.
    NoAddress = "no_address",
    /// A complete body without any of the samples looked for.
    NoSamples = "no_samples",
    /// The kubelet said itself that it could not collect (`*_scrape_error 1`).
    KubeletError = "kubelet_error",
    /// A line that does not follow the exposition grammar.
    MalformedLine = "malformed_line",
    /// A line longer than 64 KiB.
    OverlongLine = "overlong_line",
    /// NaN, infinite, negative, or above 2^53.
    ValueSample = "value_sample",
    /// A timestamp that is missing, zero, negative, or far in the future.
    TimestampSample = "timestamp_sample",
    /// An older sample than the one before it.
    BackwardSample = "backward_sample",
    /// A second sample of a series that must be single.
    DuplicateSample = "duplicate_sample",
    /// A container's sample in an answer of cAdvisor that names no container at all.
    UnlabelledSample = "unlabelled_sample",
    /// A rate above what the machine has.
    ImplausibleSample = "implausible_sample",
    /// A counter that fell: restart or reboot. The next interval counts again.
    ResetSample = "reset_sample",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn label_values_are_distinct_and_snake_case() {
        let mut seen = HashSet::new();
        let all = Reason::ALL
            .iter()
            .map(|r| r.label())
            .chain(Endpoint::ALL.iter().map(|e| e.label()));
        for label in all {
            assert!(seen.insert(label), "{label} twice");
            assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
