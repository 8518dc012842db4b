//! The agent on fleets in a real Prometheus: how long from start to finished report,
//! and how much memory at the most.
//!
//! The series are two hours of `testbed::specimens` that end now. How long Prometheus
//! itself worked is what its own counter of requests says.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use bench::figures::{Bound, Figure, median, millis};
use contract::{label, series};
use testbed::{Specimen, VIEWS, specimens};

/// Runs, of which the median counts; of memory the greatest.
const RUNS: usize = 5;

/// The seed of the first part of a fleet.
const FIRST_SEED: u64 = 30_000;

/// A node has so much of each.
const CORES: f64 = 8.0;
const BYTES: f64 = 32.0 * 1_073_741_824.0;

pub(crate) fn figures(agent: &OsStr) -> Result<Vec<Figure>, String> {
    let small = measure(agent, 3)?;
    let large = measure(agent, 1000)?;
    let huge = measure(agent, 5000)?;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    Ok(vec![
        Figure {
            work: "3 nodes, start to finished report, less Prometheus's own time: ms".to_owned(),
            ours: millis(small.own()),
            peer: format!("Prometheus: {}", millis(small.prometheus)),
            value: small.own().as_secs_f64() * 1e3,
            bound: Bound::AtMost(100.0),
        },
        Figure {
            work: "3 nodes, peak resident memory: MiB".to_owned(),
            ours: format!("{:.1} MiB", mib(small.peak)),
            peer: String::new(),
            value: mib(small.peak),
            bound: Bound::AtMost(12.0),
        },
        Figure {
            work: "1,000 nodes × 2 series × 121 points, auto, Prometheus's own time included: s"
                .to_owned(),
            ours: millis(large.whole),
            peer: format!("of that Prometheus: {}", millis(large.prometheus)),
            value: large.whole.as_secs_f64(),
            bound: Bound::AtMost(6.0),
        },
        Figure {
            work: "1,000 nodes, peak resident memory: MiB".to_owned(),
            ours: format!("{:.1} MiB", mib(large.peak)),
            peer: String::new(),
            value: mib(large.peak),
            bound: Bound::AtMost(64.0),
        },
        Figure {
            work: "5,000 nodes, peak resident memory: MiB".to_owned(),
            ours: format!("{:.1} MiB, {}", mib(huge.peak), millis(huge.whole)),
            peer: format!("of that Prometheus: {}", millis(huge.prometheus)),
            value: mib(huge.peak),
            bound: Bound::AtMost(64.0),
        },
    ])
}

/// What a run takes.
struct Cost {
    /// From start to exit.
    whole: Duration,
    /// What Prometheus worked meanwhile.
    prometheus: Duration,
    /// Most bytes that the agent held.
    peak: u64,
}

impl Cost {
    fn own(&self) -> Duration {
        self.whole.saturating_sub(self.prometheus)
    }
}

fn measure(agent: &OsStr, nodes: usize) -> Result<Cost, String> {
    let folder = Folder::new(nodes)?;
    let end = now() / VIEWS[0].step * VIEWS[0].step;
    let samples = folder.0.join("samples.txt");
    write_samples(&samples, nodes, end)
        .map_err(|error| format!("{}: {error}", samples.display()))?;
    let blocks = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&samples, &folder.0])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("promtool: {error}"))?;
    if !blocks.success() {
        return Err(format!("promtool: {blocks}"));
    }
    let prometheus = Prometheus::start(&folder.0)?;
    let (mut whole, mut worked, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let before = prometheus.worked()?;
        let started = Instant::now();
        peak = peak.max(run(agent, &prometheus, nodes)?);
        whole.push(started.elapsed());
        worked.push(prometheus.worked()?.saturating_sub(before));
    }
    Ok(Cost {
        whole: median(&mut whole),
        prometheus: median(&mut worked),
        peak,
    })
}

