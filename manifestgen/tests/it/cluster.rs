//! `preflight` against an API server that is a table in this process.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use manifestgen::cluster::{Failure, Report, Verdict, preflight};
use manifestgen::values::Values;
use serde_json::{Value, json};

/// Answers of the API server, by path with query.
#[derive(Clone, Default)]
struct Cluster {
    answers: BTreeMap<String, (u16, Value)>,
    /// Verb and resource that the user may not use.
    forbidden: Vec<(&'static str, &'static str)>,
}

impl Cluster {
    fn with(mut self, path: &str, answer: Value) -> Self {
        self.answers.insert(path.to_owned(), (200, answer));
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
        match method {
            "POST" => {
                let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
                assert!(uri.starts_with(reviews), "preflight would create: {uri}");
                let review: Value = serde_json::from_slice(body).expect("it is JSON");
                let asked = &review["spec"]["resourceAttributes"];
                let denied = self
                    .forbidden
                    .iter()
                    .any(|(verb, what)| asked["verb"] == *verb && asked["resource"] == *what);
                (201, json!({"status": {"allowed": !denied}}))
            }
            "GET" => self.answers.get(uri).cloned().unwrap_or_else(|| {
                let message = format!("{uri} not found");
                (
                    404,
                    json!({"kind": "Status", "status": "Failure", "message": message, "code": 404}),
                )
            }),
            _ => panic!("preflight would change: {method} {uri}"),
        }
    }
}

/// Runs a future to completion.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
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

const NODES: &str = "/api/v1/nodes?limit=500";
const CA: &str = "/api/v1/namespaces/monitoring/configmaps/kube-root-ca.crt";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests\
                        ?fieldSelector=spec.signerName%3Dkubernetes.io%2Fkubelet-serving";

/// A cluster with kube-prometheus-stack that passes every check.
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
        .with(NODES, json!({"items": []}))
        .with(CA, json!({"data": {"ca.crt": ""}}))
}

fn check(cluster: Cluster) -> Report {
    run(async { preflight::preflight(&cluster.client(), &Values::default()).await })
        .expect("it answers")
}

#[test]
fn ready_cluster_has_no_bad_row() {
    let report = check(ready());
    assert!(!report.is_bad(), "{report}");
    assert_eq!(
        report.to_string(),
        "ok    Kubernetes version                     v1.36.2\n\
         ok    permissions                            create and patch, 24 reviews\n\
         ok    Prometheus Operator's CRDs             served\n\
         ok    Prometheus selects our ServiceMonitor  monitoring/k8s\n\
         ok    Prometheus selects our PrometheusRule  monitoring/k8s\n\
         ok    namespace monitoring                   exists\n\
         ok    Service k8s-ai-exporter                name is free\n\
         note  exporter.via=kubelet                   cannot be checked: the cluster has no nodes\n"
    );
}

#[test]
fn old_kubernetes_version_is_bad() {
    let old = json!({"major": "1", "minor": "29", "gitVersion": "v1.29.4"});
    let report = check(ready().with("/version", old));
    assert_eq!(
        row(&report, "Kubernetes version"),
        (Verdict::Bad, "v1.29.4; requires 1.30 or newer")
    );
}

#[test]
fn missing_permissions_are_named() {
    let mut cluster = ready();
    cluster.forbidden = vec![("create", "clusterroles"), ("patch", "daemonsets")];
    let report = check(cluster);
    for subject in [
        "permission: create clusterroles",
        "permission: patch daemonsets",
    ] {
        assert_eq!(row(&report, subject), (Verdict::Bad, "not allowed"));
    }
}

#[test]
fn missing_operator_crds_are_named() {
    let report = check(ready().without(CRDS));
    let (verdict, found) = row(&report, "Prometheus Operator's CRDs");
    assert_eq!(verdict, Verdict::Bad);
    assert!(
        found.starts_with("missing: servicemonitors, prometheusrules;"),
        "{found}"
    );
}

/// A Prometheus with these selectors, and whether it selects our ServiceMonitor.
#[test]
fn label_selectors_match_as_in_kubernetes() {
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
        let report = check(ready().with(PROMETHEUSES, prometheus));
        let (verdict, found) = row(&report, "Prometheus selects our ServiceMonitor");
        assert_eq!(
            verdict == Verdict::Fine,
            wanted,
            "{selector} {namespaces} in {at}: {found}"
        );
    }
}

#[test]
fn missing_prometheus_is_bad() {
    let report = check(ready().with(PROMETHEUSES, json!({"items": []})));
    assert_eq!(
        row(&report, "Prometheus selects our ServiceMonitor"),
        (Verdict::Bad, "there is no Prometheus")
    );
}

#[test]
fn terminating_namespace_is_bad_missing_one_a_note() {
    let path = "/api/v1/namespaces/monitoring";
    let report = check(ready().without(path));
    assert_eq!(row(&report, "namespace monitoring").0, Verdict::Note);
    let dying = json!({"metadata": {"labels": {}}, "status": {"phase": "Terminating"}});
    let report = check(ready().with(path, dying));
    assert_eq!(
        row(&report, "namespace monitoring"),
        (Verdict::Bad, "is being deleted")
    );
}

