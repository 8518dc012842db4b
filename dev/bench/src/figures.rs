//! Timing side by side, and the table of the outcome.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// One line of the table.
#[derive(Default)]
pub struct Figure {
    work: String,
    ours: String,
    peer: String,
    value: f64,
    sign: &'static str,
    bound: f64,
    holds: bool,
}

impl Figure {
    /// A ratio or size that must be at least the bound.
    pub fn at_least(bound: f64, value: f64, work: impl Into<String>) -> Self {
        Self {
            work: work.into(),
            value,
            sign: "≥",
            bound,
            holds: value >= bound,
            ..Self::default()
        }
    }

    /// A ratio or size that must be at most the bound.
    pub fn at_most(bound: f64, value: f64, work: impl Into<String>) -> Self {
        Self {
            sign: "≤",
            holds: value <= bound,
            ..Self::at_least(bound, value, work)
        }
    }

    /// Our cost.
    pub fn ours(mut self, ours: impl Into<String>) -> Self {
        self.ours = ours.into();
        self
    }

    /// The name of the peer and its cost.
    pub fn peer(mut self, peer: impl Into<String>) -> Self {
        self.peer = peer.into();
        self
    }

    /// Returns true if the bound is held.
    pub fn holds(&self) -> bool {
        self.holds
    }
}

/// The median times of two pieces of work that take turns, so that all
/// else the machine does meets both.
pub fn side_by_side(
    turns: usize,
    mut first: impl FnMut(),
    mut second: impl FnMut(),
) -> (Duration, Duration) {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        firsts.push(timed(&mut first));
        seconds.push(timed(&mut second));
    }
    (median(&mut firsts), median(&mut seconds))
}

/// The median time of a piece of work.
pub fn median_of(turns: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..turns).map(|_| timed(&mut work)).collect();
    median(&mut times)
}

fn timed(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Milliseconds.
pub fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Milliseconds with as many digits as matter.
pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", in_millis(time))
}

/// Mebibytes.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// The second time as a multiple of the first.
pub fn ratio(ours: Duration, peer: Duration) -> f64 {
    peer.as_secs_f64() / ours.as_secs_f64()
}

/// The figures as a Markdown table.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        String::from("| work | ours | peer | value | bound | |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let Figure {
            work,
            ours,
            peer,
            value,
            sign,
            bound,
            holds,
        } = figure;
        let verdict = if *holds { "held" } else { "MISSED" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {work} | {ours} | {peer} | {value:.2} | {sign} {bound} | {verdict} |"
        );
    }
    text
}
