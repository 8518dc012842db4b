//! The meaning of the facts about a backend: findings and their fixes. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::label;
use forecast::{MIN_POINTS, MIN_POINTS_FOR_TREND};
use promql::{QueryError, sampling};
use quantity::{Interval, age, interval};
use text::plural;

use super::ask::{Answers, CPU_USAGE, Duplicates, Facts};
use super::check::{Check, Diagnosis, Outcome, listed};
use super::exporter;
use super::subject::{Found, Subject};
use crate::age::current_for;
use crate::exit::Exit;
use crate::next_step;

/// Judges from the backend down: its clock, its series, their samples.
pub fn judge(facts: &Facts) -> Diagnosis {
    let (checks, exit) = match &facts.answers {
        Err(error) => {
            let check = Check::problem("backend", error.to_string(), fix_of(error));
            (vec![check], Exit::Backend)
        }
        Ok(answers) => {
            let examined = Examined { facts, answers };
            let checks = examined.checks();
            let exit = match checks.iter().any(|check| check.result == Outcome::Problem) {
                _ if examined.has_no_usage() => Exit::NoData,
                true => Exit::Partial,
                false => Exit::Complete,
            };
            (checks, exit)
        }
    };
    Diagnosis {
        backend: facts.url.to_string(),
        at: facts.at,
        checks,
        exit,
    }
}

/// Returns the fix where the first query has no answer.
fn fix_of(error: &QueryError) -> String {
    next_step::after(error).unwrap_or_else(|| {
        match error {
            QueryError::NotJson { .. } | QueryError::Defect(_) => {
                "another server answers at this URL: a page, an ingress or another API; set --prometheus-url to the URL below which /api/v1/query answers"
            }
            QueryError::Failure(_) | QueryError::OutOfTime(_) => {
                "try again; if it persists, check proxies and the network between the agent and the backend"
            }
            QueryError::Status { .. } => "the message names the reason; the backend's log says more",
        }
        .to_owned()
    })
}

/// The difference of clocks in seconds that matters to no report, since a step is a minute.
const FINE_SECONDS: f64 = 5.0;

/// The difference of clocks in seconds from which on the newest points are missing, or
/// lie in the future.
const BAD_SECONDS: f64 = 30.0;

/// The interval of samples in seconds from which on a single missed scrape makes a gap,
/// since Prometheus looks back five minutes for a sample.
const SPARSE_SECONDS: u64 = 150;

/// The age up to which samples of kube-state-metrics are current: its scrape interval is
/// its own, mostly 30 or 60 s.
const KUBE_STATE_CURRENT_SECONDS: u64 = SPARSE_SECONDS;

/// The share of the expected samples below which a node is mentioned.
const FULL_SHARE: f64 = 0.9;

const DAY_SECONDS: u64 = 86_400;

/// Seasonal patterns, with the history in seconds that each needs: two periods.
const PATTERNS: [(&str, u64); 2] = [("daily", 2 * DAY_SECONDS), ("weekly", 14 * DAY_SECONDS)];

const SEE_EXPORTER: &str = "the finding of `exporter` above names the reason and its fix";
const SEE_MESSAGE: &str = "the message names the reason";
const SEE_REPORT: &str = "the report names the number of points";

/// A backend that answered.
struct Examined<'a> {
    facts: &'a Facts,
    answers: &'a Answers,
}

fn found(subject: &Subject) -> Option<&Found> {
    subject.found.as_ref().ok()
}

/// Formats `a (97s), b (5m)`.
fn aged(old: &BTreeMap<&str, u64>) -> String {
    let each = |(node, seconds): (&&str, &u64)| format!("{node} ({})", age(*seconds));
    listed(&Vec::from_iter(old.iter().map(each)))
}

