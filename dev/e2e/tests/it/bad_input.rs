//! Invalid responses of kubelets and API servers, over real TLS: each becomes a
//! counted, named reason, and never a wrong number.
//!
//! Each test is a row of docs/robustness.md. A case is one node of a cluster; all of
//! them are read by one exporter, from either endpoint of the kubelet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use Comes::{About, Kept, Nothing, Truth};
use e2e::{Exporter, eventually, value_in};
use testbed::{
    BadGzip, Cluster, Effect, Endpoint, Fault, Framing, Hostile, Node, Rows, Running, Shape,
    Timestamp,
};

/// The metrics of a node whose kubelet answers in this way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Comes {
    /// The truth.
    Truth,
    /// The same, but that the rate is over the times of our requests.
    About,
    /// The last value before the fault.
    Kept,
    /// Nothing.
    Nothing,
}

/// An effect, its result, and the reason that is counted.
type Case = (Effect, Comes, Option<&'static str>);

const SOURCES: [(Endpoint, &str, &str); 2] = [
    (Endpoint::Resource, "resource", "--enable-cadvisor=false"),
    (Endpoint::Cadvisor, "cadvisor", "--enable-kubelet=false"),
];

/// Runs a check of both endpoints at the same time: most of it is waiting for rounds.
fn of_either_source(check: impl Fn(Endpoint, &str, &str) + Sync) {
    let check = &check;
    std::thread::scope(|scope| {
        for (endpoint, label, only) in SOURCES {
            scope.spawn(move || check(endpoint, label, only));
        }
    });
}

fn text(hostile: Hostile) -> Effect {
    Effect::Text(hostile)
}

fn name(index: usize) -> String {
    format!("node-{index}")
}

/// Each node has cores and memory of its own, so that none passes for another.
fn cluster(cases: usize) -> Running {
    let mut builder = Cluster::new().housekeeping(Duration::from_millis(100));
    for index in 0..cases {
        let size = index as f64;
        let node = Node::new(name(index)).shape(Shape::STEADY).pods(2);
        builder = builder.node(node.cores(2.0 + size).memory_gib(8.0 + size));
    }
    builder.start().expect("a cluster")
}

fn start(cluster: &Running, cases: usize, flags: &[&str]) -> Exporter {
    let names: Vec<String> = (0..cases).map(name).collect();
    Exporter::start(cluster, &names.join(","), flags)
}

fn cpu(index: usize) -> String {
    format!("k8s_node_cpu_usage_cores{{node=\"node-{index}\"}}")
}

fn memory(index: usize) -> String {
    format!("k8s_node_memory_usage_bytes{{node=\"node-{index}\"}}")
}

/// The metrics, of which no number is wrong.
fn metrics(exporter: &Exporter, cluster: &Running, cases: &[Case]) -> String {
    let text = exporter.get("/metrics").text();
    for (index, (effect, comes, _)) in cases.iter().enumerate() {
        let truth = cluster.truth(&name(index), SystemTime::now());
        // The kubelet's stamps are those of its measurements, up to 100 ms before a request.
        let tolerance = if *comes == About { 0.4 } else { 0.03 };
        for (sample, truth, tolerance) in [
            (cpu(index), truth.cores, tolerance),
            (memory(index), truth.memory_bytes as f64, 0.03),
        ] {
            if let Some(value) = value_in(&text, &sample) {
                assert!(
                    (value - truth).abs() <= tolerance * truth,
                    "{effect:?}: {sample} is {value}, truth {truth}"
                );
            }
        }
    }
    text
}

/// Checks the result of each case, from both endpoints; and once the faults
/// are over, every node is read again.
fn holds(cases: &[Case], flags: &[&str]) {
    of_either_source(|endpoint, label, only| {
        let flags = [flags, &[only, "--enable-namespace-metrics"]].concat();
        let cluster = cluster(cases.len());
        let fault = |index: usize| {
            let fault = Fault::new(cases[index].0.clone());
            cluster.fault(fault.on(endpoint).of_node(name(index)));
        };
        let with = |later: bool| {
            let each = cases.iter().enumerate();
            each.filter_map(move |(index, case)| ((case.1 == Kept) == later).then_some(index))
        };
        with(false).for_each(fault);
        let exporter = start(&cluster, cases.len(), &flags);
        for index in with(true) {
            exporter.value_of(&cpu(index));
            fault(index);
        }
        for (index, (effect, comes, reason)) in cases.iter().enumerate() {
            eventually(&format!("{label}: {effect:?}"), || {
                let text = metrics(&exporter, &cluster, cases);
                if let Some(reason) = reason {
                    let errors = format!(
                        "k8s_ai_exporter_scrape_errors_total{{node=\"node-{index}\",endpoint=\"{label}\",reason=\"{reason}\"}}"
                    );
                    // A rate would take two rounds.
                    value_in(&text, &errors).filter(|count| *count >= 2.0)?;
                }
                let known = value_in(&text, &cpu(index)).is_some()
                    && value_in(&text, &memory(index)).is_some();
                match comes {
                    Nothing => {
                        assert!(!known, "{effect:?}");
                        Some(())
                    }
                    _ => known.then_some(()),
                }
            });
        }
        cluster.clear_faults();
        for (index, (effect, ..)) in cases.iter().enumerate() {
            let well = format!("k8s_ai_exporter_up{{node=\"node-{index}\",endpoint=\"{label}\"}}");
            eventually(&format!("{label}: after {effect:?}"), || {
                let text = exporter.get("/metrics").text();
                (value_in(&text, &well)? == 1.0).then_some(())?;
                let truth = cluster.truth(&name(index), SystemTime::now()).cores;
                let cores = value_in(&text, &cpu(index))?;
                ((cores - truth).abs() <= 0.03 * truth).then_some(())
            });
        }
    });
}

#[test]
fn malformed_lines_are_skipped() {
    holds(
        &[
            (text(Hostile::Malformed), Truth, Some("malformed_line")),
            (text(Hostile::BadEscape), Truth, None),
            (text(Hostile::OddLabels), Truth, None),
        ],
        &[],
    );
}

#[test]
fn longer_family_names_are_ignored() {
    holds(&[(text(Hostile::LongerNames), Truth, None)], &[]);
}

#[test]
fn impossible_numbers_are_rejected() {
    let value = |value: &str| {
        let effect = text(Hostile::Value(value.to_owned()));
        (effect, Nothing, Some("value_sample"))
    };
    holds(
        &[
            "NaN",
            "+Inf",
            "-Inf",
            "-5",
            "1e300",
            "1e999",
            "9007199254740994",
        ]
        .map(value),
        &[],
    );
}

#[test]
fn odd_lines_are_skipped() {
    holds(
        &[
            (
                text(Hostile::EndlessLine { bytes: 1_000_000 }),
                Truth,
                Some("overlong_line"),
            ),
            (text(Hostile::NoFinalNewline), Truth, Some("malformed_line")),
            (text(Hostile::NonUtf8), Truth, Some("malformed_line")),
            (text(Hostile::Nul), Truth, None),
            (text(Hostile::Crlf), Truth, None),
            (text(Hostile::Bom), Truth, None),
        ],
        &[],
    );
}

#[test]
fn impossible_timestamps_are_rejected() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    let now = i64::try_from(now.as_millis()).expect("these centuries");
    let stamped =
        |rows, change, comes, reason| (text(Hostile::Timestamp(rows, change)), comes, reason);
    let wrong = Some("timestamp_sample");
    holds(
        &[
            stamped(Rows::All, Timestamp::Missing, About, None),
            stamped(Rows::Node, Timestamp::Missing, Nothing, wrong),
            stamped(Rows::Node, Timestamp::Is(0), Nothing, wrong),
            stamped(Rows::Node, Timestamp::Is(-1), Nothing, wrong),
            stamped(Rows::Node, Timestamp::Is(i64::MIN), Nothing, wrong),
            stamped(Rows::Node, Timestamp::Is(i64::MAX), Nothing, wrong),
            stamped(Rows::Node, Timestamp::Moved(2 * 3_600_000), Nothing, wrong),
            stamped(Rows::Node, Timestamp::Is(now), Kept, None),
            stamped(
                Rows::Node,
                Timestamp::Moved(-60_000),
                Kept,
                Some("backward_sample"),
            ),
        ],
        &[],
    );
}

