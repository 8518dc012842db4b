//! The real program and those it sends reports to: good ones, bad ones, hostile ones.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::scripted::receiver::{Receiver, Reply};
use crate::scripted::{Answer, Backend, Ended, Query, run, series};
use serde_json::{Value, json};

/// A node that runs out of CPU, one that is fine; nothing is known of the memory's size.
fn cluster(query: &Query) -> Answer {
    match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[
            series(query, "busy<&>", 121, |k| 2.0 + 0.015 * k as f64),
            series(query, "calm", 121, |_| 2.0),
        ]),
        "k8s_node_memory_usage_bytes" => Answer::matrix(&[
            series(query, "busy<&>", 121, |_| 8e9),
            series(query, "calm", 121, |_| 8e9),
        ]),
        "k8s_node_cpu_allocatable_cores" => Answer::matrix(&[
            series(query, "busy<&>", 5, |_| 4.0),
            series(query, "calm", 5, |_| 4.0),
        ]),
        _ => Answer::matrix(&[]),
    }
}

/// A file of this test's own, gone when it ends.
struct Secret(PathBuf);

impl Secret {
    fn new(content: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("k8s-ai-agent-sinks-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("a writable folder");
        Self(path)
    }

    fn flag(&self, name: &str) -> String {
        format!("{name}={}", self.0.display())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn report_to(flags: &[String]) -> Ended {
    let backend = Backend::start(cluster);
    let url = format!("--prometheus-url={}", backend.url);
    let flags = flags.iter().map(String::as_str);
    run(&std::iter::once(url.as_str())
        .chain(flags)
        .collect::<Vec<_>>())
}

/// Nothing but `ok` to everybody.
fn willing() -> Receiver {
    Receiver::start(|_, _| Reply::ok())
}

fn slack(receiver: &Receiver) -> Secret {
    Secret::new(&format!("{}/services/T0/B0/hunter2\n", receiver.url))
}

fn webhook(receiver: &Receiver) -> Secret {
    Secret::new(&format!("{}/hook?key=hunter2", receiver.url))
}

#[test]
fn slack_message_is_escaped() {
    let receiver = willing();
    let file = slack(&receiver);
    let ended = report_to(&[file.flag("--slack-webhook-url-file")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let sent = receiver.only();
    assert_eq!(sent.line, "POST /services/T0/B0/hunter2");
    assert_eq!(sent.header("content-type"), "application/json");
    let mut message = sent.json();
    let context = message["blocks"][2]["elements"][0]["text"].take();
    let context = context.as_str().expect("text");
    assert!(
        context.starts_with("Forecast for the 30m after 20"),
        "{context}"
    );
    let summary = "2 nodes: 1 critical, 1 unknown";
    let mrkdwn = |text: Value| json!({"type": "mrkdwn", "text": text, "verbatim": true});
    let node = "*busy&lt;&amp;&gt;*: critical\n• cpu: scale up or move pods: reaches the limit within 14m: 4.19 cores for 5m, 104.7% of 4.00 cores allocatable; maximum 4.25 cores, 90% below 4.25 cores; mean 4.03 cores in the next 30m, from the last 2h";
    assert_eq!(
        message,
        json!({
            "text": summary,
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": summary}},
                {"type": "section", "text": mrkdwn(node.into())},
                {"type": "context", "elements": [mrkdwn(Value::Null)]},
            ],
        })
    );
}

#[test]
fn slack_trigger_selects_reports() {
    for (on, messages) in [
        ("always", 1),
        ("info", 1),
        ("critical", 1),
        // Nothing is known of a report before this one.
        ("change", 0),
    ] {
        let receiver = willing();
        let file = slack(&receiver);
        let on = format!("--slack-on={on}");
        let ended = report_to(&[file.flag("--slack-webhook-url-file"), on.clone()]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(receiver.sent().len(), messages, "{on}");
    }
}

#[test]
fn webhook_report_is_signed_both_ways() {
    let receiver = willing();
    let (url, key) = (
        webhook(&receiver),
        Secret::new("It's a Secret to Everybody\n"),
    );
    let ended = report_to(&[
        url.flag("--webhook-url-file"),
        key.flag("--webhook-secret-file"),
        "--format=json".to_owned(),
    ]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let sent = receiver.only();
    assert_eq!(sent.line, "POST /hook?key=hunter2");
    assert_eq!(sent.header("content-type"), "application/json");
    let printed: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(sent.json(), printed);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"It's a Secret to Everybody");
    let hex = sent
        .header("x-binbots-signature-256")
        .strip_prefix("sha256=");
    let signature: Vec<u8> = hex
        .expect("the form of GitHub")
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(str::from_utf8(digits).expect("ASCII"), 16).expect("hex"))
        .collect();
    ring::hmac::verify(&key, sent.body.as_bytes(), &signature).expect("it signs the body");
    let (id, time) = (sent.header("webhook-id"), sent.header("webhook-timestamp"));
    let signed = format!("{id}.{time}.{}", sent.body);
    let signature = sent.header("webhook-signature").strip_prefix("v1,");
    let signature = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        signature.expect("version 1"),
    );
    ring::hmac::verify(&key, signed.as_bytes(), &signature.expect("base64"))
        .expect("it signs identifier and time too");
}

#[test]
fn webhook_without_a_key_is_unsigned() {
    let receiver = willing();
    let url = webhook(&receiver);
    let ended = report_to(&[url.flag("--webhook-url-file")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let sent = receiver.only();
    assert!(!sent.has("x-binbots-signature-256") && !sent.has("webhook-signature"));
}

#[test]
fn retries_keep_their_identifier() {
    let receiver = Receiver::start(|before, _| match before {
        0 => Reply::status("500 Internal Server Error", "", "oops"),
        1 => Reply::status("429 Too Many Requests", "Retry-After: 2\r\n", ""),
        // Broken off in the head.
        2 => Reply::Bytes(b"HTTP/1.1 2".to_vec()),
        _ => Reply::status("204 No Content", "", ""),
    });
    let (url, key) = (webhook(&receiver), Secret::new("key"));
    let start = Instant::now();
    let ended = report_to(&[
        url.flag("--webhook-url-file"),
        key.flag("--webhook-secret-file"),
    ]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(start.elapsed() >= Duration::from_secs(2));
    let sent = receiver.sent();
    assert_eq!(sent.len(), 4);
    for again in &sent[1..] {
        assert_eq!(again.header("webhook-id"), sent[0].header("webhook-id"));
        assert_eq!(again.body, sent[0].body);
    }
    let times: Vec<i64> = sent
        .iter()
        .map(|sent| sent.header("webhook-timestamp").parse().expect("seconds"))
        .collect();
    assert!(times.is_sorted() && times[2] >= times[1] + 2, "{times:?}");
}

#[test]
fn pushgateway_group_has_its_labels() {
    let receiver = willing();
    let ended = report_to(&[
        format!("--pushgateway-url={}/prefix/", receiver.url),
        "--pushgateway-label=cluster=prod".to_owned(),
        "--pushgateway-label".to_owned(),
        "path=/var/tmp".to_owned(),
        "--format=prometheus".to_owned(),
    ]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let sent = receiver.only();
    assert_eq!(
        sent.line,
        "PUT /prefix/metrics/job/k8s-ai-agent/cluster/prod/path@base64/L3Zhci90bXA="
    );
    assert_eq!(
        sent.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(sent.body, ended.out);
}

#[test]
fn shards_have_a_pushgateway_group_each() {
    for (flags, line) in [
        (
            &["--shard=1/2"][..],
            "PUT /metrics/job/k8s-ai-agent/shard/1",
        ),
        (
            &["--shard=1/2", "--pushgateway-label=shard=east"],
            "PUT /metrics/job/k8s-ai-agent/shard/east",
        ),
        (&["--shard=0/1"], "PUT /metrics/job/k8s-ai-agent"),
    ] {
        let receiver = willing();
        let mut all = vec![format!("--pushgateway-url={}", receiver.url)];
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let ended = report_to(&all);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
        assert_eq!(receiver.only().line, line);
    }
}

#[test]
fn failing_sink_affects_no_other() {
    let elsewhere = willing();
    let location = format!("Location: {}\r\n", elsewhere.url);
    let redirecting = Receiver::start(move |_, sent| {
        let body = format!("Cannot {}", sent.line);
        Reply::status("307 Temporary Redirect", &location, &body)
    });
    let silent = Receiver::start(|_, _| Reply::Nothing);
    let pushgateway = willing();
    let (slack, webhook) = (slack(&redirecting), webhook(&silent));
    let ended = report_to(&[
        slack.flag("--slack-webhook-url-file"),
        webhook.flag("--webhook-url-file"),
        format!("--pushgateway-url={}", pushgateway.url),
        "--sink-timeout=2s".to_owned(),
        "--fail-on=critical".to_owned(),
    ]);
    // Partial comes before findings.
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(
        ended.out.starts_with("2 nodes: 1 critical"),
        "{}",
        ended.out
    );
    let address = |receiver: &Receiver| receiver.url.replace("http://", "");
    assert_eq!(
        ended.err,
        format!(
            "k8s-ai-agent: slack: HTTP status 307 from {} (redirects are not followed)\n\
             k8s-ai-agent: webhook: no complete response from {} within 2s\n",
            address(&redirecting),
            address(&silent)
        )
    );
    assert_eq!(pushgateway.sent().len(), 1);
    assert_eq!(elsewhere.sent().len(), 0, "a redirect was followed");
}

#[test]
fn sinks_end_within_the_deadline() {
    let endless = Receiver::start(|_, _| Reply::Endless);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let unused = closed.local_addr().expect("bound");
    drop(closed);
    let slack = slack(&endless);
    let webhook = Secret::new(&format!("http://{unused}/hunter2"));
    let ended = report_to(&[
        slack.flag("--slack-webhook-url-file"),
        webhook.flag("--webhook-url-file"),
        "--sink-timeout=5s".to_owned(),
    ]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    for (line, sink) in ended.err.lines().zip(["slack", "webhook"]) {
        assert!(
            line.starts_with(&format!("k8s-ai-agent: {sink}: ")),
            "{line}"
        );
        assert!(
            line.contains(match sink {
                "slack" => ": HTTP status 500 from 127.0.0.1:",
                _ => ": no connection to 127.0.0.1:",
            }),
            "{line}"
        );
        assert!(line.ends_with(" attempts)"), "{line}");
    }
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}

#[test]
fn grafana_annotates_changes_only() {
    let calm = Backend::start(|query| match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[
            series(query, "busy<&>", 121, |_| 2.0),
            series(query, "calm", 121, |_| 2.0),
        ]),
        _ => cluster(query),
    });
    let before = run(&["--prometheus-url", &calm.url, "--format=json"]);
    let (receiver, token_file) = (willing(), Secret::new("glsa_hunter2\n"));
    let grafana = [
        format!("--grafana-url={}/grafana/", receiver.url),
        token_file.flag("--grafana-token-file"),
    ];
    let ended = report_to(&grafana);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert_eq!(
        receiver.sent().len(),
        0,
        "without a report before there is no change"
    );
    let previous = Secret::new(&before.out);
    let [url, token] = grafana;
    let ended = report_to(&[url, token, previous.flag("--previous")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let sent = receiver.only();
    assert_eq!(sent.line, "POST /grafana/api/annotations");
    assert_eq!(sent.header("authorization"), "Bearer glsa_hunter2");
    assert_eq!(sent.header("content-type"), "application/json");
    let annotation = sent.json();
    assert_eq!(
        annotation["tags"],
        json!([
            "k8s-ai-agent",
            "node:busy<&>",
            "resource:cpu",
            "action:scale_up",
            "severity:critical"
        ])
    );
    let text = annotation["text"].as_str().expect("text");
    assert!(
        text.starts_with("busy&lt;&amp;&gt; cpu: scale up or move pods: "),
        "{text}"
    );
    assert!(text.ends_with(" (was healthy)"), "{text}");
    let time = annotation["time"].as_u64().expect("milliseconds");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    assert!(now.as_millis().abs_diff(time.into()) < 600_000, "{time}");
}

#[test]
fn grafana_refusal_hides_the_token() {
    let calm = Backend::start(|query| match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[series(query, "busy<&>", 121, |_| 2.0)]),
        _ => cluster(query),
    });
    let before = run(&["--prometheus-url", &calm.url, "--format=json"]);
    let previous = Secret::new(&before.out);
    for (answer, shown) in [
        (
            r#"{"message":"Invalid API key"}"#,
            r#": {"message":"Invalid API key"}"#,
        ),
        ("no such token: glsa_hunter2", ""),
    ] {
        let receiver = Receiver::start(move |_, _| Reply::status("401 Unauthorized", "", answer));
        let token = Secret::new("glsa_hunter2\n");
        let ended = report_to(&[
            format!("--grafana-url={}", receiver.url),
            token.flag("--grafana-token-file"),
            previous.flag("--previous"),
        ]);
        let address = receiver.url.replace("http://", "");
        assert_eq!(ended.code, 5);
        assert_eq!(
            ended.err,
            format!("k8s-ai-agent: grafana: HTTP status 401 from {address}{shown}\n")
        );
    }
}

#[test]
fn invalid_sink_file_exits_2_first() {
    let backend = Backend::start(cluster);
    let (empty, words) = (Secret::new("\n"), Secret::new("hunter2"));
    let path = |secret: &Secret| secret.0.display().to_string();
    for (flags, problem) in [
        (
            vec![empty.flag("--slack-webhook-url-file")],
            format!("slack: {}: expected one line of text", path(&empty)),
        ),
        (
            vec![words.flag("--webhook-url-file")],
            format!("webhook: {}: expected a URL such as ", path(&words)),
        ),
        (
            vec![
                "--grafana-url=http://g".to_owned(),
                "--grafana-token-file=/nonexistent".to_owned(),
            ],
            "grafana: /nonexistent: ".to_owned(),
        ),
        (
            vec![words.flag("--sink-ca-file")],
            format!(
                "CA file {}: expected at least one certificate",
                path(&words)
            ),
        ),
    ] {
        let url = format!("--prometheus-url={}", backend.url);
        let flags = flags.iter().map(String::as_str).chain([url.as_str()]);
        let ended = run(&flags.collect::<Vec<_>>());
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        assert!(
            ended.err.starts_with(&format!("k8s-ai-agent: {problem}")),
            "{}",
            ended.err
        );
        assert_eq!(ended.err.lines().count(), 1);
        assert!(!ended.err.contains("hunter2"), "{}", ended.err);
    }
    assert_eq!(backend.queries().len(), 0);
}

#[test]
fn nothing_is_sent_without_a_report() {
    let unwilling = || Receiver::start(|_, _| Reply::status("403 Forbidden", "", "no"));
    for (backend, code, messages) in [
        (
            Backend::start(|_| Answer::new("503 Service Unavailable", "", "")),
            3,
            0,
        ),
        (Backend::start(|_| Answer::matrix(&[])), 4, 1),
    ] {
        let receiver = unwilling();
        let pushgateway = format!("--pushgateway-url={}", receiver.url);
        let ended = run(&["--prometheus-url", &backend.url, &pushgateway]);
        assert_eq!(ended.code, code, "{}", ended.err);
        assert_eq!(receiver.sent().len(), messages, "{}", ended.err);
        let refused = ": HTTP status 403 from 127.0.0.1:";
        assert_eq!(ended.err.contains(refused), messages == 1, "{}", ended.err);
    }
}

#[test]
fn sinks_trust_an_additional_ca() {
    let (receiver, certificate) = Receiver::start_tls(|_, _| Reply::ok());
    let (url, own) = (webhook(&receiver), Secret::new(&certificate));
    let ended = report_to(&[url.flag("--webhook-url-file")]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(
        ended.err.contains("is not in the public CAs"),
        "{}",
        ended.err
    );
    assert_eq!(receiver.sent().len(), 0);
    let ended = report_to(&[url.flag("--webhook-url-file"), own.flag("--sink-ca-file")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert_eq!(receiver.only().line, "POST /hook?key=hunter2");
}
