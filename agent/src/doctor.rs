//! `k8s-ai-agent doctor`: checks that the backend answers and has the data of a report, and names
//! fixes.
//!
//! [`ask`] runs the queries, [`judge`] makes findings of the answers (pure), [`show`] formats them
//! (pure); [`exporter`] does all of it for the exporter's own series. In scope: the backend and its
//! series. Out of scope: the cluster itself, which the agent has no access to, and recommendations.

pub mod ask;
pub mod check;
pub mod exporter;
pub mod judge;
pub mod show;
pub mod subject;

use promql::Prometheus;
use quantity::Timestamp;

use crate::args::Config;
use crate::connection::client;
use crate::invalid_file::InvalidFile;
use check::Diagnosis;

/// Examines the backend.
///
/// # Errors
/// When a file is invalid.
pub fn examine(config: &Config, now: Timestamp) -> Result<Diagnosis, InvalidFile> {
    let backend = &config.backend;
    let prometheus = Prometheus::new(client(backend)?, backend.deadline);
    let facts = ask::ask(&prometheus, config, now);
    Ok(judge::judge(&facts))
}
