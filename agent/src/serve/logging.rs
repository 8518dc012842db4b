//! What the port's server has to say, on standard error.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

use crate::args::PROGRAM;

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries log what they send, headers included. Ours alone.
        metadata.target().starts_with("webserver")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write a line, so that threads do not mix theirs. With standard
            // error gone there is nobody left to tell.
            let line = format!("{PROGRAM}: {}\n", record.args());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Starts logging.
pub(super) fn start() {
    // Fails only where a logger is set already: this one.
    let _ = log::set_logger(&StandardError);
    log::set_max_level(LevelFilter::Info);
}
