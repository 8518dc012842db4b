//! The chart's values: types, defaults and comments, each written once.
//!
//! From these types come values.yaml with its comments, values.schema.json and
//! the table in the chart's README (all in [`crate::documents`]); the objects
//! in [`crate::objects`] are built from them. Defaults and environments are rooms
//! of their own behind this one.

use std::collections::BTreeMap;

use contract::{AgentMode, ExporterMode, FleetView, LogLevel, PodPhase, ReportFormat, Via};
use forecast::Choice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

mod defaults;
mod environments;
mod word;

pub use word::{PullPolicy, Vocabulary, Word};

/// A duration as both Prometheus and the programs read it.
pub const DURATION: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
/// RFC 1123 label: what a namespace may be called.
pub const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// A Service's name must start with a letter: RFC 1035 label, or nothing.
pub const PREFIX_OR_EMPTY: &str = "^([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$";
/// RFC 1123 label, or nothing.
pub const DNS_LABEL_OR_EMPTY: &str = "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$";
/// RFC 1123 subdomain, or nothing.
pub const DNS_NAME_OR_EMPTY: &str = "^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$";
/// RFC 1123 subdomain.
pub const DNS_NAME: &str = "^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$";
/// A label's value.
pub const LABEL_VALUE: &str = "^([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$";
/// A repository: registry, path, name; no tag, no digest.
pub const REPOSITORY: &str = "^[A-Za-z0-9]([-._A-Za-z0-9]*)(:[0-9]+)?(/[a-z0-9]([-._a-z0-9]*))*$";
/// A tag, or nothing.
pub const TAG: &str = "^([A-Za-z0-9_][-._A-Za-z0-9]{0,127})?$";
/// A digest, or nothing.
pub const DIGEST: &str = "^(sha256:[0-9a-f]{64})?$";
/// Five fields, or a name such as @hourly.
pub const SCHEDULE: &str = "^(@[a-z]+|[^ ]+( [^ ]+){4})$";
/// An http or https URL without anything that needs quoting.
pub const URL: &str = "^https?://[^ \"'{}\\\\]+$";
/// An http or https URL, or nothing.
pub const URL_OR_EMPTY: &str = "^(https?://[^ \"'{}\\\\]+)?$";

/// Path of a file.
pub const FILE: &str = "^(/[-._A-Za-z0-9]+)+$";
/// An amount of memory as Kubernetes writes it.
pub const MEMORY: &str = "^[1-9][0-9]*([KMG]i?)?$";
/// Name of an environment variable.
pub const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// A map of free form, passed on as it is: `affinity`, `resources` and the like.
pub type Object = Map<String, Value>;
/// Labels or annotations.
pub type Strings = BTreeMap<String, String>;

/// Values of the chart binbots-k8s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Values {
    /// Values shared with a parent chart; this chart reads none of them.
    pub global: Object,
    /// Replaces binbots-k8s in the label app.kubernetes.io/name.
    #[schemars(regex(pattern = DNS_LABEL_OR_EMPTY))]
    pub name_override: String,
    /// Replaces k8s-ai at the start of every object's name (k8s-ai-exporter,
    /// k8s-ai-agent); longer than 45 characters it is cut. Needed only to
    /// install the chart twice in one cluster.
    #[schemars(regex(pattern = PREFIX_OR_EMPTY))]
    pub fullname_override: String,
    /// Namespace of every object, whatever `helm --namespace` says.
    #[schemars(regex(pattern = DNS_LABEL))]
    pub namespace: String,
    /// Render the Namespace too. It is kept by `helm uninstall`: other releases
    /// live in it. Stay with what was chosen: Helm cannot roll back over a change.
    pub create_namespace: bool,
    /// Labels on every object, not on pods.
    #[schemars(extend("properties" = reserved_labels()))]
    pub common_labels: Strings,
    /// Secrets to pull the images with: `[{name: my-secret}]`.
    pub image_pull_secrets: Vec<Object>,
    /// Images of the two programs.
    pub image: Images,
    /// The exporter: a pod on each node, or a few for all.
    pub exporter: Exporter,
    /// The agent, a CronJob or a Deployment.
    pub agent: Agent,
    /// Service accounts, one for each program.
    pub service_account: ServiceAccounts,
    /// The exporter's ClusterRole and its binding.
    pub rbac: Rbac,
    /// Limits on nodes/proxy requests of the exporter's service account through the API server.
    pub admission_policy: AdmissionPolicy,
    /// Service in front of the exporter.
    pub service: Service,
    /// Connections that the pods may accept and make.
    pub network_policy: NetworkPolicy,
    /// How the Prometheus Operator finds and scrapes the exporter.
    pub service_monitor: ServiceMonitor,
    /// Recording rules and alerts.
    pub prometheus_rule: PrometheusRule,
    /// ConfigMap from which Grafana's sidecar loads the dashboard.
    pub grafana_dashboard: GrafanaDashboard,
}

