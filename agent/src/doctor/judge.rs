//! What the facts about a backend mean for reports, and what to do about it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::label;
use forecast::{MIN_POINTS, MIN_POINTS_FOR_TREND};
use promql::{QueryError, sampling};
use quantity::{Interval, Timestamp, age, interval};
use text::plural;
use webclient::Failure;

use super::ask::{Answers, CPU_USAGE, Duplicates, Facts};
use super::check::{Check, Diagnosis, Outcome, listed, note, ok, problem};
use super::exporter;
use super::subject::{Found, Subject};
use crate::age::current_for;
use crate::exit::Exit;
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
            let context = Context {
                at: facts.at,
                answers,
            };
            if let Some(exporter) = &answers.exporter {
                let found = exporter::checks(exporter, &answers.troubles, facts.at);
                match not_current(exporter, &context) {
                    // Old series cannot say that all is well now.
                    Some(old) if found.iter().all(|check| check.result == Outcome::Ok) => {
                        checks.push(old);
                    }
                    old => checks.extend(old.into_iter().chain(found)),
                }
            }
            checks.extend(answers.ours.iter().map(|subject| series(subject, &context)));
            checks.extend(nodes_agree(&context));
            checks.extend(answers.duplicates.iter().map(duplicates));
            if has_usage(answers) {
                checks.extend(sampled(facts, answers));
                checks.extend(newest(facts, answers));
                checks.push(gaps(&context));
                checks.extend(shares(answers));
                checks.push(enough(facts, answers));
            }
            let kube_state = |subject| kube_state(subject, &context);
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

/// What a finding on one subject depends on beside its own answer.
struct Context<'a> {
    at: Timestamp,
    answers: &'a Answers,
}

impl Context<'_> {
    /// Seconds up to which a sample is current.
    fn current_for(&self) -> u64 {
        let interval = sampling::interval(&self.answers.sample_times);
        current_for(interval.unwrap_or(self.answers.window.past.step))
    }

    /// The nodes whose newest sample is older than `limit` seconds, with its age; those
    /// whose age is not known are not among them.
    fn old<'a>(&self, found: &'a Found, limit: u64) -> BTreeMap<&'a str, u64> {
        let age = |node: &str| {
            let sampled = found.sampled.get(node)?;
            let age = (self.at.unix() as f64 - sampled).round() as u64;
            (age > limit).then_some(age)
        };
        found
            .nodes
            .keys()
            .filter_map(|node| Some((node.as_str(), age(node)?)))
            .collect()
    }

    /// Whether the exporter's own series are there.
    fn has_exporter(&self) -> bool {
        let exporter = self.answers.exporter.as_ref().and_then(found);
        exporter.is_some_and(|found| !found.nodes.is_empty())
    }

    /// Whether the exporter says that it cannot read something.
    fn has_trouble(&self) -> bool {
        let troubles = self.answers.troubles.as_ref();
        troubles.is_ok_and(|troubles| troubles.iter().any(|trouble| trouble.is_down))
    }
}

/// `a (97s), b (5m)`.
fn aged(old: &BTreeMap<&str, u64>) -> String {
    let each: Vec<String> = old
        .iter()
        .map(|(node, seconds)| format!("{node} ({})", age(*seconds)))
        .collect();
    listed(&each)
}

const SEE_EXPORTER: &str = "the finding of `exporter` above names the reason and its fix";

/// The finding that some nodes of a subject have old samples only.
fn not_current(subject: &Subject, context: &Context<'_>) -> Option<Check> {
    let found = found(subject)?;
    let old = context.old(found, context.current_for());
    (!old.is_empty()).then(|| {
        problem(
            subject.name,
            format!(
                "{:?} has samples of {}, of which {} have no current one: {}",
                subject.query,
                plural(found.nodes.len(), "node"),
                old.len(),
                aged(&old)
            ),
            "does Prometheus still scrape the exporter (Status, Targets)? With remote write, how far is it behind? Reports show the age of these values",
        )
    })
}

