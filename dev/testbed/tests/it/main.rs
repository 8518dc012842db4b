//! The simulated cluster as its users see it: through a TLS client.

mod client;

mod credentials;
mod endpoints;
mod faults;
mod kubelets;
mod replay;
mod truth;
