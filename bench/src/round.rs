//! Whole rounds of the real exporter binary against the simulated cluster, which
//! replays the captures over TLS: CPU against gunzip alone, and peak memory.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use k8s_ai_exporter::apiserver::CHUNK_BYTES;
use testbed::{Cluster, Replay};

use bench::figures::{Bound, Figure, median, millis};

/// Rounds that are measured, after two that are not.
const ROUNDS: usize = 15;

/// So long after a round has begun, none is under way.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(300);

/// Stops the exporter also where a figure could not be taken.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn figures(
    captures: &Path,
    exporter: &OsStr,
    compressed: &[u8],
) -> Result<[Figure; 2], String> {
    let say = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let replay = Replay::dir(captures).map_err(|error| say("captures", &error))?;
    let cluster = Cluster::new()
        .replay(replay.looping(true))
        .start()
        .map_err(|error| say("simulated cluster", &error))?;
    let mut command = Command::new(exporter);
    command
        .args(["--listen-address=127.0.0.1:0", "--node-name=node-a"])
        .args([
            "--scrape-interval=1s",
            "--cadvisor-interval=1s",
            "--log-level=warn",
        ])
        .arg(format!("--api-server={}", cluster.url()))
        .arg(format!("--ca-file={}", cluster.ca_file().display()))
        .arg(format!("--token-file={}", cluster.token_file().display()))
        .stdin(Stdio::null());
    let child = Running(command.spawn().map_err(|error| say("exporter", &error))?);
    let pid = child.0.id();

    // The first rounds have the handshake and the node object in them.
    wait_for_rounds(&cluster, 2)?;
    let (mut rounds, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = cadvisor_rounds(&cluster);
        sleep(BETWEEN_ROUNDS);
        let before = cpu_time(pid)?;
        wait_for_rounds(&cluster, begun + 1)?;
        sleep(BETWEEN_ROUNDS);
        rounds.push(cpu_time(pid)? - before);
        alone.push(gunzip_cpu_time(compressed)?);
    }
    let (cpu, alone) = (median(&mut rounds), median(&mut alone));
    let peak = peak_resident(pid)?;
    drop(child);

    Ok([
        Figure {
            work: "one round, 99 pods, cAdvisor on: CPU".to_owned(),
            ours: millis(cpu),
            peer: format!(
                "gunzip of its body alone between the rounds, same crate and profile: {}",
                millis(alone)
            ),
            value: cpu.as_secs_f64() / alone.as_secs_f64(),
            bound: Bound::AtMost(1.5),
        },
        Figure {
            work: "peak resident memory over these rounds, MiB".to_owned(),
            ours: format!("{:.2} MiB", peak as f64 / 1_048_576.0),
            peer: String::new(),
            value: peak as f64 / 1_048_576.0,
            bound: Bound::AtMost(6.0),
        },
    ])
}

fn cadvisor_rounds(cluster: &testbed::Running) -> u64 {
    cluster.requests().count(testbed::Endpoint::Cadvisor)
}

fn wait_for_rounds(cluster: &testbed::Running, rounds: u64) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while cadvisor_rounds(cluster) < rounds {
        if Instant::now() > deadline {
            return Err(format!(
                "the exporter did not make {rounds} rounds in a minute"
            ));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// CPU time of all threads, which the kernel counts in nanoseconds.
fn cpu_time(pid: u32) -> Result<Duration, String> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanos = 0;
    for task in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
        let path = task
            .map_err(|error| format!("{tasks}: {error}"))?
            .path()
            .join("schedstat");
        // A thread that ended meanwhile has no file any more.
        let text = fs::read_to_string(&path).unwrap_or_default();
        nanos += text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

fn peak_resident(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|kilobytes| {
            kilobytes
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| format!("{path}: no VmHWM"))
}

/// CPU time of inflating the body alone, streaming as the exporter does, in a thread
/// of its own between two rounds: the core has slept before it, as before a round.
fn gunzip_cpu_time(compressed: &[u8]) -> Result<Duration, String> {
    let stat = "/proc/thread-self/schedstat";
    let cpu = || {
        // The kernel books a thread's time when it leaves the CPU, not before.
        sleep(Duration::from_millis(1));
        fs::read_to_string(stat)
            .ok()
            .and_then(|text| text.split(' ').next()?.parse().ok())
            .map(Duration::from_nanos)
            .ok_or_else(|| format!("{stat}: no CPU time"))
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let before = cpu()?;
            gunzip(compressed);
            Ok(cpu()? - before)
        });
        thread.join().map_err(|_| "gunzip failed".to_owned())?
    })
}

fn gunzip(compressed: &[u8]) {
    let mut decoder = flate2::bufread::GzDecoder::new(compressed);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut length = 0;
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) => panic!("a capture that does not inflate: {error}"),
        }
    }
    assert!(length > 5_000_000, "the page is whole");
}
