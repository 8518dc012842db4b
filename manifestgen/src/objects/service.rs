//! The Services in front of the programs' ports.

use contract::{AGENT_PORT, AgentMode, EXPORTER_PORT};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{Component, labelled, labels, namespace};
use super::{agent, names};
use crate::builder::{Builder, Problem};
use crate::chart::{AGENT_APP, EXPORTER_APP, PORT_NAME};
use crate::term::{Term, value};

/// The exporter's Service, which its ServiceMonitor finds by the label `app`.
pub(super) fn of_exporter(b: &Builder<'_>) -> Result<Service, Problem> {
    let name = names::exporter(b.values);
    service(b, Component::Exporter, name, EXPORTER_APP, EXPORTER_PORT)
}

/// The agent's Service, with agent.mode deployment.
pub(super) fn of_agent(b: &Builder<'_>) -> Result<Service, Problem> {
    b.only_if(agent::in_mode(b.values, AgentMode::Deployment));
    let name = names::agent(b.values);
    service(b, Component::Agent, name, AGENT_APP, AGENT_PORT)
}

fn service(
    b: &Builder<'_>,
    component: Component,
    name: Term<String>,
    app: &str,
    port: u16,
) -> Result<Service, Problem> {
    let values = b.values;
    Ok(Service {
        metadata: ObjectMeta {
            namespace: Some(namespace(b)),
            annotations: b.block(value!(values.service.annotations))?,
            ..labelled(b, component, name, labels([("app", app)]), Vec::new())
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels([("app", app)])),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                port: port.into(),
                target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}
