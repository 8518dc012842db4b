//! `k8s-ai-agent`: how busy will the nodes of a cluster be, and what to do about it.
//!
//! One run, in the order of the data:
//!
//! 1. [`args`]: what the user typed, over the environment, becomes a proven [`args::Config`].
//! 2. [`collect`] asks six range queries, whatever the number of nodes, of a [`source`],
//!    and keeps one [`series`] a node and resource.
//! 3. [`forecast`] continues each series over the horizon, [`recommend`] holds the
//!    forecast against the node's allocatable, [`assess`] puts the nodes together. (pure)
//! 4. [`report`] turns the result into text or JSON (pure), which goes to standard
//!    output in one piece; [`runtime::signals`] waits for it before the program exits.
//! 5. [`sink`] sends it to those who want to have it sent.
//!
//! With `--serve` the same happens again and again, and the newest report is served.
//!
//! In scope: reading a Prometheus-compatible range query API, and reporting.
//! Out of scope: scraping, storing, changing anything in the cluster.

pub mod action;
pub mod age;
pub mod args;
pub mod assess;
pub mod backend;
pub mod collect;
pub mod connection;
pub mod doctor;
pub mod evidence;
pub mod exit;
pub mod fleet;
pub mod hysteresis;
pub mod input;
pub mod previous;
pub mod recommend;
pub mod report;
mod round;
mod run;
pub mod series;
mod serve;
pub mod sink;
pub mod source;
pub mod window;

pub use run::run;
