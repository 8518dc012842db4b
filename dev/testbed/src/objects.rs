//! The JSON objects of the API: nodes, pods, and pods as a table.
//!
//! In scope: pure functions from machines to objects in the shapes that a real
//! API server sends. Out of scope: selecting, paging, refusing.

use quantity::Timestamp;
use serde_json::{Value, json};

use crate::node::{Fate, Limit, Machine, Phase, Pod};
use crate::selector::{NODE_FIELDS, POD_FIELDS};

/// The node object of a machine, `at` seconds after the start.
pub(crate) fn node(machine: &Machine, start_ms: i64, at: f64) -> Value {
    let name = &machine.node.name;
    let time = |seconds: f64| rfc3339(start_ms, seconds);
    let booted = time(machine.booted(at));
    // A kubelet keeps 100 MiB back before it evicts.
    let allocatable = (machine.node.memory_bytes / 1024).saturating_sub(102_400);
    let sizes = |memory: u64| {
        json!({
            "cpu": cpu_quantity(machine.node.cores),
            "ephemeral-storage": "264212084Ki",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": format!("{memory}Ki"),
            "pods": "110",
        })
    };
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": time(at), "lastTransitionTime": booted,
        })
    };
    json!({
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": format!("{:08x}-0000-4000-a000-{:012x}", machine.seed >> 32, machine.seed & 0xffff_ffff_ffff),
            "resourceVersion": resource_version(at),
            "creationTimestamp": booted,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {},
        "status": {
            "capacity": sizes(machine.node.memory_bytes / 1024),
            "allocatable": sizes(allocatable),
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "addresses": [
                {"type": "InternalIP", "address": machine.kubelet.ip()},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": machine.kubelet.port()}},
            "nodeInfo": {
                "machineID": "00000000000000000000000000000001",
                "systemUUID": "00000000000000000000000000000001",
                "bootID": machine.node.boot_id,
                "kernelVersion": "6.18.44",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://2.1.9",
                "kubeletVersion": "v1.36.2",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [
                {"names": ["registry.example/app:1"], "sizeBytes": 3_973_807},
                {"names": ["registry.k8s.io/pause:3.10"], "sizeBytes": 768_674},
            ],
        },
    })
}

/// The pods of a machine, `at` seconds after the start, by namespace and name.
pub(crate) fn pods(machine: &Machine, start_ms: i64, at: f64) -> Vec<Value> {
    let whole = |each: &Pod| pod(machine, each, start_ms, at);
    by_name(machine).into_iter().map(whole).collect()
}

/// The same with no more members than a table shows and a selector asks for: whole
/// ones of a large cluster take seconds to make.
pub(crate) fn pod_outlines(machine: &Machine, at: f64) -> Vec<Value> {
    let outline = |each: &Pod| pod_outline(machine, each, at);
    by_name(machine).into_iter().map(outline).collect()
}

fn by_name(machine: &Machine) -> Vec<&Pod> {
    let mut pods: Vec<&Pod> = machine.pods.iter().collect();
    pods.sort_by_key(|pod| (pod.namespace, &pod.name));
    pods
}

fn pod_outline(machine: &Machine, pod: &Pod, at: f64) -> Value {
    let started = pod.started(machine.booted(at));
    let phase = pod.phase(at);
    let statuses: Vec<Value> = pod
        .containers
        .iter()
        .map(|container| {
            json!({
                "ready": phase == Phase::Running,
                "restartCount": container.life(started, at).number,
            })
        })
        .collect();
    json!({
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "spec": {
            "restartPolicy": restart_policy(pod),
            "serviceAccountName": SERVICE_ACCOUNT,
            "nodeName": machine.node.name,
            "schedulerName": SCHEDULER,
        },
        "status": {"phase": phase.as_str(), "podIP": POD_IP, "containerStatuses": statuses},
    })
}

const SERVICE_ACCOUNT: &str = "default";
const SCHEDULER: &str = "default-scheduler";
const POD_IP: &str = "10.244.0.95";

fn restart_policy(pod: &Pod) -> &'static str {
    match pod.fate {
        Fate::Runs => "Always",
        Fate::Ends { .. } => "Never",
    }
}

