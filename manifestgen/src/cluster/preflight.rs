//! Checks before an installation: would the cluster admit the objects, and would they work?
//!
//! Invariant: preflight changes nothing in the cluster; its only POST is a
//! SelfSubjectAccessReview (held by `ready_cluster_has_no_bad_row`).

use std::collections::BTreeSet;

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Client;
use kube::core::{ApiResource, Selector, SelectorExt as _};
use serde_json::{Value, json};

use super::{Failure, Report, Row, Verdict, get, kubelets, resource, send};
use crate::chart::OLDEST_MINOR;
use crate::objects;
use crate::values::Values;

const MONITORING: &str = "/apis/monitoring.coreos.com/v1";

/// Checks version, permissions, CRDs, Prometheus, namespace, names and kubelets.
///
/// # Errors
/// When the cluster does not answer.
pub async fn preflight(client: &Client, values: &Values) -> Result<Report, Failure> {
    let objects = objects::deploy(values)?;
    let trees: Vec<&Value> = objects.iter().map(|object| &object.tree).collect();
    let mut rows = vec![version(client).await?];
    rows.extend(permissions(client, &trees).await?);
    let has_crds = crds(client, &mut rows).await?;
    if has_crds {
        for (kind, selector) in [
            ("ServiceMonitor", "serviceMonitor"),
            ("PrometheusRule", "rule"),
        ] {
            if let Some(tree) = trees.iter().find(|tree| tree["kind"] == kind) {
                rows.push(selected(client, tree, kind, selector).await?);
            }
        }
    }
    rows.push(namespace(client, &values.namespace).await?);
    if let Some(service) = trees.iter().find(|tree| tree["kind"] == "Service") {
        rows.push(service_conflict(client, service).await?);
    }
    rows.extend(kubelets::rows(client, values).await?);
    Ok(Report(rows))
}

async fn version(client: &Client) -> Result<Row, Failure> {
    const SUBJECT: &str = "Kubernetes version";
    Ok(match get(client, "/version").await? {
        Ok(version) => {
            let text = |key: &str| version[key].as_str().unwrap_or_default().to_owned();
            // Some clouds write 30+.
            let minor: String = text("minor")
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let is_new = text("major") != "1"
                || minor
                    .parse::<u32>()
                    .is_ok_and(|minor| minor >= OLDEST_MINOR);
            let found = text("gitVersion");
            if is_new {
                Row::new(Verdict::Fine, SUBJECT, found)
            } else {
                let found = format!("{found}; requires 1.{OLDEST_MINOR} or newer");
                Row::new(Verdict::Bad, SUBJECT, found)
            }
        }
        Err(refusal) => Row::new(Verdict::Note, SUBJECT, refusal.message),
    })
}

/// Checks whether the current user may create and change each kind of object.
async fn permissions(client: &Client, trees: &[&Value]) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    let mut allowed = 0;
    for tree in trees {
        let Some(kind) = resource(tree).filter(|kind| seen.insert(kind.plural.clone())) else {
            continue;
        };
        let namespace = tree["metadata"]["namespace"].as_str();
        for verb in ["create", "patch"] {
            match may(client, verb, &kind, namespace).await? {
                Ok(()) => allowed += 1,
                Err(why) => rows.push(Row::new(
                    Verdict::Bad,
                    format!("permission: {verb} {}", kind.plural),
                    why,
                )),
            }
        }
    }
    if rows.is_empty() {
        let found = format!("create and patch, {allowed} reviews");
        rows.push(Row::new(Verdict::Fine, "permissions", found));
    }
    Ok(rows)
}

async fn may(
    client: &Client,
    verb: &str,
    kind: &ApiResource,
    namespace: Option<&str>,
) -> Result<Result<(), String>, Failure> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": verb,
            "group": kind.group,
            "resource": kind.plural,
            "namespace": namespace.unwrap_or_default(),
        }},
    });
    let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header("Content-Type", "application/json");
    let answer = send(client, request, review.to_string().into_bytes()).await?;
    Ok(match answer {
        Ok(review) if review["status"]["allowed"] == true => Ok(()),
        Ok(review) => {
            let reason = review["status"]["reason"].as_str().unwrap_or_default();
            Err(format!("not allowed {reason}").trim_end().to_owned())
        }
        Err(refusal) => Err(refusal.message),
    })
}

