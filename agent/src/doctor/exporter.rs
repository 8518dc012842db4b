//! The exporter's own series: the endpoints that it cannot read, since when, and why.
//!
//! In scope: the queries, and their answers as findings with a fix. Out of scope: the effect on
//! reports.

use std::collections::BTreeMap;

use contract::{Reason, label, series};
use promql::{QueryError, VectorSample};
use quantity::{Timestamp, age};
use text::plural;

use super::check::{Check, listed};
use super::subject::Subject;

/// The name of the checks.
pub(super) const NAME: &str = "exporter";

/// The time range over which failures are counted: an endpoint that keeps failing is read at least
/// once in five minutes.
const ERRORS_OVER: &str = "15m";

/// The number of failures in that range from which on a note is made of an endpoint that is read
/// again.
const FLAPPING: f64 = 3.0;

/// An endpoint with failed scrapes.
#[derive(Debug, Clone, PartialEq)]
pub struct FailingEndpoint {
    /// The node's name; empty for a list of all nodes.
    pub node: String,
    /// The label of the endpoint, one of [`contract::Endpoint::ALL`].
    pub endpoint: String,
    /// Set if its last scrape failed.
    pub is_down: bool,
    /// The time of the last successful scrape; `None` if there was none.
    pub last_success: Option<Timestamp>,
    /// Failures over the last 15 minutes by reason, the most frequent first; of an endpoint
    /// that is down without any in that time, all since the exporter started.
    pub reasons: Vec<(String, f64)>,
}

type Key = (String, String);

