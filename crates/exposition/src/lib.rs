//! The Prometheus text format: a streaming reader, and a writer. Pure.
//!
//! Every byte of a scrape passes through this crate, so it is compiled for speed in programs
//! that are otherwise compiled for size. It therefore has no generic functions, which would
//! be compiled elsewhere.

mod escape;
pub mod read;
mod selector;
pub mod write;

pub use selector::Selector;
