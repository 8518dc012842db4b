//! A request's head: bytes -> what they ask for, or the status that says why not.
//!
//! Pure. Grammar: RFC 9112 by way of `httparse`; what that leaves open is decided here.

use crate::request::{Method, Request};

/// Header lines of one request.
const MAX_HEADERS: usize = 64;

/// Why a request is not answered by the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The answer's status.
    pub(crate) status: u16,
    /// The answer's text.
    pub(crate) text: &'static str,
}

impl Refusal {
    pub(crate) const fn new(status: u16, text: &'static str) -> Self {
        Self { status, text }
    }
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Counted(usize),
    /// With its last chunk.
    Chunked,
}

/// A head, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The request, its body yet to come.
    pub(crate) request: Request,
    pub(crate) framing: Framing,
    /// Whether the client waits for leave to send the body.
    pub(crate) expects_continue: bool,
    /// Whether the connection ends after the answer.
    pub(crate) close: bool,
    /// Whether the client understands chunks: since HTTP/1.1.
    pub(crate) takes_chunks: bool,
}

/// Where a head ends, if all of it is there: behind the first empty line.
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

/// Reads a complete head.
pub(crate) fn parse(bytes: &[u8]) -> Result<Head, Refusal> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut lines);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(MALFORMED),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::new(431, "expected at most 64 header lines\n"));
        }
        Err(httparse::Error::Version) => {
            return Err(Refusal::new(505, "expected HTTP/1.1 or HTTP/1.0\n"));
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
        return Err(Refusal::new(400, "expected one Host header\n"));
    }
    Ok(Head {
        framing: framing(&request, minor)?,
        expects_continue: expects_continue(&request, minor)?,
        close: minor == 0 || names(&request, "connection", "close"),
        takes_chunks: minor > 0,
        request,
    })
}

const MALFORMED: Refusal = Refusal::new(400, "expected an HTTP/1.1 request\n");

fn parse_method(name: &str) -> Result<Method, Refusal> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Ok(Method::Other),
        _ => Err(Refusal::new(501, "expected GET, HEAD or POST\n")),
    }
}

/// The path and query of a target, which may be a whole URL, as to a proxy.
fn origin_form(target: &str) -> &str {
    match target.split_once("://") {
        Some(("http" | "https", rest)) => rest
            .find(['/', '?'])
            .map_or("/", |authority| &rest[authority..]),
        _ => target,
    }
}

/// Whether the header, a list, has this word.
fn names(request: &Request, header: &str, word: &str) -> bool {
    request.header(header).is_some_and(|list| {
        list.split(',')
            .any(|each| each.trim().eq_ignore_ascii_case(word))
    })
}

/// How the body ends. Whatever two servers might read in two ways is refused: it is how
/// requests are smuggled past a proxy.
fn framing(request: &Request, minor: u8) -> Result<Framing, Refusal> {
    let length = request.header("content-length");
    if let Some(coding) = request.header("transfer-encoding") {
        if length.is_some() || minor == 0 {
            return Err(Refusal::new(
                400,
                "expected Content-Length or, in HTTP/1.1, Transfer-Encoding\n",
            ));
        }
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(Refusal::new(501, "expected Transfer-Encoding: chunked\n"));
        }
        return Ok(Framing::Chunked);
    }
    let Some(length) = length else {
        return Ok(Framing::Counted(0));
    };
    let mut lengths = length.split(',').map(str::trim);
    let first = lengths.next().unwrap_or_default();
    let bad = Refusal::new(400, "expected one number as Content-Length\n");
    if first.is_empty() || !first.bytes().all(|b| b.is_ascii_digit()) || lengths.any(|l| l != first)
    {
        return Err(bad);
    }
    // Digits alone, so what does not fit is too large for us in any case.
    Ok(Framing::Counted(first.parse().unwrap_or(usize::MAX)))
}

fn expects_continue(request: &Request, minor: u8) -> Result<bool, Refusal> {
    match request.header("expect") {
        None => Ok(false),
        Some(expected) if expected.eq_ignore_ascii_case("100-continue") => Ok(minor == 1),
        Some(_) => Err(Refusal::new(417, "expected no Expect but 100-continue\n")),
    }
}
