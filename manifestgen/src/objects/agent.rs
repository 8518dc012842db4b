//! The agent's pod, in whichever of its two modes: without a token, without permissions.

use contract::ExporterMode;
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{AGENT_APP, Names, Object, PodPaths, image, labels, typed, word};
use crate::overlay::{Condition, Expr, Helper, Rule, port_of, text};
use crate::values::Values;

const PATHS: PodPaths = PodPaths {
    node_selector: "agent.nodeSelector",
    tolerations: "agent.tolerations",
    affinity: "agent.affinity",
    priority_class: "agent.priorityClassName",
    labels: &["agent.podLabels"],
    annotations: "agent.podAnnotations",
    pod_security: "agent.podSecurityContext",
    security: "agent.securityContext",
    resources: "agent.resources",
    env: "agent.env",
};

/// When objects of one mode are rendered.
pub(super) fn in_mode(mode: &'static str) -> Condition {
    Condition::All(vec![
        Condition::Value("agent.enabled"),
        Condition::Is("agent.mode", mode),
    ])
}

/// The URL of the agent's backend.
fn backend_url(values: &Values) -> String {
    match (values.agent.prometheus_url.as_str(), values.exporter.mode.0) {
        ("", ExporterMode::Standalone) => format!(
            "http://{}.{}.svc:{}",
            Names::of(values).exporter,
            values.namespace,
            contract::EXPORTER_PORT
        ),
        ("", _) => format!("http://prometheus-operated.{}.svc:9090", values.namespace),
        (url, _) => url.to_owned(),
    }
}

/// The port of the agent's backend.
pub(super) fn backend_port(values: &Values) -> u16 {
    port_of(&backend_url(values))
}

/// The environment: name, text with these values, how the chart writes it.
fn environment(values: &Values) -> serde_json::Result<Vec<(&'static str, String, Expr)>> {
    let agent = &values.agent;
    let url = backend_url(values);
    // Variables are strings: a number on its own would be refused.
    let number = |path| text("{}", vec![Expr::Int(path)]);
    Ok(vec![
        ("PROMETHEUS_URL", url, Expr::Helper(Helper::PrometheusUrl)),
        (
            "LOOKBACK_MINUTES",
            agent.lookback_minutes.to_string(),
            number("agent.lookbackMinutes"),
        ),
        (
            "FORECAST_MINUTES",
            agent.forecast_minutes.to_string(),
            number("agent.forecastMinutes"),
        ),
        ("STEP", agent.step.clone(), Expr::Value("agent.step")),
        (
            "CPU_QUERY",
            agent.cpu_query.clone(),
            Expr::Value("agent.cpuQuery"),
        ),
        (
            "MEM_QUERY",
            agent.memory_query.clone(),
            Expr::Value("agent.memoryQuery"),
        ),
        ("MODEL", word(&agent.model)?, Expr::Value("agent.model")),
        (
            "INTERVAL",
            agent.interval_percent.to_string(),
            number("agent.intervalPercent"),
        ),
        (
            "HIGH_PERCENT",
            agent.high_percent.to_string(),
            number("agent.highPercent"),
        ),
        (
            "LOW_PERCENT",
            agent.low_percent.to_string(),
            number("agent.lowPercent"),
        ),
        ("FLEET", word(&agent.fleet)?, Expr::Value("agent.fleet")),
        (
            "KEEP_NODES",
            agent.keep_nodes.to_string(),
            number("agent.keepNodes"),
        ),
    ])
}

/// Variables of one mode, written as those of both.
pub(super) type Variables = Vec<(&'static str, String, Expr)>;

/// The pod template. `own` has the variables of one mode; `container` its other fields.
pub(super) fn template(
    values: &Values,
    own: &Variables,
    container: Container,
) -> serde_json::Result<PodTemplateSpec> {
    let agent = &values.agent;
    let variables = environment(values)?;
    let variable = |(name, value, _): &(&'static str, String, Expr)| EnvVar {
        name: (*name).to_owned(),
        value: Some(value.clone()),
        ..EnvVar::default()
    };
    Ok(PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels(&[("app", AGENT_APP)])),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(Names::of(values).agent_account),
            automount_service_account_token: Some(false),
            security_context: typed(&agent.pod_security_context)?,
            node_selector: typed(&agent.node_selector)?,
            tolerations: typed(&agent.tolerations)?,
            affinity: typed(&agent.affinity)?,
            containers: vec![Container {
                name: "agent".to_owned(),
                image: Some(image(&values.image.agent)),
                image_pull_policy: Some(word(&values.image.agent.pull_policy)?),
                env: Some(variables.iter().chain(own).map(variable).collect()),
                resources: typed(&agent.resources)?,
                security_context: typed(&agent.security_context)?,
                ..container
            }],
            ..PodSpec::default()
        }),
    })
}

impl Object {
    /// Overlays of the agent's pod template at a pointer.
    ///
    /// # Errors
    /// When a value cannot be written as one word.
    pub(super) fn agent_pod(
        self,
        template: &str,
        values: &Values,
        own: Variables,
    ) -> serde_json::Result<Self> {
        let spec = format!("{template}/spec");
        let first = format!("{spec}/containers/0");
        let mut object = self
            .set(
                format!("{spec}/serviceAccountName"),
                Expr::Helper(Helper::AgentAccount),
            )
            .with(format!("{spec}/volumes"), Rule::Block("agent.volumes"))
            .set(format!("{first}/image"), Expr::Helper(Helper::AgentImage))
            .set(
                format!("{first}/imagePullPolicy"),
                Expr::Value("image.agent.pullPolicy"),
            )
            .with(
                format!("{first}/volumeMounts"),
                Rule::Block("agent.volumeMounts"),
            )
            .pod(template, &PATHS);
        let variables = environment(values)?.into_iter().chain(own);
        for (index, (_, _, expr)) in variables.enumerate() {
            object = object.set(format!("{first}/env/{index}/value"), expr);
        }
        Ok(object)
    }
}