impl Examined<'_> {
    fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.backend()];
        checks.extend(self.encryption());
        checks.extend(self.clock());
        checks.extend(self.exporter());
        checks.extend(self.answers.ours.iter().map(|subject| self.series(subject)));
        checks.extend(self.nodes());
        let instant = self.answers.instant.as_ref();
        checks.extend(
            instant
                .and_then(|instant| instant.duplicates.as_ref())
                .map(duplicates),
        );
        if found(&self.answers.ours[0]).is_some_and(|found| !found.nodes.is_empty()) {
            checks.extend(self.interval());
            checks.extend(self.newest());
            checks.push(self.gaps());
            checks.extend(self.samples());
            checks.push(self.history());
            checks.extend(self.lookback());
        }
        let kube_state = instant.into_iter().flat_map(|instant| &instant.kube_state);
        checks.extend(kube_state.map(|subject| self.kube_state(subject)));
        checks
    }

    /// Returns `true` if both queries for usage were answered without any node.
    fn has_no_usage(&self) -> bool {
        let mut usages = self.answers.ours[..2].iter();
        usages.all(|subject| found(subject).is_some_and(|found| found.nodes.is_empty()))
    }

    /// Returns the age in seconds up to which a sample is current.
    fn current_for(&self) -> u64 {
        let interval = sampling::interval(self.sample_times());
        current_for(interval.unwrap_or(self.answers.window.past.step))
    }

    /// Returns the times of the samples of one series; empty if unknown.
    fn sample_times(&self) -> &[f64] {
        let instant = self.answers.instant.as_ref();
        instant.map_or(&[], |instant| &instant.sample_times)
    }

    /// Returns the nodes whose newest sample is older than `limit` seconds, with its age;
    /// without those of unknown age.
    fn old<'a>(&self, found: &'a Found, limit: u64) -> BTreeMap<&'a str, u64> {
        let age = |node: &str| {
            let age = (self.facts.at.unix() as f64 - found.sampled.get(node)?).round() as u64;
            (age > limit).then_some(age)
        };
        let nodes = found.nodes.keys();
        nodes
            .filter_map(|node| Some((node.as_str(), age(node)?)))
            .collect()
    }

    /// Returns `true` if the exporter reports an endpoint that it cannot read.
    fn has_failing_endpoint(&self) -> bool {
        let instant = self.answers.instant.as_ref();
        let failing = instant.and_then(|instant| instant.failing.as_ref().ok());
        failing.is_some_and(|failing| failing.iter().any(|endpoint| endpoint.is_down))
    }

    /// Returns the exporter's own series, if they were found.
    fn exporter_found(&self) -> Option<&Found> {
        found(&self.answers.instant.as_ref()?.exporter)
    }

    fn backend(&self) -> Check {
        let instant = self.answers.instant.as_ref();
        let software = instant.and_then(|instant| instant.software.as_deref());
        let software = software.unwrap_or("a backend");
        // Rounded to milliseconds.
        let took = Interval(Duration::from_millis(self.answers.took.as_millis() as u64));
        let limits = match instant {
            Some(_) => "",
            None => {
                "; it supports range queries only, as the exporter's history does, so some checks are left out"
            }
        };
        let by_get = self
            .answers
            .post_refusal
            .map_or_else(String::new, |status| {
                format!("; it refuses POST (HTTP status {status}), so queries are sent by GET")
            });
        let url = &self.facts.url;
        Check::ok(
            "backend",
            format!("{software} at {url} answers within {took}{limits}{by_get}"),
        )
    }

    fn encryption(&self) -> Option<Check> {
        (self.facts.sends_secret && !self.facts.url.is_https()).then(|| {
            Check::note(
                "encryption",
                "credentials are sent to the backend unencrypted",
                "use https:// unless the network is trusted",
            )
        })
    }

    fn clock(&self) -> Option<Check> {
        let ahead = self.answers.instant.as_ref()?.ahead_seconds?;
        let uncertain = self.answers.took.as_secs_f64() / 2.0;
        let apart = interval(ahead.abs().round() as u64);
        let which = if ahead > 0.0 { "ahead of" } else { "behind" };
        let message = format!("the backend's clock is {apart} {which} the agent's");
        let fix = "synchronise both clocks by NTP or chrony; reports use the agent's clock";
        Some(match ahead.abs() - uncertain {
            late if late > BAD_SECONDS => Check::problem("clock", message, fix),
            late if late > FINE_SECONDS => Check::note("clock", message, fix),
            _ => Check::ok("clock", "the clocks agree"),
        })
    }

    fn exporter(&self) -> Vec<Check> {
        let Some(instant) = &self.answers.instant else {
            return Vec::new();
        };
        let found = exporter::checks(&instant.exporter, &instant.failing, self.facts.at);
        match self.not_current(&instant.exporter) {
            // Old series do not show that all is well now.
            Some(old) if found.iter().all(|check| check.result == Outcome::Ok) => vec![old],
            old => old.into_iter().chain(found).collect(),
        }
    }

    /// Returns the finding that some nodes of a subject have old samples only.
    fn not_current(&self, subject: &Subject) -> Option<Check> {
        let found = found(subject)?;
        let old = self.old(found, self.current_for());
        (!old.is_empty()).then(|| {
            Check::problem(
                subject.name,
                format!(
                    "{:?} has samples of {}, {} of them not current: {}",
                    subject.query,
                    plural(found.nodes.len(), "node"),
                    old.len(),
                    aged(&old)
                ),
                "check that Prometheus still scrapes the exporter (Status, Targets), and the delay of remote write; reports show the age of these values",
            )
        })
    }

    fn series(&self, subject: &Subject) -> Check {
        let Subject { name, query, found } = subject;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let message = format!("{query:?} could not be queried: {error}");
                return Check::problem(name, message, SEE_MESSAGE);
            }
        };
        if let Some(old) = self.not_current(subject) {
            return old;
        }
        let nodes = plural(found.nodes.len(), "node");
        let aggregate = format!(
            "aggregate by node, such as `sum by ({}) (…)`, or add that label by relabelling",
            label::NODE
        );
        match (found.nodes.len(), found.without_node) {
            (1.., 0) => Check::ok(name, format!("{query:?} has samples of {nodes}")),
            (1.., others) => Check::note(
                name,
                format!(
                    "{query:?} has samples of {nodes}, and {others} series without a label {:?}, which are left out",
                    label::NODE
                ),
                aggregate,
            ),
            (0, 1..) => Check::problem(
                name,
                format!(
                    "{query:?} has samples, but none has a label {:?}",
                    label::NODE
                ),
                aggregate,
            ),
            (0, 0) => self.no_samples(subject),
        }
    }

    fn no_samples(&self, Subject { name, query, .. }: &Subject) -> Check {
        let earlier = match self.answers.depth.since {
            Some(since) if *name == CPU_USAGE => {
                format!("; there are older ones, from about {since} on")
            }
            _ => String::new(),
        };
        let fix = if self.has_failing_endpoint() {
            SEE_EXPORTER
        } else if (self.exporter_found()).is_some_and(|found| !found.nodes.is_empty()) {
            "the exporter is scraped and reads its endpoints: CPU appears with the second scrape, the rest with the first; if they stay missing, its log and k8s_ai_exporter_scrape_errors_total name what was left out"
        } else {
            "check that the exporter runs and is a target of this Prometheus (Status, Targets); with the Prometheus Operator its ServiceMonitor needs the label that the Prometheus selects by, often `release`; Mimir and others keep series by tenant"
        };
        Check::problem(name, format!("{query:?} has no samples now{earlier}"), fix)
    }

    /// Checks that every node with current samples of one subject has them of all.
    fn nodes(&self) -> Option<Check> {
        let answers = self.answers;
        let subject = |subject| {
            let found = found(subject)?;
            Some((subject.name, found, self.old(found, self.current_for())))
        };
        let all = Vec::from_iter(answers.ours.iter().filter_map(subject));
        let all_found = all.iter().map(|(_, found, _)| *found);
        let all_found = all_found.chain(self.exporter_found());
        let names: BTreeSet<&String> = all_found.flat_map(|found| found.nodes.keys()).collect();
        let lacking = |node: &&String| {
            let lacks = all.iter().filter(|(_, found, old)| {
                !found.nodes.contains_key(*node) || old.contains_key(node.as_str())
            });
            let lacks = Vec::from_iter(lacks.map(|(name, ..)| *name));
            (!lacks.is_empty()).then(|| format!("{node} ({})", lacks.join(", ")))
        };
        let lacking = Vec::from_iter(names.iter().filter_map(lacking));
        match lacking.as_slice() {
            // A failed query does not show that samples are there.
            [] if names.is_empty() || all.len() < answers.ours.len() => None,
            [] => Some(Check::ok("nodes", "every node has all of these series")),
            some => Some(Check::problem(
                "nodes",
                format!(
                    "{} without current samples: {}",
                    plural(some.len(), "node"),
                    listed(some)
                ),
                match self.has_failing_endpoint() {
                    true => SEE_EXPORTER,
                    false => {
                        "k8s_ai_exporter_up and k8s_ai_exporter_scrape_errors_total name the endpoints that the exporters cannot read, and the reason"
                    }
                },
            )),
        }
    }

    fn interval(&self) -> Option<Check> {
        let every = sampling::interval(self.sample_times())?;
        // The time since the newest sample is a gap, too.
        let starts = self.sample_times().iter();
        let ends = starts.clone().skip(1).copied();
        let widest = starts
            .zip(ends.chain([self.facts.at.unix() as f64]))
            .map(|(start, end)| end - start)
            .fold(0.0, f64::max);
        let message = format!("a sample every {}", interval(every));
        let step = self.answers.window.past.step;
        let points = interval(step);
        Some(if every >= SPARSE_SECONDS {
            Check::problem(
                "interval",
                format!("{message}; each missed scrape makes a gap"),
                "set the scrape_interval to a minute or less; PromQL looks back five minutes for a sample",
            )
        } else if every > step {
            Check::note(
                "interval",
                format!("{message}, and a point every {points}: points repeat samples"),
                "set --step to auto",
            )
        } else if widest > 2.5 * every as f64 {
            let gap = interval(widest.round() as u64);
            Check::note(
                "interval",
                format!("{message}, but a gap of {gap} within the last hour"),
                "the target's scrape_duration_seconds and `up` show whether scrapes fail or time out",
            )
        } else {
            Check::ok("interval", format!("{message}, a point every {points}"))
        })
    }

    fn newest(&self) -> Option<Check> {
        let age = self.facts.at.unix() as f64 - self.sample_times().last()?;
        (age < -FINE_SECONDS).then(|| {
            Check::problem(
                "newest sample",
                format!("it is {} in the future", interval((-age).round() as u64)),
                "synchronise the clock of the host that writes the samples",
            )
        })
    }

    fn gaps(&self) -> Check {
        let past = &self.answers.window.past;
        let span = interval(past.seconds());
        let Some(empty) = &self.answers.empty_times else {
            let message = "unknown, since the query for them failed";
            return Check::note("gaps", message, SEE_REPORT);
        };
        // Before the first sample there is no gap.
        let since = self.answers.depth.since;
        let is_gap = |at: &&_| since.is_none_or(|since| **at >= since);
        let empty = Vec::from_iter(empty.iter().filter(is_gap));
        match (empty.first(), empty.last(), self.since_all_are_old()) {
            (Some(first), Some(last), _) => Check::problem(
                "gaps",
                format!(
                    "at {} of {} points of the last {span} no node had a sample, from {first} to {last}",
                    empty.len(),
                    past.count()
                ),
                "check whether Prometheus or every exporter was down then; forecasts leave gaps open and are less accurate",
            ),
            (.., Some(seconds)) => Check::note(
                "gaps",
                format!(
                    "none in the last {span} until the newest sample, {} ago",
                    age(seconds)
                ),
                "the finding of `cpu usage` above says more",
            ),
            _ => Check::ok("gaps", format!("none in the last {span}")),
        }
    }

    /// Returns the age of the newest sample of CPU usage, where no node has a current one.
    fn since_all_are_old(&self) -> Option<u64> {
        let found = found(&self.answers.ours[0])?;
        let old = self.old(found, self.current_for());
        (old.len() == found.nodes.len()).then(|| old.values().min().copied())?
    }

    fn samples(&self) -> Option<Check> {
        let instant = self.answers.instant.as_ref()?;
        let shares = instant.shares.iter();
        let mut lacking = Vec::from_iter(shares.filter(|(_, share)| **share < FULL_SHARE));
        lacking.sort_by(|a, b| a.1.total_cmp(b.1));
        let name = |(node, share): &(&String, &f64)| format!("{node} {:.0}%", **share * 100.0);
        let names = Vec::from_iter(lacking.iter().map(name));
        (!names.is_empty()).then(|| {
            Check::note(
                "samples",
                format!(
                    "{} of {} have less than {:.0}% of the samples of the last {}: {}",
                    names.len(),
                    plural(instant.shares.len(), "node"),
                    FULL_SHARE * 100.0,
                    interval(instant.counted_seconds),
                    listed(&names)
                ),
                "normal for new nodes; for others `up` and k8s_ai_exporter_scrape_errors_total name what was missed",
            )
        })
    }

    /// Checks that there are points for a forecast, and for seasonal patterns.
    fn history(&self) -> Check {
        let past = &self.answers.window.past;
        let Some(since) = self.answers.depth.since else {
            let message = "the oldest sample is unknown, since the query for it failed";
            return Check::note("history", message, SEE_REPORT);
        };
        let held = (self.facts.at.unix() - since.unix()).max(0) as u64;
        let empty = self.answers.empty_times.iter().flatten();
        let missing = empty.filter(|at| **at >= since).count();
        let points = (held.min(past.seconds()) / past.step + 1) as usize;
        let points = points.saturating_sub(missing);
        let earlier = match self.answers.depth.or_earlier {
            true => " or earlier",
            false => "",
        };
        let message = format!(
            "samples since {since}{earlier}: {points} of {} points",
            past.count()
        );
        let wait = |points: usize| {
            let needed = (points as u64 - 1) * past.step;
            format!("wait for {}", interval(needed.saturating_sub(held)))
        };
        if points < MIN_POINTS {
            let message = format!("{message}, too few for a forecast");
            return Check::problem("history", message, wait(MIN_POINTS));
        }
        if points < MIN_POINTS_FOR_TREND {
            let message = format!("{message}, enough for a level, not for a trend");
            return Check::note("history", message, wait(MIN_POINTS_FOR_TREND));
        }
        let longest = |fits: &dyn Fn(u64) -> bool| {
            let mut patterns = PATTERNS.iter().rev();
            patterns.find(|(_, needed)| fits(*needed))
        };
        let seen = longest(&|needed| past.seconds() >= needed);
        let seen = seen.map_or_else(String::new, |(name, _)| format!(" and a {name} pattern"));
        let unseen = longest(&|needed| held >= needed && past.seconds() < needed);
        Check {
            fix: unseen.map(|(name, needed)| {
                format!(
                    "set --lookback {} to include the {name} pattern",
                    interval(*needed)
                )
            }),
            ..Check::ok("history", format!("{message}, enough for a trend{seen}"))
        }
    }

    /// Checks that the lookback is long enough for the horizon.
    fn lookback(&self) -> Option<Check> {
        let short = self.answers.window.short_lookback()?;
        Some(Check::note("lookback", short.problem(), short.fix()))
    }

    fn kube_state(&self, Subject { name, query, found }: &Subject) -> Check {
        let fix = "check that kube-state-metrics is installed and scraped by this Prometheus; without it a report cannot tell which pods fit where";
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let message = format!("{query:?} could not be queried: {error}");
                return Check::note(name, message, fix);
            }
        };
        let old = self.old(found, KUBE_STATE_CURRENT_SECONDS);
        let message = format!(
            "{query:?} has samples of {}",
            plural(found.nodes.len(), "node")
        );
        match (found.nodes.len(), found.without_node) {
            (1.., _) if old.is_empty() => Check::ok(name, message),
            (1.., _) => Check::note(
                name,
                format!("{message}, not current: {}", aged(&old)),
                "check that Prometheus still scrapes kube-state-metrics",
            ),
            (0, 1..) => Check::note(
                name,
                format!(
                    "{query:?} has samples, but none has a label {:?}",
                    label::NODE
                ),
                "scrape kube-state-metrics with honor_labels: true",
            ),
            (0, 0) => Check::note(name, format!("{query:?} has no samples"), fix),
        }
    }
}

