//! Bounded GETs: node objects, node lists and pod lists from the API server, and metrics
//! from kubelets, through the API server's proxy or directly.
//!
//! Knows URLs, statuses and content types. Interprets no usage and keeps no schedule. Each
//! answer is read as a stream, with a size limit and within one deadline.

mod error;
mod lists;
mod refusal;
mod request;
mod wire;

pub use error::ScrapeError;
pub use lists::{active_pods, active_pods_by_node, node_names};
pub use refusal::{Server, read_refusal};
pub use request::{Way, node};
pub use wire::{CHUNK_BYTES, NodeAnswer, NodeObject, Resources};
