//! Requests byte for byte over a real socket, and their responses.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use webserver::Limits;

use crate::raw::{Client, get, limits, start};

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &str = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn connection_is_kept_alive_until_close() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    for _ in 0..3 {
        client.send(HELLO);
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), None);
        assert_eq!(answer.body, b"GET /hello?\n");
    }
    client.send(LAST);
    let answer = client.answer();
    assert_eq!(answer.header("connection"), Some("close"));
    client.ends();
}

#[test]
fn pipelined_requests_keep_their_order() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    client.send(&format!(
        "\r\n\r\n{}POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nx=1{}",
        get("/a?q=1", ""),
        get("/c", "Connection: close\r\n")
    ));
    let bodies: Vec<_> = (0..3).map(|_| client.answer().text()).collect();
    assert_eq!(bodies, ["GET /a?q=1\n", "POST /b?\nx=1", "GET /c?\n"]);
    client.ends();
}

#[test]
fn request_may_arrive_byte_by_byte() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    let request = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
    for byte in request.as_bytes().chunks(1) {
        client.send_bytes(byte);
    }
    assert_eq!(client.answer().text(), "POST /a?\nabc0123456789");
    client.send(LAST);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn target_forms_reach_the_same_path() {
    let server = start(limits());
    for (target, seen) in [
        ("/a?b=c?d", "GET /a?b=c?d\n"),
        ("http://example.org/a?b", "GET /a?b\n"),
        ("https://example.org:9100/a", "GET /a?\n"),
        ("http://example.org", "GET /?\n"),
        ("/a://b", "GET /a://b?\n"),
    ] {
        let answer = Client::ask(&server, &get(target, "Connection: close\r\n"));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, seen),
            "{target}"
        );
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let server = start(limits());
    let answer = Client::ask(
        &server,
        "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    );
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "GET /old?\n")
    );
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn head_is_answered_without_body() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 13\r\n"), "{head}");
    client.send(LAST);
    assert_eq!(
        client.answer().text(),
        "GET /hello?\n",
        "no body lay between"
    );
}

#[test]
fn long_responses_are_compressed() {
    let server = start(limits());
    let plain = Client::ask(&server, &get("/long", "Connection: close\r\n"));
    assert_eq!(plain.header("content-encoding"), None);
    let answer = Client::ask(
        &server,
        &get("/long", "Accept-Encoding: gzip\r\nConnection: close\r\n"),
    );
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < plain.body.len() / 10);
    let mut decompressed = Vec::new();
    std::io::copy(
        &mut flate2::read::GzDecoder::new(&answer.body[..]),
        &mut decompressed,
    )
    .expect("gzip");
    assert_eq!(decompressed, plain.body);
}

#[test]
fn streamed_response_arrives_whole() {
    let server = start(limits());
    let whole: String = (0..20)
        .map(|number| format!("{number:09}\n").repeat(10_000))
        .collect();

    let mut client = Client::connect(&server);
    for _ in 0..2 {
        client.send(&get("/pieces?20", "Accept-Encoding: gzip\r\n"));
        let head = client.head();
        assert!(
            head.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{head}"
        );
        assert!(!head.contains("Content-Length"), "{head}");
        assert!(client.chunks() == whole.as_bytes());
    }
    client.send("HEAD /pieces?20 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.head().contains("\r\nTransfer-Encoding: chunked\r\n"));
    client.send(&get("/hello", ""));
    assert_eq!(client.answer().status, 200, "no body lay between");

    let mut old = Client::connect(&server);
    old.send("GET /pieces?20 HTTP/1.0\r\n\r\n");
    let head = old.head();
    assert!(!head.contains("Transfer-Encoding"), "{head}");
    assert!(old.rest() == whole.as_bytes());

    // What is no longer than a piece has a length, and may be compressed.
    let mut client = Client::connect(&server);
    client.send(&get("/pieces?2", "Accept-Encoding: gzip\r\n"));
    let answer = client.answer();
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    let mut decompressed = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&answer.body[..]),
        &mut decompressed,
    )
    .expect("gzip");
    assert!(decompressed == whole.as_bytes()[..200_000]);
    client.send(&get("/pieces?0", ""));
    assert_eq!(client.answer().header("Content-Length"), Some("0"));
}

#[test]
fn expect_100_is_answered_first() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.answer().text(), "POST /a?\nabc");
    // Too large a body is not even asked for.
    client.send(
        "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n",
    );
    assert_eq!(client.answer().status, 413);
    client.ends();
}

