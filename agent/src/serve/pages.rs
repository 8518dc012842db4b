//! The pages of the port. All come from the shared state: no request causes one to the backend or
//! to a sink.

use std::fmt::Write;
use std::time::Instant;

use contract::path;
use runtime::VERSION;
use runtime::health;
use webserver::{Request, Response};

use super::shared::Shared;
use analysis::report::Report;
use report::summary::summary;
use report::{Format, Style, media_type};

const HTML: &str = "text/html; charset=utf-8";

/// The policy of pages: no script, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const NO_REPORT: &str = "no report yet, or the last one is too old\n";

/// Answers a request.
pub(super) fn answer(request: &Request, shared: &Shared, style: Style) -> Response {
    if let Some(refusal) = request.refuse_method(false) {
        return refusal;
    }
    let path = request.path.as_str();
    let report = shared.report(Instant::now());
    if let Some((status, text)) =
        health::answer(path, || report.as_ref().map(|_| ()).ok_or(NO_REPORT))
    {
        return Response::text(status, text);
    }
    match path {
        path::METRICS => {
            let accept = request.header("accept").unwrap_or_default();
            let format = exposition::write::Format::negotiate(accept);
            let exposition = shared.exposition(format, Instant::now());
            Response::new(200, format.content_type(), exposition).with("Vary", "Accept")
        }
        "/" => page(index(report.as_deref())),
        other => match format_at(other) {
            Some(format) => report.map_or_else(
                || Response::text(503, NO_REPORT),
                |report| {
                    let text = report::render(&report, format, style);
                    match media_type(format) {
                        HTML => page(text),
                        media_type => Response::new(200, media_type, text),
                    }
                },
            ),
            None => Response::text(404, format!("not found; see {} or /\n", path::METRICS)),
        },
    }
}

fn page(html: String) -> Response {
    Response::new(200, HTML, html).with("Content-Security-Policy", POLICY)
}

/// Returns the format of the report at a path such as `/report.json`.
fn format_at(path: &str) -> Option<Format> {
    let extension = path.strip_prefix(path::REPORT)?.strip_prefix('.')?;
    let mut all = Format::ALL.iter().copied();
    all.find(|format| report::extension(*format) == extension)
}

fn index(report: Option<&Report>) -> String {
    // Only numbers: nothing in it has a meaning in HTML.
    let summary = report.map_or("no report yet".to_owned(), summary);
    let mut links = String::new();
    let reports = Format::ALL
        .iter()
        .map(|format| format!("{}.{}", path::REPORT, report::extension(*format)));
    let others = [path::METRICS, path::LIVEZ, path::READYZ].map(str::to_owned);
    for link in reports.chain(others) {
        // Writing to a String cannot fail.
        let _ = write!(links, "<li><a href=\"{}\">{link}</a></li>", &link[1..]);
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>k8s-ai-agent</title><h1>k8s-ai-agent {VERSION}</h1>\
         <p>{summary}.</p><ul>{links}</ul></html>\n",
    )
}
