//! Bytes of a connection -> requests, one after the other, each within its limits.

use std::io::{self, Read, Write};

use crate::Limits;
use crate::head::{self, Framing, Head, Refusal};
use crate::request::Request;
use crate::wire::Wire;

/// Bytes that are asked of the socket at a time.
const READ_BYTES: usize = 2048;

/// Length of a chunk's first line, extensions included.
const MAX_CHUNK_LINE: usize = 256;

/// Lines of a chunked body's trailer.
const MAX_TRAILERS: usize = 64;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection is of no use any more.
    Broken(io::Error),
    /// The client is told what is wrong.
    Refused(Refusal),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => {
                Self::Refused(Refusal::new(408, "expected the whole request sooner\n"))
            }
            _ => Self::Broken(error),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The receiving side of one connection.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// What was received and does not belong to a request yet: of pipelined
    /// requests, the next one.
    ahead: Vec<u8>,
    /// Whether a request was received before.
    again: bool,
}

/// A request, and whether the connection ends after it.
pub(crate) struct Received {
    pub(crate) request: Request,
    pub(crate) close: bool,
    pub(crate) takes_chunks: bool,
}

impl Receiver {
    /// The next request, or `None` when the client has no more. The first one's time has
    /// begun already.
    pub(crate) fn next(
        &mut self,
        wire: &mut Wire,
        limits: &Limits,
    ) -> Result<Option<Received>, Trouble> {
        let Some(head) = self.head(wire, limits)? else {
            return Ok(None);
        };
        self.again = true;
        let Head {
            mut request,
            framing,
            expects_continue,
            close,
            takes_chunks,
        } = head;
        if matches!(framing, Framing::Counted(length) if length > limits.body_bytes) {
            return Err(TOO_LARGE.into());
        }
        // Who has sent some of the body already does not wait for leave.
        if expects_continue && framing != Framing::Counted(0) && self.ahead.is_empty() {
            wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match framing {
            Framing::Counted(length) => self.counted(wire, length)?,
            Framing::Chunked => self.chunked(wire, limits.body_bytes)?,
        };
        Ok(Some(Received {
            request,
            close,
            takes_chunks,
        }))
    }

    fn head(&mut self, wire: &mut Wire, limits: &Limits) -> Result<Option<Head>, Trouble> {
        let waits = self.again && self.ahead.is_empty();
        if self.again {
            wire.within(if waits { limits.idle } else { limits.receive });
        }
        let mut started = !waits;
        loop {
            // Empty lines before a request are passed over, as RFC 9112 asks for.
            let blank = self.ahead.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
            self.ahead.drain(..blank.count());
            if let Some(first) = self.ahead.first() {
                if !first.is_ascii_alphabetic() {
                    // Such as a TLS handshake; it would go on to wait for us.
                    return Err(Refusal::new(400, "expected plain HTTP/1.1\n").into());
                }
                if !started {
                    wire.within(limits.receive);
                    started = true;
                }
            }
            if let Some(end) = head::end(&self.ahead).filter(|end| *end <= limits.head_bytes) {
                let head = head::parse(&self.ahead[..end])?;
                self.ahead.drain(..end);
                return Ok(Some(head));
            }
            if self.ahead.len() >= limits.head_bytes {
                return Err(match self.ahead.contains(&b'\n') {
                    false => Refusal::new(414, "expected a shorter URL\n"),
                    true => Refusal::new(431, "expected fewer or shorter headers\n"),
                }
                .into());
            }
            match self.more(wire) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // Nothing was asked, so nothing is answered.
                Err(error) if self.ahead.is_empty() && error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Receives some more; 0 at the end.
    fn more(&mut self, wire: &mut Wire) -> io::Result<usize> {
        let mut bytes = [0; READ_BYTES];
        loop {
            match wire.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let count = result?;
                    self.ahead.extend_from_slice(&bytes[..count]);
                    return Ok(count);
                }
            }
        }
    }

    /// As [`Self::more`], where an end is too early.
    fn needed(&mut self, wire: &mut Wire) -> io::Result<()> {
        match self.more(wire)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn counted(&mut self, wire: &mut Wire, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            self.needed(wire)?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    fn chunked(&mut self, wire: &mut Wire, most: usize) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        loop {
            let line = self.line(wire)?;
            let size = chunk_size(&line).ok_or(BAD_CHUNK)?;
            if size == 0 {
                for _ in 0..MAX_TRAILERS {
                    if self.line(wire)?.is_empty() {
                        return Ok(body);
                    }
                }
                return Err(BAD_CHUNK.into());
            }
            if size > most - body.len() {
                return Err(TOO_LARGE.into());
            }
            body.append(&mut self.counted(wire, size)?);
            if !self.line(wire)?.is_empty() {
                return Err(BAD_CHUNK.into());
            }
        }
    }

    /// A line of a chunked body, without its end.
    fn line(&mut self, wire: &mut Wire) -> Result<Vec<u8>, Trouble> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                let line = self.ahead.drain(..end).collect();
                self.ahead.drain(..2);
                return Ok(line);
            }
            if self.ahead.len() > MAX_CHUNK_LINE {
                return Err(BAD_CHUNK.into());
            }
            self.needed(wire)?;
        }
    }
}

const TOO_LARGE: Refusal = Refusal::new(413, "expected a shorter body\n");
const BAD_CHUNK: Refusal = Refusal::new(400, "expected a chunk of the body\n");

/// The size at the start of a chunk's first line; what follows `;` is an extension.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii_end();
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    usize::from_str_radix(digits, 16).ok()
}
