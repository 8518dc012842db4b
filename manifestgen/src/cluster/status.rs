//! After everything is applied: does it run?

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::Value;

use super::{Failure, Report, Row, Verdict, ask_text, get};
use crate::objects::{EXPORTER_APP, Names};
use crate::values::Values;

/// Looks at the rollout, at each exporter's /readyz and at the agent's last success.
///
/// # Errors
/// When the cluster does not answer.
pub async fn status(client: &Client, values: &Values, now: Timestamp) -> Result<Report, Failure> {
    let names = Names::of(values);
    let mut rows = vec![rollout(client, values, &names.exporter).await?];
    rows.extend(exporters(client, values).await?);
    if values.agent.enabled {
        rows.push(agent(client, values, &names.agent, now).await?);
    }
    Ok(Report(rows))
}

async fn rollout(client: &Client, values: &Values, name: &str) -> Result<Row, Failure> {
    let subject = format!("DaemonSet {name}");
    let path = format!(
        "/apis/apps/v1/namespaces/{}/daemonsets/{name}",
        values.namespace
    );
    let daemonset = match get(client, &path).await? {
        Ok(daemonset) => daemonset,
        Err(refusal) => return Ok(Row::new(Verdict::Bad, subject, refusal.message)),
    };
    let count = |key: &str| daemonset["status"][key].as_i64().unwrap_or(0);
    let desired = count("desiredNumberScheduled");
    let found = format!(
        "{} of {desired} ready, {} of {desired} of this version",
        count("numberReady"),
        count("updatedNumberScheduled")
    );
    // The controller has seen the newest version only if it says so.
    let seen =
        count("observedGeneration") >= daemonset["metadata"]["generation"].as_i64().unwrap_or(0);
    let done = seen
        && desired > 0
        && count("numberReady") == desired
        && count("updatedNumberScheduled") == desired;
    let verdict = if done { Verdict::Fine } else { Verdict::Bad };
    Ok(Row::new(verdict, subject, found))
}

async fn exporters(client: &Client, values: &Values) -> Result<Vec<Row>, Failure> {
    let path = format!(
        "/api/v1/namespaces/{}/pods?labelSelector=app%3D{EXPORTER_APP}",
        values.namespace
    );
    let list = match get(client, &path).await? {
        Ok(list) => list,
        Err(refusal) => return Ok(vec![Row::new(Verdict::Bad, "pods", refusal.message)]),
    };
    let mut rows = Vec::new();
    for pod in list["items"].as_array().into_iter().flatten() {
        rows.push(exporter(client, values, pod).await?);
    }
    if rows.is_empty() {
        rows.push(Row::new(Verdict::Bad, "pods", "there is none"));
    }
    Ok(rows)
}

/// One exporter's /readyz, asked through the API server.
async fn exporter(client: &Client, values: &Values, pod: &Value) -> Result<Row, Failure> {
    let text = |pointer| pod.pointer(pointer).and_then(Value::as_str);
    let node = text("/spec/nodeName").unwrap_or("no node yet");
    let subject = format!("exporter on {node}");
    if let Some(reason) = text("/status/containerStatuses/0/state/waiting/reason") {
        return Ok(Row::new(Verdict::Bad, subject, reason));
    }
    if text("/status/phase") != Some("Running") {
        let phase = text("/status/phase").unwrap_or("unknown");
        return Ok(Row::new(Verdict::Bad, subject, phase));
    }
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}:{}/proxy{}",
        values.namespace,
        text("/metadata/name").unwrap_or_default(),
        contract::EXPORTER_PORT,
        contract::path::READYZ
    );
    Ok(
        match ask_text(client, Request::get(path), Vec::new()).await? {
            Ok(_) => Row::new(Verdict::Fine, subject, "ready"),
            Err(refusal) => {
                let found = format!("not ready: {} {}", refusal.code, refusal.message.trim());
                Row::new(Verdict::Bad, subject, found)
            }
        },
    )
}

async fn agent(
    client: &Client,
    values: &Values,
    name: &str,
    now: Timestamp,
) -> Result<Row, Failure> {
    let subject = format!("CronJob {name}");
    let path = format!(
        "/apis/batch/v1/namespaces/{}/cronjobs/{name}",
        values.namespace
    );
    let cronjob = match get(client, &path).await? {
        Ok(cronjob) => cronjob,
        Err(refusal) => return Ok(Row::new(Verdict::Bad, subject, refusal.message)),
    };
    if cronjob["spec"]["suspend"] == true {
        return Ok(Row::new(Verdict::Note, subject, "is suspended"));
    }
    let time = |pointer: &str| {
        let value = cronjob.pointer(pointer)?.clone();
        serde_json::from_value::<Time>(value).ok()
    };
    let limit = values.prometheus_rule.agent_not_run_threshold_seconds;
    let age = |time: &Time| now.as_second() - time.0.as_second();
    Ok(
        match (
            time("/status/lastSuccessfulTime"),
            time("/metadata/creationTimestamp"),
        ) {
            (Some(last), _) if age(&last) <= limit => {
                let found = format!("last success {} s ago", age(&last));
                Row::new(Verdict::Fine, subject, found)
            }
            (Some(last), _) => {
                let found = format!("last success {} s ago, {limit} s is the limit", age(&last));
                Row::new(Verdict::Bad, subject, found)
            }
            (None, Some(created)) if age(&created) <= limit => {
                let found = format!("created {} s ago, no success yet", age(&created));
                Row::new(Verdict::Note, subject, found)
            }
            (None, _) => Row::new(Verdict::Bad, subject, "never succeeded"),
        },
    )
}
