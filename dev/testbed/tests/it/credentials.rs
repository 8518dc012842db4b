//! Tokens and certificates: who is let in, and what a client can trust.

use std::time::Instant;

use testbed::{Certificate, Cluster, Node, Running};
use webclient::{Failure, Secret};

use crate::client::{DEADLINE, RESOURCE, ask, client, client_of, get, token};

fn cluster() -> Running {
    let cluster = Cluster::new().node(Node::new("node-a"));
    cluster.start().expect("a free port")
}

#[test]
fn only_health_is_public() {
    let cluster = cluster();
    let client = client(&cluster);
    let wrong = Secret::new("wrong".to_owned());
    let status = |path, token: Option<&Secret>| {
        let answer = ask(&client, path, "*/*", token).expect("an answer");
        answer.status
    };
    for path in [RESOURCE, "/api/v1/pods", "/api/v1/nodes/node-a", "/nothing"] {
        assert_eq!((status(path, None), status(path, Some(&wrong))), (401, 401));
    }
    let health = (status("/healthz", None), status("/healthz", Some(&wrong)));
    assert_eq!(health, (200, 401));
    let refusal = ask(&client, RESOURCE, "*/*", None).expect("an answer");
    let capture = testbed::fixtures().join("errors/401-bad-token.body");
    let captured = std::fs::read_to_string(capture).expect("the capture is there");
    assert_eq!(refusal.text(), captured.trim_end());
}

#[test]
fn rotated_token_replaces_the_old_one() {
    let cluster = cluster();
    let client = client(&cluster);
    let status = |token| {
        let answer = ask(&client, RESOURCE, "*/*", Some(&token)).expect("an answer");
        answer.status
    };
    let old = token(cluster.token_file());
    assert_eq!(status(old.clone()), 200);
    cluster.rotate_token().expect("a writable file");
    assert_eq!(status(old), 401);
    assert_eq!(status(token(cluster.token_file())), 200);
}

#[test]
fn certificate_has_every_local_name() {
    let cluster = cluster();
    let url = cluster.url().replace("127.0.0.1", "localhost");
    let client = client_of(&url, cluster.ca_file(), DEADLINE);
    let answer = ask(&client, "/healthz", "*/*", None).expect("an answer");
    assert_eq!(answer.status, 200);
}

#[test]
fn bad_certificates_can_be_switched() {
    let cluster = cluster();
    for bad in [
        Certificate::OtherCa,
        Certificate::OtherName,
        Certificate::Expired,
    ] {
        cluster.show_certificate(bad).expect("a certificate");
        let failure = get(&cluster, "/healthz").expect_err("no trust");
        assert!(matches!(failure, Failure::Tls { .. }), "{bad:?}: {failure}");
    }
    cluster
        .show_certificate(Certificate::Good)
        .expect("a certificate");
    assert_eq!(get(&cluster, "/healthz").expect("an answer").status, 200);
    // A client that gives a handshake up is done before the server hears of it.
    let asked = Instant::now();
    while cluster.requests().failed_handshakes < 3 && asked.elapsed() < DEADLINE {
        std::thread::yield_now();
    }
    assert_eq!(cluster.requests().failed_handshakes, 3);
}

#[test]
fn rotated_ca_replaces_the_old_one() {
    let cluster = cluster();
    let kept = client(&cluster);
    let before = client(&cluster);
    ask(&kept, "/healthz", "*/*", None).expect("an answer");
    cluster.rotate_ca().expect("a writable file");
    let failure = ask(&before, "/healthz", "*/*", None).expect_err("no trust");
    assert!(matches!(failure, Failure::Tls { .. }), "{failure}");
    ask(&client(&cluster), "/healthz", "*/*", None).expect("an answer");
    ask(&kept, "/healthz", "*/*", None).expect("the open connection goes on");
}

#[test]
fn plain_http_needs_no_credentials() {
    let cluster = Cluster::new().node(Node::new("node-a")).plain_http();
    let cluster = cluster.start().expect("a free port");
    let answer = ask(&client(&cluster), RESOURCE, "*/*", None).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(!cluster.ca_file().exists() && !cluster.token_file().exists());
}

#[test]
fn temporary_directory_is_removed() {
    let temporary = cluster();
    let gone = temporary.token_file().to_owned();
    assert!(gone.exists());
    drop(temporary);
    assert!(!gone.exists());

    let given = std::env::temp_dir().join(format!("testbed-given-{}", std::process::id()));
    let cluster = Cluster::new()
        .directory(&given)
        .start()
        .expect("a free port");
    assert_eq!(cluster.ca_file(), given.join("ca.crt"));
    drop(cluster);
    assert!(given.join("token").exists());
    std::fs::remove_dir_all(given).expect("our own directory");
}
