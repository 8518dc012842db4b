//! Names that the programs and the manifests share: the exporter publishes them, the agent
//! queries them and publishes its own, dashboards and alerts use them.
//!
//! Each series name, label, port, path, word of a closed vocabulary and limit of a flag is
//! written here only. Data only: no I/O, no logic beyond lookups, no dependency except, with
//! the feature `serde`, for the words in JSON.
//!
//! Invariant: promised names stay (held by `promised_series_names_stay`), and names are
//! distinct (`series_names_are_distinct_and_suffixed`).

pub mod kube_state;
pub mod kubelet;
pub mod limit;
pub mod report;
pub mod series;
pub mod service;
mod vocabulary;

pub use series::{Kind, Series};
pub use vocabulary::{
    Action, AddressType, AgentMode, Bound, Endpoint, ExporterMode, FleetBasis, FleetView, LogLevel,
    Measure, MissingData, PodPhase, PullPolicy, ReportFormat, Severity, State, Via,
};

macro_rules! exporter_port {
    () => {
        9100
    };
}

/// Port on which the exporter serves.
pub const EXPORTER_PORT: u16 = exporter_port!();

/// Default listen address of the exporter: all addresses.
pub const EXPORTER_ADDRESS: &str = concat!(":", exporter_port!());

/// Port of a long-running agent in the manifests.
pub const AGENT_PORT: u16 = 9101;

/// Paths that the programs serve.
pub mod path {
    /// The exposition.
    pub const METRICS: &str = "/metrics";
    /// Liveness: 200 as long as the program runs.
    pub const LIVEZ: &str = "/livez";
    /// Readiness: 200 while there is something to publish, such as a core series or a report.
    pub const READYZ: &str = "/readyz";
    /// Paths without authentication: the kubelet's probes have none. They show nothing but
    /// the program's health.
    pub const OPEN: &[&str] = &[LIVEZ, READYZ];
    /// Range queries: Prometheus's own path, so that the agent can query either.
    pub const QUERY_RANGE: &str = "/api/v1/query_range";
    /// Instant queries: Prometheus's own path, which the exporter does not serve.
    pub const QUERY: &str = "/api/v1/query";
    /// Label sets of series: Prometheus's own path, which the exporter does not serve.
    pub const SERIES: &str = "/api/v1/series";
    /// The agent's newest report, with the form behind a dot: `/report.json`.
    pub const REPORT: &str = "/report";
    /// Version of a Prometheus.
    pub const BUILD_INFO: &str = "/api/v1/status/buildinfo";
}

/// Label names of our series.
pub mod label {
    /// Declares labels and the list of them all in one table.
    macro_rules! table {
        ($($const:ident = $name:literal $meaning:literal;)+) => {
            $(
                #[doc = $meaning]
                pub const $const: &str = $name;
            )+

            /// Every label with its meaning.
            pub const ALL: &[(&str, &str)] = &[$(($const, $meaning)),+];
        };
    }

    table! {
        NODE = "node" "name of the Kubernetes node; empty for a list that is requested once for all nodes";
        ENDPOINT = "endpoint" "source of the scrape";
        REASON = "reason" "cause of a failed scrape, or of a line or sample that was left out";
        NAMESPACE = "namespace" "Kubernetes namespace";
        RESOURCE = "resource" "`cpu`, `memory` or, for pressure, `io`";
        KIND = "kind" "`waiting`: some tasks stall; `stalled`: all of them do";
        BOUND = "bound" "the expected value, or an end of its prediction interval";
        MODEL = "model" "name of the forecast model";
        ACTION = "action" "recommended action";
        SINK = "sink" "receiver of reports: `slack`, `webhook`, `grafana` or `pushgateway`";
        BASIS = "basis" "data that the report on removable nodes is based on";
        THRESHOLD = "threshold" "`high` or `low`";
        VERSION = "version" "release of the program";
        REVISION = "revision" "source revision that the program was built from";
    }
}

/// Declares [`Reason`] in one table: variant, label value, meaning, next step.
macro_rules! reasons {
    ($($variant:ident = $label:literal $meaning:literal => $next_step:expr;)+) => {
        /// The reason why a scrape, or part of one, was discarded: the label `reason`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $meaning] $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the label value.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            /// Returns what happened, as the beginning of a sentence that [`Self::next_step`] ends.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }

            /// Returns what to do about it.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next_step),+ }
            }
        }
    };
}

const CHECK_PATH: &str =
    "check proxies on the path; the exporter's log on that node has the details";

