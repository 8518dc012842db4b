//! Reading one page with Python's prometheus_client, in the interpreter that
//! `BINBOTS_PYTHON` names (`just bench` installs the package for it).

use std::process::Command;
use std::time::Duration;

use bench::figures::{Figure, median_of, millis, ratio};
use e2e::run;

use crate::parsing::extract;

/// Times the parser alone, not the interpreter's start.
const SCRIPT: &str = "
import sys, time
from prometheus_client.parser import text_string_to_metric_families as parse
text = sys.stdin.buffer.read().decode()
times = []
for _ in range(5):
    start = time.perf_counter()
    samples = sum(len(family.samples) for family in parse(text))
    times.append(time.perf_counter() - start)
assert samples > 15000, samples
print(sorted(times)[2])
";

pub(crate) fn figure(text: &[u8]) -> Figure {
    let python = std::env::var("BINBOTS_PYTHON")
        .expect("BINBOTS_PYTHON is not set: expected a Python with the package prometheus-client");
    let page = std::str::from_utf8(text).expect("a real page is UTF-8");
    let (_, seconds, errors) = run(Command::new(&python).args(["-c", SCRIPT]), page);
    let seconds = seconds.trim().parse();
    let seconds = seconds.unwrap_or_else(|_| panic!("{python}: expected a time; {errors}"));
    let theirs = Duration::from_secs_f64(seconds);
    let ours = median_of(31, || extract(text));
    let work = "extract the families we publish from 5 MB of cAdvisor";
    Figure::at_least(500.0, ratio(ours, theirs), work)
        .ours(millis(ours))
        .peer(format!(
            "Python prometheus_client, whole page: {}",
            millis(theirs)
        ))
}
