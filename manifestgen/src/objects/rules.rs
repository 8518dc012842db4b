//! Recording rules and alerts. Thresholds come from the values, names from
//! `contract`; each alert's runbook is the anchor of its name in lower case.

use contract::{Endpoint, ExporterMode, Reason, label, report, series};
use serde_json::Value;

use super::exporter::is_scraped;
use super::monitoring::{PrometheusRule, PrometheusRuleEntry, PrometheusRuleSpec, RuleGroup};
use super::{Component, EXPORTER_APP, Names, Object, add_labels, labels, metadata};
use crate::overlay::{Condition, Expr, Helper, Path, Rule, text};
use crate::values::Values;

/// Share of allocatable that a node uses; label resource: cpu or memory.
pub const USAGE: &str = "node_resource:binbots_usage:ratio";
/// The same, as a straight line predicts it.
pub const PREDICTED: &str = "node_resource:binbots_usage:predicted_ratio";

/// Series of others that the rules read: Prometheus itself and kube-state-metrics.
pub const FOREIGN: [&str; 4] = [
    "up",
    "kube_cronjob_created",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_last_successful_time",
];

/// A rule before it has its place in a group: the pattern of its expression
/// has `{}` where a value goes.
struct Draft {
    entry: PrometheusRuleEntry,
    expr: Option<Expr>,
    hold: Option<Expr>,
    when: Option<Condition>,
}

/// Fills each `{}` of a pattern.
fn fill(pattern: &str, parts: &[(String, Expr)]) -> (String, Option<Expr>) {
    let mut filled = String::new();
    for (index, literal) in pattern.split("{}").enumerate() {
        if let Some((value, _)) = index.checked_sub(1).and_then(|i| parts.get(i)) {
            filled.push_str(value);
        }
        filled.push_str(literal);
    }
    let exprs: Vec<Expr> = parts.iter().map(|(_, expr)| expr.clone()).collect();
    let expr = (!exprs.is_empty()).then(|| text(pattern, exprs));
    (filled, expr)
}

struct Alert<'a> {
    name: &'static str,
    pattern: String,
    parts: Vec<(String, Expr)>,
    hold: (String, Option<Expr>),
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
    when: Option<Condition>,
    runbook: &'a str,
}

impl Alert<'_> {
    fn draft(self) -> Draft {
        let (filled, expr) = fill(&self.pattern, &self.parts);
        let anchor = self.name.to_ascii_lowercase();
        Draft {
            entry: PrometheusRuleEntry {
                alert: Some(self.name.to_owned()),
                expr: filled,
                hold: Some(self.hold.0),
                labels: Some(labels(&[("severity", self.severity)])),
                annotations: Some(labels(&[
                    ("summary", self.summary),
                    ("description", self.description),
                    ("runbook_url", &format!("{}#{anchor}", self.runbook)),
                ])),
                ..PrometheusRuleEntry::default()
            },
            expr,
            hold: self.hold.1,
            when: self.when,
        }
    }
}

