//! The real program against backends of every kind: exit codes and messages.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::scripted::{Answer, Backend, Query, agent, cluster, run, series};
use serde_json::Value;

/// A whole answer to no query in particular.
fn whole() -> Answer {
    cluster(&Query {
        query: "k8s_node_cpu_usage_cores".into(),
        end: 7200,
        step: 60,
        ..Query::default()
    })
}

/// The cluster, but for queries that contain `part`.
fn cluster_but(part: &'static str, answer: Answer) -> Backend {
    Backend::start(move |query| match query.query.contains(part) {
        true => answer.clone(),
        false => cluster(query),
    })
}

/// Holds a report against the published schema, and returns it.
fn valid(report: &str) -> Value {
    let schema: Value =
        serde_json::from_str(include_str!("../../../crates/report/report.schema.json"))
            .expect("the schema is JSON");
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the schema is one");
    let report = serde_json::from_str(report).expect("the report is JSON");
    let problems: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}\n{report:#}");
    report
}

#[test]
fn healthy_backend_gives_a_text_report() {
    let backend = Backend::start(cluster);
    let ended = run(&["--prometheus-url", &backend.url]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let (time, _) = ended.out.split_once("Z, from").expect("a time");
    let time = time.rsplit(' ').next().expect("words");
    let shown = ended.out.replace(time, "TIME");
    insta::assert_snapshot!(shown, @r"
    3 nodes: 1 critical, 1 to consolidate, 1 healthy.
    Forecast for the 30m after TIMEZ, from the 2h before, one point
    every 1m.
    Percentages are of allocatable. MAX is the median of the maximum, UPPER stays
    above it with a probability of 90%; LIMIT IN is in brackets where allocatable is
    reached only at the upper end.

               NOW    MEAN     MAX   UPPER  ALLOCATABLE  LIMIT IN   POINTS

    critical  busy: scale up or move pods
      cpu      95%  100.8%  106.3%  106.3%   4.00 cores       14m  121/121
        decided by the highest level held for 5m: 4.19 cores, 104.7% of 4.00 cores
          allocatable, at least 100%: critical
        level above high held for 5m: 100% likely
        maximum 4.25 cores (106.3%), 90% likely to stay below 4.25 cores (106.3%);
          mean 4.03 cores (100.8%) over the next 30m
        limit: reached in 14m
        121 of 121 expected points, one every 1m over 2h
        model ets; backtest from 8 origins: MASE 0.00, naive forecast 15.50; so far
          100% of the values lay within its intervals
      memory   50%     50%     50%     50%    16.00 GiB         -  121/121

    info      idle: consolidate or scale down
      cpu     3.1%    3.1%    3.1%    3.1%   4.00 cores         -  121/121
        decided by the mean, 90% likely to stay below: 0.12 cores, 3.1% of 4.00
          cores allocatable, under 20%: low
      memory  6.3%    6.3%    6.3%    6.3%    16.00 GiB         -  121/121
        decided by the mean, 90% likely to stay below: 1.00 GiB, 6.3% of 16.00 GiB
          allocatable, under 20%: low

    healthy   calm
      cpu      50%     50%     50%     50%   4.00 cores         -  121/121
      memory   50%     50%     50%     50%    16.00 GiB         -  121/121

    Fleet: 1 of 3 nodes could be drained: the rest has room at the forecast peak of
      the next 30m; pod requests are unknown: the backend has no kube-state-metrics
      series such as kube_node_spec_unschedulable.
      idle: its usage would fit on the other nodes
      Check before draining, as the series do not show it: pods and their requests;
        cordons, taints and readiness of nodes; PodDisruptionBudgets; affinity, node
        selectors, tolerations and topology spread; local and zonal volumes.
    ");
}

#[test]
fn healthy_backend_gives_a_json_report() {
    let backend = Backend::start(cluster);
    let ended = run(&["--prometheus-url", &backend.url, "--format=json"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let report = valid(&ended.out);
    assert_eq!(report["window"]["step_seconds"], 60);
    assert_eq!(report["window"]["horizon_seconds"], 1800);
    let nodes = report["nodes"].as_array().expect("nodes");
    let verdicts: Vec<_> = nodes
        .iter()
        .map(|n| [&n["node"], &n["action"], &n["severity"]].map(|v| v.as_str().expect("text")))
        .collect();
    assert_eq!(
        verdicts,
        [
            ["busy", "scale_up", "critical"],
            ["idle", "consolidate", "info"],
            ["calm", "none", "none"],
        ]
    );
    let cpu = &nodes[0]["resources"][0];
    assert_eq!(cpu["resource"], "cpu");
    assert_eq!(
        (&cpu["points"], &cpu["points_expected"]),
        (&121.into(), &121.into())
    );
    assert_eq!(cpu["model"], "ets");
    let max = cpu["forecast"]["max"].as_f64().expect("a number");
    assert!((max - (2.0 + 0.015 * 150.0)).abs() < 1e-6, "{max}");
}

#[test]
fn queries_are_few_and_aligned() {
    let backend = Backend::start(cluster);
    let url = format!("{}/select/0/prometheus/", backend.url);
    let ended = run(&[
        "--prometheus-url",
        &url,
        "--lookback",
        "24h",
        "--step",
        "5m",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let queries = backend.queries();
    let first_words = |query: &str| query.split(' ').next().unwrap_or_default().to_owned();
    let asked: Vec<_> = queries.iter().map(|q| first_words(&q.query)).collect();
    assert_eq!(
        asked,
        [
            "k8s_node_cpu_usage_cores",
            "k8s_node_memory_usage_bytes",
            "k8s_node_cpu_allocatable_cores",
            "k8s_node_memory_allocatable_bytes",
            "k8s_node_cpu_capacity_cores",
            "k8s_node_memory_capacity_bytes",
            "k8s_node_resource_recommendation_severity",
            "kube_node_spec_unschedulable",
        ]
    );
    for query in &queries {
        assert_eq!(query.line, "POST /select/0/prometheus/api/v1/query_range");
        assert_eq!(
            (query.step, query.end % 300, query.start % 300),
            (300, 0, 0)
        );
        assert_eq!(query.end, queries[0].end);
    }
    assert_eq!(queries[0].end - queries[0].start, 86_400);
    assert_eq!(queries[5].end - queries[5].start, 600);
}

#[test]
fn environment_sets_defaults() {
    let backend = Backend::start(|query| match query.query.as_str() {
        "sum by (node) (a)" => Answer::matrix(&[series(query, "n", 61, |_| 1.0)]),
        "b{c=\"d e+f\"}" => Answer::matrix(&[series(query, "n", 61, |_| 2.0)]),
        _ => Answer::matrix(&[]),
    });
    let output = agent(&["--memory-query", "b{c=\"d e+f\"}"])
        .env("PROMETHEUS_URL", &backend.url)
        .env("LOOKBACK_MINUTES", "60")
        .env("FORECAST_MINUTES", "15")
        .env("CPU_QUERY", "sum by (node) (a)")
        .env("MEM_QUERY", "never asked")
        .env("FORMAT", "json")
        .output()
        .expect("the program starts");
    let report = valid(&String::from_utf8(output.stdout).expect("UTF-8"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(report["nodes"][0]["resources"][1]["points"], 61);
    assert_eq!(report["nodes"][0]["resources"][1]["points_expected"], 61);
    assert_eq!(report["window"]["horizon_seconds"], 900);
}

#[test]
fn no_allocatable_no_recommendation() {
    let backend = cluster_but("allocatable", Answer::matrix(&[]));
    let ended = run(&["--prometheus-url", &backend.url, "--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report = valid(&ended.out);
    let cpu = &report["nodes"][0]["resources"][0];
    assert!(cpu["forecast"]["max"].is_number());
    assert_eq!(cpu["allocatable"], Value::Null);
    assert_eq!(cpu["recommendation"]["action"], "insufficient_data");
    assert_eq!(cpu["recommendation"]["reason"], "no_allocatable");
    assert_eq!(
        report["warnings"][0],
        "cpu allocatable: no samples of any node for \"k8s_node_cpu_allocatable_cores\""
    );
}

#[test]
fn too_few_points_are_no_failure() {
    for (points, message) in [(1, "not enough points (1)"), (4, "not enough points (4)")] {
        let backend = Backend::start(move |query| match query.query.contains("usage") {
            true => Answer::matrix(&[series(query, "young", points, |_| 1.0)]),
            false => cluster(query),
        });
        let ended = run(&["--prometheus-url", &backend.url, "--format", "json"]);
        let report = valid(&ended.out);
        let young = report["nodes"]
            .as_array()
            .and_then(|nodes| nodes.iter().find(|n| n["node"] == "young"))
            .expect("the node");
        assert_eq!(young["action"], "insufficient_data");
        let text = run(&["--prometheus-url", &backend.url]).out;
        let line = format!("  memory  {message}; {points} of 121 points\n");
        assert!(text.contains(&line), "{text}");
        for resource in young["resources"].as_array().expect("two") {
            assert_eq!(resource["recommendation"]["message"], message);
            assert_eq!(resource["forecast"], Value::Null);
        }
    }
}

#[test]
fn series_of_replaced_pods_are_merged() {
    let backend = Backend::start(|query| match query.query.contains("usage") {
        true => {
            let old = series(query, "n", 121, |_| 1.0);
            // The old pod was seen until half an hour ago.
            let old = old.replace(&format!("[{},\"1\"]", query.end), "[1,\"1\"]");
            Answer::matrix(&[series(query, "n", 30, |_| 2.0), old])
        }
        false => Answer::matrix(&[series(query, "n", 11, |_| 16.0)]),
    });
    let ended = run(&["--prometheus-url", &backend.url, "--format", "json"]);
    let report = valid(&ended.out);
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["nodes"][0]["resources"][0]["points"], 121);
}

#[test]
fn removed_node_is_no_finding() {
    let backend = Backend::start(|query| {
        let gone = Query {
            end: query.end - 1800,
            ..query.clone()
        };
        match query.query.contains("usage") {
            true => Answer::matrix(&[
                series(query, "calm", 121, |_| 2.0),
                series(&gone, "gone", 60, |_| 99.0),
            ]),
            false => Answer::matrix(&[series(query, "calm", 11, |_| 4.0)]),
        }
    });
    let args = [
        "--prometheus-url",
        &backend.url,
        "--format=json",
        "--fail-on=info",
    ];
    let ended = run(&args);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report = valid(&ended.out);
    let gone = &report["nodes"][1];
    assert_eq!(
        (&gone["node"], &gone["severity"]),
        (&"gone".into(), &"none".into())
    );
    assert_eq!(gone["resources"][0]["recommendation"]["reason"], "stale");
}

/// A backend with one node that has samples and `gone` nodes that had some half an hour ago.
fn with_gone(live: bool, gone: usize) -> Backend {
    Backend::start(move |query| {
        let earlier = Query {
            end: query.end - 1800,
            ..query.clone()
        };
        let usage = query.query.contains("usage");
        let live = live.then(|| series(query, "calm", 121, |_| if usage { 2.0 } else { 4.0 }));
        let gone = (0..gone).map(|index| series(&earlier, &format!("old-{index}"), 60, |_| 1.0));
        Answer::matrix(
            &live
                .into_iter()
                .chain(gone.filter(|_| usage))
                .collect::<Vec<_>>(),
        )
    })
}

#[test]
fn gone_nodes_are_one_line() {
    let backend = with_gone(true, 7);
    let line =
        "Gone: 7 nodes without a sample for over 5m: old-0, old-1, old-2, old-3, old-4 and 2 more";
    for format in ["text", "markdown", "html"] {
        let args = ["--prometheus-url", &backend.url, "--format", format];
        let ended = run(&[
            &args[..],
            &["--explain=true", "--fleet=off", "--fail-on=unknown"],
        ]
        .concat());
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{format}");
        let words = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = words.replace("&#45;", "-");
        assert!(text.contains(line), "{format}: {text}");
        assert_eq!(text.matches("old-0").count(), 1, "{format}: {text}");
        assert!(text.contains("calm"), "{format}");
    }
    let text = run(&["--prometheus-url", &backend.url]).out;
    assert!(text.starts_with("8 nodes: 1 healthy, 7 gone."), "{text}");
    let json = valid(&run(&["--prometheus-url", &backend.url, "--format=json"]).out);
    assert_eq!(json["nodes"].as_array().map(Vec::len), Some(8));
}

#[test]
fn no_current_forecast_exits_4() {
    let young = |points| {
        Backend::start(move |query| match query.query.contains("usage") {
            true => Answer::matrix(&[series(query, "young", points, |_| 1.0)]),
            false => Answer::matrix(&[series(query, "young", 11, |_| 4.0)]),
        })
    };
    for backend in [with_gone(false, 8), young(4)] {
        let ended = run(&["--prometheus-url", &backend.url, "--fail-on=info"]);
        let problem =
            "k8s-ai-agent: no node has a current forecast; the report names the reasons\n";
        assert_eq!(
            (ended.code, ended.err.as_str()),
            (4, problem),
            "{}",
            ended.out
        );
        assert!(ended.out.contains("node"), "the report is printed");
    }
    let backend = young(30);
    let ended = run(&["--prometheus-url", &backend.url, "--fail-on=info"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn fail_on_unknown_counts_nodes_without_verdict() {
    let backend = Backend::start(|query| {
        let usage = query.query.contains("usage");
        let node =
            |name, points| series(query, name, points, move |_| if usage { 2.0 } else { 4.0 });
        Answer::matrix(&[node("calm", 121), node("young", if usage { 2 } else { 11 })])
    });
    for (fail_on, code) in [("unknown", 10), ("info", 0)] {
        let ended = run(&["--prometheus-url", &backend.url, "--fail-on", fail_on]);
        assert_eq!((ended.code, ended.err.as_str()), (code, ""), "{fail_on}");
    }
}

#[test]
fn fail_on_sets_exit_code_10() {
    let idle_only = || {
        Backend::start(|query| {
            let value = if query.query.contains("usage") {
                0.1
            } else {
                4.0
            };
            Answer::matrix(&[series(query, "idle", 121, move |_| value)])
        })
    };
    for (backend, fail_on, code) in [
        (Backend::start(cluster), "critical", 10),
        (Backend::start(cluster), "info", 10),
        (idle_only(), "info", 10),
        (idle_only(), "warning", 0),
    ] {
        let ended = run(&["--prometheus-url", &backend.url, "--fail-on", fail_on]);
        assert_eq!(ended.code, code, "{fail_on}: {}", ended.out);
        assert!(
            ended.out.contains("allocatable"),
            "the report is printed nevertheless"
        );
    }
}

const LIMIT: &str = r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}"#;
const TIMEOUT: &str = r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#;

#[test]
fn refusing_backend_exits_3() {
    let page = "<html><title>Sign in</title></html>";
    for (answer, message) in [
        (
            Answer::json("400 Bad Request", LIMIT),
            "cpu usage: HTTP status 400: bad_data: exceeded maximum resolution of 11,000 points per timeseries.",
        ),
        (
            Answer::json(
                "422 Unprocessable Entity",
                r#"{"status":"error","errorType":"execution","error":"found duplicate series"}"#,
            ),
            "cpu usage: HTTP status 422: execution: found duplicate series\n",
        ),
        (
            Answer::json("200 OK", TIMEOUT),
            "cpu usage: timeout: query timed out in expression evaluation\n",
        ),
        (
            Answer::new("200 OK", "Content-Type: text/html; charset=utf-8\r\n", page),
            "cpu usage: the answer is of type \"text/html\", not JSON",
        ),
        (
            Answer::new("302 Found", "Location: /login\r\n", ""),
            "/login (redirects are not followed: set --prometheus-url to the URL that it",
        ),
        (
            Answer::new(
                "301 Moved Permanently",
                "Location: https://prom.example/p/api/v1/query_range?x\r\n",
                "",
            ),
            "cpu usage: HTTP status 301, a redirect to https://prom.example/p/api/v1/query_range (redirects are not followed: set --prometheus-url https://prom.example/p)",
        ),
        (
            Answer::new(
                "400 Bad Request",
                "",
                "Client sent an HTTP request to an HTTPS server.\n",
            ),
            "cpu usage: HTTP status 400: Client sent an HTTP request to an HTTPS server. (the server uses TLS: change http:// to https://",
        ),
        (
            Answer::new(
                "400 Bad Request",
                "Content-Type: text/html\r\n",
                "<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
            ),
            "(the server uses TLS: change http:// to https:// in --prometheus-url)",
        ),
        (
            Answer::new(
                "401 Unauthorized",
                "Content-Type: text/plain\r\n",
                "no\nentry",
            ),
            "cpu usage: HTTP status 401: no entry (check the credentials",
        ),
        (
            Answer::new("404 Not Found", "Content-Type: text/html\r\n", page),
            "(no query API at this path: add the path prefix",
        ),
        (
            Answer::json("200 OK", r#"{"kind":"Status","status":"Failure"}"#),
            "cpu usage: not the answer to a range query: the status \"Failure\" is neither",
        ),
        (
            Answer::json(
                "200 OK",
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            ),
            "a matrix was expected, the result type is \"vector\"",
        ),
        (
            Answer::new(
                "200 OK",
                "Content-Type: application/json\r\nContent-Encoding: br\r\n",
                "x",
            ),
            "cpu usage: content encoding: \"br\" is not supported",
        ),
    ] {
        let backend = Backend::start(move |_| answer.clone());
        let ended = run(&["--prometheus-url", &backend.url]);
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err);
        assert!(ended.err.contains(message), "{message}\n{}", ended.err);
        assert!(
            ended
                .err
                .lines()
                .all(|line| line.starts_with("k8s-ai-agent: "))
        );
        assert_eq!(
            backend.queries().len(),
            2,
            "none is worth a second attempt, and sizes alone are worth nothing"
        );
    }
}

#[test]
fn refused_post_is_followed_by_get() {
    for status in [
        "403 Forbidden",
        "405 Method Not Allowed",
        "501 Not Implemented",
    ] {
        let backend = Backend::start(move |query| match query.line.starts_with("GET ") {
            true => cluster(query),
            false => Answer::new(status, "", ""),
        });
        let ended = run(&["--prometheus-url", &backend.url]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{status}");
        assert!(ended.out.contains("3 nodes: 1 critical"), "{}", ended.out);
        let queries = backend.queries();
        let methods: Vec<_> = queries.iter().map(|query| &query.line[..4]).collect();
        assert_eq!(
            methods.iter().filter(|method| **method == "POST").count(),
            1
        );
        assert_eq!(methods[0], "POST", "then GET for the rest of the run");
        assert_eq!(methods.len(), 1 + 8);
    }
}

/// As with the exporter's history, which serves range queries only.
#[test]
fn missing_path_does_not_change_the_method() {
    let backend = Backend::start_whole(|query| match query.is_range() {
        true => cluster(query),
        false if query.line.starts_with("GET ") => Answer::new("404 Not Found", "", ""),
        false => Answer::new("405 Method Not Allowed", "", ""),
    });
    let ended = run(&["--prometheus-url", &backend.url]);
    assert!(ended.out.contains("3 nodes: 1 critical"), "{}", ended.out);
    let queries = backend.queries();
    let missing = queries.iter().position(|query| !query.is_range());
    let later = &queries[missing.expect("a query for a missing path")..];
    let mut ranges = later.iter().filter(|query| query.is_range()).peekable();
    assert!(ranges.peek().is_some(), "a range query follows");
    assert!(ranges.all(|query| query.line.starts_with("POST ")));
}

#[test]
fn messages_name_the_refused_method() {
    let text = |status, text| Answer::new(status, "Content-Type: text/plain\r\n", text);
    let long = text("414 URI Too Long", "too long");
    for (post, get, message) in [
        (
            "405 Method Not Allowed",
            long,
            "cpu usage: HTTP status 414 to GET, after 405 to POST: too long",
        ),
        (
            "403 Forbidden",
            text("403 Forbidden", "not you"),
            "cpu usage: HTTP status 403 to POST and to GET: not you (check the credentials",
        ),
        (
            "501 Not Implemented",
            text("404 Not Found", ""),
            "cpu usage: HTTP status 404 to GET, after 501 to POST (no query API at this path",
        ),
    ] {
        let backend = Backend::start(move |query| match query.line.starts_with("GET ") {
            true => get.clone(),
            false => Answer::new(post, "", ""),
        });
        let ended = run(&["--prometheus-url", &backend.url]);
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err);
        assert!(ended.err.contains(message), "{message}\n{}", ended.err);
    }
}

#[test]
fn refused_connection_exits_3() {
    // Bound and dropped: no longer listening.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let address = free.expect("a free port").to_string();
    let ended = run(&["--prometheus-url", &format!("http://{address}")]);
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    let expected =
        format!("k8s-ai-agent: cpu usage: no connection to {address}: Connection refused");
    assert!(ended.err.starts_with(&expected), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
}

#[test]
fn peer_without_tls_exits_3() {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in backend.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let ended = run(&["--prometheus-url", &format!("https://{address}")]);
    assert_eq!(ended.code, 3);
    assert!(
        ended
            .err
            .contains(&format!("TLS with {address}: the peer does not use TLS")),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("change https:// to http://"),
        "{}",
        ended.err
    );
}

#[test]
fn future_time_is_a_usage_error() {
    for command in [&["--at=4000000000"][..], &["doctor", "--at=4000000000"]] {
        let ended = run(command);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        let error = "k8s-ai-agent: invalid --at \"2096-10-02T07:06:40Z\": expected a time in the past; now is ";
        assert!(ended.err.starts_with(error), "{}", ended.err);
    }
}

#[test]
fn unknown_host_is_named() {
    let ended = run(&["--prometheus-url", "http://prom.mon.invalid.:9090"]);
    assert_eq!(ended.code, 3);
    let error = "k8s-ai-agent: cpu usage: no address found for host \"prom.mon.invalid.\" (check the host in";
    assert!(ended.err.starts_with(error), "{}", ended.err);
}

#[test]
fn peer_with_tls_is_named() {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in backend.incoming().flatten() {
            // An alert of TLS: unexpected message.
            let _ = std::io::Read::read(&mut &stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut &stream, b"\x15\x03\x01\x00\x02\x02\x0a");
        }
    });
    let ended = run(&["--prometheus-url", &format!("http://{address}")]);
    assert_eq!(ended.code, 3);
    let step = "if the server uses TLS, change http:// to https:// in --prometheus-url";
    assert!(ended.err.contains(step), "{}", ended.err);
}

#[test]
fn silent_backend_ends_at_the_deadline() {
    // Taken by the system, and never by us.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("bound").to_string();
    let ended = run(&[
        "--prometheus-url",
        &format!("http://{address}"),
        "--timeout=500ms",
    ]);
    assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err);
    let start = format!("k8s-ai-agent: cpu usage: no complete response from {address} within");
    assert!(ended.err.starts_with(&start), "{}", ended.err);
}

#[test]
fn transient_failures_leave_no_trace() {
    for failure in [
        Answer::new("503 Service Unavailable", "Retry-After: 1\r\n", "starting"),
        Answer::new("429 Too Many Requests", "Retry-After: -7\r\n", ""),
        Answer::new("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>"),
        whole().cut(0.5),
        Answer(Vec::new()),
    ] {
        let mut first = Some(failure.clone());
        let backend = Backend::start(move |query| first.take().unwrap_or_else(|| cluster(query)));
        let ended = run(&["--prometheus-url", &backend.url]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{failure:?}");
        assert_eq!(backend.queries().len(), 9, "{failure:?}");
    }
}

#[test]
fn queries_are_attempted_three_times() {
    let backend = cluster_but(
        "cpu_usage",
        Answer::new("500 Internal Server Error", "", "oh"),
    );
    let ended = run(&["--prometheus-url", &backend.url]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert_eq!(backend.queries().len(), 3 + 7);
}

#[test]
fn truncated_answers_are_not_used() {
    let backend = Backend::start(|query| match query.query.contains("usage") {
        true => whole().cut(0.9),
        false => Answer::matrix(&[]),
    });
    let ended = run(&["--prometheus-url", &backend.url]);
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    assert!(
        ended.err.contains("cpu usage: the body ended early"),
        "{}",
        ended.err
    );
}

#[test]
fn empty_backend_exits_4() {
    let backend = Backend::start(|_| Answer::matrix(&[]));
    let ended = run(&["--prometheus-url", &backend.url, "--format", "json"]);
    assert_eq!(ended.code, 4);
    assert_eq!(valid(&ended.out)["nodes"], serde_json::json!([]));
    assert!(
        ended
            .err
            .contains("no usage data: neither \"k8s_node_cpu_usage_cores\" nor \"k8s_node_memory_usage_bytes\" has samples of any node from "),
        "{}",
        ended.err
    );
    assert_eq!(ended.err.lines().count(), 1, "one statement: {}", ended.err);
}

#[test]
fn series_without_a_node_are_reported() {
    let backend = Backend::start(|query| {
        let text = series(query, "n", 121, |_| 1.0).replace("\"node\"", "\"host\"");
        Answer::matrix(&[text])
    });
    let ended = run(&["--prometheus-url", &backend.url]);
    assert_eq!(ended.code, 4);
    assert!(
        ended.out.contains(
            "1 series of \"k8s_node_cpu_usage_cores\" left out: they have no label \"node\""
        ),
        "{}",
        ended.out
    );
}

#[test]
fn missing_data_makes_the_report_partial() {
    let only = |query: &'static str, node: &'static str| {
        Backend::start(move |q| match q.query.contains(query) {
            true => Answer::matrix(&[series(q, node, 121, |_| 1.0)]),
            false => cluster(q),
        })
    };
    let warning = |text: &'static str| {
        Backend::start(move |query| {
            let answer = String::from_utf8(cluster(query).0).expect("UTF-8");
            let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
            Answer::json("200 OK", &body.replacen('{', &format!("{{{text},"), 1))
        })
    };
    for (backend, code, message) in [
        (
            cluster_but("memory_usage", Answer::matrix(&[])),
            5,
            "memory usage: no samples of any node",
        ),
        (
            cluster_but(
                "memory_usage",
                Answer::json("422 Unprocessable Entity", TIMEOUT),
            ),
            5,
            "memory usage: HTTP status 422: timeout: ",
        ),
        (
            cluster_but("cpu_capacity", Answer::json("400 Bad Request", LIMIT)),
            5,
            "cpu capacity: HTTP status 400",
        ),
        (
            only("memory_usage", "calm"),
            5,
            "node busy: no memory samples",
        ),
        (
            only("cpu_allocatable", "mute"),
            5,
            "node mute: no cpu samples",
        ),
        (
            Backend::start(|query| {
                let earlier = Query {
                    end: query.end - 1800,
                    ..query.clone()
                };
                match query.query.contains("memory_usage") {
                    true => Answer::matrix(&[series(&earlier, "calm", 60, |_| 1.0)]),
                    false => cluster(query),
                }
            }),
            5,
            "node calm: no recent memory samples",
        ),
        (
            warning(r#""warnings":["store 10.0.0.9 did not answer"]"#),
            5,
            "cpu usage: the backend warns: store 10.0.0.9 did not answer",
        ),
        (
            warning(r#""isPartial":true"#),
            5,
            "cpu usage: the backend marked its answer as partial",
        ),
    ] {
        let ended = run(&["--prometheus-url", &backend.url, "--fail-on", "info"]);
        assert_eq!(ended.code, code, "{message}: {}", ended.out);
        assert!(ended.err.contains(message), "{message}: {}", ended.err);
        assert!(
            ended
                .out
                .replace('\n', " ")
                .contains("; the report is incomplete."),
            "{}",
            ended.out
        );
        assert!(ended.out.contains(message), "{}", ended.out);
    }
    let remark = warning(r#""infos":["PromQL info: metric might not be a counter"]"#);
    let ended = run(&["--prometheus-url", &remark.url]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(
        ended.out.contains("the backend notes: PromQL info"),
        "{}",
        ended.out
    );
}

#[test]
fn closed_pipe_is_no_panic() {
    let backend = Backend::start(cluster);
    let mut child = agent(&["--prometheus-url", &backend.url])
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut err)
        .expect("UTF-8");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    assert_eq!(err, "");
}

#[test]
fn full_disk_makes_the_report_partial() {
    let backend = Backend::start(cluster);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux");
    let output = agent(&["--prometheus-url", &backend.url])
        .stdout(full)
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(5));
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        err.contains("cannot write to standard output: No space left"),
        "{err}"
    );
}

#[test]
fn signal_leaves_no_partial_output() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (reached, waiting) = channel();
        let backend = Backend::start(move |query| {
            if query.query.contains("memory_capacity") {
                reached.send(()).expect("the test listens");
                // Never answers the last query.
                loop {
                    std::thread::park();
                }
            }
            cluster(query)
        });
        let child = agent(&["--prometheus-url", &backend.url])
            .spawn()
            .expect("the program starts");
        waiting
            .recv_timeout(Duration::from_secs(20))
            .expect("the last query");
        let asked = Instant::now();
        // The shell's own `kill`: the program of that name is not on every machine.
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -s {signal} {}", child.id())])
            .status()
            .expect("a shell");
        assert!(kill.success());
        let ended = crate::scripted::Ended::from(child.wait_with_output().expect("an end"));
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (code, ""),
            "{}",
            ended.err
        );
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{:?}",
            asked.elapsed()
        );
    }
}
