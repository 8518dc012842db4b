//! Services of the operating system that both programs use: logging, signals, files,
//! schedules, random numbers.
//!
//! Out of scope: what the programs do, HTTP, flags.

pub mod file;
pub mod health;
pub mod lock;
pub mod logging;
pub mod output;
pub mod process;
pub mod random;
pub mod reload;
pub mod schedule;
pub mod secret;
pub mod signals;

/// Release of the programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Source revision that the programs were built from, where the build names it.
pub const REVISION: &str = match option_env!("BINBOTS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
