//! What every value is when nobody sets it. deploy/ is built from these.

use contract::{AgentMode, ExporterMode, FleetView, LogLevel, PodPhase, ReportFormat, Via, series};
use forecast::Choice;
use serde_json::{Value, json};

use super::{
    AdmissionPolicy, Agent, AgentEndpoint, Alerts, AllNodes, Exporter, GrafanaDashboard, Image,
    Images, NetworkPolicy, Object, PrometheusRule, PullPolicy, Rbac, Service, ServiceAccount,
    ServiceAccounts, ServiceMonitor, Strings, Values,
};

/// An object literal.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(map) => map,
        _ => Object::new(),
    }
}

/// A map of strings from pairs.
pub(super) fn strings(pairs: &[(&str, &str)]) -> Strings {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

pub(super) fn image(name: &str) -> Image {
    Image {
        repository: format!("your-registry/{name}"),
        tag: String::new(),
        digest: String::new(),
        pull_policy: PullPolicy::IfNotPresent.into(),
    }
}

pub(super) fn resources(requests: (&str, &str), limits: (&str, &str)) -> Object {
    object(json!({
        "requests": {"cpu": requests.0, "memory": requests.1},
        "limits": {"cpu": limits.0, "memory": limits.1},
    }))
}

/// The restricted profile; 65532 is the user `nonroot` of distroless images.
pub(super) fn pod_security_context() -> Object {
    object(json!({
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }))
}

pub(super) fn security_context() -> Object {
    object(json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    }))
}

