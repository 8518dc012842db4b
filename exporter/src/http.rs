//! The open port: `/metrics`, `/livez`, `/readyz`, `/api/v1/query_range` and an
//! index page. Serves what is on the board; never causes a request upstream.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use contract::path;
use flate2::Compression;
use flate2::write::GzEncoder;
use log::debug;
use publish::Format;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::args::ListenAddress;
use crate::board::Board;
use crate::history::{Answered, BadQuery, RangeQuery};
use crate::reading::Millis;
use crate::scrape::lock;

/// Requests answered at the same time.
const WORKERS: usize = 4;

/// Longest body of a POSTed query.
const MAX_FORM_BYTES: u64 = 64 * 1024;

/// Opens the port.
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub fn listen(address: ListenAddress) -> io::Result<TcpListener> {
    match address {
        ListenAddress::One(address) => TcpListener::bind(address),
        // One IPv6 socket takes IPv4 connections too. Where the machine has no
        // IPv6 at all, IPv4 alone.
        ListenAddress::Any(port) => {
            TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).or_else(|error| {
                match error.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                    _ => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
                }
            })
        }
    }
    .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// The running server.
pub struct Serving(Arc<Server>);

/// Serves `board` on an open port until [`Serving::stop`].
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, board: &Arc<Board>) -> io::Result<Serving> {
    let server = Arc::new(Server::from_listener(listener, None).map_err(io::Error::other)?);
    for _ in 0..WORKERS {
        let (server, board) = (Arc::clone(&server), Arc::clone(board));
        thread::spawn(move || {
            // `recv` fails when `stop` wakes it.
            while let Ok(request) = server.recv() {
                handle(request, &board);
            }
        });
    }
    Ok(Serving(server))
}

impl Serving {
    /// Stops taking requests. Answers under way are finished by their threads
    /// as long as the process lives.
    pub fn stop(&self) {
        for _ in 0..WORKERS {
            self.0.unblock();
        }
    }
}

/// An answer, before its transport.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
        }
    }
}

