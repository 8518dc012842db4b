//! The ServiceMonitor as a type: the fields that we set or let people set.
//!
//! The Prometheus Operator's own type has many more, and of `scheme` an enum, which holds no
//! value that follows an expression. Everything else is of the Operator's types.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kcr_monitoring_coreos_com::v1::servicemonitors::{
    ServiceMonitorEndpointsAuthorization, ServiceMonitorEndpointsBasicAuth,
    ServiceMonitorEndpointsMetricRelabelings, ServiceMonitorEndpointsRelabelings,
    ServiceMonitorEndpointsTlsConfig, ServiceMonitorNamespaceSelector,
};
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What Prometheus scrapes.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "ServiceMonitor",
    namespaced,
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorSpec {
    /// Label of the Service whose value becomes the label `job`.
    pub job_label: String,
    /// Which Services.
    pub selector: LabelSelector,
    /// In which namespaces.
    pub namespace_selector: ServiceMonitorNamespaceSelector,
    /// What to scrape of each.
    pub endpoints: Vec<Endpoint>,
    /// Most samples of a scrape; 0 is no limit.
    pub sample_limit: i64,
    /// Most labels of a sample; 0 is no limit.
    pub label_limit: i64,
}

/// One endpoint of a Service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Name of the port.
    pub port: String,
    /// Path.
    pub path: String,
    /// Whether the labels of a sample win over those of its target.
    pub honor_labels: bool,
    /// Time between two scrapes.
    pub interval: String,
    /// Deadline of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<String>,
    /// http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// How TLS is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<ServiceMonitorEndpointsTlsConfig>,
    /// User and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<ServiceMonitorEndpointsBasicAuth>,
    /// Another login, such as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<ServiceMonitorEndpointsAuthorization>,
    /// Changes to targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelings: Option<Vec<ServiceMonitorEndpointsRelabelings>>,
    /// Changes to samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_relabelings: Option<Vec<ServiceMonitorEndpointsMetricRelabelings>>,
}
