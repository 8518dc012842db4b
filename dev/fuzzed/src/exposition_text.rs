//! The exposition reader, and the exporter's readings of its samples.

use exposition::read::{Consumer, Problem, Reader, Sample, parse_line};
use k8s_ai_exporter::readings::{At, Collector, Millis, Reading, Source};

/// Time of the request of the generated bodies.
const NOW: Millis = 1_795_330_653_390;

/// The largest count that a double holds exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

/// The place of a cut changes nothing; each sample is one that its own line gives;
/// and a reading holds plausible numbers only.
pub(crate) fn check(bytes: &[u8]) {
    let whole = read([bytes], Told::default());
    let cut = read(crate::pieces(bytes), Told::default());
    assert_eq!(whole, cut, "where the body is cut makes a difference");

    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(Some(sample)) = parse_line(line) {
            assert!(!sample.name.is_empty(), "a sample without a name");
            for label in sample.labels.iter() {
                assert!(sample.labels.get(label.name).is_some());
                assert!(label.unescaped().len() <= label.escaped.len());
            }
        }
    }
    for source in [Source::Resource, Source::Cadvisor] {
        let collector = read(crate::pieces(bytes), Collector::new(source, true, NOW));
        if let (Ok(reading), _) = collector.finish() {
            plausible(&reading);
        }
    }
}

fn read<'b, C: Consumer>(pieces: impl IntoIterator<Item = &'b [u8]>, mut consumer: C) -> C {
    let mut reader = Reader::new();
    for piece in pieces {
        reader.push(piece, &mut consumer);
    }
    reader.finish(&mut consumer);
    consumer
}

/// Everything that a reader reports, in its order.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<String>);

impl Consumer for Told {
    fn wants(&self, family: &[u8]) -> bool {
        // Some families, so that lines are passed over, too.
        family.first().is_none_or(|byte| byte % 4 != 0)
    }
    fn sample(&mut self, sample: &Sample<'_>) {
        self.0.push(format!("{sample:?}"));
    }
    fn problem(&mut self, problem: Problem) {
        self.0.push(format!("{problem:?}"));
    }
}

fn plausible(reading: &Reading) {
    let pods = reading.pods.values();
    let seconds = std::iter::once(reading.cpu)
        .chain(reading.pressure)
        .chain(pods.clone().map(|pod| pod.cpu))
        .flatten();
    for At { value, at } in seconds {
        number(value.get(), at);
    }
    let memory = std::iter::once(reading.memory).chain(pods.map(|pod| pod.memory));
    for At { value, at } in memory.flatten() {
        number(value.as_f64(), at);
    }
    for each in reading.containers.values() {
        for At { value, at } in [each.periods, each.throttled, each.oom_kills]
            .into_iter()
            .flatten()
        {
            number(value, at);
        }
    }
}

fn number(value: f64, at: Millis) {
    assert!((0.0..=MOST).contains(&value), "{value} is no reading");
    assert!(
        at > 0 && at <= NOW + 3_600_000,
        "{at} is no time of a sample"
    );
}
