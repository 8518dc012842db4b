//! Values of environments and tests, as changes of the defaults: values-dev.yaml,
//! values-prod.yaml and the chart's ci files.

use contract::{AgentMode, ExporterMode, FleetView, PullPolicy, ReportFormat, Via};
use forecast::{Choice, Model};
use serde_json::json;

use super::{Access, PodSettings, Values, object, resources, strings};

impl Values {
    /// Values of a development cluster: long intervals, small resources, the newest image.
    pub fn dev() -> Self {
        let mut values = Self::default();
        for image in [&mut values.image.exporter, &mut values.image.agent] {
            image.tag = "latest".to_owned();
            image.pull_policy = PullPolicy::Always.into();
        }
        values.exporter.placement.resources = resources(("25m", "32Mi"), ("200m", "128Mi"));
        values.agent.placement.resources = resources(("25m", "32Mi"), ("200m", "128Mi"));
        values.agent.schedule = "*/15 * * * *".to_owned();
        values.agent.lookback_minutes = 60;
        values.agent.forecast_minutes = 15;
        values.exporter.scrape_interval = "60s".to_owned();
        values.prometheus_rule.interval = "60s".to_owned();
        values.prometheus_rule.exporter_down_for = "10m".to_owned();
        values.prometheus_rule.agent_not_run_threshold_seconds = 45 * 60;
        values.grafana_dashboard.folder = "Dev".to_owned();
        values
    }

    /// Values of a production cluster: short intervals, ample resources, a pinned image.
    pub fn prod() -> Self {
        let mut values = Self::default();
        for image in [&mut values.image.exporter, &mut values.image.agent] {
            image.tag = crate::chart::image_tag();
            image.pull_policy = PullPolicy::IfNotPresent.into();
        }
        values.exporter.placement.resources = resources(("100m", "64Mi"), ("500m", "256Mi"));
        values.agent.placement.resources = resources(("100m", "64Mi"), ("1", "256Mi"));
        values.agent.schedule = "*/5 * * * *".to_owned();
        values.exporter.scrape_interval = "20s".to_owned();
        values.prometheus_rule.agent_not_run_threshold_seconds = 15 * 60;
        values.grafana_dashboard.folder = "Kubernetes".to_owned();
        values
    }

    /// Named values for tests of the chart: `ci/NAME-values.yaml`.
    pub fn ci() -> Vec<(&'static str, Self)> {
        let mut minimal = Self::default();
        minimal.agent.enabled = false;
        minimal.service_monitor.enabled = false;
        minimal.prometheus_rule.enabled = false;
        minimal.grafana_dashboard.enabled = false;
        minimal.admission_policy.enabled = false;

        let mut existing = Self::default();
        existing.service_account.exporter.create = false;
        existing.service_account.exporter.name = "node-reader".to_owned();
        existing.service_account.agent.create = false;
        existing.rbac.create = false;
        existing.admission_policy.own_node_only = false;
        existing.prometheus_rule.alerts.exporter_down = false;
        existing.prometheus_rule.alerts.agent_not_run = false;
        existing.prometheus_rule.alerts.scrape_errors = false;

        let mut standalone = Self::default();
        standalone.exporter.mode = ExporterMode::Standalone.into();
        standalone.exporter.enable_cadvisor = false;

        let [full, service, shards, alone] = Self::full_ci();
        vec![
            ("agent-deployment", service),
            ("default", Self::default()),
            ("existing-accounts", existing),
            ("full", full),
            ("minimal", minimal),
            ("shards", shards),
            ("standalone", standalone),
            ("standalone-full", alone),
        ]
    }

    /// Those of them that set everything, in each mode of exporter and agent and with each
    /// access to the kubelets.
    pub fn full_ci() -> [Self; 4] {
        let mut service = Self::full();
        service.agent.mode = AgentMode::Deployment.into();
        serve_tls(&mut service.agent.pod);
        service.exporter.via = Via::Kubelet.into();
        let mut shards = Self::full();
        shards.exporter.mode = ExporterMode::Statefulset.into();
        shards.exporter.enable_cadvisor = false;
        let mut alone = service.clone();
        alone.exporter.mode = ExporterMode::Standalone.into();
        [Self::full(), service, shards, alone]
    }

