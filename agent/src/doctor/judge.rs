//! What the facts about a backend mean for reports, and what to do about it. Pure.

use std::time::Duration;

use contract::label;
use forecast::{MIN_POINTS, MIN_POINTS_FOR_TREND};
use promql::{QueryError, sampling};
use quantity::Interval;
use webclient::Failure;

use super::ask::{Answers, Duplicates, Facts, Found, Subject};
use super::{Check, Diagnosis, Outcome};
use crate::exit::Exit;
use crate::recommend::interval;
use crate::source::explain;

/// Judges from the outside in: the backend, its clock, its series, their samples.
pub fn judge(facts: &Facts) -> Diagnosis {
    let mut checks = Vec::new();
    let exit = match &facts.answers {
        Err(error) => {
            checks.push(problem("backend", explain(error), cure_of(error)));
            Exit::Backend
        }
        Ok(answers) => {
            checks.push(backend(facts, answers));
            checks.extend(plain_text(facts));
            checks.extend(clock(answers));
            checks.extend(answers.ours.iter().map(|subject| series(subject, answers)));
            checks.extend(nodes_agree(answers));
            checks.extend(answers.duplicates.iter().map(duplicates));
            if has_usage(answers) {
                checks.extend(sampled(answers));
                checks.extend(newest(facts, answers));
                checks.push(gaps(answers));
                checks.extend(shares(answers));
                checks.push(enough(facts, answers));
            }
            checks.extend(answers.kube_state.iter().map(kube_state));
            let is_problem = |check: &Check| check.result == Outcome::Problem;
            match checks.iter().any(is_problem) {
                _ if knows_no_usage(answers) => Exit::NoData,
                true => Exit::Partial,
                false => Exit::Complete,
            }
        }
    };
    Diagnosis {
        backend: facts.url.to_string(),
        at: facts.at,
        checks,
        exit,
    }
}

fn ok(name: &'static str, message: String) -> Check {
    Check {
        name,
        result: Outcome::Ok,
        message,
        cure: None,
    }
}

fn note(name: &'static str, message: String, cure: impl Into<String>) -> Check {
    Check {
        name,
        result: Outcome::Note,
        message,
        cure: Some(cure.into()),
    }
}

fn problem(name: &'static str, message: String, cure: impl Into<String>) -> Check {
    Check {
        name,
        result: Outcome::Problem,
        message,
        cure: Some(cure.into()),
    }
}

/// What to do where the first question has no answer.
fn cure_of(error: &QueryError) -> &'static str {
    match error {
        QueryError::Failure(Failure::NameNotFound { .. }) => {
            "give the service with its namespace, such as http://prometheus-operated.monitoring.svc:9090; `kubectl get services -A` lists them"
        }
        QueryError::Failure(Failure::Connect { .. }) => {
            "is the port right (Prometheus 9090, Thanos Query 9090 or 10902, Mimir 8080, VictoriaMetrics 8428 or 8481), and does a NetworkPolicy let the agent out?"
        }
        QueryError::Failure(Failure::Timeout { .. }) => {
            "does a firewall or NetworkPolicy drop the packets? A slow backend gets more time by --timeout"
        }
        QueryError::Failure(Failure::Tls { .. }) => {
            "name the authority by --ca-file, a client certificate by --client-cert-file, or write http where there is no TLS"
        }
        QueryError::Status { status, .. } => match status {
            301 | 302 | 303 | 307 | 308 => {
                "give the URL that it leads to; one that leads to a login page needs a way around the login"
            }
            401 | 403 => {
                "--bearer-token-file, --basic-auth-user with --basic-auth-password-file, or the tenant: --header 'X-Scope-OrgID: team'"
            }
            404 | 405 => {
                "add the prefix of the API to the URL: /prometheus for Mimir, /select/0/prometheus for a VictoriaMetrics cluster, or that of --web.external-url"
            }
            429 | 500.. => "is it up and not overloaded? Its own log says more",
            _ => "what it says is the reason; its own log says more",
        },
        QueryError::NotJson { .. } | QueryError::Defect(_) => {
            "something else answers there: a page, an ingress or another API. Give the URL under which /api/v1/query answers"
        }
        QueryError::Failure(_) | QueryError::OutOfTime(_) => {
            "try again; if it stays, look at what is between the agent and the backend"
        }
    }
}

