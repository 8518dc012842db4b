//! The agent on fleets in a real Prometheus: how long from start to finished report,
//! and how much memory at the most.
//!
//! The series are two hours of `testbed::specimens` that end now. How long Prometheus
//! itself worked is what its own counter of requests says.

use std::ffi::OsStr;
use std::fmt::Write;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bench::figures::{Figure, in_millis, median, mib, millis};
use contract::{label, series};
use e2e::{Prometheus, status_if_running, unix_seconds};
use testbed::{Specimen, VIEWS, specimens};

/// Runs, of which the median counts; of memory the greatest.
const RUNS: usize = 5;

/// The seed of the first part of a fleet.
const FIRST_SEED: u64 = 30_000;

/// A node has so much of each.
const CORES: f64 = 8.0;
const BYTES: f64 = 32.0 * 1_073_741_824.0;

pub(crate) fn figures(agent: &OsStr) -> [Figure; 5] {
    let [small, large, huge] = [3, 1000, 5000].map(|nodes| measure(agent, nodes));
    let own = small.whole.saturating_sub(small.prometheus);
    let of_that = |cost: &Cost| format!("of that Prometheus: {}", millis(cost.prometheus));
    let peak = |bound, cost: &Cost, nodes: &str| {
        let work = format!("{nodes} nodes, peak resident memory: MiB");
        let peak = mib(cost.peak);
        Figure::at_most(bound, peak, work).ours(format!("{peak:.1} MiB"))
    };
    let work = "3 nodes, start to finished report, less Prometheus's own time: ms";
    let more = "1,000 nodes × 2 series × 121 points, auto, Prometheus's own time included: s";
    [
        Figure::at_most(100.0, in_millis(own), work)
            .ours(millis(own))
            .peer(format!("Prometheus: {}", millis(small.prometheus))),
        peak(12.0, &small, "3"),
        Figure::at_most(6.0, large.whole.as_secs_f64(), more)
            .ours(millis(large.whole))
            .peer(of_that(&large)),
        peak(64.0, &large, "1,000"),
        peak(64.0, &huge, "5,000")
            .ours(format!("{:.1} MiB, {}", mib(huge.peak), millis(huge.whole)))
            .peer(of_that(&huge)),
    ]
}

/// The costs of a run.
struct Cost {
    /// From start to exit.
    whole: Duration,
    /// Prometheus's own time meanwhile.
    prometheus: Duration,
    /// Most bytes that the agent held.
    peak: u64,
}

fn measure(agent: &OsStr, nodes: usize) -> Cost {
    let end = unix_seconds() as i64 / VIEWS[0].step * VIEWS[0].step;
    let prometheus = Prometheus::holding(&samples(nodes, end));
    let (mut whole, mut worked, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let before = time_on_requests(&prometheus);
        let started = Instant::now();
        peak = peak.max(run(agent, &prometheus, nodes));
        whole.push(started.elapsed());
        worked.push(time_on_requests(&prometheus).saturating_sub(before));
    }
    Cost {
        whole: median(&mut whole),
        prometheus: median(&mut worked),
        peak,
    }
}

/// Time that a Prometheus has spent on queries so far, by its own counter.
fn time_on_requests(prometheus: &Prometheus) -> Duration {
    let page = prometheus.get("/metrics").text();
    let seconds = page
        .lines()
        .filter(|line| line.starts_with("prometheus_http_request_duration_seconds_sum"))
        .filter(|line| line.contains("/api/v1/"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    Duration::from_secs_f64(seconds)
}

/// Runs the agent once, to a report for people, and returns its peak of resident
/// bytes. Read before each piece of its output: while that is open, it runs.
fn run(agent: &OsStr, prometheus: &Prometheus, nodes: usize) -> u64 {
    let mut child = Command::new(agent)
        .env_clear()
        .arg(format!("--prometheus-url={}", prometheus.url))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut out = child.stdout.take().expect("piped");
    let mut report = Vec::new();
    let mut piece = vec![0; 4096];
    let mut peak = 0;
    loop {
        let kib = status_if_running(&child.id().to_string(), "VmHWM");
        peak = kib
            .and_then(|kib| kib.parse().ok())
            .unwrap_or(peak)
            .max(peak);
        match out.read(&mut piece).expect("the agent's output") {
            0 => break,
            count => report.extend_from_slice(&piece[..count]),
        }
    }
    let status = child.wait().expect("the agent ends");
    let report = String::from_utf8_lossy(&report);
    let first = report.lines().next().unwrap_or_default();
    assert!(
        status.success() && first.starts_with(&format!("{nodes} nodes")),
        "the agent: {status}, expected a report on {nodes} nodes, got {first:?}"
    );
    peak * 1024
}

/// The samples of a fleet as OpenMetrics text, family by family, without its last line.
fn samples(nodes: usize, end: i64) -> String {
    let usage: Vec<Specimen> = (FIRST_SEED..)
        .flat_map(|seed| specimens(seed, &VIEWS[..1]))
        .take(2 * nodes)
        .collect();
    let mut text = String::new();
    let mut family = |name: &str, points: &dyn Fn(usize) -> Vec<(i64, f64)>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE {name} gauge");
        for node in 0..nodes {
            for (at, value) in points(node) {
                let labels = format!("{}=\"node-{node}\"", label::NODE);
                let _ = writeln!(text, "{name}{{{labels}}} {value} {at}");
            }
        }
    };
    let used = [(&series::CPU_USAGE, CORES), (&series::MEMORY_USAGE, BYTES)];
    for (resource, (series, size)) in used.into_iter().enumerate() {
        family(series.name, &|node| {
            let specimen = &usage[2 * node + resource];
            let last = specimen.history.last().map_or(0, |(at, _)| *at);
            let points = specimen.history.iter();
            points
                .map(|(at, value)| (end - (last - at), value / specimen.ceiling * size))
                .collect()
        });
    }
    for (series, size) in [
        (&series::CPU_ALLOCATABLE, 0.95 * CORES),
        (&series::CPU_CAPACITY, CORES),
        (&series::MEMORY_ALLOCATABLE, 0.95 * BYTES),
        (&series::MEMORY_CAPACITY, BYTES),
    ] {
        family(series.name, &|_| {
            (0..=120).map(|k| (end - 60 * (120 - k), size)).collect()
        });
    }
    text
}
