//! Usage from captures of a real kubelet, against figures worked out another way.
//!
//! Independent of the program: core-nanoseconds and bytes come from the kubelet's
//! own `/stats/summary`, captured at the same time, as whole numbers; the time
//! of a sample is cut out of the page's text by position; and the rates are
//! divided here. None of it goes through the exposition reader.

use std::io::Read;
use std::time::{Duration, Instant};

use exposition::read::Reader;
use flate2::read::GzDecoder;
use k8s_ai_exporter::readings::{Collector, Reading, Source};
use k8s_ai_exporter::usage::{Arrival, Usage};
use quantity::{Bytes, Cores, Ratio};

fn capture(path: &str) -> String {
    let path = testbed::fixtures().join(path);
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("a gzip capture in UTF-8");
    text
}

fn reading(source: Source, text: &str, received: i64) -> Reading {
    let mut collector = Collector::new(source, true, received);
    let mut reader = Reader::new();
    // In odd pieces, as a network might cut them.
    for chunk in text.as_bytes().chunks(7919) {
        reader.push(chunk, &mut collector);
    }
    reader.finish(&mut collector);
    let (reading, left_out) = collector.finish();
    assert_eq!(
        left_out.iter().collect::<Vec<_>>(),
        [],
        "a real page has nothing to leave out"
    );
    reading.expect("a real page speaks of its node")
}

/// The last word of the page's line for the node's CPU.
fn time_of_node_cpu(page: &str) -> i64 {
    let line = page
        .lines()
        .find(|line| line.starts_with("node_cpu_usage_seconds_total "))
        .expect("the node's line");
    let time = line.rsplit(' ').next().expect("a word");
    time.parse().expect("milliseconds")
}

fn arrival(now: Instant) -> Arrival {
    Arrival {
        now,
        fresh_for: Duration::from_secs(90),
        machine: Cores::new(2.0),
    }
}

#[test]
fn captures_equal_the_kubelets_own_summary() {
    let now = Instant::now();
    let (mut from_resource, mut from_cadvisor) = (Usage::default(), Usage::default());
    let mut before: Option<(u64, i64)> = None;
    for round in 0..4 {
        let page = capture(&format!("10-pods/metrics-resource.{round}.prom.gz"));
        let cadvisor = capture(&format!("10-pods/metrics-cadvisor.{round}.prom.gz"));
        let summary: serde_json::Value =
            serde_json::from_str(&capture(&format!("10-pods/stats-summary.{round}.json.gz")))
                .expect("JSON");
        let node = &summary["node"];
        let nanos = node["cpu"]["usageCoreNanoSeconds"]
            .as_u64()
            .expect("a count");
        let bytes = node["memory"]["workingSetBytes"].as_u64().expect("bytes");
        let at = time_of_node_cpu(&page);

        from_resource.observe_resource(&reading(Source::Resource, &page, at), arrival(now));
        from_cadvisor.observe_cadvisor(
            reading(Source::Cadvisor, &cadvisor, at),
            arrival(now),
            false,
        );
        for usage in [&from_resource, &from_cadvisor] {
            assert_eq!(
                usage.memory(now).map(Bytes::get),
                Some(bytes),
                "round {round}"
            );
            let cores = usage.cpu(now).map(Cores::get);
            match before {
                None => assert_eq!(cores, None, "one sample is no rate"),
                Some((nanos_before, at_before)) => {
                    // Nanoseconds over milliseconds, in whole numbers until the end.
                    let expected =
                        (nanos - nanos_before) as f64 / ((at - at_before) * 1_000_000) as f64;
                    let cores = cores.expect("a rate");
                    assert!((cores - expected).abs() < 1e-9, "{cores} is not {expected}");
                }
            }
        }
        before = Some((nanos, at));
    }
}

