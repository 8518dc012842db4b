//! HTTP/1.1 as the server needs it: read one request head, write one response
//! with exactly the given framing, correct or not.
//!
//! In scope: keep-alive, chunked and counted bodies, cuts and stalls. Out of
//! scope: request bodies (read and dropped), trailers, HTTP/2, and
//! defence against a hostile client: this is a server for tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use http::StatusCode;

/// Longest request head: what the real API server accepts by default is 1 MiB,
/// what our programs send is under 4 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Most header lines of a request.
const MAX_HEADERS: usize = 64;

/// The size in which Go's server writes chunks.
const CHUNK_BYTES: usize = 4 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as sent, still percent-encoded.
    pub(crate) target: String,
    /// Names in lower case; repeated ones joined with `, `.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// Reads a request head and drops a counted body. None at the end of the
    /// connection.
    ///
    /// # Errors
    /// Errors of the stream, or `InvalidData` for bytes that are no request.
    pub(crate) fn read(stream: &mut impl Read, pending: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let (request, end) = loop {
            if let Some(parsed) = Self::parse(pending)? {
                break parsed;
            }
            if pending.len() > MAX_HEAD_BYTES {
                return Err(invalid("a request head of at most 64 KiB was expected"));
            }
            if !read_more(stream, pending)? {
                return Ok(None);
            }
        };
        pending.drain(..end);
        let mut body = match request.headers.get("content-length") {
            Some(text) => text.parse().map_err(invalid)?,
            None => 0,
        };
        while body > 0 {
            if pending.is_empty() && !read_more(stream, pending)? {
                return Ok(None);
            }
            let taken = body.min(pending.len());
            pending.drain(..taken);
            body -= taken;
        }
        Ok(Some(request))
    }

    /// The head and its length, once all of it is there.
    fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(end) = head.parse(bytes).map_err(invalid)? else {
            return Ok(None);
        };
        if head.version != Some(1) {
            return Err(invalid("a request of HTTP/1.1 was expected"));
        }
        let mut headers = BTreeMap::<String, String>::new();
        for header in head.headers.iter() {
            let all = headers.entry(header.name.to_ascii_lowercase()).or_default();
            let separator = if all.is_empty() { "" } else { ", " };
            let _ = write!(all, "{separator}{}", String::from_utf8_lossy(header.value));
        }
        let request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            headers,
        };
        Ok(Some((request, end)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Returns true if the client accepts gzip. Quality values are not weighed,
    /// but `gzip;q=0` means no.
    pub(crate) fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.all(|part| part != "q=0")
        })
    }

    pub(crate) fn wants_close(&self) -> bool {
        let mut options = self.header("connection").split(',');
        options.any(|option| option.trim().eq_ignore_ascii_case("close"))
    }
}

fn read_more(stream: &mut impl Read, pending: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer)?;
    pending.extend_from_slice(&buffer[..read]);
    Ok(read > 0)
}

fn invalid(problem: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_string())
}

/// Framing of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    #[default]
    Counted,
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Delivery of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of it is sent.
    Whole,
    /// This many bytes are sent, then the connection closes.
    Cut(usize),
    /// This many bytes are sent, then nothing more.
    Stall(usize),
}

