//! The verdict on one resource by its shares of allocatable, with a memory of the
//! verdict before: a value that dances on a line does not flap.
//!
//! In scope: lines, and on which side of them a forecast lies. Out of scope: words,
//! and where the memory comes from.

use serde::{Deserialize, Serialize};

use crate::action::{Action, Severity};

/// A severity once reached is left only when its number has come this share of
/// allocatable beyond the line: 5 points of percent.
pub const BAND: f64 = 0.05;

/// Share of allocatable at which pods are short: all of it.
const LIMIT: f64 = 1.0;

/// Shares of allocatable between which a node is healthy: 0 < low < high <= 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    low: f64,
    high: f64,
}

impl Thresholds {
    /// `None` unless 0 < low < high <= 1.
    pub fn new(low: f64, high: f64) -> Option<Self> {
        (0.0 < low && low < high && high <= 1.0).then_some(Self { low, high })
    }

    /// Under this share on average, a resource is low.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Above this share at any time, a resource is short.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// How far beyond a line a severity is left: [`BAND`], or less where the two
    /// thresholds are so close that their bands would meet.
    pub fn band(&self) -> f64 {
        BAND.min((self.high - self.low) / 2.0)
    }
}

/// What to do, and how urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// How urgent it is.
    pub severity: Severity,
}

impl Verdict {
    /// Expected to reach allocatable.
    pub const CRITICAL: Self = Self::new(Action::ScaleUp, Severity::Critical);
    /// May pass `high`.
    pub const HIGH: Self = Self::new(Action::ScaleUp, Severity::Warning);
    /// Under `low` on average.
    pub const LOW: Self = Self::new(Action::Consolidate, Severity::Info);
    /// Neither.
    pub const HEALTHY: Self = Self::new(Action::None, Severity::None);
    /// Nothing can be said.
    pub const UNKNOWN: Self = Self::new(Action::InsufficientData, Severity::None);

    const fn new(action: Action, severity: Severity) -> Self {
        Self { action, severity }
    }

    /// In one word, as people write it.
    pub const fn state(self) -> &'static str {
        match self {
            Self {
                action: Action::InsufficientData,
                ..
            } => "unknown",
            Self {
                severity: Severity::None,
                ..
            } => "healthy",
            Self { severity, .. } => severity.label(),
        }
    }
}

/// Which number of a forecast decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The highest expected value over the horizon.
    Expected,
    /// The highest upper end of the interval over the horizon.
    Upper,
    /// The mean expected value over the horizon.
    Mean,
}

impl Measure {
    /// As programs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Upper => "upper",
            Self::Mean => "mean",
        }
    }
}

/// A forecast as shares of allocatable; above 1 where the machine has more than
/// pods may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Highest expected value.
    pub expected: f64,
    /// Highest upper end of the interval.
    pub upper: f64,
    /// Mean expected value.
    pub mean: f64,
}

/// A verdict with what decided it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Decision {
    /// What to do; a recommendation has it as fields of its own.
    #[serde(skip)]
    pub verdict: Verdict,
    /// The number that decided.
    pub measure: Measure,
    /// That number, as a share of allocatable.
    pub share: f64,
    /// The share it was held against.
    pub line: f64,
    /// Whether the verdict stands only because it stood before: without that
    /// memory the number lies on the other side.
    pub held: bool,
}

