//! Whole rounds of the real exporter binary against the simulated cluster, which
//! replays the captures over TLS: CPU against gunzip alone, and peak memory.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use k8s_ai_exporter::apiserver::CHUNK_BYTES;
use testbed::{Cluster, Replay};

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
) -> Result<[Figure; 2], String> {
    let say = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let replay = Replay::dir(captures).map_err(|error| say("captures", &error))?;
    let cluster = Cluster::new()
        .replay(replay.looping(true))
        .start()
        .map_err(|error| say("simulated cluster", &error))?;
    let child = Exporter::start(
        exporter,
        &cluster,
        &[
            "--node-name=node-a",
            "--scrape-interval=1s",
            "--cadvisor-interval=1s",
        ],
    )?;

    // The first rounds have the handshake and the node object in them.
    wait_for_rounds(&cluster, 2)?;
    let (mut rounds, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = cadvisor_rounds(&cluster);
        sleep(BETWEEN_ROUNDS);
        let before = child.cpu_time()?;
        wait_for_rounds(&cluster, begun + 1)?;
        sleep(BETWEEN_ROUNDS);
        rounds.push(child.cpu_time()? - before);
        alone.push(gunzip_cpu_time(compressed)?);
    }
    let (cpu, alone) = (median(&mut rounds), median(&mut alone));
    let peak = child.peak_resident()?;
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
