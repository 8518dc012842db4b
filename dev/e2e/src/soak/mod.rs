//! Chaos that lasts: real exporters against a simulated cluster in which random things go
//! wrong, while what they publish is held against the truth, four times a round.
//!
//! | always | |
//! |---|---|
//! | no wrong number | each published value lies within the truth of the time it can be about; counters never fall |
//! | recovery | once troubles have ended and an endpoint has answered twice, its series are all there |
//! | return | after an outage everything is read again within two rounds of the first success |
//! | calm | where nothing is wrong no scrape fails, whatever tokens rotate |
//! | memory, threads, files | never more than while warming up, but for a little |
//!
//! It warms up by a tour, every trouble once and alone, and some random spells. In scope: what is above. Out of
//! scope: troubles on the exporter's own port, and kubelets that lie credibly.

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

use plan::{Plan, Spell};
use truth::Extremes;
use watch::{Nodes, Progress, Watch, Whom};

/// How much more memory may be resident than while warming up.
pub const MORE_RESIDENT: u64 = 256 * 1024;

/// Connections of ours may not have ended yet when threads and files are counted.
const MORE_THREADS: u64 = 1;
const MORE_FILES: u64 = 2;

/// Looks in a round.
const LOOKS: u32 = 4;

/// Rounds of calm between recovery and the next spell.
const CALM_ROUNDS: u32 = 3;

/// Longest wait for recovery: the longest back-off, the longest `Retry-After`, and some.
const PATIENCE: Duration = Duration::from_secs(700);

/// Nodes that stay. CPU of the last falls silent each time it boots.
const STAYING: [&str; 5] = ["steady", "growing", "wave", "spiky", "boots"];
/// Those whose CPU is constant.
const CONSTANT: [&str; 3] = ["steady", "growing", "boots"];

/// What to do, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The exporter's program.
    pub program: PathBuf,
    /// What the plan follows from.
    pub seed: u64,
    /// Time between two rounds of the exporters.
    pub interval: Duration,
    /// How many spells of the tour to begin with.
    pub tour: usize,
    /// Random spells after it, before memory is held against what it was.
    pub warm_up: u32,
    /// When to end, after that.
    pub end: End,
}

/// When to end.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// After so many random spells.
    Spells(u32),
    /// After the spell in which this time is over.
    Time(Duration),
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    settings: Settings,
    watches: Vec<Watch>,
    spells: u32,
    troubles: usize,
    took: Duration,
    rotations: u64,
    visits: u32,
    requests: u64,
    /// Longest time from the end of a spell to recovery.
    slowest: Duration,
}

/// Runs it. `say` is told of each spell.
///
/// # Panics
/// When the cluster or an exporter cannot start, and when an exporter ends.
pub fn run(settings: Settings, say: &mut dyn FnMut(&str)) -> Outcome {
    let cluster = cluster(&settings);
    let mut soak = Soak {
        watches: watches(&settings, &cluster),
        plan: Plan::new(settings.seed, &STAYING),
        nodes: Nodes {
            present: STAYING
                .iter()
                .map(|name| ((*name).to_owned(), *name != "boots"))
                .collect(),
            left: std::collections::BTreeMap::new(),
        },
        calm_since: Some(SystemTime::now()),
        is_warm: false,
        guests: 0,
        rotations: 0,
        slowest: Duration::ZERO,
        cluster,
        settings,
    };
    soak.run(say)
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
    let builder = nodes
        .into_iter()
        .fold(Cluster::new(), testbed::Builder::node);
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
        Watch::new(
            "one node",
            Whom::One("steady"),
            start(&["--node-name=steady"]),
        ),
        Watch::new(
            "all nodes, history",
            Whom::All,
            start(&["--nodes=all", "--enable-cadvisor=false", "--history=2m"]),
        ),
        Watch::new(
            "all nodes, kubelets",
            Whom::All,
            start(&["--nodes=all", "--via=kubelet", &kubelets]),
        )
        .at_kubelets(),
    ]
}

