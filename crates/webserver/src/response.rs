//! Responses, and their bytes.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this size, gzip's own header and trailer cost what it saves.
const MIN_GZIP_BYTES: usize = 512;

/// A larger streamed body is sent in pieces of about this size. A smaller one is held whole,
/// compressed, and has a length.
const PIECE_BYTES: usize = 256 << 10;

/// A response of the handler.
#[derive(Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Headers, except those of the transport (length, encoding, date, connection).
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body, not compressed; of a streamed one the start.
    pub body: Vec<u8>,
    /// The rest of a streamed body.
    rest: Pieces,
}

/// The remaining pieces of a streamed body.
#[derive(Default)]
struct Pieces(Option<Box<dyn Iterator<Item = Vec<u8>> + Send>>);

impl Pieces {
    /// Appends pieces until the body exceeds [`PIECE_BYTES`] or is complete.
    fn fill(&mut self, body: &mut Vec<u8>) {
        while let Some(pieces) = &mut self.0
            && body.len() <= PIECE_BYTES
        {
            match pieces.next() {
                Some(mut piece) => body.append(&mut piece),
                None => self.0 = None,
            }
        }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "more" } else { "none" })
    }
}

impl Response {
    /// A response with a body.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![
                ("Content-Type", Cow::Borrowed(content_type)),
                ("X-Content-Type-Options", Cow::Borrowed("nosniff")),
            ],
            body: body.into(),
            rest: Pieces::default(),
        }
    }

    /// Makes a response whose body is produced while it is sent, so that it may exceed the
    /// memory. If the client does not read it in time, the remaining pieces are never produced.
    pub fn streamed(
        status: u16,
        content_type: &'static str,
        pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ) -> Self {
        Self {
            rest: Pieces(Some(Box::new(pieces))),
            ..Self::new(status, content_type, Vec::new())
        }
    }

    /// A response in plain text.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds headers in place of those of the same name.
    pub(crate) fn with_all(mut self, headers: &[(&'static str, String)]) -> Self {
        for (name, value) in headers {
            self.headers
                .retain(|(each, _)| !each.eq_ignore_ascii_case(name));
            self.headers.push((name, value.clone().into()));
        }
        self
    }

    /// Returns the bytes to send first, and the rest of a streamed body.
    pub(crate) fn encode(mut self, encoding: Encoding) -> (Vec<u8>, Rest) {
        self.rest.fill(&mut self.body);
        let follows = self.rest.0.is_some();
        let compressed = !follows
            && encoding.gzip
            && self.body.len() >= MIN_GZIP_BYTES
            && gzip(&self.body).map(|body| self.body = body).is_ok();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // Writing to a String cannot fail.
        let _ = write!(
            head,
            "Date: {}\r\nVary: Accept-Encoding\r\n",
            httpdate::HttpDate::from(SystemTime::now()),
        );
        let _ = match (follows, encoding.chunks) {
            (false, _) => write!(head, "Content-Length: {}\r\n", self.body.len()),
            (true, true) => head.write_str("Transfer-Encoding: chunked\r\n"),
            // The body ends with the connection.
            (true, false) => Ok(()),
        };
        if compressed {
            head.push_str("Content-Encoding: gzip\r\n");
        }
        if encoding.close {
            head.push_str("Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            // A line break in a client's text would start another header.
            let value = value.replace(|c: char| c.is_control(), " ");
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        let mut rest = Rest {
            pieces: self.rest,
            chunks: encoding.chunks,
        };
        match (encoding.body, follows) {
            (false, _) => rest.pieces = Pieces::default(),
            (true, false) => bytes.append(&mut self.body),
            (true, true) => rest.frame(&mut self.body, &mut bytes),
        }
        (bytes, rest)
    }
}

/// The unsent part of a streamed body.
#[derive(Debug)]
pub(crate) struct Rest {
    pieces: Pieces,
    chunks: bool,
}

impl Rest {
    /// Returns whether there is any.
    pub(crate) fn is_some(&self) -> bool {
        self.pieces.0.is_some()
    }

    /// Returns the next bytes to send.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let (mut body, mut bytes) = (Vec::new(), Vec::new());
        self.pieces.fill(&mut body);
        self.frame(&mut body, &mut bytes);
        bytes
    }

    /// Appends a part of the body in its framing, and the end after the last one.
    fn frame(&self, body: &mut Vec<u8>, bytes: &mut Vec<u8>) {
        if !self.chunks {
            bytes.append(body);
            return;
        }
        if !body.is_empty() {
            bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
            bytes.append(body);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.is_some() {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// With its body; a response to HEAD has none.
    pub(crate) body: bool,
    /// Compressed, if that saves bytes.
    pub(crate) gzip: bool,
    /// With notice that the connection ends.
    pub(crate) close: bool,
    /// In chunks, if the length is unknown.
    pub(crate) chunks: bool,
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        // The reason phrase is informal; programs read the number.
        _ => "",
    }
}
