//! The chart's values: each with its type, bounds, comment and default in one place.
//!
//! From these types come values.yaml with its comments and values.schema.json (both in
//! [`crate::documents`]); the objects in [`crate::objects`] follow them.

use std::collections::BTreeMap;

use contract::{
    AddressType, AgentMode, ExporterMode, FleetView, LogLevel, PodPhase, PullPolicy, ReportFormat,
    Via, limit, path, series,
};
use forecast::{Choice, MIN_POINTS};
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

/// A map without a schema of its own, such as `affinity` or `resources`.
pub type Object = Map<String, Value>;
/// Labels or annotations.
pub type Strings = BTreeMap<String, String>;

/// Largest integer that every JSON reader keeps exact.
const EXACT: i64 = 9_007_199_254_740_991;

/// Declares groups of values: `name: type = default`, after comment and bounds.
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
        /// Replaces k8s-ai at the start of every object's name (k8s-ai-exporter, k8s-ai-agent); at
        /// most 45 characters. Needed only to install the chart twice in one cluster.
        #[schemars(regex(pattern = PREFIX_OR_EMPTY))]
        fullname_override: String = empty(),
        /// Namespace of every object. `helm --namespace` only sets where the release is recorded.
        #[schemars(regex(pattern = DNS_LABEL))]
        namespace: String = "monitoring".to_owned(),
        /// Create the Namespace. `helm uninstall` keeps it, since other releases may use it. Do not
        /// change this value later: Helm cannot roll back over the change.
        create_namespace: bool = false,
        /// Labels of every object, not of pods.
        common_labels: Strings = Strings::new(),
        /// Secrets for pulling the images: `[{name: my-secret}]`.
        image_pull_secrets: Vec<Object> = Vec::new(),
        /// Images of the two programs.
        image: Images = Images::default(),
        /// The exporter: one pod on each node, or a few pods for all nodes.
        exporter: Exporter = Exporter::default(),
        /// The agent: a CronJob or a Deployment.
        agent: Agent = Agent::default(),
        /// Service accounts, one for each program.
        service_account: ServiceAccounts = ServiceAccounts::default(),
        /// ClusterRole and ClusterRoleBinding of the exporter.
        rbac: Rbac = Rbac::default(),
        /// Limits on nodes/proxy requests of the exporter's service account through the API server.
        admission_policy: AdmissionPolicy = AdmissionPolicy::default(),
        /// Services of the programs.
        service: Service = Service::default(),
        /// Connections that the pods may accept and open.
        network_policy: NetworkPolicy = NetworkPolicy::default(),
        /// ServiceMonitors: discovery and scraping by the Prometheus Operator.
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
        /// Tag; if empty, v followed by the chart's appVersion.
        #[schemars(regex(pattern = TAG))]
        tag: String = empty(),
        /// Digest, as sha256:…; takes precedence over the tag.
        #[schemars(regex(pattern = DIGEST))]
        digest: String = empty(),
        /// Pull policy of the image.
        pull_policy: Word<PullPolicy> = PullPolicy::IfNotPresent.into(),
    }

    /// The exporter.
    #[schemars(extend("anyOf" = a_source()))]
    Exporter {
        /// daemonset: one pod on each node, which reads that node. statefulset: `allNodes.shards`
        /// pods share all nodes, for clusters where no DaemonSet can run. standalone: one pod reads
        /// all nodes and keeps a history that the agent queries; no objects for Prometheus or
        /// Grafana are created.
        mode: Word<ExporterMode> = ExporterMode::Daemonset.into(),
        /// Access to the kubelets. kubelet: at their own port, with the permission nodes/metrics,
        /// which reads metrics and nothing else; recommended wherever the kubelets' serving
        /// certificates are signed by a CA that the pods have (`manifestgen preflight` checks it).
        /// proxy: through the API server, which works in every cluster but needs nodes/proxy: with
        /// or without the admission policy, a stolen token runs commands in every pod of each node
        /// whose port 10250 it reaches.
        via: Word<Via> = Via::Proxy.into(),
        /// With via kubelet: file with the CAs of the kubelets' certificates.
        #[schemars(regex(pattern = FILE))]
        kubelet_ca_file: String = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt".to_owned(),
        /// With via kubelet: types of the nodes' addresses to reach kubelets at, in order of
        /// preference. Names are resolved. A kubelet's certificate must name the address or the node.
        #[schemars(length(min = 1))]
        kubelet_address_types: Vec<Word<AddressType>> = vec![AddressType::InternalIp.into()],
        /// Settings of the modes statefulset and standalone, whose pods read all nodes.
        all_nodes: AllNodes = AllNodes::default(),
        /// Time between two scrapes.
        #[schemars(transform = bounds::within(&limit::SCRAPE_INTERVAL))]
        scrape_interval: String = "30s".to_owned(),
        /// Scrape the kubelet's /metrics/resource, the cheap source of CPU and memory.
        enable_kubelet: bool = true,
        /// Scrape cAdvisor: throttling, OOM kills, pressure. Its responses are a hundred times as
        /// large: disable it where a pod reads many nodes.
        enable_cadvisor: bool = true,
        /// Time between two scrapes of cAdvisor.
        #[schemars(transform = bounds::within(&limit::SCRAPE_INTERVAL))]
        cadvisor_interval: String = "60s".to_owned(),
        /// Publish CPU and memory by namespace too.
        enable_namespace_metrics: bool = false,
        /// Phases of pods that do not count as active.
        exclude_phases: Vec<Word<PodPhase>> = vec![PodPhase::Succeeded.into(), PodPhase::Failed.into()],
        /// Time for which series are kept in memory and served to range queries; 0s is off. With
        /// mode standalone `allNodes.history` applies instead.
        #[schemars(transform = bounds::within(&limit::HISTORY))]
        history: String = "0s".to_owned(),
        /// Log level.
        log_level: Word<LogLevel> = LogLevel::Info.into(),
        /// With mode daemonset: update strategy of the DaemonSet.
        update_strategy: Object =
            object(json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}})),
        /// Old revisions kept for `kubectl rollout undo`.
        #[schemars(range(min = 0, max = i32::MAX))]
        revision_history_limit: i32 = 10,
        /// Seconds that a pod has to stop before it is killed.
        #[schemars(range(min = 0, max = i32::MAX))]
        termination_grace_period_seconds: i64 = 10,
        /// Used with mode daemonset.
        #[serde(flatten)]
        placement: Placement = Placement {
            resources: resources(("50m", "32Mi"), ("300m", "128Mi")),
            // Every node has an exporter.
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
        /// With mode statefulset: number of pods that the nodes are divided among. One is enough
        /// for thousands of nodes without cAdvisor.
        #[schemars(transform = bounds::range(&limit::SHARDS))]
        shards: i32 = 1,
        /// With mode statefulset: create a PodDisruptionBudget, so that a drain evicts one of the
        /// pods at a time.
        disruption_budget: bool = true,
        /// With mode standalone: time for which series are kept for the agent; at least the agent's
        /// lookback.
        #[schemars(transform = bounds::within(&limit::HISTORY))]
        history: String = "6h".to_owned(),
        /// With mode standalone: memory limit of the history; 64Mi hold six hours of 2,600 nodes.
        /// The exporter itself takes up to 40Mi for 5,000 nodes.
        #[schemars(transform = bounds::memory(&limit::HISTORY_MEMORY))]
        history_memory: String = "64Mi".to_owned(),
        /// Used in place of the exporter's.
        #[serde(flatten)]
        placement: Placement = Placement {
            resources: resources(("100m", "64Mi"), ("1", "256Mi")),
            ..Placement::default()
        },
    }

    /// Requirements of a pod on its node.
    Placement {
        /// Requests and limits of the container. The defaults are far above normal usage.
        resources: Object = Object::new(),
        /// Tolerations of the pods.
        tolerations: Vec<Object> = Vec::new(),
        /// Affinity of the pods.
        affinity: Object = Object::new(),
    }

    /// Settings of the pods of either program.
    PodSettings {
        /// Additional arguments, such as `["--flag=value"]`.
        extra_args: Vec<String> = Vec::new(),
        /// Additional environment variables: name and value.
        #[schemars(extend("propertyNames" = json!({"pattern": VARIABLE})))]
        env: Strings = Strings::new(),
        /// Volumes of the pods, such as a Secret with a web configuration, a certificate or, for
        /// the agent, the URL of a webhook.
        volumes: Vec<Object> = Vec::new(),
        /// Mounts of these volumes: arguments and variables name files, never secrets. With
        /// `--web-config-file=/etc/web/web.yml` in extraArgs the port serves TLS; the probes and
        /// serviceMonitor then need that scheme too.
        volume_mounts: Vec<Object> = Vec::new(),
        /// Node selector of the pods: the images hold Linux programs.
        node_selector: Strings = strings(&[("kubernetes.io/os", "linux")]),
        /// PriorityClass of the pods; if empty, the cluster's default. Some clusters allow
        /// system-node-critical in kube-system only.
        #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
        priority_class_name: String = empty(),
        /// Additional labels of the pods.
        pod_labels: Strings = Strings::new(),
        /// Annotations of the pods.
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
        /// Liveness probe. /livez depends neither on the API server nor on the backend, so that an
        /// outage there restarts nothing. Not used with agent.mode cronjob.
        liveness_probe: Object = probe(path::LIVEZ, 20),
        /// Readiness probe. /readyz succeeds while the exporter publishes a core series, or while
        /// the agent has a current report. Not used with agent.mode cronjob.
        readiness_probe: Object = probe(path::READYZ, 10),
    }

    /// The agent.
    Agent {
        /// Run the agent.
        enabled: bool = true,
        /// cronjob: a report on a schedule, in the log of its job. deployment: one pod that keeps
        /// running, reports at the interval `every`, and serves the newest report to Prometheus and
        /// to browsers.
        mode: Word<AgentMode> = AgentMode::Cronjob.into(),
        /// With mode deployment: time between two reports.
        #[schemars(transform = bounds::within(&limit::EVERY))]
        every: String = "10m".to_owned(),
        /// With mode cronjob: number of pods that the nodes are divided among, for fleets too large
        /// for one process. Each reports on its share; the list of removable nodes needs 1.
        #[schemars(transform = bounds::range(&limit::SHARDS))]
        shards: i32 = 1,
        /// With mode cronjob: the schedule, in cron's five fields.
        #[schemars(regex(pattern = SCHEDULE))]
        schedule: String = "*/10 * * * *".to_owned(),
        /// Time zone of the schedule, such as Europe/Berlin; if empty, that of the cluster's
        /// controller manager.
        #[schemars(regex(pattern = TIME_ZONE))]
        time_zone: String = empty(),
        /// Suspend the schedule.
        suspend: bool = false,
        /// URL of the backend; if empty, `http://prometheus-operated.NAMESPACE.svc:9090`, the
        /// Service that the Prometheus Operator creates independent of its release name, or with
        /// exporter.mode standalone the exporter.
        #[schemars(regex(pattern = bounds::backend_url_or_empty()))]
        prometheus_url: String = empty(),
        /// Lookback, in minutes: at least five points.
        #[schemars(range(min = MIN_POINTS - 1, max = SPAN_MINUTES))]
        lookback_minutes: i64 = 360,
        /// Forecast horizon, in minutes.
        #[schemars(range(min = 1, max = SPAN_MINUTES))]
        forecast_minutes: i64 = 30,
        /// Time between two points, in whole seconds; auto: a multiple of the time
        /// between samples, at least 60s. The default is fixed, so that a changed scrape interval
        /// changes no report.
        #[schemars(transform = bounds::whole_seconds_or_auto(&limit::STEP))]
        step: String = "60s".to_owned(),
        /// PromQL query for the CPU used, in cores by the label node.
        #[schemars(length(min = 1))]
        cpu_query: String = series::CPU_USAGE.name.to_owned(),
        /// PromQL query for the memory used, in bytes by the label node.
        #[schemars(length(min = 1))]
        memory_query: String = series::MEMORY_USAGE.name.to_owned(),
        /// Forecast model; auto: a mix, weighted for each series by backtest.
        model: Word<Choice> = Choice::Auto.into(),
        /// Nominal coverage of the prediction interval, in percent.
        #[schemars(transform = bounds::range(&limit::INTERVAL_PERCENT))]
        interval_percent: i32 = 80,
        /// Percent of allocatable above which a level that is held is a finding.
        #[schemars(range(min = LEAST_PERCENT + 1, max = MOST_PERCENT))]
        high_percent: i32 = 80,
        /// Percent of allocatable below which the upper end of the mean is a finding; less than
        /// highPercent.
        #[schemars(range(min = LEAST_PERCENT, max = MOST_PERCENT - 1))]
        low_percent: i32 = 20,
        /// Time for which a level above highPercent must be held to be a finding, in whole seconds;
        /// auto: 3 points, at least 5 minutes. 0s: any spike.
        #[schemars(transform = bounds::whole_seconds_or_auto(&limit::HOLD))]
        r#for: String = "auto".to_owned(),
        /// auto: report which nodes could be removed. off: do not.
        fleet: Word<FleetView> = FleetView::Auto.into(),
        /// Minimum number of nodes to keep.
        #[schemars(transform = bounds::range(&limit::KEEP_NODES))]
        keep_nodes: i32 = 1,
        /// With mode cronjob: format of the report in the log.
        format: Word<ReportFormat> = ReportFormat::Text.into(),
        /// Seconds after its scheduled time in which a missed run may still start.
        #[schemars(range(min = 10, max = i32::MAX))]
        starting_deadline_seconds: i64 = 120,
        /// Seconds after which a run is terminated.
        #[schemars(range(min = 1, max = i32::MAX))]
        active_deadline_seconds: i64 = 240,
        /// Retries of a failed run.
        #[schemars(range(min = 0, max = 1000))]
        backoff_limit: i32 = 1,
        /// Seconds for which a finished job and its log are kept.
        #[schemars(range(min = 0, max = i32::MAX))]
        ttl_seconds_after_finished: i32 = 86_400,
        /// Successful jobs to keep.
        #[schemars(range(min = 0, max = 1000))]
        successful_jobs_history_limit: i32 = 3,
        /// Failed jobs to keep.
        #[schemars(range(min = 0, max = 1000))]
        failed_jobs_history_limit: i32 = 3,
        /// Requirements of the pods on their nodes.
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
        /// Service account of the exporter, which reads from the API server.
        exporter: ServiceAccount = ServiceAccount::default(),
        /// Service account of the agent, which needs no token and no permission.
        agent: ServiceAccount = ServiceAccount::default(),
    }

    /// One service account.
    ServiceAccount {
        /// Create it.
        create: bool = true,
        /// Name; if empty, that of the program's objects, or `default` if it is not created.
        #[schemars(regex(pattern = DNS_NAME_OR_EMPTY))]
        name: String = empty(),
        /// Annotations, such as a cloud provider's role.
        annotations: Strings = Strings::new(),
    }

    /// The exporter's permissions.
    Rbac {
        /// Create the ClusterRole and its binding.
        create: bool = true,
    }

    /// Limits on the exporter's requests through the API server.
    AdmissionPolicy {
        /// Create the ValidatingAdmissionPolicy if exporter.via is proxy: it allows two metrics
        /// paths and no other port. It covers requests through the API server only: a kubelet's own
        /// port, 10250, authorizes the same token by RBAC alone, and there nodes/proxy runs
        /// commands in containers.
        enabled: bool = true,
        /// With exporter.mode daemonset: also refuse requests for other nodes than the pod's own.
        /// Disable it for an exporter whose `--node-name` lists several nodes.
        own_node_only: bool = true,
    }

    /// The Services.
    Service {
        /// Annotations of the Services.
        annotations: Strings = Strings::new(),
    }

    /// Connections of the pods.
    NetworkPolicy {
        /// Create NetworkPolicies: the pods accept connections to their metrics ports only, and
        /// open those that the egress rules allow; with exporter.via kubelet the exporter also to
        /// port 10250, the agent also to the port of agent.prometheusUrl. They apply to these pods:
        /// a stolen token that is used elsewhere is not affected.
        enabled: bool = false,
        /// Peers that may connect, in the form of a NetworkPolicy; if empty, all. With
        /// exporter.mode standalone the agent may also connect to the exporter.
        from: Vec<Object> = Vec::new(),
        /// Egress rules of the exporter, in the form of a NetworkPolicy; by default DNS and the
        /// usual ports of an API server. If empty, none.
        exporter_egress: Vec<Object> = vec![dns(), tcp(&[443, 6443])],
        /// Egress rules of the agent; by default DNS, and 443 for sinks. Most network plugins
        /// compare the port of the pod behind a Service, not the port of the URL.
        agent_egress: Vec<Object> = vec![dns(), tcp(&[443])],
    }

    /// Access of Prometheus to a port.
    Access {
        /// http or https, which a program serves with a web configuration; if empty, http.
        #[schemars(regex(pattern = SCHEME_OR_EMPTY))]
        scheme: String = empty(),
        /// CAs that Prometheus trusts, and its client certificate, in the Operator's form: `{ca:
        /// {secret: {name: my-secret, key: ca.crt}}, serverName: exporter}`.
        tls_config: Object = Object::new(),
        /// Keys of Secrets with user name and password: `{username: {name: my-secret, key: user},
        /// password: {name: my-secret, key: password}}`.
        basic_auth: Object = Object::new(),
        /// Key of a Secret with a bearer token, instead of basicAuth: `{credentials: {name:
        /// my-secret, key: token}}`.
        authorization: Object = Object::new(),
    }

    /// The ServiceMonitor.
    ServiceMonitor {
        /// Create ServiceMonitors; requires the Prometheus Operator's CRDs.
        enabled: bool = true,
        /// Value of the label release: the Helm release of kube-prometheus-stack, by which its
        /// Prometheus selects.
        #[schemars(regex(pattern = LABEL_VALUE))]
        release_label: String = "prometheus-stack".to_owned(),
        /// Additional labels, where Prometheus selects by others.
        labels: Strings = Strings::new(),
        /// Annotations.
        annotations: Strings = Strings::new(),
        /// Scrape interval; if empty, exporter.scrapeInterval.
        #[schemars(regex(pattern = DURATION))]
        interval: String = empty(),
        /// Scrape timeout; if empty, Prometheus's default.
        #[schemars(regex(pattern = DURATION))]
        scrape_timeout: String = empty(),
        /// Access to the exporter's port.
        #[serde(flatten)]
        access: Access = Access::default(),
        /// Access to the agent's port, with agent.mode deployment.
        agent: Access = Access::default(),
        /// Relabelings of targets.
        relabelings: Vec<Object> = Vec::new(),
        /// Relabelings of samples.
        metric_relabelings: Vec<Object> = Vec::new(),
        /// With exporter.mode daemonset: maximum number of samples in a scrape; 0: no limit. An
        /// exporter has about 60, and with namespace metrics two more for each namespace on its
        /// node.
        #[schemars(range(min = 0, max = EXACT))]
        sample_limit: i64 = 10_000,
        /// Maximum number of labels of a sample; 0: no limit.
        #[schemars(range(min = 0, max = EXACT))]
        label_limit: i64 = 30,
    }

    /// Recording rules and alerts.
    PrometheusRule {
        /// Create the PrometheusRule; requires the Prometheus Operator's CRDs.
        enabled: bool = true,
        /// Value of the label release: the Helm release of kube-prometheus-stack, by which its
        /// Prometheus selects.
        #[schemars(regex(pattern = LABEL_VALUE))]
        release_label: String = "prometheus-stack".to_owned(),
        /// Additional labels, where Prometheus selects by others.
        labels: Strings = Strings::new(),
        /// Evaluation interval.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        interval: String = "30s".to_owned(),
        /// Time without any running exporter, or with a shard missing, before
        /// BinbotsExporterDown fires.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        exporter_down_for: String = "5m".to_owned(),
        /// Seconds without a successful run before BinbotsAgentNotRun fires.
        #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
        agent_not_run_threshold_seconds: i64 = 1800,
        /// Failed scrapes of one endpoint of a node within 15 minutes above which
        /// BinbotsScrapeErrors fires.
        #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
        scrape_errors_threshold: i64 = 5,
        /// Time range from which BinbotsNodeRunsOut extrapolates.
        #[schemars(regex(pattern = DURATION), length(min = 2))]
        predict_lookback: String = "2h".to_owned(),
        /// Seconds that BinbotsNodeRunsOut extrapolates ahead.
        #[schemars(range(min = 60, max = 1_000_000_000))]
        predict_ahead_seconds: i64 = 3600,
        /// Predicted usage, in percent of allocatable, above which BinbotsNodeRunsOut fires.
        #[schemars(range(min = 1, max = 1000))]
        predict_threshold_percent: i64 = 100,
        /// URL of the runbooks' folder; each alert links to the page of its name, NAME.md.
        #[schemars(regex(pattern = URL))]
        runbook_url: String = chart::RUNBOOKS.to_owned(),
        /// Alerts to create.
        alerts: Alerts = Alerts::default(),
    }

    /// Alerts to create.
    Alerts {
        /// BinbotsExporterDown: no exporter answers, not every shard does, or Prometheus has no
        /// target.
        exporter_down: bool = true,
        /// BinbotsExporterMissing: a node's exporter is not scraped, with exporter.mode
        /// daemonset. Requires kube-state-metrics.
        exporter_missing: bool = true,
        /// BinbotsAgentNotRun: no successful run in time, or none ever. Requires
        /// kube-state-metrics.
        agent_not_run: bool = true,
        /// BinbotsScrapeErrors: an endpoint of a node cannot be read.
        scrape_errors: bool = true,
        /// BinbotsNodeRunsOut, with its recording rules: CPU or memory of a node is predicted to
        /// run out. Works without the agent.
        node_runs_out: bool = true,
    }

    /// The dashboard's ConfigMap.
    GrafanaDashboard {
        /// Create the ConfigMap.
        enabled: bool = true,
        /// Name of the ConfigMap.
        #[schemars(regex(pattern = DNS_NAME))]
        config_map_name: String = "grafana-dashboard-binbots".to_owned(),
        /// Grafana folder, in the annotation grafana_dashboard_folder; if empty, the sidecar's
        /// default.
        folder: String = "Kubernetes".to_owned(),
        /// Additional labels, where the sidecar selects by others.
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

/// An egress rule of a NetworkPolicy: these TCP ports of any peer.
fn tcp(ports: &[u16]) -> Object {
    let port = |port| json!({"port": port, "protocol": "TCP"});
    object(json!({"ports": ports.iter().map(port).collect::<Vec<_>>()}))
}

fn dns() -> Object {
    object(json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}))
}

/// Schema rule that refuses an exporter without a source of usage, as the exporter does.
fn a_source() -> Value {
    json!([
        {"properties": {"enableKubelet": {"const": true}}},
        {"properties": {"enableCadvisor": {"const": true}}},
    ])
}