#[test]
fn repeated_samples_keep_the_rate() {
    let cluster = Cluster::new()
        .housekeeping(Duration::from_secs(4))
        .node(Node::new("node-0"))
        .start()
        .expect("a cluster");
    let cases = [(Effect::Empty, Truth, None)];
    of_either_source(|endpoint, label, only| {
        let exporter = start(&cluster, 1, &[only]);
        exporter.value_of(&cpu(0));
        let asked = cluster.requests().count(endpoint);
        // Two or three measurements, asked for ten times.
        eventually("ten rounds", || {
            let text = metrics(&exporter, &cluster, &cases);
            assert!(value_in(&text, &cpu(0)).is_some(), "{label}: {text}");
            assert!(!text.contains("scrape_errors_total{"), "{label}: {text}");
            (cluster.requests().count(endpoint) >= asked + 10).then_some(())
        });
    });
}

#[test]
fn restarts_publish_no_wrong_number() {
    let cluster = Cluster::new()
        .housekeeping(Duration::from_millis(100))
        .node(Node::new("node-0").reboots_every(Duration::from_secs(4)))
        .node(
            Node::new("node-1")
                .pods(4)
                .restarting(3, Duration::from_secs(2)),
        )
        .start()
        .expect("a cluster");
    let cases = [(Effect::Empty, Truth, None), (Effect::Empty, Truth, None)];
    of_either_source(|_, label, only| {
        let exporter = start(&cluster, 2, &[only]);
        let errors = format!(
            "k8s_ai_exporter_scrape_errors_total{{node=\"node-0\",endpoint=\"{label}\",reason=\"reset_sample\"}}"
        );
        for resets in [1.0, 2.0] {
            eventually("a reset", || {
                let text = metrics(&exporter, &cluster, &cases);
                value_in(&text, &errors).filter(|count| *count >= resets)
            });
            eventually("a rate after it", || {
                value_in(&metrics(&exporter, &cluster, &cases), &cpu(0))
            });
        }
        exporter.value_of(&cpu(1));
    });
}

