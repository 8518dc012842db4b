//! Current usage of a node, from the readings of successive rounds.
//!
//! A rate is the difference of two samples over the difference of their own timestamps.
//! Resets, repeated and backward samples are named cases; a container that starts, ends or
//! restarts between rounds adds nothing. Reads no clock: the caller passes the time of
//! arrival.
//!
//! Invariants: cores are a rate by the samples' own timestamps (held by
//! `cores_are_a_rate_by_sample_timestamps`); an interval is never counted twice
//! (`old_body_counts_no_interval_twice`); no 0 stands for "unknown"
//! (`reset_publishes_nothing_for_its_interval`); stale values disappear
//! (`stale_values_disappear`). On real captures, cores and bytes equal the kubelet's own
//! counts (`captures_equal_the_kubelets_own_summary`), and a killed container gives neither
//! a spike nor a negative rate (`killed_container_gives_no_spike`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::Reason;
use contract::kubelet::cadvisor::PRESSURE;
use quantity::{Bytes, Cores, CpuSeconds, Ratio};

use crate::readings::{At, Millis, Reading, Tally};

mod containers;
mod known;

pub use known::Known;

use containers::Containers;

/// The relation of a counter's sample to the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// The first sample, or the first by another clock: no interval yet.
    First,
    /// The same sample again: the kubelet has not measured since.
    Repeated,
    /// Older than the last one: dropped.
    Backward,
    /// The counter fell: a restart or reboot. Counting starts again.
    Reset,
    /// A whole interval.
    Advanced { delta: f64, seconds: f64 },
}

/// After this many older samples in a row, the kubelet's clock was set back, and counting
/// starts again.
const BACKWARD_SAMPLES_BEFORE_REBASE: u32 = 3;

/// A counter of seconds over rounds.
#[derive(Debug, Default, Clone, Copy)]
struct Counter {
    last: Option<At<CpuSeconds>>,
    /// True if the last sample has a timestamp of its own.
    stamped: bool,
    backward: u32,
}

impl Counter {
    /// Takes the next sample. `stamped` is true if its timestamp is its own; else it is that of
    /// the request, and an unchanged count is the same sample again.
    fn step(&mut self, new: At<CpuSeconds>, stamped: bool) -> Step {
        let Some(last) = self.last.filter(|_| self.stamped == stamped) else {
            // An interval between the kubelet's clock and ours would be wrong: a sample is
            // seconds old when it is read.
            *self = Self {
                last: Some(new),
                stamped,
                backward: 0,
            };
            return Step::First;
        };
        if new.at < last.at {
            self.backward += 1;
            if self.backward >= BACKWARD_SAMPLES_BEFORE_REBASE {
                *self = Self {
                    last: Some(new),
                    stamped,
                    backward: 0,
                };
            }
            return Step::Backward;
        }
        self.backward = 0;
        if new.at == last.at || (!stamped && new.value == last.value) {
            return Step::Repeated;
        }
        self.last = Some(new);
        if new.value < last.value {
            return Step::Reset;
        }
        Step::Advanced {
            delta: new.value.get() - last.value.get(),
            // At most 2^53 ms apart: both timestamps are positive and bounded.
            seconds: (new.at - last.at) as f64 / 1000.0,
        }
    }
}

/// A rate may exceed the machine's cores by this factor, since timestamps and counters are
/// not read at the same instant.
const PLAUSIBLE_EXCESS: f64 = 1.1;

/// More cores than any machine has: the limit while the node's own are unknown.
const MOST_CORES: f64 = 16_384.0;

/// A counter of CPU seconds, and its rate in cores.
#[derive(Debug, Default, Clone, Copy)]
struct CpuRate {
    counter: Counter,
    cores: Option<Known<Cores>>,
}

