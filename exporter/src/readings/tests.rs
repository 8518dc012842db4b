//! Values read from bodies, and refused samples with their reasons.

use super::*;
use exposition::read::Reader;

const NOW: Millis = 1_795_330_700_000;

fn collect(source: Source, text: &str) -> (Result<Reading, Reason>, Tally) {
    let mut collector = Collector::new(source, true, NOW);
    let mut reader = Reader::new();
    reader.push(text.as_bytes(), &mut collector);
    reader.finish(&mut collector);
    collector.finish()
}

fn collected(source: Source, text: &str) -> (Reading, Tally) {
    let (reading, tally) = collect(source, text);
    (reading.expect("a reading"), tally)
}

fn refused(tally: &Tally) -> Vec<(Reason, u64)> {
    tally.iter().collect()
}

#[test]
fn node_samples_of_resource_are_read() {
    let (reading, tally) = collected(
        Source::Resource,
        "node_cpu_usage_seconds_total 2243.267938855 1795330653390\n\
         node_memory_working_set_bytes 9.04564736e+08 1795330653391\n\
         pod_cpu_usage_seconds_total{namespace=\"a\",pod=\"p\"} 1 5\n\
         resource_scrape_error 0\n",
    );
    let cpu = reading.cpu.expect("cpu");
    assert_eq!(
        (cpu.value.get(), cpu.at),
        (2243.267938855, 1_795_330_653_390)
    );
    let memory = reading.memory.expect("memory");
    assert_eq!(
        (memory.value.get(), memory.at),
        (904_564_736, 1_795_330_653_391)
    );
    assert_eq!(reading.pods.len(), 1);
    assert_eq!(refused(&tally), []);
}

#[test]
fn no_cgroup_is_counted_twice() {
    let (reading, tally) = collected(
        Source::Cadvisor,
        r#"container_cpu_usage_seconds_total{container="",cpu="total",id="/",image="",name="",namespace="",pod=""} 100 7
container_cpu_usage_seconds_total{container="",cpu="cpu00",id="/",image="",name="",namespace="",pod=""} 50 7
container_cpu_usage_seconds_total{container="",cpu="total",id="/kubepods",image="",name="",namespace="",pod=""} 60 7
container_cpu_usage_seconds_total{container="",cpu="total",id="/kubepods/pod1",image="",name="",namespace="ns",pod="p"} 40 7
container_cpu_usage_seconds_total{container="",cpu="total",id="/kubepods/pod1/s",image="pause",name="s",namespace="ns",pod="p"} 1 7
container_cpu_usage_seconds_total{container="c",cpu="total",id="/kubepods/pod1/c",image="i",name="c",namespace="ns",pod="p"} 39 7
container_cpu_cfs_periods_total{container="",id="/kubepods/pod1",image="",name="",namespace="ns",pod="p"} 9 7
container_cpu_cfs_periods_total{container="c",id="/kubepods/pod1/c",image="i",name="c",namespace="ns",pod="p"} 5 7
container_pressure_cpu_waiting_seconds_total{container="",id="/",image="",name="",namespace="",pod=""} 3 7
container_pressure_cpu_waiting_seconds_total{container="c",id="/kubepods/pod1/c",image="i",name="c",namespace="ns",pod="p"} 2 7
"#,
    );
    assert_eq!(reading.cpu.map(|c| c.value.get()), Some(100.0));
    let pods: Vec<_> = reading
        .pods
        .values()
        .filter_map(|p| p.cpu)
        .map(|c| c.value.get())
        .collect();
    assert_eq!(pods, [40.0]);
    assert_eq!(reading.containers.len(), 1);
    assert_eq!(reading.pressure.iter().flatten().count(), 1);
    assert_eq!(refused(&tally), []);
}

#[test]
fn invalid_samples_are_dropped_and_counted() {
    let node = "node_memory_working_set_bytes 1 1000\n";
    for (line, reason) in [
        ("node_cpu_usage_seconds_total NaN 1000", Reason::ValueSample),
        (
            "node_cpu_usage_seconds_total +Inf 1000",
            Reason::ValueSample,
        ),
        ("node_cpu_usage_seconds_total -1 1000", Reason::ValueSample),
        (
            "node_cpu_usage_seconds_total 1e300 1000",
            Reason::ValueSample,
        ),
        (
            "node_cpu_usage_seconds_total 9007199254740994 1000",
            Reason::ValueSample,
        ),
        ("node_cpu_usage_seconds_total 1 0", Reason::TimestampSample),
        (
            "node_cpu_usage_seconds_total 1 -1000",
            Reason::TimestampSample,
        ),
        (
            "node_cpu_usage_seconds_total 1 9999999999999",
            Reason::TimestampSample,
        ),
        ("node_cpu_usage_seconds_total 1", Reason::TimestampSample),
        (
            "node_cpu_usage_seconds_total one 1000",
            Reason::MalformedLine,
        ),
    ] {
        let (reading, tally) = collected(Source::Resource, &format!("{line}\n{node}"));
        assert_eq!(reading.cpu, None, "{line}");
        assert_eq!(refused(&tally), [(reason, 1)], "{line}");
    }
}

