//! cAdvisor's view of a machine: one row a control group, sampled at that
//! group's own instants.
//!
//! In scope: which groups exist, when each was last sampled, their counters at
//! that sample (pure). Out of scope: families, labels, text.
//!
//! Invariant: the rate between any two samples is the true number of cores (held by
//! `sample_rates_equal_the_truth`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::node::{Limit, Machine, PAUSE_CPU_SECONDS, Phase, Pod, sandbox_id};
use crate::shape::mix_text;

/// Kind of a control group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `/`: the machine.
    #[default]
    Root,
    /// `/kubepods` and the groups of a quality of service.
    Parent,
    /// All containers of a pod.
    Pod,
    /// The pause container that holds a pod's namespaces.
    Sandbox,
    /// A container of a pod's specification.
    Container,
}

/// A control group as last sampled.
#[derive(Debug, Default)]
pub(crate) struct Cgroup {
    pub(crate) kind: Kind,
    pub(crate) container: &'static str,
    pub(crate) id: String,
    pub(crate) image: &'static str,
    /// The runtime's name for it: the container id.
    pub(crate) name: String,
    pub(crate) namespace: &'static str,
    pub(crate) pod: String,
    /// Time of the sample, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// Time of its creation, in seconds since the epoch.
    pub(crate) started: f64,
    /// Its age at the sample, in seconds.
    pub(crate) age: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) memory_bytes: u64,
    pub(crate) limit: Option<Limit>,
    pub(crate) oom_kills: u64,
}

/// Schedule of the samples of groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    /// The cluster's start, milliseconds since the epoch.
    pub(crate) start_ms: i64,
    /// Distance of two samples of one group, milliseconds.
    pub(crate) every_ms: i64,
}

/// Milliseconds since the epoch, negative before it.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    let to_i64 = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => to_i64(since),
        Err(before) => -to_i64(before.duration()),
    }
}

const IMAGE: &str = "registry.example/app:1";
const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";

impl Sampling {
    pub(crate) fn new(start_ms: i64, every: Duration) -> Self {
        Self {
            start_ms,
            every_ms: i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1),
        }
    }

    /// The newest sample, at or before `now_ms`, of the group with this key.
    fn newest(self, now_ms: i64, key: u64) -> i64 {
        let phase = (key % self.every_ms.unsigned_abs()).cast_signed();
        (now_ms - phase).div_euclid(self.every_ms) * self.every_ms + phase
    }

    /// Seconds since the cluster's start.
    pub(crate) fn elapsed(self, at_ms: i64) -> f64 {
        (at_ms - self.start_ms) as f64 / 1000.0
    }
}

/// All groups of `machine` in the order in which cAdvisor prints them: by
/// container name, then by path.
pub(crate) fn all(machine: &Machine, sampling: Sampling, now_ms: i64) -> Vec<Cgroup> {
    let view = View {
        machine,
        sampling,
        now_ms,
        booted: machine.booted(sampling.elapsed(now_ms)),
    };
    let mut groups = view.parents();
    for pod in &machine.pods {
        if pod.phase(sampling.elapsed(now_ms)) == Phase::Running {
            view.push_pod(pod, &mut groups);
        }
    }
    groups.sort_by(|a, b| (a.container, &a.id).cmp(&(b.container, &b.id)));
    groups
}

/// A machine at an instant.
struct View<'a> {
    machine: &'a Machine,
    sampling: Sampling,
    now_ms: i64,
    booted: f64,
}

