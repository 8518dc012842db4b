//! Whole rounds of the real exporter binary against the simulated cluster, which
//! replays the captures over TLS: CPU against gunzip alone, and peak memory.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use k8s_ai_exporter::apiserver::CHUNK_BYTES;
use testbed::{Cluster, Endpoint, Replay, Running};

use bench::figures::{Bound, Figure, median, millis};

use crate::exporter::Exporter;

/// Rounds that are measured, after two that are not.
const ROUNDS: usize = 15;

/// So long after a round has begun, none is under way.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(300);

pub(crate) fn figures(
    captures: &Path,
    exporter: &OsStr,
    compressed: &[u8],
) -> Result<[Figure; 4], String> {
    let cluster = start(captures, false)?;
    let flags = [
        "--node-name=node-a",
        "--scrape-interval=1s",
        "--cadvisor-interval=1s",
    ];
    let child = Exporter::start(exporter, &cluster, &flags)?;
    let mut alone = Vec::new();
    let cpu = cpu_of_a_round(&child, &cluster, Endpoint::Cadvisor, || {
        alone.push(gunzip_cpu_time(compressed)?);
        Ok(())
    })?;
    let alone = median(&mut alone);
    let peak = child.peak_resident()?;
    drop(child);

    // Over plain HTTP nothing but our own work is counted; over TLS all of it.
    let [plain, tls] = [true, false].map(|plain_http| {
        let cluster = start(captures, plain_http)?;
        let flags = [
            "--node-name=node-a",
            "--scrape-interval=1s",
            "--enable-cadvisor=false",
        ];
        let child = Exporter::start(exporter, &cluster, &flags)?;
        cpu_of_a_round(&child, &cluster, Endpoint::Resource, || Ok(()))
    });
    let (plain, tls) = (plain?, tls?);

    let gunzip = gunzip_program(&captures.join("metrics-cadvisor.0.prom.gz"))?;

    Ok([
        Figure {
            work: "one round, 99 pods, cAdvisor on: CPU".to_owned(),
            ours: millis(cpu),
            peer: format!("the program gunzip, of its body alone: {}", millis(gunzip)),
            value: cpu.as_secs_f64() / gunzip.as_secs_f64(),
            bound: Bound::AtMost(1.3),
        },
        Figure {
            work: "the same".to_owned(),
            ours: millis(cpu),
            peer: format!(
                "our own gunzip of its body alone between the rounds, same crate and profile: {}",
                millis(alone)
            ),
            value: cpu.as_secs_f64() / alone.as_secs_f64(),
            bound: Bound::AtMost(1.6),
        },
        Figure {
            work: "peak resident memory over these rounds, MiB".to_owned(),
            ours: format!("{:.2} MiB", peak as f64 / 1_048_576.0),
            peer: String::new(),
            value: peak as f64 / 1_048_576.0,
            bound: Bound::AtMost(5.0),
        },
        Figure {
            work: "one round, 99 pods, cAdvisor off: CPU without TLS, ms".to_owned(),
            ours: millis(plain),
            peer: format!("the same over TLS: {}", millis(tls)),
            value: plain.as_secs_f64() * 1e3,
            bound: Bound::AtMost(1.0),
        },
    ])
}

fn start(captures: &Path, plain_http: bool) -> Result<Running, String> {
    let replay = Replay::dir(captures).map_err(|error| format!("captures: {error}"))?;
    let mut cluster = Cluster::new().replay(replay.looping(true));
    if plain_http {
        cluster = cluster.plain_http();
    }
    cluster
        .start()
        .map_err(|error| format!("simulated cluster: {error}"))
}

/// The median CPU time of a round, in which this endpoint is asked. `between` is done
/// after each.
fn cpu_of_a_round(
    exporter: &Exporter,
    cluster: &Running,
    endpoint: Endpoint,
    mut between: impl FnMut() -> Result<(), String>,
) -> Result<Duration, String> {
    // The first rounds have the handshake and the node object in them.
    wait_for_rounds(cluster, endpoint, 2)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = cluster.requests().count(endpoint);
        sleep(BETWEEN_ROUNDS);
        let before = exporter.cpu_time()?;
        wait_for_rounds(cluster, endpoint, begun + 1)?;
        sleep(BETWEEN_ROUNDS);
        rounds.push(exporter.cpu_time()? - before);
        between()?;
    }
    Ok(median(&mut rounds))
}

fn wait_for_rounds(cluster: &Running, endpoint: Endpoint, rounds: u64) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while cluster.requests().count(endpoint) < rounds {
        if Instant::now() > deadline {
            return Err(format!(
                "the exporter did not make {rounds} rounds in a minute"
            ));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// CPU time that the program gunzip takes for a file, its start counted: a shell says
/// what its children took.
fn gunzip_program(file: &Path) -> Result<Duration, String> {
    const TIMES: u32 = 20;
    let script = format!("for i in $(seq {TIMES}); do gzip -dc \"$0\" >/dev/null; done; times");
    let output = Command::new("sh")
        .args([OsStr::new("-euc"), script.as_ref(), file.as_os_str()])
        .output()
        .map_err(|error| format!("sh: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Its last line: user and system time of the children, each as 0m0.350s.
    let seconds = |word: &str| {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let words = text.lines().last().unwrap_or_default().split_whitespace();
    let total: Option<f64> = words.map(seconds).sum();
    match total {
        Some(total) if output.status.success() && total > 0.0 => {
            Ok(Duration::from_secs_f64(total) / TIMES)
        }
        _ => Err(format!(
            "gzip: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
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