#[test]
fn duplicates_are_counted() {
    holds(
        &[
            (text(Hostile::Duplicates), Truth, Some("duplicate_sample")),
            (text(Hostile::TypeTwice), Truth, None),
            (text(Hostile::SeveralCpus), Truth, None),
        ],
        &[],
    );
}

#[test]
fn empty_kubelet_page_is_a_failure() {
    holds(
        &[
            (text(Hostile::ScrapeError), Nothing, Some("kubelet_error")),
            (text(Hostile::NoNode), Nothing, Some("no_samples")),
            (Effect::Empty, Nothing, Some("no_samples")),
        ],
        &[],
    );
    // Of the CPU counter, zero is where it begins; no machine runs in no memory.
    let cluster = cluster(1);
    cluster.fault(text(Hostile::Value("0".to_owned())));
    let exporter = start(&cluster, 1, &["--enable-cadvisor=false"]);
    exporter.value_of(
        "k8s_ai_exporter_scrape_errors_total{node=\"node-0\",endpoint=\"resource\",reason=\"value_sample\"}",
    );
    assert_eq!(exporter.value(&memory(0)), None);
}

#[test]
fn wrong_content_types_are_refused() {
    let wrong = |effect| (effect, Nothing, Some("content_type"));
    holds(
        &[
            wrong(Effect::html()),
            wrong(Effect::protobuf()),
            wrong(Effect::status_with_200()),
            wrong(Effect::ContentType("application/octet-stream".to_owned())),
        ],
        &[],
    );
}

#[test]
fn broken_encodings_are_errors() {
    let gzip = |how, reason| (Effect::Gzip(how), Nothing, Some(reason));
    holds(
        &[
            gzip(BadGzip::Checksum, "encoding"),
            gzip(BadGzip::Garbage, "encoding"),
            gzip(BadGzip::Truncated, "truncated"),
            (
                Effect::ContentEncoding("br".to_owned()),
                Nothing,
                Some("encoding"),
            ),
            (
                Effect::HugeHeader { bytes: 100_000 },
                Nothing,
                Some("protocol"),
            ),
        ],
        &[],
    );
}

/// Apart from the other encodings: while a bomb is decompressed, those fail again and again, and
/// back off for a minute.
#[test]
fn decompression_bombs_are_errors() {
    let bomb = BadGzip::Bomb {
        decompressed: 300 << 20,
    };
    holds(
        &[(Effect::Gzip(bomb), Nothing, Some("too_large"))],
        // Decompression takes seconds; the size must end it, not the time.
        &["--request-timeout=50s"],
    );
}

#[test]
fn a_body_is_bounded_as_it_is_sent_too() {
    let cluster = cluster(1);
    let body = "# padding\n".repeat(7 << 20);
    cluster.fault(Effect::body("text/plain; version=0.0.4", body));
    cluster.fault(Effect::ContentEncoding("identity".to_owned()));
    let flags = ["--enable-cadvisor=false", "--request-timeout=50s"];
    let exporter = start(&cluster, 1, &flags);
    let line = exporter.process.line_with("resource fails (too_large)");
    assert!(line.contains("67108864"), "{line}");
}

#[test]
fn incomplete_bodies_are_discarded() {
    let cut = |at, framing| (Effect::Cut { at, framing }, Nothing, Some("truncated"));
    holds(
        &[
            cut(0, Framing::Counted),
            cut(700, Framing::Counted),
            cut(0, Framing::Chunked),
            cut(700, Framing::Chunked),
            (Effect::Stall { at: 700 }, Nothing, Some("timeout")),
            (
                Effect::Latency(Duration::from_secs(5)),
                Nothing,
                Some("timeout"),
            ),
        ],
        &["--request-timeout=1s"],
    );
}

#[test]
fn refusals_and_resets_are_retried() {
    let refused = |code, retry_after: &str, reason| {
        let retry_after = Some(retry_after.to_owned());
        (Effect::Status { code, retry_after }, Nothing, Some(reason))
    };
    holds(
        &[
            refused(429, "1", "rate_limited"),
            refused(503, "Fri, 31 Dec 1999 23:59:59 GMT", "unavailable"),
            refused(503, "-5", "unavailable"),
            refused(429, "soon", "rate_limited"),
            (Effect::status(500), Nothing, Some("http_status")),
            (Effect::status(502), Nothing, Some("http_status")),
            (Effect::Reset, Nothing, Some("connect")),
            (Effect::Hangup, Nothing, Some("truncated")),
        ],
        &[],
    );
}