/// Checks for the Prometheus Operator's CRDs.
async fn crds(client: &Client, rows: &mut Vec<Row>) -> Result<bool, Failure> {
    const SUBJECT: &str = "Prometheus Operator's CRDs";
    let found: Vec<String> = match get(client, MONITORING).await? {
        Ok(list) => list["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|resource| resource["name"].as_str().map(str::to_owned))
            .collect(),
        Err(_) => Vec::new(),
    };
    let missing: Vec<&str> = ["servicemonitors", "prometheusrules"]
        .into_iter()
        .filter(|name| !found.iter().any(|own| own == name))
        .collect();
    rows.push(if missing.is_empty() {
        Row::new(Verdict::Fine, SUBJECT, "served")
    } else {
        let found = format!(
            "missing: {}; install kube-prometheus-stack, or disable serviceMonitor and prometheusRule",
            missing.join(", ")
        );
        Row::new(Verdict::Bad, SUBJECT, found)
    });
    Ok(missing.is_empty())
}

/// Checks whether a Prometheus selects an object of ours, by labels and namespace.
async fn selected(
    client: &Client,
    tree: &Value,
    kind: &str,
    selector: &str,
) -> Result<Row, Failure> {
    let subject = format!("Prometheus selects our {kind}");
    let list = match get(client, &format!("{MONITORING}/prometheuses")).await? {
        Ok(list) => list,
        Err(refusal) => return Ok(Row::new(Verdict::Note, subject, refusal.message)),
    };
    let all = list["items"].as_array().cloned().unwrap_or_default();
    if all.is_empty() {
        return Ok(Row::new(Verdict::Bad, subject, "there is no Prometheus"));
    }
    let own = tree["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut why_not = Vec::new();
    for prometheus in &all {
        let at = &prometheus["metadata"];
        let name = format!(
            "{}/{}",
            at["namespace"].as_str().unwrap_or_default(),
            at["name"].as_str().unwrap_or_default()
        );
        let by_label = &prometheus["spec"][format!("{selector}Selector")];
        let by_namespace = &prometheus["spec"][format!("{selector}NamespaceSelector")];
        if !matches(by_label, &tree["metadata"]["labels"]) {
            why_not.push(format!("{name} selects by {by_label}"));
        } else if by_namespace.is_null() && at["namespace"] != own {
            why_not.push(format!("{name} selects in its own namespace only"));
        } else if !by_namespace.is_null()
            && !matches(by_namespace, &namespace_labels(client, own).await?)
        {
            why_not.push(format!("{name} selects in namespaces {by_namespace}"));
        } else {
            return Ok(Row::new(Verdict::Fine, subject, name));
        }
    }
    Ok(Row::new(Verdict::Bad, subject, why_not.join("; ")))
}

async fn namespace_labels(client: &Client, name: &str) -> Result<Value, Failure> {
    let answer = get(client, &format!("/api/v1/namespaces/{name}")).await?;
    // Every namespace gets this label when it is created.
    Ok(answer.map_or_else(
        |_| json!({"kubernetes.io/metadata.name": name}),
        |namespace| namespace["metadata"]["labels"].clone(),
    ))
}

/// Returns whether labels match a label selector. A missing selector selects nothing, an
/// empty one everything.
fn matches(selector: &Value, labels: &Value) -> bool {
    let selector: Option<LabelSelector> =
        serde_json::from_value(selector.clone()).unwrap_or_default();
    let labels = serde_json::from_value(labels.clone()).unwrap_or_default();
    let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
    selector.is_some_and(|selector| selector.matches(&labels))
}

async fn namespace(client: &Client, name: &str) -> Result<Row, Failure> {
    let subject = format!("namespace {name}");
    Ok(
        match get(client, &format!("/api/v1/namespaces/{name}")).await? {
            Ok(namespace) => match namespace["status"]["phase"].as_str() {
                Some("Terminating") => Row::new(Verdict::Bad, subject, "is being deleted"),
                _ => Row::new(Verdict::Fine, subject, "exists"),
            },
            Err(refusal) if refusal.code == 404 => Row::new(
                Verdict::Note,
                subject,
                "does not exist; kubectl apply creates it, Helm only with createNamespace=true",
            ),
            Err(refusal) => Row::new(Verdict::Note, subject, refusal.message),
        },
    )
}

/// Checks whether the Service's name is free or ours. Ports of nodes cannot conflict: no pod
/// of ours uses the host's network.
async fn service_conflict(client: &Client, service: &Value) -> Result<Row, Failure> {
    let text = |key: &str| service["metadata"][key].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    let subject = format!("Service {name}");
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    Ok(match get(client, &path).await? {
        Err(refusal) if refusal.code == 404 => Row::new(Verdict::Fine, subject, "name is free"),
        Err(refusal) => Row::new(Verdict::Note, subject, refusal.message),
        Ok(live) if live["spec"]["selector"] != service["spec"]["selector"] => {
            let found = format!(
                "belongs to another application: its selector is {}",
                live["spec"]["selector"]
            );
            Row::new(Verdict::Bad, subject, found)
        }
        Ok(live) if live["spec"]["ports"][0]["port"] != service["spec"]["ports"][0]["port"] => {
            let found = format!(
                "is ours; its port {} will change",
                live["spec"]["ports"][0]["port"]
            );
            Row::new(Verdict::Note, subject, found)
        }
        Ok(_) => Row::new(Verdict::Fine, subject, "is ours"),
    })
}