/// The alerts about the programs themselves.
fn health(values: &Values) -> Vec<Draft> {
    let rule = &values.prometheus_rule;
    let namespace = || (values.namespace.clone(), Expr::Value("namespace"));
    let cronjob = || (Names::of(values).agent, Expr::Helper(Helper::AgentName));
    let least = || {
        let least = match values.exporter.mode.0 {
            ExporterMode::Statefulset => values.exporter.all_nodes.shards,
            _ => 1,
        };
        (least.to_string(), Expr::Helper(Helper::LeastExporters))
    };
    let threshold = || {
        (
            rule.agent_not_run_threshold_seconds.to_string(),
            Expr::Int("prometheusRule.agentNotRunThresholdSeconds"),
        )
    };
    let exporters = format!("up{{job=\"{EXPORTER_APP}\",namespace=\"{{}}\"}}");
    let agent = "{namespace=\"{}\",cronjob=\"{}\"}";
    vec![
        Alert {
            name: "BinbotsExporterDown",
            // Where pods share the nodes, each of them is needed.
            pattern: format!("sum({exporters}) < {{}}\nor\nabsent({exporters})"),
            parts: vec![namespace(), least(), namespace()],
            hold: (
                rule.exporter_down_for.clone(),
                Some(Expr::Value("prometheusRule.exporterDownFor")),
            ),
            severity: "critical",
            summary: "Node usage is not collected: no exporter answers Prometheus, or a shard does not.",
            description: "Every target of k8s-ai-exporter is down, or one that has a share of the \
                          nodes for itself, or Prometheus has none at all. Forecasts and \
                          dashboards go stale.",
            when: Some(Condition::Value("prometheusRule.alerts.exporterDown")),
            runbook: &rule.runbook_url,
        }
        .draft(),
        Alert {
            name: "BinbotsAgentNotRun",
            // A job that never succeeded has no time of success: then its creation
            // counts. No such CronJob at all (or no kube-state-metrics) counts too,
            // unless an agent that stays serves a fresh report instead.
            pattern: format!(
                "time() - max by (namespace, cronjob) (\n  \
                 kube_cronjob_status_last_successful_time{agent}\n  \
                 or\n  \
                 kube_cronjob_created{agent}\n\
                 ) > {{}}\n\
                 unless on (namespace, cronjob)\n\
                 kube_cronjob_spec_suspend{agent} == 1\n\
                 or\n\
                 absent_over_time(kube_cronjob_created{agent}[10m])\n\
                 unless on ()\n\
                 time() - max({reported}) <= {{}}",
                reported = report::REPORT_TIMESTAMP.name,
            ),
            parts: vec![
                namespace(),
                cronjob(),
                namespace(),
                cronjob(),
                threshold(),
                namespace(),
                cronjob(),
                namespace(),
                cronjob(),
                threshold(),
            ],
            hold: ("2m".to_owned(), None),
            severity: "warning",
            summary: "k8s-ai-agent has not run successfully for too long.",
            description: "The CronJob has no successful run within the threshold, never had one, \
                          or kube-state-metrics does not know it; or, where the agent stays, it \
                          serves no report that is as fresh.",
            when: Some(Condition::All(vec![
                Condition::Value("agent.enabled"),
                Condition::Value("prometheusRule.alerts.agentNotRun"),
            ])),
            runbook: &rule.runbook_url,
        }
        .draft(),
        Alert {
            name: "BinbotsScrapeErrors",
            // Usage is read each round, so a hold of five minutes is ten failures. The
            // other endpoints are asked every few minutes and need a longer window.
            // Errors count if they recur: those of an API server that restarts within
            // five minutes are in both short windows for less than the hold.
            pattern: format!(
                "max by ({pair}) ({up}{{{endpoint}=~\"{resource}|{cadvisor}\"}}) == 0\n\
                 or\n\
                 max by ({pair}) (max_over_time({up}[10m])) == 0\n\
                 or\n\
                 sum by ({pair}) (increase({errors}[15m])) > {{}}\n\
                 and\n\
                 sum by ({pair}) (increase({errors}[5m])) > 0\n\
                 and\n\
                 sum by ({pair}) (increase({errors}[5m] offset 5m)) > 0",
                pair = format_args!("{}, {}", label::NODE, label::ENDPOINT),
                endpoint = label::ENDPOINT,
                resource = Endpoint::Resource.label(),
                cadvisor = Endpoint::Cadvisor.label(),
                up = series::UP.name,
                errors = format_args!(
                    "{}{{{}!~\"{}\"}}",
                    series::SCRAPE_ERRORS.name,
                    label::REASON,
                    partial_reasons()
                ),
            ),
            parts: vec![(
                rule.scrape_errors_threshold.to_string(),
                Expr::Int("prometheusRule.scrapeErrorsThreshold"),
            )],
            hold: ("5m".to_owned(), None),
            severity: "warning",
            summary: "The exporter keeps failing to read node {{ $labels.node }}.",
            description: "Scrapes of {{ $labels.endpoint }} fail on node {{ $labels.node }}: each \
                          of them for 5 minutes, or more than the threshold in 15 minutes; the \
                          label reason of k8s_ai_exporter_scrape_errors_total says why.",
            when: Some(Condition::Value("prometheusRule.alerts.scrapeErrors")),
            runbook: &rule.runbook_url,
        }
        .draft(),
    ]
}

/// Reasons that leave out a line or a sample of a scrape that went on.
fn partial_reasons() -> String {
    let partial: Vec<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.label())
        .filter(|label| label.ends_with("_line") || label.ends_with("_sample"))
        .collect();
    partial.join("|")
}

