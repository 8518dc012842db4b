//! Limits on clients.

use std::time::Duration;

/// Limits of the resources and time of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, and so threads. Beyond it, the longest waiting connection of the
    /// address with the most connections is closed. Limited to half of the process's file
    /// descriptors.
    pub connections: usize,
    /// Requests answered at the same time; others queue.
    pub answers: usize,
    /// Bytes of responses held for slow clients. Beyond it the slowest are closed; the newest
    /// response is always sent.
    pub unsent_bytes: usize,
    /// Bytes of a request line with its headers.
    pub head_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Time from a request's first byte (of the first request: from connecting) to its last.
    pub receive: Duration,
    /// Time between a response and the next request's first byte.
    pub idle: Duration,
    /// Time from a response's first byte to its last.
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
