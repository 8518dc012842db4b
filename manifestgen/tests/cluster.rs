//! The looks at a live cluster, against an API server that is a table in this
//! process: what it holds, what it lacks, what it refuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Request, Response};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use manifestgen::cluster::{Failure, Report, Verdict, diff, preflight, status};
use manifestgen::objects::{self, Place};
use manifestgen::values::Values;
use serde_json::{Value, json};

/// What the API server holds, by path with query.
#[derive(Clone, Default)]
struct Cluster {
    answers: BTreeMap<String, (u16, Value)>,
    /// Verb and resource that the user may not use.
    forbidden: Vec<(&'static str, &'static str)>,
    /// Whether a dry run gives back what is there, as after a real apply.
    settled: bool,
}

impl Cluster {
    fn with(mut self, path: &str, answer: Value) -> Self {
        self.answers.insert(path.to_owned(), (200, answer));
        self
    }

    fn refuses(mut self, path: &str, code: u16, message: &str) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": message, "reason": "", "code": code,
        });
        self.answers.insert(path.to_owned(), (code, status));
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.answers.remove(path);
        self
    }

    fn client(self) -> Client {
        let cluster = Arc::new(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = Arc::clone(&cluster);
            async move {
                let method = request.method().to_string();
                let path = request.uri().to_string();
                let body = request.into_body().collect_bytes().await?;
                let (code, answer) = cluster.answer(&method, &path, &body);
                let text = match answer {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                Ok::<_, kube::Error>(
                    Response::builder()
                        .status(code)
                        .body(Body::from(text.into_bytes()))
                        .expect("it is a response"),
                )
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &str, uri: &str, body: &[u8]) -> (u16, Value) {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        match method {
            "POST" => {
                let review: Value = serde_json::from_slice(body).expect("it is JSON");
                let asked = &review["spec"]["resourceAttributes"];
                let denied = self
                    .forbidden
                    .iter()
                    .any(|(verb, what)| asked["verb"] == *verb && asked["resource"] == *what);
                (201, json!({"status": {"allowed": !denied}}))
            }
            "PATCH" => {
                assert_eq!(query, "dryRun=All&force=true&fieldManager=manifestgen");
                if let Some((code, refusal)) = self.answers.get(&format!("PATCH {path}")) {
                    return (*code, refusal.clone());
                }
                let found = self.answers.get(path);
                match found {
                    Some(found) if self.settled => found.clone(),
                    _ => (200, serde_json::from_slice(body).expect("it is JSON")),
                }
            }
            _ => self.answers.get(uri).cloned().unwrap_or_else(|| {
                let message = format!("{path} not found");
                (
                    404,
                    json!({"kind": "Status", "status": "Failure", "message": message, "code": 404}),
                )
            }),
        }
    }
}

/// Runs a look on a runtime of its own.
fn run<T>(look: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(look)
}

fn row<'a>(report: &'a Report, subject: &str) -> (Verdict, &'a str) {
    report
        .0
        .iter()
        .find(|row| row.subject == subject)
        .map(|row| (row.verdict, row.found.as_str()))
        .unwrap_or_else(|| panic!("no {subject} in\n{report}"))
}

const CRDS: &str = "/apis/monitoring.coreos.com/v1";
const PROMETHEUSES: &str = "/apis/monitoring.coreos.com/v1/prometheuses";

/// A cluster with the kube-prometheus-stack, ready for us.
fn ready() -> Cluster {
    let selector = json!({"matchLabels": {"release": "prometheus-stack"}});
    Cluster::default()
        .with(
            "/version",
            json!({"major": "1", "minor": "36+", "gitVersion": "v1.36.2"}),
        )
        .with(
            CRDS,
            json!({"resources": [{"name": "servicemonitors"}, {"name": "prometheusrules"}]}),
        )
        .with(
            PROMETHEUSES,
            json!({"items": [{
                "metadata": {"namespace": "monitoring", "name": "k8s"},
                "spec": {
                    "serviceMonitorSelector": selector, "serviceMonitorNamespaceSelector": {},
                    "ruleSelector": selector, "ruleNamespaceSelector": {},
                },
            }]}),
        )
        .with(
            "/api/v1/namespaces/monitoring",
            json!({
                "metadata": {"labels": {"kubernetes.io/metadata.name": "monitoring"}},
                "status": {"phase": "Active"},
            }),
        )
}

fn look_before(cluster: Cluster) -> Report {
    run(async { preflight::preflight(&cluster.client(), &Values::default()).await })
        .expect("it answers")
}

#[test]
fn a_cluster_that_is_ready_has_no_bad_row() {
    let report = look_before(ready());
    assert!(!report.is_bad(), "{report}");
    assert_eq!(
        report.to_string(),
        "ok    Kubernetes version                     v1.36.2\n\
         ok    permissions                            create and patch, 24 reviews\n\
         ok    Prometheus Operator's CRDs             served\n\
         ok    Prometheus selects our ServiceMonitor  monitoring/k8s\n\
         ok    Prometheus selects our PrometheusRule  monitoring/k8s\n\
         ok    namespace monitoring                   exists\n\
         ok    Service k8s-ai-exporter                name is free\n"
    );
}

#[test]
fn an_old_cluster_is_refused_with_the_version_that_would_do() {
    let old = json!({"major": "1", "minor": "29", "gitVersion": "v1.29.4"});
    let report = look_before(ready().with("/version", old));
    assert_eq!(
        row(&report, "Kubernetes version"),
        (Verdict::Bad, "v1.29.4; 1.30 is the oldest that will do")
    );
}

#[test]
fn each_permission_that_is_missing_is_named() {
    let mut cluster = ready();
    cluster.forbidden = vec![("create", "clusterroles"), ("patch", "daemonsets")];
    let report = look_before(cluster);
    for subject in [
        "permission: create clusterroles",
        "permission: patch daemonsets",
    ] {
        assert_eq!(row(&report, subject), (Verdict::Bad, "not allowed"));
    }
}

#[test]
fn without_the_operators_crds_the_missing_ones_are_named() {
    let report = look_before(ready().without(CRDS));
    let (verdict, found) = row(&report, "Prometheus Operator's CRDs");
    assert_eq!(verdict, Verdict::Bad);
    assert!(
        found.starts_with("missing: servicemonitors, prometheusrules;"),
        "{found}"
    );
}

/// A Prometheus with these selectors, and whether it takes our ServiceMonitor.
#[test]
fn selectors_are_read_as_kubernetes_reads_them() {
    let other = json!({"matchLabels": {"release": "kps"}});
    let fits = json!({"matchLabels": {"release": "prometheus-stack"}});
    let rule = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "release", "operator": operator, "values": values}]});
    for (selector, namespaces, at, wanted) in [
        (fits.clone(), json!({}), "elsewhere", true),
        (other, json!({}), "monitoring", false),
        (json!({}), json!({}), "elsewhere", true),
        (Value::Null, json!({}), "monitoring", false),
        (fits.clone(), Value::Null, "monitoring", true),
        (fits.clone(), Value::Null, "elsewhere", false),
        (
            fits.clone(),
            json!({"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}),
            "elsewhere",
            true,
        ),
        (
            fits,
            json!({"matchLabels": {"team": "a"}}),
            "elsewhere",
            false,
        ),
        (
            rule("In", json!(["a", "prometheus-stack"])),
            json!({}),
            "x",
            true,
        ),
        (
            rule("NotIn", json!(["prometheus-stack"])),
            json!({}),
            "x",
            false,
        ),
        (rule("Exists", Value::Null), json!({}), "x", true),
        (rule("DoesNotExist", Value::Null), json!({}), "x", false),
    ] {
        let prometheus = json!({"items": [{
            "metadata": {"namespace": at, "name": "k8s"},
            "spec": {
                "serviceMonitorSelector": selector,
                "serviceMonitorNamespaceSelector": namespaces,
            },
        }]});
        let report = look_before(ready().with(PROMETHEUSES, prometheus));
        let (verdict, found) = row(&report, "Prometheus selects our ServiceMonitor");
        assert_eq!(
            verdict == Verdict::Fine,
            wanted,
            "{selector} {namespaces} in {at}: {found}"
        );
    }
}

#[test]
fn a_cluster_without_a_prometheus_says_so() {
    let report = look_before(ready().with(PROMETHEUSES, json!({"items": []})));
    assert_eq!(
        row(&report, "Prometheus selects our ServiceMonitor"),
        (Verdict::Bad, "there is no Prometheus")
    );
}

#[test]
fn a_missing_namespace_is_a_note_and_a_dying_one_is_bad() {
    let path = "/api/v1/namespaces/monitoring";
    let report = look_before(ready().without(path));
    assert_eq!(row(&report, "namespace monitoring").0, Verdict::Note);
    let dying = json!({"metadata": {"labels": {}}, "status": {"phase": "Terminating"}});
    let report = look_before(ready().with(path, dying));
    assert_eq!(
        row(&report, "namespace monitoring"),
        (Verdict::Bad, "is being deleted")
    );
}

#[test]
fn a_service_of_others_under_our_name_is_bad() {
    let path = "/api/v1/namespaces/monitoring/services/k8s-ai-exporter";
    let service = |app: &str, port: u16| json!({"spec": {"selector": {"app": app}, "ports": [{"port": port}]}});
    for (live, wanted) in [
        (service("k8s-ai-exporter", 9100), Verdict::Fine),
        (service("k8s-ai-exporter", 9101), Verdict::Note),
        (service("something", 9100), Verdict::Bad),
    ] {
        let report = look_before(ready().with(path, live));
        assert_eq!(
            row(&report, "Service k8s-ai-exporter").0,
            wanted,
            "{report}"
        );
    }
}

/// Addresses of our objects, as the API server has them.
const DAEMONSET: &str = "/apis/apps/v1/namespaces/monitoring/daemonsets/k8s-ai-exporter";
const CRONJOB: &str = "/apis/batch/v1/namespaces/monitoring/cronjobs/k8s-ai-agent";

fn object(kind: &str) -> Value {
    objects::all(&Values::default())
        .expect("the defaults fit their types")
        .into_iter()
        .find(|object| object.place == Place::Both && object.tree["kind"] == kind)
        .map(|object| object.tree)
        .expect("there is one")
}

#[test]
fn on_an_empty_cluster_everything_would_be_created() {
    let report = run(async { diff::diff(&Cluster::default().client(), &Values::default()).await })
        .expect("answers");
    assert_eq!(report.0.len(), 13, "{report}");
    for row in &report.0 {
        assert_eq!(
            (row.verdict, row.found.as_str()),
            (Verdict::Bad, "would be created")
        );
    }
}

#[test]
fn what_others_and_the_server_write_is_no_difference() {
    let mut live = object("DaemonSet");
    live["status"] = json!({"numberReady": 3});
    live["metadata"]["resourceVersion"] = json!("812");
    live["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
    let cluster = Cluster::default().with(DAEMONSET, live);
    let report =
        run(async { diff::diff(&cluster.client(), &Values::default()).await }).expect("answers");
    assert_eq!(
        row(&report, "DaemonSet k8s-ai-exporter"),
        (Verdict::Fine, "no difference")
    );
}

#[test]
fn a_field_that_was_changed_by_hand_is_shown_with_both_values() {
    let mut live = object("CronJob");
    live["spec"]["schedule"] = json!("0 * * * *");
    live["spec"]["suspend"] = json!(true);
    let cluster = Cluster::default().with(CRONJOB, live);
    let report =
        run(async { diff::diff(&cluster.client(), &Values::default()).await }).expect("answers");
    let lines: Vec<&str> = report
        .0
        .iter()
        .filter(|row| row.subject == "CronJob k8s-ai-agent")
        .map(|row| row.found.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "/spec/schedule: \"0 * * * *\" -> \"*/10 * * * *\"",
            "/spec/suspend: true -> false"
        ]
    );
}

#[test]
fn a_dry_run_that_is_refused_is_shown_with_the_servers_words() {
    let cluster = Cluster::default()
        .refuses(
            &format!("PATCH {DAEMONSET}"),
            403,
            "admission webhook denied it",
        )
        .refuses(
            &format!("PATCH {CRONJOB}"),
            404,
            "namespaces \"monitoring\" not found",
        );
    let report =
        run(async { diff::diff(&cluster.client(), &Values::default()).await }).expect("answers");
    assert_eq!(
        row(&report, "DaemonSet k8s-ai-exporter").1,
        "refused: admission webhook denied it"
    );
    assert_eq!(
        row(&report, "CronJob k8s-ai-agent").1,
        "not there: namespaces \"monitoring\" not found"
    );
}

const PODS: &str = "/api/v1/namespaces/monitoring/pods?labelSelector=app%3Dk8s-ai-exporter";

fn running() -> Cluster {
    let pod = |name: &str, node: &str| {
        json!({
            "metadata": {"name": name},
            "spec": {"nodeName": node},
            "status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]},
        })
    };
    let readyz = |pod: &str| format!("/api/v1/namespaces/monitoring/pods/{pod}:9100/proxy/readyz");
    Cluster::default()
        .with(
            DAEMONSET,
            json!({
                "metadata": {"generation": 2},
                "status": {
                    "observedGeneration": 2, "desiredNumberScheduled": 2,
                    "numberReady": 2, "updatedNumberScheduled": 2,
                },
            }),
        )
        .with(PODS, json!({"items": [pod("a", "n1"), pod("b", "n2")]}))
        .with(&readyz("a"), json!("ok\n"))
        .with(&readyz("b"), json!("ok\n"))
        .with(
            CRONJOB,
            json!({
                "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"suspend": false},
                "status": {"lastSuccessfulTime": "2026-01-01T11:50:00Z"},
            }),
        )
}

fn look_after(cluster: Cluster) -> Report {
    let noon: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
    run(async { status::status(&cluster.client(), &Values::default(), noon).await })
        .expect("it answers")
}

#[test]
fn a_rollout_that_is_done_has_no_bad_row() {
    let report = look_after(running());
    assert_eq!(
        report.to_string(),
        "ok    DaemonSet k8s-ai-exporter  2 of 2 ready, 2 of 2 of this version\n\
         ok    exporter on n1             ready\n\
         ok    exporter on n2             ready\n\
         ok    CronJob k8s-ai-agent       last success 600 s ago\n"
    );
    assert!(!report.is_bad());
}

#[test]
fn a_rollout_that_the_controller_has_not_seen_is_not_done() {
    let mut cluster = running();
    if let Some((_, daemonset)) = cluster.answers.get_mut(DAEMONSET) {
        daemonset["metadata"]["generation"] = json!(3);
    }
    assert_eq!(
        row(&look_after(cluster), "DaemonSet k8s-ai-exporter").0,
        Verdict::Bad
    );
}

#[test]
fn an_exporter_that_is_not_ready_says_why() {
    let path = "/api/v1/namespaces/monitoring/pods/b:9100/proxy/readyz";
    let report = look_after(running().refuses(path, 503, "no core series is published"));
    assert_eq!(
        row(&report, "exporter on n2"),
        (Verdict::Bad, "not ready: 503 no core series is published")
    );
    assert_eq!(row(&report, "exporter on n1").0, Verdict::Fine);
}

#[test]
fn a_pod_that_cannot_pull_its_image_says_so() {
    let pods = json!({"items": [{
        "metadata": {"name": "a"}, "spec": {"nodeName": "n1"},
        "status": {"phase": "Pending", "containerStatuses": [
            {"state": {"waiting": {"reason": "ImagePullBackOff"}}},
        ]},
    }]});
    let report = look_after(running().with(PODS, pods));
    assert_eq!(
        row(&report, "exporter on n1"),
        (Verdict::Bad, "ImagePullBackOff")
    );
}

#[test]
fn no_pod_at_all_is_bad() {
    let report = look_after(running().with(PODS, json!({"items": []})));
    assert_eq!(row(&report, "pods"), (Verdict::Bad, "there is none"));
}

#[test]
fn the_agents_age_is_held_against_the_alerts_threshold() {
    let cronjob = |created: &str, last: Option<&str>, suspend: bool| {
        json!({
            "metadata": {"creationTimestamp": created},
            "spec": {"suspend": suspend},
            "status": last.map_or(json!({}), |last| json!({"lastSuccessfulTime": last})),
        })
    };
    const LONG_AGO: &str = "2026-01-01T00:00:00Z";
    const JUST_NOW: &str = "2026-01-01T11:59:00Z";
    for (live, wanted, found) in [
        (
            cronjob(LONG_AGO, Some("2026-01-01T11:00:00Z"), false),
            Verdict::Bad,
            "last success 3600 s ago, 1800 s is the limit",
        ),
        (
            cronjob(LONG_AGO, None, false),
            Verdict::Bad,
            "never succeeded",
        ),
        (
            cronjob(JUST_NOW, None, false),
            Verdict::Note,
            "created 60 s ago, no success yet",
        ),
        (cronjob(LONG_AGO, None, true), Verdict::Note, "is suspended"),
    ] {
        let report = look_after(running().with(CRONJOB, live));
        assert_eq!(row(&report, "CronJob k8s-ai-agent"), (wanted, found));
    }
}

#[test]
fn a_cluster_that_does_not_answer_is_no_report() {
    let service = tower::service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(std::io::Error::other("connection refused"))
    });
    match run(async {
        let client = Client::new(service, "default");
        preflight::preflight(&client, &Values::default()).await
    }) {
        Err(Failure::Unreachable(why)) => assert!(why.contains("connection refused"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// The same looks at a real cluster, where there is one: `KUBECONFIG=… cargo test`.
#[test]
fn a_real_cluster_answers_every_look() {
    if std::env::var_os("KUBECONFIG").is_none() {
        return;
    }
    run(async {
        let client = Client::try_default().await.expect("KUBECONFIG is usable");
        let values = Values::default();
        let before = preflight::preflight(&client, &values).await;
        assert!(before.expect("it answers").0.len() >= 5);
        let beside = diff::diff(&client, &values).await;
        assert!(beside.expect("it answers").0.len() >= 13);
        let after = status::status(&client, &values, Timestamp::now()).await;
        assert!(after.expect("it answers").0.len() >= 3);
    });
}
