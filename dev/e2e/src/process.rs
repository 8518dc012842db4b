//! Processes that end with their handle, and waiting for a condition.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use runtime::lock::lock;

use crate::ending::on_early_end;

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder with the programs: `BINBOTS_PROGRAMS` where they are built already, as
/// `just test` does; otherwise cargo builds them, once a process.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        if let Some(folder) = std::env::var_os("BINBOTS_PROGRAMS") {
            return folder.into();
        }
        let status = cargo(env!("CARGO"))
            .args(["build", "--quiet"])
            .args(["-p", "k8s-ai-exporter", "-p", "k8s-ai-agent"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the programs do not build");
        // This program lies in target/debug/deps.
        let own = std::env::current_exe().expect("the path of this program");
        let profile = own.parent().and_then(Path::parent).expect("target/debug");
        profile.to_owned()
    })
}

/// A command that runs cargo, without what cargo has told this program about itself:
/// build scripts that depend on it would run again each time.
pub fn cargo(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut cargo = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The path of one of the programs.
pub fn program(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(path.is_file(), "{}: expected a program", path.display());
    path
}

/// The agent with the backend at `url`, without settings from the environment.
pub fn agent(url: &str) -> Command {
    let mut agent = Command::new(program("k8s-ai-agent"));
    agent.env_clear().arg(format!("--prometheus-url={url}"));
    agent
}

/// A process that ends with this handle.
#[derive(Debug)]
pub struct Process {
    child: Arc<Mutex<Child>>,
    pid: u32,
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
                lock(&kept).push(line.clone());
                // The receiver may be gone.
                let _ = send.send(line);
            }
        });
        let pid = child.id();
        let child = Arc::new(Mutex::new(child));
        let started = Arc::downgrade(&child);
        on_early_end(move || {
            if let Some(child) = started.upgrade() {
                kill(&child);
            }
        });
        Self {
            child,
            pid,
            log,
            lines,
        }
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

    /// Waits until the program says where it serves: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        let line = self.line_with("serving on ");
        let (_, address) = line.split_once("serving on ").expect("found by it");
        address.split(',').next().expect("a first part").to_owned()
    }

    /// Everything written to standard error so far.
    pub fn log(&self) -> String {
        lock(&self.log).join("\n")
    }

    /// Process identifier.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns true until it has ended.
    pub fn runs(&self) -> bool {
        matches!(lock(&self.child).try_wait(), Ok(None))
    }

    /// A field of `/proc/PID/status`, without its unit.
    pub fn status(&self, field: &str) -> String {
        status_of(&self.pid().to_string(), field)
    }

    /// A number in it, such as `Threads`, or `VmRSS` in KiB.
    pub fn number(&self, field: &str) -> u64 {
        self.status(field).parse().expect("a number")
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
            lock(&self.child).try_wait().expect("a child")
        });
        (start.elapsed(), status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(&self.child);
    }
}

fn kill(child: &Mutex<Child>) {
    let mut child = lock(child);
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// A field of `/proc/PID/status`, without its unit; `pid` may be `self`.
pub fn status_of(pid: &str, field: &str) -> String {
    status_if_running(pid, field).unwrap_or_else(|| panic!("/proc/{pid}/status: no {field}"))
}

/// The same of a process that may have ended.
pub fn status_if_running(pid: &str, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let value = line.strip_prefix(':')?.split_whitespace().next()?;
    Some(value.to_owned())
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
