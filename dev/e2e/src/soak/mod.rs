//! Long fault injection: real exporters against a simulated cluster with random
//! disruptions, while their metrics are compared with the truth, four times a round.
//!
//! | always | |
//! |---|---|
//! | no wrong number | each published value lies within the truth of the time it can be about; counters never fall |
//! | recovery | once disruptions have ended and an endpoint has answered twice, its series are all there |
//! | return | after an outage everything is read again within two rounds of the first success |
//! | calm | without disruptions no scrape fails, even while tokens rotate |
//! | memory, threads, files | never more than while warming up, but for a little |
//!
//! It warms up by a tour, every disruption once and alone, and some random phases. Out of
//! scope: disruptions on the exporter's own port, and kubelets that lie credibly.
//!
//! Invariant: no disruption makes a wrong number, and each is recovered from (held by
//! `soak_finds_no_wrong_number`, and for an hour by `just soak`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use testbed::{Cluster, Endpoint, Node, Running, Shape};

use crate::{Exporter, cluster_flags};

pub mod plan;
pub mod truth;
pub mod watch;

use plan::{Disruption, Phase, Plan};
use truth::Extremes;
use watch::{Nodes, Watch};

/// Bytes that may be resident beyond those of the warm-up.
pub const MORE_RESIDENT: u64 = 256 * 1024;

/// Connections of ours may not have ended yet when threads and files are counted.
const MORE_THREADS: u64 = 1;
const MORE_FILES: u64 = 2;

/// Looks in a round.
const LOOKS: u32 = 4;

/// Rounds of calm between recovery and the next phase.
const CALM_ROUNDS: u32 = 3;

/// Longest wait for recovery: the longest back-off, the longest `Retry-After`, and some.
const PATIENCE: Duration = Duration::from_secs(700);

/// Nodes that stay. CPU of the last falls silent each time it boots.
const STAYING: [&str; 5] = ["steady", "growing", "wave", "spiky", "boots"];
/// Those whose CPU is constant.
const CONSTANT: [&str; 3] = ["steady", "growing", "boots"];

/// The settings of a soak.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The exporter's program.
    pub program: PathBuf,
    /// The seed of the plan.
    pub seed: u64,
    /// Time between two rounds of the exporters.
    pub interval: Duration,
    /// Number of phases of the tour to begin with.
    pub tour: usize,
    /// Random phases after it, before memory is compared with what it was.
    pub warm_up: u32,
    /// The end, after that.
    pub end: End,
}

/// The end of a soak.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// After so many random phases.
    Phases(u32),
    /// After the phase in which this time is over.
    Time(Duration),
}

/// A soak: while it runs, and its outcome.
pub struct Soak {
    settings: Settings,
    cluster: Running,
    watches: Vec<Watch>,
    plan: Plan,
    nodes: Nodes,
    calm_since: Option<SystemTime>,
    is_warm: bool,
    guests: u32,
    rotations: u64,
    /// Random phases and their disruptions after warming up, and how long they took.
    phases: u32,
    disruptions: usize,
    took: Duration,
    /// Longest time from the end of a phase to recovery.
    slowest: Duration,
}

/// Runs a soak. `say` is called with each phase.
///
/// # Panics
/// When the cluster or an exporter cannot start, and when an exporter ends.
pub fn run(settings: Settings, say: &mut dyn FnMut(&str)) -> Soak {
    let cluster = cluster(&settings);
    let present = STAYING.map(|name| (name.to_owned(), name != "boots"));
    let mut soak = Soak {
        watches: watches(&settings, &cluster),
        plan: Plan::new(settings.seed, &STAYING),
        nodes: Nodes {
            present: BTreeMap::from(present),
            left: BTreeMap::new(),
        },
        calm_since: Some(SystemTime::now()),
        is_warm: false,
        guests: 0,
        rotations: 0,
        phases: 0,
        disruptions: 0,
        took: Duration::ZERO,
        slowest: Duration::ZERO,
        cluster,
        settings,
    };
    soak.run(say);
    soak
}

