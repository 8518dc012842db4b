//! The samples of one kubelet body as a [`Reading`]: the values that matter, checked for
//! plausibility, with the time at which the kubelet measured them.
//!
//! Selects families and rows. Knows nothing of earlier rounds, of nodes or of HTTP. Every
//! dropped sample is counted by its reason.
//!
//! Invariants: no cgroup is counted twice (held by `no_cgroup_is_counted_twice`); a name
//! that only begins like a known one does not match (`name_prefix_is_no_match`); a body
//! without samples of the node is a failure, not zero
//! (`body_without_node_samples_is_a_failure`).

use std::collections::BTreeMap;

use contract::Reason;
use contract::kubelet::{cadvisor, resource};
use quantity::{Bytes, CpuSeconds, MAX_EXACT};

use exposition::read::{Consumer, Problem, Sample};

/// Milliseconds since the Unix epoch.
pub type Millis = i64;

/// A value with the time of its measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The sample's own timestamp.
    pub at: Millis,
}

/// Number of occurrences of each reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; Reason::ALL.len()]);

impl Tally {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.add_many(reason, 1);
    }

    /// Adds `count`.
    pub fn add_many(&mut self, reason: Reason, count: u64) {
        self.0[reason as usize] += count;
    }

    /// Adds the counts of another tally.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Returns the reasons that occurred, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL
            .iter()
            .map(|&reason| (reason, self.0[reason as usize]))
            .filter(|(_, count)| *count > 0)
    }
}

/// A sample further ahead of our clock has a wrong timestamp.
const MAX_AHEAD_MS: Millis = 3_600_000;

/// Maximum number of containers, and of pods, in one body. A kubelet runs some hundreds.
pub(crate) const MAX_ROWS: usize = 16_384;

/// The values of one kubelet body, of either endpoint.
#[derive(Debug, Default, PartialEq)]
pub struct Reading {
    /// Cumulative CPU time of the node.
    pub cpu: Option<At<CpuSeconds>>,
    /// Working set of the node.
    pub memory: Option<At<Bytes>>,
    /// Usage by (namespace, pod), if requested.
    pub pods: BTreeMap<(String, String), PodReading>,
    /// Counters by cgroup path; containers only, from cAdvisor only.
    pub containers: BTreeMap<Box<[u8]>, ContainerReading>,
    /// Cumulative stall seconds, in the order of [`cadvisor::PRESSURE`].
    pub pressure: [Option<At<CpuSeconds>>; cadvisor::PRESSURE.len()],
    /// True if cAdvisor counts OOM kills: it has rows of them.
    pub has_oom_kills: bool,
    /// True if cAdvisor labels none of the containers whose cgroups it lists, as it does
    /// while the container runtime does not answer it. Which rows are containers is unknown.
    pub is_unlabelled: bool,
    /// True if the samples have timestamps of the kubelet; else they have the time of the
    /// request.
    pub stamped: bool,
}

/// Usage of one pod.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct PodReading {
    /// Cumulative CPU time.
    pub cpu: Option<At<CpuSeconds>>,
    /// Working set.
    pub memory: Option<At<Bytes>>,
}

/// cAdvisor's counters of one container, as whole numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct ContainerReading {
    /// Scheduler periods, where the container has a CPU limit.
    pub periods: Option<At<f64>>,
    /// Periods in which it was throttled.
    pub throttled: Option<At<f64>>,
    /// Out-of-memory kills.
    pub oom_kills: Option<At<f64>>,
}

/// The kubelet endpoint of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `/metrics/resource`.
    Resource,
    /// `/metrics/cadvisor`.
    Cadvisor,
}

/// Collects the samples of one body.
#[derive(Debug)]
pub struct Collector {
    source: Source,
    namespaces: bool,
    /// Our clock when the body was requested: the limit for timestamps, and their
    /// substitute where all are missing.
    received: Millis,
    reading: Reading,
    /// Dropped samples.
    tally: Tally,
    /// Number of rows of container cgroups without labels, and whether any has labels.
    unlabelled_rows: u64,
    has_labelled_row: bool,
    kubelet_error: bool,
    overfull: bool,
}

