//! k8s-ai-exporter: a node's CPU, memory and active pods for Prometheus.
//!
//! Modules in the order of a sample: [`args`] resolves the configuration → [`credentials`]
//! token, CA and client → [`apiserver`] bounded GETs to the API server and to kubelets →
//! crate [`exposition`], bytes to samples → [`readings`] samples to one reading → [`usage`]
//! readings to rates, and [`kernel`] the OOM kills of the node's own kernel → [`node`] and
//! [`state`] current values → [`metrics`] samples of our series and their text →
//! [`history`] recent samples → [`http`].
//!
//! [`scrape`] makes the rounds of one node, [`discovery`] finds the nodes, [`plan`],
//! [`schedule`] and [`outage`] decide when which endpoint is read, [`scheduler`] shares the
//! rounds among workers, [`run`] starts and stops the threads.
//!
//! `plan`, `readings`, `usage`, `node` and `history` are pure: they open no socket, read no
//! file and read no clock.
//!
//! Invariants: no disruption makes a number wrong or memory grow (held by
//! `soak_finds_no_wrong_number` in e2e); recovery from an outage takes two rounds
//! (`outage_recovery_takes_two_rounds`).

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