reasons! {
    Credentials = "credentials"
        "the service-account token or CA file cannot be read"
        => "check the mount, --token-file and --ca-file of the exporter";
    Connect = "connect"
        "no connection to the API server or kubelet (refused, unreachable, reset, name not found)"
        => "check that the API server or kubelet runs, --api-server, and NetworkPolicies on the way to it";
    Tls = "tls"
        "the TLS handshake failed (wrong CA, wrong name, or expired)"
        => "the exporter's log names the CA or host name that did not match; check --ca-file and --kubelet-ca-file";
    Timeout = "timeout"
        "the API server or kubelet answers too slowly or not at all"
        => "check the load of the API server or kubelet and the network, then --request-timeout";
    Unauthorized = "unauthorized"
        "the token is not accepted, even after reading it again (401)"
        => "check that the exporter's service account exists and that its token is mounted";
    Forbidden = "forbidden"
        "RBAC refuses the request (403)"
        => "check that the ClusterRole is the one of this version and bound to the exporter's service account";
    NotFound = "not_found"
        "the API server knows no such node (404)"
        => "check --node-name, or whether the node was removed";
    AdmissionDenied = "admission_denied"
        "an admission policy refuses the request (422)"
        => "check that the policy is the one of this version, and that the token is bound to the pod";
    RateLimited = "rate_limited"
        "the API server limits requests (429)"
        => "check the API server's load and its priority and fairness settings";
    Unavailable = "unavailable"
        "the API server is not ready, or cannot reach the kubelet (503)"
        => "run `kubectl get nodes` and `kubectl get --raw /readyz`";
    HttpStatus = "http_status"
        "the answer has another status than 200"
        => "the exporter's log on that node names the status";
    Protocol = "protocol"
        "the answer violates HTTP"
        => CHECK_PATH;
    ContentType = "content_type"
        "the body has another type than requested"
        => CHECK_PATH;
    Encoding = "encoding"
        "the body has an encoding that was not requested, or its gzip data is corrupt"
        => CHECK_PATH;
    Truncated = "truncated"
        "the body ended early"
        => CHECK_PATH;
    TooLarge = "too_large"
        "the body is larger than any real one"
        => CHECK_PATH;
    Json = "json"
        "the body is not the JSON object that was requested"
        => CHECK_PATH;
    NoAddress = "no_address"
        "the node object has no address of --kubelet-address-types to reach its kubelet at"
        => "name a type of its status.addresses: `kubectl get node NODE -o jsonpath='{.status.addresses}'`";
    NoSamples = "no_samples"
        "the body is complete and has no sample of the node"
        => "check the kubelet's log on that node";
    KubeletError = "kubelet_error"
        "the kubelet reports that it could not collect (scrape_error 1)"
        => "check the kubelet's log on that node";
    MalformedLine = "malformed_line"
        "a line violates the text format, in a family that is read"
        => CHECK_PATH;
    OverlongLine = "overlong_line"
        "a line is longer than 64 KiB"
        => CHECK_PATH;
    ValueSample = "value_sample"
        "a value is NaN, infinite, negative or above 2^53, or a node uses no CPU or memory at all"
        => "check the kubelet's log on that node";
    TimestampSample = "timestamp_sample"
        "a timestamp is missing where others have one, zero, negative, or more than an hour ahead"
        => "compare the clocks of the node and of the exporter's node";
    BackwardSample = "backward_sample"
        "a sample is older than the one before it"
        => "if the count keeps rising, check the node's clock";
    DuplicateSample = "duplicate_sample"
        "a series that must be single has a second sample; the newer one counts, of equals the first"
        => "if the count keeps rising, check the kubelet's log on that node";
    UnlabelledSample = "unlabelled_sample"
        "cAdvisor answers without container labels, so a container's sample has no owner"
        => "check that the kubelet reaches the container runtime";
    ImplausibleSample = "implausible_sample"
        "a rate is above what the machine has"
        => "if the count keeps rising, check the node's clock";
    ResetSample = "reset_sample"
        "a counter fell after a restart or reboot; the next interval counts again"
        => "nothing to do";
}

impl Reason {
    /// Returns whether only a line or sample was left out, of a scrape that went on. Any
    /// other reason fails the whole scrape and counts once.
    pub fn is_partial(self) -> bool {
        self.name().ends_with("_line") || self.name().ends_with("_sample")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn label_values_are_distinct() {
        let mut seen = HashSet::new();
        let all = Reason::ALL
            .iter()
            .map(|r| r.name())
            .chain(Endpoint::ALL.iter().map(|e| e.name()));
        for label in all {
            assert!(seen.insert(label), "{label} twice");
            assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
