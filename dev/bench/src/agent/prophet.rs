//! Fit and predict of one series, interval included, against Python Prophet in the
//! interpreter that `BINBOTS_PYTHON` names (`just bench-agent` installs it there).
//!
//! The series are those of 240 points that the tests of crate prophet compare. Python's
//! start and its imports are not counted; the two take turns, series by series.

#[path = "../../../../crates/prophet/tests/reference/mod.rs"]
mod reference;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bench::figures::{Figure, median_of, millis, ratio};
use reference::Series;
use serde_json::json;

const POINTS: usize = 240;

/// Runs of ours, of which the median counts; Python's are five.
const RUNS: usize = 101;

/// Lower bound of the speed-up of each series.
const AT_LEAST: f64 = 20.0;

/// One figure for each series.
pub(crate) fn figures() -> Vec<Figure> {
    let mut python = Python::start();
    let mut series = reference::all();
    series.retain(|series| series.points.len() == POINTS);
    let figure = |series: Series| {
        let theirs = python.time(&series);
        let ours = median_of(RUNS, || {
            let made = prophet::predict(&series.points, &series.ahead, &series.options);
            std::hint::black_box(made.expect(&series.name));
        });
        let work = format!("Prophet, 240 points, 30 ahead: {}", series.name);
        Figure::at_least(AT_LEAST, ratio(ours, theirs), work)
            .ours(millis(ours))
            .peer(format!("Python Prophet: {}", millis(theirs)))
    };
    series.into_iter().map(figure).collect()
}

/// An interpreter that answers each line, a series, with a line, the seconds it took.
struct Python {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Self {
        let path = std::env::var("BINBOTS_PYTHON")
            .expect("BINBOTS_PYTHON is not set: expected a Python with the package prophet");
        let mut child = Command::new(path)
            .args(["-c", include_str!("prophet.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, answers }
    }

    fn time(&mut self, series: &Series) -> Duration {
        let stored = &series.stored;
        let asked = json!({
            "growth": stored["growth"],
            "mode": stored["mode"],
            "cap": stored["cap"],
            "times": series.points.iter().map(|(at, _)| at).collect::<Vec<_>>(),
            "values": series.points.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "ahead": series.ahead,
        });
        let mut answer = String::new();
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{asked}").expect("Python reads");
        self.answers.read_line(&mut answer).expect("Python answers");
        let seconds = answer.trim().parse();
        Duration::from_secs_f64(seconds.expect("a time from Python's package prophet"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