impl Collector {
    /// Makes a collector for one body. `namespaces` requests the usage of pods too.
    pub fn new(source: Source, namespaces: bool, received: Millis) -> Self {
        Self {
            source,
            namespaces,
            received,
            reading: Reading::default(),
            tally: Tally::default(),
            unlabelled_rows: 0,
            has_labelled_row: false,
            kubelet_error: false,
            overfull: false,
        }
    }

    /// Ends the body. Returns its reading and the dropped samples.
    ///
    /// # Errors
    /// When the kubelet reported a failure of its own, or the body has no sample of the node.
    pub fn finish(mut self) -> (Result<Reading, Reason>, Tally) {
        self.place_unstamped();
        if self.unlabelled_rows > 0 && !self.has_labelled_row {
            self.reading.is_unlabelled = true;
            self.tally
                .add_many(Reason::UnlabelledSample, self.unlabelled_rows);
        }
        let result = if self.kubelet_error {
            Err(Reason::KubeletError)
        } else if self.overfull {
            Err(Reason::TooLarge)
        } else if self.reading.cpu.is_none() && self.reading.memory.is_none() {
            Err(Reason::NoSamples)
        } else {
            Ok(self.reading)
        };
        (result, self.tally)
    }

    /// Sets the time of the request where *all* timestamps are missing. Among samples with
    /// timestamps, one without cannot be placed, and is dropped.
    fn place_unstamped(&mut self) {
        let substitute = (!self.reading.stamped).then_some(self.received);
        let Reading {
            cpu,
            memory,
            pods,
            containers,
            pressure,
            has_oom_kills: _,
            is_unlabelled: _,
            stamped: _,
        } = &mut self.reading;
        let tally = &mut self.tally;
        place(cpu, substitute, tally);
        place(memory, substitute, tally);
        for pod in pods.values_mut() {
            place(&mut pod.cpu, substitute, tally);
            place(&mut pod.memory, substitute, tally);
        }
        for container in containers.values_mut() {
            place(&mut container.periods, substitute, tally);
            place(&mut container.throttled, substitute, tally);
            place(&mut container.oom_kills, substitute, tally);
        }
        for counter in pressure {
            place(counter, substitute, tally);
        }
    }

    fn pod(&mut self, sample: &Sample<'_>) -> Option<&mut PodReading> {
        let namespace = text_label(sample, b"namespace")?;
        let pod = text_label(sample, b"pod")?;
        self.overfull |= self.reading.pods.len() >= MAX_ROWS;
        (!self.overfull).then(|| self.reading.pods.entry((namespace, pod)).or_default())
    }

    fn container(&mut self, id: &[u8]) -> Option<&mut ContainerReading> {
        // Two look-ups, so that a key is allocated for a new container only.
        if !self.reading.containers.contains_key(id) {
            self.overfull |= self.reading.containers.len() >= MAX_ROWS;
            if self.overfull {
                return None;
            }
            self.reading
                .containers
                .insert(id.into(), ContainerReading::default());
        }
        self.reading.containers.get_mut(id)
    }

    fn resource_sample(&mut self, sample: &Sample<'_>, at: Millis) {
        let name = sample.name;
        if name == resource::NODE_CPU.as_bytes() {
            let read = self.check(sample, used_cpu);
            enter(&mut self.reading.cpu, read, at, &mut self.tally);
        } else if name == resource::NODE_MEMORY.as_bytes() {
            let read = self.check(sample, used_memory);
            enter(&mut self.reading.memory, read, at, &mut self.tally);
        } else if name == resource::POD_CPU.as_bytes() {
            self.pod_cpu(sample, at);
        } else if name == resource::POD_MEMORY.as_bytes() {
            self.pod_memory(sample, at);
        }
    }

