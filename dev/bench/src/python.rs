//! Reading one page with Python's prometheus_client, in the interpreter that
//! `BINBOTS_PYTHON` names (`just bench` installs the package for it).

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::parsing::extract;
use bench::figures::{Bound, Figure, median, millis, ratio};

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

pub(crate) fn figure(text: &[u8]) -> Result<Figure, String> {
    let python = std::env::var("BINBOTS_PYTHON").map_err(
        |_| "BINBOTS_PYTHON is not set: expected a Python with the package prometheus-client",
    )?;
    let fail = |problem: &dyn std::fmt::Display| format!("{python}: {problem}");
    let mut child = Command::new(&python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| fail(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text).map_err(|error| fail(&error))?;
    }
    let output = child.wait_with_output().map_err(|error| fail(&error))?;
    let seconds: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| fail(&"prometheus_client gave no time; is it installed there?"))?;
    let mut ours: Vec<Duration> = (0..31)
        .map(|_| {
            let start = Instant::now();
            extract(text);
            start.elapsed()
        })
        .collect();
    let (ours, theirs) = (median(&mut ours), Duration::from_secs_f64(seconds));
    Ok(Figure {
        work: "extract the families we publish from 5 MB of cAdvisor".to_owned(),
        ours: millis(ours),
        peer: format!("Python prometheus_client, whole page: {}", millis(theirs)),
        value: ratio(ours, theirs),
        bound: Bound::AtLeast(500.0),
    })
}