fn cluster(settings: &Settings) -> Running {
    let ten_minutes = Duration::from_secs(600);
    let wave = Shape::Wave {
        low: 0.1,
        high: 0.8,
        period: ten_minutes,
    };
    // 100 KiB/s: an hour of it does not fill the machine.
    let growing = Shape::Growing {
        cpu: 0.3,
        memory: 0.2,
        bytes_per_second: 102_400.0,
    };
    let minute = Duration::from_secs(60);
    let nodes = [
        Node::new("steady")
            .pods(12)
            .succeeded(2)
            .failed(1)
            .restarting(3, minute),
        Node::new("growing").shape(growing).pods(5),
        Node::new("wave").shape(wave).pods(5),
        Node::new("spiky")
            .shape(Shape::SPIKY)
            .pods(5)
            .finishing(4, 3 * minute),
        Node::new("boots").reboots_every(3 * minute / 2).pods(2),
    ];
    let builder = nodes.into_iter().fold(Cluster::new(), Cluster::node);
    builder
        .housekeeping(settings.interval / 5)
        .seed(settings.seed)
        .kubelets()
        .start()
        .expect("a simulated cluster")
}

/// Three exporters, one for each way in which they run.
fn watches(settings: &Settings, cluster: &Running) -> Vec<Watch> {
    let start = |flags: &[&str]| {
        let every = settings.interval.as_millis();
        let mut command = Command::new(&settings.program);
        command
            .env_clear()
            .args(cluster_flags(cluster))
            .arg(format!("--scrape-interval={every}ms"))
            .arg(format!("--cadvisor-interval={every}ms"))
            // Shorter than watch::SLACK.
            .arg("--request-timeout=2s")
            .args(flags);
        Exporter::run(&mut command)
    };
    let kubelets = format!("--kubelet-ca-file={}", cluster.kubelet_ca_file().display());
    vec![
        Watch::new("one node", Some("steady"), start(&["--node-name=steady"])),
        Watch::new(
            "all nodes, history",
            None,
            start(&["--nodes=all", "--enable-cadvisor=false", "--history=2m"]),
        ),
        Watch::new(
            "all nodes, kubelets",
            None,
            start(&["--nodes=all", "--via=kubelet", &kubelets]),
        )
        .at_kubelets(),
    ]
}

impl Soak {
    fn run(&mut self, say: &mut dyn FnMut(&str)) {
        self.recover(say);
        for phase in plan::tour().into_iter().take(self.settings.tour) {
            self.pass_phase("tour", &phase, say);
        }
        for _ in 0..self.settings.warm_up {
            let phase = self.plan.phase();
            self.pass_phase("warming up", &phase, say);
        }
        self.is_warm = true;
        let start = Instant::now();
        while match self.settings.end {
            End::Phases(count) => self.phases < count,
            End::Time(time) => self.took < time,
        } {
            let phase = self.plan.phase();
            self.phases += 1;
            self.disruptions += phase.disruptions.len();
            let minutes = self.took.as_secs() / 60;
            let place = format!("{minutes} min, phase {}", self.phases);
            self.pass_phase(&place, &phase, say);
            self.took = start.elapsed();
        }
    }

    /// Disrupts for a while, waits until all is well again, and checks the calm after it.
    fn pass_phase(&mut self, place: &str, phase: &Phase, say: &mut dyn FnMut(&str)) {
        let wrongs: usize = self.watches.iter().map(|watch| watch.wrong.len()).sum();
        say(&format!("{place}: {wrongs} wrong so far; {phase:?}"));
        self.calm_since = None;
        for disruption in &phase.disruptions {
            disruption.begin(&self.cluster);
        }
        self.pass(phase.rounds);
        phase.end(&self.cluster);
        // Connections to kubelets that have left are kept for a while, some 120 KiB each:
        // while warming up there are as many of them as there will ever be.
        if self.plan.once_in(if self.is_warm { 6.0 } else { 1.0 }) {
            self.visit();
        }
        let end = SystemTime::now();
        self.calm_since = Some(end);
        self.recover(say);
        if phase.is_outage() {
            for watch in &mut self.watches {
                watch.check_return(&self.nodes, end);
            }
        }
        self.calm();
        for watch in &mut self.watches {
            for what in watch.untold() {
                say(&format!("WRONG, {}: {what}", watch.name));
            }
        }
    }

    /// Adds a node, or removes the one that was added.
    fn visit(&mut self) {
        let name = |number| format!("guest-{number}");
        let guest = name(self.guests);
        if self.nodes.present.remove(&guest).is_some() {
            let now = SystemTime::now();
            let truth = Extremes::of(&self.cluster, &guest, now, now);
            self.nodes.left.insert(guest.clone(), truth.after_leaving());
            self.cluster.remove(&guest);
        } else {
            self.guests += 1;
            let guest = name(self.guests);
            self.nodes.present.insert(guest.clone(), true);
            self.cluster.join(Node::new(guest).cores(2.0).pods(3));
        }
    }