pub(super) fn probe(path: &str, period: u32, failures: u32) -> Object {
    object(json!({
        "httpGet": {"path": path, "port": crate::objects::PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
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

impl Default for Values {
    fn default() -> Self {
        Self {
            global: Object::new(),
            name_override: String::new(),
            fullname_override: String::new(),
            namespace: "monitoring".to_owned(),
            create_namespace: false,
            common_labels: Strings::new(),
            image_pull_secrets: Vec::new(),
            image: Images {
                exporter: image("k8s-ai-exporter"),
                agent: image("k8s-ai-agent"),
            },
            exporter: Exporter::default(),
            agent: Agent::default(),
            service_account: ServiceAccounts {
                exporter: ServiceAccount::default(),
                agent: ServiceAccount::default(),
            },
            rbac: Rbac { create: true },
            admission_policy: AdmissionPolicy {
                enabled: true,
                own_node_only: true,
            },
            service: Service {
                annotations: Strings::new(),
            },
            network_policy: NetworkPolicy {
                enabled: false,
                from: Vec::new(),
                exporter_egress: vec![dns(), tcp(&[443, 6443])],
                agent_egress: vec![dns(), tcp(&[443])],
            },
            service_monitor: ServiceMonitor {
                enabled: true,
                release_label: "prometheus-stack".to_owned(),
                labels: Strings::new(),
                annotations: Strings::new(),
                interval: String::new(),
                scrape_timeout: String::new(),
                scheme: String::new(),
                tls_config: Object::new(),
                basic_auth: Object::new(),
                authorization: Object::new(),
                agent: AgentEndpoint {
                    scheme: String::new(),
                    tls_config: Object::new(),
                    basic_auth: Object::new(),
                    authorization: Object::new(),
                },
                relabelings: Vec::new(),
                metric_relabelings: Vec::new(),
                sample_limit: 10_000,
                label_limit: 30,
            },
            prometheus_rule: PrometheusRule {
                enabled: true,
                release_label: "prometheus-stack".to_owned(),
                labels: Strings::new(),
                interval: "30s".to_owned(),
                exporter_down_for: "5m".to_owned(),
                agent_not_run_threshold_seconds: 1800,
                scrape_errors_threshold: 5,
                predict_lookback: "2h".to_owned(),
                predict_ahead_seconds: 3600,
                predict_threshold_percent: 100,
                runbook_url: crate::chart::RUNBOOKS.to_owned(),
                alerts: Alerts {
                    exporter_down: true,
                    agent_not_run: true,
                    scrape_errors: true,
                    node_runs_out: true,
                },
            },
            grafana_dashboard: GrafanaDashboard {
                enabled: true,
                config_map_name: "grafana-dashboard-binbots".to_owned(),
                folder: "Kubernetes".to_owned(),
                labels: Strings::new(),
            },
        }
    }
}

impl Default for ServiceAccount {
    fn default() -> Self {
        Self {
            create: true,
            name: String::new(),
            annotations: Strings::new(),
        }
    }
}

impl Default for Exporter {
    fn default() -> Self {
        Self {
            mode: ExporterMode::Daemonset.into(),
            via: Via::Proxy.into(),
            kubelet_ca_file: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt".to_owned(),
            all_nodes: AllNodes {
                shards: 1,
                disruption_budget: true,
                history: "6h".to_owned(),
                history_memory: "64Mi".to_owned(),
                resources: resources(("100m", "64Mi"), ("1", "256Mi")),
                tolerations: Vec::new(),
                affinity: Object::new(),
            },
            scrape_interval: "30s".to_owned(),
            enable_kubelet: true,
            enable_cadvisor: true,
            cadvisor_interval: "60s".to_owned(),
            enable_namespace_metrics: false,
            exclude_phases: vec![PodPhase::Succeeded.into(), PodPhase::Failed.into()],
            history: "0s".to_owned(),
            log_level: LogLevel::Info.into(),
            extra_args: Vec::new(),
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            env: Strings::new(),
            resources: resources(("50m", "32Mi"), ("300m", "128Mi")),
            node_selector: strings(&[("kubernetes.io/os", "linux")]),
            tolerations: vec![object(json!({"operator": "Exists"}))],
            affinity: object(json!({"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [
                        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]},
                        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]},
                    ]},
                ]},
            }})),
            priority_class_name: String::new(),
            update_strategy: object(
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}),
            ),
            revision_history_limit: 10,
            termination_grace_period_seconds: 10,
            pod_labels: Strings::new(),
            pod_annotations: Strings::new(),
            pod_security_context: pod_security_context(),
            security_context: security_context(),
            liveness_probe: probe(contract::path::LIVEZ, 20, 3),
            readiness_probe: probe(contract::path::READYZ, 10, 3),
        }
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: AgentMode::Cronjob.into(),
            every: "10m".to_owned(),
            shards: 1,
            schedule: "*/10 * * * *".to_owned(),
            time_zone: String::new(),
            suspend: false,
            prometheus_url: String::new(),
            lookback_minutes: 120,
            forecast_minutes: 30,
            step: "60s".to_owned(),
            cpu_query: series::CPU_USAGE.name.to_owned(),
            memory_query: series::MEMORY_USAGE.name.to_owned(),
            model: Choice::Auto.into(),
            interval_percent: 80,
            high_percent: 80,
            low_percent: 20,
            fleet: FleetView::Auto.into(),
            keep_nodes: 1,
            format: ReportFormat::Text.into(),
            extra_args: Vec::new(),
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            env: Strings::new(),
            starting_deadline_seconds: 120,
            active_deadline_seconds: 240,
            backoff_limit: 1,
            ttl_seconds_after_finished: 86_400,
            successful_jobs_history_limit: 3,
            failed_jobs_history_limit: 3,
            resources: resources(("50m", "32Mi"), ("500m", "128Mi")),
            node_selector: strings(&[("kubernetes.io/os", "linux")]),
            tolerations: Vec::new(),
            affinity: Object::new(),
            priority_class_name: String::new(),
            pod_labels: Strings::new(),
            pod_annotations: Strings::new(),
            pod_security_context: pod_security_context(),
            security_context: security_context(),
            liveness_probe: probe(contract::path::LIVEZ, 20, 3),
            readiness_probe: probe(contract::path::READYZ, 10, 3),
        }
    }
}
