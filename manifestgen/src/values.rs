//! The chart's values: each with its type, bounds, comment and default in one place.
//!
//! From these types come values.yaml with its comments and values.schema.json (both in
//! [`crate::documents`]); the objects in [`crate::objects`] follow them.

use std::collections::BTreeMap;

use contract::{
    AgentMode, ExporterMode, FleetView, LogLevel, PodPhase, PullPolicy, ReportFormat, Via, limit,
    path, series,
};
use forecast::Choice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::chart;
use bounds::{
    DIGEST, DNS_LABEL, DNS_LABEL_OR_EMPTY, DNS_NAME, DNS_NAME_OR_EMPTY, DURATION, FILE,
    LABEL_VALUE, LEAST_PERCENT, MOST_PERCENT, PREFIX_OR_EMPTY, REPOSITORY, SCHEDULE,
    SCHEME_OR_EMPTY, SPAN_MINUTES, TAG, TIME_ZONE, URL, VARIABLE,
};

mod bounds;
mod environments;
mod word;

pub use word::{Vocabulary, Word};

/// A map of free form, passed on as it is: `affinity`, `resources` and the like.
pub type Object = Map<String, Value>;
/// Labels or annotations.
pub type Strings = BTreeMap<String, String>;

/// Largest whole number that JSON readers keep exact.
const EXACT: i64 = 9_007_199_254_740_991;