fn handle(mut request: Request, board: &Board) {
    let url = request.url().to_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let reads = matches!(request.method(), Method::Get | Method::Head);
    let allowed = match path {
        path::QUERY_RANGE => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    let answer = match path {
        path::QUERY_RANGE if reads => query_range(board, query),
        path::QUERY_RANGE if *request.method() == Method::Post => match read_form(&mut request) {
            Ok(form) => query_range(board, &form),
            Err(answer) => answer,
        },
        _ if !reads => Answer::new(405, PLAIN, format!("expected one of: {allowed}\n")),
        path::METRICS => {
            let accept = header(&request, "accept").unwrap_or_default();
            let format = Format::negotiate(accept);
            Answer::new(200, format.content_type(), board.exposition(format))
        }
        path::LIVEZ => Answer::new(200, PLAIN, "ok\n"),
        path::READYZ if board.is_ready() => Answer::new(200, PLAIN, "ok\n"),
        path::READYZ => Answer::new(503, PLAIN, "no core series is known now\n"),
        "/" => Answer::new(200, HTML, index(board)),
        _ => Answer::new(
            404,
            PLAIN,
            format!("not here; see {} or /\n", path::METRICS),
        ),
    };
    let gzip = header(&request, "accept-encoding").is_some_and(accepts_gzip);
    if let Err(error) = send(request, answer, gzip, allowed) {
        // The client went away; nobody is left to tell.
        debug!("answer to {path}: {error}");
    }
}

/// Below this size, gzip's own head and trailer eat what it saves.
const MIN_GZIP_BYTES: usize = 512;

fn send(request: Request, answer: Answer, gzip: bool, allowed: &str) -> io::Result<()> {
    let Answer {
        status,
        content_type,
        mut body,
    } = answer;
    let compress = gzip && body.len() >= MIN_GZIP_BYTES;
    if compress {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        encoder.write_all(&body)?;
        body = encoder.finish()?;
    }
    let mut response = Response::from_data(body).with_status_code(status);
    let mut add = |name: &str, value: &str| {
        // Both are our own words: always a valid header.
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    };
    add("Content-Type", content_type);
    add("X-Content-Type-Options", "nosniff");
    add("Vary", "Accept, Accept-Encoding");
    if compress {
        add("Content-Encoding", "gzip");
    }
    if status == 405 {
        add("Allow", allowed);
    }
    request.respond(response)
}

fn header<'r>(request: &'r Request, name: &'static str) -> Option<&'r str> {
    request
        .headers()
        .iter()
        .find(|header| header.field.equiv(name))
        .map(|header| header.value.as_str())
}

/// Whether an `Accept-Encoding` header allows gzip.
fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = parameters.split(';').any(|parameter| {
            let quality = parameter.trim().to_ascii_lowercase();
            let quality = quality.strip_prefix("q=").map(str::parse::<f32>);
            quality.is_some_and(|q| q.is_ok_and(|q| q <= 0.0))
        });
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn index(board: &Board) -> String {
    let mut nodes = String::new();
    for node in &board.config.nodes {
        // A node name has no character that HTML gives a meaning.
        let _ = write!(nodes, "<li>{node}</li>");
    }
    let history = if board.history.is_some() {
        format!(
            "<li><code>{}</code>: range queries over the history</li>",
            path::QUERY_RANGE
        )
    } else {
        String::new()
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>k8s-ai-exporter</title><h1>k8s-ai-exporter {}</h1>\
         <p>CPU, memory and active pods of Kubernetes nodes.</p>\
         <ul><li><a href=\"{}\">{}</a></li><li><a href=\"{}\">{}</a></li>\
         <li><a href=\"{}\">{}</a></li>{history}</ul>\
         <p>Nodes:</p><ul>{nodes}</ul></html>\n",
        crate::VERSION,
        path::METRICS,
        path::METRICS,
        path::LIVEZ,
        path::LIVEZ,
        path::READYZ,
        path::READYZ,
    )
}

fn read_form(request: &mut Request) -> Result<String, Answer> {
    let mut form = String::new();
    let read = request
        .as_reader()
        .take(MAX_FORM_BYTES + 1)
        .read_to_string(&mut form);
    match read {
        Ok(length) if length as u64 <= MAX_FORM_BYTES => Ok(form),
        Ok(_) => Err(prometheus_error(413, "bad_data", "the form exceeds 64 KiB")),
        Err(error) => Err(prometheus_error(
            400,
            "bad_data",
            &format!("the form: {error}"),
        )),
    }
}

fn query_range(board: &Board, form: &str) -> Answer {
    let Some(history) = &board.history else {
        return prometheus_error(
            404,
            "not_found",
            "this exporter keeps no history; start it with --history=6h, or ask a Prometheus",
        );
    };
    match RangeQuery::parse(&decode_form(form)) {
        Ok(query) => Answer::new(200, JSON, matrix(&lock(history).answer(&query))),
        Err(BadQuery { .. }) if form.is_empty() => prometheus_error(
            400,
            "bad_data",
            "expected the parameters query, start, end and step",
        ),
        Err(error) => prometheus_error(400, "bad_data", &error.to_string()),
    }
}

/// An error in the form of Prometheus's HTTP API.
fn prometheus_error(status: u16, kind: &str, message: &str) -> Answer {
    let body = serde_json::json!({"status": "error", "errorType": kind, "error": message});
    Answer::new(status, JSON, format!("{body}\n"))
}

/// A matrix in the form of Prometheus's HTTP API.
fn matrix(series: &[Answered<'_>]) -> String {
    let mut json = String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
    // Writing to a String cannot fail.
    for (index, (identity, values)) in series.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(
            json,
            r#"{comma}{{"metric":{{"__name__":"{}""#,
            identity.name
        );
        for (name, value) in &identity.labels {
            let _ = write!(
                json,
                r#","{name}":{}"#,
                serde_json::Value::from(value.as_str())
            );
        }
        json.push_str(r#"},"values":["#);
        for (index, (at, value)) in values.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(json, r#"{comma}[{},"{value}"]"#, seconds(*at));
        }
        json.push_str("]}");
    }
    json.push_str("]}}\n");
    json
}

/// Unix seconds with as many decimals as they need: `1795330653.39`.
fn seconds(at: Millis) -> f64 {
    at as f64 / 1000.0
}

/// Decodes `application/x-www-form-urlencoded` pairs.
fn decode_form(form: &str) -> Vec<(String, String)> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = rest
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(match (byte, hex) {
            (b'+', _) => b' ',
            (b'%', Some(decoded)) => {
                rest = &rest[2..];
                decoded
            }
            (other, _) => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        for (accept, yes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("gzip;a=b;Q=0", false),
            ("identity", false),
            ("", false),
            ("xgzip", false),
        ] {
            assert_eq!(accepts_gzip(accept), yes, "{accept}");
        }
    }

    #[test]
    fn forms_are_decoded_and_broken_escapes_stay_as_they_are() {
        let pairs = decode_form("query=up%7Bnode%3D%22a%22%7D&start=1+2&x&y=%zz%4");
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("query", "up{node=\"a\"}"),
                ("start", "1 2"),
                ("x", ""),
                ("y", "%zz%4")
            ]
        );
    }

    #[test]
    fn every_address_is_listened_on_ipv4_through_ipv6() {
        let listener = listen(ListenAddress::Any(0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("IPv4");
        if listener.local_addr().expect("bound").is_ipv6() {
            std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("IPv6");
        }
        let error = listen(ListenAddress::Any(port)).expect_err("taken");
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot listen on :{port}: ")),
            "{error}"
        );
    }
}
