//! The open port: `/metrics`, `/livez`, `/readyz`, `/api/v1/query_range` and an
//! index page. Serves what is on the board; never causes a request upstream.

use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use contract::path;
use publish::Format;
use webserver::{Limits, Method, Protection, Request, Response, Server};

use crate::board::{Board, lock};
use crate::history::{Answered, BadQuery, RangeQuery};
use crate::reading::Millis;

/// Serves `board` on a port.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    protection: Protection,
    board: &Arc<Board>,
) -> io::Result<Server> {
    let board = Arc::clone(board);
    Server::start(listener, Limits::default(), protection, move |request| {
        answer(request, &board)
    })
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

fn answer(request: &Request, board: &Board) -> Response {
    let allowed = match request.path.as_str() {
        path::QUERY_RANGE => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    match request.path.as_str() {
        path::QUERY_RANGE if request.reads() || request.method == Method::Post => {
            query_range(board, &request.parameters())
        }
        _ if !request.reads() => {
            Response::text(405, format!("expected one of: {allowed}\n")).with("Allow", allowed)
        }
        path::METRICS => {
            let format = Format::negotiate(request.header("accept").unwrap_or_default());
            Response::new(200, format.content_type(), board.exposition(format))
                .with("Vary", "Accept")
        }
        path::LIVEZ => Response::text(200, "ok\n"),
        path::READYZ if board.is_ready() => Response::text(200, "ok\n"),
        path::READYZ => Response::text(503, "no core series is known now\n"),
        "/" => Response::new(200, HTML, index(board)),
        _ => Response::text(404, format!("not here; see {} or /\n", path::METRICS)),
    }
}

fn index(board: &Board) -> String {
    let mut nodes = String::new();
    for node in board.nodes().iter() {
        // A node name has no character that HTML gives a meaning.
        let _ = write!(nodes, "<li>{}</li>", node.name);
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

fn query_range(board: &Board, parameters: &[(String, String)]) -> Response {
    let Some(history) = &board.history else {
        return prometheus_error(
            404,
            "not_found",
            "this exporter keeps no history; start it with --history=6h, or ask a Prometheus",
        );
    };
    match RangeQuery::parse(parameters) {
        Ok(query) => Response::new(200, JSON, matrix(lock(history).answer(&query))),
        Err(BadQuery { .. }) if parameters.is_empty() => prometheus_error(
            400,
            "bad_data",
            "expected the parameters query, start, end and step",
        ),
        Err(error) => prometheus_error(400, "bad_data", &error.to_string()),
    }
}

/// An error in the form of Prometheus's HTTP API.
fn prometheus_error(status: u16, kind: &str, message: &str) -> Response {
    let body = serde_json::json!({"status": "error", "errorType": kind, "error": message});
    Response::new(status, JSON, format!("{body}\n"))
}

/// A matrix in the form of Prometheus's HTTP API.
fn matrix(series: impl Iterator<Item = Answered>) -> String {
    let mut json = String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
    // Writing to a String cannot fail.
    for (index, (identity, values)) in series.enumerate() {
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
