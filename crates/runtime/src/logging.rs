//! Log lines on standard error: a prefix and the message. The container's log driver adds
//! the time.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

/// Our crates. The log lines of libraries may hold headers.
const CRATES: [&str; 5] = [
    "k8s_ai_agent",
    "k8s_ai_exporter",
    "runtime",
    "webconfig",
    "webserver",
];

/// The start of each log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// The level: `warn: …`.
    Level,
    /// The program's name, as in its other messages: `k8s-ai-agent: …`.
    Program(&'static str),
}

impl Log for Prefix {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let name = metadata.target().split("::").next();
        name.is_some_and(|name| CRATES.contains(&name))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            let prefix = match self {
                Self::Level => &level,
                Self::Program(name) => *name,
            };
            // One write per line, so that lines of threads do not mix. If standard error is
            // closed, there is no other place to log to.
            let line = format!("{prefix}: {}\n", record.args());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Starts logging. Later calls only change the level.
pub fn start(prefix: Prefix, level: LevelFilter) {
    // Fails only where a logger is set already: this one.
    let _ = log::set_boxed_logger(Box::new(prefix));
    log::set_max_level(level);
}
