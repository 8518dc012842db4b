//! Captures of a real kubelet and API server, served again round by round.
//!
//! In scope: reading a folder of captures, which round is next. Out of scope:
//! taking captures; serving.
//!
//! A folder holds `metrics-resource.N.prom.gz` and `metrics-cadvisor.N.prom.gz`
//! for N from 0, and optionally `node.json.gz` and `pods.json.gz`. Where those
//! two are missing, objects are made up for a machine of the captured size.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::credentials::about;
use crate::node::{Machine, Node};

/// Recorded responses in place of, or beside, simulated nodes. A node of any
/// name that is not simulated answers with them.
#[derive(Debug)]
pub struct Replay {
    resource: Rounds,
    cadvisor: Rounds,
    node: Option<Value>,
    pods: Option<Vec<Value>>,
    kind: Node,
    looping: bool,
}

#[derive(Debug)]
struct Rounds {
    /// Compressed, as captured.
    bodies: Vec<Arc<[u8]>>,
    served: AtomicUsize,
}

impl Replay {
    /// Reads the captures in a folder.
    ///
    /// # Errors
    /// A missing round 0, a file that cannot be read, bad gzip or JSON; the
    /// message names the file.
    pub fn dir(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let resource = Rounds::read(path, "metrics-resource")?;
        let cadvisor = Rounds::read(path, "metrics-cadvisor")?;
        let kind = machine_of(&resource.bodies[0], &cadvisor.bodies[0])
            .map_err(|error| about(path, &error))?;
        let pods = read_json(&path.join("pods.json.gz"))?.map(|mut list| {
            match list.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            }
        });
        Ok(Self {
            resource,
            cadvisor,
            node: read_json(&path.join("node.json.gz"))?,
            pods,
            kind,
            looping: false,
        })
    }

    /// Begins again after the last round, in place of staying at it. Counters
    /// then fall, as after a reboot.
    pub fn looping(mut self, looping: bool) -> Self {
        self.looping = looping;
        self
    }

    /// The next body of `/metrics/resource` or `/metrics/cadvisor`, compressed.
    pub(crate) fn next(&self, is_resource: bool) -> Arc<[u8]> {
        let rounds = if is_resource {
            &self.resource
        } else {
            &self.cadvisor
        };
        rounds.next(self.looping)
    }

    /// The captured node object under the requested name.
    pub(crate) fn node(&self, name: &str) -> Option<Value> {
        let mut node = self.node.clone()?;
        node["metadata"]["name"] = name.into();
        Some(node)
    }

    /// The captured pods, moved to the requested node.
    pub(crate) fn pods(&self, node: &str) -> Option<Vec<Value>> {
        let mut pods = self.pods.clone()?;
        for pod in &mut pods {
            pod["spec"]["nodeName"] = node.into();
        }
        Some(pods)
    }

    /// Name of the node in lists of all nodes.
    pub(crate) fn name(&self) -> &str {
        let captured = self
            .node
            .as_ref()
            .and_then(|node| node["metadata"]["name"].as_str());
        captured.unwrap_or("node-a")
    }

    /// A machine of the captured size, for objects that were not captured.
    pub(crate) fn machine(&self, name: &str) -> Machine {
        let mut node = self.kind.clone();
        name.clone_into(&mut node.name);
        Machine::new(node, 0)
    }
}

impl Rounds {
    fn read(folder: &Path, name: &str) -> io::Result<Self> {
        let mut bodies = Vec::new();
        loop {
            let path = folder.join(format!("{name}.{}.prom.gz", bodies.len()));
            match std::fs::read(&path) {
                Ok(body) => bodies.push(body.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !bodies.is_empty() => {
                    break;
                }
                Err(error) => return Err(about(&path, &error)),
            }
        }
        Ok(Self {
            bodies,
            served: AtomicUsize::new(0),
        })
    }

    fn next(&self, looping: bool) -> Arc<[u8]> {
        let served = self.served.fetch_add(1, Ordering::Relaxed);
        let round = if looping {
            served % self.bodies.len()
        } else {
            served.min(self.bodies.len() - 1)
        };
        Arc::clone(&self.bodies[round])
    }
}

/// The size of the captured machine and the number of its pods.
fn machine_of(resource: &[u8], cadvisor: &[u8]) -> io::Result<Node> {
    let cadvisor = inflate(cadvisor)?;
    let resource = inflate(resource)?;
    let (cadvisor, resource) = (
        String::from_utf8_lossy(&cadvisor),
        String::from_utf8_lossy(&resource),
    );
    let number = |name: &str| -> Option<f64> {
        let row = cadvisor.lines().find(|line| line.starts_with(name))?;
        row.rsplit(' ').next()?.parse().ok()
    };
    let pods: BTreeSet<&str> = resource
        .lines()
        .filter(|line| line.starts_with("pod_cpu_usage_seconds_total{"))
        .filter_map(|line| line.split('}').next())
        .collect();
    let node = Node::new("")
        .cores(number("machine_cpu_cores").unwrap_or(1.0))
        .pods(u32::try_from(pods.len()).unwrap_or(u32::MAX));
    Ok(match number("machine_memory_bytes") {
        Some(bytes) => node.memory_bytes(bytes as u64),
        None => node,
    })
}

/// Inflates a gzip body of ours: no cap is needed.
pub(crate) fn inflate(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    MultiGzDecoder::new(body).read_to_end(&mut out)?;
    Ok(out)
}

fn read_json(path: &PathBuf) -> io::Result<Option<Value>> {
    let body = match std::fs::read(path) {
        Ok(body) => body,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about(path, &error)),
    };
    let text = inflate(&body).map_err(|error| about(path, &error))?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| about(path, &error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_rounds_advance_or_loop() {
        let folder = crate::fixtures().join("container-restart");
        let rounds = |looping| -> Vec<usize> {
            let replay = Replay::dir(&folder).expect("captures").looping(looping);
            let first: Vec<Arc<[u8]>> = replay.resource.bodies.clone();
            (0..5)
                .map(|_| {
                    let body = replay.next(true);
                    first
                        .iter()
                        .position(|each| *each == body)
                        .expect("a round")
                })
                .collect()
        };
        assert_eq!(rounds(false), [0, 1, 2, 2, 2]);
        assert_eq!(rounds(true), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn captures_set_the_machine_size() {
        let replay = Replay::dir(crate::fixtures().join("100-pods")).expect("captures");
        assert_eq!(replay.node("a"), None);
        let machine = replay.machine("a");
        assert_eq!(machine.node.cores, 2.0);
        assert_eq!(machine.node.memory_bytes, 25_276_063_744);
        assert_eq!(machine.truth(0.0).active_pods, 99);
    }

    #[test]
    fn missing_captures_are_named() {
        let error = Replay::dir(crate::fixtures().join("errors")).expect_err("no captures");
        assert!(
            error.to_string().contains("metrics-resource.0.prom.gz"),
            "{error}"
        );
    }
}
