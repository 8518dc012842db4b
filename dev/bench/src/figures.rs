//! Timing side by side, and the table of the outcome.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// One line of the table.
pub struct Figure {
    /// The work.
    pub work: String,
    /// What we took.
    pub ours: String,
    /// What the peer took, and which peer.
    pub peer: String,
    /// The ratio or size that has a bound.
    pub value: f64,
    /// Its bound.
    pub bound: Bound,
}

/// What a figure must hold.
#[derive(Clone, Copy)]
pub enum Bound {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Figure {
    /// Whether the bound is held.
    pub fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::AtMost(bound) => self.value <= bound,
        }
    }
}

/// The median times of two pieces of work that take turns, so that whatever
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

/// Milliseconds with as many digits as matter.
pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// How many times the second is the first.
pub fn ratio(ours: Duration, peer: Duration) -> f64 {
    peer.as_secs_f64() / ours.as_secs_f64()
}

/// The figures as a Markdown table.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        String::from("| work | ours | peer | value | bound | |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let (sign, bound) = match figure.bound {
            Bound::AtLeast(bound) => ("≥", bound),
            Bound::AtMost(bound) => ("≤", bound),
        };
        let verdict = if figure.holds() { "held" } else { "MISSED" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {sign} {bound} | {verdict} |",
            figure.work, figure.ours, figure.peer, figure.value
        );
    }
    text
}
