//! The exporter's token, CA and origin, over real TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::{Exporter, Process, eventually, exporter_of, program, run, scratch};
use testbed::{Cluster, Effect, Endpoint, Fault, Node, Running};

use crate::{CORES, one_node};

/// Waits for two more rounds.
fn two_rounds(cluster: &Running) {
    let before = cluster.requests().count(Endpoint::Resource);
    eventually("two more rounds", || {
        (cluster.requests().count(Endpoint::Resource) >= before + 2).then_some(())
    });
}

/// A port that keeps the bytes it receives, and sends nothing.
struct Trap {
    address: String,
    caught: Arc<Mutex<Vec<u8>>>,
}

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let caught = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&caught);
        thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = socket.read(&mut bytes) {
                    kept.lock().expect("unspoilt").extend(&bytes[..count]);
                    // Something to misunderstand.
                    let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                }
            }
        });
        Self { address, caught }
    }

    fn caught(&self) -> Vec<u8> {
        self.caught.lock().expect("unspoilt").clone()
    }
}

#[test]
fn broken_token_file_keeps_last_token() {
    let cluster = one_node();
    let files = scratch();
    let file = files.path().join("token");
    std::fs::copy(cluster.token_file(), &file).expect("copied");
    let exporter = Exporter::run(
        Command::new(program("k8s-ai-exporter"))
            .env_clear()
            .args(["--node-name=node-a", "--scrape-interval=1s"])
            .arg("--cadvisor-interval=1s")
            .arg(format!("--api-server={}", cluster.url()))
            .arg(format!("--ca-file={}", cluster.ca_file().display()))
            .arg(format!("--token-file={}", file.display())),
    );
    exporter.value_of(CORES);
    for broken in [&b""[..], b"\xff\xfe\x00"] {
        std::fs::write(&file, broken).expect("written");
        two_rounds(&cluster);
    }
    std::fs::remove_file(&file).expect("removed");
    two_rounds(&cluster);
    let text = exporter.get("/metrics").text();
    assert!(text.contains(CORES), "{text}");
    for reason in ["unauthorized", "credentials"] {
        assert!(!text.contains(reason), "{text}");
    }
}

#[test]
fn rotated_ca_fails_no_round() {
    let cluster = one_node();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(CORES);
    cluster.rotate_ca().expect("rotated");
    cluster.close_connections();
    two_rounds(&cluster);
    assert!(!exporter.get("/metrics").text().contains("reason=\"tls\""));
}

#[test]
fn ca_rotated_during_request_is_used() {
    let cluster = Arc::new(one_node());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = Arc::clone(&cluster);
    thread::spawn(move || {
        let upstream = server.url().replace("https://", "");
        for (number, client) in listener.incoming().flatten().enumerate() {
            // The exporter has read the CA file before it connects.
            if number == 0 {
                server.rotate_ca().expect("rotated");
            }
            let server = TcpStream::connect(&upstream).expect("connected");
            forward(
                client.try_clone().expect("a socket"),
                server.try_clone().expect("a socket"),
            );
            forward(server, client);
        }
    });
    let exporter = Exporter::run(
        Command::new(program("k8s-ai-exporter"))
            .env_clear()
            .args(["--node-name=node-a", "--scrape-interval=1s"])
            .arg(format!("--api-server=https://{address}"))
            .arg(format!("--ca-file={}", cluster.ca_file().display()))
            .arg(format!("--token-file={}", cluster.token_file().display())),
    );
    exporter.value_of(CORES);
    assert!(!exporter.get("/metrics").text().contains("reason=\"tls\""));
}

/// Forwards what arrives at one socket to the other, until either ends.
fn forward(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn redirects_never_get_a_token() {
    let trap = Trap::set();
    let cluster = one_node();
    let location = format!("http://{}/metrics", trap.address);
    cluster.fault(Fault::new(Effect::Redirect { location }).on(Endpoint::Resource));
    let exporter = Exporter::start(&cluster, "node-a", &["--enable-cadvisor=false"]);
    let refused = "k8s_ai_exporter_scrape_errors_total{node=\"node-a\",endpoint=\"resource\",reason=\"http_status\"}";
    eventually("two refusals", || {
        (exporter.value(refused)? >= 2.0).then_some(())
    });
    assert_eq!(trap.caught(), b"");
}

#[test]
fn proxy_variables_are_ignored() {
    let trap = Trap::set();
    let cluster = one_node();
    let mut command = exporter_of(&cluster, "node-a");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, format!("http://{}", trap.address));
    }
    let (code, _, err) = run(command.arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(trap.caught(), b"");
}

#[test]
fn failed_tls_sends_no_plain_text() {
    let trap = Trap::set();
    let cluster = one_node();
    let exporter = Process::start(
        Command::new(program("k8s-ai-exporter"))
            .env_clear()
            .args(["--node-name=node-a", "--listen-address=127.0.0.1:0"])
            .arg(format!("--api-server=https://{}", trap.address))
            .arg(format!("--ca-file={}", cluster.ca_file().display()))
            .arg(format!("--token-file={}", cluster.token_file().display())),
    );
    exporter.line_with("resource fails (tls)");
    let token = std::fs::read_to_string(cluster.token_file()).expect("a token");
    let caught = String::from_utf8_lossy(&trap.caught()).into_owned();
    for word in [token.trim(), "Bearer", "GET "] {
        assert!(!caught.contains(word), "{word} in {caught:?}");
    }
}

#[test]
fn plain_http_token_is_warned_about() {
    let cluster = Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(300))
        .plain_http()
        .start()
        .expect("a cluster");
    let files = scratch();
    let file = files.path().join("token");
    std::fs::write(&file, "eyJhbGciOi\n").expect("written");
    let named = format!("--token-file={}", file.display());
    for _ in 0..2 {
        let flags = ["--once", &named];
        let (code, _, err) = run(exporter_of(&cluster, "node-a").args(flags), "");
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("over plain HTTP"), "{err}");
        assert!(!err.contains("eyJhbGciOi"), "{err}");
    }
    let (_, _, err) = run(exporter_of(&cluster, "node-a").arg("--once"), "");
    assert!(
        !err.contains("over plain HTTP"),
        "no token, no warning: {err}"
    );
}
