//! A simulated node: its description ([`Node`]) and the machine that is
//! made from it ([`Machine`]), with its pods and containers.
//!
//! In scope: pure functions of (node, seed, seconds since the cluster started).
//! Out of scope: clocks, cgroups and their samples, rendering.
//!
//! A pod takes a fixed share of the node's curve for as long as it runs; what
//! it no longer takes falls to the system. So the node's truth is the shape,
//! also when pods end or restart.
//!
//! Invariant: a node's truth does not depend on its pods (held by
//! `containers_and_system_sum_to_node`).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::shape::{Shape, mix, mix_text, unit};

const BYTES_PER_GIB: f64 = 1_073_741_824.0;

/// A node to simulate.
#[derive(Debug, Clone, Default)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) cores: f64,
    pub(crate) memory_bytes: u64,
    pub(crate) shape: Shape,
    pods: u32,
    succeeded: u32,
    failed: u32,
    finishing: Option<(u32, Duration)>,
    restarting: Option<(u32, Duration)>,
    reboots_every: Option<Duration>,
    address: Option<IpAddr>,
    pub(crate) address_type: Option<&'static str>,
    pub(crate) boot_id: String,
}

impl Node {
    /// A node with 4 cores, 16 GiB and a steady load, without pods.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            cores: 4.0,
            memory_bytes: (16.0 * BYTES_PER_GIB) as u64,
            shape: Shape::STEADY,
            boot_id: "00000000-0000-0000-0000-000000000001".to_owned(),
            ..Self::default()
        }
    }

    setters! {
        /// The boot that its kubelet reports: by default that of no real machine.
        boot_id: impl Into<String>;
        /// Its address, where its kubelet listens; by default one of the loopback
        /// network, given out in the order in which nodes join.
        address: IpAddr;
        /// The type of that address in the node object: by default `InternalIP`.
        address_type: &'static str;
        /// Cores of the machine.
        cores: f64;
        /// Memory of the machine in bytes.
        memory_bytes: u64;
        /// Shape of the load over time.
        shape: Shape;
        /// Pods that run forever.
        pods: u32;
        /// More pods, which finished with success before the start.
        succeeded: u32;
        /// More pods, which failed before the start.
        failed: u32;
        /// Boots the machine again each time it has run this long: all counters fall.
        reboots_every: Duration;
    }

    /// Memory of the machine in GiB.
    pub fn memory_gib(self, gib: f64) -> Self {
        self.memory_bytes((gib * BYTES_PER_GIB) as u64)
    }

    /// More pods, which run and finish with success this long after the start.
    pub fn finishing(mut self, count: u32, after: Duration) -> Self {
        self.finishing = Some((count, after));
        self
    }

    /// Lets the first `count` of the running pods restart their main container
    /// each time it has run this long: its counters fall, its id is new.
    pub fn restarting(mut self, count: u32, every: Duration) -> Self {
        self.restarting = Some((count, every));
        self
    }
}

/// True values of a node at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Cores in use.
    pub cores: f64,
    /// Working set in bytes.
    pub memory_bytes: u64,
    /// Pods that have neither succeeded nor failed.
    pub active_pods: usize,
}

/// Uptime of the machine when the cluster starts, in seconds.
const UPTIME: f64 = 3_600.0;
/// The first pod starts this long after the boot, the others one second apart.
const FIRST_POD: f64 = 20.0;

/// Shares of the load that run outside the pods.
const SYSTEM_CPU: f64 = 0.15;
const SYSTEM_MEMORY: f64 = 0.3;

/// A pause container takes this much in all, once, when it starts.
pub(crate) const PAUSE_CPU_SECONDS: f64 = 0.02;

/// A machine that runs pods.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) node: Node,
    /// Address of its kubelet.
    pub(crate) kubelet: SocketAddr,
    pub(crate) pods: Vec<Pod>,
    pub(crate) seed: u64,
}

/// A pod bound to a node.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) application: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) uid: String,
    pub(crate) containers: Vec<Container>,
    /// The time of its end, in seconds after the cluster's start, and the phase then.
    pub(crate) end: Option<(f64, Phase)>,
    /// Seconds after the boot.
    starts: f64,
}

/// The phases that occur here, by the API's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Succeeded,
    Failed,
}

/// A container of a pod.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: &'static str,
    cpu_share: f64,
    memory_share: f64,
    pub(crate) limit: Option<Limit>,
    restarts_every: Option<f64>,
}

/// Limits of a container; its requests are half of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) millicores: u64,
    pub(crate) mebibytes: u64,
}

/// One life of a container between two restarts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Life {
    /// 0 for the first.
    pub(crate) number: u64,
    /// Seconds after the cluster's start; negative when before it.
    pub(crate) started: f64,
}

const APPLICATIONS: [(&str, &str); 6] = [
    ("cart", "shop"),
    ("coredns", "kube-system"),
    ("web", "shop"),
    ("ingest", "default"),
    ("kube-state-metrics", "monitoring"),
    ("search", "shop"),
];

