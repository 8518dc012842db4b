//! The JSON objects of the API: nodes, pods, and pods as a table.
//!
//! In scope: pure functions from machines to objects in the shapes that a real
//! API server sends. Out of scope: selecting, paging, refusing.
//!
//! Invariant: objects have no member that real ones lack (held by
//! `objects_have_only_real_members`).

use std::sync::LazyLock;

use quantity::Timestamp;
use serde_json::{Value, json};

use crate::node::{Limit, Machine, Phase, Pod, uid};
use crate::selector::{NODE_FIELDS, POD_FIELDS};
use crate::status::Status;

/// Everything in the objects that is the same for all machines.
static TEMPLATES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("objects.json")).expect("JSON"));

/// The node object of a machine, `at` seconds after the start.
pub(crate) fn node(machine: &Machine, start_ms: i64, at: f64) -> Value {
    let name = &machine.node.name;
    let booted = rfc3339(start_ms, machine.booted(at));
    let kibibytes = machine.node.memory_bytes / 1024;
    let mut node = TEMPLATES["node"].clone();
    node["metadata"]["name"] = json!(name);
    node["metadata"]["uid"] = json!(uid(machine.seed));
    node["metadata"]["resourceVersion"] = json!(resource_version(at));
    node["metadata"]["creationTimestamp"] = json!(booted);
    node["metadata"]["labels"]["kubernetes.io/hostname"] = json!(name);
    let status = &mut node["status"];
    // A kubelet keeps 100 MiB back before it evicts.
    for (list, reserved) in [("capacity", 0), ("allocatable", 102_400)] {
        status[list]["cpu"] = json!(cpu_quantity(machine.node.cores));
        status[list]["memory"] = json!(format!("{}Ki", kibibytes.saturating_sub(reserved)));
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastHeartbeatTime"] = json!(rfc3339(start_ms, at));
        condition["lastTransitionTime"] = json!(booted);
    }
    status["addresses"][0]["address"] = json!(machine.kubelet.ip());
    status["addresses"][1]["address"] = json!(name);
    if let Some(kind) = machine.node.address_type {
        status["addresses"][0]["type"] = json!(kind);
    }
    status["daemonEndpoints"]["kubeletEndpoint"]["Port"] = json!(machine.kubelet.port());
    status["nodeInfo"]["bootID"] = json!(machine.node.boot_id);
    node
}

/// The pods of a machine, `at` seconds after the start, by namespace and name.
pub(crate) fn pods(machine: &Machine, start_ms: i64, at: f64) -> Vec<Value> {
    let mut pods: Vec<&Pod> = machine.pods.iter().collect();
    pods.sort_by_key(|pod| (pod.namespace, &pod.name));
    let pods = pods.into_iter();
    pods.map(|each| pod(machine, each, start_ms, at)).collect()
}

