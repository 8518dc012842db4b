//! Rates over two readings: every step a counter can take.

use super::*;
use crate::readings::{ContainerReading, PodReading};

const FRESH: Duration = Duration::from_secs(90);

fn cpu(seconds: f64, at: Millis) -> At<CpuSeconds> {
    At {
        value: CpuSeconds::new(seconds).expect("plausible"),
        at,
    }
}

fn node(seconds: f64, bytes: f64, at: Millis) -> Reading {
    Reading {
        cpu: Some(cpu(seconds, at)),
        memory: Bytes::new(bytes).map(|value| At { value, at }),
        stamped: true,
        ..Reading::default()
    }
}

fn arrival(now: Instant) -> Arrival {
    Arrival {
        now,
        fresh_for: FRESH,
        machine: Cores::new(2.0),
    }
}

fn reasons(tally: &Tally) -> Vec<Reason> {
    tally.iter().map(|(reason, _)| reason).collect()
}

/// Feeds (seconds, timestamp) pairs and returns, after each, cores and reasons.
fn run(samples: &[(f64, Millis)]) -> Vec<(Option<f64>, Vec<Reason>)> {
    let now = Instant::now();
    let mut usage = Usage::default();
    samples
        .iter()
        .map(|&(seconds, at)| {
            let tally = usage.observe_resource(&node(seconds, 1.0, at), arrival(now));
            (usage.cpu(now).map(Cores::get), reasons(&tally))
        })
        .collect()
}

#[test]
fn cores_are_a_rate_by_sample_timestamps() {
    let steps = run(&[(100.0, 10_000), (115.0, 20_000)]);
    assert_eq!(steps[0], (None, vec![]), "one sample is no rate");
    assert_eq!(steps[1], (Some(1.5), vec![]));
}

#[test]
fn repeated_sample_keeps_the_last_rate() {
    let steps = run(&[(100.0, 10_000), (115.0, 20_000), (115.0, 20_000)]);
    assert_eq!(steps[2], (Some(1.5), vec![]));
}

/// A sample is seconds old when it is read: its own time and that of the request are
/// two clocks.
#[test]
fn mixed_timestamps_give_no_rate() {
    let now = Instant::now();
    let mut usage = Usage::default();
    let mut cores = |seconds, at, stamped| {
        let reading = Reading {
            stamped,
            ..node(seconds, 1.0, at)
        };
        usage.observe_resource(&reading, arrival(now));
        usage.cpu(now).map(Cores::get)
    };
    cores(100.0, 10_000, true);
    assert_eq!(cores(115.0, 20_000, true), Some(1.5));
    assert_eq!(
        cores(125.0, 40_000, false),
        Some(1.5),
        "the last rate stays"
    );
    assert_eq!(cores(140.0, 50_000, false), Some(1.5));
    assert_eq!(cores(155.0, 60_000, true), Some(1.5), "the last rate stays");
    assert_eq!(cores(160.0, 70_000, true), Some(0.5));
}

#[test]
fn reset_publishes_nothing_for_its_interval() {
    let steps = run(&[
        (100.0, 10_000),
        (115.0, 20_000),
        (1.0, 30_000),
        (6.0, 40_000),
    ]);
    assert_eq!(steps[2].0, None);
    assert!(steps[2].1.contains(&Reason::ResetSample));
    assert_eq!(steps[3], (Some(0.5), vec![]));
}

#[test]
fn older_samples_are_dropped_then_rebased() {
    let steps = run(&[
        (100.0, 50_000),
        (115.0, 60_000),
        (101.0, 55_000),
        (116.0, 10_000),
        (117.0, 11_000),
        (119.0, 13_000),
    ]);
    assert_eq!(steps[2].0, Some(1.5), "dropped");
    assert!(steps[2].1.contains(&Reason::BackwardSample));
    assert_eq!(steps[4].0, Some(1.5), "third in a row: the base moves");
    assert_eq!(steps[5], (Some(1.0), vec![]));
}

#[test]
fn cores_never_exceed_the_machine() {
    let steps = run(&[
        (100.0, 10_000),
        (120.5, 20_000),
        (620.0, 30_000),
        (630.0, 40_000),
    ]);
    assert_eq!(steps[1].0, Some(2.0), "2.05 by jitter is the whole machine");
    assert_eq!(steps[2], (None, vec![Reason::ImplausibleSample]));
    assert_eq!(steps[3].0, Some(1.0));
}

