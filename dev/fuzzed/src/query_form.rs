//! The form of a range query to the exporter's history.

use k8s_ai_exporter::history::RangeQuery;
use webserver::{Method, Request};

/// A query has a bounded number of steps in rising order; a refusal is one line.
pub(crate) fn check(bytes: &[u8]) {
    let request = Request {
        method: Method::Post,
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: bytes.to_vec(),
    };
    match RangeQuery::parse(&request.parameters()) {
        Ok(query) => {
            let steps: Vec<_> = query.steps().collect();
            assert!((1..=11_000).contains(&steps.len()));
            assert!(steps.is_sorted_by(|a, b| a < b));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}
