//! k8s-ai-exporter: a node's CPU, memory and active pods for Prometheus.
//!
//! Modules in the order of a sample: [`args`] the configuration → [`credentials`] token, CA
//! and client → [`apiserver`] bounded GETs to the API server and to kubelets → crate
//! [`exposition`], bytes to samples → [`readings`] samples to one reading → [`usage`]
//! readings to rates, and [`kernel`] what the node's own kernel counts → [`node`] and
//! [`state`] what is known now → [`metrics`] samples of our series and their text →
//! [`history`] the same over time → [`http`].
//!
//! [`scrape`] makes the rounds of one node, [`discovery`] finds the nodes, [`plan`],
//! [`schedule`] and [`outage`] decide when which endpoint is read, [`scheduler`] shares the
//! rounds among workers, [`run`] starts and stops the threads.
//!
//! `plan`, `readings`, `usage`, `node` and `history` are pure: they open no socket, read no
//! file and ask no clock.

pub mod apiserver;
pub mod args;
pub mod credentials;
pub mod discovery;
pub mod history;
pub mod http;
pub mod kernel;
pub mod metrics;
pub mod node;
pub mod nodes;
pub mod outage;
pub mod plan;
pub mod readings;
pub mod run;
pub mod schedule;
pub mod scheduler;
pub mod scrape;
pub mod sources;
pub mod state;
pub mod usage;
