//! What both programs need of the machine they run on, each thing once.
//!
//! Out of scope: what the programs do, HTTP, flags.

pub mod logging;
pub mod reload;
pub mod secret;
