//! Runs the real programs, Prometheus and other servers, and sends requests over real sockets.
//!
//! For tests and developer programs, so each failure
//! panics with a message. A process ends with its handle.

pub mod attack;
mod ending;
mod exporter;
mod http;
mod process;
mod servers;
pub mod soak;

pub use ending::developer_program;
pub use exporter::{Exporter, cluster_flags, exporter, exporter_of, value_in};
pub use http::{Answer, free_port, request};
pub use process::{
    PATIENCE, Process, agent, cargo, eventually, program, run, status_if_running, status_of,
};
pub use servers::{Prometheus, Pushgateway, check_metrics};

use std::time::SystemTime;

pub use tempfile::TempDir;

/// A folder that is removed with its handle.
pub fn scratch() -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("binbots-")
        .tempdir()
        .expect("a temporary folder");
    let path = folder.path().to_owned();
    ending::on_early_end(move || {
        // It may have been removed with its handle.
        let _ = std::fs::remove_dir_all(&path);
    });
    folder
}

/// Seconds since the Unix epoch.
pub fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}