fn backend(facts: &Facts, answers: &Answers) -> Check {
    let who = answers.software.as_deref().unwrap_or("a backend");
    // Milliseconds are all that anybody reads of it.
    let took = Interval(Duration::from_millis(answers.took.as_millis() as u64));
    let message = format!("{who} at {} answers within {took}", facts.url);
    match answers.ahead_seconds {
        Some(_) => ok("backend", message),
        None => ok(
            "backend",
            format!(
                "{message}; it knows range queries only, as the exporter's history does, so not everything can be looked at"
            ),
        ),
    }
}

fn plain_text(facts: &Facts) -> Option<Check> {
    (facts.sends_secret && !facts.url.is_https()).then(|| {
        note(
            "encryption",
            "credentials go to the backend unencrypted".to_owned(),
            "use https, where anybody can listen in between",
        )
    })
}

/// Clocks may differ by this much and nobody notices: a step is a minute.
const FINE_SECONDS: f64 = 5.0;
/// From here on the newest points are missing, or too new.
const BAD_SECONDS: f64 = 30.0;

fn clock(answers: &Answers) -> Option<Check> {
    let ahead = answers.ahead_seconds?;
    let uncertain = answers.took.as_secs_f64() / 2.0;
    let apart = interval(ahead.abs().round() as u64);
    let which = if ahead > 0.0 { "ahead of" } else { "behind" };
    let message = format!("the backend's clock is {apart} {which} the agent's");
    let cure = "let NTP or chrony keep both clocks; reports look at the time by the agent's";
    Some(match ahead.abs() - uncertain {
        late if late > BAD_SECONDS => problem("clock", message, cure),
        late if late > FINE_SECONDS => note("clock", message, cure),
        _ => ok("clock", "the clocks agree".to_owned()),
    })
}

fn found(subject: &Subject) -> Option<&Found> {
    subject.found.as_ref().ok()
}

fn has_usage(answers: &Answers) -> bool {
    found(&answers.ours[0]).is_some_and(|found| !found.nodes.is_empty())
}

