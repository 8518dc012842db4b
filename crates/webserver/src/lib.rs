//! Bounded HTTP/1.1 server for the ports of both programs: connections, threads, bytes
//! and time are limited whatever a client does.
//!
//! Modules in the order of the data: [`ListenAddress`] opens the port → `accept` takes
//! connections → `connections` chooses which ones stay when there are too many → `pool`
//! gives each a thread → `serve` answers its requests: `stream` reads bytes under a
//! deadline, `receive` and `head` turn them into a request, [`Policy`] decides whether it
//! is answered, the handler answers, `response` turns the answer into bytes.
//!
//! In scope: GET, HEAD and POST; keep-alive and pipelining; request bodies with a length
//! or in chunks; gzip; response bodies that are produced while they are sent; refusals
//! with the status that says why.
//!
//! Out of scope: routes (the handler's), TLS and authentication (the policy's, see crate
//! `webconfig`), request bodies larger than a form, upgrades, HTTP/2.

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
