//! The access policy of a port, as the server uses it.

use std::io::{self, Read, Write};

use crate::request::Request;
use crate::response::Response;

/// The access policy of a port: TLS sessions of its connections, admission of requests, and
/// headers of every response. By default: plain HTTP, all requests, no further headers.
pub trait Policy: Send + Sync {
    /// Starts the session of a new connection, such as TLS; `None` for plain HTTP.
    ///
    /// # Errors
    /// When no session can be started; the connection is closed.
    fn wrap(&self) -> io::Result<Option<Box<dyn Session>>> {
        Ok(None)
    }

    /// Decides whether a request of a client with or without a verified certificate is
    /// answered.
    fn authorize(&self, _request: &Request, _has_certificate: bool) -> Access<'_> {
        Access::Decided(Ok(()))
    }

    /// Headers of every response; they replace the handler's of the same name.
    fn headers(&self) -> &[(&'static str, String)] {
        &[]
    }
}

/// The policy of a port without protection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Public;

impl Policy for Public {}

/// The decision on a request: the handler answers (`Ok`), or a refusal is sent.
pub enum Access<'a> {
    /// A decision.
    Decided(Result<(), Response>),
    /// A check that is expensive, such as hashing a password: the server runs one at a time.
    Deferred(Box<dyn FnOnce() -> Result<(), Response> + 'a>),
}

/// A session on a connection's socket, such as TLS. The handshake takes place with the first
/// bytes that are read or written.
pub trait Session: Send {
    /// Reads bytes of the client, as [`Read::read`].
    ///
    /// # Errors
    /// Those of the socket, and of the session itself.
    fn read(&mut self, socket: &mut dyn Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes bytes to the client, as [`Write::write`].
    ///
    /// # Errors
    /// As [`Session::read`].
    fn write(&mut self, socket: &mut dyn Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Sends what is buffered, as [`Write::flush`].
    ///
    /// # Errors
    /// As [`Session::read`].
    fn flush(&mut self, socket: &mut dyn Socket) -> io::Result<()>;

    /// Ends the sending side.
    ///
    /// # Errors
    /// Those of the socket.
    fn close(&mut self, socket: &mut dyn Socket) -> io::Result<()>;

    /// Returns whether the handshake is incomplete: no response can be sent.
    fn is_handshaking(&self) -> bool;

    /// Returns whether the client has presented a certificate, which the session has verified.
    fn has_certificate(&self) -> bool;
}

/// Both directions of a connection.
pub trait Socket: Read + Write {}

impl<T: Read + Write> Socket for T {}