#[test]
fn name_prefix_is_no_match() {
    let (reading, _) = collected(
        Source::Resource,
        "node_cpu_usage_seconds_total_x 5 1000\nnode_memory_working_set_bytes 1 1000\n",
    );
    assert_eq!(reading.cpu, None);
}

#[test]
fn receive_time_only_if_no_timestamp_at_all() {
    let (reading, _) = collected(
        Source::Resource,
        "node_cpu_usage_seconds_total 5\nnode_memory_working_set_bytes 1\n",
    );
    assert_eq!(reading.cpu.map(|c| c.at), Some(NOW));
    assert_eq!(reading.memory.map(|m| m.at), Some(NOW));
}

#[test]
fn newest_duplicate_counts_else_the_first() {
    let (reading, tally) = collected(
        Source::Resource,
        "node_cpu_usage_seconds_total 5 1000\nnode_cpu_usage_seconds_total 6 1000\n\
         node_memory_working_set_bytes 1 1000\nnode_memory_working_set_bytes 2 2000\n",
    );
    assert_eq!(reading.cpu.map(|c| c.value.get()), Some(5.0));
    assert_eq!(reading.memory.map(|m| m.value.get()), Some(2));
    assert_eq!(refused(&tally), [(Reason::DuplicateSample, 2)]);
}

#[test]
fn body_without_node_samples_is_a_failure() {
    for (text, reason) in [
        ("", Reason::NoSamples),
        ("# nothing\n", Reason::NoSamples),
        ("node_memory_working_set_bytes 0 1000\n", Reason::NoSamples),
        ("node_cpu_usage_seconds_total 0 1000\n", Reason::NoSamples),
        ("<html><body>Forbidden</body></html>\n", Reason::NoSamples),
        (
            "node_memory_working_set_bytes 1 1000\nresource_scrape_error 1\n",
            Reason::KubeletError,
        ),
        (
            "node_memory_working_set_bytes 1 1000\nscrape_error 1\n",
            Reason::KubeletError,
        ),
    ] {
        let (found, _) = collect(Source::Resource, text);
        assert_eq!(found, Err(reason), "{text}");
    }
}

/// A page of cAdvisor with a pod, its sandbox and a container, below `parent`.
fn oom_page(parent: &str, prefix: &str, suffix: &str, labels: [&str; 2]) -> String {
    let [sandbox, container] = labels;
    let row = |id: &str, labels: &str| {
        format!("container_oom_events_total{{{labels},id=\"{id}\"}} 2 1000\n")
    };
    let none = r#"container="",image="",name="""#;
    [
        "container_memory_working_set_bytes{id=\"/\"} 5 1000\n".to_owned(),
        row("/", none),
        row("/system.slice/containerd.service", none),
        row(parent, none),
        row(&format!("{parent}/{prefix}aa{suffix}"), sandbox),
        row(&format!("{parent}/{prefix}bb{suffix}"), container),
    ]
    .concat()
}

#[test]
fn missing_container_labels_are_detected() {
    let none = r#"container="",image="",name="""#;
    let sandbox = r#"container="",image="pause",name="aa""#;
    let container = r#"container="c",image="i",name="bb""#;
    for (parent, prefix, suffix) in [
        ("/kubepods/burstable/pod1-2", "", ""),
        ("/kubepods/pod1-2", "", ""),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice",
            "cri-containerd-",
            ".scope",
        ),
    ] {
        let collected = |labels| {
            let (reading, tally) =
                collected(Source::Cadvisor, &oom_page(parent, prefix, suffix, labels));
            assert!(reading.has_oom_kills);
            (reading.is_unlabelled, refused(&tally))
        };
        let unlabelled = vec![(Reason::UnlabelledSample, 2)];
        assert_eq!(collected([none, none]), (true, unlabelled), "{parent}");
        assert_eq!(collected([sandbox, container]), (false, vec![]), "{parent}");
        // A container that the runtime has not named yet, or a process beside it.
        assert_eq!(collected([sandbox, none]), (false, vec![]), "{parent}");
    }
    let (empty_node, _) = collected(
        Source::Cadvisor,
        "container_memory_working_set_bytes{id=\"/\"} 5 1000\n\
         container_oom_events_total{id=\"/\"} 0 1000\n\
         container_oom_events_total{id=\"/kubepods/besteffort\"} 0 1000\n",
    );
    assert!(empty_node.has_oom_kills && !empty_node.is_unlabelled);
}
