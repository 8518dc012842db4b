//! The correct response to a request.
//!
//! In scope: simulated and replayed nodes (no I/O, no clock). Out of
//! scope: tokens, faults, compression (`server`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, RwLock};

use runtime::lock::unpoisoned;
use serde_json::Value;

use crate::cgroup::Sampling;
use crate::exposition;
use crate::http::{Framing, Request, Response};
use crate::kubelet;
use crate::list::{self, Paging};
use crate::node::Machine;
use crate::objects::{self, NODES, PODS};
use crate::replay::Replay;
use crate::requests::Endpoint;
use crate::route::Route;
use crate::status::Status;

/// The media type of the metrics pages, as a kubelet writes it.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that the simulated API server knows.
#[derive(Debug)]
pub(crate) struct Backend {
    /// By name, as an API server lists them.
    pub(crate) machines: RwLock<BTreeMap<String, Arc<Machine>>>,
    /// Seed of the machines' pseudo-random parts.
    pub(crate) seed: u64,
    pub(crate) replay: Option<Replay>,
    pub(crate) sampling: Sampling,
    /// Framing of the kubelets' pages.
    pub(crate) framing: Framing,
}

impl Backend {
    pub(crate) fn machine(&self, name: &str) -> Option<Arc<Machine>> {
        unpoisoned(self.machines.read()).get(name).map(Arc::clone)
    }

    /// Lets a node join, in place of one of the same name.
    pub(crate) fn join(&self, machine: Machine) {
        unpoisoned(self.machines.write()).insert(machine.node.name.clone(), Arc::new(machine));
    }

    /// Removes a node. Returns false if there is none of this name.
    pub(crate) fn remove(&self, name: &str) -> bool {
        unpoisoned(self.machines.write()).remove(name).is_some()
    }

    /// All machines as of now.
    fn machines(&self) -> BTreeMap<String, Arc<Machine>> {
        unpoisoned(self.machines.read()).clone()
    }

    /// The machine at an address. The two loopback addresses are one machine's, as those that
    /// `localhost` resolves to.
    pub(crate) fn machine_at(&self, ip: IpAddr) -> Option<Arc<Machine>> {
        let machines = unpoisoned(self.machines.read());
        let at = |ip: IpAddr| machines.values().find(|each| each.kubelet.ip() == ip);
        let found = match ip {
            IpAddr::V6(Ipv6Addr::LOCALHOST) => at(ip).or_else(|| at(Ipv4Addr::LOCALHOST.into())),
            _ => at(ip),
        };
        found.map(Arc::clone)
    }

    /// The correct response to a request that is authorized. A body with a
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
            let pods = || self.pods(Some(node), at).collect();
            return kubelet::answer(request, &route.proxied, pods);
        }
        if request.method != "GET" {
            return Status::usual(405).response();
        }
        let accept = request.header("accept");
        let version = objects::resource_version(at);
        let object = match route.endpoint {
            Endpoint::Health => return Response::new(200, "text/plain; charset=utf-8", "ok"),
            Endpoint::Resource | Endpoint::Cadvisor => {
                let page = self.page(route.endpoint, node, now_ms);
                return page.unwrap_or_else(|refusal| refusal.response());
            }
            Endpoint::Node => self.node(node, at),
            Endpoint::Nodes => {
                let machines = self.machines();
                let names = machines.keys().map(String::as_str);
                let names = names.chain(self.replay.as_ref().map(Replay::name));
                let nodes = names.filter_map(|name| self.node(name, at).ok());
                list::list(&NODES, nodes, &version, route, accept, paging)
            }
            Endpoint::Pods => {
                let pods = self.pods(route.node.as_deref(), at);
                list::list(&PODS, pods, &version, route, accept, paging)
            }
            Endpoint::OtherProxy | Endpoint::Other => Err(Status::usual(404)),
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
                let render = match is_resource {
                    true => exposition::resource,
                    false => exposition::cadvisor,
                };
                Response::new(200, EXPOSITION, render(&machine, self.sampling, now_ms))
            }
            (None, Some(replay)) => {
                let body = replay.next(is_resource);
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

    /// The pods on a node, or all. The replayed ones are on the requested node,
    /// unless that one is simulated.
    fn pods(&self, node: Option<&str>, at: f64) -> impl Iterator<Item = Value> {
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
            .flat_map(move |machine| objects::pods(&machine, start_ms, at))
            .chain(replayed)
    }
}
