//! k8s-ai-exporter: a node's CPU, memory and active pods for Prometheus.
//!
//! The data flow, in the order of the modules:
//!
//! [`args`] what the user typed → [`credentials`] token, authority, client →
//! [`apiserver`] bounded GETs to it and to kubelets → crate [`exposition`], bytes to samples →
//! [`reading`] samples to one reading → [`usage`] readings to rates →
//! [`kernel`] what the node's own kernel counts →
//! [`snapshot`] what is known to samples of our series, and [`exposition::write`] those
//! to text → [`history`] the same over time → [`http`] who asks for it. [`scrape`]
//! joins them for one node, [`discovery`] finds the nodes, [`plan`], [`schedule`]
//! and [`outage`] say when what is asked, [`fleet`] gives nodes to workers, [`board`] is the state
//! between threads, [`run`] their start and end.
//!
//! `plan`, `reading`, `usage`, `snapshot` and `history` are pure: they open no
//! socket, read no file and ask no clock.

pub mod apiserver;
pub mod args;
pub mod board;
pub mod credentials;
pub mod discovery;
pub mod fleet;
pub mod history;
pub mod http;
pub mod kernel;
pub mod nodes;
pub mod outage;
pub mod plan;
pub mod reading;
pub mod run;
pub mod schedule;
pub mod scrape;
pub mod snapshot;
pub mod usage;
