//! Each fault as a client sees it.

use std::time::{Duration, Instant};

use testbed::{
    BadGzip, Cluster, Effect, Endpoint, Fault, Framing, Hostile, Node, Rows, Running, Timestamp,
};
use webclient::Failure;

use crate::client::{Answer, CADVISOR, RESOURCE, ask, get, impatient, token};

fn cluster() -> Running {
    let cluster = Cluster::new().node(Node::new("node-a").pods(2));
    cluster.start().expect("a free port")
}

/// The result of a scrape that meets this effect. The scrapes before and after
/// it are sound.
fn met(cluster: &Running, effect: Effect) -> Result<Answer, Failure> {
    cluster.fault(Fault::new(effect).on(Endpoint::Resource).times(1));
    let met = get(cluster, RESOURCE);
    let after = get(cluster, RESOURCE).expect("the fault is over");
    assert!(after.text().ends_with("resource_scrape_error 0\n"));
    met
}

#[test]
fn responses_can_be_late() {
    let cluster = cluster();
    let late = Duration::from_millis(50);
    let asked = Instant::now();
    met(&cluster, Effect::Latency(late)).expect("an answer");
    assert!(asked.elapsed() >= late);

    cluster.fault(Effect::Latency(Duration::from_secs(3600)));
    let failure = ask(&impatient(&cluster), "/healthz", "*/*", None).expect_err("too late");
    assert!(matches!(failure, Failure::Timeout { .. }), "{failure}");
    // Dropping the cluster does not wait for the hour to pass.
}

#[test]
fn connections_can_end_without_response() {
    let cluster = cluster();
    let reset = met(&cluster, Effect::Reset).expect_err("no answer");
    assert!(reset.to_string().contains("reset"), "{reset}");
    met(&cluster, Effect::Hangup).expect_err("no answer");
}

#[test]
fn refusals_can_have_any_retry_after() {
    let cluster = cluster();
    for code in [401, 403, 404, 422, 429, 500, 503] {
        let answer = met(&cluster, Effect::status(code)).expect("an answer");
        assert_eq!((answer.status, answer.retry_after), (code, None));
        assert_eq!(answer.json()["code"], code);
    }
    for (text, read) in [
        ("7", Some(Duration::from_secs(7))),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("-5", None),
    ] {
        let refusal = Effect::Status {
            code: 503,
            retry_after: Some(text.to_owned()),
        };
        let answer = met(&cluster, refusal).expect("an answer");
        assert_eq!((answer.status, answer.retry_after), (503, read), "{text}");
    }
}

#[test]
fn responses_can_be_replaced() {
    let cluster = cluster();
    for (effect, status, content_type, start) in [
        (
            Effect::Redirect {
                location: "https://elsewhere.example/".to_owned(),
            },
            302,
            "text/html; charset=utf-8",
            "",
        ),
        (
            Effect::html(),
            200,
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        (
            Effect::status_with_200(),
            200,
            "application/json",
            "{\n  \"kind\": \"Status\"",
        ),
        (
            Effect::protobuf(),
            200,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited",
            ",\n\u{1c}node_cpu",
        ),
        (
            Effect::ContentType("image/png".to_owned()),
            200,
            "image/png",
            "# HELP ",
        ),
    ] {
        let answer = met(&cluster, effect).expect("an answer");
        assert_eq!(
            (answer.status, &*answer.content_type),
            (status, content_type)
        );
        assert!(answer.text().starts_with(start), "{answer:?}");
    }
    let empty = met(&cluster, Effect::Empty).expect("an answer");
    assert_eq!((empty.status, empty.received), (200, 0));
    assert!(empty.content_type.starts_with("text/plain; version"));
}

#[test]
fn bodies_can_be_badly_compressed() {
    let cluster = cluster();
    let failure = |effect| met(&cluster, effect).expect_err("a bad body");
    for effect in [
        Effect::ContentEncoding("br".to_owned()),
        Effect::ContentEncoding("gzip".to_owned()),
        Effect::Gzip(BadGzip::Checksum),
        Effect::Gzip(BadGzip::Garbage),
    ] {
        let failure = failure(effect.clone());
        assert!(
            matches!(failure, Failure::Encoding(_)),
            "{effect:?}: {failure}"
        );
    }
    let truncated = failure(Effect::Gzip(BadGzip::Truncated));
    assert!(matches!(truncated, Failure::Truncated), "{truncated}");
    let bomb = failure(Effect::Gzip(BadGzip::Bomb {
        decompressed: 100 << 20,
    }));
    let is_too_large = matches!(
        bomb,
        Failure::TooLarge {
            what: "decompressed",
            ..
        }
    );
    assert!(is_too_large, "{bomb}");
}

#[test]
fn bodies_can_end_too_early() {
    let cluster = cluster();
    for framing in [Framing::Counted, Framing::Chunked] {
        for at in [0, 300] {
            let failure = met(&cluster, Effect::Cut { at, framing }).expect_err("a cut body");
            assert!(
                matches!(failure, Failure::Truncated),
                "{framing:?} {at}: {failure}"
            );
        }
    }
}

#[test]
fn bodies_can_stall_until_timeout() {
    let cluster = cluster();
    cluster.fault(Fault::new(Effect::Stall { at: 300 }).on(Endpoint::Cadvisor));
    let token = token(cluster.token_file());
    let failure = ask(&impatient(&cluster), CADVISOR, "*/*", Some(&token)).expect_err("no end");
    assert!(matches!(failure, Failure::Timeout { .. }), "{failure}");
}

#[test]
fn a_header_can_be_huge() {
    let cluster = cluster();
    let failure = met(&cluster, Effect::HugeHeader { bytes: 100_000 }).expect_err("too much");
    assert!(matches!(failure, Failure::Protocol(_)), "{failure}");
}

#[test]
fn pages_can_hold_hostile_text() {
    let cluster = cluster();
    for (hostile, sign) in [
        (Hostile::Value("NaN".to_owned()), "_seconds_total NaN "),
        (Hostile::Timestamp(Rows::Node, Timestamp::Is(-1)), " -1\n"),
        (Hostile::Bom, "\u{feff}# HELP"),
        (Hostile::ScrapeError, "\nresource_scrape_error 1\n"),
    ] {
        let answer = met(&cluster, Effect::Text(hostile)).expect("an answer");
        assert!(answer.text().contains(sign), "{}", answer.text());
    }
    // Objects are not text of a kubelet's.
    cluster.fault(Effect::Text(Hostile::Nul));
    let node = get(&cluster, "/api/v1/nodes/node-a").expect("an answer");
    assert_eq!(node.json()["kind"], "Node");
}

#[test]
fn faults_combine_and_clear() {
    let node = |name| Node::new(name).pods(1);
    let cluster = Cluster::new().node(node("node-a")).node(node("node-b"));
    let cluster = cluster.start().expect("a free port");
    cluster.fault(Fault::new(Effect::Text(Hostile::Bom)).of_node("node-a"));
    cluster.fault(Effect::ContentType("text/html".to_owned()));
    let page = |name: &str| {
        let path = format!("/api/v1/nodes/{name}/proxy/metrics/resource");
        let answer = get(&cluster, &path).expect("an answer");
        let has_mark = answer.text().starts_with('\u{feff}');
        (answer.content_type == "text/html", has_mark)
    };
    assert_eq!(
        (page("node-a"), page("node-b")),
        ((true, true), (true, false))
    );
    cluster.clear_faults();
    assert_eq!(
        (page("node-a"), page("node-b")),
        ((false, false), (false, false))
    );
}