/// Images of the two programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Image of the exporter.
    pub exporter: Image,
    /// Image of the agent.
    pub agent: Image,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Registry, path and name, without a tag.
    #[schemars(regex(pattern = REPOSITORY))]
    pub repository: String,
    /// Tag; empty: v and the chart's appVersion.
    #[schemars(regex(pattern = TAG))]
    pub tag: String,
    /// Digest, as sha256:…; it wins over the tag.
    #[schemars(regex(pattern = DIGEST))]
    pub digest: String,
    /// When the kubelet pulls the image.
    pub pull_policy: Word<PullPolicy>,
}

/// The exporter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = a_source()))]
pub struct Exporter {
    /// daemonset: a pod on each node, which reads that node. statefulset: `allNodes.shards` pods
    /// share all nodes, for clusters where no DaemonSet can run. standalone: one pod reads all
    /// nodes and keeps a history, which the agent asks; nothing is made for Prometheus or Grafana.
    pub mode: Word<ExporterMode>,
    /// How the kubelets are read. kubelet: at their own port, with the permission nodes/metrics,
    /// which reads metrics and nothing else: recommended wherever their serving certificates
    /// are signed by an authority that the pods have (`manifestgen preflight` checks). proxy:
    /// through the API server, which works in every cluster, with nodes/proxy: a stolen token
    /// runs commands in every pod of each node whose port 10250 it reaches, admission policy or not.
    pub via: Word<Via>,
    /// With via kubelet: file with the authorities of the kubelets' certificates.
    #[schemars(regex(pattern = FILE))]
    pub kubelet_ca_file: String,
    /// What differs where the pods are not on the nodes that they read.
    pub all_nodes: AllNodes,
    /// Time between two rounds of scrapes.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub scrape_interval: String,
    /// Read the kubelet's /metrics/resource, the cheap source of CPU and memory.
    pub enable_kubelet: bool,
    /// Read cAdvisor's metrics: throttling, OOM kills, pressure. They are a hundred times as
    /// large: turn it off where a pod reads many nodes.
    pub enable_cadvisor: bool,
    /// Time between two readings of cAdvisor.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub cadvisor_interval: String,
    /// Add CPU and memory by namespace.
    pub enable_namespace_metrics: bool,
    /// Pods in these phases do not count as active.
    pub exclude_phases: Vec<Word<PodPhase>>,
    /// Series kept in memory for range queries; 0s is off. Mode standalone has its own,
    /// `allNodes.history`.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub history: String,
    /// What to log.
    pub log_level: Word<LogLevel>,
    /// More arguments, as in `["--request-timeout=20s"]`.
    pub extra_args: Vec<String>,
    /// Volumes of the pods, such as a Secret with a web configuration and a certificate.
    pub volumes: Vec<Object>,
    /// Where the container has them. With extraArgs `--web-config-file=/etc/web/web.yml` the
    /// port speaks TLS; then probes and serviceMonitor have the scheme to follow.
    pub volume_mounts: Vec<Object>,
    /// More environment variables: name and value.
    #[schemars(extend("properties" = refused(&["NODE_NAME", "POD_INDEX", "HISTORY_MEMORY"]), "propertyNames" = json!({"pattern": VARIABLE})))]
    pub env: Strings,
    /// With mode daemonset: requests and limits. A round uses a few MiB and milliseconds; the
    /// limits are there for the day on which something is wrong.
    pub resources: Object,
    /// Where the pods run: the images hold Linux programs.
    pub node_selector: Strings,
    /// With mode daemonset: everything is tolerated, so that no node is missing.
    pub tolerations: Vec<Object>,
    /// With mode daemonset: nodes without a kubelet of their own are left out, as Fargate's and
    /// virtual kubelets.
    pub affinity: Object,
    /// PriorityClass of the pods; empty: the cluster's default. Some clusters allow
    /// system-node-critical in kube-system only.
    #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
    pub priority_class_name: String,
    /// With mode daemonset: how the pods are replaced by those of a new version.
    pub update_strategy: Object,
    /// Old revisions that `kubectl rollout undo` can go back to.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub revision_history_limit: i32,
    /// Seconds that a pod has to leave before it is killed.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub termination_grace_period_seconds: i64,
    /// More labels on the pods.
    #[schemars(extend("properties" = reserved_labels()))]
    pub pod_labels: Strings,
    /// Annotations on the pods.
    pub pod_annotations: Strings,
    /// Security context of the pods: the restricted Pod Security Standard.
    pub pod_security_context: Object,
    /// Security context of the container: the restricted Pod Security Standard.
    pub security_context: Object,
    /// When the kubelet restarts the container. /livez does not depend on the API
    /// server: an outage there restarts nothing.
    pub liveness_probe: Object,
    /// When the pod counts as ready: /readyz is OK while a core series is published.
    pub readiness_probe: Object,
}