/// A response to be written.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    pub(crate) delivery: Delivery,
    /// The connection ends after this response.
    pub(crate) close: bool,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            framing: Framing::Counted,
            delivery: Delivery::Whole,
            close: false,
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_header(name, value);
        self
    }

    /// Sets a header in place of any of that name.
    pub(crate) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.remove_header(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn remove_header(&mut self, name: &str) {
        self.headers
            .retain(|(each, _)| !each.eq_ignore_ascii_case(name));
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The part of the body that is delivered.
    pub(crate) fn sent(&self) -> &[u8] {
        match self.delivery {
            Delivery::Whole => &self.body,
            Delivery::Cut(at) | Delivery::Stall(at) => &self.body[..at.min(self.body.len())],
        }
    }

    /// Returns true for a metrics page.
    pub(crate) fn is_exposition(&self) -> bool {
        self.header("Content-Type")
            .is_some_and(|value| value.starts_with("text/plain; version="))
    }

    /// Writes the head and as much of the body as is delivered.
    pub(crate) fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut out = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\n",
            self.status,
            reason(self.status),
            httpdate::fmt_http_date(SystemTime::now())
        );
        for (name, value) in &self.headers {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        match self.framing {
            // What follows is another protocol, until the connection ends.
            _ if self.status == 101 => {}
            Framing::Counted => {
                let _ = write!(out, "Content-Length: {}\r\n", self.body.len());
            }
            Framing::Chunked => out.push_str("Transfer-Encoding: chunked\r\n"),
        }
        if self.close && self.status != 101 {
            out.push_str("Connection: close\r\n");
        }
        out.push_str("\r\n");

        let mut out = out.into_bytes();
        match self.framing {
            Framing::Counted => out.extend_from_slice(self.sent()),
            Framing::Chunked => {
                for chunk in self.sent().chunks(CHUNK_BYTES) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                if self.delivery == Delivery::Whole {
                    out.extend_from_slice(b"0\r\n\r\n");
                }
            }
        }
        stream.write_all(&out)?;
        stream.flush()
    }
}

fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    known
        .and_then(|code| code.canonical_reason())
        .unwrap_or("Status")
}

/// Decodes `%41` and, in a query, `+`. None for a bad escape or bad UTF-8.
pub(crate) fn percent_decode(text: &str, in_query: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b'+' if in_query => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Option<Request>> {
        Request::read(&mut text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn pipelined_requests_are_read_in_order() {
        let mut stream = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\n\
                          Content-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\n\r\n"
            .as_bytes();
        let mut pending = Vec::new();
        let mut targets = Vec::new();
        while let Some(request) = Request::read(&mut stream, &mut pending).expect("requests") {
            targets.push(request.target);
        }
        assert_eq!(targets, ["/a", "/b", "/c"]);
    }

    #[test]
    fn what_is_not_http_1_1_is_refused() {
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\nnonsense\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(read("GET / HT").expect("cut short"), None);
    }

    #[test]
    fn gzip_acceptance_is_negotiated() {
        for (header, accepted) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let text = format!("GET / HTTP/1.1\r\nAccept-Encoding: {header}\r\n\r\n");
            let request = read(&text).expect("a request").expect("not the end");
            assert_eq!(request.accepts_gzip(), accepted, "{header:?}");
        }
    }

    #[test]
    fn cut_bodies_promise_more_than_sent() {
        let mut response = Response::new(200, "text/plain", "0123456789");
        response.delivery = Delivery::Cut(4);
        let written = |response: &Response| {
            let mut out = Vec::new();
            response.write(&mut out).expect("writing to memory");
            String::from_utf8(out).expect("text")
        };
        let counted = written(&response);
        assert!(counted.contains("Content-Length: 10\r\n"), "{counted}");
        assert!(counted.ends_with("\r\n\r\n0123"), "{counted}");
        response.framing = Framing::Chunked;
        let chunked = written(&response);
        assert!(chunked.ends_with("\r\n\r\n4\r\n0123\r\n"), "{chunked}");
        response.delivery = Delivery::Whole;
        let whole = written(&response);
        assert!(whole.ends_with("a\r\n0123456789\r\n0\r\n\r\n"), "{whole}");
    }

    #[test]
    fn bad_url_escapes_are_refused() {
        assert_eq!(
            percent_decode("a%2Cb%21%3D+c", true).as_deref(),
            Some("a,b!= c")
        );
        assert_eq!(percent_decode("a+b", false).as_deref(), Some("a+b"));
        assert_eq!(percent_decode("%zz", true), None);
        assert_eq!(percent_decode("%4", true), None);
        assert_eq!(percent_decode("%ff", true), None);
    }
}
