//! The real program as a service: what it serves, how it fails, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::scripted::receiver::{Receiver, Reply};
use crate::scripted::{Answer, Backend, Query, agent, run, series};
use serde_json::Value;

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node whose CPU stays at this many of four cores.
fn node(query: &Query, cores: f64) -> Answer {
    match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[series(query, "n", 60, |_| cores)]),
        "k8s_node_memory_usage_bytes" => Answer::matrix(&[series(query, "n", 60, |_| 4e9)]),
        "k8s_node_cpu_allocatable_cores" => Answer::matrix(&[series(query, "n", 5, |_| 4.0)]),
        "k8s_node_memory_allocatable_bytes" => Answer::matrix(&[series(query, "n", 5, |_| 8e9)]),
        _ => Answer::matrix(&[]),
    }
}

fn unavailable() -> Answer {
    Answer::new("400 Bad Request", "", "")
}

/// A running service that ends with this handle.
struct Service {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Service {
    /// Starts one that reports every second.
    fn start(backend: &Backend, flags: &[&str]) -> Self {
        let url = format!("--prometheus-url={}", backend.url);
        let usual = [&url, "--serve=127.0.0.1:0", "--every=1s", "--step=60s"];
        let mut child = agent(&[&usual, flags].concat())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let first = lines.next().expect("a line").expect("UTF-8");
        let address = first
            .strip_prefix("k8s-ai-agent: serving on ")
            .and_then(|rest| {
                rest.strip_suffix(", a report every 1s, plain HTTP without authentication")
            })
            .unwrap_or_else(|| panic!("{first}"))
            .to_owned();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().expect("unspoilt") += &format!("{line}\n");
            }
        });
        Self {
            child,
            address,
            log,
        }
    }

    fn log(&self) -> String {
        self.log.lock().expect("unspoilt").clone()
    }

    /// Status, head and body of the answer to a request.
    fn request(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.expect("a status"), head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.request("GET", path);
        (status, body)
    }

    /// The value of a sample, if it is published.
    fn sample(&self, name: &str) -> Option<f64> {
        let (_, exposition) = self.get("/metrics");
        value_in(&exposition, name)
    }

    /// Waits until a sample has a value that will do.
    fn until(&self, name: &str, will_do: impl Fn(f64) -> bool) -> f64 {
        let what = format!("{name} in\n{}", self.log());
        eventually(&what, || self.sample(name).filter(|value| will_do(*value)))
    }

    /// A figure of the process from `/proc`, such as `VmRSS:` in kB or `Threads:`.
    fn figure(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.expect(name).parse().expect("a number")
    }

    /// Sends a signal and returns the exit code.
    fn end_with(mut self, signal: &str) -> Option<i32> {
        let kill = format!("kill -s {signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success());
        let child = &mut self.child;
        eventually("the end", || child.try_wait().expect("a child")).code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn value_in(exposition: &str, name: &str) -> Option<f64> {
    exposition
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

/// Tries until something is there, and fails by name when it does not come.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(25));
    }
}

const FORECAST: &str = r#"k8s_node_cpu_forecast_max_cores{node="n",bound="expected"}"#;

#[test]
fn every_format_is_served() {
    let answering = Arc::new(AtomicBool::new(false));
    let (open, ready) = (Arc::clone(&answering), Arc::clone(&answering));
    let backend = Backend::start(move |query| {
        // The first query waits until the test has seen what is served meanwhile.
        while !open.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        node(query, 2.0)
    });
    let service = Service::start(&backend, &[]);
    assert_eq!(service.get("/livez"), (200, "ok\n".to_owned()));
    for path in ["/readyz", "/report.json"] {
        let nothing = "no report yet, or the last one is too old\n";
        assert_eq!(service.get(path), (503, nothing.to_owned()));
    }
    let (status, metrics) = service.get("/metrics");
    assert_eq!((status, value_in(&metrics, "k8s_ai_agent_up")), (200, None));
    assert_eq!(value_in(&metrics, "k8s_ai_agent_runs_total"), Some(0.0));
    ready.store(true, Ordering::Relaxed);

    assert_eq!(service.until(FORECAST, |_| true), 2.0);
    assert_eq!(service.get("/readyz"), (200, "ok\n".to_owned()));
    let (_, report) = service.get("/report.json");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["nodes"][0]["node"], "n");
    for (path, start) in [
        ("/report.txt", "1 node: 1 healthy.\n"),
        ("/report.md", "**1 node: 1 healthy.**"),
        ("/report.html", "<!DOCTYPE html>"),
        ("/report.csv", "node,"),
        ("/report.prom", "# HELP k8s_node_cpu_forecast_max_cores "),
        ("/", "<!doctype html>"),
    ] {
        let (status, body) = service.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(body.contains(start), "{path}: {body}");
    }
    let (status, head, body) = service.request("HEAD", "/report.json");
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(
        head.contains("\r\nContent-Type: application/json\r\n"),
        "{head}"
    );
    for path in ["/", "/report.html"] {
        let (_, head, _) = service.request("GET", path);
        assert!(
            head.contains("Content-Security-Policy: default-src 'none'; "),
            "{head}"
        );
    }
    let (status, head, _) = service.request("POST", "/metrics");
    assert!(
        status == 405 && head.contains("\r\nAllow: GET, HEAD"),
        "{head}"
    );
    for path in [
        "/report",
        "/report.",
        "/report.yaml",
        "/report.json/",
        "/favicon.ico",
    ] {
        assert_eq!(service.get(path).0, 404, "{path}");
    }
    let (_, metrics) = service.get("/metrics");
    assert_eq!(value_in(&metrics, "k8s_ai_agent_up"), Some(1.0));
    assert_eq!(
        value_in(&metrics, "k8s_ai_agent_failed_runs_total"),
        Some(0.0)
    );
    assert!(value_in(&metrics, "process_resident_memory_bytes") > Some(0.0));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (`just test` installs what tests need)");
    let mut input = promtool.stdin.take().expect("piped");
    input.write_all(metrics.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let remarks = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && remarks.is_empty(), "{remarks}");
    assert_eq!(service.end_with("TERM"), Some(0));
}

