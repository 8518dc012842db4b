//! `just siege`: the exporter's open port among thousands of hostile clients.
//!
//! Each row is one pattern of such clients. Meanwhile two friendly clients request
//! `/metrics`, one from the attack's source address and one from another, each request on a
//! connection of its own. So does a third of a listener that does nothing but answer: what
//! is slow there is the machine's doing, not the exporter's. Exits with 1 when a bound is missed.

use std::fmt;
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use argh::FromArgs;
use e2e::attack::{ATTACKER, Attack, Pattern, connect};
use e2e::{Process, cluster_flags, eventually};
use testbed::{Cluster, Node};

const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Bounds for the neighbour's requests and the process.
const SLOWEST: Duration = Duration::from_secs(1);
const MOST_THREADS: u64 = 64;
const MOST_RESIDENT_KIB: u64 = 16 * 1024;

/// Rows: pattern, connections, descriptors that the exporter may have (0: as many as we).
const ROWS: [(Pattern, usize, u32); 9] = [
    (Pattern::Silent, 5000, 0),
    (Pattern::HalfHead, 5000, 0),
    (Pattern::HalfForm, 5000, 0),
    (Pattern::SlowReader, 1000, 0),
    (Pattern::EndlessHeaders, 500, 0),
    (Pattern::Flood, 100, 0),
    (Pattern::HalfHead, 5000, 64),
    (Pattern::HalfHead, 5000, 20),
    (Pattern::Flood, 100, 20),
];

/// Measures the exporter's port among hostile clients.
#[derive(FromArgs, Debug)]
struct Args {
    /// the program k8s-ai-exporter
    #[argh(positional)]
    exporter: String,
    /// seconds of each row
    #[argh(positional)]
    seconds: u64,
}

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    e2e::developer_program("siege", || siege(&args))
}

fn siege(args: &Args) -> ExitCode {
    let mut table = String::from(
        "| clients | descriptors | connections opened | neighbour: failed | slowest | same address: failed | slowest \
         | idle listener: failed | slowest | threads | MiB | recovered in | MiB | |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut all_held = true;
    let idle = idle_listener().expect("a port for the idle listener");
    for (pattern, size, descriptors) in ROWS {
        eprintln!("siege: {size} × {pattern:?} for {} s …", args.seconds);
        let (row, held) = besiege(args, idle, pattern, size, descriptors);
        all_held &= held;
        table.push_str(&row);
    }
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(table.as_bytes());
    ExitCode::from(u8::from(!all_held))
}

/// A row of the table, and whether the bounds were held.
fn besiege(
    args: &Args,
    idle: SocketAddr,
    pattern: Pattern,
    size: usize,
    descriptors: u32,
) -> (String, bool) {
    let cluster = Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(500))
        .start()
        .expect("a cluster");
    let (limit, descriptors) = match descriptors {
        0 => (String::new(), "many".to_owned()),
        limit => (format!("ulimit -n {limit}; "), limit.to_string()),
    };
    let process = Process::start(
        Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$0\" \"$@\""), &args.exporter])
            .args(["--listen-address=127.0.0.1:0", "--node-name=node-a"])
            .args(["--scrape-interval=1s", "--cadvisor-interval=1s"])
            .args(cluster_flags(&cluster)),
    );
    let address = process.address();
    let port: SocketAddr = address.parse().expect("an address");
    eventually("cores", || ask(NEIGHBOUR, port).ok());

    let calm = process.number("Threads");
    let attack = Attack::start(&address, size, pattern, Duration::from_secs(1));
    let (mut neighbour, mut same, mut plain) = (
        RequestStats::default(),
        RequestStats::default(),
        RequestStats::default(),
    );
    let (mut threads, mut resident) = (0, 0);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    while Instant::now() < end {
        neighbour.note(|| ask(NEIGHBOUR, port));
        same.note(|| ask(ATTACKER, port));
        plain.note(|| ask_idle(idle));
        threads = threads.max(process.number("Threads"));
        resident = resident.max(process.number("VmRSS"));
        std::thread::sleep(Duration::from_millis(50));
    }
    let came = attack.opened();
    drop(attack);
    let recovered = recovers(|| {
        let now = process.number("Threads");
        now > 0 && now <= calm + 1 && ask(NEIGHBOUR, port).is_ok()
    });
    let held = neighbour.failed == 0
        && neighbour.slowest <= SLOWEST
        && threads <= MOST_THREADS
        && resident <= MOST_RESIDENT_KIB
        && recovered.is_some();
    let recovered = recovered.map_or("never".to_owned(), millis);
    let verdict = if held { "held" } else { "MISSED" };
    let row = format!(
        "| {size} × {pattern:?} | {descriptors} | {came} | {neighbour} | {same} | {plain} | {threads} | {:.1} | {recovered} | {:.1} | {verdict} |\n",
        resident as f64 / 1024.0,
        process.number("VmRSS") as f64 / 1024.0,
    );
    (row, held)
}

/// The time until the condition holds; `None` after 30 s.
fn recovers(mut well: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while !well() {
        if start.elapsed() > Duration::from_secs(30) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(start.elapsed())
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// Outcome of requests.
#[derive(Default)]
struct RequestStats {
    count: u64,
    failed: u64,
    slowest: Duration,
}

impl RequestStats {
    fn note(&mut self, ask: impl FnOnce() -> io::Result<()>) {
        let start = Instant::now();
        self.count += 1;
        self.failed += u64::from(ask().is_err());
        self.slowest = self.slowest.max(start.elapsed());
    }
}

impl fmt::Display for RequestStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, count, .. } = self;
        write!(f, "{failed} / {count} | {}", millis(self.slowest))
    }
}

/// One request for `/metrics` on a connection of its own, answered in full.
fn ask(from: Ipv4Addr, port: SocketAddr) -> io::Result<()> {
    let mut socket: TcpStream = connect(from, port)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\nk8s_node_cpu_usage_cores{") {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Starts a listener that answers every connection with a line, and closes it.
fn idle_listener() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            // A client that does not read it counts it as failed.
            let _ = socket.write_all(b"here\n");
        }
    });
    Ok(address)
}

/// The same way to the idle listener: a connection, a thread that wakes, an answer.
fn ask_idle(port: SocketAddr) -> io::Result<()> {
    let mut socket = connect(NEIGHBOUR, port)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.read_to_string(&mut String::new()).map(drop)
}