    /// Values that set everything that is empty or off by default.
    fn full() -> Self {
        let labels = strings(&[("team", "platform"), ("odd", "on")]);
        let annotations = strings(&[("example.org/note", "yes: \"{{ quoted }}\", 0123")]);
        let mut values = Self {
            name_override: "usage".to_owned(),
            fullname_override: "node-usage".to_owned(),
            namespace: "observability".to_owned(),
            create_namespace: true,
            common_labels: labels.clone(),
            image_pull_secrets: vec![object(json!({"name": "registry"}))],
            ..Self::default()
        };
        values.image.exporter.digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        values.image.agent.tag = "0123".to_owned();
        let exporter = &mut values.exporter;
        exporter.enable_namespace_metrics = true;
        exporter.history = "6h".to_owned();
        exporter.all_nodes.shards = 3;
        exporter.all_nodes.placement.tolerations = vec![object(
            json!({"key": "infra", "operator": "Exists", "effect": "NoSchedule"}),
        )];
        exporter.all_nodes.placement.affinity = object(json!({"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {
                "labelSelector": {"matchLabels": {"app": "k8s-ai-exporter"}},
                "topologyKey": "kubernetes.io/hostname",
            }}],
        }}));
        serve_tls(&mut exporter.pod);
        exporter.pod.volumes = vec![object(
            json!({"name": "web", "secret": {"secretName": "k8s-ai-exporter-web"}}),
        )];
        exporter.pod.volume_mounts = vec![object(
            json!({"name": "web", "mountPath": "/etc/web", "readOnly": true}),
        )];
        exporter.pod.env = strings(&[("HTTPS_PROXY", "http://proxy:3128"), ("Y", "on")]);
        exporter.pod.priority_class_name = "system-node-critical".to_owned();
        exporter.pod.pod_labels = labels.clone();
        exporter.pod.pod_annotations = annotations.clone();
        let agent = &mut values.agent;
        agent.time_zone = "Europe/Berlin".to_owned();
        agent.prometheus_url = "https://prometheus.example.org/prefix".to_owned();
        agent.shards = 4;
        agent.every = "2m".to_owned();
        agent.model = Choice::Only(Model::TheilSen).into();
        agent.interval_percent = 95;
        agent.high_percent = 70;
        agent.fleet = FleetView::Off.into();
        agent.format = ReportFormat::Json.into();
        agent.pod.volumes = vec![object(
            json!({"name": "secrets", "secret": {"secretName": "k8s-ai-agent"}}),
        )];
        agent.pod.volume_mounts = vec![object(
            json!({"name": "secrets", "mountPath": "/etc/k8s-ai-agent", "readOnly": true}),
        )];
        agent.pod.extra_args = vec!["--explain".to_owned()];
        agent.pod.env = strings(&[
            ("FAIL_ON", "critical"),
            ("SLACK_WEBHOOK_URL_FILE", "/etc/k8s-ai-agent/slack-url"),
        ]);
        agent.placement.tolerations = vec![object(
            json!({"key": "spot", "operator": "Exists", "effect": "NoSchedule"}),
        )];
        agent.placement.affinity = values.exporter.placement.affinity.clone();
        agent.pod.priority_class_name = "system-cluster-critical".to_owned();
        agent.pod.pod_labels = labels.clone();
        agent.pod.pod_annotations = annotations.clone();
        values.service_account.exporter.annotations = annotations.clone();
        values.service_account.agent.name = "forecaster".to_owned();
        values.service_account.agent.annotations = annotations.clone();
        values.service.annotations = annotations.clone();
        values.network_policy.enabled = true;
        values.network_policy.from = vec![object(
            json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}),
        )];
        values.service_monitor.labels = labels.clone();
        values.service_monitor.annotations = annotations;
        values.service_monitor.interval = "1m30s".to_owned();
        values.service_monitor.scrape_timeout = "15s".to_owned();
        let secret = |key| json!({"name": "k8s-ai-exporter-scrape", "key": key});
        values.service_monitor.access.scheme = "https".to_owned();
        values.service_monitor.access.tls_config = object(json!({
            "ca": {"secret": secret("ca.crt")},
            "cert": {"secret": secret("tls.crt")},
            "keySecret": secret("tls.key"),
            "serverName": "exporter.example.org",
        }));
        values.service_monitor.access.basic_auth =
            object(json!({"username": secret("user"), "password": secret("password")}));
        values.service_monitor.access.authorization =
            object(json!({"credentials": secret("token")}));
        values.service_monitor.agent = Access {
            scheme: "https".to_owned(),
            tls_config: object(
                json!({"ca": {"secret": secret("ca.crt")}, "serverName": "agent.example.org"}),
            ),
            basic_auth: values.service_monitor.access.basic_auth.clone(),
            authorization: values.service_monitor.access.authorization.clone(),
        };
        values.service_monitor.relabelings = vec![object(
            json!({"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "host"}),
        )];
        values.service_monitor.metric_relabelings = vec![object(
            json!({"action": "drop", "regex": "process_.+", "sourceLabels": ["__name__"]}),
        )];
        values.prometheus_rule.labels = labels.clone();
        values.grafana_dashboard.labels = labels;
        values
    }
}

/// Has a program serve TLS on its port, and the kubelet probe it.
fn serve_tls(pod: &mut PodSettings) {
    pod.extra_args
        .push("--web-config-file=/etc/web/web.yml".to_owned());
    for probe in [&mut pod.liveness_probe, &mut pod.readiness_probe] {
        probe["httpGet"]["scheme"] = "HTTPS".into();
    }
}