#[test]
fn stale_values_disappear() {
    let start = Instant::now();
    let mut usage = Usage::default();
    usage.observe_resource(&node(100.0, 5.0, 10_000), arrival(start));
    usage.observe_resource(&node(115.0, 5.0, 20_000), arrival(start));
    let later = start + FRESH - Duration::from_secs(1);
    // The same sample once more does not make it younger.
    usage.observe_resource(&node(115.0, 5.0, 20_000), arrival(later));
    assert_eq!(usage.memory(later).map(Bytes::get), Some(5));
    let end = start + FRESH;
    assert_eq!(usage.memory(end), None);
    assert_eq!(usage.cpu(end), None);
}

#[test]
fn cadvisor_fills_in_missing_resource_lines() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.observe_cadvisor(node(10.0, 7.0, 10_000), arrival(now), false);
    usage.observe_cadvisor(node(15.0, 7.0, 20_000), arrival(now), false);
    assert_eq!(usage.cpu(now).map(Cores::get), Some(0.5));
    usage.observe_resource(&node(10.0, 8.0, 10_000), arrival(now));
    assert_eq!(usage.memory(now).map(Bytes::get), Some(8));
    assert_eq!(usage.cpu(now), None, "it has the line, and no rate yet");
    usage.observe_resource(&node(12.0, 8.0, 20_000), arrival(now));
    assert_eq!(usage.cpu(now).map(Cores::get), Some(0.2));
    usage.observe_resource(&node(1.0, 8.0, 30_000), arrival(now));
    assert_eq!(usage.cpu(now), None, "no older rate covers a reset");
    let lacking = Reading {
        cpu: None,
        ..node(0.0, 8.0, 40_000)
    };
    usage.observe_resource(&lacking, arrival(now));
    assert_eq!(
        usage.cpu(now).map(Cores::get),
        Some(0.5),
        "the line is gone"
    );
}

#[test]
fn rate_is_bounded_on_an_unknown_machine() {
    let now = Instant::now();
    let unknown = Arrival {
        machine: None,
        ..arrival(now)
    };
    let mut usage = Usage::default();
    usage.observe_resource(&node(0.0, 1.0, 1_000), unknown);
    let tally = usage.observe_resource(&node(5e7, 1.0, 2_000), unknown);
    assert_eq!(usage.cpu(now), None);
    assert_eq!(reasons(&tally), [Reason::ImplausibleSample]);
}

#[test]
fn unstamped_equal_count_is_a_repetition() {
    let now = Instant::now();
    let mut usage = Usage::default();
    let mut seen = Vec::new();
    // The kubelet measures each 10 s and is asked each 5 s; it uses half a core.
    for (seconds, at) in [
        (10.0, 0),
        (10.0, 5_000),
        (15.0, 10_000),
        (15.0, 15_000),
        (20.0, 20_000),
    ] {
        let reading = Reading {
            stamped: false,
            ..node(seconds, 1.0, at)
        };
        usage.observe_resource(&reading, arrival(now));
        seen.push(usage.cpu(now).map(Cores::get));
    }
    assert_eq!(seen, [None, None, Some(0.5), Some(0.5), Some(0.5)]);
}

fn container(
    id: &str,
    periods: f64,
    throttled: f64,
    oom: f64,
    at: Millis,
) -> (Box<[u8]>, ContainerReading) {
    let count = |value| Some(At { value, at });
    (
        id.as_bytes().into(),
        ContainerReading {
            periods: count(periods),
            throttled: count(throttled),
            oom_kills: count(oom),
        },
    )
}

fn containers(list: Vec<(Box<[u8]>, ContainerReading)>) -> Reading {
    Reading {
        containers: list.into_iter().collect(),
        has_oom_kills: true,
        ..Reading::default()
    }
}

/// Readings of cAdvisor with these containers each, given as id and OOM kills, 10 s apart.
/// Returns the OOM kills published after each.
fn oom_kills(readings: &[&[(&str, f64)]]) -> Vec<Option<u64>> {
    let now = Instant::now();
    let mut usage = Usage::default();
    let at = |n: usize| 10_000 * (n as Millis + 1);
    let mut observe = |(n, reading): (usize, &&[(&str, f64)])| {
        let list = reading.iter();
        let list = list.map(|(id, kills)| container(id, 1.0, 0.0, *kills, at(n)));
        usage.observe_cadvisor(containers(list.collect()), arrival(now), false);
        usage.oom_kills(now)
    };
    readings.iter().enumerate().map(&mut observe).collect()
}