impl Machine {
    /// A machine whose kubelet is not reached directly.
    pub(crate) fn new(node: Node, cluster_seed: u64) -> Self {
        // An address for documentation (RFC 5737), and a kubelet's usual port.
        let nowhere = SocketAddr::from(([192, 0, 2, 2], 10_250));
        Self::with_kubelet(node, cluster_seed, nowhere)
    }

    /// A machine whose kubelet listens there, or at the address of the node's own.
    pub(crate) fn with_kubelet(node: Node, cluster_seed: u64, mut kubelet: SocketAddr) -> Self {
        if let Some(address) = node.address {
            kubelet.set_ip(address);
        }
        let seed = mix_text(cluster_seed, &node.name);
        Self {
            kubelet,
            pods: Pod::all_of(&node, seed),
            node,
            seed,
        }
    }

    /// The true values `at` seconds after the start.
    pub(crate) fn truth(&self, at: f64) -> Truth {
        Truth {
            cores: self.node.shape.cpu(self.seed, at) * self.node.cores,
            memory_bytes: self.memory(at),
            active_pods: self
                .pods
                .iter()
                .filter(|pod| pod.phase(at) == Phase::Running)
                .count(),
        }
    }

    /// The newest boot, seconds after the cluster's start.
    pub(crate) fn booted(&self, at: f64) -> f64 {
        match self.node.reboots_every.map(|every| every.as_secs_f64()) {
            Some(every) if at >= every => (at / every).floor() * every,
            _ => -UPTIME,
        }
    }

    /// CPU-seconds that the whole machine used between two instants.
    pub(crate) fn cpu_seconds(&self, from: f64, to: f64) -> f64 {
        let shape = &self.node.shape;
        let shares = shape.cpu_integral(self.seed, to) - shape.cpu_integral(self.seed, from);
        shares * self.node.cores
    }

    /// Working set of the whole machine in bytes.
    pub(crate) fn memory(&self, at: f64) -> u64 {
        let bytes = self.node.memory_bytes;
        (self.node.shape.memory(self.seed, bytes, at) * bytes as f64) as u64
    }
}

impl Pod {
    fn all_of(node: &Node, seed: u64) -> Vec<Self> {
        let (finishing, finish_at) = node.finishing.unwrap_or_default();
        // Long finished: nothing of them is left but the object.
        let ended = |phase| Some((-UPTIME / 2.0, phase));
        let ends = [
            (node.pods, None),
            (finishing, Some((finish_at.as_secs_f64(), Phase::Succeeded))),
            (node.succeeded, ended(Phase::Succeeded)),
            (node.failed, ended(Phase::Failed)),
        ];
        let ends = ends
            .into_iter()
            .flat_map(|(count, end)| std::iter::repeat_n(end, count as usize));
        let mut pods: Vec<Self> = ends
            .enumerate()
            .map(|(n, end)| Self::new(node, mix(seed, n as u64), n, end))
            .collect();
        share_out(&mut pods, node);
        pods
    }

    /// A pod whose containers have weights for shares: [`share_out`] scales them.
    fn new(node: &Node, seed: u64, n: usize, end: Option<(f64, Phase)>) -> Self {
        let (application, namespace) = APPLICATIONS[n % APPLICATIONS.len()];
        let restarts_every = match node.restarting {
            Some((count, every)) if n < count as usize => Some(every.as_secs_f64()),
            _ => None,
        };
        let mut containers = vec![Container {
            name: application,
            cpu_share: 0.5 + unit(mix(seed, 1)),
            memory_share: 0.5 + unit(mix(seed, 2)),
            // `share_out` sets the size, once the shares are known.
            limit: n.is_multiple_of(2).then_some(Limit {
                millicores: 0,
                mebibytes: 0,
            }),
            restarts_every,
        }];
        if n.is_multiple_of(3) {
            containers.push(Container {
                name: "sidecar",
                cpu_share: 0.05,
                memory_share: 0.1,
                limit: None,
                restarts_every: None,
            });
        }
        Self {
            name: match end {
                Some(_) => format!("{application}-job-{:05x}", seed & 0xf_ffff),
                None => format!("{application}-{:09x}-{:05x}", seed >> 28, seed & 0xf_ffff),
            },
            application,
            namespace,
            uid: uid(mix(seed, 4)),
            containers,
            end,
            starts: FIRST_POD + n as f64,
        }
    }

    /// The phase `at` seconds after the start.
    pub(crate) fn phase(&self, at: f64) -> Phase {
        match self.end {
            Some((end, phase)) if at >= end => phase,
            _ => Phase::Running,
        }
    }

    /// Time of the sandbox's last start, given the newest boot.
    pub(crate) fn started(&self, booted: f64) -> f64 {
        booted + self.starts
    }

    /// The quality of service, which follows from the limits of its containers.
    pub(crate) fn quality(&self) -> &'static str {
        match self.containers.iter().any(|each| each.limit.is_some()) {
            true => "Burstable",
            false => "BestEffort",
        }
    }
}

