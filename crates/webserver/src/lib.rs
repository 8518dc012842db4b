//! One small HTTP/1.1 server for the open ports of both programs, bounded in all
//! that a client decides: connections, threads, bytes and time.
//!
//! The data flow, in the order of the modules: [`ListenAddress`] where to listen →
//! `accept` connections → `connections` who may stay when there are too many →
//! `crew` a thread for each → `conversation` requests and answers on one connection:
//! `wire` bytes with or without TLS, `receive` to a request by way of `head`,
//! `protection` who may ask, then the handler, then `response` to bytes.
//!
//! In scope: GET, HEAD and POST; TLS and logins in the convention of Prometheus's own
//! exporters; keep-alive and pipelining; bodies that are counted or chunked; gzip of
//! answers; refusals with the status that says why.
//!
//! Out of scope: routes (the handler's), request bodies larger than a form, answers
//! that are produced while they are sent, upgrades, HTTP/2.

mod accept;
mod address;
mod connections;
mod conversation;
mod crew;
mod head;
mod protection;
mod receive;
mod request;
mod response;
mod wire;

use std::time::Duration;

pub use accept::Server;
pub use address::ListenAddress;
pub use protection::{BadProtection, Protection, ProtectionFiles, flag_name};
pub use request::{Method, Request};
pub use response::Response;

/// What a client may take, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, and so threads. When there are more, the longest waiting
    /// connection of the address with the most connections is closed. At most half
    /// of the descriptors that the process may have are used, whatever is set here.
    pub connections: usize,
    /// Requests that are answered at the same time; others wait their turn.
    pub answers: usize,
    /// Bytes of answers that may lie ready for clients that read slowly. Beyond it
    /// the slowest are closed; the newest answer is always sent.
    pub unsent_bytes: usize,
    /// Bytes of a request line with its headers.
    pub head_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// From a request's first byte (of the first request: from connecting) to its last.
    pub receive: Duration,
    /// Between an answer and the next request's first byte.
    pub idle: Duration,
    /// From an answer's first byte to its last.
    pub deliver: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 48,
            answers: 4,
            unsent_bytes: 4 << 20,
            head_bytes: 16 << 10,
            body_bytes: 64 << 10,
            receive: Duration::from_secs(10),
            // Longer than most scrape intervals, so that scrapes share a connection.
            idle: Duration::from_secs(180),
            deliver: Duration::from_secs(30),
        }
    }
}