#[test]
fn stale_report_is_withdrawn() {
    let failing = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&failing);
    let backend = Backend::start(move |query| match fails.load(Ordering::Relaxed) {
        true => unavailable(),
        false => node(query, 2.0),
    });
    let service = Service::start(&backend, &[]);
    service.until("k8s_ai_agent_runs_total", |runs| runs >= 2.0);
    let success = service.until("k8s_ai_agent_last_success_timestamp_seconds", |_| true);
    assert!(success > 1.7e9);
    failing.store(true, Ordering::Relaxed);
    let (_, metrics) = eventually("a run that fails", || {
        let (status, metrics) = service.get("/metrics");
        (value_in(&metrics, "k8s_ai_agent_up") == Some(0.0)).then_some((status, metrics))
    });
    assert!(
        metrics.contains(FORECAST),
        "the last good report is gone at once"
    );
    let (_, metrics) = eventually("the report is too old", || {
        let (status, metrics) = service.get("/metrics");
        (!metrics.contains(FORECAST)).then_some((status, metrics))
    });
    assert_eq!(service.get("/readyz").0, 503);
    assert_eq!(service.get("/livez").0, 200);
    assert!(metrics.contains("k8s_ai_agent_build_info{"), "{metrics}");
    let failed = value_in(&metrics, "k8s_ai_agent_failed_runs_total");
    assert!(failed >= Some(1.0), "{metrics}");
    assert!(value_in(&metrics, "k8s_ai_agent_last_success_timestamp_seconds") >= Some(success));
    let log = service.log();
    assert!(log.contains("cpu usage: HTTP status 400"), "{log}");
    assert!(log.contains("no report; retry in "), "{log}");
    failing.store(false, Ordering::Relaxed);
    service.until("k8s_ai_agent_up", |up| up == 1.0);
    assert_eq!(service.get("/readyz").0, 200);
}

#[test]
fn service_annotates_a_change_once() {
    let rounds = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&rounds);
    let backend = Backend::start(move |query| {
        let usage = query.query == "k8s_node_cpu_usage_cores";
        let round = asked.fetch_add(usize::from(usage), Ordering::Relaxed);
        node(query, if round < 2 { 2.0 } else { 3.9 })
    });
    let grafana = Receiver::start(|_, _| Reply::ok());
    let pushgateway = Receiver::start(|before, _| match before {
        0 => Reply::status("400 Bad Request", "", "odd"),
        _ => Reply::ok(),
    });
    let token = std::env::temp_dir().join(format!("k8s-ai-agent-serve-{}", std::process::id()));
    std::fs::write(&token, "one").expect("a writable folder");
    let service = Service::start(
        &backend,
        &[
            &format!("--grafana-url={}", grafana.url),
            &format!("--grafana-token-file={}", token.display()),
            &format!("--pushgateway-url={}", pushgateway.url),
        ],
    );
    let up = r#"k8s_ai_agent_sink_up{sink="pushgateway"}"#;
    let failures = r#"k8s_ai_agent_sink_failures_total{sink="pushgateway"}"#;
    service.until(failures, |failures| failures == 1.0);
    // Written beside and renamed, as Kubernetes does with a mounted Secret.
    std::fs::write(token.with_extension("new"), "two").expect("a writable folder");
    std::fs::rename(token.with_extension("new"), &token).expect("a writable folder");
    service.until("k8s_ai_agent_runs_total", |runs| runs >= 6.0);
    assert_eq!(service.sample(up), Some(1.0));
    assert_eq!(service.sample(failures), Some(1.0));
    assert_eq!(
        service.sample(r#"k8s_ai_agent_sink_up{sink="grafana"}"#),
        Some(1.0)
    );
    assert!(pushgateway.sent().len() >= 6);
    let annotation = grafana.only();
    assert_eq!(annotation.header("authorization"), "Bearer two");
    let text = annotation.json()["text"].to_string();
    assert!(
        text.contains("n cpu: ") && text.contains("(was healthy)"),
        "{text}"
    );
    let _ = std::fs::remove_file(&token);
    let log = service.log();
    assert!(log.contains("pushgateway: HTTP status 400 from "), "{log}");
    assert_eq!(service.end_with("INT"), Some(0));
}