/// An exporter for all nodes: modes statefulset and standalone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllNodes {
    /// With mode statefulset: pods among which the nodes are divided. One is enough for
    /// thousands of nodes without cAdvisor.
    #[schemars(range(min = 1, max = 1000))]
    pub shards: i32,
    /// With mode statefulset: let a drain take no more than one of the pods at a time, by a
    /// PodDisruptionBudget.
    pub disruption_budget: bool,
    /// With mode standalone: how much of the series is kept for the agent; no less than it
    /// looks back.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub history: String,
    /// With mode standalone: memory that the history may take; 64Mi are six hours of 2,600 nodes.
    #[schemars(regex(pattern = MEMORY))]
    pub history_memory: String,
    /// Requests and limits: the memory of the history comes on top of some MiB for 5,000 nodes.
    pub resources: Object,
    /// Taints that are tolerated.
    pub tolerations: Vec<Object>,
    /// Affinity of the pods.
    pub affinity: Object,
}

/// How Prometheus reaches the agent's port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentEndpoint {
    /// http or https, which the agent speaks with a web configuration; empty: http.
    #[schemars(regex(pattern = "^(https?)?$"))]
    pub scheme: String,
    /// Whom Prometheus trusts, and the certificate it shows.
    pub tls_config: Object,
    /// Keys of Secrets with user and password.
    pub basic_auth: Object,
    /// Instead, key of a Secret with a bearer token.
    pub authorization: Object,
}