/// Runs the agent once, to a report for people, and returns its peak of resident
/// bytes. Read before each piece of its output: while that is open, it runs.
fn run(agent: &OsStr, prometheus: &Prometheus, nodes: usize) -> Result<u64, String> {
    let mut child = Command::new(agent)
        .env_clear()
        .arg(format!("--prometheus-url=http://{}", prometheus.address))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", Path::new(agent).display()))?;
    let mut out = child
        .stdout
        .take()
        .ok_or("the agent's output is not piped")?;
    let mut report = Vec::new();
    let mut piece = vec![0; 4096];
    let mut peak = 0;
    loop {
        peak = peak_resident(child.id()).unwrap_or(peak).max(peak);
        match out.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => report.extend_from_slice(&piece[..count]),
            Err(error) => return Err(format!("the agent's output: {error}")),
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("the agent: {error}"))?;
    let expected = format!("{nodes} nodes");
    let report = String::from_utf8_lossy(&report);
    if !status.success() || !report.starts_with(&expected) {
        let first = report.lines().next().unwrap_or_default();
        return Err(format!(
            "the agent: {status}, expected a report on {expected}, got {first:?}"
        ));
    }
    Ok(peak)
}

fn peak_resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The samples of a fleet as OpenMetrics text, family by family.
fn write_samples(path: &Path, nodes: usize, end: i64) -> io::Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    let usage: Vec<Specimen> = (FIRST_SEED..)
        .flat_map(|seed| specimens(seed, &VIEWS[..1]))
        .take(2 * nodes)
        .collect();
    for (resource, (family, size)) in [
        (series::CPU_USAGE.name, CORES),
        (series::MEMORY_USAGE.name, BYTES),
    ]
    .into_iter()
    .enumerate()
    {
        writeln!(out, "# TYPE {family} gauge")?;
        for node in 0..nodes {
            let specimen = &usage[2 * node + resource];
            let last = specimen.history.last().map_or(0, |(at, _)| *at);
            for (at, value) in &specimen.history {
                let value = value / specimen.ceiling * size;
                let at = end - (last - at);
                writeln!(
                    out,
                    "{family}{{{}=\"node-{node}\"}} {value} {at}",
                    label::NODE
                )?;
            }
        }
    }
    for (family, size) in [
        (series::CPU_ALLOCATABLE.name, 0.95 * CORES),
        (series::CPU_CAPACITY.name, CORES),
        (series::MEMORY_ALLOCATABLE.name, 0.95 * BYTES),
        (series::MEMORY_CAPACITY.name, BYTES),
    ] {
        writeln!(out, "# TYPE {family} gauge")?;
        for node in 0..nodes {
            for at in (0..=120).map(|k| end - 60 * (120 - k)) {
                writeln!(
                    out,
                    "{family}{{{}=\"node-{node}\"}} {size} {at}",
                    label::NODE
                )?;
            }
        }
    }
    writeln!(out, "# EOF")?;
    out.flush()
}

/// A folder that goes with its handle.
struct Folder(PathBuf);

impl Folder {
    fn new(nodes: usize) -> Result<Self, String> {
        let name = format!("bench-agent-{}-{nodes}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A Prometheus over the blocks of a folder, that ends with its handle.
struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    fn start(folder: &Path) -> Result<Self, String> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("a free port: {error}"))?
            .port();
        let config = folder.join("prometheus.yml");
        fs::write(&config, "").map_err(|error| format!("{}: {error}", config.display()))?;
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("prometheus: {error}"))?;
        let running = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !running
            .get("/-/ready")
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        {
            if Instant::now() > deadline {
                return Err("prometheus was not ready within a minute".to_owned());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    /// How long it has worked on requests so far, by its own account.
    fn worked(&self) -> Result<Duration, String> {
        let page = self
            .get("/metrics")
            .map_err(|error| format!("prometheus: {error}"))?;
        let seconds: f64 = page
            .lines()
            .filter(|line| line.starts_with("prometheus_http_request_duration_seconds_sum"))
            .filter(|line| line.contains("/api/v1/"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum();
        Ok(Duration::from_secs_f64(seconds))
    }

    fn get(&self, path: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        let mut request = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            request,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}
