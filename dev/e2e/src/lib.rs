//! Starts the real programs for tests and asks them over real sockets.
//!
//! In scope: processes that stop with their handle, a plain HTTP/1.1 request,
//! waiting for a condition with a deadline. Out of scope: what is right; that is
//! each test's.

pub mod crowd;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub mod soak;

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder with the programs, built by the cargo that runs the tests. Once a process.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells this test about itself would make a build script that looks
        // at it, and all that stands on it, build anew each time.
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        let status = cargo
            .args([
                "build",
                "--quiet",
                "-p",
                "k8s-ai-exporter",
                "-p",
                "k8s-ai-agent",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the programs do not build");
        // This test's own program lies in target/debug/deps.
        let own = std::env::current_exe().expect("the path of this test");
        let profile = own.parent().and_then(Path::parent).expect("target/debug");
        profile.to_owned()
    })
}

/// The path of one of the programs.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// A process that ends with this handle.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program; its standard error is kept.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (send, lines) = mpsc::channel();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().expect("unspoilt").push(line.clone());
                // Nobody may be waiting any more.
                let _ = send.send(line);
            }
        });
        Self { child, log, lines }
    }

    /// Waits for a line of standard error with this text and returns it.
    pub fn line_with(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!(
                    "no line with {text:?} ({error}); there was:\n{}",
                    self.log()
                ),
            }
        }
    }

    /// Everything written to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("unspoilt").join("\n")
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name and returns how long the process took to end, and its code.
    pub fn end_with(&mut self, signal: &str) -> (Duration, Option<i32>) {
        let start = Instant::now();
        // The shell's own `kill`: the program of that name is not on every machine.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -s {signal} {}", self.pid())])
            .status()
            .expect("a shell");
        assert!(sent.success());
        let status = eventually("the process ends", || {
            self.child.try_wait().expect("a child")
        });
        (start.elapsed(), status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running exporter.
#[derive(Debug)]
pub struct Exporter {
    /// Its process.
    pub process: Process,
    /// Where it serves: `127.0.0.1:PORT`.
    pub address: String,
}

impl Exporter {
    /// Starts the exporter for `node` against a simulated cluster, a round a second.
    pub fn start(cluster: &testbed::Running, node: &str, flags: &[&str]) -> Self {
        Self::with(exporter_command(cluster, node).args(flags))
    }

    /// Starts the exporter for all nodes of a simulated cluster, a round a second.
    pub fn of_all(cluster: &testbed::Running, flags: &[&str]) -> Self {
        Self::with(exporter_of_all(cluster).args(flags))
    }

    fn with(command: &mut Command) -> Self {
        Self::run(command.arg("--log-level=debug"))
    }

    /// Starts an exporter that has all its flags but where to serve.
    pub fn run(command: &mut Command) -> Self {
        let process = Process::start(command.arg("--listen-address=127.0.0.1:0"));
        let line = process.line_with("serving on ");
        let address = line.rsplit(' ').next().expect("an address").to_owned();
        Self { process, address }
    }

    /// Asks the exporter.
    pub fn get(&self, path: &str) -> Answer {
        request(&self.address, "GET", path, &[], "")
    }

    /// The value of the sample with this name and labels, if it is published.
    pub fn value(&self, sample: &str) -> Option<f64> {
        value_in(&self.get("/metrics").text(), sample)
    }

    /// Waits until the sample is published and returns it.
    pub fn value_of(&self, sample: &str) -> f64 {
        eventually(sample, || self.value(sample))
    }
}

/// The exporter for one node, with what it needs to reach a simulated cluster.
pub fn exporter_command(cluster: &testbed::Running, node: &str) -> Command {
    let mut command = exporter_at(cluster);
    command.arg(format!("--node-name={node}"));
    command
}

/// The exporter for all nodes, with what it needs to reach a simulated cluster.
pub fn exporter_of_all(cluster: &testbed::Running) -> Command {
    let mut command = exporter_at(cluster);
    command.arg("--nodes=all");
    command
}

fn exporter_at(cluster: &testbed::Running) -> Command {
    let mut command = Command::new(program("k8s-ai-exporter"));
    command
        .env_clear()
        .arg("--scrape-interval=1s")
        .arg("--cadvisor-interval=1s")
        .args(cluster_flags(cluster));
    command
}

/// The flags with which an exporter reaches a simulated cluster.
pub fn cluster_flags(cluster: &testbed::Running) -> Vec<String> {
    let mut flags = vec![format!("--api-server={}", cluster.url())];
    if cluster.url().starts_with("https") {
        flags.extend([
            format!("--ca-file={}", cluster.ca_file().display()),
            format!("--token-file={}", cluster.token_file().display()),
        ]);
    }
    flags
}

/// The value of a sample in an exposition, by the text before its last blank.
pub fn value_in(exposition: &str, sample: &str) -> Option<f64> {
    exposition
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

/// Tries until something is there, and fails by name when it does not come.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header lines as they came.
    pub head: String,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends one request on a connection of its own. HTTP/1.0, so that the body is not chunked.
pub fn request(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if !body.is_empty() {
        head.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    write!(stream, "{head}\r\n{body}").expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("{path}: no head in {answer:?}"));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    Answer {
        status,
        head,
        body: answer[end + 4..].to_vec(),
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A directory that goes with this handle.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("binbots-{name}-{}", std::process::id()));
        // Left behind by a process of the same number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running Prometheus on a storage directory.
#[derive(Debug)]
pub struct Prometheus {
    /// Its process.
    pub process: Process,
    /// Where it serves: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Host and port alone.
    pub address: String,
}

impl Prometheus {
    /// Starts Debian's Prometheus with a configuration, and waits until it is ready.
    pub fn start(directory: &Path, configuration: &str) -> Self {
        let prometheus = Self::launch(directory, configuration, &[]);
        eventually("Prometheus is ready", || {
            let answer = request(&prometheus.address, "GET", "/-/ready", &[], "");
            (answer.status == 200).then_some(())
        });
        prometheus
    }

    /// The same behind a door: `web` is its web configuration (TLS, users), and
    /// everything is below `prefix`.
    pub fn start_closed(directory: &Path, web: &str, prefix: &str) -> Self {
        let file = directory.join("web.yml");
        std::fs::write(&file, web).expect("a configuration");
        let flags = [
            format!("--web.config.file={}", file.display()),
            format!("--web.route-prefix={prefix}"),
        ];
        let prometheus = Self::launch(directory, "global: {}\n", &flags);
        prometheus
            .process
            .line_with("ready to receive web requests");
        Self {
            url: format!("https://{}{prefix}", prometheus.address),
            ..prometheus
        }
    }

    fn launch(directory: &Path, configuration: &str, flags: &[String]) -> Self {
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, configuration).expect("a configuration");
        let address = format!("127.0.0.1:{}", free_port());
        let process = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    directory.join("data").display()
                ))
                .arg("--storage.tsdb.retention.time=10y")
                .arg(format!("--web.listen-address={address}"))
                .args(flags),
        );
        eventually("Prometheus answers", || TcpStream::connect(&address).ok());
        Self {
            process,
            url: format!("http://{address}"),
            address,
        }
    }
}