fn pod(machine: &Machine, pod: &Pod, start_ms: i64, at: f64) -> Value {
    let started = pod.started(machine.booted(at));
    let start_time = json!(rfc3339(start_ms, started));
    let phase = pod.phase(at);
    let runs = phase == Phase::Running;
    let (mut containers, mut statuses) = (Vec::new(), Vec::new());
    for container in &pod.containers {
        let mut spec = TEMPLATES["container"].clone();
        spec["name"] = json!(container.name);
        if let Some(limit) = container.limit {
            spec["resources"] = resources(limit);
        }
        containers.push(spec);

        let life = container.life(started, at);
        let id = format!("containerd://{}", container.id(pod, life));
        let started_at = rfc3339(start_ms, life.started);
        let mut status = TEMPLATES["containerStatus"].clone();
        status["name"] = json!(container.name);
        status["ready"] = json!(runs);
        status["started"] = json!(runs);
        status["restartCount"] = json!(life.number);
        status["state"] = match phase {
            Phase::Running => json!({"running": {"startedAt": started_at}}),
            Phase::Succeeded | Phase::Failed => json!({"terminated": {
                "exitCode": i32::from(phase == Phase::Failed),
                "reason": if phase == Phase::Failed { "Error" } else { "Completed" },
                "startedAt": started_at,
                "containerID": id,
            }}),
        };
        status["containerID"] = json!(id);
        statuses.push(status);
    }
    let mut object = TEMPLATES["pod"].clone();
    object["metadata"]["name"] = json!(pod.name);
    object["metadata"]["namespace"] = json!(pod.namespace);
    object["metadata"]["uid"] = json!(pod.uid);
    object["metadata"]["resourceVersion"] = json!(resource_version(started.max(0.0)));
    object["metadata"]["creationTimestamp"] = start_time.clone();
    object["metadata"]["labels"]["app"] = json!(pod.application);
    object["spec"]["containers"] = json!(containers);
    object["spec"]["restartPolicy"] = match pod.end {
        None => json!("Always"),
        Some(_) => json!("Never"),
    };
    object["spec"]["nodeName"] = json!(machine.node.name);
    let status = &mut object["status"];
    status["phase"] = json!(format!("{phase:?}"));
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = start_time.clone();
    }
    status["conditions"][1]["status"] = json!(if runs { "True" } else { "False" });
    status["hostIP"] = json!(machine.kubelet.ip());
    status["startTime"] = start_time;
    status["containerStatuses"] = json!(statuses);
    status["qosClass"] = json!(pod.quality());
    object
}

fn resources(limit: Limit) -> Value {
    let divided = |by| {
        let (cpu, memory) = (limit.millicores / by, limit.mebibytes / by);
        json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi")})
    };
    json!({"limits": divided(1), "requests": divided(2)})
}

/// A kind of objects in lists.
#[derive(Debug)]
pub(crate) struct Kind {
    list_kind: &'static str,
    /// The fields that a selector may name.
    pub(crate) fields: &'static [(&'static str, &'static str)],
    /// The cells of an object in a table.
    cells: fn(&Value) -> Value,
}

pub(crate) static NODES: Kind = Kind {
    list_kind: "NodeList",
    fields: NODE_FIELDS,
    cells: node_cells,
};

pub(crate) static PODS: Kind = Kind {
    list_kind: "PodList",
    fields: POD_FIELDS,
    cells: pod_cells,
};

/// The form of a list, by its `Accept` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    Objects,
    /// A table of cells.
    Table,
}

impl Form {
    /// The first form in an `Accept` header that is understood.
    ///
    /// # Errors
    /// The refusal of a header without one, or of `includeObject` other than `None`.
    pub(crate) fn negotiate(accept: &str, include: &str) -> Result<Self, Status> {
        if !matches!(include, "" | "None") {
            let message = format!("unrecognized includeObject value: {include:?}");
            return Err(Status::bad_request(message));
        }
        if accept.is_empty() {
            return Ok(Self::Objects);
        }
        let form = accept.split(',').find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            if !matches!(parts.next(), Some("application/json" | "*/*")) {
                return None;
            }
            let parameters: Vec<&str> = parts.collect();
            let has = |parameter: &str| parameters.contains(&parameter);
            if ["as=Table", "g=meta.k8s.io", "v=v1"].into_iter().all(has) {
                return Some(Self::Table);
            }
            let is_plain = !parameters.iter().any(|each| each.starts_with("as="));
            is_plain.then_some(Self::Objects)
        });
        form.ok_or_else(|| Status::usual(406))
    }

    /// An object as it stands in a list of this form.
    pub(crate) fn element(self, kind: &Kind, object: Value) -> Value {
        match self {
            Self::Objects => object,
            Self::Table => json!({"cells": (kind.cells)(&object), "object": null}),
        }
    }

    /// A list of such elements.
    pub(crate) fn list(self, kind: &Kind, metadata: Value, elements: Vec<Value>) -> Value {
        let name = kind.list_kind;
        match self {
            Self::Objects => json!({
                "kind": name, "apiVersion": "v1", "metadata": metadata, "items": elements,
            }),
            Self::Table => json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "columnDefinitions": TEMPLATES[name], "rows": elements,
            }),
        }
    }
}

