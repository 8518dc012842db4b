//! The exporter: one pod on each node, reading that node through the API server.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector, PodSpec, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{
    Component, EXPORTER_APP, Names, Object, PORT_NAME, PodPaths, image, labels, metadata, typed,
    word,
};
use crate::overlay::{Expr, Helper, Rule, text};
use crate::values::Values;

const PATHS: PodPaths = PodPaths {
    node_selector: "exporter.nodeSelector",
    tolerations: "exporter.tolerations",
    affinity: "exporter.affinity",
    priority_class: "exporter.priorityClassName",
    labels: &["exporter.podLabels"],
    annotations: "exporter.podAnnotations",
    pod_security: "exporter.podSecurityContext",
    security: "exporter.securityContext",
    resources: "exporter.resources",
    env: "exporter.env",
};

/// One argument: its text with these values, and how the chart writes it.
type Argument = (String, Option<Expr>);

fn arguments(values: &Values) -> serde_json::Result<Vec<Argument>> {
    let exporter = &values.exporter;
    let one = |pattern: &str, value: String, part| {
        let typed = pattern.replace("{}", &value);
        (typed, Some(text(pattern, vec![part])))
    };
    let phases: Vec<String> = exporter
        .exclude_phases
        .iter()
        .map(word)
        .collect::<Result<_, _>>()?;
    Ok(vec![
        (
            format!("--listen-address=:{}", contract::EXPORTER_PORT),
            None,
        ),
        one(
            "--scrape-interval={}",
            exporter.scrape_interval.clone(),
            Expr::Value("exporter.scrapeInterval"),
        ),
        one(
            "--enable-kubelet={}",
            exporter.enable_kubelet.to_string(),
            Expr::Bool("exporter.enableKubelet"),
        ),
        one(
            "--enable-cadvisor={}",
            exporter.enable_cadvisor.to_string(),
            Expr::Bool("exporter.enableCadvisor"),
        ),
        one(
            "--cadvisor-interval={}",
            exporter.cadvisor_interval.clone(),
            Expr::Value("exporter.cadvisorInterval"),
        ),
        one(
            "--enable-namespace-metrics={}",
            exporter.enable_namespace_metrics.to_string(),
            Expr::Bool("exporter.enableNamespaceMetrics"),
        ),
        one(
            "--exclude-phases={}",
            phases.join(","),
            Expr::Joined("exporter.excludePhases"),
        ),
        one(
            "--history={}",
            exporter.history.clone(),
            Expr::Value("exporter.history"),
        ),
        one(
            "--log-level={}",
            word(&exporter.log_level)?,
            Expr::Value("exporter.logLevel"),
        ),
    ])
}

/// The variable that tells a pod its node.
pub fn node_name() -> EnvVar {
    EnvVar {
        name: "NODE_NAME".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "spec.nodeName".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// The DaemonSet.
pub fn exporter(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let exporter = &values.exporter;
    let arguments = arguments(values)?;
    let container = Container {
        name: "exporter".to_owned(),
        image: Some(image(&values.image.exporter)),
        image_pull_policy: Some(word(&values.image.exporter.pull_policy)?),
        args: Some(arguments.iter().map(|(text, _)| text.clone()).collect()),
        env: Some(vec![node_name()]),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: contract::EXPORTER_PORT.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        liveness_probe: typed(&exporter.liveness_probe)?,
        readiness_probe: typed(&exporter.readiness_probe)?,
        resources: typed(&exporter.resources)?,
        security_context: typed(&exporter.security_context)?,
        ..Container::default()
    };
    let spec = PodSpec {
        service_account_name: Some(names.exporter_account.clone()),
        termination_grace_period_seconds: Some(exporter.termination_grace_period_seconds),
        security_context: typed(&exporter.pod_security_context)?,
        node_selector: typed(&exporter.node_selector)?,
        tolerations: typed(&exporter.tolerations)?,
        affinity: typed(&exporter.affinity)?,
        containers: vec![container],
        ..PodSpec::default()
    };
    let daemonset = DaemonSet {
        metadata: metadata(values, Component::Exporter, &names.exporter),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector {
                match_labels: Some(labels(&[("app", EXPORTER_APP)])),
                ..LabelSelector::default()
            },
            revision_history_limit: Some(exporter.revision_history_limit),
            update_strategy: typed(&exporter.update_strategy)?,
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(&[("app", EXPORTER_APP)])),
                    ..ObjectMeta::default()
                }),
                spec: Some(spec),
            },
            ..DaemonSetSpec::default()
        }),
        ..DaemonSet::default()
    };

    let pod = "/spec/template/spec";
    let first = format!("{pod}/containers/0");
    let mut object = Object::new("daemonset-exporter.yaml", &daemonset)?
        .follows(Expr::Helper(Helper::ExporterName))
        .set(
            "/spec/revisionHistoryLimit",
            Expr::Int("exporter.revisionHistoryLimit"),
        )
        .with(
            "/spec/updateStrategy",
            Rule::Block("exporter.updateStrategy"),
        )
        .set(
            format!("{pod}/serviceAccountName"),
            Expr::Helper(Helper::ExporterAccount),
        )
        .set(
            format!("{pod}/terminationGracePeriodSeconds"),
            Expr::Int("exporter.terminationGracePeriodSeconds"),
        )
        .set(
            format!("{first}/image"),
            Expr::Helper(Helper::ExporterImage),
        )
        .set(
            format!("{first}/imagePullPolicy"),
            Expr::Value("image.exporter.pullPolicy"),
        )
        .with(format!("{pod}/volumes"), Rule::Block("exporter.volumes"))
        .with(
            format!("{first}/volumeMounts"),
            Rule::Block("exporter.volumeMounts"),
        )
        .with(
            format!("{first}/livenessProbe"),
            Rule::Block("exporter.livenessProbe"),
        )
        .with(
            format!("{first}/readinessProbe"),
            Rule::Block("exporter.readinessProbe"),
        )
        .with(
            format!("{first}/args"),
            Rule::Append(&["exporter.extraArgs"]),
        )
        .pod("/spec/template", &PATHS)
        .comment(
            "/spec/selector",
            "Selectors cannot be changed later: this label stays as it is.",
        );
    for (index, (_, expr)) in arguments.into_iter().enumerate() {
        if let Some(expr) = expr {
            object = object.set(format!("{first}/args/{index}"), expr);
        }
    }
    Ok(object)
}