    fn cadvisor_sample(&mut self, sample: &Sample<'_>, at: Millis) {
        let row = Row::of(sample);
        let name = sample.name;
        if name == cadvisor::OOM.as_bytes() {
            self.reading.has_oom_kills = true;
            if row.is_labelled() {
                self.has_labelled_row = true;
            } else if is_container(row.id) {
                self.unlabelled_rows += 1;
            }
        }
        if name == cadvisor::CPU.as_bytes() {
            // Other `cpu=` rows are single CPUs; the total is the sum of them.
            if !matches!(row.cpu, b"" | b"total") {
            } else if row.id == b"/" {
                let read = self.check(sample, used_cpu);
                enter(&mut self.reading.cpu, read, at, &mut self.tally);
            } else if self.namespaces && row.is_pod() {
                self.pod_cpu(sample, at);
            }
        } else if name == cadvisor::MEMORY.as_bytes() {
            if row.id == b"/" {
                let read = self.check(sample, used_memory);
                enter(&mut self.reading.memory, read, at, &mut self.tally);
            } else if self.namespaces && row.is_pod() {
                self.pod_memory(sample, at);
            }
        } else if row.id == b"/" {
            if let Some(index) = cadvisor::PRESSURE
                .iter()
                .position(|(family, ..)| family.as_bytes() == name)
            {
                let read = self.check(sample, CpuSeconds::new);
                enter(&mut self.reading.pressure[index], read, at, &mut self.tally);
            }
        } else if !row.container.is_empty() {
            // Pod and parent cgroups repeat their containers' counts.
            let slot: fn(&mut ContainerReading) -> &mut Option<At<f64>> =
                if name == cadvisor::CFS_PERIODS.as_bytes() {
                    |container| &mut container.periods
                } else if name == cadvisor::CFS_THROTTLED.as_bytes() {
                    |container| &mut container.throttled
                } else if name == cadvisor::OOM.as_bytes() {
                    |container| &mut container.oom_kills
                } else {
                    // Pressure of a container, not of the node.
                    return;
                };
            let read = self.check(sample, count);
            let mut tally = Tally::default();
            if let Some(container) = self.container(row.id) {
                enter(slot(container), read, at, &mut tally);
            }
            self.tally.merge(&tally);
        }
    }

    fn pod_cpu(&mut self, sample: &Sample<'_>, at: Millis) {
        let read = self.check(sample, CpuSeconds::new);
        let mut tally = Tally::default();
        if let Some(pod) = self.pod(sample) {
            enter(&mut pod.cpu, read, at, &mut tally);
        }
        self.tally.merge(&tally);
    }

    fn pod_memory(&mut self, sample: &Sample<'_>, at: Millis) {
        // A pod may use no memory; a node cannot.
        let read = self.check(sample, Bytes::new);
        let mut tally = Tally::default();
        if let Some(pod) = self.pod(sample) {
            enter(&mut pod.memory, read, at, &mut tally);
        }
        self.tally.merge(&tally);
    }

    /// Converts the sample's value; counts it if it is refused.
    fn check<T>(&mut self, sample: &Sample<'_>, unit: fn(f64) -> Option<T>) -> Option<T> {
        let read = unit(sample.value);
        if read.is_none() {
            self.tally.add(Reason::ValueSample);
        }
        read
    }

    /// Returns the sample's time: [`UNSTAMPED`] where it has none, `None` where it is invalid.
    fn timestamp(&mut self, sample: &Sample<'_>) -> Option<Millis> {
        let Some(at) = sample.timestamp_ms else {
            return Some(UNSTAMPED);
        };
        self.reading.stamped = true;
        let plausible = at > 0 && at <= self.received.saturating_add(MAX_AHEAD_MS);
        if !plausible {
            self.tally.add(Reason::TimestampSample);
        }
        plausible.then_some(at)
    }
}

/// Marks "no timestamp" until the whole body is known. No real sample has it: timestamps
/// up to 0 are refused.
const UNSTAMPED: Millis = Millis::MIN;

fn place<T>(slot: &mut Option<At<T>>, substitute: Option<Millis>, tally: &mut Tally) {
    let Some(sample) = slot.as_mut().filter(|sample| sample.at == UNSTAMPED) else {
        return;
    };
    match substitute {
        Some(at) => sample.at = at,
        None => {
            *slot = None;
            tally.add(Reason::TimestampSample);
        }
    }
}

/// Enters a value into its slot. Of two samples for one slot the newer counts, of equally
/// old ones the first.
fn enter<T>(slot: &mut Option<At<T>>, value: Option<T>, at: Millis, tally: &mut Tally) {
    let Some(value) = value else { return };
    match slot {
        Some(earlier) => {
            tally.add(Reason::DuplicateSample);
            if at > earlier.at {
                *slot = Some(At { value, at });
            }
        }
        None => *slot = Some(At { value, at }),
    }
}