/// Judges a forecast, knowing the verdict before.
///
/// - Critical: the *expected* value reaches allocatable. The upper end of an 80%
///   interval is passed one time in ten even at a single moment, so a limit that
///   only it reaches is a warning, not a page in the night.
/// - Warning: the *upper* end passes `high`: who adds capacity wants to be safe.
/// - Info: the *mean* is under `low`, and nothing above applies: what a node does
///   on average says whether it is needed.
pub fn judge(shares: Shares, thresholds: Thresholds, before: Option<Verdict>) -> Decision {
    let Thresholds { low, high } = thresholds;
    let band = thresholds.band();
    // The line for a number that must come down to leave, and for one that must rise.
    let (was_critical, was_high, was_low) = match before.map(|verdict| verdict.severity) {
        Some(Severity::Critical) => (true, true, false),
        Some(Severity::Warning) => (false, true, false),
        Some(Severity::Info) => (false, false, true),
        Some(Severity::None) | None => (false, false, false),
    };
    let down = |line: f64, was: bool| if was { line - band } else { line };
    let up = |line: f64, was: bool| if was { line + band } else { line };

    let limit_line = down(LIMIT, was_critical);
    if shares.expected >= limit_line {
        return Decision {
            verdict: Verdict::CRITICAL,
            measure: Measure::Expected,
            share: shares.expected,
            line: limit_line,
            held: shares.expected < LIMIT,
        };
    }
    let high_line = down(high, was_high);
    if shares.upper > high_line {
        return Decision {
            verdict: Verdict::HIGH,
            measure: Measure::Upper,
            share: shares.upper,
            line: high_line,
            held: shares.upper <= high,
        };
    }
    let low_line = up(low, was_low);
    if shares.mean < low_line {
        return Decision {
            verdict: Verdict::LOW,
            measure: Measure::Mean,
            share: shares.mean,
            line: low_line,
            held: shares.mean >= low,
        };
    }
    Decision {
        verdict: Verdict::HEALTHY,
        measure: Measure::Upper,
        share: shares.upper,
        line: high_line,
        held: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn thresholds() -> Thresholds {
        Thresholds::new(0.2, 0.8).expect("in order")
    }

    fn flat(share: f64) -> Shares {
        Shares {
            expected: share,
            upper: share,
            mean: share,
        }
    }

    /// The verdicts of runs one after the other, each knowing the one before.
    fn run(shares: impl IntoIterator<Item = Shares>) -> Vec<Verdict> {
        let mut before = None;
        let judged = |shares| {
            before = Some(judge(shares, thresholds(), before).verdict);
            before.expect("just set")
        };
        shares.into_iter().map(judged).collect()
    }

    #[test]
    fn a_value_that_dances_on_a_line_changes_the_verdict_once() {
        use Verdict as V;
        for (shares, verdicts) in [
            (
                [0.79, 0.81, 0.79, 0.81, 0.76, 0.8, 0.75, 0.79],
                [
                    V::HEALTHY,
                    V::HIGH,
                    V::HIGH,
                    V::HIGH,
                    V::HIGH,
                    V::HIGH,
                    V::HEALTHY,
                    V::HEALTHY,
                ],
            ),
            (
                [0.99, 1.0, 0.99, 1.01, 0.96, 0.94, 0.99, 0.7],
                [
                    V::HIGH,
                    V::CRITICAL,
                    V::CRITICAL,
                    V::CRITICAL,
                    V::CRITICAL,
                    V::HIGH,
                    V::HIGH,
                    V::HEALTHY,
                ],
            ),
            (
                [0.21, 0.19, 0.21, 0.19, 0.249, 0.25, 0.21, 0.19],
                [
                    V::HEALTHY,
                    V::LOW,
                    V::LOW,
                    V::LOW,
                    V::LOW,
                    V::HEALTHY,
                    V::HEALTHY,
                    V::LOW,
                ],
            ),
            // A jump needs no step in between, in either direction.
            (
                [0.1, 1.2, 0.1, 0.85, 0.1, 0.5, 1.0, 0.77],
                [
                    V::LOW,
                    V::CRITICAL,
                    V::LOW,
                    V::HIGH,
                    V::LOW,
                    V::HEALTHY,
                    V::CRITICAL,
                    V::HIGH,
                ],
            ),
        ] {
            assert_eq!(run(shares.map(flat)), verdicts, "{shares:?}");
        }
    }

    #[test]
    fn the_upper_end_warns_the_expected_value_alarms_and_the_mean_lets_go() {
        let shares = |expected, upper, mean| Shares {
            expected,
            upper,
            mean,
        };
        for (shares, verdict, measure, share) in [
            (
                shares(0.6, 0.79, 0.5),
                Verdict::HEALTHY,
                Measure::Upper,
                0.79,
            ),
            (shares(0.6, 0.81, 0.5), Verdict::HIGH, Measure::Upper, 0.81),
            (shares(0.6, 1.3, 0.1), Verdict::HIGH, Measure::Upper, 1.3),
            (
                shares(1.0, 1.3, 0.1),
                Verdict::CRITICAL,
                Measure::Expected,
                1.0,
            ),
            (shares(0.6, 0.79, 0.1), Verdict::LOW, Measure::Mean, 0.1),
        ] {
            let decision = judge(shares, thresholds(), None);
            assert_eq!(
                (
                    decision.verdict,
                    decision.measure,
                    decision.share,
                    decision.held
                ),
                (verdict, measure, share, false)
            );
        }
    }

    #[test]
    fn a_verdict_that_stands_by_memory_alone_says_so_and_by_which_line() {
        for (share, before, line, held) in [
            (0.97, Some(Verdict::CRITICAL), 0.95, true),
            (1.0, Some(Verdict::CRITICAL), 0.95, false),
            (0.78, Some(Verdict::HIGH), 0.75, true),
            (0.81, Some(Verdict::HIGH), 0.75, false),
            (0.22, Some(Verdict::LOW), 0.25, true),
            (0.19, Some(Verdict::LOW), 0.25, false),
            (0.19, None, 0.2, false),
        ] {
            let decision = judge(flat(share), thresholds(), before);
            assert_eq!(decision.held, held, "{share} {before:?}");
            assert!((decision.line - line).abs() < 1e-12, "{share} {before:?}");
        }
        let forgotten = judge(flat(0.78), thresholds(), Some(Verdict::UNKNOWN));
        assert_eq!(forgotten.verdict, Verdict::HEALTHY);
    }

    #[test]
    fn thresholds_are_in_order_and_within_the_machine() {
        assert!(Thresholds::new(0.2, 0.8).is_some());
        for (low, high) in [
            (0.8, 0.2),
            (0.2, 0.2),
            (0.0, 0.8),
            (0.2, 1.1),
            (f64::NAN, 0.8),
        ] {
            assert!(Thresholds::new(low, high).is_none(), "{low} {high}");
        }
    }

    fn any_before() -> impl Strategy<Value = Option<Verdict>> {
        proptest::sample::select(vec![
            None,
            Some(Verdict::UNKNOWN),
            Some(Verdict::HEALTHY),
            Some(Verdict::LOW),
            Some(Verdict::HIGH),
            Some(Verdict::CRITICAL),
        ])
    }

    proptest! {
        /// However close the thresholds, two runs over the same numbers agree.
        #[test]
        fn the_same_numbers_again_never_change_a_verdict(
            low in 0.01..0.99f64,
            gap in 0.001..0.5f64,
            mean in 0.0..1.2f64,
            above in 0.0..0.3f64,
            margin in 0.0..0.3f64,
            before in any_before(),
        ) {
            let thresholds = Thresholds::new(low, (low + gap).min(1.0)).expect("in order");
            let shares = Shares { mean, expected: mean + above, upper: mean + above + margin };
            let first = judge(shares, thresholds, before).verdict;
            let second = judge(shares, thresholds, Some(first)).verdict;
            prop_assert_eq!(first, second);
        }

        /// Memory only ever holds a verdict back; it makes none of its own.
        #[test]
        fn memory_gives_the_verdict_before_or_the_one_without_memory(
            share in 0.0..1.3f64,
            before in any_before(),
        ) {
            let fresh = judge(flat(share), thresholds(), None).verdict;
            let judged = judge(flat(share), thresholds(), before).verdict;
            let step_down = judged == Verdict::HIGH && before == Some(Verdict::CRITICAL);
            prop_assert!(judged == fresh || Some(judged) == before || step_down);
        }
    }
}
