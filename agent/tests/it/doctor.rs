//! `k8s-ai-agent doctor` against healthy and broken backends.

use std::net::TcpListener;
use std::time::SystemTime;

use crate::scripted::{Answer, Backend, Query, run, series};
use serde_json::{Value, json};

const CPU: &str = "k8s_node_cpu_usage_cores";
const EXPORTER_DOWN: &str = "max by (node, endpoint) (k8s_ai_exporter_up) == 0";

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a clock").as_secs() as i64
}

/// A successful answer with this result.
fn result(kind: &str, result: &Value) -> Answer {
    let body = json!({"status": "success", "data": {"resultType": kind, "result": result}});
    Answer::json("200 OK", &body.to_string())
}

/// Samples, each with its labels and value.
fn vector(at: i64, samples: &[(Value, String)]) -> Answer {
    let samples: Vec<Value> = samples
        .iter()
        .map(|(metric, value)| json!({"metric": metric, "value": [at, value]}))
        .collect();
    result("vector", &Value::Array(samples))
}

/// One series with a sample every `every` seconds from `start` to the query's end.
fn matrix(query: &Query, start: i64, every: i64) -> Answer {
    let samples: Vec<Value> = (0..)
        .map(|k| start + k * every)
        .take_while(|at| *at <= query.end)
        .map(|at| json!([at, "2"]))
        .collect();
    result("matrix", &json!([{"metric": {}, "values": samples}]))
}

/// One series that begins at `beginning`, at the times of a range query.
fn since(query: &Query, beginning: i64) -> Answer {
    let behind = (beginning - query.start).max(0);
    let steps = (behind + query.step - 1) / query.step;
    matrix(query, query.start + steps * query.step, query.step)
}

/// The time of the newest sample of both nodes.
fn sampled_at(at: i64) -> Answer {
    let both = ["a", "b"].map(|node| (json!({"node": node}), at.to_string()));
    vector(at, &both)
}

/// A backend that has all it should, for the last 20 days.
fn healthy(query: &Query) -> Answer {
    const HELD_SECONDS: i64 = 20 * 86_400;
    let at = query.end;
    if query.line == "GET /api/v1/status/buildinfo" {
        return Answer::json(
            "200 OK",
            r#"{"status":"success","data":{"version":"3.1.0","revision":"x"}}"#,
        );
    }
    if query.is_range() {
        let beginning = unix_now() - HELD_SECONDS;
        return since(query, beginning);
    }
    match query.query.as_str() {
        "vector(time())" => vector(at, &[(json!({}), unix_now().to_string())]),
        "topk(1, k8s_node_cpu_usage_cores)" => vector(
            at,
            &[(json!({"__name__": CPU, "node": "a"}), "2".to_owned())],
        ),
        "k8s_node_cpu_usage_cores{node=\"a\"}[1h]" => matrix(query, at - 3570, 30),
        "count(k8s_node_cpu_usage_cores)" if at < unix_now() - HELD_SECONDS => vector(at, &[]),
        "count(k8s_node_cpu_usage_cores)" => vector(at, &[(json!({}), "2".to_owned())]),
        counted if counted.starts_with("sum by (node) (count_over_time(") => {
            let both = ["a", "b"].map(|node| (json!({"node": node}), "240".to_owned()));
            vector(at, &both)
        }
        counted if counted.starts_with("count by (node) (") => vector(
            at,
            &["a", "b"].map(|node| (json!({"node": node}), "1".to_owned())),
        ),
        times if times.starts_with("max by (node) (timestamp(") => sampled_at(at - 20),
        EXPORTER_DOWN => vector(at, &[]),
        errors if errors.starts_with("sum by (node, endpoint, reason) (") => vector(at, &[]),
        other => panic!("{other}"),
    }
}

/// The healthy backend, but for queries with this text.
fn healthy_but(text: &'static str, answer: impl Fn(&Query) -> Answer + Send + 'static) -> Backend {
    Backend::start_whole(
        move |query| match query.query == text || query.line.ends_with(text) {
            true => answer(query),
            false => healthy(query),
        },
    )
}

/// Returns the exit code, and result, message and fix of the check called `name`.
fn examine(backend: &Backend, name: &str, flags: &[&str]) -> (i32, String, String, String) {
    let url = ["doctor", "--format=json", "--prometheus-url", &backend.url];
    let ended = run(&[&url[..], flags].concat());
    let diagnosis: Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(ended.err, "");
    assert_eq!(diagnosis["schema_version"], 1);
    let checks = diagnosis["checks"].as_array().expect("checks");
    let check = checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("no {name} in {diagnosis:#}"));
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    (ended.code, text("result"), text("message"), text("cure"))
}