/// Whether both usages were asked for and have no node.
fn knows_no_usage(answers: &Answers) -> bool {
    answers.ours[..2]
        .iter()
        .all(|subject| found(subject).is_some_and(|found| found.nodes.is_empty()))
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

fn series(subject: &Subject, answers: &Answers) -> Check {
    let Subject { name, query, .. } = subject;
    let found = match &subject.found {
        Ok(found) => found,
        Err(error) => {
            let message = format!("{query:?} could not be asked: {error}");
            return problem(name, message, "what it says is the reason");
        }
    };
    let nodes = found.nodes.len();
    if nodes > 0 && found.without_node == 0 {
        return ok(
            name,
            format!("{query:?} has samples of {}", count(nodes, "node")),
        );
    }
    let aggregate = format!(
        "aggregate by the node's name, such as `sum by ({}) (…)`, or give the targets that label by relabelling",
        label::NODE
    );
    if nodes > 0 {
        let message = format!(
            "{query:?} has samples of {}, and {} without a label {:?}, which are left out",
            count(nodes, "node"),
            count(found.without_node as usize, "series").trim_end_matches('s'),
            label::NODE
        );
        return note(name, message, aggregate);
    }
    if found.without_node > 0 {
        let message = format!(
            "{query:?} has samples, but none has a label {:?}",
            label::NODE
        );
        return problem(name, message, aggregate);
    }
    let earlier = match answers.depth.since {
        Some(since) if *name == "cpu usage" => {
            format!("; there were some, from about {since} on")
        }
        _ => String::new(),
    };
    problem(
        name,
        format!("{query:?} has no samples now{earlier}"),
        "is the exporter running, and among the targets of this Prometheus (Status, Targets)? With the Prometheus Operator its ServiceMonitor needs the label that the Prometheus selects by, often `release`; Mimir and others keep series by tenant",
    )
}

/// Whether every node that has one has all four.
fn nodes_agree(answers: &Answers) -> Option<Check> {
    let all: Vec<(&str, &Found)> = answers
        .ours
        .iter()
        .filter_map(|subject| Some((subject.name, found(subject)?)))
        .filter(|(_, found)| !found.nodes.is_empty())
        .collect();
    let names: std::collections::BTreeSet<&String> = all
        .iter()
        .flat_map(|(_, found)| found.nodes.keys())
        .collect();
    let lacking: Vec<String> = names
        .iter()
        .filter_map(|node| {
            let lacks: Vec<&str> = all
                .iter()
                .filter(|(_, found)| !found.nodes.contains_key(*node))
                .map(|(name, _)| *name)
                .collect();
            (!lacks.is_empty()).then(|| format!("{node} ({})", lacks.join(", ")))
        })
        .collect();
    if all.len() < 2 {
        return None;
    }
    Some(match lacking.as_slice() {
        [] => ok("nodes", "every node has all of them".to_owned()),
        some => problem(
            "nodes",
            format!(
                "{} lack something: {}",
                count(some.len(), "node"),
                listed(some)
            ),
            "k8s_ai_exporter_up and k8s_ai_exporter_scrape_errors_total say what their exporters cannot read, and why",
        ),
    })
}

/// Most of anything that a message lists.
const LISTED: usize = 5;

fn listed(items: &[String]) -> String {
    let more = items.len().saturating_sub(LISTED);
    let shown = items[..items.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn duplicates(duplicates: &Duplicates) -> Check {
    let Duplicates { node, labels } = duplicates;
    let differences: Vec<String> = labels
        .iter()
        .map(|(name, values)| {
            let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            format!("{name} ({})", listed(&values))
        })
        .collect();
    let has = |part: &str| labels.keys().any(|name| name.contains(part));
    let cure = if has("replica") {
        "the backend does not deduplicate: name the label as its replica label (Thanos: --query.replica-label), or take `max by (node) (…)` as --cpu-query and --memory-query"
    } else if has("cluster") {
        "several clusters have nodes of the same name: ask for one, such as --cpu-query 'k8s_node_cpu_usage_cores{cluster=\"…\"}' and --memory-query alike"
    } else if labels.is_empty() {
        "ask again; if it stays, take `max by (node) (…)` as --cpu-query and --memory-query"
    } else {
        "two exporters report on the node, or one is scraped by two jobs: keep one. A pod that was replaced leaves its series for five minutes; then look again"
    };
    problem(
        "duplicates",
        format!(
            "node {node} has several series at the same time; they differ in {}",
            if differences.is_empty() {
                "nothing".to_owned()
            } else {
                listed(&differences)
            }
        ),
        cure,
    )
}

/// Prometheus looks back five minutes for a sample: from here on one that is missed
/// makes a gap.
const SPARSE_SECONDS: u64 = 150;

fn sampled(answers: &Answers) -> Option<Check> {
    let every = sampling::interval(&answers.sample_times)?;
    let widest = answers
        .sample_times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f64::max);
    let message = format!("a sample every {}", interval(every));
    let step = interval(answers.window.past.step);
    Some(if every >= SPARSE_SECONDS {
        problem(
            "interval",
            format!("{message}; each one that is missed makes a gap"),
            "a scrape_interval of a minute or less; PromQL looks back five minutes for a sample",
        )
    } else if every > answers.window.past.step {
        note(
            "interval",
            format!("{message}, and a point every {step}: points repeat samples"),
            "leave --step to auto",
        )
    } else if widest > 2.5 * every as f64 {
        note(
            "interval",
            format!(
                "{message}, but once {} without any within the last hour",
                interval(widest.round() as u64)
            ),
            "the target's scrape_duration_seconds and `up` say whether scrapes fail or time out",
        )
    } else {
        ok("interval", format!("{message}, a point every {step}"))
    })
}

fn newest(facts: &Facts, answers: &Answers) -> Option<Check> {
    let newest = answers.sample_times.last()?;
    let age = facts.at.unix() as f64 - newest;
    (age < -FINE_SECONDS).then(|| {
        problem(
            "newest sample",
            format!("it is {} in the future", interval((-age).round() as u64)),
            "whoever writes the samples has a clock that is ahead",
        )
    })
}

fn gaps(answers: &Answers) -> Check {
    let span = interval(answers.window.past.seconds());
    let Some(empty) = &answers.empty_moments else {
        let message = "whether the window has gaps could not be asked".to_owned();
        return note("gaps", message, "a report says how many points it has");
    };
    // Before the first sample there is no gap.
    let since = answers.depth.since;
    let empty: Vec<_> = empty
        .iter()
        .filter(|at| since.is_none_or(|since| **at >= since))
        .collect();
    match (empty.first(), empty.last()) {
        (Some(first), Some(last)) => problem(
            "gaps",
            format!(
                "at {} of {} points of the last {span} no node had a sample, from {first} to {last}",
                empty.len(),
                answers.window.past.count()
            ),
            "was Prometheus or every exporter down then? Forecasts leave gaps open, and are the worse for them",
        ),
        _ => ok("gaps", format!("none in the last {span}")),
    }
}

/// A node with less of its samples is mentioned.
const FULL_SHARE: f64 = 0.9;

fn shares(answers: &Answers) -> Option<Check> {
    let mut lacking: Vec<(&String, f64)> = answers
        .shares
        .iter()
        .map(|(node, share)| (node, *share))
        .filter(|(_, share)| *share < FULL_SHARE)
        .collect();
    lacking.sort_by(|a, b| a.1.total_cmp(&b.1));
    let names: Vec<String> = lacking
        .iter()
        .map(|(node, share)| format!("{node} {:.0}%", share * 100.0))
        .collect();
    (!names.is_empty()).then(|| {
        note(
            "samples",
            format!(
                "of {} of {} nodes there are less than {:.0}% of the samples of the last {}: {}",
                names.len(),
                answers.shares.len(),
                FULL_SHARE * 100.0,
                interval(answers.counted_seconds),
                listed(&names)
            ),
            "nodes that are new are no matter; of others `up` and k8s_ai_exporter_scrape_errors_total say what was missed",
        )
    })
}

const DAY_SECONDS: u64 = 86_400;

/// Whether there are points for a forecast, and for patterns of a day and a week: of
/// which two are needed.
fn enough(facts: &Facts, answers: &Answers) -> Check {
    let window = &answers.window;
    let Some(since) = answers.depth.since else {
        let message = "since when there are samples could not be asked".to_owned();
        return note("history", message, "a report says how many points it has");
    };
    let held = (facts.at.unix() - since.unix()).max(0) as u64;
    let points = (held.min(window.past.seconds()) / window.past.step + 1) as usize;
    let earlier = if answers.depth.or_earlier {
        " or earlier"
    } else {
        ""
    };
    let message = format!(
        "samples since {since}{earlier}: {points} of {} points",
        window.past.count()
    );
    let wait = |points: usize| {
        let needed = (points as u64 - 1) * window.past.step;
        format!("wait for {}", interval(needed.saturating_sub(held)))
    };
    if points < MIN_POINTS {
        let message = format!("{message}, too few for a forecast");
        return problem("history", message, wait(MIN_POINTS));
    }
    if points < MIN_POINTS_FOR_TREND {
        let message = format!("{message}, enough for a level, not for a trend");
        return note("history", message, wait(MIN_POINTS_FOR_TREND));
    }
    let patterns = [("a day", 2 * DAY_SECONDS), ("a week", 14 * DAY_SECONDS)];
    let seen = patterns
        .iter()
        .rev()
        .find(|(_, needed)| window.past.seconds() >= *needed);
    let held_unseen = patterns
        .iter()
        .rev()
        .find(|(_, needed)| held >= *needed && window.past.seconds() < *needed);
    let message = match seen {
        Some((pattern, _)) => {
            format!("{message}, enough for a trend and for a pattern of {pattern}")
        }
        None => format!("{message}, enough for a trend"),
    };
    match held_unseen {
        Some((pattern, needed)) => Check {
            cure: Some(format!(
                "--lookback {} would show the pattern of {pattern}, too",
                interval(*needed)
            )),
            ..ok("history", message)
        },
        None => ok("history", message),
    }
}

fn kube_state(subject: &Subject) -> Check {
    let Subject { name, query, .. } = subject;
    let cure = "is kube-state-metrics installed, and scraped by this Prometheus? Without it a report cannot say whose pods would fit where";
    match &subject.found {
        Err(error) => note(name, format!("{query:?} could not be asked: {error}"), cure),
        Ok(found) if !found.nodes.is_empty() => ok(
            name,
            format!(
                "{query:?} has samples of {}",
                count(found.nodes.len(), "node")
            ),
        ),
        Ok(found) if found.without_node > 0 => note(
            name,
            format!(
                "{query:?} has samples, but none has a label {:?}",
                label::NODE
            ),
            "scrape kube-state-metrics with honor_labels: true",
        ),
        Ok(_) => note(name, format!("{query:?} has no samples"), cure),
    }
}
