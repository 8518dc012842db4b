//! Prometheus's query API: range, instant and series queries, decoded as they stream.
//!
//! [`Prometheus`] asks a backend; [`answer`] decodes its answers and hands each series
//! to a [`Consumer`]; [`sampling`] finds the time between two samples. No query is
//! written here, and no series is given a meaning.

pub mod answer;
mod client;
mod json;
pub mod sampling;

pub use answer::{Consumer, Defect, Each, Labels, Refusal, Remarks, ResultType, Sample};
pub use client::{Prometheus, QueryError, VectorSample};
