//! The exporter's token, authority and origin, over real TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::{
    Exporter, Process, Scratch, eventually, exporter_command, program, request, run, value_in,
};
use testbed::{Cluster, Effect, Endpoint, Fault, Node, Running};

const CORES: &str = "k8s_node_cpu_usage_cores{node=\"node-a\"}";

fn cluster() -> Running {
    Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(300))
        .start()
        .expect("a cluster")
}

/// The exporter with a token file of the test's, at a URL of the test's.
fn command(url: &str, cluster: &Running, token_file: &Path) -> Command {
    let mut command = Command::new(program("k8s-ai-exporter"));
    command
        .env_clear()
        .args(["--node-name=node-a", "--scrape-interval=1s"])
        .args(["--cadvisor-interval=1s", "--listen-address=127.0.0.1:0"])
        .arg(format!("--api-server={url}"))
        .arg(format!("--ca-file={}", cluster.ca_file().display()))
        .arg(format!("--token-file={}", token_file.display()));
    command
}

/// A port that keeps what comes to it, and answers nothing.
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
fn a_half_written_or_empty_token_file_leaves_the_last_good_token_in_use() {
    let cluster = cluster();
    let files = Scratch::new("token");
    let file = files.path().join("token");
    let good = std::fs::read(cluster.token_file()).expect("a token");
    std::fs::write(&file, &good).expect("written");
    let process = Process::start(&mut command(&cluster.url(), &cluster, &file));
    let line = process.line_with("serving on ");
    let address = line.rsplit(' ').next().expect("an address").to_owned();
    let metrics = || request(&address, "GET", "/metrics", &[], "").text();
    eventually("cores", || value_in(&metrics(), CORES));
    for broken in [&b""[..], b"\xff\xfe\x00"] {
        std::fs::write(&file, broken).expect("written");
        let before = cluster.requests().count(Endpoint::Resource);
        eventually("two more rounds", || {
            (cluster.requests().count(Endpoint::Resource) >= before + 2).then_some(())
        });
    }
    std::fs::remove_file(&file).expect("removed");
    let before = cluster.requests().count(Endpoint::Resource);
    eventually("two rounds without the file", || {
        (cluster.requests().count(Endpoint::Resource) >= before + 2).then_some(())
    });
    let text = metrics();
    assert!(text.contains(CORES), "{text}");
    for reason in ["unauthorized", "credentials"] {
        assert!(!text.contains(reason), "{text}");
    }
}

#[test]
fn a_new_authority_is_taken_over_without_a_failed_round() {
    let cluster = cluster();
    let exporter = Exporter::start(&cluster, "node-a", &[]);
    exporter.value_of(CORES);
    cluster.rotate_authority().expect("rotated");
    cluster.close_connections();
    let before = cluster.requests().count(Endpoint::Resource);
    eventually("rounds under the new authority", || {
        (cluster.requests().count(Endpoint::Resource) >= before + 2).then_some(())
    });
    assert!(!exporter.get("/metrics").text().contains("reason=\"tls\""));
}

#[test]
fn a_redirect_is_a_refusal_and_no_token_goes_after_it() {
    let trap = Trap::set();
    let cluster = cluster();
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
fn proxies_of_the_environment_are_not_asked() {
    let trap = Trap::set();
    let cluster = cluster();
    let mut command = exporter_command(&cluster, "node-a");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, format!("http://{}", trap.address));
    }
    let (code, _, err) = run(command.arg("--once"), "");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(trap.caught(), b"");
}

#[test]
fn where_tls_does_not_answer_nothing_is_said_in_plain_text() {
    let trap = Trap::set();
    let cluster = cluster();
    let url = format!("https://{}", trap.address);
    let exporter = Process::start(&mut command(&url, &cluster, cluster.token_file()));
    exporter.line_with("resource fails (tls)");
    let token = std::fs::read_to_string(cluster.token_file()).expect("a token");
    let caught = String::from_utf8_lossy(&trap.caught()).into_owned();
    for word in [token.trim(), "Bearer", "GET "] {
        assert!(!caught.contains(word), "{word} in {caught:?}");
    }
}

#[test]
fn a_token_over_plain_http_must_be_asked_for_and_each_start_says_so() {
    let cluster = Cluster::new()
        .node(Node::new("node-a"))
        .housekeeping(Duration::from_millis(300))
        .plain_http()
        .start()
        .expect("a cluster");
    let files = Scratch::new("plain");
    let file = files.path().join("token");
    std::fs::write(&file, "eyJhbGciOi\n").expect("written");
    let named = format!("--token-file={}", file.display());
    for _ in 0..2 {
        let flags = ["--once", &named];
        let (code, _, err) = run(exporter_command(&cluster, "node-a").args(flags), "");
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("over plain HTTP"), "{err}");
        assert!(!err.contains("eyJhbGciOi"), "{err}");
    }
    let (_, _, err) = run(exporter_command(&cluster, "node-a").arg("--once"), "");
    assert!(
        !err.contains("over plain HTTP"),
        "no token, no warning: {err}"
    );
}