#[test]
fn refused_post_is_stated() {
    let backend = Backend::start_whole(|query| match query.line.starts_with("GET ") {
        true => healthy(query),
        false => Answer::new("405 Method Not Allowed", "", ""),
    });
    let (code, result, message, _) = examine(&backend, "backend", &[]);
    assert_eq!((code, result.as_str()), (0, "ok"), "{message}");
    let end = "; it refuses POST (HTTP status 405), so queries are sent by GET";
    assert!(message.ends_with(end), "{message}");
}

#[test]
fn doctor_passes_a_healthy_backend() {
    let backend = Backend::start_whole(healthy);
    let ended = run(&["doctor", "--prometheus-url", &backend.url]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(
        ended.out.starts_with(&format!(
            "ok       backend             Prometheus 3.1.0 at {} answers within ",
            backend.url
        )),
        "{}",
        ended.out
    );
    for line in [
        "ok       clock               the clocks agree\n",
        "ok       cpu usage           \"k8s_node_cpu_usage_cores\" has samples of 2 nodes\n",
        "ok       memory allocatable  \"k8s_node_memory_allocatable_bytes\" has samples of 2 nodes\n",
        "ok       exporter            the exporter reads every endpoint of 2 nodes\n",
        "ok       nodes               every node has all of these series\n",
        "ok       interval            a sample every 30s, a point every 1m\n",
        "ok       gaps                none in the last 2h\n",
        "ok       pod requests        \"kube_pod_container_resource_requests\" has samples of 2 nodes\n",
        "-> set --lookback 14d to include the weekly pattern\n",
        "\n13 ok, 0 notes, 0 problems\n",
    ] {
        assert!(ended.out.contains(line), "{line}\n{}", ended.out);
    }
    // Some thirty small queries, of which none asks for a whole fleet over time.
    let queries = backend.queries();
    assert!(queries.len() <= 34, "{}", queries.len());
    for query in queries.iter().filter(|query| query.is_range()) {
        assert_eq!(query.query, "count(k8s_node_cpu_usage_cores)");
    }
}

#[test]
fn oldest_sample_is_found() {
    let backend = Backend::start_whole(healthy);
    let (code, result, message, _) = examine(&backend, "history", &["--lookback=2d"]);
    assert_eq!((code, result.as_str()), (0, "ok"));
    let since = message
        .strip_prefix("samples since ")
        .and_then(|rest| rest.split_once("Z: "))
        .expect(&message);
    assert!(
        since.1.ends_with("enough for a trend and a daily pattern"),
        "{message}"
    );
    let asked: Vec<Query> = backend
        .queries()
        .into_iter()
        .filter(|query| query.is_range() && query.end - query.start == 14 * 86_400)
        .collect();
    assert_eq!(asked.len(), 1, "between two and four weeks ago");
    assert_eq!(asked[0].step, 14 * 864);
}

#[test]
fn short_lookback_is_noted() {
    let backend = Backend::start_whole(healthy);
    let flags = ["--lookback=10m", "--forecast=1d"];
    let (code, result, message, fix) = examine(&backend, "lookback", &flags);
    assert_eq!((code, result.as_str()), (0, "note"));
    assert!(
        message.contains("10m is shorter than 3 horizons of 1d"),
        "{message}"
    );
    assert_eq!(fix, "set --lookback to at least 3d, or --forecast to less");
}

#[test]
fn doctor_exits_3_without_a_prometheus() {
    let page = "<html><title>Sign in</title></html>";
    for (answer, message, fix) in [
        (
            Answer::new("404 Not Found", "Content-Type: text/html\r\n", page),
            "HTTP status 404",
            "add the path prefix of the API to --prometheus-url: /prometheus for Mimir",
        ),
        (
            Answer::new(
                "401 Unauthorized",
                "Content-Type: text/plain\r\n",
                "no org id",
            ),
            "HTTP status 401: no org id",
            "the tenant: --header 'X-Scope-OrgID: team'",
        ),
        (
            Answer::new("302 Found", "Location: /login\r\n", ""),
            "HTTP status 302",
            "set --prometheus-url to the URL that it redirects to",
        ),
        (
            Answer::new("200 OK", "Content-Type: text/html\r\n", page),
            "the answer is of type \"text/html\"",
            "another server answers at this URL",
        ),
        (
            Answer::json("200 OK", r#"{"kind":"Status","status":"Failure"}"#),
            "the status \"Failure\" is neither",
            "another server answers at this URL",
        ),
        (
            Answer::new("503 Service Unavailable", "", ""),
            "HTTP status 503",
            "check that the backend is up and not overloaded",
        ),
        (
            Answer::new("502 Bad Gateway", "Content-Type: text/html\r\n", page),
            "HTTP status 502: Sign in",
            "a proxy got no answer from the backend",
        ),
    ] {
        let backend = Backend::start_whole(move |_| answer.clone());
        let found = examine(&backend, "backend", &[]);
        assert_eq!((found.0, found.1.as_str()), (3, "problem"), "{found:?}");
        assert!(found.2.contains(message), "{message}\n{found:?}");
        assert!(found.3.contains(fix), "{fix}\n{found:?}");
    }
    // Bound and dropped: no longer listening.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let url = format!("http://{}", free.expect("a free port"));
    let ended = run(&["doctor", "--prometheus-url", &url]);
    assert_eq!(ended.code, 3);
    assert!(ended.out.contains("Connection refused"), "{}", ended.out);
    assert!(ended.out.contains("-> check the port"), "{}", ended.out);
}

#[test]
fn doctor_exits_4_without_series() {
    let none = |query: &Query| match query.query.as_str() {
        "vector(time())" => healthy(query),
        "count(k8s_node_cpu_usage_cores)" if query.end < unix_now() - 86_000 => healthy(query),
        _ if query.is_range() => matrix(query, query.end + 1, 1),
        _ => vector(query.end, &[]),
    };
    let backend = Backend::start_whole(none);
    let (code, result, message, fix) = examine(&backend, "cpu usage", &[]);
    assert_eq!((code, result.as_str()), (4, "problem"));
    assert!(
        message.starts_with(
            "\"k8s_node_cpu_usage_cores\" has no samples now; there are older ones, from about "
        ),
        "{message}"
    );
    assert!(fix.contains("often `release`"), "{fix}");

    let never = Backend::start_whole(|query| match query.query.as_str() {
        "vector(time())" => healthy(query),
        _ if query.is_range() => Answer::matrix(&[]),
        _ => vector(query.end, &[]),
    });
    let (code, _, message, _) = examine(&never, "cpu usage", &[]);
    assert_eq!(
        (code, message.as_str()),
        (4, "\"k8s_node_cpu_usage_cores\" has no samples now")
    );
}

#[test]
fn each_problem_has_a_fix() {
    let counted = "count by (node) (k8s_node_cpu_usage_cores)";
    let two_of_a = |query: &Query| {
        vector(
            query.end,
            &[
                (json!({"node": "a"}), "2".to_owned()),
                (json!({"node": "b"}), "1".to_owned()),
            ],
        )
    };
    let differing_in = move |label: &'static str| {
        Backend::start_whole(move |query| match query.query.as_str() {
            text if text == counted => two_of_a(query),
            "k8s_node_cpu_usage_cores{node=\"a\"}" => {
                let one = |value: &str| {
                    (
                        json!({"node": "a", label: value, "job": "x"}),
                        "2".to_owned(),
                    )
                };
                vector(query.end, &[one("one"), one("two")])
            }
            _ => healthy(query),
        })
    };
    for (backend, check, message, fix) in [
        (
            differing_in("prometheus_replica"),
            "duplicates",
            "node a has several series at the same time; they differ in prometheus_replica (\"one\", \"two\")",
            "--query.replica-label",
        ),
        (
            differing_in("cluster"),
            "duplicates",
            "they differ in cluster (\"one\", \"two\")",
            "{cluster=\"…\"}",
        ),
        (
            differing_in("pod"),
            "duplicates",
            "they differ in pod (\"one\", \"two\")",
            "two exporters report on the node",
        ),
        (
            healthy_but(counted, |query| {
                vector(query.end, &[(json!({}), "3".to_owned())])
            }),
            "cpu usage",
            "has samples, but none has a label \"node\"",
            "sum by (node)",
        ),
        (
            healthy_but(counted, |_| {
                Answer::json(
                    "422 Unprocessable Entity",
                    r#"{"status":"error","errorType":"execution","error":"too many"}"#,
                )
            }),
            "cpu usage",
            "could not be queried: HTTP status 422: execution: too many",
            "the reason",
        ),
        (
            healthy_but(
                "count by (node) (k8s_node_memory_allocatable_bytes)",
                |query| vector(query.end, &[(json!({"node": "a"}), "1".to_owned())]),
            ),
            "nodes",
            "1 node without current samples: b (memory allocatable)",
            "k8s_ai_exporter_scrape_errors_total",
        ),
        (
            healthy_but("vector(time())", |query| {
                vector(query.end, &[(json!({}), (unix_now() + 120).to_string())])
            }),
            "clock",
            "ahead of the agent's",
            "NTP",
        ),
        (
            healthy_but("k8s_node_cpu_usage_cores{node=\"a\"}[1h]", |query| {
                matrix(query, query.end - 3600, 240)
            }),
            "interval",
            "a sample every 4m; each missed scrape makes a gap",
            "scrape_interval",
        ),
        (
            healthy_but("/api/v1/query_range", |query| {
                matrix(query, query.start + 1800, query.step)
            }),
            "gaps",
            "at 30 of 121 points of the last 2h no node had a sample, from ",
            "was down then",
        ),
    ] {
        let found = examine(&backend, check, &[]);
        assert_eq!((found.0, found.1.as_str()), (5, "problem"), "{found:?}");
        assert!(found.2.contains(message), "{message}\n{found:?}");
        assert!(found.3.contains(fix), "{fix}\n{found:?}");
    }
}

/// The healthy backend with an exporter that fails to read some endpoints; the usage of
/// the nodes that are left has samples.
fn outage(with_usage: &'static [&'static str]) -> Backend {
    let labels_of = |node: &str, endpoint: &str| json!({"node": node, "endpoint": endpoint});
    let down = move |value: &str| {
        [("a", "resource"), ("b", "resource"), ("b", "cadvisor")]
            .map(|(node, endpoint)| (labels_of(node, endpoint), value.to_owned()))
    };
    Backend::start_whole(move |query| match query.query.as_str() {
        EXPORTER_DOWN => vector(query.end, &down("0")),
        last if last.contains("last_success") => {
            let [a, b, _] = down(&(query.end - 720).to_string());
            vector(query.end, &[a, b])
        }
        errors if errors.starts_with("sum by (node, endpoint, reason) (") => {
            let failed = |node, endpoint, reason, count: &str| {
                let mut labels = labels_of(node, endpoint);
                labels["reason"] = json!(reason);
                (labels, count.to_owned())
            };
            let errors = [
                failed("a", "resource", "connect", "5"),
                failed("a", "pods", "timeout", "2"),
                failed("b", "resource", "timeout", "1"),
                failed("b", "resource", "connect", "4.2"),
                failed("b", "cadvisor", "forbidden", "9"),
                failed("b", "pods", "rate_limited", "7"),
            ];
            vector(query.end, &errors)
        }
        usage if usage.starts_with("count by (node) (k8s_node_") && usage.contains("_usage_") => {
            let of = |node: &&str| (json!({"node": node}), "1".to_owned());
            vector(query.end, &with_usage.iter().map(of).collect::<Vec<_>>())
        }
        _ => healthy(query),
    })
}

