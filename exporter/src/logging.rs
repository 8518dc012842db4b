//! Log lines on standard error: level and message. The container's log driver
//! adds the time.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries log what they send, headers included. Ours alone.
        let target = metadata.target();
        target.starts_with("k8s_ai_exporter") || target.starts_with("webserver")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            // One write a line, so that threads do not mix theirs. With standard
            // error gone there is nobody left to tell.
            let line = format!("{level}: {}\n", record.args());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Starts logging. Calls after the first change the level only.
pub fn start(level: LevelFilter) {
    static LOGGER: StandardError = StandardError;
    // Fails only where a logger is set already: this one.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(level);
}
