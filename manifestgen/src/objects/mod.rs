//! The objects of deploy/ and of the chart: the single source of both.
//!
//! Each is a typed Kubernetes struct built from [`Values`], with the overlays
//! that say which of its fields follow which value. As JSON, the structs of
//! the default values *are* deploy/.

pub mod admission;
mod agent;
pub mod agent_service;
pub mod all_nodes;
pub mod cronjob;
pub mod daemonset;
pub mod dashboard;
mod exporter;
pub mod identity;
pub mod monitoring;
pub mod namespace;
pub mod network;
pub mod probe_job;
pub mod rules;
pub mod service;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::chart;
use crate::overlay::{Expr, Helper, Overlay, Path, Rule, pointer_key};
use crate::values::{Strings, Values};

/// Value of the pod label `app`: selectors never change, so neither does it.
pub const EXPORTER_APP: &str = "k8s-ai-exporter";
/// Value of the agent pods' label `app`.
pub const AGENT_APP: &str = "k8s-ai-agent";
/// Name of the exporter's port.
pub const PORT_NAME: &str = "metrics";

/// Where an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// deploy/ and the chart.
    Both,
    /// The chart only: off by default, or of use to Helm alone.
    Chart,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its file, in deploy/ and in the chart's templates/.
    pub file: &'static str,
    /// Where it is written.
    pub place: Place,
    /// The typed object, as JSON.
    pub tree: Value,
    /// Which fields follow which values.
    pub overlays: Vec<Overlay>,
    /// Why a field is there, by JSON pointer.
    pub comments: Vec<(String, String)>,
    /// Whether the common labels are appended with its own.
    labelled: bool,
    /// Reads the JSON as the object's type and writes it again.
    pub read_again: fn(Value) -> serde_json::Result<Value>,
}

impl Object {
    /// Takes a typed object.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new<T: Serialize + DeserializeOwned>(
        file: &'static str,
        object: &T,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            file,
            place: Place::Both,
            tree: serde_json::to_value(object)?,
            overlays: Vec::new(),
            comments: Vec::new(),
            labelled: false,
            read_again: |tree| serde_json::to_value(serde_json::from_value::<T>(tree)?),
        })
    }

    /// Adds an overlay.
    pub fn with(mut self, pointer: impl Into<String>, rule: Rule) -> Self {
        self.overlays.push(Overlay::new(pointer, rule));
        self
    }

    /// Adds an overlay that sets a scalar.
    pub fn set(self, pointer: impl Into<String>, expr: Expr) -> Self {
        self.with(pointer, Rule::Set(expr))
    }

    /// Adds a comment.
    pub fn comment(mut self, pointer: impl Into<String>, text: &str) -> Self {
        self.comments.push((pointer.into(), text.to_owned()));
        self
    }

    /// Leaves the object to the chart.
    pub fn chart_only(mut self) -> Self {
        self.place = Place::Chart;
        self
    }

    /// Adds labels of its own to the common ones.
    pub fn labelled(mut self, paths: &'static [Path]) -> Self {
        self.labelled = true;
        self.with("/metadata/labels", Rule::Append(paths))
    }

    /// Adds what [`metadata`] needs: labels, name and, unless it belongs to the
    /// cluster, namespace.
    pub fn follows(self, name: Expr) -> Self {
        let namespaced = self.tree.pointer("/metadata/namespace").is_some();
        let object = self
            .set("/metadata/name", name)
            .set(label("helm.sh/chart"), Expr::Helper(Helper::Chart))
            .set(label("app.kubernetes.io/name"), Expr::Helper(Helper::Name))
            .set(label("app.kubernetes.io/instance"), Expr::Release)
            .set(label("app.kubernetes.io/version"), Expr::AppVersion);
        let object = if object.labelled {
            object
        } else {
            object.with("/metadata/labels", Rule::Append(&["commonLabels"]))
        };
        if namespaced {
            object.set("/metadata/namespace", Expr::Value("namespace"))
        } else {
            object
        }
    }

    /// Kind and name, for messages.
    pub fn place(&self) -> String {
        let text = |pointer| self.tree.pointer(pointer).and_then(Value::as_str);
        format!(
            "{} {}",
            text("/kind").unwrap_or("object"),
            text("/metadata/name").unwrap_or("without a name")
        )
    }
}

/// Pointer to a label.
fn label(name: &str) -> String {
    format!("/metadata/labels/{}", pointer_key(name))
}

/// Part of the whole that an object belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The exporter.
    Exporter,
    /// The agent.
    Agent,
    /// Alerts, dashboard, namespace.
    Monitoring,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Exporter => "exporter",
            Self::Agent => "agent",
            Self::Monitoring => "monitoring",
        }
    }
}

/// Names that the objects share, resolved from the values.
///
/// Names come from here and, in the chart, from named templates; the two are
/// held against each other by the overlays' check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Of the exporter's objects.
    pub exporter: String,
    /// Of the agent's objects.
    pub agent: String,
    /// Of the PrometheusRule.
    pub alerts: String,
    /// The exporter's service account.
    pub exporter_account: String,
    /// The agent's service account.
    pub agent_account: String,
}

impl Names {
    /// Resolves the names.
    pub fn of(values: &Values) -> Self {
        let prefix = match values.fullname_override.as_str() {
            "" => "k8s-ai",
            own => own,
        };
        let name = |suffix: &str| format!("{prefix}-{suffix}");
        let account = |account: &crate::values::ServiceAccount, program: &str| match (
            account.name.as_str(),
            account.create,
        ) {
            ("", true) => name(program),
            ("", false) => "default".to_owned(),
            (own, _) => own.to_owned(),
        };
        Self {
            exporter: name("exporter"),
            agent: name("agent"),
            alerts: match values.fullname_override.as_str() {
                "" => "binbots-k8s-alerts".to_owned(),
                _ => name("alerts"),
            },
            exporter_account: account(&values.service_account.exporter, "exporter"),
            agent_account: account(&values.service_account.agent, "agent"),
        }
    }
}