#[test]
fn exporter_series_explain_an_outage() {
    let at = "--at=2026-11-22T07:13:08Z";
    let backend = outage(&["a"]);
    let ended = run(&["doctor", "--prometheus-url", &backend.url, at]);
    assert_eq!(ended.code, 5, "{}", ended.out);
    let lines: Vec<&str> = ended
        .out
        .lines()
        .skip_while(|line| !line.contains(" exporter "))
        .take_while(|line| !line.contains(" memory usage "))
        .collect();
    assert_eq!(
        lines,
        [
            "problem  exporter            endpoint cadvisor of 1 of 2 nodes cannot be read (forbidden): b since the exporter started",
            "                             -> RBAC refuses the request (403): check that the ClusterRole is the one of this version and bound to the exporter's service account",
            "problem  exporter            endpoint resource of 2 of 2 nodes cannot be read (connect): a since 2026-11-22T07:01:08Z (12m ago), b since 2026-11-22T07:01:08Z (12m ago)",
            "                             -> no connection to the API server or kubelet (refused, unreachable, reset, name not found): check that the API server or kubelet runs, --api-server, and NetworkPolicies on the way to it",
            "note     exporter            endpoint pods of 1 of 2 nodes is read, but often fails (rate_limited): b 7 times in 15m",
            "                             -> the API server limits requests (429): check the API server's load and its priority and fairness settings",
            "ok       cpu usage           \"k8s_node_cpu_usage_cores\" has samples of 1 node",
        ]
    );
    let (_, result, message, fix) = examine(&outage(&["a"]), "nodes", &[at]);
    assert_eq!(result, "problem");
    assert_eq!(
        message,
        "1 node without current samples: b (cpu usage, memory usage)"
    );
    assert!(fix.contains("`exporter` above"), "{fix}");

    // Nothing is published: whether the exporter is scraped is not the question.
    let (code, result, _, fix) = examine(&outage(&[]), "cpu usage", &[at]);
    assert_eq!((code, result.as_str()), (4, "problem"));
    assert!(fix.contains("`exporter` above"), "{fix}");
    let (_, result, message, _) = examine(&outage(&[]), "nodes", &[at]);
    assert_eq!(result, "problem");
    assert!(message.starts_with("2 nodes without current"), "{message}");
}