fn series(subject: &Subject, context: &Context<'_>) -> Check {
    let Subject { name, query, .. } = subject;
    let found = match &subject.found {
        Ok(found) => found,
        Err(error) => {
            let message = format!("{query:?} could not be asked: {error}");
            return problem(name, message, "what it says is the reason");
        }
    };
    if let Some(old) = not_current(subject, context) {
        return old;
    }
    let nodes = found.nodes.len();
    if nodes > 0 && found.without_node == 0 {
        return ok(
            name,
            format!("{query:?} has samples of {}", plural(nodes, "node")),
        );
    }
    let aggregate = format!(
        "aggregate by the node's name, such as `sum by ({}) (…)`, or give the targets that label by relabelling",
        label::NODE
    );
    if nodes > 0 {
        let message = format!(
            "{query:?} has samples of {}, and {} without a label {:?}, which are left out",
            plural(nodes, "node"),
            plural(found.without_node as usize, "series").trim_end_matches('s'),
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
    let earlier = match context.answers.depth.since {
        Some(since) if *name == CPU_USAGE => {
            format!("; there were some, from about {since} on")
        }
        _ => String::new(),
    };
    problem(
        name,
        format!("{query:?} has no samples now{earlier}"),
        match (context.has_trouble(), context.has_exporter()) {
            (true, _) => SEE_EXPORTER,
            (false, true) => {
                "the exporter is scraped and reads its endpoints: CPU appears with the second round, the rest with the first; after that its log and k8s_ai_exporter_scrape_errors_total name what was left out"
            }
            (false, false) => {
                "is the exporter running, and among the targets of this Prometheus (Status, Targets)? With the Prometheus Operator its ServiceMonitor needs the label that the Prometheus selects by, often `release`; Mimir and others keep series by tenant"
            }
        },
    )
}

/// Whether every node that has current samples of anything has them of everything.
fn nodes_agree(context: &Context<'_>) -> Option<Check> {
    let answers = context.answers;
    let all: Vec<(&str, &Found, BTreeMap<&str, u64>)> = answers
        .ours
        .iter()
        .filter_map(|subject| {
            let found = found(subject)?;
            let old = context.old(found, context.current_for());
            Some((subject.name, found, old))
        })
        .collect();
    let exporter = answers.exporter.as_ref().and_then(found);
    let names: BTreeSet<&String> = all
        .iter()
        .map(|(_, found, _)| *found)
        .chain(exporter)
        .flat_map(|found| found.nodes.keys())
        .collect();
    let lacking: Vec<String> = names
        .iter()
        .filter_map(|node| {
            let lacks: Vec<&str> = all
                .iter()
                .filter(|(_, found, old)| {
                    !found.nodes.contains_key(*node) || old.contains_key(node.as_str())
                })
                .map(|(name, ..)| *name)
                .collect();
            (!lacks.is_empty()).then(|| format!("{node} ({})", lacks.join(", ")))
        })
        .collect();
    match lacking.as_slice() {
        // What could not be asked is not known to be there.
        [] if names.is_empty() || all.len() < answers.ours.len() => None,
        [] => Some(ok("nodes", "every node has all of them".to_owned())),
        some => Some(problem(
            "nodes",
            format!(
                "{} without current samples: {}",
                plural(some.len(), "node"),
                listed(some)
            ),
            match context.has_trouble() {
                true => SEE_EXPORTER,
                false => {
                    "k8s_ai_exporter_up and k8s_ai_exporter_scrape_errors_total say what their exporters cannot read, and why"
                }
            },
        )),
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

fn sampled(facts: &Facts, answers: &Answers) -> Option<Check> {
    let every = sampling::interval(&answers.sample_times)?;
    // The time since the newest sample is a gap, too.
    let ends = answers.sample_times.iter().skip(1).copied();
    let widest = answers
        .sample_times
        .iter()
        .zip(ends.chain([facts.at.unix() as f64]))
        .map(|(start, end)| end - start)
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

fn gaps(context: &Context<'_>) -> Check {
    let answers = context.answers;
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
        _ => match since_all_are_old(context) {
            Some(seconds) => {
                let message = format!(
                    "none in the last {span} until the newest sample, {} ago",
                    age(seconds)
                );
                let fix = "the finding of `cpu usage` above says more";
                note("gaps", message, fix)
            }
            None => ok("gaps", format!("none in the last {span}")),
        },
    }
}

/// The age of the newest sample of CPU usage, where no node has a current one.
fn since_all_are_old(context: &Context<'_>) -> Option<u64> {
    let found = found(&context.answers.ours[0])?;
    let old = context.old(found, context.current_for());
    (old.len() == found.nodes.len()).then(|| old.values().min().copied())?
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
    let empty = answers.empty_moments.iter().flatten();
    let missing = empty.filter(|at| **at >= since).count();
    let points =
        ((held.min(window.past.seconds()) / window.past.step + 1) as usize).saturating_sub(missing);
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

/// kube-state-metrics is scraped on its own schedule, mostly each 30 or 60 s.
const KUBE_STATE_CURRENT_SECONDS: u64 = SPARSE_SECONDS;

fn kube_state(subject: &Subject, context: &Context<'_>) -> Check {
    let Subject { name, query, .. } = subject;
    let cure = "is kube-state-metrics installed, and scraped by this Prometheus? Without it a report cannot say whose pods would fit where";
    match &subject.found {
        Err(error) => note(name, format!("{query:?} could not be asked: {error}"), cure),
        Ok(found) if !found.nodes.is_empty() => {
            let message = format!(
                "{query:?} has samples of {}",
                plural(found.nodes.len(), "node")
            );
            let old = context.old(found, KUBE_STATE_CURRENT_SECONDS);
            if old.is_empty() {
                ok(name, message)
            } else {
                let message = format!("{message}, not current of: {}", aged(&old));
                note(
                    name,
                    message,
                    "does Prometheus still scrape kube-state-metrics?",
                )
            }
        }
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