/// What a straight line through the recent usage comes to.
fn forecast(values: &Values) -> Vec<Draft> {
    let rule = &values.prometheus_rule;
    let record =
        |name: &str, (filled, expr): (String, Option<Expr>), resource: Option<&str>| Draft {
            entry: PrometheusRuleEntry {
                record: Some(name.to_owned()),
                expr: filled,
                labels: resource.map(|resource| labels(&[(label::RESOURCE, resource)])),
                ..PrometheusRuleEntry::default()
            },
            expr,
            hold: None,
            when: None,
        };
    // A pod replaced by another leaves two series of one node for a while.
    let ratio = |usage: &contract::Series, allocatable: &contract::Series| {
        format!(
            "max by ({node}) ({}) / max by ({node}) ({})",
            usage.name,
            allocatable.name,
            node = label::NODE
        )
    };
    vec![
        record(
            USAGE,
            fill(&ratio(&series::CPU_USAGE, &series::CPU_ALLOCATABLE), &[]),
            Some("cpu"),
        ),
        record(
            USAGE,
            fill(
                &ratio(&series::MEMORY_USAGE, &series::MEMORY_ALLOCATABLE),
                &[],
            ),
            Some("memory"),
        ),
        record(
            PREDICTED,
            fill(
                &format!("predict_linear({USAGE}[{{}}], {{}})"),
                &[
                    (
                        rule.predict_lookback.clone(),
                        Expr::Value("prometheusRule.predictLookback"),
                    ),
                    (
                        rule.predict_ahead_seconds.to_string(),
                        Expr::Int("prometheusRule.predictAheadSeconds"),
                    ),
                ],
            ),
            None,
        ),
        Alert {
            name: "BinbotsNodeRunsOut",
            // A line through a few minutes says nothing: half an hour is the least.
            pattern: format!("{PREDICTED} > {{}} / 100\nand\n{USAGE} offset 30m"),
            parts: vec![(
                rule.predict_threshold_percent.to_string(),
                Expr::Int("prometheusRule.predictThresholdPercent"),
            )],
            hold: ("15m".to_owned(), None),
            severity: "warning",
            summary: "Node {{ $labels.node }} is predicted to run out of {{ $labels.resource }}.",
            description: "If {{ $labels.resource }} usage of node {{ $labels.node }} goes on as it \
                          did, it reaches {{ $value | humanizePercentage }} of what pods may use.",
            when: None,
            runbook: &rule.runbook_url,
        }
        .draft(),
    ]
}

/// The PrometheusRule.
pub fn prometheus_rule(values: &Values) -> serde_json::Result<Object> {
    let alert = |name: Path| Condition::Value(name);
    let health_group = Condition::Any(vec![
        alert("prometheusRule.alerts.exporterDown"),
        Condition::All(vec![
            alert("agent.enabled"),
            alert("prometheusRule.alerts.agentNotRun"),
        ]),
        alert("prometheusRule.alerts.scrapeErrors"),
    ]);
    let runs_out = || alert("prometheusRule.alerts.nodeRunsOut");
    // A group without rules, or a rule object without groups, would be `null`.
    let any = vec![health_group.clone(), runs_out()];

    let groups = [
        ("binbots-k8s.health", health(values), health_group),
        ("binbots-k8s.forecast", forecast(values), runs_out()),
    ];
    let mut rule = PrometheusRule::new(
        &Names::of(values).alerts,
        PrometheusRuleSpec {
            groups: groups
                .iter()
                .map(|(name, drafts, _)| RuleGroup {
                    name: (*name).to_owned(),
                    interval: values.prometheus_rule.interval.clone(),
                    rules: drafts.iter().map(|draft| draft.entry.clone()).collect(),
                })
                .collect(),
        },
    );
    rule.metadata = metadata(values, Component::Monitoring, &Names::of(values).alerts);
    add_labels(
        &mut rule.metadata,
        &[("release", &values.prometheus_rule.release_label)],
    );

    let mut object = Object::new("prometheusrule-binbots.yaml", &rule)?
        .labelled(&["commonLabels", "prometheusRule.labels"])
        .follows(Expr::Helper(Helper::AlertsName))
        .with(
            "",
            Rule::When(Condition::All(vec![
                Condition::Value("prometheusRule.enabled"),
                is_scraped(),
                Condition::Any(any),
            ])),
        )
        .set(
            "/metadata/labels/release",
            Expr::Value("prometheusRule.releaseLabel"),
        )
        .comment(
            "/metadata/labels/release",
            "Must be what Prometheus selects PrometheusRules by: the release of the\n\
             kube-prometheus-stack.",
        );
    for (index, (_, drafts, when)) in groups.into_iter().enumerate() {
        let group = format!("/spec/groups/{index}");
        object = object.with(&group, Rule::When(when)).set(
            format!("{group}/interval"),
            Expr::Value("prometheusRule.interval"),
        );
        for (index, draft) in drafts.into_iter().enumerate() {
            object = attach(object, &format!("{group}/rules/{index}"), draft);
        }
    }
    Ok(object)
}

/// The overlays of one rule.
fn attach(mut object: Object, at: &str, draft: Draft) -> Object {
    if let Some(expr) = draft.expr {
        object = object.set(format!("{at}/expr"), expr);
    }
    if let Some(hold) = draft.hold {
        object = object.set(format!("{at}/for"), hold);
    }
    if let Some(when) = draft.when {
        object = object.with(at, Rule::When(when));
    }
    let runbook = format!("{at}/annotations/runbook_url");
    let anchor = object
        .tree
        .pointer(&runbook)
        .and_then(Value::as_str)
        .and_then(|url| url.split_once('#'))
        .map(|(_, anchor)| anchor.to_owned());
    if let Some(anchor) = anchor {
        object = object.set(
            runbook,
            text(
                &format!("{{}}#{anchor}"),
                vec![Expr::Value("prometheusRule.runbookUrl")],
            ),
        );
    }
    object
}
