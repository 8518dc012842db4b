//! Recording rules and alerts. Thresholds come from the values, names from
//! `contract`; each alert's runbook is the page of its name.

use contract::{Endpoint, ExporterMode, Reason, label, report, series};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcr_monitoring_coreos_com::v1::prometheusrules::{
    PrometheusRule, PrometheusRuleGroups as Group, PrometheusRuleGroupsRules as Rule,
    PrometheusRuleSpec,
};

use super::exporter::{in_mode, is_scraped};
use super::metadata::{Component, labelled, labels, namespace};
use super::names;
use crate::builder::{Builder, Problem};
use crate::chart::EXPORTER_APP;
use crate::term::{Condition, text, value};

/// Usage of a node as a share of allocatable; label resource: cpu or memory.
pub const USAGE: &str = "node_resource:binbots_usage:ratio";
/// The same as predicted by linear regression.
pub const PREDICTED: &str = "node_resource:binbots_usage:predicted_ratio";

/// Series of Prometheus itself and of kube-state-metrics that the rules query.
pub const FOREIGN: [&str; 5] = [
    "up",
    "kube_pod_info",
    "kube_cronjob_created",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_last_successful_time",
];

struct Alert {
    name: &'static str,
    expr: String,
    hold: String,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

impl Alert {
    fn entry(self, b: &Builder<'_>) -> Rule {
        let values = b.values;
        let runbook = text(
            &format!("{{}}/{}.md", self.name),
            [value!(values.prometheus_rule.runbook_url)],
        );
        Rule {
            alert: Some(self.name.to_owned()),
            expr: IntOrString::String(self.expr),
            r#for: Some(self.hold),
            labels: Some(labels([("severity", self.severity)])),
            annotations: Some(labels([
                ("summary", self.summary),
                ("description", self.description),
                ("runbook_url", &b.text(runbook)),
            ])),
            ..Rule::default()
        }
    }
}

fn exporter_down(b: &Builder<'_>) -> Rule {
    let values = b.values;
    let namespace = || value!(values.namespace);
    let exporters = format!("up{{job=\"{EXPORTER_APP}\",namespace=\"{{}}\"}}");
    Alert {
        name: "BinbotsExporterDown",
        // Where pods share the nodes, every one of them is needed.
        expr: b.text(text(
            &format!("sum({exporters}) < {{}}\nor\nabsent({exporters})"),
            [namespace(), names::least_exporters(values), namespace()],
        )),
        hold: b.text(value!(values.prometheus_rule.exporter_down_for)),
        severity: "critical",
        summary: "Node usage is not collected: Prometheus cannot scrape the exporter.",
        description: "Every target of k8s-ai-exporter is down, a shard of it is down, or \
                      Prometheus has no such target. Forecasts and dashboards become stale.",
    }
    .entry(b)
}

fn exporter_missing(b: &Builder<'_>) -> Rule {
    let values = b.values;
    Alert {
        name: "BinbotsExporterMissing",
        // The DaemonSet's pods say where an exporter belongs: nodes without one (Fargate,
        // virtual nodes, a node selector) cause no alert. Where an exporter is scraped,
        // failures are those of BinbotsScrapeErrors; where none is, of BinbotsExporterDown.
        expr: b.text(text(
            &format!(
                "count by (node) (\n  \
                 kube_pod_info{{namespace=\"{{}}\",created_by_kind=\"DaemonSet\",created_by_name=\"{{}}\"}}\n\
                 )\n\
                 unless on (node)\n\
                 {up}{{{node}!=\"\"}}\n\
                 and on ()\n\
                 {up}",
                up = series::UP.name,
                node = label::NODE,
            ),
            [value!(values.namespace), names::exporter(values)],
        )),
        hold: "15m".to_owned(),
        severity: "warning",
        summary: "No exporter is scraped on {{ with $labels.node }}node {{ . }}{{ else }}a node \
                  where its pod is not scheduled{{ end }}.",
        description: "The DaemonSet has a pod for the node, but the pod is not scheduled, does \
                      not run, or Prometheus cannot scrape it, while other exporters are \
                      scraped. The node is missing in dashboards and reports.",
    }
    .entry(b)
}

fn agent_not_run(b: &Builder<'_>) -> Rule {
    let values = b.values;
    let cronjob = text(
        "{namespace=\"{}\",cronjob=\"{}\"}",
        [value!(values.namespace), names::agent(values)],
    );
    let threshold = value!(values.prometheus_rule.agent_not_run_threshold_seconds).text();
    Alert {
        name: "BinbotsAgentNotRun",
        // A CronJob that never succeeded has no time of success: its creation counts
        // instead. A missing CronJob (or kube-state-metrics) counts too, unless an
        // agent in mode deployment serves a current report.
        expr: b.text(text(
            &format!(
                "time() - max by (namespace, cronjob) (\n  \
                 kube_cronjob_status_last_successful_time{{}}\n  \
                 or\n  \
                 kube_cronjob_created{{}}\n\
                 ) > {{}}\n\
                 unless on (namespace, cronjob)\n\
                 kube_cronjob_spec_suspend{{}} == 1\n\
                 or\n\
                 absent_over_time(kube_cronjob_created{{}}[10m])\n\
                 unless on ()\n\
                 time() - max({reported}) <= {{}}",
                reported = report::REPORT_TIMESTAMP.name,
            ),
            [
                cronjob.clone(),
                cronjob.clone(),
                threshold.clone(),
                cronjob.clone(),
                cronjob,
                threshold,
            ],
        )),
        hold: "2m".to_owned(),
        severity: "warning",
        summary: "k8s-ai-agent has made no report for too long.",
        description: "The CronJob has not run successfully within the threshold, has never done \
                      so, or is unknown to kube-state-metrics; with agent.mode deployment, \
                      the agent serves no report from within the threshold.",
    }
    .entry(b)
}

fn scrape_errors(b: &Builder<'_>) -> Rule {
    let values = b.values;
    Alert {
        name: "BinbotsScrapeErrors",
        // Usage is scraped each interval, so five minutes are ten failures. The other
        // endpoints are requested every few minutes and need a longer window. Errors
        // count if they recur: those of an API server that restarts within five
        // minutes are in both short windows for less than the alert's `for`.
        expr: b.text(text(
            &format!(
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
                resource = Endpoint::Resource.name(),
                cadvisor = Endpoint::Cadvisor.name(),
                up = series::UP.name,
                errors = format_args!(
                    "{}{{{}!~\"{}\"}}",
                    series::SCRAPE_ERRORS.name,
                    label::REASON,
                    partial_reasons()
                ),
            ),
            [value!(values.prometheus_rule.scrape_errors_threshold).text()],
        )),
        hold: "5m".to_owned(),
        severity: "warning",
        summary: "The exporter cannot read {{ $labels.endpoint }}{{ with $labels.node }} of node \
                  {{ . }}{{ end }}.",
        description: "Every scrape of this endpoint fails, or more scrapes than the threshold \
                      failed within 15 minutes. The label reason of \
                      k8s_ai_exporter_scrape_errors_total names the cause.",
    }
    .entry(b)
}

/// Reasons that do not fail the whole scrape, as a regular expression.
fn partial_reasons() -> String {
    let partial = Reason::ALL.iter().filter(|reason| reason.is_partial());
    let partial: Vec<&str> = partial.map(|reason| reason.name()).collect();
    partial.join("|")
}

/// The prediction of usage by linear regression, and its alert.
fn forecast(b: &Builder<'_>) -> Vec<Rule> {
    let values = b.values;
    let record = |name: &str, expr| Rule {
        record: Some(name.to_owned()),
        expr: IntOrString::String(expr),
        ..Rule::default()
    };
    // While one pod replaces another, a node has two series.
    let by_node = |series: &contract::Series| format!("max by ({}) ({})", label::NODE, series.name);
    let usage = |usage, allocatable, resource| Rule {
        labels: Some(labels([(label::RESOURCE, resource)])),
        ..record(
            USAGE,
            format!("{} / {}", by_node(usage), by_node(allocatable)),
        )
    };
    let predicted = text(
        &format!("predict_linear({USAGE}[{{}}], {{}})"),
        [
            value!(values.prometheus_rule.predict_lookback),
            value!(values.prometheus_rule.predict_ahead_seconds).text(),
        ],
    );
    let runs_out = Alert {
        name: "BinbotsNodeRunsOut",
        // A regression needs at least half an hour of samples.
        expr: b.text(text(
            &format!("{PREDICTED} > {{}} / 100\nand\n{USAGE} offset 30m"),
            [value!(values.prometheus_rule.predict_threshold_percent).text()],
        )),
        hold: "15m".to_owned(),
        severity: "warning",
        summary: "Node {{ $labels.node }} is predicted to run out of {{ $labels.resource }}.",
        description: "At its current trend, {{ $labels.resource }} usage of node \
                      {{ $labels.node }} reaches {{ $value | humanizePercentage }} of \
                      allocatable.",
    };
    vec![
        usage(&series::CPU_USAGE, &series::CPU_ALLOCATABLE, "cpu"),
        usage(&series::MEMORY_USAGE, &series::MEMORY_ALLOCATABLE, "memory"),
        record(PREDICTED, b.text(predicted)),
        runs_out.entry(b),
    ]
}

/// The PrometheusRule.
pub(super) fn prometheus_rule(b: &Builder<'_>) -> Result<PrometheusRule, Problem> {
    let values = b.values;
    let exporter_is_down = value!(values.prometheus_rule.alerts.exporter_down).is_set();
    let exporter_is_missing = Condition::all([
        in_mode(values, ExporterMode::Daemonset),
        value!(values.prometheus_rule.alerts.exporter_missing).is_set(),
    ]);
    let agent_has_not_run = Condition::all([
        value!(values.agent.enabled).is_set(),
        value!(values.prometheus_rule.alerts.agent_not_run).is_set(),
    ]);
    let scrapes_fail = value!(values.prometheus_rule.alerts.scrape_errors).is_set();
    let nodes_run_out = value!(values.prometheus_rule.alerts.node_runs_out).is_set();
    // A group without rules, or an object without groups, would be `null`.
    let has_health = Condition::any([
        exporter_is_down.clone(),
        exporter_is_missing.clone(),
        agent_has_not_run.clone(),
        scrapes_fail.clone(),
    ]);
    b.only_if(Condition::all([
        value!(values.prometheus_rule.enabled).is_set(),
        is_scraped(values),
        Condition::any([has_health.clone(), nodes_run_out.clone()]),
    ]));
    let group = |name: &str, rules| Group {
        name: name.to_owned(),
        interval: Some(b.text(value!(values.prometheus_rule.interval))),
        rules: Some(rules),
        ..Group::default()
    };
    let health = [
        b.when(&exporter_is_down, exporter_down(b)),
        b.when(&exporter_is_missing, exporter_missing(b)),
        b.when(&agent_has_not_run, agent_not_run(b)),
        b.when(&scrapes_fail, scrape_errors(b)),
    ];
    let health = group("binbots-k8s.health", health.into_iter().flatten().collect());
    let groups = [
        b.when(&has_health, health),
        b.when(&nodes_run_out, group("binbots-k8s.forecast", forecast(b))),
    ];
    let release = b.comment(
        "Must be the label by which Prometheus selects PrometheusRules: the Helm release of\n\
         kube-prometheus-stack.",
        b.text(value!(values.prometheus_rule.release_label)),
    );
    let metadata = labelled(
        b,
        Component::Monitoring,
        names::alerts(values),
        labels([("release", &release)]),
        vec![value!(values.prometheus_rule.labels)],
    );
    Ok(PrometheusRule {
        metadata: ObjectMeta {
            namespace: Some(namespace(b)),
            ..metadata
        },
        spec: PrometheusRuleSpec {
            groups: Some(groups.into_iter().flatten().collect()),
        },
        status: None,
    })
}
