//! The real program against other servers of Prometheus's API, and
//! against what stands before it.

use std::fs;
use std::path::PathBuf;

use crate::scripted::{Answer, Backend, Query, agent, run, series};
use serde_json::Value;

/// The body of a successful range query about one node that has all it needs.
fn result(query: &Query) -> String {
    let value = match query.query.as_str() {
        q if q.contains("allocatable") || q.contains("capacity") => 4.0,
        _ => 2.0,
    };
    let points = (query.end - query.start) / query.step + 1;
    format!(
        r#""data":{{"resultType":"matrix","result":[{}]}}"#,
        series(query, "n", points, move |_| value)
    )
}

fn json(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn victoriametrics_marks_partial_answers() {
    let answering = |is_partial: bool| {
        Backend::start(move |query| {
            Answer::json(
                "200 OK",
                &format!(
                    r#"{{"status":"success","isPartial":{is_partial},{},"stats":{{"seriesFetched": "1","executionTimeMsec":4}}}}"#,
                    result(query)
                ),
            )
        })
    };
    let backend = answering(false);
    let url = format!("{}/select/0/prometheus", backend.url);
    let ended = run(&["--prometheus-url", &url]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(
        backend
            .queries()
            .iter()
            .all(|query| query.line == "POST /select/0/prometheus/api/v1/query_range")
    );

    let ended = run(&["--prometheus-url", &answering(true).url]);
    assert_eq!(ended.code, 5);
    assert!(
        ended
            .err
            .contains("cpu usage: the backend marked its answer as partial"),
        "{}",
        ended.err
    );

    let refusing = Backend::start(|_| {
        Answer::json(
            "422 Unprocessable Entity",
            r#"{"status":"error","errorType":"422","error":"cannot select more than -search.maxSamplesPerQuery=1000000000 samples"}"#,
        )
    });
    let ended = run(&["--prometheus-url", &refusing.url]);
    assert_eq!(ended.code, 3);
    assert!(
        ended.err.contains(
            "cpu usage: HTTP status 422: 422: cannot select more than -search.maxSamplesPerQuery"
        ),
        "{}",
        ended.err
    );
}

#[test]
fn thanos_warns_of_missing_stores() {
    let backend = Backend::start(|query| {
        let warnings = match query.query.contains("cpu_usage") {
            true => {
                r#","warnings":["receive series from Addr: 10.0.0.9:10901 LabelSets: {replica=\"a\"}: rpc error: code = Unavailable"]"#
            }
            false => "",
        };
        let body = format!(
            r#"{{"status":"success",{},"analysis":{{}}{warnings}}}"#,
            result(query)
        );
        Answer::json("200 OK", &body)
    });
    let ended = run(&["--prometheus-url", &backend.url]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    let warning = "cpu usage: the backend warns: receive series from Addr: 10.0.0.9:10901 LabelSets: {replica=\"a\"}: rpc error: code = Unavailable";
    assert!(ended.err.contains(warning), "{}", ended.err);
    assert!(ended.out.contains(warning), "{}", ended.out);
}

#[test]
fn mimir_wants_a_tenant_and_has_limits() {
    let limit = "the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)";
    let mimir = move || {
        Backend::start(move |query| match query.header("x-scope-orgid") {
            None => Answer::new(
                "401 Unauthorized",
                "Content-Type: text/plain; charset=utf-8\r\n",
                "no org id\n",
            ),
            Some("small") => Answer::json(
                "422 Unprocessable Entity",
                &format!(r#"{{"status":"error","errorType":"execution","error":"{limit}"}}"#),
            ),
            Some(_) => Answer::json(
                "200 OK",
                &format!(r#"{{"status":"success",{}}}"#, result(query)),
            ),
        })
    };
    let url = format!("{}/prometheus", mimir().url);
    let ended = run(&["--prometheus-url", &url]);
    assert_eq!(ended.code, 3);
    assert!(
        ended
            .err
            .contains("HTTP status 401: no org id (check the credentials and their rights: "),
        "{}",
        ended.err
    );
    let ended = run(&["--prometheus-url", &url, "--header=X-Scope-OrgID: small"]);
    assert_eq!(ended.code, 3);
    assert!(
        ended
            .err
            .contains(&format!("cpu usage: HTTP status 422: execution: {limit}")),
        "{}",
        ended.err
    );
    let ended = run(&["--prometheus-url", &url, "--header=X-Scope-OrgID: team-a"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
}

/// A file of one test, gone with it.
struct Secret(PathBuf);

impl Secret {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("agent-{name}-{}", std::process::id()));
        fs::write(&path, text).expect("a writable file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn each_query_has_credentials_and_headers() {
    let backend = Backend::start_whole(|query| match query.is_range() {
        true => Answer::json(
            "200 OK",
            &format!(r#"{{"status":"success",{}}}"#, result(query)),
        ),
        false => Answer::json(
            "200 OK",
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        ),
    });
    let token = Secret::new("token", "t0ken\n");
    let password = Secret::new("password", "open sesame\n");
    let headers = Secret::new("headers", "# for the proxy\n\nX-Api-Key: k3y\nX-Other: o\n");
    let url = ["--prometheus-url", backend.url.as_str()];
    for (flags, variables, authorization) in [
        (
            vec![
                "--bearer-token-file",
                token.path(),
                "--header-file",
                headers.path(),
            ],
            vec![],
            "Bearer t0ken",
        ),
        (
            vec!["--basic-auth-user=Aladdin", "--header-file", headers.path()],
            vec![("BASIC_AUTH_PASSWORD_FILE", password.path())],
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
    ] {
        let flags = [&url[..], &flags, &["--header=X-Scope-OrgID: team"]].concat();
        let output = agent(&flags)
            .envs(variables)
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(0));
        let queries = backend.queries();
        assert!(queries.len() > 6, "{}", queries.len());
        for query in queries {
            assert_eq!(query.header("authorization"), Some(authorization));
            assert_eq!(query.header("x-api-key"), Some("k3y"));
            assert_eq!(query.header("x-other"), Some("o"));
            assert_eq!(query.header("x-scope-orgid"), Some("team"));
        }
    }
}

#[test]
fn invalid_secrets_exit_2_and_stay_hidden() {
    let backend = Backend::start_whole(|_| Answer::matrix(&[]));
    let bad = Secret::new("bad", "hunter2 hunter3\nhunter4");
    let own = Secret::new("own", "Authorization: hunter2\n");
    let pem = Secret::new("pem", "hunter2");
    let token = Secret::new("good", "hunter2");
    let https = backend.url.replace("http:", "https:");
    for (flags, message) in [
        (vec!["--bearer-token-file", bad.path()], "bearer token file"),
        (
            vec!["--bearer-token-file=/nonexistent/token"],
            "bearer token file /nonexistent/token: No such file",
        ),
        (
            vec![
                "--basic-auth-user=me",
                "--basic-auth-password-file",
                bad.path(),
            ],
            "password file",
        ),
        (
            vec!["--header-file", bad.path()],
            "line 1: expected a header such as",
        ),
        (
            vec![
                "--header-file",
                own.path(),
                "--bearer-token-file",
                token.path(),
            ],
            "unexpected authorization header beside --bearer-token-file or --basic-auth-user",
        ),
        (
            vec![
                "--client-cert-file",
                pem.path(),
                "--client-key-file",
                pem.path(),
                "--prometheus-url",
                &https,
            ],
            "client certificate",
        ),
    ] {
        let url = ["--prometheus-url", backend.url.as_str()];
        let url = if flags.contains(&"--prometheus-url") {
            &[][..]
        } else {
            &url[..]
        };
        let ended = run(&[url, &flags].concat());
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{flags:?}");
        assert!(ended.err.contains(message), "{message}\n{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(!ended.err.contains("hunter"), "{}", ended.err);
    }
    assert_eq!(backend.queries().len(), 0);
}

/// A Prometheus whose samples are `gap` seconds apart, the newest as old as that.
fn sampled_every(gap: i64) -> Backend {
    sampled(gap, gap)
}

/// A Prometheus whose samples are `gap` seconds apart, the newest `age` seconds old.
fn sampled(gap: i64, age: i64) -> Backend {
    Backend::start_whole(move |query| {
        if query.is_range() {
            return Answer::json(
                "200 OK",
                &format!(r#"{{"status":"success",{}}}"#, result(query)),
            );
        }
        let body = match query.query.as_str() {
            "topk(1, k8s_node_cpu_usage_cores)" => format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"__name__":"k8s_node_cpu_usage_cores","node":"n","pod":"x\"1"}},"value":[{},"2"]}}]}}}}"#,
                query.end
            ),
            "k8s_node_cpu_usage_cores{node=\"n\",pod=\"x\\\"1\"}[1h]" => {
                let samples: Vec<String> = (0..3600 / gap)
                    .rev()
                    .map(|k| format!("[{}.123,\"2\"]", query.end - k * gap))
                    .collect();
                format!(
                    r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}}"#,
                    samples.join(",")
                )
            }
            times if times.starts_with("max by (node) (timestamp(") => format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"node":"n"}},"value":[{},"{}"]}}]}}}}"#,
                query.end,
                query.end - age
            ),
            other => panic!("{other}"),
        };
        Answer::json("200 OK", &body)
    })
}