/// A node has used CPU before its kubelet answers: 0 means that the kubelet could not
/// measure, and two zeros would look like an idle node.
fn used_cpu(value: f64) -> Option<CpuSeconds> {
    CpuSeconds::new(value).filter(|seconds| seconds.get() > 0.0)
}

/// A node always uses memory: 0 means that the kubelet could not measure.
fn used_memory(value: f64) -> Option<Bytes> {
    Bytes::new(value).filter(|bytes| bytes.get() > 0)
}

fn count(value: f64) -> Option<f64> {
    (0.0..=MAX_EXACT).contains(&value).then_some(value)
}

/// The labels that identify a row of cAdvisor, found in one pass; empty where they are
/// missing.
#[derive(Default)]
struct Row<'a> {
    container: &'a [u8],
    cpu: &'a [u8],
    id: &'a [u8],
    image: &'a [u8],
    pod: &'a [u8],
}

impl<'a> Row<'a> {
    fn of(sample: &Sample<'a>) -> Self {
        let mut row = Self::default();
        for label in sample.labels.iter() {
            match label.name {
                b"container" => row.container = label.escaped,
                b"cpu" => row.cpu = label.escaped,
                b"id" => row.id = label.escaped,
                b"image" => row.image = label.escaped,
                b"pod" => row.pod = label.escaped,
                _ => {}
            }
        }
        row
    }

    /// Returns whether the row is the cgroup of a pod: no container, no image (its sandbox has
    /// one).
    fn is_pod(&self) -> bool {
        self.container.is_empty() && self.image.is_empty() && !self.pod.is_empty()
    }

    /// Returns whether the container runtime has named the row's container or sandbox.
    fn is_labelled(&self) -> bool {
        !self.container.is_empty() || !self.image.is_empty()
    }
}

/// Returns whether a cgroup is a child of a pod's: `…/podUID/ID` with the driver cgroupfs,
/// `…-podUID.slice/RUNTIME-ID.scope` with systemd.
fn is_container(id: &[u8]) -> bool {
    let mut parents = id.rsplit(|byte| *byte == b'/').skip(1);
    parents.next().is_some_and(|parent| {
        parent.starts_with(b"pod")
            || (parent.ends_with(b".slice") && parent.windows(4).any(|part| part == b"-pod"))
    })
}

fn text_label(sample: &Sample<'_>, name: &[u8]) -> Option<String> {
    let escaped = sample.labels.get(name).filter(|value| !value.is_empty())?;
    String::from_utf8(escaped.to_vec()).ok()
}

impl Consumer for Collector {
    fn wants(&self, family: &[u8]) -> bool {
        let Ok(family) = std::str::from_utf8(family) else {
            return false;
        };
        match self.source {
            Source::Resource => match family {
                resource::NODE_CPU
                | resource::NODE_MEMORY
                | resource::ERROR
                | resource::ERROR_OLD => true,
                resource::POD_CPU | resource::POD_MEMORY => self.namespaces,
                _ => false,
            },
            Source::Cadvisor => match family {
                cadvisor::CPU
                | cadvisor::MEMORY
                | cadvisor::CFS_PERIODS
                | cadvisor::CFS_THROTTLED
                | cadvisor::OOM
                | cadvisor::ERROR => true,
                _ => cadvisor::PRESSURE.iter().any(|(name, ..)| *name == family),
            },
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        let name = sample.name;
        if [resource::ERROR, resource::ERROR_OLD, cadvisor::ERROR]
            .iter()
            .any(|error| error.as_bytes() == name)
        {
            self.kubelet_error |= sample.value != 0.0;
            return;
        }
        let Some(at) = self.timestamp(sample) else {
            return;
        };
        match self.source {
            Source::Resource => self.resource_sample(sample, at),
            Source::Cadvisor => self.cadvisor_sample(sample, at),
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.tally.add(match problem {
            Problem::Malformed => Reason::MalformedLine,
            Problem::Overlong => Reason::OverlongLine,
        });
    }
}

#[cfg(test)]
mod tests;
