//! Requests to a live cluster, and the table that [`preflight`] prints.
//!
//! Read-only: a person reads the table, a pipeline the exit code.

mod kubelets;
pub mod preflight;

use std::fmt;
use std::time::Duration;

use http::Request;
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Client, Error};
use serde_json::Value;

use crate::builder::Problem;

/// Deadline of a request.
const DEADLINE: Duration = Duration::from_secs(15);

/// Verdict on a check, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Worth knowing; no obstacle.
    Note,
    /// An obstacle.
    Bad,
}

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The verdict.
    pub verdict: Verdict,
    /// The subject of the check.
    pub subject: String,
    /// The finding.
    pub found: String,
}

impl Row {
    /// Returns a row of these.
    pub fn new(verdict: Verdict, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict,
            subject: subject.into(),
            found: found.into(),
        }
    }
}

/// Results of all checks, as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Row>);

impl Report {
    /// Returns whether a row is bad.
    pub fn is_bad(&self) -> bool {
        self.0.iter().any(|row| row.verdict == Verdict::Bad)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .0
            .iter()
            .map(|row| row.subject.chars().count())
            .max()
            .unwrap_or(0);
        for row in &self.0 {
            let verdict = match row.verdict {
                Verdict::Fine => "ok",
                Verdict::Note => "note",
                Verdict::Bad => "BAD",
            };
            writeln!(f, "{verdict:<4}  {:<width$}  {}", row.subject, row.found)?;
        }
        Ok(())
    }
}

/// The reason why there is no report.
#[derive(Debug)]
pub enum Failure {
    /// The cluster cannot be reached: no configuration, no connection, no answer in time.
    Unreachable(String),
    /// The objects cannot be built.
    Source(Problem),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "cannot reach the cluster: {why}"),
            Self::Source(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Source(problem)
    }
}

/// An answer of the API server: JSON, or a refusal.
type Answer = Result<Value, Refusal>;

/// An answer with a status other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    code: u16,
    message: String,
}

/// Sends one request within the deadline; a refusal is an answer too.
async fn send(
    client: &Client,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Result<Answer, Failure> {
    let request = request
        .body(body)
        .map_err(|error| Failure::Unreachable(error.to_string()))?;
    match tokio::time::timeout(DEADLINE, client.request_text(request)).await {
        Err(_) => Err(Failure::Unreachable(format!(
            "no answer within {} s",
            DEADLINE.as_secs()
        ))),
        Ok(Ok(text)) => serde_json::from_str(&text)
            .map(Ok)
            .map_err(|error| Failure::Unreachable(format!("the answer is not JSON: {error}"))),
        Ok(Err(Error::Api(status))) => Ok(Err(Refusal {
            code: status.code,
            message: status.message,
        })),
        Ok(Err(error)) => Err(Failure::Unreachable(chain(&error))),
    }
}

async fn get(client: &Client, path: &str) -> Result<Answer, Failure> {
    send(client, Request::get(path), Vec::new()).await
}

/// Returns an error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Returns the kind of an object as the API names it: group and plural.
fn resource(tree: &Value) -> Option<ApiResource> {
    let types: TypeMeta = serde_json::from_value(tree.clone()).ok()?;
    let kind = GroupVersionKind::try_from(&types).ok()?;
    Some(ApiResource::from_gvk(&kind))
}
