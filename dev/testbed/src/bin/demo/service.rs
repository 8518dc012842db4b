//! A program that runs beside the show: started, watched, and gone with its handle.
//!
//! Out of scope: which programs there are (`backend`, `show`).

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;
use crate::trouble::Trouble;

/// Time between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Lines of a log that explain an end.
const LAST_LINES: usize = 10;

/// A running program with its log.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    /// What it wrote to standard error so far.
    log: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Starts a program whose standard error is its log.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Self, Trouble> {
        command.stdout(Stdio::null());
        let mut child = spawn(name, command)?;
        let log = Arc::new(Mutex::default());
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    lock(&log).push(line);
                }
            });
        }
        Ok(Self { name, child, log })
    }

    /// What follows `marker` in the log, once it is there.
    pub(crate) fn logged(&self, marker: &str) -> Option<String> {
        let log = lock(&self.log);
        log.iter()
            .find_map(|line| line.split_once(marker))
            .map(|(_, rest)| rest.to_owned())
    }

    /// Lines of the log that begin with one of these.
    pub(crate) fn lines(&self, starts: &[&str]) -> Vec<String> {
        let log = lock(&self.log);
        log.iter()
            .filter(|line| starts.iter().any(|start| line.starts_with(start)))
            .cloned()
            .collect()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<(), Trouble> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        Err(Trouble::Failed(format!(
            "{} ended early ({status}); {}",
            self.name,
            self.last_lines()
        )))
    }

    /// Waits until `found` finds something, at most this long.
    ///
    /// # Errors
    /// When the time is over, or when the program ends before.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        interrupt: &Interrupt,
        mut found: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, Trouble> {
        let started = Instant::now();
        loop {
            if let Some(found) = found(self) {
                return Ok(found);
            }
            self.check()?;
            if started.elapsed() > deadline {
                return Err(Trouble::Failed(format!(
                    "{} did not {what} within {} s; {}",
                    self.name,
                    deadline.as_secs(),
                    self.last_lines()
                )));
            }
            interrupt.pause(LOOK)?;
        }
    }

    /// The end of its log, to end a message with.
    fn last_lines(&self) -> String {
        let log = lock(&self.log);
        let skipped = log.len().saturating_sub(LAST_LINES);
        match &log[skipped..] {
            [] => "it logged nothing".to_owned(),
            last => format!("its log ends with\n  {}", last.join("\n  ")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// What a program said that ran to its end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end, or to an interruption.
pub(crate) fn listen_to(
    name: &'static str,
    mut command: Command,
    interrupt: &Interrupt,
) -> Result<Said, Trouble> {
    command.stdout(Stdio::piped());
    let mut child = Ending(spawn(name, command)?);
    let stdout = child.0.stdout.take().map(read_all);
    let stderr = child.0.stderr.take().map(read_all);
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        interrupt.pause(LOOK)?;
    };
    let text = |reader: Option<JoinHandle<String>>| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    };
    Ok(Said {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// A child that does not outlive its handle.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        stop(&mut self.0);
    }
}

fn spawn(name: &'static str, mut command: Command) -> Result<Child, Trouble> {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C reaches the whole group of a terminal: this way only us, and
        // we stop the others when nobody needs them any more.
        .process_group(0)
        .spawn()
        .map_err(|error| Trouble::doing(format_args!("start {name}"), error))
}

/// Not by SIGTERM: none of these programs has anything to lose.
fn stop(child: &mut Child) {
    // Both fail only for a child that has been waited for.
    let _ = child.kill();
    let _ = child.wait();
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The lock, also after a thread panicked with it: a line is pushed or not.
fn lock(log: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
