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

/// Targets of Prometheus.
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
    /// Labels of the Services.
    pub selector: LabelSelector,
    /// Namespaces of the Services.
    pub namespace_selector: ServiceMonitorNamespaceSelector,
    /// Endpoints of each Service.
    pub endpoints: Vec<Endpoint>,
    /// Maximum number of samples in a scrape; 0: no limit.
    pub sample_limit: i64,
    /// Maximum number of labels of a sample; 0: no limit.
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
    /// Precedence of a sample's labels over those of its target.
    pub honor_labels: bool,
    /// Scrape interval.
    pub interval: String,
    /// Scrape timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<String>,
    /// http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// TLS of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<ServiceMonitorEndpointsTlsConfig>,
    /// User name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<ServiceMonitorEndpointsBasicAuth>,
    /// Other credentials, such as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<ServiceMonitorEndpointsAuthorization>,
    /// Relabelings of targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelings: Option<Vec<ServiceMonitorEndpointsRelabelings>>,
    /// Relabelings of samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_relabelings: Option<Vec<ServiceMonitorEndpointsMetricRelabelings>>,
}