/// The agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Agent {
    /// Run the agent.
    pub enabled: bool,
    /// cronjob: a report on a schedule, in the job's log. deployment: one pod that stays,
    /// reports every `every`, and serves the newest report to Prometheus and to browsers.
    pub mode: Word<AgentMode>,
    /// With mode deployment: time from one report to the next.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub every: String,
    /// With mode cronjob: pods among which the nodes are divided, for fleets larger than
    /// one process should hold. Each reports on its share; the fleet view needs 1.
    #[schemars(range(min = 1, max = 10_000))]
    pub shards: i32,
    /// With mode cronjob: when it runs, in cron's five fields.
    #[schemars(regex(pattern = SCHEDULE))]
    pub schedule: String,
    /// Time zone of the schedule, such as Europe/Berlin; empty: that of the cluster's controller.
    #[schemars(regex(pattern = "^[-+_/A-Za-z0-9]*$"))]
    pub time_zone: String,
    /// Pause the schedule.
    pub suspend: bool,
    /// Where to ask; empty: `http://prometheus-operated.NAMESPACE.svc:9090`, which the
    /// Prometheus Operator makes whatever its release is called; with exporter.mode standalone
    /// the exporter.
    #[schemars(regex(pattern = URL_OR_EMPTY))]
    pub prometheus_url: String,
    /// Minutes to look back.
    #[schemars(range(min = 1, max = 5_000_000))]
    pub lookback_minutes: i64,
    /// Minutes to look ahead.
    #[schemars(range(min = 1, max = 5_000_000))]
    pub forecast_minutes: i64,
    /// Time between two points.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub step: String,
    /// PromQL for the cores used, with a label node.
    #[schemars(length(min = 1))]
    pub cpu_query: String,
    /// PromQL for the bytes used, with a label node.
    #[schemars(length(min = 1))]
    pub memory_query: String,
    /// What continues the series; auto: whichever did best on the series itself.
    pub model: Word<Choice>,
    /// Percent of what comes that should lie within a forecast's interval.
    #[schemars(range(min = 10, max = 99))]
    pub interval_percent: i32,
    /// Percent of allocatable above which a forecast's upper bound asks for more.
    #[schemars(range(min = 1, max = 100))]
    pub high_percent: i32,
    /// Percent of allocatable under which a forecast's mean asks for less: less than
    /// highPercent.
    #[schemars(range(min = 0, max = 99))]
    pub low_percent: i32,
    /// auto: say which nodes could be removed. off: do not look.
    pub fleet: Word<FleetView>,
    /// Nodes that the fleet keeps whatever is free.
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_nodes: i32,
    /// Form of the report in the log.
    pub format: Word<ReportFormat>,
    /// More arguments, as in `["--explain"]`.
    pub extra_args: Vec<String>,
    /// Volumes of the pods, such as a Secret with the URL of a Slack webhook.
    pub volumes: Vec<Object>,
    /// Where the container has them: arguments and variables name files, never secrets.
    pub volume_mounts: Vec<Object>,
    /// More environment variables: name and value.
    #[schemars(extend("properties" = refused(&["PROMETHEUS_URL", "LOOKBACK_MINUTES", "FORECAST_MINUTES", "STEP", "CPU_QUERY", "MEM_QUERY", "MODEL", "INTERVAL", "HIGH_PERCENT", "LOW_PERCENT", "FLEET", "KEEP_NODES", "FORMAT", "SHARDS"]), "propertyNames" = json!({"pattern": VARIABLE})))]
    pub env: Strings,
    /// Seconds after its time in which a missed run may still start.
    #[schemars(range(min = 10, max = 2_147_483_647))]
    pub starting_deadline_seconds: i64,
    /// Seconds after which a run is ended.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub active_deadline_seconds: i64,
    /// Times that a failed run is tried again.
    #[schemars(range(min = 0, max = 1000))]
    pub backoff_limit: i32,
    /// Seconds for which a finished run and its log are kept.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: i32,
    /// Successful runs kept.
    #[schemars(range(min = 0, max = 1000))]
    pub successful_jobs_history_limit: i32,
    /// Failed runs kept.
    #[schemars(range(min = 0, max = 1000))]
    pub failed_jobs_history_limit: i32,
    /// Requests and limits.
    pub resources: Object,
    /// Where the pods run: the images hold Linux programs.
    pub node_selector: Strings,
    /// Taints that are tolerated.
    pub tolerations: Vec<Object>,
    /// Affinity of the pods.
    pub affinity: Object,
    /// PriorityClass of the pods; empty: the cluster's default.
    #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
    pub priority_class_name: String,
    /// More labels on the pods.
    #[schemars(extend("properties" = reserved_labels()))]
    pub pod_labels: Strings,
    /// Annotations on the pods.
    pub pod_annotations: Strings,
    /// Security context of the pods: the restricted Pod Security Standard.
    pub pod_security_context: Object,
    /// Security context of the container: the restricted Pod Security Standard.
    pub security_context: Object,
    /// With mode deployment: when the kubelet restarts the container. /livez does not depend
    /// on the backend.
    pub liveness_probe: Object,
    /// With mode deployment: when the pod counts as ready: /readyz is OK while there is a
    /// report that is new enough.
    pub readiness_probe: Object,
}