#[test]
fn no_check_is_ok_while_its_samples_are_old() {
    let old = |seconds: i64, of: &'static str| {
        Backend::start_whole(move |query| match query.query.as_str() {
            "k8s_node_cpu_usage_cores{node=\"a\"}[1h]" => {
                let newest = query.end - seconds;
                let times = (0..110).rev().map(|k| newest - k * 30);
                let samples: Vec<Value> = times.map(|at| json!([at, "1"])).collect();
                result("matrix", &json!([{"metric": {}, "values": samples}]))
            }
            times if times.starts_with("max by (node) (timestamp(") && times.contains(of) => {
                sampled_at(query.end - seconds)
            }
            _ => healthy(query),
        })
    };
    for (seconds, of, check, expected, message) in [
        (
            97,
            "_usage_",
            "cpu usage",
            "problem",
            "has samples of 2 nodes, 2 of them not current: a (97s), b (97s)",
        ),
        (97, "_usage_", "memory usage", "problem", "a (97s), b (97s)"),
        (97, "_usage_", "cpu allocatable", "ok", "of 2 nodes"),
        (
            97,
            "_allocatable_",
            "memory allocatable",
            "problem",
            "a (97s), b (97s)",
        ),
        (
            97,
            "_usage_",
            "nodes",
            "problem",
            "2 nodes without current samples: a (cpu usage, memory usage), b (cpu usage, memory usage)",
        ),
        (
            97,
            "_usage_",
            "interval",
            "note",
            "but a gap of 1m37s within",
        ),
        (
            97,
            "_usage_",
            "gaps",
            "note",
            "none in the last 2h until the newest sample, 97s ago",
        ),
        (
            97,
            "k8s_ai_exporter_up",
            "exporter",
            "problem",
            "a (97s), b (97s)",
        ),
        (
            200,
            "kube_pod_container_resource_requests",
            "pod requests",
            "note",
            "has samples of 2 nodes, not current: a (3m), b (3m)",
        ),
        (60, "_usage_", "cpu usage", "ok", "of 2 nodes"),
        (60, "_usage_", "gaps", "ok", "none in the last 2h"),
    ] {
        let (_, result, found, _) =
            examine(&old(seconds, of), check, &["--at=2026-11-22T07:13:08Z"]);
        assert_eq!(result, expected, "{check}: {found}");
        assert!(found.contains(message), "{check}: {message}\n{found}");
    }
}

