//! The exporter's pod, in whichever of its modes.

use contract::Via;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector, PodSpec, PodTemplateSpec,
    ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{EXPORTER_APP, Names, Object, PORT_NAME, PodPaths, image, labels, typed, word};
use crate::overlay::{Condition, Expr, Helper, Rule, text};
use crate::values::Values;

/// When objects of one mode are rendered.
pub(super) fn in_mode(mode: &'static str) -> Condition {
    Condition::Is("exporter.mode", mode)
}

/// When Prometheus scrapes the exporters: in every mode but standalone.
pub(super) fn is_scraped() -> Condition {
    Condition::Any(vec![in_mode("daemonset"), in_mode("statefulset")])
}

/// When a pod reads all nodes, or its share of all.
pub(super) fn reads_all() -> Condition {
    Condition::Any(vec![in_mode("statefulset"), in_mode("standalone")])
}

/// When kubelets are read in one way.
pub(super) fn is_via(way: &'static str) -> Condition {
    Condition::Is("exporter.via", way)
}

/// An argument: its text with these values, and how the chart writes it where it follows one.
pub(super) type Argument = (String, Option<Expr>);

/// An argument that follows one value.
pub(super) fn argument(pattern: &str, value: String, part: Expr) -> Argument {
    let typed = pattern.replace("{}", &value);
    (typed, Some(text(pattern, vec![part])))
}

/// `--history` in the modes in which Prometheus has the series too.
pub(super) fn history(values: &Values) -> Argument {
    let history = values.exporter.history.clone();
    argument("--history={}", history, Expr::Value("exporter.history"))
}

/// What the pods of a mode have for themselves.
pub(super) struct Own {
    /// Arguments beside those of every mode.
    pub(super) arguments: Vec<Argument>,
    /// The environment.
    pub(super) environment: Vec<EnvVar>,
    /// Requests and limits.
    pub(super) resources: Option<ResourceRequirements>,
    /// Where the pods run.
    pub(super) spec: PodSpec,
}

fn arguments(values: &Values, own: &[Argument]) -> serde_json::Result<Vec<Argument>> {
    let exporter = &values.exporter;
    let phases: Vec<String> = exporter
        .exclude_phases
        .iter()
        .map(word)
        .collect::<Result<_, _>>()?;
    let mut arguments = vec![
        (
            format!("--listen-address=:{}", contract::EXPORTER_PORT),
            None,
        ),
        argument(
            "--scrape-interval={}",
            exporter.scrape_interval.clone(),
            Expr::Value("exporter.scrapeInterval"),
        ),
        argument(
            "--enable-kubelet={}",
            exporter.enable_kubelet.to_string(),
            Expr::Bool("exporter.enableKubelet"),
        ),
        argument(
            "--enable-cadvisor={}",
            exporter.enable_cadvisor.to_string(),
            Expr::Bool("exporter.enableCadvisor"),
        ),
        argument(
            "--cadvisor-interval={}",
            exporter.cadvisor_interval.clone(),
            Expr::Value("exporter.cadvisorInterval"),
        ),
        argument(
            "--enable-namespace-metrics={}",
            exporter.enable_namespace_metrics.to_string(),
            Expr::Bool("exporter.enableNamespaceMetrics"),
        ),
        argument(
            "--exclude-phases={}",
            phases.join(","),
            Expr::Joined("exporter.excludePhases"),
        ),
    ];
    arguments.extend_from_slice(own);
    arguments.push(argument(
        "--log-level={}",
        word(&exporter.log_level)?,
        Expr::Value("exporter.logLevel"),
    ));
    Ok(arguments)
}

/// The arguments with which kubelets are asked at their own port.
pub(super) fn via_kubelet(values: &Values) -> Vec<(String, Expr)> {
    let file = "--kubelet-ca-file={}";
    vec![
        (
            "--via=kubelet".to_owned(),
            text("--via=kubelet", Vec::new()),
        ),
        (
            file.replace("{}", &values.exporter.kubelet_ca_file),
            text(file, vec![Expr::Value("exporter.kubeletCaFile")]),
        ),
    ]
}

/// A variable that a pod has from a field of its own.
pub(super) fn variable(name: &str, field_path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: field_path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// The variable that tells a pod its node.
pub(super) fn node_name() -> EnvVar {
    variable("NODE_NAME", "spec.nodeName")
}

/// What selects the pods. Selectors cannot be changed later: neither can this.
pub(super) fn selector() -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(&[("app", EXPORTER_APP)])),
        ..LabelSelector::default()
    }
}

/// The pod template.
pub(super) fn template(values: &Values, own: Own) -> serde_json::Result<PodTemplateSpec> {
    let exporter = &values.exporter;
    let mut args: Vec<String> = arguments(values, &own.arguments)?
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    if exporter.via.0 == Via::Kubelet {
        args.extend(via_kubelet(values).into_iter().map(|(text, _)| text));
    }
    let container = Container {
        name: "exporter".to_owned(),
        image: Some(image(&values.image.exporter)),
        image_pull_policy: Some(word(&values.image.exporter.pull_policy)?),
        args: Some(args),
        env: Some(own.environment),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: contract::EXPORTER_PORT.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        liveness_probe: typed(&exporter.liveness_probe)?,
        readiness_probe: typed(&exporter.readiness_probe)?,
        resources: own.resources,
        security_context: typed(&exporter.security_context)?,
        ..Container::default()
    };
    Ok(PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels(&[("app", EXPORTER_APP)])),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(Names::of(values).exporter_account),
            termination_grace_period_seconds: Some(exporter.termination_grace_period_seconds),
            security_context: typed(&exporter.pod_security_context)?,
            node_selector: typed(&exporter.node_selector)?,
            containers: vec![container],
            ..own.spec
        }),
    })
}

impl Object {
    /// Overlays of the exporter's pod template, of an object that follows its name. `own`
    /// are the arguments of its mode, `paths` what fills the pod's spec in it.
    ///
    /// # Errors
    /// When a value cannot be written as one word.
    pub(super) fn exporter_pod(
        self,
        values: &Values,
        own: &[Argument],
        paths: &PodPaths,
    ) -> serde_json::Result<Self> {
        let pod = "/spec/template/spec";
        let first = format!("{pod}/containers/0");
        let mut object = self
            .set(
                "/spec/revisionHistoryLimit",
                Expr::Int("exporter.revisionHistoryLimit"),
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
            .via_kubelet(format!("{first}/args"), values)
            .with(
                format!("{first}/args"),
                Rule::Append(&["exporter.extraArgs"]),
            )
            .pod("/spec/template", paths)
            .comment(
                "/spec/selector",
                "Selectors cannot be changed later: this label stays as it is.",
            );
        for (index, (_, expr)) in arguments(values, own)?.into_iter().enumerate() {
            if let Some(expr) = expr {
                object = object.set(format!("{first}/args/{index}"), expr);
            }
        }
        Ok(object)
    }

    /// Adds the arguments that ask kubelets at their own port, where that is wanted.
    pub(super) fn via_kubelet(self, args: String, values: &Values) -> Self {
        let more = via_kubelet(values).into_iter().map(|(_, expr)| expr);
        self.with(args, Rule::AppendWhen(is_via("kubelet"), more.collect()))
    }
}