fn pod(machine: &Machine, pod: &Pod, start_ms: i64, at: f64) -> Value {
    let started = pod.started(machine.booted(at));
    let time = |seconds: f64| rfc3339(start_ms, seconds);
    let phase = pod.phase(at);
    let containers: Vec<Value> = pod
        .containers
        .iter()
        .map(|container| {
            json!({
                "name": container.name,
                "image": "registry.example/app:1",
                "resources": container.limit.map_or_else(|| json!({}), resources),
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            })
        })
        .collect();
    let statuses: Vec<Value> = pod
        .containers
        .iter()
        .map(|container| {
            let life = container.life(started, at);
            let id = format!("containerd://{}", container.id(pod, life));
            let state = match phase {
                Phase::Running => json!({"running": {"startedAt": time(life.started)}}),
                Phase::Succeeded | Phase::Failed => json!({"terminated": {
                    "exitCode": i32::from(phase == Phase::Failed),
                    "reason": if phase == Phase::Failed { "Error" } else { "Completed" },
                    "startedAt": time(life.started),
                    "containerID": id,
                }}),
            };
            json!({
                "name": container.name,
                "state": state,
                "lastState": {},
                "ready": phase == Phase::Running,
                "restartCount": life.number,
                "image": "registry.example/app:1",
                "imageID": "sha256:b78e811da5afabe4829f2584cb5476c19141b85f56c845c3cc147a496c8bfbf6",
                "containerID": id,
                "started": phase == Phase::Running,
            })
        })
        .collect();
    let ready = if phase == Phase::Running {
        "True"
    } else {
        "False"
    };
    json!({
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "uid": pod.uid,
            "resourceVersion": resource_version(started.max(0.0)),
            "creationTimestamp": time(started),
            "labels": {"app": pod.application},
        },
        "spec": {
            "containers": containers,
            "restartPolicy": restart_policy(pod),
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": SERVICE_ACCOUNT,
            "nodeName": machine.node.name,
            "securityContext": {},
            "schedulerName": SCHEDULER,
            "priority": 0,
        },
        "status": {
            "phase": phase.as_str(),
            "conditions": [
                {"type": "Initialized", "status": "True", "lastProbeTime": null, "lastTransitionTime": time(started)},
                {"type": "Ready", "status": ready, "lastProbeTime": null, "lastTransitionTime": time(started)},
                {"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": time(started)},
            ],
            "hostIP": machine.kubelet.ip(),
            "podIP": POD_IP,
            "startTime": time(started),
            "containerStatuses": statuses,
            "qosClass": if pod.is_burstable() { "Burstable" } else { "BestEffort" },
        },
    })
}

fn resources(limit: Limit) -> Value {
    json!({
        "limits": {
            "cpu": format!("{}m", limit.millicores),
            "memory": format!("{}Mi", limit.mebibytes),
        },
        "requests": {
            "cpu": format!("{}m", limit.millicores / 2),
            "memory": format!("{}Mi", limit.mebibytes / 2),
        },
    })
}

/// What kind of objects a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nodes,
    Pods,
}

impl Kind {
    fn list_kind(self) -> &'static str {
        match self {
            Self::Nodes => "NodeList",
            Self::Pods => "PodList",
        }
    }

    /// The fields that a selector may name.
    pub(crate) fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Nodes => NODE_FIELDS,
            Self::Pods => POD_FIELDS,
        }
    }

    /// The columns of a table: name, format, priority.
    fn columns(self) -> &'static [(&'static str, &'static str, u8)] {
        match self {
            Self::Nodes => &[
                ("Name", "name", 0),
                ("Status", "", 0),
                ("Roles", "", 0),
                ("Age", "", 0),
                ("Version", "", 0),
                ("Internal-IP", "", 1),
                ("External-IP", "", 1),
                ("OS-Image", "", 1),
                ("Kernel-Version", "", 1),
                ("Container-Runtime", "", 1),
            ],
            Self::Pods => &[
                ("Name", "name", 0),
                ("Ready", "", 0),
                ("Status", "", 0),
                ("Restarts", "", 0),
                ("Age", "", 0),
                ("IP", "", 1),
                ("Node", "", 1),
                ("Nominated Node", "", 1),
                ("Readiness Gates", "", 1),
            ],
        }
    }

    fn cells(self, object: &Value) -> Value {
        match self {
            Self::Nodes => node_cells(object),
            Self::Pods => pod_cells(object),
        }
    }
}