#[test]
fn bad_requests_get_their_status() {
    let server = start(limits());
    let long = "x".repeat(5000);
    let many = "a: b\r\n".repeat(70);
    let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET  /  HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_owned(),
            400,
        ),
        (get("/", "a b: c\r\n"), 400),
        (get("/", "a : c\r\n"), 400),
        (get("/", "a: b\r\n folded\r\n"), 400),
        (get("/", "a: b\0c\r\n"), 400),
        (post("Content-Length: -1\r\n"), 400),
        (post("Content-Length: +1\r\n"), 400),
        (post("Content-Length: 1, 2\r\n"), 400),
        (post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (post("Content-Length: \r\n"), 400),
        (
            post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
            400,
        ),
        (post("Transfer-Encoding: chunked\r\n") + "zz\r\n", 400),
        (post("Transfer-Encoding: chunked\r\n") + "\r\n", 400),
        (
            post("Transfer-Encoding: chunked\r\n") + "3\r\nabcd\r\n",
            400,
        ),
        (post("Transfer-Encoding: chunked\r\n") + &long, 400),
        (
            post("Transfer-Encoding: chunked\r\n") + "0\r\n" + &many,
            400,
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            400,
        ),
        (post("Content-Length: 1001\r\n"), 413),
        (post("Content-Length: 99999999999999999999999999\r\n"), 413),
        (post("Transfer-Encoding: chunked\r\n") + "3E9\r\n", 413),
        (
            post("Transfer-Encoding: chunked\r\n") + "3e0\r\n" + &long[..0x3e0] + "\r\n10\r\n",
            413,
        ),
        (
            post("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n",
            413,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (post("Expect: miracles\r\n"), 417),
        (get("/", &many), 431),
        (get("/", &format!("a: {long}\r\n")), 431),
        ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 501),
        ("get / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 501),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
    ] {
        let answer = Client::ask(&server, &request);
        assert_eq!(
            answer.status,
            status,
            "{:?}: {}",
            &request[..request.len().min(80)],
            answer.text()
        );
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(answer.text().starts_with("expected "), "{}", answer.text());
    }
}

#[test]
fn refusal_reaches_a_sending_client() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    client.send(&"x".repeat(100_000));
    assert_eq!(client.answer().status, 413);
    client.ends();
}

#[test]
fn known_methods_reach_the_handler() {
    let server = start(limits());
    let mut client = Client::connect(&server);
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"] {
        client.send(&format!("{method} * HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET")),
            "{method}"
        );
    }
}

#[test]
fn incomplete_request_gets_408() {
    let server = start(Limits {
        receive: Duration::from_millis(100),
        ..limits()
    });
    for half in [
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: x\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ] {
        let mut client = Client::connect(&server);
        client.send(half);
        let mut answer = client.answer_or_interim();
        if answer.status == 100 {
            answer = client.answer();
        }
        assert_eq!(answer.status, 408, "{half:?}");
        client.ends();
    }
}

#[test]
fn slow_bytes_do_not_extend_the_deadline() {
    let server = start(Limits {
        receive: Duration::from_millis(300),
        ..limits()
    });
    let mut client = Client::connect(&server);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n");
    let mut sender = client.socket();
    let drip = std::thread::spawn(move || {
        // Until the server refuses to take more.
        while sender.write_all(b"a: b\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.answer().status, 408);
    client.socket().shutdown(Shutdown::Both).expect("open");
    drip.join().expect("the drip ends with the connection");
}

#[test]
fn silent_connection_is_closed() {
    let server = start(Limits {
        receive: Duration::from_millis(50),
        idle: Duration::from_millis(100),
        ..limits()
    });
    let mut never = Client::connect(&server);
    never.ends();
    let mut once = Client::connect(&server);
    once.send(HELLO);
    assert_eq!(once.answer().status, 200);
    once.ends();
}

#[test]
fn early_hang_up_is_ignored() {
    let server = start(limits());
    for part in [
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
    ] {
        let mut client = Client::connect(&server);
        client.send(part);
        client.socket().shutdown(Shutdown::Write).expect("open");
        client.ends();
    }
    assert_eq!(Client::ask(&server, LAST).status, 200);
}

#[test]
fn header_value_cannot_inject_a_header() {
    let server = start(limits());
    let answer = Client::ask(
        &server,
        &get("/echo?a%0d%0aSet-Cookie:b", "Connection: close\r\n"),
    );
    assert_eq!(answer.header("x-echo"), Some("a  Set-Cookie:b"));
    assert_eq!(answer.header("set-cookie"), None);
}