/// Queries for failing endpoints: two small queries, and one more if any is down.
///
/// # Errors
/// When the backend does not answer.
pub(super) fn failing(
    ask: impl Fn(&str) -> Result<Vec<VectorSample>, QueryError>,
) -> Result<Vec<FailingEndpoint>, QueryError> {
    let pair = format!("{}, {}", label::NODE, label::ENDPOINT);
    // The other reasons leave out lines, not the scrape.
    let errors = format!(
        "{}{{{}!~\".+_(line|sample)\"}}",
        series::SCRAPE_ERRORS.name,
        label::REASON
    );
    let triple = format!("{pair}, {}", label::REASON);
    let down = format!("max by ({pair}) ({}) == 0", series::UP.name);
    let mut failing: BTreeMap<Key, FailingEndpoint> = BTreeMap::new();
    for sample in ask(&down)? {
        let (key, _) = named(sample);
        let endpoint = FailingEndpoint::new(&key, true);
        failing.insert(key, endpoint);
    }
    let recent = format!("sum by ({triple}) (increase({errors}[{ERRORS_OVER}])) > 0");
    let counted = match failing.is_empty() {
        true => recent,
        false => format!(
            "{recent} or on ({pair}) (max by ({triple}) ({errors}) and on ({pair}) ({down}))"
        ),
    };
    for sample in ask(&counted)? {
        let failures = sample.value;
        if !failures.is_finite() {
            continue;
        }
        let (key, reason) = named(sample);
        let endpoint = failing
            .entry(key.clone())
            .or_insert_with(|| FailingEndpoint::new(&key, false));
        endpoint.reasons.push((reason, failures));
    }
    if failing.values().any(|endpoint| endpoint.is_down) {
        let last = series::LAST_SUCCESS.name;
        for sample in ask(&format!(
            "max by ({pair}) ({last}) and on ({pair}) ({down})"
        ))? {
            let at = sample.value;
            let (key, _) = named(sample);
            if let Some(endpoint) = failing.get_mut(&key) {
                endpoint.last_success = at.is_finite().then(|| Timestamp::from_unix(at as i64));
            }
        }
    }
    let mut failing: Vec<FailingEndpoint> = failing.into_values().collect();
    for endpoint in &mut failing {
        endpoint.reasons.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    failing.retain(|endpoint| endpoint.is_down || endpoint.failures() >= FLAPPING);
    Ok(failing)
}

/// Returns node and endpoint of a sample, and its reason if it has one.
fn named(mut sample: VectorSample) -> (Key, String) {
    let mut take = |name| sample.labels.remove(name).unwrap_or_default();
    (
        (take(label::NODE), take(label::ENDPOINT)),
        take(label::REASON),
    )
}

impl FailingEndpoint {
    fn new((node, endpoint): &Key, is_down: bool) -> Self {
        Self {
            node: node.clone(),
            endpoint: endpoint.clone(),
            is_down,
            last_success: None,
            reasons: Vec::new(),
        }
    }

    fn failures(&self) -> f64 {
        self.reasons.iter().map(|(_, failures)| failures).sum()
    }

    fn reason(&self) -> &str {
        let first = self.reasons.first();
        first.map_or("unknown", |(reason, _)| reason)
    }
}

/// Returns the findings about a `subject` that counts the exporter's series by node: none where the
/// backend has none of them.
pub(super) fn checks(
    subject: &Subject,
    failing: &Result<Vec<FailingEndpoint>, String>,
    at: Timestamp,
) -> Vec<Check> {
    let nodes = match &subject.found {
        Ok(found) if found.nodes.is_empty() && found.without_node == 0 => return Vec::new(),
        Ok(found) => found.nodes.len(),
        Err(error) => return vec![unanswered(&subject.query, error)],
    };
    let failing = match failing {
        Ok(failing) => failing,
        Err(error) => return vec![unanswered(&subject.query, error)],
    };
    if failing.is_empty() {
        let message = format!(
            "the exporter reads every endpoint of {}",
            plural(nodes, "node")
        );
        return vec![Check::ok(NAME, message)];
    }
    let mut alike: BTreeMap<(bool, &str, &str), Vec<&FailingEndpoint>> = BTreeMap::new();
    for endpoint in failing {
        let key = (
            !endpoint.is_down,
            endpoint.endpoint.as_str(),
            endpoint.reason(),
        );
        alike.entry(key).or_default().push(endpoint);
    }
    let check = |((is_read, endpoint, reason), alike): (_, Vec<&FailingEndpoint>)| {
        let each: Vec<String> = alike.iter().map(|endpoint| endpoint.words(at)).collect();
        let each = listed(&each);
        let of = match alike[0].node.is_empty() {
            true => "of the cluster".to_owned(),
            false => format!("of {} of {}", alike.len(), plural(nodes, "node")),
        };
        if is_read {
            let message =
                format!("endpoint {endpoint} {of} is read, but often fails ({reason}): {each}");
            Check::note(NAME, message, fix(reason))
        } else {
            let message = format!("endpoint {endpoint} {of} cannot be read ({reason}): {each}");
            Check::problem(NAME, message, fix(reason))
        }
    };
    alike.into_iter().map(check).collect()
}

fn unanswered(query: &str, error: &str) -> Check {
    let message = format!("{query:?} could not be queried: {error}");
    Check::problem(NAME, message, "the message names the reason")
}

impl FailingEndpoint {
    /// Formats `worker-1 since 2026-11-25T18:00:12Z (12m ago)`.
    fn words(&self, at: Timestamp) -> String {
        let node = match self.node.as_str() {
            "" => "",
            node => &format!("{node} "),
        };
        match self.last_success {
            _ if !self.is_down => {
                format!("{node}{:.0} times in {ERRORS_OVER}", self.failures())
            }
            Some(last) => {
                let ago = age(at.since(last).max(0.0) as u64);
                format!("{node}since {last} ({ago} ago)")
            }
            None => format!("{node}since the exporter started"),
        }
    }
}

/// Returns the fix for a reason, one of [`Reason::ALL`] or of a later release.
fn fix(reason: &str) -> String {
    match Reason::ALL.iter().find(|known| known.name() == reason) {
        Some(known) => format!("{}: {}", known.meaning(), known.next_step()),
        None => {
            "the exporter's log names the reason: `kubectl logs -l app=k8s-ai-exporter`".to_owned()
        }
    }
}