/// Metadata with the recommended labels.
///
/// `app.kubernetes.io/managed-by` is missing on purpose: Helm adds it to
/// everything it installs, and of deploy/ it would not be true.
pub fn metadata(values: &Values, component: Component, name: &str) -> ObjectMeta {
    let own = match values.name_override.as_str() {
        "" => chart::NAME,
        own => own,
    };
    let chart = format!("{}-{}", chart::NAME, chart::VERSION);
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(values.namespace.clone()),
        labels: Some(labels(&[
            ("helm.sh/chart", &chart),
            ("app.kubernetes.io/name", own),
            ("app.kubernetes.io/instance", chart::NAME),
            ("app.kubernetes.io/version", chart::VERSION),
            ("app.kubernetes.io/component", component.name()),
            ("app.kubernetes.io/part-of", chart::NAME),
        ])),
        ..ObjectMeta::default()
    }
}

/// The same for an object that belongs to no namespace.
pub fn cluster_metadata(values: &Values, component: Component, name: &str) -> ObjectMeta {
    ObjectMeta {
        namespace: None,
        ..metadata(values, component, name)
    }
}

/// A map of labels.
pub fn labels(pairs: &[(&str, &str)]) -> Strings {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Adds labels to metadata.
pub fn add_labels(metadata: &mut ObjectMeta, more: &[(&str, &str)]) {
    metadata
        .labels
        .get_or_insert_with(BTreeMap::new)
        .extend(labels(more));
}

/// A map of free form as the type that Kubernetes has for it; none where it is empty.
///
/// # Errors
/// When the type refuses it.
pub fn typed<T: DeserializeOwned>(value: &impl Serialize) -> serde_json::Result<Option<T>> {
    let value = serde_json::to_value(value)?;
    let is_empty = match &value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if is_empty {
        Ok(None)
    } else {
        serde_json::from_value(value).map(Some)
    }
}

/// The text of a value that serde writes as one word.
pub fn word(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(match serde_json::to_value(value)? {
        Value::String(word) => word,
        other => other.to_string(),
    })
}

/// An image reference.
pub fn image(image: &crate::values::Image) -> String {
    match (image.digest.as_str(), image.tag.as_str()) {
        ("", "") => format!("{}:{}", image.repository, chart::image_tag()),
        ("", tag) => format!("{}:{tag}", image.repository),
        (digest, _) => format!("{}@{digest}", image.repository),
    }
}

/// The values that fill a pod's spec, which both programs have.
pub struct PodPaths {
    /// Node selector.
    pub node_selector: Path,
    /// Tolerations.
    pub tolerations: Path,
    /// Affinity.
    pub affinity: Path,
    /// Priority class.
    pub priority_class: Path,
    /// Pod labels.
    pub labels: &'static [Path],
    /// Pod annotations.
    pub annotations: Path,
    /// Security context of the pod.
    pub pod_security: Path,
    /// Security context of the container.
    pub security: Path,
    /// Requests and limits.
    pub resources: Path,
    /// Environment, a map.
    pub env: Path,
}

impl Object {
    /// Overlays of the pod template at a pointer.
    pub fn pod(self, template: &str, paths: &PodPaths) -> Self {
        let spec = format!("{template}/spec");
        let container = format!("{spec}/containers/0");
        self.with(
            format!("{template}/metadata/labels"),
            Rule::Append(paths.labels),
        )
        .with(
            format!("{template}/metadata/annotations"),
            Rule::Block(paths.annotations),
        )
        .with(
            format!("{spec}/imagePullSecrets"),
            Rule::Block("imagePullSecrets"),
        )
        .with(
            format!("{spec}/nodeSelector"),
            Rule::Block(paths.node_selector),
        )
        .with(
            format!("{spec}/tolerations"),
            Rule::Block(paths.tolerations),
        )
        .with(format!("{spec}/affinity"), Rule::Block(paths.affinity))
        .with(
            format!("{spec}/priorityClassName"),
            Rule::Optional(paths.priority_class),
        )
        .with(
            format!("{spec}/securityContext"),
            Rule::Block(paths.pod_security),
        )
        .with(
            format!("{container}/securityContext"),
            Rule::Block(paths.security),
        )
        .with(
            format!("{container}/resources"),
            Rule::Block(paths.resources),
        )
        .with(format!("{container}/env"), Rule::AppendVariables(paths.env))
    }
}

/// All objects, in the order in which kubectl and Helm want them written.
///
/// # Errors
/// When a value of free form is not of the type of its field.
pub fn all(values: &Values) -> serde_json::Result<Vec<Object>> {
    let mut objects = vec![namespace::namespace(values)?];
    objects.extend(identity::service_accounts(values)?);
    objects.extend(identity::cluster_roles(values)?);
    objects.push(identity::cluster_role_binding(values)?);
    objects.extend(admission::policy(values)?);
    objects.push(daemonset::exporter(values)?);
    objects.extend(all_nodes::objects(values)?);
    objects.push(service::exporter(values)?);
    objects.extend(monitoring::service_monitors(values)?);
    objects.push(rules::prometheus_rule(values)?);
    objects.push(cronjob::agent(values)?);
    objects.extend(agent_service::objects(values)?);
    objects.push(dashboard::config_map(values)?);
    objects.extend(network::policies(values)?);
    objects.push(probe_job::test_pod(values)?);
    Ok(objects)
}