impl View<'_> {
    /// A group with everything but its counters; none before its first sample.
    fn blank(&self, kind: Kind, id: String, started: f64) -> Option<(Cgroup, f64)> {
        let at_ms = self
            .sampling
            .newest(self.now_ms, mix_text(self.machine.seed, &id));
        let at = self.sampling.elapsed(at_ms);
        let group = Cgroup {
            kind,
            id,
            at_ms,
            started: self.sampling.start_ms as f64 / 1000.0 + started,
            age: at - started,
            ..Cgroup::default()
        };
        (at >= started).then_some((group, at))
    }

    fn parents(&self) -> Vec<Cgroup> {
        let pods = &self.machine.pods;
        let root = self
            .blank(Kind::Root, "/".to_owned(), self.booted)
            .map(|(mut group, at)| {
                group.cpu_seconds = self.machine.cpu_seconds(self.booted, at);
                group.memory_bytes = self.machine.memory(at);
                group
            });
        let parent = |id: &str, includes: &dyn Fn(&Pod) -> bool| {
            let (mut group, at) = self.blank(Kind::Parent, id.to_owned(), self.booted)?;
            for pod in pods.iter().filter(|pod| includes(pod)) {
                group.cpu_seconds += self.pod_cpu_seconds(pod, at);
                group.memory_bytes += self.pod_memory(pod, at);
            }
            Some(group)
        };
        [
            root,
            parent("/kubepods", &|_| true),
            parent("/kubepods/besteffort", &|pod| pod.quality() == "BestEffort"),
            parent("/kubepods/burstable", &|pod| pod.quality() == "Burstable"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn push_pod(&self, pod: &Pod, groups: &mut Vec<Cgroup>) {
        let started = pod.started(self.booted);
        let quality = pod.quality().to_lowercase();
        let path = format!("/kubepods/{quality}/pod{}", pod.uid);
        let of_pod = |mut group: Cgroup| {
            group.namespace = pod.namespace;
            group.pod.clone_from(&pod.name);
            group
        };

        if let Some((group, at)) = self.blank(Kind::Pod, path.clone(), started) {
            groups.push(Cgroup {
                cpu_seconds: self.pod_cpu_seconds(pod, at),
                memory_bytes: self.pod_memory(pod, at),
                ..of_pod(group)
            });
        }
        let id = sandbox_id(pod);
        if let Some((group, _)) = self.blank(Kind::Sandbox, format!("{path}/{id}"), started) {
            groups.push(Cgroup {
                image: PAUSE_IMAGE,
                name: id,
                cpu_seconds: PAUSE_CPU_SECONDS,
                memory_bytes: 229_376,
                ..of_pod(group)
            });
        }
        for container in &pod.containers {
            let life = container.life(started, self.sampling.elapsed(self.now_ms));
            let id = container.id(pod, life);
            let blank = self.blank(Kind::Container, format!("{path}/{id}"), life.started);
            if let Some((group, at)) = blank {
                groups.push(Cgroup {
                    container: container.name,
                    image: IMAGE,
                    name: id,
                    cpu_seconds: container.cpu_seconds(self.machine, life.started, at),
                    memory_bytes: container.memory(self.machine, at),
                    limit: container.limit,
                    oom_kills: container.oom_kills(life, at),
                    ..of_pod(group)
                });
            }
        }
    }

    /// A pod's group outlives the restarts of its containers, so its counter
    /// never falls; after the pod's end its parents keep what it used.
    fn pod_cpu_seconds(&self, pod: &Pod, at: f64) -> f64 {
        let started = pod.started(self.booted);
        let until = pod.end.map_or(at, |(end, _)| at.min(end));
        if until < started {
            return 0.0;
        }
        let containers: f64 = pod
            .containers
            .iter()
            .map(|each| each.cpu_seconds(self.machine, started, until))
            .sum();
        PAUSE_CPU_SECONDS + containers
    }

    fn pod_memory(&self, pod: &Pod, at: f64) -> u64 {
        if pod.phase(at) != Phase::Running || at < pod.started(self.booted) {
            return 0;
        }
        pod.containers
            .iter()
            .map(|each| each.memory(self.machine, at))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use crate::shape::Shape;

    const START: i64 = 1_800_000_000_123;

    fn sampling() -> Sampling {
        Sampling::new(START, Duration::from_secs(10))
    }

    fn root(machine: &Machine, after_ms: i64) -> Cgroup {
        all(machine, sampling(), START + after_ms).swap_remove(0)
    }

    #[test]
    fn sample_rates_equal_the_truth() {
        let machine = Machine::new(Node::new("a").cores(8.0).shape(Shape::STEADY).pods(3), 5);
        let truth = machine.truth(0.0).cores;
        let samples: Vec<Cgroup> = (0..6).map(|n| root(&machine, n * 15_000)).collect();
        for pair in samples.windows(2) {
            assert_eq!((&*pair[0].id, pair[0].kind), ("/", Kind::Root));
            let seconds = (pair[1].at_ms - pair[0].at_ms) as f64 / 1000.0;
            let cores = (pair[1].cpu_seconds - pair[0].cpu_seconds) / seconds;
            assert!((cores - truth).abs() < 1e-6, "{cores} is not {truth}");
        }
    }

    #[test]
    fn samples_repeat_until_housekeeping() {
        let machine = Machine::new(Node::new("a").pods(4), 5);
        let at: Vec<i64> = (0..30).map(|n| root(&machine, n * 1000).at_ms).collect();
        let mut distinct = at.clone();
        distinct.dedup();
        assert!(distinct.len() == 3 || distinct.len() == 4, "{at:?}");
        assert!(distinct.windows(2).all(|pair| pair[1] - pair[0] == 10_000));

        let mut phases: Vec<i64> = all(&machine, sampling(), START)
            .iter()
            .map(|group| group.at_ms)
            .collect();
        phases.sort_unstable();
        phases.dedup();
        assert!(phases.len() > 10, "{phases:?}");
        assert!(
            phases
                .iter()
                .all(|at| (START - 10_000..=START).contains(at))
        );
    }

    #[test]
    fn restarted_container_counts_from_zero() {
        let node = Node::new("a")
            .pods(1)
            .restarting(1, Duration::from_secs(100));
        let machine = Machine::new(node, 1);
        let of = |after_ms, kind| {
            all(&machine, sampling(), START + after_ms)
                .into_iter()
                .find(|group| group.kind == kind && group.container != "sidecar")
                .expect("the group exists")
        };
        // A new life of the container begins 20 s after the start.
        let (before, after) = (of(15_000, Kind::Container), of(40_000, Kind::Container));
        assert!(after.cpu_seconds < before.cpu_seconds);
        assert_ne!(before.id, after.id);
        let (before, after) = (of(15_000, Kind::Pod), of(40_000, Kind::Pod));
        assert!(after.cpu_seconds > before.cpu_seconds);
    }

    #[test]
    fn finished_pods_keep_parent_seconds() {
        let node = Node::new("a").finishing(1, Duration::from_secs(30));
        let machine = Machine::new(node, 1);
        let parent = |groups: &[Cgroup]| {
            groups
                .iter()
                .find(|group| group.id == "/kubepods")
                .map(|group| group.cpu_seconds)
        };
        let before = all(&machine, sampling(), START + 20_000);
        let after = all(&machine, sampling(), START + 60_000);
        assert!(before.iter().any(|group| group.kind == Kind::Container));
        assert!(
            after
                .iter()
                .all(|group| matches!(group.kind, Kind::Root | Kind::Parent))
        );
        assert!(parent(&after) > parent(&before));
    }

    #[test]
    fn a_reboot_lets_every_counter_fall() {
        let node = Node::new("a").reboots_every(Duration::from_secs(60));
        let machine = Machine::new(node, 1);
        assert!(root(&machine, 75_000).cpu_seconds < root(&machine, 59_000).cpu_seconds);
    }
}
