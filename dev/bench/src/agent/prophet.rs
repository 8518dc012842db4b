//! Fit and predict of one series, interval included, against Python Prophet in the
//! interpreter that `BINBOTS_PYTHON` names (`just bench-agent` installs it there).
//!
//! The series are those of 240 points that the tests of crate prophet compare. Python's
//! start and its imports are not counted; the two take turns, series by series.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bench::figures::{Bound, Figure, median, millis, ratio};
use prophet::{Growth, Options, Seasonality};
use serde_json::{Value, json};

const POINTS: usize = 240;
const AHEAD: i64 = 30;

/// Runs of ours, of which the median counts; Python's are five.
const RUNS: usize = 101;

/// How much faster each series must be, at least.
const AT_LEAST: f64 = 20.0;

struct Series {
    points: Vec<(i64, f64)>,
    ahead: Vec<i64>,
    options: Options,
}

/// One figure for each series.
pub(crate) fn figures() -> Result<Vec<Figure>, String> {
    let text = include_str!("../../../../crates/prophet/reference/numbers.json");
    let stored: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("numbers.json: {error}"))?;
    let mut python = Python::start()?;
    let mut figures = Vec::new();
    for (name, stored) in stored {
        let series = Series::read(&stored).ok_or_else(|| format!("numbers.json: {name}"))?;
        if series.points.len() != POINTS {
            continue;
        }
        let theirs = python.time(&stored, &series)?;
        let ours = series.time().map_err(|error| format!("{name}: {error}"))?;
        figures.push(Figure {
            work: format!("Prophet, 240 points, 30 ahead: {name}"),
            ours: millis(ours),
            peer: format!("Python Prophet: {}", millis(theirs)),
            value: ratio(ours, theirs),
            bound: Bound::AtLeast(AT_LEAST),
        });
    }
    if figures.is_empty() {
        Err("no series of 240 points".to_owned())
    } else {
        Ok(figures)
    }
}

impl Series {
    fn read(stored: &Value) -> Option<Self> {
        let (start, step) = (stored["start"].as_i64()?, stored["step"].as_i64()?);
        let values = stored["values"].as_array()?;
        let times = (0..).map(|i| start + step * i);
        let last = start + step * (i64::try_from(values.len()).ok()? - 1);
        Some(Self {
            points: times
                .zip(values)
                .filter_map(|(at, value)| Some((at, value.as_f64()?)))
                .collect(),
            ahead: (1..=AHEAD).map(|i| last + step * i).collect(),
            options: Options {
                growth: match stored["growth"].as_str()? {
                    "logistic" => Growth::Logistic {
                        cap: stored["cap"].as_f64()?,
                    },
                    "flat" => Growth::Flat,
                    _ => Growth::Linear,
                },
                seasonality: match stored["mode"].as_str()? {
                    "multiplicative" => Seasonality::Multiplicative,
                    _ => Seasonality::Additive,
                },
                ..Options::default()
            },
        })
    }

    fn time(&self) -> Result<Duration, prophet::Error> {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let start = Instant::now();
            std::hint::black_box(prophet::predict(&self.points, &self.ahead, &self.options)?);
            times.push(start.elapsed());
        }
        Ok(median(&mut times))
    }
}

/// An interpreter that answers each line, a series, with a line, the seconds it took.
struct Python {
    path: String,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Result<Self, String> {
        let path = std::env::var("BINBOTS_PYTHON")
            .map_err(|_| "BINBOTS_PYTHON is not set: expected a Python with the package prophet")?;
        let mut child = Command::new(&path)
            .args(["-c", include_str!("prophet.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{path}: {error}"))?;
        let answers = child.stdout.take().ok_or("Python has no standard output")?;
        Ok(Self {
            path,
            child,
            answers: BufReader::new(answers),
        })
    }

    fn time(&mut self, stored: &Value, series: &Series) -> Result<Duration, String> {
        let asked = json!({
            "growth": stored["growth"],
            "mode": stored["mode"],
            "cap": stored["cap"],
            "times": series.points.iter().map(|(at, _)| at).collect::<Vec<_>>(),
            "values": series.points.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "ahead": series.ahead,
        });
        let mut answer = String::new();
        let stdin = self
            .child
            .stdin
            .as_mut()
            .ok_or("Python has no standard input")?;
        writeln!(stdin, "{asked}")
            .and_then(|()| stdin.flush())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| format!("{}: {error}", self.path))?;
        let seconds = answer.trim().parse().map_err(|_| {
            format!(
                "{}: gave no time; is the package prophet installed there?",
                self.path
            )
        })?;
        Duration::try_from_secs_f64(seconds).map_err(|error| format!("{}: {error}", self.path))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
