//! placeholder
pub mod apiserver;
pub mod args;
pub mod credentials;
pub mod exposition;
pub mod reading;
pub mod usage;
/// v
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// r
pub const REVISION: &str = "unknown";
