//! An answer -> bytes.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this size, gzip's own head and trailer eat what it saves.
const MIN_GZIP_BYTES: usize = 512;

/// An answer of more bytes is sent in pieces of about this size, where its handler makes
/// it in pieces. Smaller ones are worth compressing, and have a length.
const PIECE_BYTES: usize = 256 << 10;

/// An answer, before its transport.
#[derive(Debug)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Headers beside those of the transport (length, coding, date, connection).
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body, not compressed.
    pub body: Vec<u8>,
    /// What follows the body, made as it is sent.
    rest: Rest,
}

/// The pieces of a body that are still to be made.
#[derive(Default)]
struct Rest(Option<Box<dyn Iterator<Item = Vec<u8>> + Send>>);

impl Rest {
    /// Takes pieces until there is more than [`PIECE_BYTES`], or no more.
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

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "more" } else { "none" })
    }
}

impl Response {
    /// An answer with a body.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![
                ("Content-Type", Cow::Borrowed(content_type)),
                ("X-Content-Type-Options", Cow::Borrowed("nosniff")),
            ],
            body: body.into(),
            rest: Rest::default(),
        }
    }

    /// An answer whose body is made while it is sent, so that it may be larger than what
    /// one would want to hold. Each piece is made in a turn of its own; should the client
    /// not take the answer in time, the others are never made.
    pub fn in_pieces(
        status: u16,
        content_type: &'static str,
        pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ) -> Self {
        Self {
            rest: Rest(Some(Box::new(pieces))),
            ..Self::new(status, content_type, Vec::new())
        }
    }

    /// An answer in plain text.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes to send, and what follows them.
    pub(crate) fn encode(mut self, sending: Sending) -> (Vec<u8>, Following) {
        self.rest.fill(&mut self.body);
        let follows = self.rest.0.is_some();
        let compressed = !follows
            && sending.gzip
            && self.body.len() >= MIN_GZIP_BYTES
            && gzip(&self.body).map(|body| self.body = body).is_ok();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // Writing to a String cannot fail.
        let _ = write!(
            head,
            "Date: {}\r\nVary: Accept-Encoding\r\n",
            httpdate::HttpDate::from(SystemTime::now()),
        );
        let _ = match (follows, sending.chunks) {
            (false, _) => write!(head, "Content-Length: {}\r\n", self.body.len()),
            (true, true) => head.write_str("Transfer-Encoding: chunked\r\n"),
            // Its end is that of the connection.
            (true, false) => Ok(()),
        };
        if compressed {
            head.push_str("Content-Encoding: gzip\r\n");
        }
        if sending.close {
            head.push_str("Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            // A line break would begin a header of somebody else's choice.
            let value = value.replace(|c: char| c.is_control(), " ");
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        let mut following = Following {
            rest: self.rest,
            chunks: sending.chunks,
        };
        match (sending.body, follows) {
            (false, _) => following.rest = Rest::default(),
            (true, false) => bytes.append(&mut self.body),
            (true, true) => following.frame(&mut self.body, &mut bytes),
        }
        (bytes, following)
    }
}

/// What follows the bytes that were sent.
#[derive(Debug)]
pub(crate) struct Following {
    rest: Rest,
    chunks: bool,
}

impl Following {
    /// Whether there is anything.
    pub(crate) fn is_some(&self) -> bool {
        self.rest.0.is_some()
    }

    /// The next bytes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let (mut body, mut bytes) = (Vec::new(), Vec::new());
        self.rest.fill(&mut body);
        self.frame(&mut body, &mut bytes);
        bytes
    }

    /// Appends a part of the body, and its end where it is the last.
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

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    /// With its body; to HEAD without.
    pub(crate) body: bool,
    /// Compressed, if it is worth it.
    pub(crate) gzip: bool,
    /// Saying that the connection ends here.
    pub(crate) close: bool,
    /// In chunks, where its length is not known.
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
        // The reason is for people; programs read the number.
        _ => "",
    }
}
