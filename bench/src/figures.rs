//! Timing side by side, and the table of the outcome.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// One line of the table.
pub(crate) struct Figure {
    /// The work.
    pub(crate) work: &'static str,
    /// What we took.
    pub(crate) ours: String,
    /// What the peer took, and which peer.
    pub(crate) peer: String,
    /// The ratio or size that has a bound.
    pub(crate) value: f64,
    /// Its bound.
    pub(crate) bound: Bound,
}

/// What a figure must hold.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Figure {
    /// Whether the bound is held.
    pub(crate) fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::AtMost(bound) => self.value <= bound,
        }
    }
}

/// The median times of two pieces of work that take turns, so that whatever
/// else the machine does meets both.
pub(crate) fn side_by_side(
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
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Milliseconds with as many digits as matter.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// How many times the second is the first.
pub(crate) fn ratio(ours: Duration, peer: Duration) -> f64 {
    peer.as_secs_f64() / ours.as_secs_f64()
}

/// The figures as a Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
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
