//! One exporter under test: its metrics compared with the truth, and its process's resources.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::Running;

use super::truth::{Extremes, Known};
use crate::Exporter;

/// A value may be published for so long without a newer sample.
const FRESH: Duration = Duration::from_secs(60);

/// A sample may be older than the end of its scrape by this much: the deadline of the
/// scrape, and the kubelet's own pause between two samples.
pub const SLACK: Duration = Duration::from_secs(3);

/// Good scrapes of an endpoint that are remembered: more than two minutes of them.
const REMEMBERED: usize = 512;

/// Rounds after the first success, at most, until everything is back after an outage: two,
/// and the one under way.
const RETURN_ROUNDS: usize = 3;

/// The nodes of the cluster as they are now.
#[derive(Debug)]
pub struct Nodes {
    /// Those that are there, and whether each has CPU after every two rounds: a machine
    /// that boots has none for a round.
    pub present: BTreeMap<String, bool>,
    /// Those that have left, and what was true of them.
    pub left: BTreeMap<String, Extremes>,
}

/// A node, empty for what is read for all, and an endpoint.
type Key = (String, String);

/// An exporter under watch.
#[derive(Debug)]
pub struct Watch {
    /// Its name in the table.
    pub name: &'static str,
    /// Its node, if it is not about all of the cluster's.
    only: Option<&'static str>,
    /// True if kubelets are read at their own ports, not through the API server.
    at_kubelets: bool,
    exporter: Exporter,
    /// Times of good scrapes, by node and endpoint, oldest first.
    good: BTreeMap<Key, VecDeque<f64>>,
    /// The newest page: its samples, and when it was read.
    samples: BTreeMap<String, f64>,
    read: Option<SystemTime>,
    /// Values that were checked.
    pub checked: u64,
    /// Everything that was wrong.
    pub wrong: Vec<String>,
    /// Number of `wrong` that have been reported on the way.
    told: usize,
    /// Resources of the process during the warm-up.
    pub before: Taken,
    /// Resources of the process after the warm-up.
    pub after: Taken,
}

/// The most that a process took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Bytes resident at most.
    pub resident: u64,
    /// Threads at most.
    pub threads: u64,
    /// Open files at most.
    pub files: u64,
}

impl Taken {
    fn note(&mut self, now: Self) {
        self.resident = self.resident.max(now.resident);
        self.threads = self.threads.max(now.threads);
        self.files = self.files.max(now.files);
    }
}

impl Watch {
    /// Watches an exporter.
    pub fn new(name: &'static str, only: Option<&'static str>, exporter: Exporter) -> Self {
        Self {
            name,
            only,
            at_kubelets: false,
            exporter,
            good: BTreeMap::new(),
            samples: BTreeMap::new(),
            read: None,
            checked: 0,
            wrong: Vec::new(),
            told: 0,
            before: Taken::default(),
            after: Taken::default(),
        }
    }

    /// The exporter reads kubelets at their own ports.
    pub fn at_kubelets(mut self) -> Self {
        self.at_kubelets = true;
        self
    }

    /// Reads the page and what the process takes, and checks both. `calm_since` is when
    /// the last disruption ended, if none is on.
    pub fn check(
        &mut self,
        cluster: &Running,
        nodes: &Nodes,
        calm_since: Option<SystemTime>,
        is_warm: bool,
    ) {
        let before = std::mem::take(&mut self.samples);
        let text = self.exporter.get("/metrics").text();
        let now = SystemTime::now();
        self.samples = text.lines().filter_map(sample).collect();
        self.read = Some(now);
        self.remember();
        self.check_values(cluster, nodes, calm_since, now);
        self.check_counters(&before);
        let taken = self.taken();
        match is_warm {
            false => self.before.note(taken),
            true => self.after.note(taken),
        }
    }

    fn remember(&mut self) {
        for (name, at) in &self.samples {
            let Some(labels) = name.strip_prefix("k8s_ai_exporter_last_success_timestamp_seconds")
            else {
                continue;
            };
            let key = (label(labels, "node"), label(labels, "endpoint"));
            let times = self.good.entry(key).or_default();
            if times.back() != Some(at) {
                times.push_back(*at);
                if times.len() > REMEMBERED {
                    times.pop_front();
                }
            }
        }
    }

    fn check_values(
        &mut self,
        cluster: &Running,
        nodes: &Nodes,
        calm_since: Option<SystemTime>,
        now: SystemTime,
    ) {
        let mut wrong = Vec::new();
        for (name, value) in &self.samples {
            if !name.starts_with("k8s_node_") {
                continue;
            }
            self.checked += 1;
            let node = label(name, "node");
            let family = name.split('{').next().unwrap_or_default();
            if !value.is_finite() || *value < 0.0 {
                wrong.push(format!("{name} {value}"));
                continue;
            }
            if family.ends_with("_ratio") && *value > 1.0 {
                wrong.push(format!("{name} {value}: a share above 1"));
            }
            let Some((known, _)) = Known::ALL.into_iter().find(|(_, each)| *each == family) else {
                continue;
            };
            let extremes = match nodes.left.get(&node) {
                Some(extremes) => *extremes,
                None if nodes.present.contains_key(&node) => {
                    let from = self.earliest(&node, known, calm_since, now);
                    Extremes::of(cluster, &node, from, now)
                }
                None => {
                    wrong.push(format!("{name} {value}: there never was such a node"));
                    continue;
                }
            };
            if !extremes.allow(known, *value) {
                let (low, high) = extremes.range(known);
                wrong.push(format!("{name} {value}: the truth was {low} to {high}"));
            }
        }
        self.wrong.extend(wrong);
    }

