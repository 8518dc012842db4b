//! The agent: a job on a schedule, without a token and without permissions.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{AGENT_APP, Component, Names, Object, PodPaths, image, labels, metadata, typed, word};
use crate::overlay::{Condition, Expr, Helper, Rule, text};
use crate::values::Values;

const PATHS: PodPaths = PodPaths {
    node_selector: "agent.nodeSelector",
    tolerations: "agent.tolerations",
    affinity: "agent.affinity",
    priority_class: "agent.priorityClassName",
    labels: &["agent.podLabels"],
    annotations: "agent.podAnnotations",
    pod_security: "agent.podSecurityContext",
    security: "agent.securityContext",
    resources: "agent.resources",
    env: "agent.env",
};

/// The agent's environment: name, text with these values, how the chart writes it.
fn environment(values: &Values) -> serde_json::Result<Vec<(&'static str, String, Expr)>> {
    let agent = &values.agent;
    let url = match agent.prometheus_url.as_str() {
        "" => format!("http://prometheus-operated.{}.svc:9090", values.namespace),
        url => url.to_owned(),
    };
    // Variables are strings: a number on its own would be refused.
    let number = |path| text("{}", vec![Expr::Int(path)]);
    Ok(vec![
        ("PROMETHEUS_URL", url, Expr::Helper(Helper::PrometheusUrl)),
        (
            "LOOKBACK_MINUTES",
            agent.lookback_minutes.to_string(),
            number("agent.lookbackMinutes"),
        ),
        (
            "FORECAST_MINUTES",
            agent.forecast_minutes.to_string(),
            number("agent.forecastMinutes"),
        ),
        ("STEP", agent.step.clone(), Expr::Value("agent.step")),
        (
            "CPU_QUERY",
            agent.cpu_query.clone(),
            Expr::Value("agent.cpuQuery"),
        ),
        (
            "MEM_QUERY",
            agent.memory_query.clone(),
            Expr::Value("agent.memoryQuery"),
        ),
        ("FORMAT", word(&agent.format)?, Expr::Value("agent.format")),
    ])
}

/// The CronJob.
pub fn agent(values: &Values) -> serde_json::Result<Object> {
    let names = Names::of(values);
    let agent = &values.agent;
    let environment = environment(values)?;
    let container = Container {
        name: "agent".to_owned(),
        image: Some(image(&values.image.agent)),
        image_pull_policy: Some(word(&values.image.agent.pull_policy)?),
        env: Some(
            environment
                .iter()
                .map(|(name, value, _)| EnvVar {
                    name: (*name).to_owned(),
                    value: Some(value.clone()),
                    ..EnvVar::default()
                })
                .collect(),
        ),
        resources: typed(&agent.resources)?,
        security_context: typed(&agent.security_context)?,
        ..Container::default()
    };
    let spec = PodSpec {
        service_account_name: Some(names.agent_account.clone()),
        automount_service_account_token: Some(false),
        restart_policy: Some("Never".to_owned()),
        security_context: typed(&agent.pod_security_context)?,
        node_selector: typed(&agent.node_selector)?,
        tolerations: typed(&agent.tolerations)?,
        affinity: typed(&agent.affinity)?,
        containers: vec![container],
        ..PodSpec::default()
    };
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
                    template: PodTemplateSpec {
                        metadata: Some(ObjectMeta {
                            labels: Some(labels(&[("app", AGENT_APP)])),
                            ..ObjectMeta::default()
                        }),
                        spec: Some(spec),
                    },
                    ..JobSpec::default()
                }),
                ..JobTemplateSpec::default()
            },
            ..CronJobSpec::default()
        }),
        ..CronJob::default()
    };

    let job = "/spec/jobTemplate/spec";
    let template = format!("{job}/template");
    let first = format!("{template}/spec/containers/0");
    let mut object = Object::new("cronjob-ai-agent.yaml", &cronjob)?
        .follows(Expr::Helper(Helper::AgentName))
        .with("", Rule::When(Condition::Value("agent.enabled")))
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
        .set(
            format!("{template}/spec/serviceAccountName"),
            Expr::Helper(Helper::AgentAccount),
        )
        .set(format!("{first}/image"), Expr::Helper(Helper::AgentImage))
        .set(
            format!("{first}/imagePullPolicy"),
            Expr::Value("image.agent.pullPolicy"),
        )
        .with(format!("{first}/args"), Rule::Block("agent.extraArgs"))
        .pod(&template, &PATHS)
        .comment(
            "/spec/concurrencyPolicy",
            "A run that takes too long is not joined by a second one.",
        );
    for (index, (_, _, expr)) in environment.into_iter().enumerate() {
        object = object.set(format!("{first}/env/{index}/value"), expr);
    }
    Ok(object)
}
