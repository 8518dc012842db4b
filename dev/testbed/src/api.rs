//! Which path means what, and the right answer to it.
//!
//! In scope: routing, simulated and replayed nodes (no I/O, no clock). Out of
//! scope: tokens, faults, compression (`server`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::cgroup::Sampling;
use crate::exposition;
use crate::http::{Framing, Request, Response, percent_decode};
use crate::kubelet;
use crate::list::{self, Paging, Query};
use crate::node::Machine;
use crate::objects::{self, Kind};
use crate::replay::Replay;
use crate::requests::Endpoint;
use crate::selector::{POD_FIELDS, Selector};
use crate::status::Status;

/// The media type of the metrics pages, as a kubelet writes it.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The node it is about: from the path, or from a pod list's selector.
    pub(crate) node: Option<String>,
    /// The path at the kubelet, behind the proxy.
    pub(crate) proxied: String,
    /// The node as a proxied request names it: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`.
    pub(crate) proxied_name: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Route {
    /// None for a bad escape.
    pub(crate) fn of(target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut route = Self {
            endpoint: Endpoint::Other,
            node: None,
            proxied: String::new(),
            proxied_name: None,
            parameters: parameters(query)?,
        };
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        route.endpoint = match segments[..] {
            ["healthz" | "livez" | "readyz"] => Endpoint::Health,
            ["version"] => Endpoint::Version,
            ["api", "v1", "pods"] => {
                let selector = Selector::parse(route.parameter("fieldSelector"), POD_FIELDS);
                route.node = selector
                    .ok()
                    .and_then(|selector| selector.required("spec.nodeName").map(str::to_owned));
                Endpoint::Pods
            }
            ["api", "v1", "nodes"] => Endpoint::Nodes,
            ["api", "v1", "nodes", node] => {
                route.node = Some(percent_decode(node, false)?);
                Endpoint::Node
            }
            ["api", "v1", "nodes", node, "proxy", ref rest @ ..] => {
                let name = percent_decode(node, false)?;
                // The kubelet answers on whatever port is asked for.
                route.node = Some(match name.split(':').collect::<Vec<_>>()[..] {
                    [node, _] | [_, node, _] => node.to_owned(),
                    _ => name.clone(),
                });
                route.proxied_name = Some(name);
                route.proxied = percent_decode(&format!("/{}", rest.join("/")), false)?;
                match route.proxied.as_str() {
                    "/metrics/resource" => Endpoint::Resource,
                    "/metrics/cadvisor" => Endpoint::Cadvisor,
                    _ => Endpoint::OtherProxy,
                }
            }
            _ => Endpoint::Other,
        };
        Some(route)
    }

    /// What is asked of a kubelet at its own port.
    pub(crate) fn of_kubelet(endpoint: Endpoint, node: String, path: String) -> Self {
        Self {
            endpoint,
            node: Some(node),
            proxied: path,
            proxied_name: None,
            parameters: Vec::new(),
        }
    }

    /// Whether anybody may ask, as on a real cluster.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self.endpoint, Endpoint::Health | Endpoint::Version)
    }

    /// The value of a query parameter; empty when it is not given.
    fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(each, _)| each == name)
            .map_or("", |(_, value)| value)
    }

    fn query<'a>(&'a self, accept: &'a str) -> Query<'a> {
        Query {
            field_selector: self.parameter("fieldSelector"),
            limit: self.parameter("limit"),
            continues: self.parameter("continue"),
            resource_version: self.parameter("resourceVersion"),
            include_object: self.parameter("includeObject"),
            accept,
        }
    }
}

fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name, true)?, percent_decode(value, true)?))
        })
        .collect()
}