#[test]
fn foreign_service_of_our_name_is_bad() {
    let path = "/api/v1/namespaces/monitoring/services/k8s-ai-exporter";
    let service = |app: &str, port: u16| json!({"spec": {"selector": {"app": app}, "ports": [{"port": port}]}});
    for (live, wanted) in [
        (service("k8s-ai-exporter", 9100), Verdict::Fine),
        (service("k8s-ai-exporter", 9101), Verdict::Note),
        (service("something", 9100), Verdict::Bad),
    ] {
        let report = check(ready().with(path, live));
        assert_eq!(
            row(&report, "Service k8s-ai-exporter").0,
            wanted,
            "{report}"
        );
    }
}

/// A cluster with one node, whose kubelet has this address.
fn with_kubelet(address: SocketAddr, ca: &Path, configuration: Option<Value>) -> Cluster {
    with_address("InternalIP", address, ca, configuration)
}

/// A cluster with one node, whose kubelet has this address of this type.
fn with_address(
    kind: &str,
    address: SocketAddr,
    ca: &Path,
    configuration: Option<Value>,
) -> Cluster {
    let ca = std::fs::read_to_string(ca).expect("a CA file");
    let cluster = ready().with(CA, json!({"data": {"ca.crt": ca}})).with(
        NODES,
        json!({"items": [{
            "metadata": {"name": "node-a"},
            "status": {
                "addresses": [
                    {"type": "Hostname", "address": "node-a"},
                    {"type": kind, "address": address.ip().to_string()},
                ],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": address.port()}},
            },
        }]}),
    );
    match configuration {
        Some(own) => cluster.with(
            "/api/v1/nodes/node-a/proxy/configz",
            json!({"kubeletconfig": own}),
        ),
        None => cluster,
    }
}

#[test]
fn kubelet_access_is_recommended_or_explained() {
    let simulated = testbed::Cluster::new().node(testbed::Node::new("node-a"));
    let simulated = simulated.kubelets().start().expect("a cluster");
    let url = simulated.kubelet_url("node-a");
    let address = url.strip_prefix("https://").expect("TLS");
    let there: SocketAddr = address.parse().expect("an address");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = free.local_addr().expect("bound");
    drop(free);
    let (right, wrong) = (simulated.kubelet_ca_file(), simulated.ca_file());
    let webhook = |on: bool| json!({"authentication": {"webhook": {"enabled": on}}});
    for (address, ca, configuration, expected) in [
        (there, right, None, "recommended: 1 of 1 kubelets"),
        (there, right, Some(webhook(true)), "recommended: 1 of 1"),
        (
            there,
            right,
            Some(webhook(false)),
            "node-a: the kubelet accepts no tokens",
        ),
        (
            there,
            wrong,
            None,
            "the server's certificate was issued by CN=kubelet-ca",
        ),
        (
            nowhere,
            right,
            None,
            "cannot be decided from this machine: node-a: no connection",
        ),
        (
            nowhere,
            right,
            Some(json!({})),
            "node-a: the kubelet's certificate is self-signed",
        ),
        (
            nowhere,
            right,
            Some(json!({"tlsCertFile": "/kubelet.crt"})),
            "cannot be decided from this machine",
        ),
        (
            nowhere,
            right,
            Some(json!({"serverTLSBootstrap": true})),
            "of the signer kubernetes.io/kubelet-serving",
        ),
    ] {
        let report = check(with_kubelet(address, ca, configuration));
        let (verdict, found) = row(&report, "exporter.via=kubelet");
        assert_eq!(verdict, Verdict::Note);
        assert!(found.contains(expected), "{expected}: {found}");
    }
    simulated.show_kubelet_certificate(testbed::Certificate::NodeName);
    let report = check(with_kubelet(there, right, None));
    let (_, found) = row(&report, "exporter.via=kubelet");
    assert!(found.starts_with("recommended: 1 of 1"), "{found}");
    // Reached at no InternalIP, but at another type.
    let report = check(with_address("ExternalIP", there, right, None));
    let (verdict, found) = row(&report, "exporter.via=kubelet");
    assert_eq!(verdict, Verdict::Note);
    for part in [
        "the node object has no InternalIP",
        "exporter.kubeletAddressTypes={ExternalIP} would work",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    simulated.show_kubelet_certificate(testbed::Certificate::OtherName);
    let report = check(with_kubelet(there, right, None));
    let (_, found) = row(&report, "exporter.via=kubelet");
    assert!(found.contains("not for 127."), "{found}");
    // No request to a kubelet has a token.
    let asked = simulated.kubelet_requests();
    let health = asked.get(testbed::Endpoint::OtherProxy);
    assert!(!health.last_headers.contains_key("authorization"));
    assert!(health.count > 0);
}

#[test]
fn kubelets_without_nodes_or_ca_are_undecided() {
    for path in [NODES, CA] {
        let report = check(ready().without(path));
        let (verdict, found) = row(&report, "exporter.via=kubelet");
        assert_eq!(verdict, Verdict::Note);
        assert!(found.starts_with("cannot be checked: "), "{found}");
    }
}

#[test]
fn pending_certificate_requests_are_counted() {
    let requests = json!({"items": [
        {"status": {}},
        {"status": {"conditions": [{"type": "Approved"}]}},
        {"status": {}},
    ]});
    let report = check(ready().with(REQUESTS, requests));
    let (verdict, found) = row(&report, "kubelet certificates");
    assert_eq!(verdict, Verdict::Note);
    assert!(found.starts_with("2 requests are pending"), "{found}");
}

#[test]
fn unreachable_cluster_gives_no_report() {
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
