//! The simulated cluster as its users see it: through a TLS client.

mod client;
mod endpoints;