/// Service accounts, one for each program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccounts {
    /// Of the exporter, which asks the API server.
    pub exporter: ServiceAccount,
    /// Of the agent, which has no token and no permission: it needs none.
    pub agent: ServiceAccount,
}

/// One service account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// Create it.
    pub create: bool,
    /// Its name; empty: that of the program's object, or `default` where it is not created.
    #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
    pub name: String,
    /// Its annotations, such as a cloud's role.
    pub annotations: Strings,
}

/// The exporter's permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rbac {
    /// Create the ClusterRole and its binding.
    pub create: bool,
}

/// Limits on the exporter's requests through the API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionPolicy {
    /// Create the ValidatingAdmissionPolicy, where exporter.via is proxy: two metrics paths, no
    /// other port. It covers requests through the API server only; a kubelet's own port, 10250,
    /// holds the same token to RBAC alone, which lets nodes/proxy run commands in containers.
    pub enabled: bool,
    /// With exporter.mode daemonset: through the API server, also refuse other nodes than the
    /// pod's own. Turn it off for an exporter that is given `--node-name` with several nodes.
    pub own_node_only: bool,
}

/// The exporter's Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its annotations.
    pub annotations: Strings,
}

/// Connections that the pods may accept and make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Create NetworkPolicies: the pods accept connections to their metrics ports only, and make
    /// those that are listed here; with exporter.via kubelet the exporter also to port 10250,
    /// the agent also to the port of agent.prometheusUrl. They bind these pods: a stolen token
    /// that is used elsewhere is not affected.
    pub enabled: bool,
    /// Peers that may connect, in NetworkPolicy's form; empty: every one. With exporter.mode
    /// standalone the agent may connect to the exporter as well.
    pub from: Vec<Object>,
    /// Egress rules of the exporter, in NetworkPolicy's form: DNS and the usual ports of an API
    /// server; empty: none.
    pub exporter_egress: Vec<Object>,
    /// Egress rules of the agent: DNS, and 443 for sinks. Behind a Service most networks compare
    /// the port of the pod, not that of the URL.
    pub agent_egress: Vec<Object>,
}

/// The ServiceMonitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceMonitor {
    /// Create it; needs the Prometheus Operator's CRDs.
    pub enabled: bool,
    /// Value of the label release: the name of the kube-prometheus-stack's Helm release.
    #[schemars(regex(pattern = LABEL_VALUE))]
    pub release_label: String,
    /// More labels, where Prometheus selects by others.
    #[schemars(extend("properties" = reserved_labels()))]
    pub labels: Strings,
    /// Its annotations.
    pub annotations: Strings,
    /// Time between two scrapes; empty: exporter.scrapeInterval.
    #[schemars(regex(pattern = DURATION))]
    pub interval: String,
    /// Deadline of a scrape; empty: Prometheus's own.
    #[schemars(regex(pattern = DURATION))]
    pub scrape_timeout: String,
    /// http or https, which the exporter speaks with a web configuration; empty: http.
    #[schemars(regex(pattern = "^(https?)?$"))]
    pub scheme: String,
    /// Whom Prometheus trusts, and the certificate it shows, in the Operator's form:
    /// `{ca: {secret: {name: my-secret, key: ca.crt}}, serverName: exporter}`.
    pub tls_config: Object,
    /// Keys of Secrets with user and password:
    /// `{username: {name: my-secret, key: user}, password: {name: my-secret, key: password}}`.
    pub basic_auth: Object,
    /// Instead, key of a Secret with a bearer token: `{credentials: {name: my-secret, key: token}}`.
    pub authorization: Object,
    /// The same for the agent's port, with agent.mode deployment.
    pub agent: AgentEndpoint,
    /// Relabelings of targets.
    pub relabelings: Vec<Object>,
    /// Relabelings of samples.
    pub metric_relabelings: Vec<Object>,
    /// With exporter.mode daemonset: samples that a scrape may have; 0: no limit. An exporter has
    /// about 60, with namespace metrics two more for each namespace on its node.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub sample_limit: i64,
    /// Labels that a sample may have; 0: no limit.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub label_limit: i64,
}