/// How a list is asked for in `Accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    Objects,
    /// A table, with so much of each object beside its cells.
    Table(Include),
    /// The metadata of each object.
    Metadata,
}

/// How much of an object stands in a row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

impl Form {
    /// The first form in an `Accept` header that is understood.
    pub(crate) fn negotiate(accept: &str, include: Include) -> Option<Self> {
        if accept.is_empty() {
            return Some(Self::Objects);
        }
        accept.split(',').find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            if !matches!(media_type, "application/json" | "*/*") {
                return None;
            }
            let parameters: Vec<&str> = parts.collect();
            let has = |parameter: &str| parameters.contains(&parameter);
            let meta = has("g=meta.k8s.io") && has("v=v1");
            if meta && has("as=Table") {
                Some(Self::Table(include))
            } else if meta && has("as=PartialObjectMetadataList") {
                Some(Self::Metadata)
            } else {
                let plain = !parameters.iter().any(|each| each.starts_with("as="));
                plain.then_some(Self::Objects)
            }
        })
    }

    /// An object as it stands in a list of this form.
    pub(crate) fn element(self, kind: Kind, object: Value) -> Value {
        match self {
            Self::Objects => object,
            Self::Metadata => partial(&object),
            Self::Table(include) => row(kind, &object, include),
        }
    }

    /// A list of such elements.
    pub(crate) fn list(self, kind: Kind, metadata: Value, elements: Vec<Value>) -> Value {
        let (list_kind, version, field) = match self {
            Self::Objects => (kind.list_kind(), "v1", "items"),
            Self::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1", "items"),
            Self::Table(_) => ("Table", "meta.k8s.io/v1", "rows"),
        };
        let mut list = json!({"kind": list_kind, "apiVersion": version, "metadata": metadata});
        if let Self::Table(_) = self {
            list["columnDefinitions"] = column_definitions(kind);
        }
        list[field] = Value::Array(elements);
        list
    }
}

fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

fn column_definitions(kind: Kind) -> Value {
    let definition = |(name, format, priority): &(&str, &str, u8)| {
        json!({
            "name": name, "type": "string", "format": format,
            "description": "", "priority": priority,
        })
    };
    kind.columns().iter().map(definition).collect()
}

fn row(kind: Kind, object: &Value, include: Include) -> Value {
    json!({
        "cells": kind.cells(object),
        "object": match include {
            Include::None => Value::Null,
            Include::Metadata => partial(object),
            Include::Object => object.clone(),
        },
    })
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
    fn objects_have_no_member_that_real_ones_lack() {
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
    fn an_outline_has_the_cells_and_the_selected_fields_of_the_whole_pod() {
        let node = Node::new("node-a")
            .pods(5)
            .failed(1)
            .finishing(2, std::time::Duration::from_secs(3))
            .restarting(2, std::time::Duration::from_secs(4));
        let machine = Machine::new(node, 1);
        for at in [0.0, 5.0] {
            let whole = pods(&machine, 1_800_000_000_000, at);
            for (whole, outline) in whole.iter().zip(pod_outlines(&machine, at)) {
                assert_eq!(pod_cells(&outline), pod_cells(whole));
                for (field, pointer) in POD_FIELDS {
                    assert_eq!(outline.pointer(pointer), whole.pointer(pointer), "{field}");
                }
            }
        }
    }

    #[test]
    fn a_form_is_negotiated_by_its_parameters() {
        let table = "application/json;as=Table;g=meta.k8s.io;v=v1";
        for (accept, form) in [
            ("", Some(Form::Objects)),
            ("*/*", Some(Form::Objects)),
            ("application/json", Some(Form::Objects)),
            (table, Some(Form::Table(Include::None))),
            (
                &format!("{table}, application/json"),
                Some(Form::Table(Include::None)),
            ),
            (
                "application/json; as=Table; g=meta.k8s.io; v=v1",
                Some(Form::Table(Include::None)),
            ),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json",
                Some(Form::Objects),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some(Form::Metadata),
            ),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", None),
            ("text/html", None),
        ] {
            assert_eq!(Form::negotiate(accept, Include::None), form, "{accept}");
        }
    }

    #[test]
    fn cores_are_whole_or_milli() {
        assert_eq!(cpu_quantity(4.0), "4");
        assert_eq!(cpu_quantity(3.5), "3500m");
    }
}