#[test]
fn namespaces_of_captures_sum_their_pods() {
    let now = Instant::now();
    let pages: Vec<String> = (0..2)
        .map(|n| capture(&format!("10-pods/metrics-resource.{n}.prom.gz")))
        .collect();
    let mut usage = Usage::default();
    for page in &pages {
        usage.observe_resource(
            &reading(Source::Resource, page, time_of_node_cpu(page)),
            arrival(now),
        );
    }
    // By hand: each pod's line in either page, split at blanks.
    let lines = |page: &str| -> Vec<(String, f64, f64)> {
        page.lines()
            .filter(|line| line.starts_with("pod_cpu_usage_seconds_total{namespace=\"default\""))
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                (
                    words[0].to_owned(),
                    words[1].parse().expect("seconds"),
                    words[2].parse().expect("milliseconds"),
                )
            })
            .collect()
    };
    let (first, second) = (lines(&pages[0]), lines(&pages[1]));
    assert_eq!(first.len(), 7, "three burners and four sleepers");
    let expected: f64 = second
        .iter()
        .map(|(pod, seconds, at)| {
            let (_, seconds_before, at_before) = first
                .iter()
                .find(|(name, ..)| name == pod)
                .expect("the same pods");
            assert_ne!(at, at_before, "the capture has an interval for each pod");
            (seconds - seconds_before) / ((at - at_before) / 1000.0)
        })
        .sum();
    let namespaces = usage.namespaces(now);
    let cores = namespaces["default"].0.map(Cores::get).expect("a sum");
    assert!((cores - expected).abs() < 1e-9, "{cores} is not {expected}");
    assert!(namespaces["monitoring"].1.is_some());
}

#[test]
fn killed_container_gives_no_spike() {
    let now = Instant::now();
    let mut usage = Usage::default();
    let mut counters = Vec::new();
    for round in 0..3 {
        let page = capture(&format!(
            "container-restart/metrics-resource.{round}.prom.gz"
        ));
        let cadvisor = capture(&format!(
            "container-restart/metrics-cadvisor.{round}.prom.gz"
        ));
        let killed = page
            .lines()
            .find(|line| {
                line.starts_with("container_cpu_usage_seconds_total{container=\"burn\"")
                    && line.contains("c98jb")
            })
            .and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok())
            .expect("the killed container's counter");
        counters.push(killed);
        let at = time_of_node_cpu(&page);
        usage.observe_resource(&reading(Source::Resource, &page, at + 60_000), arrival(now));
        usage.observe_cadvisor(
            reading(Source::Cadvisor, &cadvisor, at + 60_000),
            arrival(now),
            false,
        );

        // Three containers with a limit of a tenth of a core each, and little else.
        for (namespace, (cores, _)) in usage.namespaces(now) {
            let cores = cores.map_or(0.0, Cores::get);
            assert!(
                (0.0..0.4).contains(&cores),
                "round {round}, {namespace}: {cores}"
            );
        }
        if let Some(cores) = usage.cpu(now).map(Cores::get) {
            assert!((0.0..0.5).contains(&cores), "round {round}: {cores}");
        }
        if let Some(share) = usage.throttled(now).map(Ratio::get) {
            assert!((0.5..=1.0).contains(&share), "busy at their limit: {share}");
        }
        assert_eq!(usage.oom_kills(now), Some(0), "killed, but not for memory");
    }
    assert!(
        counters[1] < counters[0] / 10.0,
        "the capture holds a restart: {counters:?}"
    );
    assert!(usage.cpu(now).is_some() && usage.throttled(now).is_some());
}

#[test]
fn throttling_equals_the_containers_own_counters() {
    let now = Instant::now();
    let pages: Vec<String> = (0..2)
        .map(|n| capture(&format!("10-pods/metrics-cadvisor.{n}.prom.gz")))
        .collect();
    let mut usage = Usage::default();
    for page in &pages {
        usage.observe_cadvisor(
            reading(Source::Cadvisor, page, i64::MAX / 2),
            arrival(now),
            false,
        );
    }
    // All containers with a limit are in both pages; each row ends in `} VALUE TIME`.
    let sum = |page: &str, family: &str| -> f64 {
        page.lines()
            .filter(|line| line.starts_with(&format!("{family}{{")))
            .filter(|line| !line.contains("container=\"\""))
            .map(|line| {
                let (_, values) = line.rsplit_once("} ").expect("a row");
                let value = values.split(' ').next().expect("a value");
                value.parse::<f64>().expect("a count")
            })
            .sum()
    };
    let delta = |family: &str| sum(&pages[1], family) - sum(&pages[0], family);
    let expected = delta("container_cpu_cfs_throttled_periods_total")
        / delta("container_cpu_cfs_periods_total");
    let share = usage.throttled(now).map(Ratio::get).expect("two readings");
    assert!(
        (share - expected).abs() < 1e-12,
        "{share} is not {expected}"
    );
}