/// Declares groups of values: `name: type = default`, under comment and bounds.
macro_rules! values {
    ($(
        $(#[$of_group:meta])*
        $group:ident { $( $(#[$of_value:meta])* $name:ident: $type:ty = $default:expr, )+ }
    )+) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $(#[$of_group])*
        pub struct $group { $( $(#[$of_value])* pub $name: $type, )+ }

        impl Default for $group {
            fn default() -> Self {
                Self { $( $name: $default, )+ }
            }
        }
    )+};
}

values! {
    /// Values of the chart binbots-k8s.
    Values {
        /// Values shared with a parent chart; this chart reads none of them.
        global: Object = Object::new(),
        /// Replaces binbots-k8s in the label app.kubernetes.io/name.
        #[schemars(regex(pattern = DNS_LABEL_OR_EMPTY))]
        name_override: String = empty(),
        /// Replaces k8s-ai at the start of every object's name (k8s-ai-exporter, k8s-ai-agent),
        /// with at most 45 characters. Needed only to install the chart twice in one cluster.
        #[schemars(regex(pattern = PREFIX_OR_EMPTY))]
        fullname_override: String = empty(),
        /// Namespace of every object, whatever `helm --namespace` says.
        #[schemars(regex(pattern = DNS_LABEL))]
        namespace: String = "monitoring".to_owned(),
        /// Render the Namespace too. It is kept by `helm uninstall`: other releases
        /// live in it. Stay with what was chosen: Helm cannot roll back over a change.
        create_namespace: bool = false,
        /// Labels on every object, not on pods.
        common_labels: Strings = Strings::new(),
        /// Secrets to pull the images with: `[{name: my-secret}]`.
        image_pull_secrets: Vec<Object> = Vec::new(),
        /// Images of the two programs.
        image: Images = Images::default(),
        /// The exporter: a pod on each node, or a few for all.
        exporter: Exporter = Exporter::default(),
        /// The agent, a CronJob or a Deployment.
        agent: Agent = Agent::default(),
        /// Service accounts, one for each program.
        service_account: ServiceAccounts = ServiceAccounts::default(),
        /// The exporter's ClusterRole and its binding.
        rbac: Rbac = Rbac::default(),
        /// Limits on nodes/proxy requests of the exporter's service account through the API server.
        admission_policy: AdmissionPolicy = AdmissionPolicy::default(),
        /// Service in front of the exporter.
        service: Service = Service::default(),
        /// Connections that the pods may accept and make.
        network_policy: NetworkPolicy = NetworkPolicy::default(),
        /// How the Prometheus Operator finds and scrapes the exporter.
        service_monitor: ServiceMonitor = ServiceMonitor::default(),
        /// Recording rules and alerts.
        prometheus_rule: PrometheusRule = PrometheusRule::default(),
        /// ConfigMap from which Grafana's sidecar loads the dashboard.
        grafana_dashboard: GrafanaDashboard = GrafanaDashboard::default(),
    }

    /// Images of the two programs.
    Images {
        /// Image of the exporter.
        exporter: Image = Image::of("k8s-ai-exporter"),
        /// Image of the agent.
        agent: Image = Image::of("k8s-ai-agent"),
    }

    /// One image.
    Image {
        /// Registry, path and name, without a tag.
        #[schemars(regex(pattern = REPOSITORY))]
        repository: String = empty(),
        /// Tag; empty: v and the chart's appVersion.
        #[schemars(regex(pattern = TAG))]
        tag: String = empty(),
        /// Digest, as sha256:…; it wins over the tag.
        #[schemars(regex(pattern = DIGEST))]
        digest: String = empty(),
        /// When the kubelet pulls the image.
        pull_policy: Word<PullPolicy> = PullPolicy::IfNotPresent.into(),
    }

    /// The exporter.
    #[schemars(extend("anyOf" = a_source()))]
    Exporter {
        /// daemonset: a pod on each node, which reads that node. statefulset: `allNodes.shards` pods
        /// share all nodes, for clusters where no DaemonSet can run. standalone: one pod reads all
        /// nodes and keeps a history, which the agent asks; nothing is made for Prometheus or Grafana.
        mode: Word<ExporterMode> = ExporterMode::Daemonset.into(),
        /// How the kubelets are read. kubelet: at their own port, with the permission nodes/metrics,
        /// which reads metrics and nothing else: recommended wherever their serving certificates
        /// are signed by an authority that the pods have (`manifestgen preflight` checks). proxy:
        /// through the API server, which works in every cluster, with nodes/proxy: a stolen token
        /// runs commands in every pod of each node whose port 10250 it reaches, admission policy or not.
        via: Word<Via> = Via::Proxy.into(),
        /// With via kubelet: file with the authorities of the kubelets' certificates.
        #[schemars(regex(pattern = FILE))]
        kubelet_ca_file: String = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt".to_owned(),
        /// What differs where the pods are not on the nodes that they read.
        all_nodes: AllNodes = AllNodes::default(),
        /// Time between two rounds of scrapes.
        #[schemars(transform = bounds::within(&limit::SCRAPE_INTERVAL))]
        scrape_interval: String = "30s".to_owned(),
        /// Read the kubelet's /metrics/resource, the cheap source of CPU and memory.
        enable_kubelet: bool = true,
        /// Read cAdvisor's metrics: throttling, OOM kills, pressure. They are a hundred times as
        /// large: turn it off where a pod reads many nodes.
        enable_cadvisor: bool = true,
        /// Time between two readings of cAdvisor.
        #[schemars(transform = bounds::within(&limit::SCRAPE_INTERVAL))]
        cadvisor_interval: String = "60s".to_owned(),
        /// Add CPU and memory by namespace.
        enable_namespace_metrics: bool = false,
        /// Pods in these phases do not count as active.
        exclude_phases: Vec<Word<PodPhase>> = vec![PodPhase::Succeeded.into(), PodPhase::Failed.into()],
        /// Series kept in memory for range queries; 0s is off. Mode standalone has its
        /// own, `allNodes.history`.
        #[schemars(transform = bounds::within(&limit::HISTORY))]
        history: String = "0s".to_owned(),
        /// What to log.
        log_level: Word<LogLevel> = LogLevel::Info.into(),
        /// With mode daemonset: how the pods are replaced by those of a new version.
        update_strategy: Object =
            object(json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}})),
        /// Old revisions that `kubectl rollout undo` can go back to.
        #[schemars(range(min = 0, max = i32::MAX))]
        revision_history_limit: i32 = 10,
        /// Seconds that a pod has to stop before it is killed.
        #[schemars(range(min = 0, max = i32::MAX))]
        termination_grace_period_seconds: i64 = 10,
        /// Used with mode daemonset.
        #[serde(flatten)]
        placement: Placement = Placement {
            resources: resources(("50m", "32Mi"), ("300m", "128Mi")),
            // No node is to be missing.
            tolerations: vec![object(json!({"operator": "Exists"}))],
            // Without a kubelet of its own: Fargate and virtual kubelets.
            affinity: object(json!({"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [
                        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]},
                        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]},
                    ]},
                ]},
            }})),
        },
        /// Settings of the pods in every mode.
        #[serde(flatten)]
        pod: PodSettings = PodSettings::default(),
    }

    /// An exporter for all nodes: modes statefulset and standalone.
    AllNodes {
        /// With mode statefulset: pods among which the nodes are divided. One is enough for
        /// thousands of nodes without cAdvisor.
        #[schemars(transform = bounds::range(&limit::SHARDS))]
        shards: i32 = 1,
        /// With mode statefulset: let a drain take no more than one of the pods at a time, by a
        /// PodDisruptionBudget.
        disruption_budget: bool = true,
        /// With mode standalone: how much of the series is kept for the agent; no less than it
        /// looks back.
        #[schemars(transform = bounds::within(&limit::HISTORY))]
        history: String = "6h".to_owned(),
        /// With mode standalone: memory that the history may take; 64Mi are six hours of 2,600
        /// nodes. It comes on top of some MiB for 5,000 nodes.
        #[schemars(transform = bounds::memory(&limit::HISTORY_MEMORY))]
        history_memory: String = "64Mi".to_owned(),
        /// Used in place of the exporter's.
        #[serde(flatten)]
        placement: Placement = Placement {
            resources: resources(("100m", "64Mi"), ("1", "256Mi")),
            ..Placement::default()
        },
    }

    /// What a pod needs of a node.
    Placement {
        /// Requests and limits: far above what is used, for the day on which something is wrong.
        resources: Object = Object::new(),
        /// Taints that are tolerated. The exporter's DaemonSet tolerates everything by default, so
        /// that no node is missing.
        tolerations: Vec<Object> = Vec::new(),
        /// Affinity of the pods. By default the exporter's DaemonSet leaves out nodes without a
        /// kubelet of their own, as Fargate's and virtual kubelets.
        affinity: Object = Object::new(),
    }

    /// Settings of the pods of either program.
    PodSettings {
        /// More arguments, as in `["--flag=value"]`.
        extra_args: Vec<String> = Vec::new(),
        /// More environment variables: name and value.
        #[schemars(extend("propertyNames" = json!({"pattern": VARIABLE})))]
        env: Strings = Strings::new(),
        /// Volumes of the pods, such as a Secret with a web configuration, a certificate or the URL
        /// of a webhook.
        volumes: Vec<Object> = Vec::new(),
        /// Where the container has them: arguments and variables name files, never secrets. With
        /// extraArgs `--web-config-file=/etc/web/web.yml` the port serves TLS; then the probes and
        /// serviceMonitor need the scheme too.
        volume_mounts: Vec<Object> = Vec::new(),
        /// Where the pods run: the images hold Linux programs.
        node_selector: Strings = strings(&[("kubernetes.io/os", "linux")]),
        /// PriorityClass of the pods; empty: the cluster's default. Some clusters allow
        /// system-node-critical in kube-system only.
        #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
        priority_class_name: String = empty(),
        /// More labels on the pods.
        pod_labels: Strings = Strings::new(),
        /// Annotations on the pods.
        pod_annotations: Strings = Strings::new(),
        /// Security context of the pods: the restricted Pod Security Standard.
        pod_security_context: Object = object(json!({
            "runAsNonRoot": true,
            // The user `nonroot` of distroless images.
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        })),
        /// Security context of the container: the restricted Pod Security Standard.
        security_context: Object = object(json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        })),
        /// When the kubelet restarts the container. /livez depends neither on the API server nor on
        /// the backend: an outage there restarts nothing. Not used by a CronJob.
        liveness_probe: Object = probe(path::LIVEZ, 20),
        /// When the pod counts as ready: /readyz is OK while the exporter publishes a core series,
        /// or the agent has a report that is new enough. Not used by a CronJob.
        readiness_probe: Object = probe(path::READYZ, 10),
    }

    /// The agent.
    Agent {
        /// Run the agent.
        enabled: bool = true,
        /// cronjob: a report on a schedule, in the job's log. deployment: one pod that stays,
        /// reports every `every`, and serves the newest report to Prometheus and to browsers.
        mode: Word<AgentMode> = AgentMode::Cronjob.into(),
        /// With mode deployment: time from one report to the next.
        #[schemars(transform = bounds::within(&limit::EVERY))]
        every: String = "10m".to_owned(),
        /// With mode cronjob: pods among which the nodes are divided, for fleets larger than
        /// one process should hold. Each reports on its share; the fleet view needs 1.
        #[schemars(transform = bounds::range(&limit::SHARDS))]
        shards: i32 = 1,
        /// With mode cronjob: when it runs, in cron's five fields.
        #[schemars(regex(pattern = SCHEDULE))]
        schedule: String = "*/10 * * * *".to_owned(),
        /// Time zone of the schedule, such as Europe/Berlin; empty: that of the cluster's controller.
        #[schemars(regex(pattern = TIME_ZONE))]
        time_zone: String = empty(),
        /// Pause the schedule.
        suspend: bool = false,
        /// Where to ask; empty: `http://prometheus-operated.NAMESPACE.svc:9090`, which the
        /// Prometheus Operator makes whatever its release is called; with exporter.mode standalone
        /// the exporter.
        #[schemars(regex(pattern = bounds::backend_url_or_empty()))]
        prometheus_url: String = empty(),
        /// Minutes to look back.
        #[schemars(range(min = 1, max = SPAN_MINUTES))]
        lookback_minutes: i64 = 120,
        /// Minutes to look ahead.
        #[schemars(range(min = 1, max = SPAN_MINUTES))]
        forecast_minutes: i64 = 30,
        /// Time between two points, in whole seconds; auto: the time between samples.
        #[schemars(transform = bounds::whole_seconds_or_auto(&limit::SPAN))]
        step: String = "60s".to_owned(),
        /// PromQL for the cores used, with a label node.
        #[schemars(length(min = 1))]
        cpu_query: String = series::CPU_USAGE.name.to_owned(),
        /// PromQL for the bytes used, with a label node.
        #[schemars(length(min = 1))]
        memory_query: String = series::MEMORY_USAGE.name.to_owned(),
        /// Forecast model; auto: the one selected for each series by backtest.
        model: Word<Choice> = Choice::Auto.into(),
        /// Nominal coverage of the prediction interval, in percent.
        #[schemars(transform = bounds::range(&limit::INTERVAL_PERCENT))]
        interval_percent: i32 = 80,
        /// Percent of allocatable above which a forecast's upper bound asks for more.
        #[schemars(range(min = LEAST_PERCENT + 1, max = MOST_PERCENT))]
        high_percent: i32 = 80,
        /// Percent of allocatable under which a forecast's mean asks for less: less than
        /// highPercent.
        #[schemars(range(min = LEAST_PERCENT, max = MOST_PERCENT - 1))]
        low_percent: i32 = 20,
        /// auto: say which nodes could be removed. off: do not look.
        fleet: Word<FleetView> = FleetView::Auto.into(),
        /// Minimum number of nodes to keep.
        #[schemars(transform = bounds::range(&limit::KEEP_NODES))]
        keep_nodes: i32 = 1,
        /// Format of the report in the log.
        format: Word<ReportFormat> = ReportFormat::Text.into(),
        /// Seconds after its time in which a missed run may still start.
        #[schemars(range(min = 10, max = i32::MAX))]
        starting_deadline_seconds: i64 = 120,
        /// Seconds after which a run is ended.
        #[schemars(range(min = 1, max = i32::MAX))]
        active_deadline_seconds: i64 = 240,
        /// Times that a failed run is tried again.
        #[schemars(range(min = 0, max = 1000))]
        backoff_limit: i32 = 1,
        /// Seconds for which a finished run and its log are kept.
        #[schemars(range(min = 0, max = i32::MAX))]
        ttl_seconds_after_finished: i32 = 86_400,
        /// Successful runs kept.
        #[schemars(range(min = 0, max = 1000))]
        successful_jobs_history_limit: i32 = 3,
        /// Failed runs kept.
        #[schemars(range(min = 0, max = 1000))]
        failed_jobs_history_limit: i32 = 3,
        /// What the pods need of a node.
        #[serde(flatten)]
        placement: Placement = Placement {
            resources: resources(("50m", "32Mi"), ("500m", "128Mi")),
            ..Placement::default()
        },
        /// Settings of the pods.
        #[serde(flatten)]
        pod: PodSettings = PodSettings::default(),
    }

    /// Service accounts, one for each program.
    ServiceAccounts {
        /// Of the exporter, which asks the API server.
        exporter: ServiceAccount = ServiceAccount::default(),
        /// Of the agent, which has no token and no permission: it needs none.
        agent: ServiceAccount = ServiceAccount::default(),
    }

    /// One service account.
    ServiceAccount {
        /// Create it.
        create: bool = true,
        /// Its name; empty: that of the program's object, or `default` where it is not created.
        #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
        name: String = empty(),
        /// Its annotations, such as a cloud's role.
        annotations: Strings = Strings::new(),
    }

    /// The exporter's permissions.
    Rbac {
        /// Create the ClusterRole and its binding.
        create: bool = true,
    }

    /// Limits on the exporter's requests through the API server.
    AdmissionPolicy {
        /// Create the ValidatingAdmissionPolicy, where exporter.via is proxy: two metrics paths, no
        /// other port. It covers requests through the API server only; a kubelet's own port, 10250,
        /// holds the same token to RBAC alone, which lets nodes/proxy run commands in containers.
        enabled: bool = true,
        /// With exporter.mode daemonset: through the API server, also refuse other nodes than the
        /// pod's own. Turn it off for an exporter that is given `--node-name` with several nodes.
        own_node_only: bool = true,
    }

    /// The exporter's Service.
    Service {
        /// Its annotations.
        annotations: Strings = Strings::new(),
    }

    /// Connections that the pods may accept and make.
    NetworkPolicy {
        /// Create NetworkPolicies: the pods accept connections to their metrics ports only, and make
        /// those that are listed here; with exporter.via kubelet the exporter also to port 10250,
        /// the agent also to the port of agent.prometheusUrl. They bind these pods: a stolen token
        /// that is used elsewhere is not affected.
        enabled: bool = false,
        /// Peers that may connect, in NetworkPolicy's form; empty: every one. With exporter.mode
        /// standalone the agent may connect to the exporter as well.
        from: Vec<Object> = Vec::new(),
        /// Egress rules of the exporter, in NetworkPolicy's form: DNS and the usual ports of an API
        /// server; empty: none.
        exporter_egress: Vec<Object> = vec![dns(), tcp(&[443, 6443])],
        /// Egress rules of the agent: DNS, and 443 for sinks. Behind a Service most networks compare
        /// the port of the pod, not that of the URL.
        agent_egress: Vec<Object> = vec![dns(), tcp(&[443])],
    }

    /// How Prometheus reaches a port.
    Access {
        /// http or https, which a program serves with a web configuration; empty: http.
        #[schemars(regex(pattern = SCHEME_OR_EMPTY))]
        scheme: String = empty(),
        /// The CAs that Prometheus trusts, and its client certificate, in the Operator's form:
        /// `{ca: {secret: {name: my-secret, key: ca.crt}}, serverName: exporter}`.
        tls_config: Object = Object::new(),
        /// Keys of Secrets with user and password:
        /// `{username: {name: my-secret, key: user}, password: {name: my-secret, key: password}}`.
        basic_auth: Object = Object::new(),
        /// Instead, key of a Secret with a bearer token: `{credentials: {name: my-secret, key: token}}`.
        authorization: Object = Object::new(),
    }

    /// The ServiceMonitor.
    ServiceMonitor {
        /// Create it; needs the Prometheus Operator's CRDs.
        enabled: bool = true,
        /// Value of the label release: the name of the kube-prometheus-stack's Helm release.
        #[schemars(regex(pattern = LABEL_VALUE))]
        release_label: String = "prometheus-stack".to_owned(),
        /// More labels, where Prometheus selects by others.
        labels: Strings = Strings::new(),
        /// Its annotations.
        annotations: Strings = Strings::new(),
        /// Time between two scrapes; empty: exporter.scrapeInterval.
        #[schemars(regex(pattern = DURATION))]
        interval: String = empty(),
        /// Deadline of a scrape; empty: Prometheus's own.
        #[schemars(regex(pattern = DURATION))]
        scrape_timeout: String = empty(),
        /// The exporter's port.
        #[serde(flatten)]
        access: Access = Access::default(),
        /// The same for the agent's port, with agent.mode deployment.
        agent: Access = Access::default(),
        /// Relabelings of targets.
        relabelings: Vec<Object> = Vec::new(),
        /// Relabelings of samples.
        metric_relabelings: Vec<Object> = Vec::new(),
        /// With exporter.mode daemonset: samples that a scrape may have; 0: no limit. An exporter has
        /// about 60, with namespace metrics two more for each namespace on its node.
        #[schemars(range(min = 0, max = EXACT))]
        sample_limit: i64 = 10_000,
        /// Labels that a sample may have; 0: no limit.
        #[schemars(range(min = 0, max = EXACT))]
        label_limit: i64 = 30,
    }

    /// Recording rules and alerts.
    PrometheusRule {
        /// Create it; needs the Prometheus Operator's CRDs.
        enabled: bool = true,
        /// Value of the label release: the name of the kube-prometheus-stack's Helm release.
        #[schemars(regex(pattern = LABEL_VALUE))]
        release_label: String = "prometheus-stack".to_owned(),
        /// More labels, where Prometheus selects by others.
        labels: Strings = Strings::new(),
        /// Time between two evaluations.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        interval: String = "30s".to_owned(),
        /// How long no exporter, or not every shard, may answer before BinbotsExporterDown fires.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        exporter_down_for: String = "5m".to_owned(),
        /// Seconds without a successful run before BinbotsAgentNotRun fires.
        #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
        agent_not_run_threshold_seconds: i64 = 1800,
        /// Failed scrapes of one endpoint of a node in 15 minutes above which BinbotsScrapeErrors fires.
        #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
        scrape_errors_threshold: i64 = 5,
        /// What BinbotsNodeRunsOut draws its line through.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        predict_lookback: String = "2h".to_owned(),
        /// Seconds ahead at which BinbotsNodeRunsOut reads its line.
        #[schemars(range(min = 60, max = 1_000_000_000))]
        predict_ahead_seconds: i64 = 3600,
        /// Percent of allocatable above which a predicted usage makes BinbotsNodeRunsOut fire.
        #[schemars(range(min = 1, max = 1000))]
        predict_threshold_percent: i64 = 100,
        /// Folder of the runbooks; the link of an alert is its page there, `NAME.md`.
        #[schemars(regex(pattern = URL))]
        runbook_url: String = chart::RUNBOOKS.to_owned(),
        /// Which alerts to create.
        alerts: Alerts = Alerts::default(),
    }

    /// Which alerts to create.
    Alerts {
        /// BinbotsExporterDown: no exporter answers, or not every shard, or Prometheus knows none.
        exporter_down: bool = true,
        /// BinbotsAgentNotRun: no successful run in time, or never one. Needs kube-state-metrics.
        agent_not_run: bool = true,
        /// BinbotsScrapeErrors: an exporter fails to read its node.
        scrape_errors: bool = true,
        /// BinbotsNodeRunsOut, with its recording rules: a node's CPU or memory is predicted
        /// to run out. Works without the agent.
        node_runs_out: bool = true,
    }

    /// The dashboard's ConfigMap.
    GrafanaDashboard {
        /// Create it.
        enabled: bool = true,
        /// Its name.
        #[schemars(regex(pattern = DNS_NAME))]
        config_map_name: String = "grafana-dashboard-binbots".to_owned(),
        /// Grafana folder, as the annotation grafana_dashboard_folder; empty: the sidecar's default.
        folder: String = "Kubernetes".to_owned(),
        /// More labels, where the sidecar selects by others.
        labels: Strings = Strings::new(),
    }
}

