//! Whole rounds of the real exporter binary against the simulated cluster, which
//! replays the captures over TLS: CPU against gunzip alone, and peak memory.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use bench::figures::{Figure, in_millis, median, mib, millis};
use e2e::{Exporter, eventually, exporter, run};
use k8s_ai_exporter::apiserver::CHUNK_BYTES;
use testbed::{Cluster, Endpoint, Replay, Running};

/// Rounds that are measured, after two that are not.
const ROUNDS: usize = 15;

/// So long after a round has begun, none is under way.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(300);

pub(crate) fn figures(captures: &Path, program: &OsStr, compressed: &[u8]) -> [Figure; 4] {
    let start = |plain_http: bool, flag: &str| {
        let replay = Replay::dir(captures).expect("captures");
        let mut cluster = Cluster::new().replay(replay.looping(true));
        if plain_http {
            cluster = cluster.plain_http();
        }
        let cluster = cluster.start().expect("a simulated cluster");
        let flags = ["--node-name=node-a", "--scrape-interval=1s", flag];
        let exporter = Exporter::run(exporter(program, &cluster).args(flags));
        (cluster, exporter)
    };
    let (cluster, exporter) = start(false, "--cadvisor-interval=1s");
    let mut alone = Vec::new();
    let cpu = cpu_of_a_round(&exporter, &cluster, Endpoint::Cadvisor, || {
        alone.push(gunzip_cpu_time(compressed));
    });
    let alone = median(&mut alone);
    let peak = mib(exporter.process.number("VmHWM") * 1024);
    drop(exporter);

    // Over plain HTTP nothing but our own work is counted; over TLS all of it.
    let [plain, tls] = [true, false].map(|plain_http| {
        let (cluster, exporter) = start(plain_http, "--enable-cadvisor=false");
        cpu_of_a_round(&exporter, &cluster, Endpoint::Resource, || {})
    });
    let gunzip = gunzip_program(&captures.join("metrics-cadvisor.0.prom.gz"));
    let times = |peer: Duration| cpu.as_secs_f64() / peer.as_secs_f64();
    let with_cadvisor = "one round, 99 pods, cAdvisor on: CPU";
    let peak_work = "peak resident memory over these rounds, MiB";
    let without = "one round, 99 pods, cAdvisor off: CPU without TLS, ms";
    [
        Figure::at_most(1.3, times(gunzip), with_cadvisor)
            .ours(millis(cpu))
            .peer(format!(
                "the program gunzip, of its body alone: {}",
                millis(gunzip)
            )),
        Figure::at_most(1.6, times(alone), "the same")
            .ours(millis(cpu))
            .peer(format!(
                "our own gunzip of its body alone between the rounds, same crate and profile: {}",
                millis(alone)
            )),
        Figure::at_most(5.0, peak, peak_work).ours(format!("{peak:.2} MiB")),
        Figure::at_most(1.0, in_millis(plain), without)
            .ours(millis(plain))
            .peer(format!("the same over TLS: {}", millis(tls))),
    ]
}

/// The median CPU time of a round, in which this endpoint is scraped. `between` is called
/// after each.
fn cpu_of_a_round(
    exporter: &Exporter,
    cluster: &Running,
    endpoint: Endpoint,
    mut between: impl FnMut(),
) -> Duration {
    let wait_for = |rounds| {
        eventually("a round", || {
            (cluster.requests().count(endpoint) >= rounds).then_some(())
        });
    };
    let pid = exporter.process.pid();
    // The first rounds have the handshake and the node object in them.
    wait_for(2);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = cluster.requests().count(endpoint);
        sleep(BETWEEN_ROUNDS);
        let before = cpu_time(pid);
        wait_for(begun + 1);
        sleep(BETWEEN_ROUNDS);
        rounds.push(cpu_time(pid) - before);
        between();
    }
    median(&mut rounds)
}

/// CPU time of all threads of a process, which the kernel counts in nanoseconds.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let nanos = tasks.map(|task| {
        let path = task.expect("a thread").path().join("schedstat");
        // A thread that ended meanwhile has no file any more.
        nanos_of(&fs::read_to_string(path).unwrap_or_default())
    });
    Duration::from_nanos(nanos.sum())
}

/// The first field of a `schedstat`: nanoseconds on a CPU.
fn nanos_of(schedstat: &str) -> u64 {
    let first = schedstat.split(' ').next();
    first.and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// CPU time that the program gunzip takes for a file, its start counted: a shell says
/// what its children took.
fn gunzip_program(file: &Path) -> Duration {
    const TIMES: u32 = 20;
    let script = format!("for i in $(seq {TIMES}); do gzip -dc \"$0\" >/dev/null; done; times");
    let mut shell = Command::new("sh");
    let (code, text, errors) = run(shell.args(["-euc", &script]).arg(file), "");
    assert_eq!(code, Some(0), "gzip: {errors}");
    // Its last line: user and system time of the children, each as 0m0.350s.
    let seconds = |word: &str| {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let words = text.lines().last().unwrap_or_default().split_whitespace();
    let total: Option<f64> = words.map(seconds).sum();
    let total = total
        .filter(|total| *total > 0.0)
        .expect("times of children");
    Duration::from_secs_f64(total) / TIMES
}

/// CPU time of inflating the body alone, streaming as the exporter does, in a thread
/// of its own between two rounds: the core has slept before it, as before a round.
fn gunzip_cpu_time(compressed: &[u8]) -> Duration {
    let cpu = || {
        // The kernel accounts a thread's time when it is descheduled, not before.
        sleep(Duration::from_millis(1));
        let own = fs::read_to_string("/proc/thread-self/schedstat").expect("a thread");
        Duration::from_nanos(nanos_of(&own))
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let before = cpu();
            gunzip(compressed);
            cpu() - before
        });
        thread.join().expect("a time")
    })
}

fn gunzip(compressed: &[u8]) {
    let mut decoder = flate2::bufread::GzDecoder::new(compressed);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut length = 0;
    while let count @ 1.. = decoder.read(&mut chunk).expect("a capture inflates") {
        length += count;
    }
    assert!(length > 5_000_000, "the page is whole");
}
