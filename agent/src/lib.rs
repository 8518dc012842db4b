//! `k8s-ai-agent`: forecasts of node CPU and memory, and recommendations.
//!
//! One run, in the order of the data:
//!
//! 1. [`args`]: flags over environment become a checked [`args::Config`].
//! 2. [`collect`] runs six range queries, independent of the number of nodes, on a
//!    [`source`], and keeps one series for each node and resource.
//! 3. Crate `analysis` forecasts each series, compares it with the node's allocatable
//!    and makes the report; [`fleet`] adds the nodes that could be removed.
//! 4. Crate `report` renders it for standard output, in one piece;
//!    [`runtime::signals`] waits for it before the program exits.
//! 5. [`sink`] sends it to Slack, a webhook, Grafana or a Pushgateway.
//!
//! With `--serve` it reports repeatedly and serves the newest report.
//!
//! In scope: reading a Prometheus-compatible range query API, and reporting.
//! Out of scope: scraping, storing, changing anything in the cluster.

pub mod age;
pub mod args;
pub mod backend;
pub mod collect;
pub mod connection;
pub mod doctor;
pub mod exit;
pub mod fleet;
pub mod input;
pub mod invalid_file;
pub mod next_step;
pub mod previous;
mod round;
mod run;
mod serve;
pub mod sink;
pub mod source;
pub mod time;

pub use run::run;

/// The name of the program in messages.
pub const PROGRAM: &str = "k8s-ai-agent";
