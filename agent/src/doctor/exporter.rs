//! The exporter's own series: which endpoints of which nodes it cannot read, since
//! when, and why.
//!
//! In scope: the queries, and their answers as findings with a fix. Out of scope: what
//! reports miss because of it.

use std::collections::BTreeMap;

use contract::{Reason, label, series};
use promql::{QueryError, VectorSample};
use quantity::{Timestamp, age};
use text::plural;

use super::check::{Check, listed, note, ok, problem};
use super::subject::Subject;

/// Name of the checks.
pub(super) const NAME: &str = "exporter";

/// How far back failures are counted: an endpoint that keeps failing is asked once in
/// five minutes at least.
const ERRORS_OVER: &str = "15m";

/// Failures within that time from which an endpoint that is read again is worth a note.
const FLAPPING: f64 = 3.0;

/// An endpoint with failed scrapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// Name of the node; empty for a list that is asked once for all nodes.
    pub node: String,
    /// Its label, one of [`contract::Endpoint::ALL`].
    pub endpoint: String,
    /// Whether its last scrape failed.
    pub is_down: bool,
    /// The last scrape that did not fail; `None` if there was none.
    pub last_success: Option<Timestamp>,
    /// Failures over the last 15 minutes by reason, the most frequent first; of an endpoint
    /// that is down without any in that time, all since the exporter started.
    pub reasons: Vec<(String, f64)>,
}

type Key = (String, String);

/// Asks for endpoints in trouble: two small queries, and one more if any is down.
///
/// # Errors
/// When the backend does not answer.
pub(super) fn troubles(
    ask: impl Fn(&str) -> Result<Vec<VectorSample>, QueryError>,
) -> Result<Vec<Trouble>, QueryError> {
    let pair = format!("{}, {}", label::NODE, label::ENDPOINT);
    // The other reasons leave out lines of a scrape that goes on.
    let errors = format!(
        "{}{{{}!~\".+_(line|sample)\"}}",
        series::SCRAPE_ERRORS.name,
        label::REASON
    );
    let triple = format!("{pair}, {}", label::REASON);
    let down = format!("max by ({pair}) ({}) == 0", series::UP.name);
    let mut troubles: BTreeMap<Key, Trouble> = BTreeMap::new();
    for sample in ask(&down)? {
        let (key, _) = named(sample);
        let trouble = Trouble::new(&key, true);
        troubles.insert(key, trouble);
    }
    let recent = format!("sum by ({triple}) (increase({errors}[{ERRORS_OVER}])) > 0");
    let counted = match troubles.is_empty() {
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
        let trouble = troubles
            .entry(key.clone())
            .or_insert_with(|| Trouble::new(&key, false));
        trouble.reasons.push((reason, failures));
    }
    if troubles.values().any(|trouble| trouble.is_down) {
        let last = series::LAST_SUCCESS.name;
        for sample in ask(&format!(
            "max by ({pair}) ({last}) and on ({pair}) ({down})"
        ))? {
            let at = sample.value;
            let (key, _) = named(sample);
            if let Some(trouble) = troubles.get_mut(&key) {
                trouble.last_success = at.is_finite().then(|| Timestamp::from_unix(at as i64));
            }
        }
    }
    let mut troubles: Vec<Trouble> = troubles.into_values().collect();
    for trouble in &mut troubles {
        trouble.reasons.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    troubles.retain(|trouble| trouble.is_down || trouble.failures() >= FLAPPING);
    Ok(troubles)
}

/// Node and endpoint of a sample, and its reason if it has one.
fn named(mut sample: VectorSample) -> (Key, String) {
    let mut take = |name| sample.labels.remove(name).unwrap_or_default();
    (
        (take(label::NODE), take(label::ENDPOINT)),
        take(label::REASON),
    )
}

impl Trouble {
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

/// The findings about a `subject` that counts the exporter's series by node: none where
/// the backend has none of them.
pub(super) fn checks(
    subject: &Subject,
    troubles: &Result<Vec<Trouble>, String>,
    at: Timestamp,
) -> Vec<Check> {
    let nodes = match &subject.found {
        Ok(found) if found.nodes.is_empty() && found.without_node == 0 => return Vec::new(),
        Ok(found) => found.nodes.len(),
        Err(error) => return vec![unanswered(&subject.query, error)],
    };
    let troubles = match troubles {
        Ok(troubles) => troubles,
        Err(error) => return vec![unanswered(&subject.query, error)],
    };
    if troubles.is_empty() {
        let message = format!("it reads every endpoint of {}", plural(nodes, "node"));
        return vec![ok(NAME, message)];
    }
    let mut alike: BTreeMap<(bool, &str, &str), Vec<&Trouble>> = BTreeMap::new();
    for trouble in troubles {
        let key = (
            !trouble.is_down,
            trouble.endpoint.as_str(),
            trouble.reason(),
        );
        alike.entry(key).or_default().push(trouble);
    }
    let check = |((is_read, endpoint, reason), alike): (_, Vec<&Trouble>)| {
        let each: Vec<String> = alike.iter().map(|trouble| trouble.words(at)).collect();
        let each = listed(&each);
        let of = match alike[0].node.is_empty() {
            true => "of the cluster".to_owned(),
            false => format!("of {} of {}", alike.len(), plural(nodes, "node")),
        };
        if is_read {
            let message =
                format!("endpoint {endpoint} {of} is read, but often fails ({reason}): {each}");
            note(NAME, message, fix(reason))
        } else {
            let message = format!("endpoint {endpoint} {of} cannot be read ({reason}): {each}");
            problem(NAME, message, fix(reason))
        }
    };
    alike.into_iter().map(check).collect()
}

fn unanswered(query: &str, error: &str) -> Check {
    let message = format!("{query:?} could not be asked: {error}");
    problem(NAME, message, "the error names the reason")
}

impl Trouble {
    /// `worker-1 since 2026-11-25T18:00:12Z (12m ago)`.
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

/// The fix for a reason, one of [`Reason::ALL`] or of a later release.
fn fix(reason: &str) -> String {
    match Reason::ALL.iter().find(|known| known.name() == reason) {
        Some(known) => format!("{}: {}", known.meaning(), known.next_step()),
        None => {
            "the exporter's log names the reason: `kubectl logs -l app=k8s-ai-exporter`".to_owned()
        }
    }
}
