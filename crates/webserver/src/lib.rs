//! Bounded HTTP/1.1 server for the ports of both programs: connections, threads, bytes and
//! time are limited against any client.
//!
//! Modules in the order of the data: [`ListenAddress`] opens the port → `accept` accepts
//! connections → `connections` evicts some when there are too many → `pool` provides threads
//! → `serve` answers requests: `stream` reads bytes under a deadline, `receive` and `head`
//! turn them into a request, [`Policy`] decides whether it is answered, the handler answers,
//! `response` turns the answer into bytes.
//!
//! In scope: GET, HEAD and POST; keep-alive and pipelining; request bodies with a length or
//! in chunks; gzip; response bodies that are produced while they are sent; refusals with a
//! meaningful status.
//!
//! Out of scope: routes (see the handler), TLS and authentication (see the policy, crate
//! `webconfig`), request bodies larger than a form, upgrades, HTTP/2.
//!
//! Invariant: a client with many connections evicts its own only (held by
//! `flood_evicts_only_its_own_connections`).

mod accept;
mod address;
mod connections;
mod head;
mod limits;
mod policy;
mod pool;
mod receive;
mod request;
mod response;
mod serve;
mod stream;

pub use accept::Server;
pub use address::ListenAddress;
pub use head::Rejection;
pub use limits::Limits;
pub use policy::{Access, Policy, Public, Session, Socket};
pub use receive::{Connection, ReceiveError, Received, RequestReader};
pub use request::{Method, Request};
pub use response::Response;