fn duplicates(Duplicates { node, labels }: &Duplicates) -> Check {
    let difference = |(name, values): (&String, &BTreeSet<String>)| {
        let values = Vec::from_iter(values.iter().map(|value| format!("{value:?}")));
        format!("{name} ({})", listed(&values))
    };
    let differences = match labels.is_empty() {
        true => "no label".to_owned(),
        false => listed(&Vec::from_iter(labels.iter().map(difference))),
    };
    let has = |part: &str| labels.keys().any(|name| name.contains(part));
    let fix = if has("replica") {
        "the backend does not deduplicate: make the label its replica label (Thanos: --query.replica-label), or set --cpu-query and --memory-query to `max by (node) (…)`"
    } else if has("cluster") {
        "several clusters have a node of this name: select one, such as --cpu-query 'k8s_node_cpu_usage_cores{cluster=\"…\"}', and likewise in --memory-query"
    } else if labels.is_empty() {
        "run doctor again; if it persists, set --cpu-query and --memory-query to `max by (node) (…)`"
    } else {
        "two exporters report on the node, or two jobs scrape one exporter: remove one; the series of a replaced pod end after five minutes: then run doctor again"
    };
    Check::problem(
        "duplicates",
        format!("node {node} has several series at the same time; they differ in {differences}"),
        fix,
    )
}