#[test]
fn step_follows_the_sampling_interval() {
    for (gap, flags, step) in [
        (15, &[][..], 60),
        (60, &[], 60),
        (45, &[], 90),
        (300, &[], 300),
        // 43,200 points at one a minute are more than a backend gives.
        (60, &["--lookback=30d"], 240),
        (300, &["--step=1m"], 60),
        // Two samples an hour are too few to tell.
        (1800, &[], 60),
    ] {
        let backend = sampled_every(gap);
        let args = [
            &["--prometheus-url", backend.url.as_str(), "--format=json"],
            flags,
        ]
        .concat();
        let ended = run(&args);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(
            json(&ended.out)["window"]["step_seconds"],
            step,
            "{gap} {flags:?}"
        );
        let queries = backend.queries();
        let usage = queries
            .iter()
            .find(|query| query.is_range())
            .expect("asked");
        assert_eq!(usage.step, step, "{gap} {flags:?}");
        assert!((usage.end - usage.start) / usage.step < 11_000);
    }
}

#[test]
fn expressions_use_the_default_step() {
    let backend = Backend::start_whole(|query| {
        if query.query.starts_with("max by (node) (timestamp(") {
            return Answer::new("404 Not Found", "Content-Type: text/plain\r\n", "");
        }
        assert!(query.is_range(), "{query:?}");
        Answer::json(
            "200 OK",
            &format!(r#"{{"status":"success",{}}}"#, result(query)),
        )
    });
    let ended = run(&[
        "--prometheus-url",
        &backend.url,
        "--cpu-query=sum by (node) (a)",
        "--format=json",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(json(&ended.out)["window"]["step_seconds"], 60);
}

#[test]
fn at_sets_the_time_of_queries() {
    let backend = sampled_every(30);
    let ended = run(&[
        "--prometheus-url",
        &backend.url,
        "--at=2026-11-22T07:13:08Z",
        "--format=json",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(json(&ended.out)["window"]["end"], "2026-11-22T07:13:00Z");
    for query in backend.queries() {
        let end = if query.is_range() {
            1_795_331_580
        } else {
            1_795_331_588
        };
        assert_eq!(query.end, end, "{query:?}");
    }
}

#[test]
fn old_samples_show_their_age() {
    let report = |gap, age, format: &str, flags: &[&str]| {
        let backend = sampled(gap, age);
        let url = format!("--prometheus-url={}", backend.url);
        let args = [
            &[&url, "--format", format, "--at=2026-11-22T07:13:08Z"],
            flags,
        ]
        .concat();
        let ended = run(&args);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.out
    };
    for (format, words) in [
        ("text", "  cpu     50% (97s ago)   50%"),
        ("markdown", "| 50% (97s ago) → 50% of 4.00 cores |"),
        ("html", "now 50% (97s ago), "),
        ("html", ">last sample 97s old<"),
        ("csv", ",1800,97,300,"),
        ("json", "\"sample_age_seconds\": 97,"),
        ("json", "\"last sample 97s old\""),
    ] {
        let old = report(30, 97, format, &[]);
        assert!(old.contains(words), "{format}: {words}\n{old}");
        // The same points, sampled in time.
        for (gap, age) in [(30, 60), (60, 97)] {
            let current = report(gap, age, format, &[]);
            assert!(!current.contains(words), "{format}: {words}\n{current}");
        }
    }
    // The interval counts, not the step.
    let old = report(30, 97, "json", &["--step=5m"]);
    assert_eq!(
        json(&old)["nodes"][0]["resources"][0]["sample_age_seconds"],
        97
    );
}

#[test]
fn no_query_begins_after_the_deadline() {
    let backend = Backend::start(|_| {
        let header = "Retry-After: 30\r\n";
        Answer::new("503 Service Unavailable", header, "starting")
    });
    // The pause that the backend asks for would pass the deadline.
    let ended = run(&["--prometheus-url", &backend.url, "--deadline=5s"]);
    assert_eq!(ended.code, 3);
    assert!(
        ended.err.contains("cpu usage: HTTP status 503"),
        "{}",
        ended.err
    );
    assert_eq!(
        backend.queries().len(),
        2,
        "one for CPU, one for memory, none again"
    );
}

#[test]
fn empty_shard_is_no_failure() {
    let backend = Backend::start(|query| {
        let nodes = ["a", "b", "c", "d"];
        let series: Vec<String> = nodes
            .iter()
            .map(|node| series(query, node, 11, |_| 1.0))
            .collect();
        Answer::matrix(&series)
    });
    let mut names = Vec::new();
    for index in 0..9 {
        let shard = format!("--shard={index}/9");
        let ended = run(&["--prometheus-url", &backend.url, &shard, "--format=json"]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
        let report = json(&ended.out);
        assert_eq!(report["shard"]["index"], index);
        let nodes = report["nodes"].as_array().expect("nodes").iter();
        names.extend(nodes.map(|node| node["node"].as_str().expect("a name").to_owned()));
    }
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let empty = Backend::start(|_| Answer::matrix(&[]));
    assert_eq!(
        run(&["--prometheus-url", &empty.url, "--shard=0/9"]).code,
        4
    );
}