#[test]
fn throttling_needs_containers_seen_twice() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.observe_cadvisor(
        containers(vec![
            container("a", 100.0, 50.0, 0.0, 1000),
            container("gone", 9.0, 9.0, 0.0, 1000),
        ]),
        arrival(now),
        false,
    );
    assert_eq!(usage.throttled(now), None);
    assert_eq!(usage.oom_kills(now), Some(0));
    usage.observe_cadvisor(
        containers(vec![
            container("a", 200.0, 75.0, 1.0, 2000),
            // Has no interval yet, but was killed since the reading before.
            container("new", 1e6, 1e6, 40.0, 2000),
        ]),
        arrival(now),
        false,
    );
    assert_eq!(usage.throttled(now).map(Ratio::get), Some(0.25));
    assert_eq!(usage.oom_kills(now), Some(41));
    // A restart under the same path: its counters fall, and nothing is added.
    usage.observe_cadvisor(
        containers(vec![
            container("a", 5.0, 5.0, 0.0, 3000),
            container("new", 1e6 + 10.0, 1e6, 40.0, 3000),
        ]),
        arrival(now),
        false,
    );
    assert_eq!(usage.throttled(now).map(Ratio::get), Some(0.0));
    assert_eq!(usage.oom_kills(now), Some(41));
}

#[test]
fn oom_kills_of_new_containers_count() {
    // Each restart has an id of its own; a child of `other` is killed once.
    let counted = oom_kills(&[
        &[("life-0", 7.0), ("other", 2.0)],
        &[("life-1", 1.0), ("other", 2.0)],
        &[("life-2", 1.0), ("other", 3.0)],
        &[("other", 3.0)],
        &[("life-3", 2.0), ("other", 3.0)],
        &[("life-4", 1.0), ("other", 3.0)],
    ]);
    let expected = [0, 1, 3, 3, 5, 6].map(Some);
    assert_eq!(
        counted, expected,
        "kills before the first reading are not ours"
    );
}

#[test]
fn oom_kills_of_a_reset_counter_count() {
    let counted = oom_kills(&[&[("a", 5.0)], &[("a", 2.0)], &[("a", 3.0)]]);
    assert_eq!(counted, [Some(0), Some(2), Some(3)]);
}

#[test]
fn returning_container_is_not_new() {
    let counted = oom_kills(&[&[("a", 5.0)], &[], &[("a", 6.0)]]);
    assert_eq!(counted, [Some(0), Some(0), Some(1)]);
}

#[test]
fn new_containers_after_a_gap_do_not_count() {
    let start = Instant::now();
    let mut usage = Usage::default();
    let mut kills = |after, list| {
        let now = start + after;
        usage.observe_cadvisor(containers(list), arrival(now), false);
        usage.oom_kills(now)
    };
    kills(Duration::ZERO, vec![container("a", 1.0, 0.0, 1.0, 1000)]);
    let list = vec![
        container("a", 1.0, 0.0, 3.0, 200_000),
        container("new", 1.0, 0.0, 4.0, 200_000),
    ];
    assert_eq!(
        kills(2 * FRESH, list),
        Some(2),
        "unknown for a while before"
    );
    let list = vec![container("new", 1.0, 0.0, 5.0, 210_000)];
    assert_eq!(kills(2 * FRESH, list), Some(3));
}

#[test]
fn oom_kills_are_unknown_without_labels() {
    let now = Instant::now();
    let mut usage = Usage::default();
    let mut kills = |reading| {
        usage.observe_cadvisor(reading, arrival(now), false);
        usage.oom_kills(now)
    };
    let labelled = |kills, at| containers(vec![container("a", 1.0, 0.0, kills, at)]);
    assert_eq!(kills(labelled(1.0, 1000)), Some(0));
    let unlabelled = Reading {
        is_unlabelled: true,
        ..containers(vec![])
    };
    assert_eq!(kills(unlabelled), None);
    let without_the_family = Reading {
        has_oom_kills: false,
        ..containers(vec![])
    };
    assert_eq!(kills(without_the_family), None);
    assert_eq!(
        kills(labelled(3.0, 2000)),
        Some(2),
        "known before: growth counts"
    );
}

#[test]
fn departed_containers_are_bounded() {
    let now = Instant::now();
    let mut containers = Containers::default();
    for round in 0..4 {
        let new = |n: usize| container(&format!("{round}-{n}"), 1.0, 0.0, 0.0, 1000);
        let reading = (0..crate::readings::MAX_ROWS).map(new).collect();
        containers.observe(reading, true, now, now + FRESH + Duration::from_secs(round));
        assert_eq!(containers.oom_kills(now), Some(0));
    }
    assert_eq!(containers.len(), crate::readings::MAX_ROWS);
}

