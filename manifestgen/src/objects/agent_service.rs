//! The agent as a service: one pod that stays, reports again and again, and serves
//! the newest report; with the Service and the ServiceMonitor that lead to it.

use super::agent::{in_mode, template};
use super::exporter::is_scraped;
use super::monitoring::{
    Endpoint, NamespaceSelector, Selector, ServiceMonitor, ServiceMonitorSpec,
};
use super::{AGENT_APP, Component, Names, Object, PORT_NAME, add_labels, labels, metadata, typed};
use crate::overlay::{Condition, Expr, Helper, Rule, text};
use crate::values::Values;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{Container, ContainerPort, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Reports change every few minutes.
const SCRAPE_INTERVAL: &str = "60s";

/// The objects, which only the chart has: deploy/ runs the agent on a schedule.
pub fn objects(values: &Values) -> serde_json::Result<Vec<Object>> {
    Ok(vec![
        deployment(values)?,
        service(values)?,
        service_monitor(values)?,
    ])
}

fn deployment(values: &Values) -> serde_json::Result<Object> {
    let arguments = vec![
        format!("--serve=:{}", contract::AGENT_PORT),
        format!("--every={}", values.agent.every),
    ];
    let container = Container {
        args: Some(arguments),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: contract::AGENT_PORT.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        liveness_probe: typed(&values.agent.liveness_probe)?,
        readiness_probe: typed(&values.agent.readiness_probe)?,
        ..Container::default()
    };
    let deployment = Deployment {
        metadata: metadata(values, Component::Agent, &Names::of(values).agent),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector {
                match_labels: Some(labels(&[("app", AGENT_APP)])),
                ..LabelSelector::default()
            },
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            template: template(values, &Vec::new(), container)?,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    };
    let pod = "/spec/template";
    let arguments = format!("{pod}/spec/containers/0/args");
    Object::new("deployment-ai-agent.yaml", &deployment)?
        .follows(Expr::Helper(Helper::AgentName))
        .with("", Rule::When(in_mode("deployment")))
        .set(
            format!("{arguments}/1"),
            text("--every={}", vec![Expr::Value("agent.every")]),
        )
        .with(arguments, Rule::Append(&["agent.extraArgs"]))
        .with(
            format!("{pod}/spec/containers/0/livenessProbe"),
            Rule::Block("agent.livenessProbe"),
        )
        .with(
            format!("{pod}/spec/containers/0/readinessProbe"),
            Rule::Block("agent.readinessProbe"),
        )
        .comment(
            "/spec/strategy",
            "Two agents at a time would report, and send, everything twice.",
        )
        .chart_only()
        .agent_pod(pod, values, Vec::new())
}

fn service(values: &Values) -> serde_json::Result<Object> {
    let mut metadata = metadata(values, Component::Agent, &Names::of(values).agent);
    add_labels(&mut metadata, &[("app", AGENT_APP)]);
    let service = Service {
        metadata,
        spec: Some(super::service::spec(AGENT_APP, contract::AGENT_PORT)),
        ..Service::default()
    };
    Ok(Object::new("service-agent.yaml", &service)?
        .follows(Expr::Helper(Helper::AgentName))
        .with("", Rule::When(in_mode("deployment")))
        .with("/metadata/annotations", Rule::Block("service.annotations"))
        .chart_only())
}

fn service_monitor(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let mut monitor = ServiceMonitor::new(
        &names.agent,
        ServiceMonitorSpec {
            job_label: "app".to_owned(),
            selector: Selector {
                match_labels: labels(&[("app", AGENT_APP)]),
            },
            namespace_selector: NamespaceSelector {
                match_names: vec![values.namespace.clone()],
            },
            endpoints: vec![Endpoint {
                port: PORT_NAME.to_owned(),
                path: contract::path::METRICS.to_owned(),
                honor_labels: true,
                interval: SCRAPE_INTERVAL.to_owned(),
                ..Endpoint::default()
            }],
            sample_limit: 0,
            label_limit: values.service_monitor.label_limit,
        },
    );
    monitor.metadata = metadata(values, Component::Agent, &names.agent);
    let release = &values.service_monitor.release_label;
    add_labels(&mut monitor.metadata, &[("release", release)]);
    Ok(Object::new("servicemonitor-agent.yaml", &monitor)?
        .labelled(&["commonLabels", "serviceMonitor.labels"])
        .follows(Expr::Helper(Helper::AgentName))
        .with(
            "",
            Rule::When(Condition::All(vec![
                in_mode("deployment"),
                is_scraped(),
                Condition::Value("serviceMonitor.enabled"),
            ])),
        )
        .set(
            "/metadata/labels/release",
            Expr::Value("serviceMonitor.releaseLabel"),
        )
        .with(
            "/metadata/annotations",
            Rule::Block("serviceMonitor.annotations"),
        )
        .set(
            "/spec/namespaceSelector/matchNames/0",
            Expr::Value("namespace"),
        )
        .with(
            "/spec/endpoints/0/scheme",
            Rule::Optional("serviceMonitor.agent.scheme"),
        )
        .with(
            "/spec/endpoints/0/tlsConfig",
            Rule::Block("serviceMonitor.agent.tlsConfig"),
        )
        .with(
            "/spec/endpoints/0/basicAuth",
            Rule::Block("serviceMonitor.agent.basicAuth"),
        )
        .with(
            "/spec/endpoints/0/authorization",
            Rule::Block("serviceMonitor.agent.authorization"),
        )
        .set("/spec/labelLimit", Expr::Int("serviceMonitor.labelLimit"))
        .comment(
            "/spec/sampleLimit",
            "A report has some seventy samples a node: no limit fits every cluster.",
        )
        .chart_only())
}
