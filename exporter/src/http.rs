//! The open port: `/metrics`, `/livez`, `/readyz`, `/api/v1/query_range` and an
//! index page. Serves what is on the board; never causes a request upstream.

use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use contract::path;
use exposition::write::Format;
use webconfig::WebConfig;
use webserver::{Limits, Method, Request, Response, Server};

use crate::board::Board;
use crate::history::{BadQuery, RangeQuery};

mod matrix;

use matrix::Matrix;

/// Serves `board` on a port.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    protection: WebConfig,
    board: &Arc<Board>,
) -> io::Result<Server> {
    let board = Arc::clone(board);
    let policy = move || protection.policy();
    Server::start(listener, Limits::default(), policy, move |request| {
        answer(request, &board)
    })
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

fn answer(request: &Request, board: &Arc<Board>) -> Response {
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

fn query_range(board: &Arc<Board>, parameters: &[(String, String)]) -> Response {
    if board.history.is_none() {
        return prometheus_error(
            404,
            "not_found",
            "this exporter keeps no history; start it with --history=6h, or ask a Prometheus",
        );
    }
    match RangeQuery::parse(parameters) {
        Ok(query) => Response::streamed(200, JSON, Matrix::new(Arc::clone(board), query)),
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