struct Soak {
    settings: Settings,
    cluster: Running,
    watches: Vec<Watch>,
    plan: Plan,
    nodes: Nodes,
    calm_since: Option<SystemTime>,
    is_warm: bool,
    guests: u32,
    rotations: u64,
    slowest: Duration,
}

impl Soak {
    fn run(&mut self, say: &mut dyn FnMut(&str)) -> Outcome {
        self.recover(say);
        let tour: Vec<Spell> = plan::tour().into_iter().take(self.settings.tour).collect();
        for (index, spell) in tour.iter().enumerate() {
            let place = format!("tour {} of {}", index + 1, tour.len());
            self.spell(&place, spell, say);
        }
        for index in 0..self.settings.warm_up {
            let spell = self.plan.spell();
            self.spell(&format!("warming up {}", index + 1), &spell, say);
        }
        self.is_warm = true;
        let (start, mut spells, mut troubles) = (Instant::now(), 0, 0);
        loop {
            let is_over = match self.settings.end {
                End::Spells(count) => spells >= count,
                End::Time(time) => start.elapsed() >= time,
            };
            if is_over {
                break;
            }
            let spell = self.plan.spell();
            spells += 1;
            troubles += spell.troubles.len();
            let seconds = start.elapsed().as_secs();
            let place = format!(
                "{:02}:{:02}:{:02} spell {spells}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
            self.spell(&place, &spell, say);
        }
        Outcome {
            settings: self.settings.clone(),
            watches: std::mem::take(&mut self.watches),
            spells,
            troubles,
            took: start.elapsed(),
            rotations: self.rotations,
            visits: self.guests,
            requests: [self.cluster.requests(), self.cluster.kubelet_requests()]
                .iter()
                .map(|requests| requests.count(Endpoint::Resource))
                .sum(),
            slowest: self.slowest,
        }
    }

    /// One line: where we are, how it stands, what goes wrong now.
    fn describe(&self, place: &str, spell: &Spell) -> String {
        let troubles: Vec<String> = spell.troubles.iter().map(ToString::to_string).collect();
        let wrongs: u64 = self.watches.iter().map(|watch| watch.wrongs).sum();
        let rounds = spell.rounds;
        format!(
            "{place}: {wrongs} wrong; for {rounds} rounds: {}",
            troubles.join(", ")
        )
    }

    /// Lets it go wrong for a while, waits until all is well again, and enjoys the calm.
    fn spell(&mut self, place: &str, spell: &Spell, say: &mut dyn FnMut(&str)) {
        say(&self.describe(place, spell));
        self.calm_since = None;
        for trouble in &spell.troubles {
            trouble.begin(&self.cluster);
        }
        self.pass(spell.rounds);
        plan::end_all(spell, &self.cluster);
        // Connections to kubelets that have left are kept for a while, some 120 KiB each:
        // while warming up there are as many of them as there will ever be.
        let seldom = if self.is_warm { 6 } else { 1 };
        if self.plan.once_in(seldom) {
            self.visit();
        }
        self.calm_since = Some(SystemTime::now());
        self.recover(say);
        if let (true, Some(since)) = (spell.is_outage(), self.calm_since) {
            for watch in &mut self.watches {
                watch.check_return(&self.nodes, since);
            }
        }
        self.calm();
        for watch in &mut self.watches {
            for what in watch.untold() {
                say(&format!("WRONG, {}: {what}", watch.name));
            }
        }
    }

    /// A node joins, or the one that has joined leaves again.
    fn visit(&mut self) {
        let name = |number| format!("guest-{number}");
        let guest = name(self.guests);
        if self.nodes.present.remove(&guest).is_some() {
            let now = SystemTime::now();
            let truth = Extremes::of(&self.cluster, &guest, now, now);
            self.nodes.left.insert(guest.clone(), truth.after_leaving());
            self.cluster.leave(&guest);
        } else {
            self.guests += 1;
            let guest = name(self.guests);
            self.nodes.present.insert(guest.clone(), true);
            self.cluster.join(Node::new(guest).cores(2.0).pods(3));
        }
    }

    /// Looks on for some rounds.
    fn pass(&mut self, rounds: u32) {
        for _ in 0..rounds * LOOKS {
            sleep(self.settings.interval / LOOKS);
            self.look();
        }
    }

    fn look(&mut self) {
        for watch in &mut self.watches {
            watch.look(&self.cluster, &self.nodes, self.calm_since, self.is_warm);
        }
    }

    fn recover(&mut self, say: &mut dyn FnMut(&str)) {
        let since = self.calm_since.unwrap_or_else(SystemTime::now);
        let start = Instant::now();
        loop {
            self.pass(1);
            let nodes = &self.nodes;
            let waiting: Vec<&str> = self
                .watches
                .iter_mut()
                .filter_map(|watch| {
                    let progress = watch.progress(nodes, since);
                    (progress == Progress::Waiting).then_some(watch.name)
                })
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

    /// Nothing is wrong but that tokens rotate: nothing may fail.
    fn calm(&mut self) {
        let before: Vec<f64> = {
            let watches = self.watches.iter();
            watches.map(|watch| watch.failures(&self.nodes)).collect()
        };
        if self.plan.once_in(2) {
            plan::Trouble::Token.begin(&self.cluster);
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
}

impl Outcome {
    /// Everything that was wrong, the first of it in full.
    pub fn wrong(&self) -> Vec<String> {
        let of = |watch: &Watch| {
            let told = watch.wrong.iter();
            told.map(|what| format!("{}: {what}", watch.name))
                .collect::<Vec<_>>()
        };
        self.watches.iter().flat_map(of).collect()
    }

    /// Values that were held against the truth.
    pub fn checked(&self) -> u64 {
        self.watches.iter().map(|watch| watch.checked).sum()
    }

    /// Troubles that the exporters met after the tour.
    pub fn troubles(&self) -> usize {
        self.troubles
    }

    /// Who took more threads or files than while warming up.
    pub fn more_threads_or_files(&self) -> Vec<String> {
        let grew = |watch: &&Watch| {
            watch.after.threads > watch.before.threads + MORE_THREADS
                || watch.after.files > watch.before.files + MORE_FILES
        };
        let watches = self.watches.iter().filter(grew);
        watches
            .map(|watch| format!("{}: {:?} after {:?}", watch.name, watch.after, watch.before))
            .collect()
    }

    /// Who took more memory than while warming up, and a little more.
    pub fn more_memory(&self) -> Vec<String> {
        let grew = |watch: &&Watch| watch.after.resident > watch.before.resident + MORE_RESIDENT;
        let watches = self.watches.iter().filter(grew);
        watches.map(|watch| watch.name.to_owned()).collect()
    }

    /// All of it, as a table in Markdown.
    pub fn table(&self) -> String {
        let minutes = self.took.as_secs_f64() / 60.0;
        let mut text = format!(
            "Seed {}: {minutes:.1} min at rounds of {:?}; {} spells with {} troubles, \
             {} token rotations in calm, {} nodes that came; {} scrapes of kubelets; \
             slowest recovery {:.0?}.\n\n\
             | exporter | values checked | wrong | token reloads | resident at most: warming up, after, more | threads | files |\n\
             |---|---|---|---|---|---|---|\n",
            self.settings.seed,
            self.settings.interval,
            self.spells,
            self.troubles,
            self.rotations,
            self.visits,
            self.requests,
            self.slowest,
        );
        let kib = |bytes: u64| bytes / 1024;
        for watch in &self.watches {
            let (before, after) = (watch.before, watch.after);
            let growth = after.resident.cast_signed() - before.resident.cast_signed();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} KiB, {} KiB, {} KiB | {}, {} | {}, {} |",
                watch.name,
                watch.checked,
                watch.wrongs,
                watch.counted("k8s_ai_exporter_token_reloads_total"),
                kib(before.resident),
                kib(after.resident),
                growth / 1024,
                before.threads,
                after.threads,
                before.files,
                after.files,
            );
        }
        text
    }
}