    /// Checks the metrics for some rounds.
    fn pass(&mut self, rounds: u32) {
        for _ in 0..rounds * LOOKS {
            sleep(self.settings.interval / LOOKS);
            for watch in &mut self.watches {
                watch.check(&self.cluster, &self.nodes, self.calm_since, self.is_warm);
            }
        }
    }

    fn recover(&mut self, say: &mut dyn FnMut(&str)) {
        let since = self.calm_since.unwrap_or_else(SystemTime::now);
        let start = Instant::now();
        loop {
            self.pass(1);
            let watches = self.watches.iter_mut();
            let waiting: Vec<&str> = watches
                .filter_map(|watch| watch.is_waiting(&self.nodes, since).then_some(watch.name))
                .collect();
            if waiting.is_empty() {
                break;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{waiting:?}: no recovery within {PATIENCE:?}"
            );
            if start.elapsed().as_secs() % 60 == 59 {
                say(&format!("still backing off: {}", waiting.join(", ")));
            }
        }
        self.slowest = self.slowest.max(start.elapsed());
    }

    /// Lets nothing go wrong but that tokens rotate: nothing may fail.
    fn calm(&mut self) {
        let before: Vec<f64> = {
            let watches = self.watches.iter();
            watches.map(|watch| watch.failures(&self.nodes)).collect()
        };
        if self.plan.once_in(2.0) {
            Disruption::TokenRotation.begin(&self.cluster);
            self.rotations += 1;
        }
        self.pass(CALM_ROUNDS);
        for (watch, before) in self.watches.iter_mut().zip(before) {
            let more = watch.failures(&self.nodes) - before;
            if more > 0.0 {
                watch.tell_failures_in_calm(more);
            }
            watch.check_history(&self.cluster, &CONSTANT);
        }
    }

    /// Everything that was wrong.
    pub fn wrong(&self) -> Vec<String> {
        let of = |watch: &Watch| {
            let told = watch.wrong.iter();
            told.map(|what| format!("{}: {what}", watch.name))
                .collect::<Vec<_>>()
        };
        self.watches.iter().flat_map(of).collect()
    }

    /// Values that were compared with the truth.
    pub fn checked(&self) -> u64 {
        self.watches.iter().map(|watch| watch.checked).sum()
    }

    /// Disruptions after warming up.
    pub fn disruptions(&self) -> usize {
        self.disruptions
    }

    /// Exporters that took more memory, threads or files than while warming up, and a little.
    pub fn grown(&self) -> Vec<String> {
        let has_grown = |watch: &&Watch| {
            watch.after.resident > watch.before.resident + MORE_RESIDENT
                || watch.after.threads > watch.before.threads + MORE_THREADS
                || watch.after.files > watch.before.files + MORE_FILES
        };
        let grown = self.watches.iter().filter(has_grown);
        grown
            .map(|watch| format!("{}: {:?} after {:?}", watch.name, watch.after, watch.before))
            .collect()
    }

    /// All of it, as a table in Markdown.
    pub fn table(&self) -> String {
        let minutes = self.took.as_secs_f64() / 60.0;
        let requests = [self.cluster.requests(), self.cluster.kubelet_requests()];
        let scrapes: u64 = requests
            .iter()
            .map(|all| all.count(Endpoint::Resource))
            .sum();
        let mut text = format!(
            "Seed {}: {minutes:.1} min at rounds of {:?}; {} phases with {} disruptions, \
             {} token rotations in calm, {} nodes that came; {scrapes} scrapes of kubelets; \
             slowest recovery {:.0?}.\n\n\
             | exporter | values checked | wrong | token reloads | resident at most: warming up, after, more | threads | files |\n\
             |---|---|---|---|---|---|---|\n",
            self.settings.seed,
            self.settings.interval,
            self.phases,
            self.disruptions,
            self.rotations,
            self.guests,
            self.slowest,
        );
        for watch in &self.watches {
            let Watch {
                name,
                checked,
                wrong,
                before,
                after,
                ..
            } = watch;
            let reloads = watch.counted("k8s_ai_exporter_token_reloads_total");
            let (was, is) = (before.resident / 1024, after.resident / 1024);
            let growth = is.cast_signed() - was.cast_signed();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {name} | {checked} | {} | {reloads} | {was} KiB, {is} KiB, {growth} KiB | {}, {} | {}, {} |",
                wrong.len(),
                before.threads,
                after.threads,
                before.files,
                after.files,
            );
        }
        text
    }
}
