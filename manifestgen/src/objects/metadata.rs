//! Metadata and labels of objects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::names;
use crate::builder::Builder;
use crate::chart;
use crate::term::{Term, value};
use crate::values::Strings;

/// Component that an object belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
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

/// The recommended labels of an object.
///
/// `app.kubernetes.io/managed-by` is missing: Helm adds it to everything that it installs,
/// and it would not be true of deploy/.
fn recommended(b: &Builder<'_>, component: Component) -> Strings {
    labels([
        ("helm.sh/chart", &*b.text(names::chart_label())),
        ("app.kubernetes.io/name", &b.text(names::app(b.values))),
        ("app.kubernetes.io/instance", &b.text(b.release())),
        ("app.kubernetes.io/version", &b.text(Term::app_version())),
        ("app.kubernetes.io/component", component.name()),
        ("app.kubernetes.io/part-of", chart::NAME),
    ])
}

/// Metadata of an object that belongs to no namespace.
pub(super) fn cluster_metadata(
    b: &Builder<'_>,
    component: Component,
    name: Term<String>,
) -> ObjectMeta {
    labelled(b, component, name, Strings::new(), Vec::new())
}

/// Metadata of an object.
pub(super) fn metadata(b: &Builder<'_>, component: Component, name: Term<String>) -> ObjectMeta {
    ObjectMeta {
        namespace: Some(namespace(b)),
        ..cluster_metadata(b, component, name)
    }
}

/// Metadata of an object with labels of its own and those of values, without a namespace.
pub(super) fn labelled(
    b: &Builder<'_>,
    component: Component,
    name: Term<String>,
    own: Strings,
    mut more: Vec<Term<Strings>>,
) -> ObjectMeta {
    let values = b.values;
    let mut all = recommended(b, component);
    all.extend(own);
    more.insert(0, value!(values.common_labels));
    ObjectMeta {
        name: Some(b.text(name)),
        labels: Some(b.labels(all, more)),
        ..ObjectMeta::default()
    }
}

/// The namespace of every object.
pub(super) fn namespace(b: &Builder<'_>) -> String {
    let values = b.values;
    b.text(value!(values.namespace))
}

/// A map of labels or annotations.
pub(super) fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Strings {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Selects the pods of a program by their label `app`.
pub(super) fn selects(app: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels([("app", app)])),
        ..LabelSelector::default()
    }
}