    /// The first instant that a value of now can be about.
    fn earliest(
        &self,
        node: &str,
        known: Known,
        calm_since: Option<SystemTime>,
        now: SystemTime,
    ) -> SystemTime {
        let endpoint = match known {
            Known::Pods => "pods",
            Known::Cpu | Known::Memory => "resource",
        };
        let times = self.times(node, endpoint);
        let instant = |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(seconds) - SLACK;
        // In calm it is about the newest two samples; the page may be between two rounds.
        if let (Some(third), Some(calm)) = (times.iter().rev().nth(2), calm_since)
            && instant(*third) > calm
        {
            return instant(*third);
        }
        // Otherwise about any that was fresh a minute ago, and the one before that: a
        // scrape counts as good also where some sample of it was left out.
        let fresh = now - FRESH - SLACK;
        let older = times.iter().rev().filter(|at| instant(**at) < fresh).nth(1);
        older.or(times.front()).map_or(fresh, |at| instant(*at))
    }

    fn times(&self, node: &str, endpoint: &str) -> &VecDeque<f64> {
        static NONE: VecDeque<f64> = VecDeque::new();
        let of = |node: &str| self.good.get(&(node.to_owned(), endpoint.to_owned()));
        // Lists of all nodes have no node.
        of(node).or_else(|| of("")).unwrap_or(&NONE)
    }

    /// Counters never fall.
    fn check_counters(&mut self, before: &BTreeMap<String, f64>) {
        let fell = |(name, now): (&String, &f64)| {
            let was = before.get(name)?;
            (name.split('{').next()?.ends_with("_total") && now < was)
                .then(|| format!("{name} fell from {was} to {now}"))
        };
        let wrong: Vec<String> = self.samples.iter().filter_map(fell).collect();
        self.wrong.extend(wrong);
    }

    /// The wrong values since the last call.
    pub fn untold(&mut self) -> Vec<String> {
        let new = self.wrong[self.told..].to_vec();
        self.told = self.wrong.len();
        new
    }

    /// Returns true if some endpoint has not answered twice since then, so that not everything can
    /// be published again. Where one has and its series are not there, that is wrong.
    pub fn is_waiting(&mut self, nodes: &Nodes, since: SystemTime) -> bool {
        let mut wrong = Vec::new();
        let mut waiting = false;
        let known: BTreeSet<&str> = match self.only {
            Some(name) => BTreeSet::from([name]),
            None => nodes.present.keys().map(String::as_str).collect(),
        };
        for node in &known {
            for (series, family) in Known::ALL {
                let answered = match series {
                    // A node that has come, or that the API server did not know, is there
                    // once it answers for itself: only lists of pods after that have it.
                    Known::Pods => self
                        .first(node, "resource", since)
                        .map_or(0, |known| self.rounds(node, "pods", known)),
                    Known::Cpu | Known::Memory => self.rounds(node, "resource", since),
                };
                if answered < 2 {
                    waiting = true;
                    continue;
                }
                let name = format!("{family}{{node=\"{node}\"}}");
                let boots = series == Known::Cpu && nodes.present.get(*node) == Some(&false);
                if !boots && !self.samples.contains_key(&name) {
                    wrong.push(format!("{name} is missing after two good rounds"));
                }
            }
        }
        if self.only.is_none() {
            if self.rounds("", "nodes", since) < 2 {
                waiting = true;
            } else {
                let of_others = |name: &&String| {
                    let node = label(name, "node");
                    name.contains("{node=") && !node.is_empty() && !known.contains(node.as_str())
                };
                let gone = self.samples.keys().find(of_others);
                wrong.extend(gone.map(|name| format!("{name} is there though its node has left")));
            }
        }
        let is_right = wrong.is_empty();
        self.wrong.extend(wrong);
        waiting && is_right
    }

