//! One exporter for 5,000 nodes: CPU and memory of its process alone, and what a
//! full history takes.

use std::ffi::OsStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use contract::series;
use exposition::write::Sample;
use k8s_ai_exporter::history::History;
use testbed::{Cluster, Endpoint, Node, Shape};

use crate::exporter::{Exporter, status};
use bench::figures::{Bound, Figure};

const NODES: usize = 5_000;
/// Pods of a node: 150,000 in all, the most that Kubernetes supports.
const PODS: u32 = 30;
const INTERVAL: Duration = Duration::from_secs(30);

/// The first rounds are left out: two follow each other soon, to have rates.
const WARM_UP: Duration = Duration::from_secs(75);
/// Two rounds, a list of nodes and one of pods.
const MEASURED: Duration = Duration::from_secs(60);

/// Rounds of six hours.
const ROUNDS: i64 = 720;

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

pub(crate) fn figures(program: &OsStr) -> Result<Vec<Figure>, String> {
    let mut figures = history()?;
    eprintln!("bench: {NODES} nodes for two minutes and a quarter …");
    figures.extend(rounds(program)?);
    Ok(figures)
}

fn rounds(program: &OsStr) -> Result<[Figure; 2], String> {
    let mut cluster = Cluster::new();
    for number in 0..NODES {
        let shape = [Shape::STEADY, Shape::GROWING, Shape::WAVE][number % 3];
        let node = Node::new(format!("node-{number:04}")).shape(shape);
        cluster = cluster.node(node.pods(PODS));
    }
    let cluster = cluster
        .start()
        .map_err(|error| format!("simulated cluster: {error}"))?;
    let flags = [
        "--nodes=all",
        "--enable-cadvisor=false",
        "--scrape-interval=30s",
        "--log-level=info",
        // The simulated API server takes its time over 150,000 pods.
        "--request-timeout=60s",
    ];
    let exporter = Exporter::start(program, &cluster, &flags)?;
    pass(&exporter, WARM_UP)?;
    cluster.clear_requests();
    let (before, started) = (exporter.cpu_time()?, Instant::now());
    pass(&exporter, MEASURED)?;
    let took = started.elapsed();
    let cpu = (exporter.cpu_time()? - before).as_secs_f64() / took.as_secs_f64();
    let asked = cluster.requests();
    let scrapes = asked.count(Endpoint::Resource);
    let due = NODES as f64 * took.as_secs_f64() / INTERVAL.as_secs_f64();
    let answers = asked.get(Endpoint::Resource).statuses.get(&200).copied();
    if (scrapes as f64) < 0.95 * due || answers.unwrap_or(0) < scrapes * 99 / 100 {
        return Err(format!(
            "{scrapes} scrapes with {answers:?} answers, and {due:.0} were due"
        ));
    }
    let lists = asked.count(Endpoint::Pods);
    let pods_bytes = asked.body_bytes(Endpoint::Pods) as f64 / lists.max(1) as f64;
    if pods_bytes < 1e6 {
        return Err(format!(
            "{lists} lists of pods of {pods_bytes:.0} bytes: too few for {PODS} pods a node"
        ));
    }
    let peak = exporter.peak_resident()?;
    let page = exporter.get(contract::path::METRICS)?.len();
    let ours = format!(
        "{:.0} scrapes a second, {:.1} kB each; {} lists of pods, {:.1} MB each",
        scrapes as f64 / took.as_secs_f64(),
        asked.body_bytes(Endpoint::Resource) as f64 / scrapes as f64 / 1e3,
        lists,
        pods_bytes / 1e6,
    );
    Ok([
        Figure {
            work: "5,000 nodes, 150,000 pods, every 30 s, cAdvisor and history off: cores"
                .to_owned(),
            ours,
            peer: String::new(),
            value: cpu,
            bound: Bound::AtMost(0.5),
        },
        Figure {
            work: "peak resident memory over it, with a scrape every 15 s, MiB".to_owned(),
            ours: format!("/metrics has {:.1} MB compressed", page as f64 / 1e6),
            peer: String::new(),
            value: mib(peak),
            bound: Bound::AtMost(64.0),
        },
    ])
}

/// Lets time pass while a Prometheus scrapes.
fn pass(exporter: &Exporter, time: Duration) -> Result<(), String> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        exporter.get(contract::path::METRICS)?;
        sleep(Duration::from_secs(15).min(end.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

/// Six hours of all nodes, recorded at once.
fn history() -> Result<Vec<Figure>, String> {
    let resident = || status("/proc/self/status", "VmRSS:");
    let before = resident()?;
    let mut history = History::new(Duration::from_secs(6 * 3600), 1 << 40);
    let names: Vec<String> = (0..NODES)
        .map(|number| format!("node-{number:04}"))
        .collect();
    for round in 0..ROUNDS {
        for (number, name) in names.iter().enumerate() {
            history.record(name, &samples(name, number, round), round * 30_000);
        }
    }
    let (counted, count) = history.size();
    let taken = resident()?.saturating_sub(before);
    let ours = format!(
        "{count} series of {NODES} nodes, {:.0} MiB counted, {:.0} MiB resident",
        mib(counted as u64),
        mib(taken)
    );
    Ok(vec![
        Figure {
            work: "six hours of history: kB a node".to_owned(),
            ours,
            peer: String::new(),
            value: counted as f64 / NODES as f64 / 1e3,
            bound: Bound::AtMost(32.0),
        },
        Figure {
            work: "resident memory of that history, of what is counted against its budget"
                .to_owned(),
            ours: String::new(),
            peer: String::new(),
            value: taken as f64 / counted as f64,
            bound: Bound::AtMost(1.25),
        },
    ])
}

/// What an exporter records of a node without cAdvisor.
fn samples(node: &str, number: usize, round: i64) -> Vec<Sample<'_>> {
    let changing = (number as f64 + 1.0) * 0.37 + round as f64 * 0.011;
    let pods = (round / 40 % 3) as f64 + 30.0;
    [
        (&series::CPU_USAGE, changing),
        (
            &series::MEMORY_USAGE,
            changing.floor() * 4096.0 + round as f64 * 8192.0,
        ),
        (&series::ACTIVE_PODS, pods),
        (&series::CPU_ALLOCATABLE, 3.92),
        (&series::MEMORY_ALLOCATABLE, 16e9),
        (&series::PODS_ALLOCATABLE, 110.0),
        (&series::CPU_CAPACITY, 4.0),
        (&series::MEMORY_CAPACITY, 17e9),
        (&series::PODS_CAPACITY, 110.0),
    ]
    .map(|(series, value)| Sample::new(series, &[node], value))
    .into()
}