/// Makes blocks of these samples where a Prometheus that starts in `directory` finds
/// them. OpenMetrics, without its last line.
pub fn backfill(directory: &Path, openmetrics: &str) {
    let file = directory.join("samples.om");
    std::fs::write(&file, format!("{openmetrics}# EOF\n")).expect("a file");
    let (code, _, err) = run(
        Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&file)
            .arg(directory.join("data")),
        "",
    );
    assert_eq!(code, Some(0), "{err}");
}

/// A running Pushgateway.
#[derive(Debug)]
pub struct Pushgateway {
    /// Its process.
    pub process: Process,
    /// Host and port.
    pub address: String,
}

impl Pushgateway {
    /// Starts Debian's Pushgateway and waits until it is ready.
    pub fn start() -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let process = Process::start(
            Command::new("prometheus-pushgateway").arg(format!("--web.listen-address={address}")),
        );
        eventually("the Pushgateway answers", || {
            TcpStream::connect(&address).ok()
        });
        eventually("the Pushgateway is ready", || {
            (request(&address, "GET", "/-/ready", &[], "").status == 200).then_some(())
        });
        Self { process, address }
    }
}

/// Runs a program to its end, with this on its standard input: exit code, output, errors.
pub fn run(command: &mut Command, input: &str) -> (Option<i32>, String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{command:?}: {error} (`just test` installs what tests need)")
        });
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
