//! Parser of request heads: bytes to a request, or to the status of its refusal. Pure.
//!
//! The grammar is that of RFC 9112, read by `httparse`; this module decides the rest.

use crate::request::{Method, Request};

/// Maximum number of header lines.
const MAX_HEADERS: usize = 64;

/// The refusal of an invalid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// The response's status, 400 to 599.
    pub status: u16,
    /// The response's text: the expected form, in one line.
    pub text: &'static str,
}

impl Rejection {
    pub(crate) const fn new(status: u16, text: &'static str) -> Self {
        Self { status, text }
    }
}

/// The framing of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(usize),
    /// By its last chunk.
    Chunked,
}

/// A parsed head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The request, with an empty body.
    pub(crate) request: Request,
    pub(crate) framing: Framing,
    /// True if the client waits for status 100 before it sends the body.
    pub(crate) expects_continue: bool,
    /// True if the connection ends after the response.
    pub(crate) close: bool,
    /// True if the client accepts chunks: since HTTP/1.1.
    pub(crate) takes_chunks: bool,
}

/// Returns the length of a head with the empty line that ends it; `None` if it is incomplete.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    while let Some(length) = bytes[line_start..].iter().position(|b| *b == b'\n') {
        let line = &bytes[line_start..line_start + length];
        line_start += length + 1;
        if line.is_empty() || line == b"\r" {
            return Some(line_start);
        }
    }
    None
}

/// Parses a complete head.
pub(crate) fn parse(bytes: &[u8]) -> Result<Head, Rejection> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut lines);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(MALFORMED),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Rejection::new(431, "expected at most 64 header lines\n"));
        }
        Err(httparse::Error::Version) => {
            return Err(Rejection::new(505, "expected HTTP/1.1 or HTTP/1.0\n"));
        }
        Err(_) => return Err(MALFORMED),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(MALFORMED);
    };
    let method = parse_method(method)?;
    let target = origin_form(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::with_capacity(parsed.headers.len()),
        body: Vec::new(),
    };
    let mut hosts = 0;
    for line in parsed.headers.iter() {
        hosts += usize::from(line.name.eq_ignore_ascii_case("host"));
        let value = String::from_utf8_lossy(line.value);
        let known = request
            .headers
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(line.name));
        match known {
            Some((_, values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            None => request
                .headers
                .push((line.name.to_owned(), value.into_owned())),
        }
    }
    if hosts > 1 || (hosts == 0 && minor == 1) {
        return Err(Rejection::new(400, "expected one Host header\n"));
    }
    Ok(Head {
        framing: framing(&request, minor)?,
        expects_continue: expects_continue(&request, minor)?,
        close: minor == 0 || lists(&request, "connection", "close"),
        takes_chunks: minor > 0,
        request,
    })
}

const MALFORMED: Rejection = Rejection::new(400, "expected an HTTP/1.1 request\n");

fn parse_method(name: &str) -> Result<Method, Rejection> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Ok(Method::Other),
        _ => Err(Rejection::new(501, "expected GET, HEAD or POST\n")),
    }
}

/// Returns the path and query of a target, which may be a whole URL, as sent to a proxy.
fn origin_form(target: &str) -> &str {
    match target.split_once("://") {
        Some(("http" | "https", rest)) => rest
            .find(['/', '?'])
            .map_or("/", |authority| &rest[authority..]),
        _ => target,
    }
}

/// Returns whether the header's list contains this word.
fn lists(request: &Request, header: &str, word: &str) -> bool {
    request.header(header).is_some_and(|list| {
        list.split(',')
            .any(|each| each.trim().eq_ignore_ascii_case(word))
    })
}

/// Returns the framing of the body. Ambiguous framing is refused: it is used to smuggle
/// requests past a proxy.
fn framing(request: &Request, minor: u8) -> Result<Framing, Rejection> {
    let length = request.header("content-length");
    if let Some(coding) = request.header("transfer-encoding") {
        if length.is_some() || minor == 0 {
            return Err(Rejection::new(
                400,
                "expected Content-Length or, in HTTP/1.1, Transfer-Encoding\n",
            ));
        }
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(Rejection::new(501, "expected Transfer-Encoding: chunked\n"));
        }
        return Ok(Framing::Chunked);
    }
    let Some(length) = length else {
        return Ok(Framing::Length(0));
    };
    let mut lengths = length.split(',').map(str::trim);
    let first = lengths.next().unwrap_or_default();
    let bad = Rejection::new(400, "expected one number as Content-Length\n");
    if first.is_empty() || !first.bytes().all(|b| b.is_ascii_digit()) || lengths.any(|l| l != first)
    {
        return Err(bad);
    }
    // Only digits, so what does not fit is too large in any case.
    Ok(Framing::Length(first.parse().unwrap_or(usize::MAX)))
}

fn expects_continue(request: &Request, minor: u8) -> Result<bool, Rejection> {
    match request.header("expect") {
        None => Ok(false),
        Some(expected) if expected.eq_ignore_ascii_case("100-continue") => Ok(minor == 1),
        Some(_) => Err(Rejection::new(417, "expected Expect: 100-continue\n")),
    }
}