    /// Checks that after an outage that ended then, everything was read again within two
    /// rounds of the first success at the same server.
    pub fn check_return(&mut self, nodes: &Nodes, since: SystemTime) {
        let since = unix_seconds(since);
        // By server: the first success after the outage of each endpoint.
        let mut firsts: BTreeMap<&str, Vec<(f64, &Key)>> = BTreeMap::new();
        for (key, times) in &self.good {
            let (node, endpoint) = key;
            // A node object has a slow turn of its own, and is not lost in the meantime.
            let is_asked = endpoint != "node"
                && (node.is_empty() || nodes.present.get(node) == Some(&true))
                && times.front().is_some_and(|at| *at <= since);
            let first = times.iter().find(|at| **at > since);
            if let (true, Some(first)) = (is_asked, first) {
                let is_direct = self.at_kubelets && !node.is_empty();
                let server = if is_direct { node.as_str() } else { "" };
                firsts.entry(server).or_default().push((*first, key));
            }
        }
        let mut wrong = Vec::new();
        for firsts in firsts.values() {
            let start = firsts.iter().map(|(at, _)| *at).fold(f64::MAX, f64::min);
            for (at, (node, endpoint)) in firsts {
                // Rounds, not seconds: on a busy machine they are longer.
                let rounds = self.good.iter().filter(|((_, each), _)| each == "resource");
                let rounds = rounds
                    .map(|(_, times)| times.iter().filter(|t| **t > start && *t <= at).count())
                    .max();
                self.checked += 1;
                if rounds.is_some_and(|rounds| rounds > RETURN_ROUNDS) {
                    wrong.push(format!(
                        "{endpoint} of {node:?} was back {:.1} s, {rounds:?} rounds after the first success",
                        at - start
                    ));
                }
            }
        }
        self.wrong.extend(wrong);
    }

    /// Good scrapes of an endpoint since then.
    fn rounds(&self, node: &str, endpoint: &str, since: SystemTime) -> usize {
        let times = self.times(node, endpoint);
        let newer = times.iter().rev();
        newer.take_while(|at| **at > unix_seconds(since)).count()
    }

    /// The first good scrape of an endpoint since then.
    fn first(&self, node: &str, endpoint: &str, since: SystemTime) -> Option<SystemTime> {
        let mut times = self.times(node, endpoint).iter();
        let first = times.find(|at| **at > unix_seconds(since))?;
        Some(UNIX_EPOCH + Duration::from_secs_f64(*first))
    }

    /// Scrapes that failed so far, samples and lines that were left out not counted. Nor are
    /// those of a machine that boots: it has no sample at first.
    pub fn failures(&self, nodes: &Nodes) -> f64 {
        let failures = self.samples.iter().filter(|(name, _)| {
            name.starts_with("k8s_ai_exporter_scrape_errors_total")
                && !label(name, "reason").ends_with("_sample")
                && !label(name, "reason").ends_with("_line")
                && nodes.present.get(&label(name, "node")) != Some(&false)
        });
        failures.map(|(_, count)| count).sum()
    }

    /// Notes that scrapes failed in calm.
    pub fn tell_failures_in_calm(&mut self, count: f64) {
        let log = self.exporter.process.log();
        let failures = log.lines().rev().filter(|line| line.contains(" fails ("));
        let last: Vec<&str> = failures.take(2).collect();
        let wrong = format!("{count} scrapes failed in calm: {last:?}");
        self.wrong.push(wrong);
    }

    /// Sum of a counter of the exporter over its labels.
    pub fn counted(&self, series: &str) -> f64 {
        let samples = self.samples.iter();
        let of = samples.filter(|(name, _)| name.split('{').next() == Some(series));
        of.map(|(_, value)| value).sum()
    }

    /// Compares the history with the truth, for nodes whose load is constant.
    pub fn check_history(&mut self, cluster: &Running, nodes: &[&str]) {
        let Some(now) = self.read else { return };
        let end = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let path = format!(
            "/api/v1/query_range?query=k8s_node_cpu_usage_cores&start={}&end={end}&step=1",
            end - 90
        );
        let answer = self.exporter.get(&path).json();
        let mut wrong = Vec::new();
        for series in answer["data"]["result"].as_array().into_iter().flatten() {
            let node = series["metric"]["node"].as_str().unwrap_or_default();
            if !nodes.contains(&node) {
                continue;
            }
            let extremes = Extremes::of(cluster, node, now, now);
            for point in series["values"].as_array().into_iter().flatten() {
                self.checked += 1;
                let value = point[1].as_str().and_then(|text| text.parse().ok());
                if !value.is_some_and(|value| extremes.allow(Known::Cpu, value)) {
                    wrong.push(format!("history of {node}: {point}"));
                }
            }
        }
        self.wrong.extend(wrong);
    }

    fn taken(&self) -> Taken {
        let process = &self.exporter.process;
        let files = std::fs::read_dir(format!("/proc/{}/fd", process.pid()));
        Taken {
            resident: process.number("VmRSS") * 1024,
            threads: process.number("Threads"),
            files: files.map_or(0, |files| files.count() as u64),
        }
    }
}

/// Name and value of a line of an exposition.
fn sample(line: &str) -> Option<(String, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.rsplit_once(' ')?;
    // Text that is no number becomes NaN, which every check refuses.
    Some((name.to_owned(), value.parse().unwrap_or(f64::NAN)))
}

/// The value of a label; empty where there is none. No value here has quotes.
fn label(name: &str, label: &str) -> String {
    name.split_once(&format!("{label}=\""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .unwrap_or_default()
}

fn unix_seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
