//! The open port: `/metrics`, `/livez`, `/readyz`, `/api/v1/query_range` and an
//! index page. Serves the shared state; never causes a request upstream.

use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use contract::path;
use exposition::write::Format;
use runtime::VERSION;
use runtime::health;
use webconfig::WebConfig;
use webserver::{Limits, Request, Response, Server};

use crate::history::{BadQuery, RangeQuery};
use crate::metrics;
use crate::state::SharedState;

mod matrix;

use matrix::Matrix;

/// Serves the shared state on a port.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    protection: WebConfig,
    shared: &Arc<SharedState>,
) -> io::Result<Server> {
    let shared = Arc::clone(shared);
    let policy = move || protection.policy();
    Server::start(listener, Limits::default(), policy, move |request| {
        answer(request, &shared)
    })
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

fn answer(request: &Request, shared: &Arc<SharedState>) -> Response {
    let path = request.path.as_str();
    if let Some(refusal) = request.refuse_method(path == path::QUERY_RANGE) {
        return refusal;
    }
    let ready = || match shared.is_ready() {
        true => Ok(()),
        false => Err("no core series is available\n"),
    };
    if let Some((status, text)) = health::answer(path, ready) {
        return Response::text(status, text);
    }
    match path {
        path::QUERY_RANGE => query_range(shared, &request.parameters()),
        path::METRICS => {
            let format = Format::negotiate(request.header("accept").unwrap_or_default());
            Response::new(
                200,
                format.content_type(),
                metrics::exposition(shared, format),
            )
            .with("Vary", "Accept")
        }
        "/" => Response::new(200, HTML, index(shared)),
        _ => Response::text(404, format!("not found; see {} or /\n", path::METRICS)),
    }
}

fn index(shared: &SharedState) -> String {
    let mut nodes = String::new();
    for node in shared.nodes().iter() {
        // A node name has no character that is special in HTML.
        let _ = write!(nodes, "<li>{}</li>", node.name);
    }
    let history = if shared.history.is_some() {
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
        VERSION,
        path::METRICS,
        path::METRICS,
        path::LIVEZ,
        path::LIVEZ,
        path::READYZ,
        path::READYZ,
    )
}

fn query_range(shared: &Arc<SharedState>, parameters: &[(String, String)]) -> Response {
    if shared.history.is_none() {
        return prometheus_error(
            404,
            "not_found",
            "this exporter keeps no history; start it with --history=6h, or query a Prometheus",
        );
    }
    match RangeQuery::parse(parameters) {
        Ok(query) => Response::streamed(200, JSON, Matrix::new(Arc::clone(shared), query)),
        Err(BadQuery { .. }) if parameters.is_empty() => prometheus_error(
            400,
            "bad_data",
            "expected the parameters query, start, end and step",
        ),
        Err(error) => prometheus_error(400, "bad_data", &error.to_string()),
    }
}

/// Returns an error in the form of Prometheus's HTTP API.
fn prometheus_error(status: u16, kind: &str, message: &str) -> Response {
    let body = serde_json::json!({"status": "error", "errorType": kind, "error": message});
    Response::new(status, JSON, format!("{body}\n"))
}