#[test]
fn signal_ends_the_service() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!(
        "--prometheus-url=http://{}",
        silent.local_addr().expect("bound")
    );
    let backend = Backend::start(|query| node(query, 2.0));
    // The last of two counts.
    let service = Service::start(&backend, &[]);
    service.until("k8s_ai_agent_up", |up| up == 1.0);
    let _idle = TcpStream::connect(&service.address).expect("a connection");
    assert_eq!(service.end_with("TERM"), Some(0));
    let mut hanging = agent(&[&url, "--serve=127.0.0.1:0"])
        .spawn()
        .expect("it starts");
    let (_asked, _) = silent.accept().expect("the first question");
    let kill = format!("kill -s TERM {}", hanging.id());
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("a shell").success());
    let ended = eventually("the end", || hanging.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn service_that_cannot_start_exits_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let serve = format!("--serve={}", taken.local_addr().expect("bound"));
    let expected = "expected an address such as :9100, 127.0.0.1:9100 or [::1]:9100";
    for (flags, problem) in [
        (
            &[serve.as_str()][..],
            "cannot listen on 127.0.0.1:".to_owned(),
        ),
        (
            &["--serve=9101"],
            format!("invalid --serve \"9101\": {expected}"),
        ),
        (&["--every=1m"], "--every requires --serve".to_owned()),
        (
            &["--web.config.file=/x"],
            "--web-config-file requires --serve".to_owned(),
        ),
        (
            &["--web-bearer-token-file=/x"],
            "--web-bearer-token-file requires --serve".to_owned(),
        ),
        (
            &["--serve=127.0.0.1:0", "--web-config-file=/nonexistent"],
            "/nonexistent: ".to_owned(),
        ),
        (
            &["--serve=:0", "--every=999ms"],
            "invalid --every \"999ms\": expected a duration such as 30s or 1m30s, from 1s to 1d"
                .to_owned(),
        ),
        (
            &["--serve=:0", "--at=2026-11-23T09:00:00Z"],
            "--at cannot be used with --serve".to_owned(),
        ),
        (
            &["--serve=:0", "--input=/x"],
            "--input cannot be used with --serve".to_owned(),
        ),
    ] {
        let ended = run(flags);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        let start = format!("k8s-ai-agent: {problem}");
        assert!(ended.err.starts_with(&start), "{}", ended.err);
    }
    let ended = run(&["--serve=127.0.0.1:0", "--ca-file=/nonexistent"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(
        ended.err.ends_with('\n') && ended.err.contains("/nonexistent"),
        "{}",
        ended.err
    );
}

#[test]
fn service_does_not_grow() {
    let backend = Backend::start(|query| node(query, 2.0));
    let webhook = Receiver::start(|_, _| Reply::ok());
    let pushgateway = format!("--pushgateway-url={}", webhook.url);
    let service = Service::start(&backend, &[&pushgateway]);
    // What is allocated once has been allocated by then.
    service.until("k8s_ai_agent_runs_total", |runs| runs >= 5.0);
    let (memory, threads) = (service.figure("VmRSS:"), service.figure("Threads:"));
    service.until("k8s_ai_agent_runs_total", |runs| runs >= 20.0);
    let (memory_now, threads_now) = (service.figure("VmRSS:"), service.figure("Threads:"));
    assert!(
        threads_now <= threads + 1,
        "{threads} threads became {threads_now}"
    );
    assert!(
        memory_now <= memory + 1024,
        "{memory} kB became {memory_now} kB"
    );
}