#[test]
fn old_body_counts_no_interval_twice() {
    let now = Instant::now();
    let mut usage = Usage::default();
    for (oom, at) in [
        (0.0, 1000),
        (1.0, 2000),
        (0.0, 1000),
        (1.0, 2000),
        (1.0, 3000),
    ] {
        usage.observe_cadvisor(
            containers(vec![container("a", 1.0, 0.0, oom, at)]),
            arrival(now),
            false,
        );
    }
    assert_eq!(usage.oom_kills(now), Some(1));
}

#[test]
fn oom_kills_survive_a_node_that_returns() {
    let now = Instant::now();
    let mut usage = Usage::default();
    let kills = |usage: &mut Usage, oom, at| {
        let reading = containers(vec![container("a", 1.0, 0.0, oom, at)]);
        usage.observe_cadvisor(reading, arrival(now), false);
        usage.oom_kills(now)
    };
    kills(&mut usage, 0.0, 1000);
    assert_eq!(kills(&mut usage, 3.0, 2000), Some(3));
    usage.forget();
    assert_eq!(usage.oom_kills(now), None, "nothing is known of it now");
    assert_eq!(kills(&mut usage, 9.0, 3000), Some(3));
    assert_eq!(kills(&mut usage, 10.0, 4000), Some(4));
}

#[test]
fn absurd_number_of_kills_is_not_counted() {
    let now = Instant::now();
    let mut usage = Usage::default();
    for (oom, at) in [(0.0, 1000), (9e15, 2000), (9e15 + 2.0, 3000)] {
        usage.observe_cadvisor(
            containers(vec![container("a", 1.0, 0.0, oom, at)]),
            arrival(now),
            false,
        );
    }
    assert_eq!(usage.oom_kills(now), Some(2));
}

#[test]
fn no_period_gives_no_ratio() {
    let now = Instant::now();
    let mut usage = Usage::default();
    for at in [1000, 2000] {
        usage.observe_cadvisor(
            containers(vec![container("a", 7.0, 3.0, 0.0, at)]),
            arrival(now),
            false,
        );
    }
    assert_eq!(usage.throttled(now), None);
}

#[test]
fn pressure_is_stall_time_over_time() {
    let now = Instant::now();
    let mut usage = Usage::default();
    for (stalled, at) in [(10.0, 10_000), (12.5, 20_000)] {
        let mut reading = Reading {
            stamped: true,
            ..Reading::default()
        };
        reading.pressure[1] = Some(cpu(stalled, at));
        usage.observe_cadvisor(reading, arrival(now), false);
    }
    let known: Vec<_> = usage
        .pressure(now)
        .into_iter()
        .map(|r| r.map(Ratio::get))
        .collect();
    assert_eq!(known, [None, Some(0.25), None, None, None]);
}

#[test]
fn namespaces_sum_their_current_pods() {
    let now = Instant::now();
    let pod = |ns: &str, name: &str, seconds: f64, bytes: f64, at| {
        (
            (ns.to_owned(), name.to_owned()),
            PodReading {
                cpu: Some(cpu(seconds, at)),
                memory: Bytes::new(bytes).map(|value| At { value, at }),
            },
        )
    };
    let mut usage = Usage::default();
    let mut observe = |pods: Vec<((String, String), PodReading)>| {
        let reading = Reading {
            pods: pods.into_iter().collect(),
            stamped: true,
            ..Reading::default()
        };
        usage.observe_resource(&reading, arrival(now));
        usage
            .namespaces(now)
            .into_iter()
            .map(|(ns, (c, b))| (ns.to_owned(), c.map(Cores::get), b.map(Bytes::get)))
            .collect::<Vec<_>>()
    };
    let first = observe(vec![
        pod("x", "1", 0.0, 10.0, 1000),
        pod("x", "2", 0.0, 5.0, 1000),
        pod("y", "3", 0.0, 0.0, 1000),
    ]);
    assert_eq!(
        first,
        [("x".into(), None, Some(15)), ("y".into(), None, Some(0))]
    );
    let second = observe(vec![
        pod("x", "1", 1.0, 10.0, 2000),
        pod("x", "2", 0.5, 5.0, 2000),
    ]);
    assert_eq!(second, [("x".into(), Some(1.5), Some(15))]);
}
