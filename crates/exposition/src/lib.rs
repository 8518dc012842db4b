//! The Prometheus text format: a streaming reader, and a writer. Pure.
//!
//! A crate of its own, without generic functions, because every byte of a scrape passes
//! through it: it alone is compiled for speed in programs that are otherwise compiled for
//! size.

mod escape;
pub mod read;
mod selector;
pub mod write;

pub use selector::Selector;
