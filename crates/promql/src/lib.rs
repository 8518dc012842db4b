//! Prometheus's query API: range, instant and series queries, decoded as they stream.
//!
//! [`Prometheus`] queries a backend; [`answer`] decodes its answers and hands each series
//! to a [`Consumer`]; [`sampling`] finds the time between two samples. In scope: the API.
//! Out of scope: which queries are sent, and the meaning of series.
//!
//! Invariant: no bytes make the decoder panic (held by `arbitrary_bytes_do_not_panic`), an
//! answer that ends early is not used (held by `truncated_answers_are_incomplete`), and the
//! chunks in which it arrives do not matter (held by `any_chunking_gives_the_same_answer`).

pub mod answer;
mod client;
mod json;
pub mod sampling;

pub use answer::{Consumer, Defect, Each, Labels, Refusal, Remarks, ResultType, Sample};
pub use client::{Prometheus, QueryError, Redirect, VectorSample};
