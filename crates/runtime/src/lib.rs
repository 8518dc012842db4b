//! What both programs need of the machine they run on, each thing once.
//!
//! Out of scope: what the programs do, HTTP, flags.

pub mod logging;
pub mod reload;
pub mod secret;

/// Source revision that the programs were built from, where the build names it.
pub const REVISION: &str = match option_env!("BINBOTS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