/// What there is to be asked about.
#[derive(Debug)]
pub(crate) struct Backend {
    /// By name, as an API server lists them.
    pub(crate) machines: RwLock<BTreeMap<String, Arc<Machine>>>,
    /// What the machines' pseudo-random parts follow from.
    pub(crate) seed: u64,
    pub(crate) replay: Option<Replay>,
    pub(crate) sampling: Sampling,
    /// How the kubelets' pages are framed.
    pub(crate) framing: Framing,
}

impl Backend {
    pub(crate) fn machine(&self, name: &str) -> Option<Arc<Machine>> {
        let machines = self.machines.read();
        let machines = machines.unwrap_or_else(PoisonError::into_inner);
        machines.get(name).map(Arc::clone)
    }

    /// Lets a node join, in place of one of the same name.
    pub(crate) fn join(&self, machine: Machine) {
        let mut machines = self
            .machines
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        machines.insert(machine.node.name.clone(), Arc::new(machine));
    }

    /// Lets a node leave. False where there is none of this name.
    pub(crate) fn leave(&self, name: &str) -> bool {
        let mut machines = self
            .machines
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        machines.remove(name).is_some()
    }

    /// All machines as of now.
    fn machines(&self) -> BTreeMap<String, Arc<Machine>> {
        let machines = self.machines.read();
        machines.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The machine at an address.
    pub(crate) fn machine_at(&self, ip: IpAddr) -> Option<Arc<Machine>> {
        let machines = self.machines.read();
        let machines = machines.unwrap_or_else(PoisonError::into_inner);
        let found = machines.values().find(|each| each.kubelet.ip() == ip);
        found.map(Arc::clone)
    }

    /// The right answer to a request that is let in. A body with a
    /// `Content-Encoding` is compressed already.
    pub(crate) fn answer(
        &self,
        request: &Request,
        route: &Route,
        paging: Paging,
        now_ms: i64,
    ) -> Response {
        let at = self.sampling.elapsed(now_ms);
        let node = route.node.as_deref().unwrap_or_default();
        if route.endpoint == Endpoint::OtherProxy {
            if self.replay.is_none() && self.machine(node).is_none() {
                return Status::node_not_found(node).response();
            }
            let pods = || self.pods(Some(node), false, at).collect();
            return kubelet::answer(request, &route.proxied, pods);
        }
        if request.method != "GET" {
            return Status::method_not_allowed().response();
        }
        let query = route.query(request.header("accept"));
        let version = objects::resource_version(at);
        let object = match route.endpoint {
            Endpoint::Health => return Response::new(200, "text/plain; charset=utf-8", "ok"),
            Endpoint::Resource | Endpoint::Cadvisor => {
                let page = self.page(route.endpoint, node, now_ms);
                return page.unwrap_or_else(|refusal| refusal.response());
            }
            Endpoint::Version => Ok(json!({
                "major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64",
            })),
            Endpoint::Node => self.node(node, at),
            Endpoint::Nodes => {
                let machines = self.machines();
                let names = machines.keys().map(String::as_str);
                let names = names.chain(self.replay.as_ref().map(Replay::name));
                let nodes = names.filter_map(|name| self.node(name, at).ok());
                list::list(Kind::Nodes, nodes, &version, &query, paging)
            }
            Endpoint::Pods => {
                let pods = self.pods(route.node.as_deref(), query.wants_cells_only(), at);
                list::list(Kind::Pods, pods, &version, &query, paging)
            }
            Endpoint::OtherProxy | Endpoint::Other => Err(Status::no_such_path()),
        };
        match object {
            Ok(object) => Response::new(200, "application/json", object.to_string())
                .with_header("Cache-Control", "no-cache, private"),
            Err(refusal) => refusal.response(),
        }
    }

    /// A metrics page of a kubelet.
    fn page(&self, endpoint: Endpoint, node: &str, now_ms: i64) -> Result<Response, Status> {
        let is_resource = endpoint == Endpoint::Resource;
        let mut page = match (self.machine(node), &self.replay) {
            (Some(machine), _) => {
                let render = if is_resource {
                    exposition::resource
                } else {
                    exposition::cadvisor
                };
                Response::new(200, EXPOSITION, render(&machine, self.sampling, now_ms))
            }
            (None, Some(replay)) => {
                let body = if is_resource {
                    replay.next_resource()
                } else {
                    replay.next_cadvisor()
                };
                Response::new(200, EXPOSITION, &*body).with_header("Content-Encoding", "gzip")
            }
            (None, None) => return Err(Status::node_not_found(node)),
        };
        page.framing = self.framing;
        Ok(page)
    }

    fn node(&self, name: &str, at: f64) -> Result<Value, Status> {
        let start_ms = self.sampling.start_ms;
        match (self.machine(name), &self.replay) {
            (Some(machine), _) => Ok(objects::node(&machine, start_ms, at)),
            (None, Some(replay)) => Ok(replay
                .node(name)
                .unwrap_or_else(|| objects::node(&replay.machine(name), start_ms, at))),
            (None, None) => Err(Status::node_not_found(name)),
        }
    }

    /// The pods on a node, or all. The replayed ones are on the node that is asked
    /// about, unless that one is simulated.
    fn pods(&self, node: Option<&str>, in_outline: bool, at: f64) -> impl Iterator<Item = Value> {
        let start_ms = self.sampling.start_ms;
        let is_simulated = node.is_some_and(|name| self.machine(name).is_some());
        let replayed = self.replay.iter().flat_map(move |replay| {
            let name = node.filter(|_| !is_simulated).unwrap_or(replay.name());
            replay
                .pods(name)
                .unwrap_or_else(|| objects::pods(&replay.machine(name), start_ms, at))
        });
        let mut machines = self.machines();
        if let Some(node) = node {
            // The others' pods would be made for nothing.
            machines.retain(|name, _| name == node);
        }
        machines
            .into_values()
            .flat_map(move |machine| match in_outline {
                true => objects::pod_outlines(&machine, at),
                false => objects::pods(&machine, start_ms, at),
            })
            .chain(replayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_endpoints_and_nodes() {
        let pods = "/api/v1/pods?fieldSelector=spec.nodeName%3Da%2Cstatus.phase!%3DFailed&limit=5";
        for (target, endpoint, node) in [
            (
                "/api/v1/nodes/a/proxy/metrics/resource",
                Endpoint::Resource,
                Some("a"),
            ),
            (
                "/api/v1/nodes/a/proxy/metrics/cadvisor?x=1",
                Endpoint::Cadvisor,
                Some("a"),
            ),
            (
                "/api/v1/nodes/a/proxy/metrics/resource_x",
                Endpoint::OtherProxy,
                Some("a"),
            ),
            ("/api/v1/nodes/a/proxy/", Endpoint::OtherProxy, Some("a")),
            (
                "/api/v1/nodes/a/proxy/exec/x",
                Endpoint::OtherProxy,
                Some("a"),
            ),
            (
                "/api/v1/nodes/https:a:10250/proxy/metrics/resource",
                Endpoint::Resource,
                Some("a"),
            ),
            ("/api/v1/nodes/a%2eb", Endpoint::Node, Some("a.b")),
            ("/api/v1/nodes", Endpoint::Nodes, None),
            ("/api/v1/pods", Endpoint::Pods, None),
            (pods, Endpoint::Pods, Some("a")),
            ("/livez", Endpoint::Health, None),
            ("/version", Endpoint::Version, None),
            ("/api/v1/services", Endpoint::Other, None),
            ("/", Endpoint::Other, None),
        ] {
            let route = Route::of(target).expect("good escapes");
            assert_eq!(
                (route.endpoint, route.node.as_deref()),
                (endpoint, node),
                "{target}"
            );
        }
        assert_eq!(
            Route::of(pods).expect("good escapes").parameter("limit"),
            "5"
        );
        assert_eq!(Route::of("/api/v1/nodes/%zz"), None);
    }
}