fn node_cells(node: &Value) -> Value {
    let info = |name: &str| text(node, &format!("/status/nodeInfo/{name}"));
    json!([
        text(node, "/metadata/name"),
        "Ready",
        "<none>",
        "1h",
        info("kubeletVersion"),
        text(node, "/status/addresses/0/address"),
        "<none>",
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ])
}

fn pod_cells(pod: &Value) -> Value {
    let statuses = pod
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let ready = statuses.iter().filter(|each| each["ready"] == true).count();
    let restarts: u64 = statuses
        .iter()
        .filter_map(|each| each["restartCount"].as_u64())
        .sum();
    let status = match text(pod, "/status/phase") {
        "Succeeded" => "Completed",
        "Failed" => "Error",
        other => other,
    };
    json!([
        text(pod, "/metadata/name"),
        format!("{ready}/{}", statuses.len()),
        status,
        restarts.to_string(),
        "1h",
        text(pod, "/status/podIP"),
        text(pod, "/spec/nodeName"),
        "<none>",
        "<none>",
    ])
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let value = object.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or("<none>")
}

/// A version that grows with time, as everything watched does.
pub(crate) fn resource_version(at: f64) -> String {
    (1000 + at.max(0.0) as u64).to_string()
}

/// Cores as a quantity: `4` or `3500m`.
fn cpu_quantity(cores: f64) -> String {
    let millicores = (cores * 1000.0).round() as u64;
    if millicores.is_multiple_of(1000) {
        (millicores / 1000).to_string()
    } else {
        format!("{millicores}m")
    }
}

/// An instant as the API server writes it, to the second, in UTC.
fn rfc3339(start_ms: i64, after: f64) -> String {
    Timestamp::from_unix(start_ms.div_euclid(1000) + after.floor() as i64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use std::collections::BTreeSet;

    fn capture(name: &str) -> Value {
        let replay = crate::Replay::dir(crate::fixtures().join("10-pods")).expect("captures");
        match name {
            "node" => replay.node("node-a").expect("node.json.gz"),
            _ => replay.pods("node-a").expect("pods.json.gz").swap_remove(0),
        }
    }

    /// The paths of all members, lists entered at their first element.
    fn paths(value: &Value, at: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    into.insert(format!("{at}/{name}"));
                    paths(value, &format!("{at}/{name}"), into);
                }
            }
            Value::Array(items) => {
                if let Some(first) = items.first() {
                    paths(first, at, into);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn objects_have_only_real_members() {
        let machine = Machine::new(Node::new("node-a").pods(1), 1);
        let ours = [
            ("node", node(&machine, 1_800_000_000_000, 5.0)),
            ("pod", pods(&machine, 1_800_000_000_000, 5.0).swap_remove(0)),
        ];
        for (name, object) in ours {
            let (mut simulated, mut real) = (BTreeSet::new(), BTreeSet::new());
            paths(&object, "", &mut simulated);
            paths(&capture(name), "", &mut real);
            // Labels are the users' own.
            let invented: Vec<_> = simulated.difference(&real).collect();
            assert!(invented.is_empty(), "{name}: {invented:?}");
        }
    }

    #[test]
    fn list_forms_are_negotiated() {
        let table = "application/json;as=Table;g=meta.k8s.io;v=v1";
        for (accept, form) in [
            ("", Some(Form::Objects)),
            ("*/*", Some(Form::Objects)),
            ("application/json", Some(Form::Objects)),
            (table, Some(Form::Table)),
            (&format!("{table}, application/json"), Some(Form::Table)),
            (&table.replace(';', "; "), Some(Form::Table)),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json",
                Some(Form::Objects),
            ),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", None),
            ("text/html", None),
        ] {
            assert_eq!(Form::negotiate(accept, "None").ok(), form, "{accept}");
        }
    }

    #[test]
    fn cores_are_whole_or_milli() {
        assert_eq!(cpu_quantity(4.0), "4");
        assert_eq!(cpu_quantity(3.5), "3500m");
    }
}
