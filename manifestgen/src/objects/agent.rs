//! The agent in each of its modes: a CronJob, or a Deployment. It has no token and no
//! permissions.
//!
//! Invariant: the agent accepts the environment of every rendering (held by
//! `agent_accepts_rendered_environment`).

use contract::{AGENT_PORT, AgentMode};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodTemplateSpec};

use super::exporter::recreate;
use super::metadata::{Component, metadata, selects};
use super::names;
use super::pod::{Pod, variable};
use crate::builder::{Builder, Problem};
use crate::chart::AGENT_APP;
use crate::term::{Condition, text, value};
use crate::values::Values;

/// Holds when the agent runs in this mode.
pub(super) fn in_mode(values: &Values, mode: AgentMode) -> Condition {
    Condition::all([
        value!(values.agent.enabled).is_set(),
        value!(values.agent.mode).is(mode),
    ])
}

/// The variables of both modes.
fn variables(b: &Builder<'_>) -> Vec<EnvVar> {
    let values = b.values;
    [
        ("PROMETHEUS_URL", names::backend_url(values)),
        (
            "LOOKBACK_MINUTES",
            value!(values.agent.lookback_minutes).text(),
        ),
        (
            "FORECAST_MINUTES",
            value!(values.agent.forecast_minutes).text(),
        ),
        ("STEP", value!(values.agent.step)),
        ("CPU_QUERY", value!(values.agent.cpu_query)),
        ("MEM_QUERY", value!(values.agent.memory_query)),
        ("MODEL", value!(values.agent.model).text()),
        ("INTERVAL", value!(values.agent.interval_percent).text()),
        ("HIGH_PERCENT", value!(values.agent.high_percent).text()),
        ("LOW_PERCENT", value!(values.agent.low_percent).text()),
        ("FOR", value!(values.agent.r#for)),
        ("FLEET", value!(values.agent.fleet).text()),
        ("KEEP_NODES", value!(values.agent.keep_nodes).text()),
    ]
    .map(|(name, value)| variable(b, name, value))
    .into()
}

fn template(
    b: &Builder<'_>,
    pod: &Pod<'_>,
    container: Container,
) -> Result<PodTemplateSpec, Problem> {
    let mut template = pod.template(b, container)?;
    if let Some(spec) = &mut template.spec {
        spec.automount_service_account_token = Some(false);
    }
    Ok(template)
}

/// The CronJob: each run writes one report to the log of its job.
pub(super) fn cronjob(b: &Builder<'_>) -> Result<CronJob, Problem> {
    let values = b.values;
    b.only_if(in_mode(values, AgentMode::Cronjob));
    let mut variables = variables(b);
    variables.extend([
        variable(b, "FORMAT", value!(values.agent.format).text()),
        variable(b, "SHARDS", value!(values.agent.shards).text()),
    ]);
    let pod = Pod::of_agent(b);
    let settings = &values.agent.pod;
    let container = Container {
        args: b.block(value!("agent" => settings.extra_args))?,
        ..pod.container(b, variables)?
    };
    let mut template = template(b, &pod, container)?;
    if let Some(spec) = &mut template.spec {
        spec.restart_policy = Some("Never".to_owned());
    }
    let job = JobSpec {
        active_deadline_seconds: Some(b.scalar(value!(values.agent.active_deadline_seconds))),
        backoff_limit: Some(b.scalar(value!(values.agent.backoff_limit))),
        ttl_seconds_after_finished: Some(b.scalar(value!(values.agent.ttl_seconds_after_finished))),
        completion_mode: b.comment(
            "Gives each pod an index, by which it reports on its share of the nodes.",
            Some("Indexed".to_owned()),
        ),
        completions: Some(b.scalar(value!(values.agent.shards))),
        parallelism: Some(b.scalar(value!(values.agent.shards))),
        template,
        ..JobSpec::default()
    };
    let starting_deadline = value!(values.agent.starting_deadline_seconds);
    let successful = value!(values.agent.successful_jobs_history_limit);
    let failed = value!(values.agent.failed_jobs_history_limit);
    Ok(CronJob {
        metadata: metadata(b, Component::Agent, names::agent(values)),
        spec: Some(CronJobSpec {
            schedule: b.text(value!(values.agent.schedule)),
            time_zone: b.optional(value!(values.agent.time_zone)),
            suspend: Some(b.scalar(value!(values.agent.suspend))),
            concurrency_policy: b.comment(
                "No second run starts while one is still running.",
                Some("Forbid".to_owned()),
            ),
            starting_deadline_seconds: Some(b.scalar(starting_deadline)),
            successful_jobs_history_limit: Some(b.scalar(successful)),
            failed_jobs_history_limit: Some(b.scalar(failed)),
            job_template: JobTemplateSpec {
                spec: Some(job),
                ..JobTemplateSpec::default()
            },
        }),
        ..CronJob::default()
    })
}

/// The Deployment: one pod reports at intervals and serves the newest report.
pub(super) fn deployment(b: &Builder<'_>) -> Result<Deployment, Problem> {
    let values = b.values;
    b.only_if(in_mode(values, AgentMode::Deployment));
    let arguments = vec![
        format!("--serve=:{AGENT_PORT}"),
        b.text(text("--every={}", [value!(values.agent.every)])),
    ];
    let pod = Pod::of_agent(b);
    let container = pod.serving(b, AGENT_PORT, arguments, variables(b))?;
    Ok(Deployment {
        metadata: metadata(b, Component::Agent, names::agent(values)),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: selects(AGENT_APP),
            strategy: b.comment(
                "Two agents at a time would send every report twice.",
                recreate(),
            ),
            template: template(b, &pod, container)?,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}