/// Recording rules and alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusRule {
    /// Create it; needs the Prometheus Operator's CRDs.
    pub enabled: bool,
    /// Value of the label release: the name of the kube-prometheus-stack's Helm release.
    #[schemars(regex(pattern = LABEL_VALUE))]
    pub release_label: String,
    /// More labels, where Prometheus selects by others.
    #[schemars(extend("properties" = reserved_labels()))]
    pub labels: Strings,
    /// Time between two evaluations.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub interval: String,
    /// How long no exporter, or not every shard, may answer before BinbotsExporterDown fires.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub exporter_down_for: String,
    /// Seconds without a successful run before BinbotsAgentNotRun fires.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub agent_not_run_threshold_seconds: i64,
    /// Failed scrapes of one endpoint of a node in 15 minutes above which BinbotsScrapeErrors fires.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    pub scrape_errors_threshold: i64,
    /// What BinbotsNodeRunsOut draws its line through.
    #[schemars(regex(pattern = DURATION), length(min = 2))]
    pub predict_lookback: String,
    /// Seconds ahead at which BinbotsNodeRunsOut reads its line.
    #[schemars(range(min = 60, max = 1_000_000_000_i64))]
    pub predict_ahead_seconds: i64,
    /// Percent of allocatable above which a predicted usage makes BinbotsNodeRunsOut fire.
    #[schemars(range(min = 1, max = 1000))]
    pub predict_threshold_percent: i64,
    /// Page that explains the alerts; each alert adds its own anchor.
    #[schemars(regex(pattern = URL))]
    pub runbook_url: String,
    /// Which alerts to create.
    pub alerts: Alerts,
}

/// Which alerts to create.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Alerts {
    /// BinbotsExporterDown: no exporter answers, or not every shard, or Prometheus knows none.
    pub exporter_down: bool,
    /// BinbotsAgentNotRun: no successful run in time, or never one. Needs kube-state-metrics.
    pub agent_not_run: bool,
    /// BinbotsScrapeErrors: an exporter fails to read its node.
    pub scrape_errors: bool,
    /// BinbotsNodeRunsOut, with its recording rules: a node's CPU or memory is predicted
    /// to run out. Works without the agent.
    pub node_runs_out: bool,
}

/// The dashboard's ConfigMap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrafanaDashboard {
    /// Create it.
    pub enabled: bool,
    /// Its name.
    #[schemars(regex(pattern = DNS_NAME))]
    pub config_map_name: String,
    /// Grafana folder, as the annotation grafana_dashboard_folder; empty: the sidecar's default.
    pub folder: String,
    /// More labels, where the sidecar selects by others.
    #[schemars(extend("properties" = reserved_labels()))]
    pub labels: Strings,
}

/// Labels that the chart sets itself: given twice, a manifest would be refused.
/// Each is refused by its own name, which both Helms put into their message.
fn reserved_labels() -> Value {
    refused(&[
        "app",
        "release",
        "grafana_dashboard",
        "helm.sh/chart",
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/version",
        "app.kubernetes.io/component",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/managed-by",
    ])
}

fn refused(keys: &[&str]) -> Value {
    keys.iter()
        .map(|key| ((*key).to_owned(), Value::Bool(false)))
        .collect::<Object>()
        .into()
}

/// The exporter refuses to run without a source of usage: so does the chart.
fn a_source() -> Value {
    json!([
        {"properties": {"enableKubelet": {"const": true}}},
        {"properties": {"enableCadvisor": {"const": true}}},
    ])
}
