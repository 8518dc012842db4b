//! Reading one page: what we extract, and the whole grammar, against the crate
//! prometheus-parse.

use std::hint::black_box;

use exposition::read::{Consumer, Problem, Reader, Sample};
use k8s_ai_exporter::apiserver::CHUNK_BYTES;
use k8s_ai_exporter::readings::{Collector, Source};

use bench::figures::{Figure, millis, ratio, side_by_side};

const TURNS: usize = 15;

/// Reads every line by the whole grammar.
struct Everything {
    samples: usize,
    labels: usize,
}

impl Consumer for Everything {
    fn wants(&self, _: &[u8]) -> bool {
        true
    }
    fn sample(&mut self, sample: &Sample<'_>) {
        self.samples += 1;
        self.labels += sample.labels.iter().count();
        black_box(sample.value);
    }
    fn problem(&mut self, problem: Problem) {
        panic!("a real page has no line that is {problem:?}");
    }
}

fn feed(text: &[u8], consumer: &mut dyn Consumer) {
    let mut reader = Reader::new();
    for chunk in text.chunks(CHUNK_BYTES) {
        reader.push(chunk, consumer);
    }
    reader.finish(consumer);
}

/// Reads a cAdvisor page as the exporter does.
pub(crate) fn extract(text: &[u8]) {
    let mut collector = Collector::new(Source::Cadvisor, false, i64::MAX / 2);
    feed(text, &mut collector);
    let (reading, _) = collector.finish();
    assert!(reading.is_ok_and(|reading| reading.cpu.is_some()));
}

fn read_everything(text: &[u8]) {
    let mut all = Everything {
        samples: 0,
        labels: 0,
    };
    feed(text, &mut all);
    assert!(all.samples > 15_000, "the page is whole");
    black_box(all.labels);
}

fn parse_by_peer(text: &str) {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).expect("a real page");
    assert!(scrape.samples.len() > 15_000, "the page is whole");
}

pub(crate) fn figures(text: &[u8]) -> [Figure; 2] {
    let as_text = std::str::from_utf8(text).expect("a real page is UTF-8");
    let (extracted, theirs) = side_by_side(TURNS, || extract(text), || parse_by_peer(as_text));
    let (whole, theirs_again) =
        side_by_side(TURNS, || read_everything(text), || parse_by_peer(as_text));
    let peer = |time| format!("prometheus-parse, whole page: {}", millis(time));
    let work = "extract the families we publish from 5 MB of cAdvisor";
    let more = "read every line of it by the whole grammar";
    [
        Figure::at_least(50.0, ratio(extracted, theirs), work)
            .ours(millis(extracted))
            .peer(peer(theirs)),
        Figure::at_least(5.0, ratio(whole, theirs_again), more)
            .ours(millis(whole))
            .peer(peer(theirs_again)),
    ]
}