impl CpuRate {
    fn observe(
        &mut self,
        new: At<CpuSeconds>,
        stamped: bool,
        machine: Option<Cores>,
        until: Instant,
    ) -> Tally {
        let mut tally = Tally::default();
        match self.counter.step(new, stamped) {
            Step::First | Step::Repeated => {}
            Step::Backward => tally.add(Reason::BackwardSample),
            Step::Reset => {
                self.cores = None;
                tally.add(Reason::ResetSample);
            }
            Step::Advanced { delta, seconds } => {
                let rate = Cores::new(delta / seconds);
                let most = machine.map_or(MOST_CORES, |machine| machine.get() * PLAUSIBLE_EXCESS);
                let plausible = rate.filter(|rate| rate.get() <= most);
                if plausible.is_none() {
                    tally.add(Reason::ImplausibleSample);
                }
                self.cores = plausible.map(|rate| Known {
                    value: machine.map_or(rate, |machine| rate.min(machine)),
                    until,
                });
            }
        }
        tally
    }
}

/// The newest sample of a gauge.
#[derive(Debug, Clone, Copy)]
struct Gauge<T> {
    last: Option<Millis>,
    value: Option<Known<T>>,
    backward: u32,
}

impl<T> Default for Gauge<T> {
    fn default() -> Self {
        Self {
            last: None,
            value: None,
            backward: 0,
        }
    }
}

impl<T> Gauge<T> {
    fn observe(&mut self, new: At<T>, until: Instant) -> Tally {
        let mut tally = Tally::default();
        match self.last {
            Some(last) if new.at == last => return tally,
            Some(last) if new.at < last => {
                tally.add(Reason::BackwardSample);
                self.backward += 1;
                if self.backward < BACKWARD_SAMPLES_BEFORE_REBASE {
                    return tally;
                }
            }
            _ => {}
        }
        self.backward = 0;
        self.last = Some(new.at);
        self.value = Some(Known {
            value: new.value,
            until,
        });
        tally
    }
}

/// CPU and memory of a node, from one source.
#[derive(Debug, Default)]
struct NodeUsage {
    cpu: CpuRate,
    memory: Gauge<Bytes>,
}

impl NodeUsage {
    fn observe(&mut self, reading: &Reading, machine: Option<Cores>, until: Instant) -> Tally {
        let mut tally = Tally::default();
        match reading.cpu {
            Some(cpu) => tally.merge(&self.cpu.observe(cpu, reading.stamped, machine, until)),
            None => self.cpu = CpuRate::default(),
        }
        match reading.memory {
            Some(memory) => tally.merge(&self.memory.observe(memory, until)),
            None => self.memory = Gauge::default(),
        }
        tally
    }
}

/// CPU and memory of one pod.
#[derive(Debug, Default)]
struct PodUsage {
    cpu: CpuRate,
    memory: Gauge<Bytes>,
}

/// Usage of one node, over rounds.
#[derive(Debug, Default)]
pub struct Usage {
    resource: NodeUsage,
    cadvisor: NodeUsage,
    pods: BTreeMap<(String, String), PodUsage>,
    containers: Containers,
    pressure: [(Counter, Option<Known<Ratio>>); PRESSURE.len()],
}

/// The circumstances of a reading.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Time of arrival.
    pub now: Instant,
    /// Time for which its new samples are published.
    pub fresh_for: Duration,
    /// The machine's cores, if known.
    pub machine: Option<Cores>,
}

impl Usage {
    /// Drops all but the counters that this program counts itself: they must not fall.
    pub fn forget(&mut self) {
        let mut containers = std::mem::take(&mut self.containers);
        containers.forget();
        *self = Self {
            containers,
            ..Self::default()
        };
    }

    /// Takes a reading of `/metrics/resource`. Returns the dropped samples.
    pub fn observe_resource(&mut self, reading: &Reading, arrival: Arrival) -> Tally {
        let until = arrival.now + arrival.fresh_for;
        let mut tally = self.resource.observe(reading, arrival.machine, until);
        tally.merge(&self.observe_pods(reading, arrival));
        tally
    }