impl Image {
    fn of(program: &str) -> Self {
        Self {
            repository: format!("your-registry/{program}"),
            ..Self::default()
        }
    }
}

fn empty() -> String {
    String::new()
}

/// An object literal.
fn object(value: Value) -> Object {
    match value {
        Value::Object(map) => map,
        _ => Object::new(),
    }
}

/// A map of strings from pairs.
fn strings(pairs: &[(&str, &str)]) -> Strings {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn resources(requests: (&str, &str), limits: (&str, &str)) -> Object {
    object(json!({
        "requests": {"cpu": requests.0, "memory": requests.1},
        "limits": {"cpu": limits.0, "memory": limits.1},
    }))
}

fn probe(path: &str, period: u32) -> Object {
    object(json!({
        "httpGet": {"path": path, "port": chart::PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": 3,
    }))
}

/// An egress rule of a NetworkPolicy: these TCP ports, wherever they are.
fn tcp(ports: &[u16]) -> Object {
    let port = |port| json!({"port": port, "protocol": "TCP"});
    object(json!({"ports": ports.iter().map(port).collect::<Vec<_>>()}))
}

fn dns() -> Object {
    object(json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}))
}

/// The exporter refuses to run without a source of usage: so does the chart.
fn a_source() -> Value {
    json!([
        {"properties": {"enableKubelet": {"const": true}}},
        {"properties": {"enableCadvisor": {"const": true}}},
    ])
}
