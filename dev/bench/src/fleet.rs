//! One exporter for 5,000 nodes: CPU and memory of its process alone, and what a
//! full history takes.

use std::ffi::OsStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bench::figures::{Figure, mib};
use contract::path::METRICS;
use contract::series;
use e2e::{Exporter, exporter, request, status_of};
use exposition::write::Sample;
use k8s_ai_exporter::history::History;
use testbed::{Cluster, Endpoint, Node, Shape};

use crate::round::cpu_time;

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

pub(crate) fn figures(program: &OsStr) -> Vec<Figure> {
    let mut figures = Vec::from(history());
    eprintln!("bench: {NODES} nodes for two minutes and a quarter …");
    figures.extend(rounds(program));
    figures
}

fn rounds(program: &OsStr) -> [Figure; 2] {
    let mut cluster = Cluster::new();
    for number in 0..NODES {
        let shape = [Shape::STEADY, Shape::GROWING, Shape::WAVE][number % 3];
        let node = Node::new(format!("node-{number:04}")).shape(shape);
        cluster = cluster.node(node.pods(PODS));
    }
    let cluster = cluster.start().expect("a simulated cluster");
    let flags = [
        "--nodes=all",
        "--enable-cadvisor=false",
        "--scrape-interval=30s",
        "--log-level=info",
        // The simulated API server takes its time over 150,000 pods.
        "--request-timeout=60s",
    ];
    let exporter = Exporter::run(exporter(program, &cluster).args(flags));
    pass(&exporter, WARM_UP);
    cluster.clear_requests();
    let pid = exporter.process.pid();
    let (before, started) = (cpu_time(pid), Instant::now());
    pass(&exporter, MEASURED);
    let took = started.elapsed().as_secs_f64();
    let cpu = (cpu_time(pid) - before).as_secs_f64() / took;
    let asked = cluster.requests();
    let scrapes = asked.count(Endpoint::Resource);
    let due = NODES as f64 * took / INTERVAL.as_secs_f64();
    let answers = asked.get(Endpoint::Resource).statuses.get(&200).copied();
    assert!(
        scrapes as f64 >= 0.95 * due && answers.unwrap_or(0) >= scrapes * 99 / 100,
        "{scrapes} scrapes with {answers:?} answers, and {due:.0} were due"
    );
    let lists = asked.count(Endpoint::Pods);
    let pods_bytes = asked.body_bytes(Endpoint::Pods) as f64 / lists.max(1) as f64;
    assert!(
        pods_bytes >= 1e6,
        "{lists} lists of pods of {pods_bytes:.0} bytes: too few for {PODS} pods a node"
    );
    let peak = mib(exporter.process.number("VmHWM") * 1024);
    let ours = format!(
        "{:.0} scrapes a second, {:.1} kB each; {lists} lists of pods, {:.1} MB each",
        scrapes as f64 / took,
        asked.body_bytes(Endpoint::Resource) as f64 / scrapes as f64 / 1e3,
        pods_bytes / 1e6,
    );
    let page = format!(
        "/metrics has {:.1} MB compressed",
        scrape(&exporter) as f64 / 1e6
    );
    let work = "5,000 nodes, 150,000 pods, every 30 s, cAdvisor and history off: cores";
    let more = "peak resident memory over it, with a scrape every 15 s, MiB";
    [
        Figure::at_most(0.5, cpu, work).ours(ours),
        Figure::at_most(64.0, peak, more).ours(page),
    ]
}

/// Reads the metrics as Prometheus does. Returns the bytes of the body.
fn scrape(exporter: &Exporter) -> usize {
    let headers = ["Accept-Encoding: gzip"];
    let page = request(&exporter.address, "GET", METRICS, &headers, "");
    page.body.len()
}

/// Lets time pass while a Prometheus scrapes.
fn pass(exporter: &Exporter, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        scrape(exporter);
        sleep(Duration::from_secs(15).min(end.saturating_duration_since(Instant::now())));
    }
}

/// Six hours of all nodes, recorded at once.
fn history() -> [Figure; 2] {
    let resident = || status_of("self", "VmRSS").parse::<u64>().expect("KiB") * 1024;
    let before = resident();
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
    let taken = resident().saturating_sub(before);
    let ours = format!(
        "{count} series of {NODES} nodes, {:.0} MiB counted, {:.0} MiB resident",
        mib(counted as u64),
        mib(taken)
    );
    let a_node = counted as f64 / NODES as f64 / 1e3;
    let share = taken as f64 / counted as f64;
    let more = "resident memory of that history, of what is counted against its budget";
    [
        Figure::at_most(32.0, a_node, "six hours of history: kB a node").ours(ours),
        Figure::at_most(1.25, share, more),
    ]
}

/// The samples that an exporter records of a node without cAdvisor.
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
