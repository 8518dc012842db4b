//! The Service in front of the exporters.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Component, EXPORTER_APP, Names, Object, PORT_NAME, add_labels, labels, metadata};
use crate::overlay::{Expr, Helper, Rule};
use crate::values::Values;

/// A Service's spec: the port of the pods with this label `app`.
pub(super) fn spec(app: &str, port: u16) -> ServiceSpec {
    ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        selector: Some(labels(&[("app", app)])),
        ports: Some(vec![ServicePort {
            name: Some(PORT_NAME.to_owned()),
            port: port.into(),
            target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
            protocol: Some("TCP".to_owned()),
            ..ServicePort::default()
        }]),
        ..ServiceSpec::default()
    }
}

/// The Service, which the ServiceMonitor finds by its label `app`.
pub fn exporter(values: &Values) -> serde_json::Result<Object> {
    let mut metadata = metadata(values, Component::Exporter, &Names::of(values).exporter);
    add_labels(&mut metadata, &[("app", EXPORTER_APP)]);
    let service = Service {
        metadata,
        spec: Some(spec(EXPORTER_APP, contract::EXPORTER_PORT)),
        ..Service::default()
    };
    Ok(Object::new("service-exporter.yaml", &service)?
        .follows(Expr::Helper(Helper::ExporterName))
        .with("/metadata/annotations", Rule::Block("service.annotations")))
}
