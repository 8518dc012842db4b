//! The agent as a job on a schedule: one report each time, in the job's log.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::Container;

use super::agent::{Variables, in_mode, template};
use super::{Component, Names, Object, metadata, word};
use crate::overlay::{Expr, Helper, Rule, text};
use crate::values::Values;

fn variables(values: &Values) -> serde_json::Result<Variables> {
    let agent = &values.agent;
    Ok(vec![
        ("FORMAT", word(&agent.format)?, Expr::Value("agent.format")),
        (
            "SHARDS",
            agent.shards.to_string(),
            text("{}", vec![Expr::Int("agent.shards")]),
        ),
    ])
}

/// The CronJob.
pub fn agent(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let agent = &values.agent;
    let mut template = template(values, &variables(values)?, Container::default())?;
    if let Some(spec) = &mut template.spec {
        spec.restart_policy = Some("Never".to_owned());
    }
    let cronjob = CronJob {
        metadata: metadata(values, Component::Agent, &names.agent),
        spec: Some(CronJobSpec {
            schedule: agent.schedule.clone(),
            suspend: Some(agent.suspend),
            concurrency_policy: Some("Forbid".to_owned()),
            starting_deadline_seconds: Some(agent.starting_deadline_seconds),
            successful_jobs_history_limit: Some(agent.successful_jobs_history_limit),
            failed_jobs_history_limit: Some(agent.failed_jobs_history_limit),
            job_template: JobTemplateSpec {
                spec: Some(JobSpec {
                    active_deadline_seconds: Some(agent.active_deadline_seconds),
                    backoff_limit: Some(agent.backoff_limit),
                    ttl_seconds_after_finished: Some(agent.ttl_seconds_after_finished),
                    completion_mode: Some("Indexed".to_owned()),
                    completions: Some(agent.shards),
                    parallelism: Some(agent.shards),
                    template,
                    ..JobSpec::default()
                }),
                ..JobTemplateSpec::default()
            },
            ..CronJobSpec::default()
        }),
        ..CronJob::default()
    };

    let job = "/spec/jobTemplate/spec";
    Object::new("cronjob-ai-agent.yaml", &cronjob)?
        .follows(Expr::Helper(Helper::AgentName))
        .with("", Rule::When(in_mode("cronjob")))
        .set("/spec/schedule", Expr::Value("agent.schedule"))
        .with("/spec/timeZone", Rule::Optional("agent.timeZone"))
        .set("/spec/suspend", Expr::Bool("agent.suspend"))
        .set(
            "/spec/startingDeadlineSeconds",
            Expr::Int("agent.startingDeadlineSeconds"),
        )
        .set(
            "/spec/successfulJobsHistoryLimit",
            Expr::Int("agent.successfulJobsHistoryLimit"),
        )
        .set(
            "/spec/failedJobsHistoryLimit",
            Expr::Int("agent.failedJobsHistoryLimit"),
        )
        .set(
            format!("{job}/activeDeadlineSeconds"),
            Expr::Int("agent.activeDeadlineSeconds"),
        )
        .set(
            format!("{job}/backoffLimit"),
            Expr::Int("agent.backoffLimit"),
        )
        .set(
            format!("{job}/ttlSecondsAfterFinished"),
            Expr::Int("agent.ttlSecondsAfterFinished"),
        )
        .set(format!("{job}/completions"), Expr::Int("agent.shards"))
        .set(format!("{job}/parallelism"), Expr::Int("agent.shards"))
        .with(
            format!("{job}/template/spec/containers/0/args"),
            Rule::Block("agent.extraArgs"),
        )
        .comment(
            "/spec/concurrencyPolicy",
            "A run that takes too long is not joined by a second one.",
        )
        .comment(
            format!("{job}/completionMode"),
            "Each pod learns its index, and reports on its share of the nodes.",
        )
        .agent_pod(&format!("{job}/template"), values, variables(values)?)
}
