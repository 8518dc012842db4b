//! ServiceMonitor and PrometheusRule as types.
//!
//! In scope: the fields that we set or let people set. The Prometheus
//! Operator's CRDs have many more.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use crate::values::Strings;

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
    pub selector: Selector,
    /// In which namespaces.
    pub namespace_selector: NamespaceSelector,
    /// What to scrape of each.
    pub endpoints: Vec<Endpoint>,
    /// Most samples of a scrape; 0 is no limit.
    pub sample_limit: i64,
    /// Most labels of a sample; 0 is no limit.
    pub label_limit: i64,
}

/// Selects by labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// All of these.
    pub match_labels: Strings,
}

/// Selects namespaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// These.
    pub match_names: Vec<String>,
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
    pub tls_config: Option<TlsConfig>,
    /// User and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// Another login, such as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Changes to targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelings: Option<Vec<Relabeling>>,
    /// Changes to samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_relabelings: Option<Vec<Relabeling>>,
}

/// How TLS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsConfig {
    /// Authorities that are trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretOrConfigMap>,
    /// Certificate that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<SecretOrConfigMap>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_secret: Option<Key>,
    /// Name that the other side's certificate must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// A key of a Secret or of a ConfigMap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretOrConfigMap {
    /// Of a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Key>,
    /// Of a ConfigMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<Key>,
}

/// User and password.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BasicAuth {
    /// In a Secret.
    pub username: Key,
    /// In a Secret.
    pub password: Key,
}

/// A login by one word.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// Bearer, if nothing is said.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// In a Secret.
    pub credentials: Key,
}

/// A key of an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Name of the object.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// One step of a relabeling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Relabeling {
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// For the action hashmod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<i64>,
    /// What to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// What to put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Between the source labels' values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Where to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_labels: Option<Vec<String>>,
    /// Where to put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
}

/// Recording rules and alerts.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "PrometheusRule",
    namespaced,
    schema = "disabled"
)]
pub struct PrometheusRuleSpec {
    /// The groups.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// Time between two evaluations.
    pub interval: String,
    /// The rules.
    pub rules: Vec<PrometheusRuleEntry>,
}

/// A recording rule or an alert.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PrometheusRuleEntry {
    /// Name of the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Name of the series it records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// PromQL.
    pub expr: String,
    /// How long it must hold.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Labels to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Strings>,
    /// Texts for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Strings>,
}

impl PrometheusRuleEntry {
    /// The value of a label; empty without it.
    pub fn label(&self, name: &str) -> &str {
        text_of(self.labels.as_ref(), name)
    }

    /// The text of an annotation; empty without it.
    pub fn annotation(&self, name: &str) -> &str {
        text_of(self.annotations.as_ref(), name)
    }
}

fn text_of<'a>(map: Option<&'a Strings>, key: &str) -> &'a str {
    map.and_then(|map| map.get(key)).map_or("", String::as_str)
}