impl Container {
    /// The life in which the container is, if its pod started then.
    pub(crate) fn life(&self, pod_started: f64, at: f64) -> Life {
        let number = match self.restarts_every {
            Some(every) => ((at - pod_started) / every).max(0.0) as u64,
            None => 0,
        };
        Life {
            number,
            started: pod_started + number as f64 * self.restarts_every.unwrap_or_default(),
        }
    }

    /// CPU-seconds of this container between two instants.
    pub(crate) fn cpu_seconds(&self, machine: &Machine, from: f64, to: f64) -> f64 {
        self.cpu_share * machine.cpu_seconds(from, to)
    }

    /// Working set in bytes.
    pub(crate) fn memory(&self, machine: &Machine, at: f64) -> u64 {
        (self.memory_share * machine.memory(at) as f64) as u64
    }

    /// OOM kills within one life: one child dies in its second half. The next
    /// life begins at 0 again, as cAdvisor's counter does.
    pub(crate) fn oom_kills(&self, life: Life, at: f64) -> u64 {
        self.restarts_every
            .map_or(0, |every| u64::from(at - life.started >= every / 2.0))
    }

    /// Id of the container in one of its lives: 64 hexadecimal digits.
    pub(crate) fn id(&self, pod: &Pod, life: Life) -> String {
        hex64(mix(mix_text(mix_text(0, &pod.uid), self.name), life.number))
    }
}

/// Scales the weights so that all pods together take the rest beside the system,
/// and limits each limited container to what it takes of a full machine.
fn share_out(pods: &mut [Pod], node: &Node) {
    let (cpu, memory) = pods
        .iter()
        .flat_map(|pod| &pod.containers)
        .fold((0.0, 0.0), |(cpu, memory), each| {
            (cpu + each.cpu_share, memory + each.memory_share)
        });
    for container in pods.iter_mut().flat_map(|pod| &mut pod.containers) {
        container.cpu_share *= (1.0 - SYSTEM_CPU) / cpu;
        container.memory_share *= (1.0 - SYSTEM_MEMORY) / memory;
        if let Some(limit) = &mut container.limit {
            let cores = container.cpu_share * node.cores;
            let bytes = container.memory_share * node.memory_bytes as f64;
            limit.millicores = (cores * 20.0).ceil() as u64 * 50;
            limit.mebibytes = (bytes / 67_108_864.0).ceil() as u64 * 64;
        }
    }
}

/// Id of a pod's pause container.
pub(crate) fn sandbox_id(pod: &Pod) -> String {
    hex64(mix_text(1, &pod.uid))
}

fn hex64(seed: u64) -> String {
    (0..4).map(|n| format!("{:016x}", mix(seed, n))).collect()
}

pub(crate) fn uid(seed: u64) -> String {
    let (a, b) = (mix(seed, 0), mix(seed, 1));
    let (high, low) = ((a >> 16) & 0xffff, a & 0xfff);
    let (last, rest) = (b >> 52, b & 0xffff_ffff_ffff);
    format!(
        "{:08x}-{high:04x}-4{low:03x}-a{last:03x}-{rest:012x}",
        a >> 32
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_counts_active_pods() {
        let node = Node::new("a")
            .pods(5)
            .succeeded(2)
            .failed(1)
            .finishing(3, Duration::from_secs(60));
        let machine = Machine::new(node, 1);
        assert_eq!(machine.pods.len(), 11);
        assert_eq!(machine.truth(59.9).active_pods, 8);
        assert_eq!(machine.truth(60.0).active_pods, 5);
    }

    #[test]
    fn containers_and_system_sum_to_node() {
        let machine = Machine::new(Node::new("a").pods(7), 1);
        let pods: f64 = machine
            .pods
            .iter()
            .flat_map(|pod| &pod.containers)
            .map(|each| each.cpu_seconds(&machine, 0.0, 100.0))
            .sum();
        let whole = machine.cpu_seconds(0.0, 100.0);
        assert!((pods / whole - 0.85).abs() < 1e-9, "{pods} of {whole}");
    }

    #[test]
    fn restarts_change_container_ids() {
        let node = Node::new("a")
            .pods(1)
            .restarting(1, Duration::from_secs(100));
        let machine = Machine::new(node, 1);
        let pod = &machine.pods[0];
        let started = pod.started(machine.booted(0.0));
        let container = &pod.containers[0];
        let before = container.life(started, 19.0);
        let after = container.life(started, 21.0);
        assert_eq!(after.number, before.number + 1);
        assert!((20.0..21.0).contains(&after.started), "{after:?}");
        assert_ne!(container.id(pod, before), container.id(pod, after));
        assert_eq!(container.id(pod, after).len(), 64);
    }

    #[test]
    fn clusters_follow_from_the_seed() {
        let names = |seed| -> Vec<String> {
            let machine = Machine::new(Node::new("a").pods(3), seed);
            machine.pods.into_iter().map(|pod| pod.name).collect()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }
}
