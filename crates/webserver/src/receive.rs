//! Reader of requests: bytes of a connection to one request after the other, within limits.
//!
//! Framing of bodies: RFC 9112, sections 6 and 7.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::head::{self, Framing, Head, Rejection};
use crate::limits::Limits;
use crate::request::Request;

/// Bytes read at a time.
const READ_BYTES: usize = 2048;

/// Maximum length of a chunk's first line, extensions included.
const MAX_CHUNK_LINE: usize = 256;

/// Maximum number of lines of a chunked body's trailer.
const MAX_TRAILERS: usize = 64;

/// A connection for the reader of requests.
pub trait Connection: Read + Write {
    /// Sets the time within which all further reads and writes must complete.
    fn set_deadline(&mut self, time: Duration);
}

/// The reason why there is no request.
#[derive(Debug)]
pub enum ReceiveError {
    /// The connection broke.
    Io(io::Error),
    /// The request is refused; the connection ends with the refusal.
    Rejected(Rejection),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Rejected(Rejection::new(
                408,
                "expected the whole request within its deadline\n",
            )),
            _ => Self::Io(error),
        }
    }
}

impl From<Rejection> for ReceiveError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Reads the requests of one connection.
#[derive(Debug, Default)]
pub struct RequestReader {
    /// Received bytes that belong to no request yet, such as the next of pipelined requests.
    buffer: Vec<u8>,
    /// True once a request was received.
    is_kept_alive: bool,
}

/// A request, and the form of its response.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// The request.
    pub request: Request,
    /// True if the connection ends after the response.
    pub close: bool,
    /// True if the client accepts chunks: since HTTP/1.1.
    pub takes_chunks: bool,
}

impl RequestReader {
    /// Returns the next request, or `None` when the client has no more. The caller sets the
    /// deadline of the first one, from connecting on.
    ///
    /// # Errors
    /// When the connection breaks, or the request is malformed, too large or too slow.
    pub fn next(
        &mut self,
        connection: &mut dyn Connection,
        limits: &Limits,
    ) -> Result<Option<Received>, ReceiveError> {
        let Some(head) = self.head(connection, limits)? else {
            return Ok(None);
        };
        self.is_kept_alive = true;
        let Head {
            mut request,
            framing,
            expects_continue,
            close,
            takes_chunks,
        } = head;
        if matches!(framing, Framing::Length(length) if length > limits.body_bytes) {
            return Err(TOO_LARGE.into());
        }
        // A client that has already sent some of the body does not wait for 100.
        if expects_continue && framing != Framing::Length(0) && self.buffer.is_empty() {
            connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match framing {
            Framing::Length(length) => self.exactly(connection, length)?,
            Framing::Chunked => self.chunked(connection, limits.body_bytes)?,
        };
        Ok(Some(Received {
            request,
            close,
            takes_chunks,
        }))
    }

    fn head(
        &mut self,
        connection: &mut dyn Connection,
        limits: &Limits,
    ) -> Result<Option<Head>, ReceiveError> {
        let is_idle = self.is_kept_alive && self.buffer.is_empty();
        if self.is_kept_alive {
            connection.set_deadline(if is_idle { limits.idle } else { limits.receive });
        }
        let mut has_started = !is_idle;
        loop {
            // Empty lines before a request are skipped (RFC 9112, section 2.2).
            let blank = self
                .buffer
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'));
            self.buffer.drain(..blank.count());
            if let Some(first) = self.buffer.first() {
                if !first.is_ascii_alphabetic() {
                    // Such as a TLS handshake, whose client would wait for the server's part.
                    return Err(Rejection::new(400, "expected plain HTTP/1.1\n").into());
                }
                if !has_started {
                    connection.set_deadline(limits.receive);
                    has_started = true;
                }
            }
            if let Some(end) = head::end(&self.buffer).filter(|end| *end <= limits.head_bytes) {
                let head = head::parse(&self.buffer[..end])?;
                self.buffer.drain(..end);
                return Ok(Some(head));
            }
            if self.buffer.len() >= limits.head_bytes {
                return Err(match self.buffer[..limits.head_bytes].contains(&b'\n') {
                    false => Rejection::new(414, "expected a shorter URL\n"),
                    true => Rejection::new(431, "expected fewer or shorter headers\n"),
                }
                .into());
            }
            match self.fill(connection) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // No request, so no response.
                Err(error) if self.buffer.is_empty() && error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads more bytes; 0 at the end.
    fn fill(&mut self, connection: &mut dyn Connection) -> io::Result<usize> {
        let mut bytes = [0; READ_BYTES];
        loop {
            match connection.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let count = result?;
                    self.buffer.extend_from_slice(&bytes[..count]);
                    return Ok(count);
                }
            }
        }
    }

    /// Reads more bytes; the end is an error.
    fn fill_or_eof(&mut self, connection: &mut dyn Connection) -> io::Result<()> {
        match self.fill(connection)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Returns the next `length` bytes.
    fn exactly(&mut self, connection: &mut dyn Connection, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill_or_eof(connection)?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Returns a chunked body of at most `max` bytes. Discards its trailer.
    fn chunked(
        &mut self,
        connection: &mut dyn Connection,
        max: usize,
    ) -> Result<Vec<u8>, ReceiveError> {
        let mut body = Vec::new();
        loop {
            let line = self.line(connection)?;
            let size = chunk_size(&line).ok_or(BAD_CHUNK)?;
            if size == 0 {
                for _ in 0..MAX_TRAILERS {
                    if self.line(connection)?.is_empty() {
                        return Ok(body);
                    }
                }
                return Err(BAD_CHUNK.into());
            }
            if size > max - body.len() {
                return Err(TOO_LARGE.into());
            }
            body.append(&mut self.exactly(connection, size)?);
            if !self.line(connection)?.is_empty() {
                return Err(BAD_CHUNK.into());
            }
        }
    }

    /// Returns a line of a chunked body, without its end.
    fn line(&mut self, connection: &mut dyn Connection) -> Result<Vec<u8>, ReceiveError> {
        loop {
            // The limit holds however the bytes arrive.
            let within = self.buffer.len().min(MAX_CHUNK_LINE + 2);
            let mut pairs = self.buffer[..within].windows(2);
            if let Some(end) = pairs.position(|pair| pair == b"\r\n") {
                let line = self.buffer.drain(..end).collect();
                self.buffer.drain(..2);
                return Ok(line);
            }
            if within == MAX_CHUNK_LINE + 2 {
                return Err(BAD_CHUNK.into());
            }
            self.fill_or_eof(connection)?;
        }
    }
}

const TOO_LARGE: Rejection = Rejection::new(413, "expected a shorter body\n");
const BAD_CHUNK: Rejection = Rejection::new(400, "expected a chunk of the body\n");

/// Parses the size at the start of a chunk's first line; an extension may follow `;`.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii_end();
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    usize::from_str_radix(digits, 16).ok()
}
