//! `k8s-ai-agent doctor`: is the backend there, does it hold what a report needs, and
//! what to do where it does not.
//!
//! [`ask`] finds out, [`judge`] says what it means (pure), [`show`] prints it (pure);
//! [`exporter`] does both for the exporter's own series.
//! In scope: the backend and its series. Out of scope: the cluster itself, which the
//! agent has no access to, and what the numbers say about nodes.

pub mod ask;
pub mod check;
pub mod exporter;
pub mod judge;
pub mod show;
pub mod subject;

use promql::Prometheus;
use quantity::Timestamp;

use crate::config::Config;
use crate::connection::client;
use crate::invalid_file::InvalidFile;
use check::Diagnosis;

/// Examines the backend.
///
/// # Errors
/// When a file that is named is of no use.
pub fn examine(config: &Config, now: Timestamp) -> Result<Diagnosis, InvalidFile> {
    let backend = &config.backend;
    let prometheus = Prometheus::new(client(backend)?, backend.deadline);
    let facts = ask::ask(&prometheus, config, now);
    Ok(judge::judge(&facts))
}