#[test]
fn gaps_do_not_count_as_history() {
    let backend = healthy_but("/api/v1/query_range", |query| {
        matrix(query, query.start + 1800, query.step)
    });
    let (_, result, message, _) = examine(&backend, "history", &[]);
    assert_eq!(result, "ok");
    assert!(message.contains("91 of 121 points"), "{message}");
}

#[test]
fn notes_leave_exit_code_0() {
    for (backend, check, message, fix) in [
        (
            healthy_but(
                "count by (node) (kube_pod_container_resource_requests)",
                |query| vector(query.end, &[]),
            ),
            "pod requests",
            "\"kube_pod_container_resource_requests\" has no samples",
            "kube-state-metrics is installed",
        ),
        (
            healthy_but("count by (node) (kube_node_status_allocatable)", |query| {
                vector(query.end, &[(json!({}), "9".to_owned())])
            }),
            "node states",
            "none has a label \"node\"",
            "honor_labels",
        ),
        (
            healthy_but(
                "sum by (node) (count_over_time(k8s_node_cpu_usage_cores[7200s]))",
                |query| {
                    vector(
                        query.end,
                        &[
                            (json!({"node": "a"}), "120".to_owned()),
                            (json!({"node": "b"}), "239".to_owned()),
                        ],
                    )
                },
            ),
            "samples",
            "1 of 2 nodes have less than 90% of the samples of the last 2h: a 50%",
            "new nodes",
        ),
        (
            healthy_but("k8s_node_cpu_usage_cores{node=\"a\"}[1h]", |query| {
                // All but the third and fourth.
                let times = (0..120)
                    .filter(|k| !(2..4).contains(k))
                    .map(|k| query.end - 3570 + k * 30);
                let samples: Vec<Value> = times.map(|at| json!([at, "1"])).collect();
                result("matrix", &json!([{"metric": {}, "values": samples}]))
            }),
            "interval",
            "a sample every 30s, but a gap of 1m30s",
            "scrape_duration_seconds",
        ),
    ] {
        let found = examine(&backend, check, &[]);
        assert_eq!((found.0, found.1.as_str()), (0, "note"), "{found:?}");
        assert!(found.2.contains(message), "{message}\n{found:?}");
        assert!(found.3.contains(fix), "{fix}\n{found:?}");
    }
}

