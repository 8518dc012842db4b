//! An answer -> bytes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this size, gzip's own head and trailer eat what it saves.
const MIN_GZIP_BYTES: usize = 512;

/// An answer, before its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Headers beside those of the transport (length, coding, date, connection).
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body, not compressed.
    pub body: Vec<u8>,
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

    /// The bytes to send.
    pub(crate) fn encode(mut self, sending: Sending) -> Vec<u8> {
        let compressed = sending.gzip
            && self.body.len() >= MIN_GZIP_BYTES
            && gzip(&self.body).map(|body| self.body = body).is_ok();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // Writing to a String cannot fail.
        let _ = write!(
            head,
            "Date: {}\r\nVary: Accept-Encoding\r\nContent-Length: {}\r\n",
            httpdate::HttpDate::from(SystemTime::now()),
            self.body.len()
        );
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
        if sending.body {
            bytes.append(&mut self.body);
        }
        bytes
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