    /// Takes a reading of cAdvisor, and with `with_pods` the usage of pods from it. Returns the
    /// dropped samples.
    pub fn observe_cadvisor(
        &mut self,
        reading: Reading,
        arrival: Arrival,
        with_pods: bool,
    ) -> Tally {
        let until = arrival.now + arrival.fresh_for;
        let mut tally = self.cadvisor.observe(&reading, arrival.machine, until);
        if with_pods {
            tally.merge(&self.observe_pods(&reading, arrival));
        }
        for ((counter, ratio), new) in self.pressure.iter_mut().zip(reading.pressure) {
            let Some(new) = new else { continue };
            match counter.step(new, reading.stamped) {
                Step::First | Step::Repeated => {}
                Step::Backward => tally.add(Reason::BackwardSample),
                Step::Reset => {
                    *ratio = None;
                    tally.add(Reason::ResetSample);
                }
                Step::Advanced { delta, seconds } => {
                    *ratio = Ratio::of(delta, seconds).map(|value| Known { value, until });
                }
            }
        }
        let has_all_oom_kills = reading.has_oom_kills && !reading.is_unlabelled;
        self.containers
            .observe(reading.containers, has_all_oom_kills, arrival.now, until);
        tally
    }

    fn observe_pods(&mut self, reading: &Reading, arrival: Arrival) -> Tally {
        let until = arrival.now + arrival.fresh_for;
        let mut tally = Tally::default();
        self.pods.retain(|key, _| reading.pods.contains_key(key));
        for (key, new) in &reading.pods {
            // A key is only copied for a new pod.
            if !self.pods.contains_key(key) {
                self.pods.insert(key.clone(), PodUsage::default());
            }
            let Some(pod) = self.pods.get_mut(key) else {
                continue;
            };
            if let Some(cpu) = new.cpu {
                tally.merge(
                    &pod.cpu
                        .observe(cpu, reading.stamped, arrival.machine, until),
                );
            }
            if let Some(memory) = new.memory {
                tally.merge(&pod.memory.observe(memory, until));
            }
        }
        tally
    }

    /// Returns the CPU usage of the node while it is fresh: from the resource endpoint, or
    /// from cAdvisor if the resource endpoint has no such line. If it has one, cAdvisor does
    /// not replace a missing rate: its older rate would cover a reset.
    pub fn cpu(&self, now: Instant) -> Option<Cores> {
        let source = match self.resource.cpu.counter.last {
            Some(_) => &self.resource,
            None => &self.cadvisor,
        };
        Known::at(source.cpu.cores, now)
    }

    /// Returns the memory usage of the node while it is fresh, from the source of its CPU.
    pub fn memory(&self, now: Instant) -> Option<Bytes> {
        let source = match self.resource.memory.last {
            Some(_) => &self.resource,
            None => &self.cadvisor,
        };
        Known::at(source.memory.value, now)
    }

    /// Returns the share of scheduler periods in which containers with a limit were throttled.
    pub fn throttled(&self, now: Instant) -> Option<Ratio> {
        self.containers.throttled(now)
    }

    /// Returns the OOM kills in containers since the start, while cAdvisor reports all of them.
    pub fn oom_kills(&self, now: Instant) -> Option<u64> {
        self.containers.oom_kills(now)
    }

    /// Returns pressure ratios in the order of [`PRESSURE`].
    pub fn pressure(&self, now: Instant) -> [Option<Ratio>; PRESSURE.len()] {
        self.pressure.map(|(_, ratio)| Known::at(ratio, now))
    }

    /// Returns cores and bytes by namespace: the sums over its pods with fresh values; `None`
    /// if there is no such pod.
    pub fn namespaces(&self, now: Instant) -> BTreeMap<&str, (Option<Cores>, Option<Bytes>)> {
        let mut sums: BTreeMap<&str, (Option<Cores>, Option<Bytes>)> = BTreeMap::new();
        for ((namespace, _), pod) in &self.pods {
            let (cores, bytes) = sums.entry(namespace).or_default();
            if let Some(cpu) = Known::at(pod.cpu.cores, now) {
                *cores = Some(cores.unwrap_or(Cores::ZERO) + cpu);
            }
            if let Some(memory) = Known::at(pod.memory.value, now) {
                let sum = bytes.map_or(0.0, Bytes::as_f64) + memory.as_f64();
                *bytes = Bytes::new(sum);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests;