#[test]
fn young_series_name_the_wait() {
    // The beginning is found to within 36 s, a hundredth of an hour: it is never sooner.
    for (age, code, result, message) in [
        (170, 5, "problem", "3 of 121 points, too few for a forecast"),
        (
            650,
            0,
            "note",
            "11 of 121 points, enough for a level, not for a trend",
        ),
    ] {
        let backend = Backend::start_whole(move |query| {
            let began = unix_now() - age;
            if query.is_range() {
                return since(query, began);
            }
            match query.query.as_str() {
                "count(k8s_node_cpu_usage_cores)" if query.end < began => vector(query.end, &[]),
                _ => healthy(query),
            }
        });
        let found = examine(&backend, "history", &[]);
        assert_eq!((found.0, found.1.as_str()), (code, result), "{found:?}");
        assert!(found.2.contains(message), "{message}\n{found:?}");
        assert!(found.3.starts_with("wait for "), "{found:?}");
    }
}

#[test]
fn doctor_examines_the_exporter_history() {
    let history = |points: i64| {
        Backend::start(move |query| Answer::matrix(&[series(query, "a", points, |_| 2.0)]))
    };
    let (code, result, message, _) = examine(&history(121), "backend", &[]);
    assert_eq!((code, result.as_str()), (0, "ok"));
    assert!(
        message.contains("it supports range queries only"),
        "{message}"
    );
    let (code, result, message, _) = examine(&history(121), "history", &[]);
    assert_eq!((code, result.as_str()), (0, "ok"));
    assert!(
        message.contains(" or earlier: 121 of 121 points"),
        "{message}"
    );
    let (code, result, ..) = examine(&history(4), "history", &[]);
    assert_eq!((code, result.as_str()), (5, "problem"));
    let empty = Backend::start(|_| Answer::matrix(&[]));
    assert_eq!(examine(&empty, "cpu usage", &[]).0, 4);
}

#[test]
fn credentials_over_plain_http_are_noted() {
    let backend = Backend::start_whole(healthy);
    let token = std::env::temp_dir().join(format!("agent-doctor-{}", std::process::id()));
    std::fs::write(&token, "hunter2").expect("a writable file");
    let flag = format!("--bearer-token-file={}", token.display());
    let found = examine(&backend, "encryption", &[&flag]);
    std::fs::remove_file(token).expect("our own file");
    assert_eq!((found.0, found.1.as_str()), (0, "note"));
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[test]
fn doctor_refuses_unused_flags() {
    for (args, message) in [
        (&["doctor", "--input=x"][..], "doctor does not take --input"),
        (
            &["doctor", "--fail-on=info"],
            "doctor does not take --fail-on",
        ),
        (
            &["doctor", "--format=csv"],
            "invalid --format \"csv\": expected text or json with doctor",
        ),
        (&["doctor", "doctor"], "unexpected argument \"doctor\""),
        (&["nurse"], "unexpected argument \"nurse\""),
    ] {
        let ended = run(args);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{args:?}");
        assert!(ended.err.contains(message), "{message}\n{}", ended.err);
    }
}
