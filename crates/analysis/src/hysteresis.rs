//! The verdict on one resource, from its shares of allocatable and the previous verdict: a value
//! that oscillates around a threshold does not make the verdict flap.
//!
//! In scope: thresholds, and on which side of them a forecast lies. Out of scope: messages, and the
//! source of the previous verdict.
//!
//! Invariant: a value that oscillates around a threshold changes the verdict once (held by
//! `oscillation_changes_the_verdict_once`).
//!
//! Invariant: the same numbers twice give the same verdict, however close the thresholds are (held
//! by `the_same_numbers_keep_the_verdict`).

use serde::{Deserialize, Serialize};

use contract::{Action, Measure, Severity, State};

/// The distance from a threshold, as a share of allocatable, that a number must reach before a
/// severity ends: 5 percentage points.
pub const BAND: f64 = 0.05;

/// The share of allocatable at which a resource is exhausted.
const LIMIT: f64 = 1.0;

/// Shares of allocatable between which a node is healthy: 0 < low < high <= 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    low: f64,
    high: f64,
}

impl Thresholds {
    /// Makes thresholds; `None` unless 0 < low < high <= 1.
    pub fn new(low: f64, high: f64) -> Option<Self> {
        (0.0 < low && low < high && high <= 1.0).then_some(Self { low, high })
    }

    /// Returns the share of allocatable below which the mean of a forecast is low.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Returns the share of allocatable above which a held level is high.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Returns the width of the hysteresis band: [`BAND`], or less where the two thresholds are so
    /// close that their bands would meet.
    pub fn band(&self) -> f64 {
        BAND.min((self.high - self.low) / 2.0)
    }
}

/// An action and its severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The recommended action.
    pub action: Action,
    /// The urgency of the action.
    pub severity: Severity,
}

impl Verdict {
    /// The held level reaches allocatable.
    pub const CRITICAL: Self = Self::new(Action::ScaleUp, Severity::Critical);
    /// The held level exceeds `high`.
    pub const HIGH: Self = Self::new(Action::ScaleUp, Severity::Warning);
    /// The mean is below `low`.
    pub const LOW: Self = Self::new(Action::Consolidate, Severity::Info);
    /// None of these.
    pub const HEALTHY: Self = Self::new(Action::None, Severity::None);
    /// There is too little data.
    pub const UNKNOWN: Self = Self::new(Action::InsufficientData, Severity::None);

    const fn new(action: Action, severity: Severity) -> Self {
        Self { action, severity }
    }

    /// Returns the verdict in one word.
    pub const fn state(self) -> State {
        match (self.action, self.severity) {
            (Action::InsufficientData, _) => State::Unknown,
            (_, Severity::None) => State::Healthy,
            (_, Severity::Info) => State::Info,
            (_, Severity::Warning) => State::Warning,
            (_, Severity::Critical) => State::Critical,
        }
    }
}

/// A forecast as shares of allocatable; above 1 where a node uses more than pods may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// The median of the highest level that is held.
    pub held: f64,
    /// The upper end of the mean.
    pub mean: f64,
}

/// A verdict and the comparison that decided it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Decision {
    /// The verdict; not serialised, as a recommendation has the same fields.
    #[serde(skip)]
    pub verdict: Verdict,
    /// The number that decided.
    pub measure: Measure,
    /// That number, as a share of allocatable.
    pub share: f64,
    /// The threshold that it was compared with, hysteresis included.
    pub line: f64,
    /// Set if the verdict holds only by hysteresis: the number lies on the other side of the
    /// threshold itself.
    pub held: bool,
}

/// Judges a forecast, given the previous verdict.
///
/// - Critical: the median of the *held* level reaches allocatable.
/// - Warning: the median of the *held* level exceeds `high`. A short spike does not count: it
///   needs no additional node.
/// - Info: the upper end of the *mean* is below `low`, and nothing above applies. The average
///   load decides if a node is needed. The upper end is used since removing a node too early
///   costs more than keeping it.
pub fn judge(shares: Shares, thresholds: Thresholds, before: Option<Verdict>) -> Decision {
    let Thresholds { low, high } = thresholds;
    let band_if = |was: bool| if was { thresholds.band() } else { 0.0 };
    // A number has to pass the threshold by the band before a severity ends.
    let before = before.map_or(Severity::None, |verdict| verdict.severity);
    let limit_line = LIMIT - band_if(before == Severity::Critical);
    let high_line = high - band_if(before >= Severity::Warning);
    let low_line = low + band_if(before == Severity::Info);
    let Shares { held, mean } = shares;
    let (verdict, measure, share, line, by_hysteresis) = if held >= limit_line {
        let by_hysteresis = held < LIMIT;
        (
            Verdict::CRITICAL,
            Measure::Held,
            held,
            limit_line,
            by_hysteresis,
        )
    } else if held > high_line {
        (Verdict::HIGH, Measure::Held, held, high_line, held <= high)
    } else if mean < low_line {
        (Verdict::LOW, Measure::Mean, mean, low_line, mean >= low)
    } else {
        (Verdict::HEALTHY, Measure::Held, held, high_line, false)
    };
    Decision {
        verdict,
        measure,
        share,
        line,
        held: by_hysteresis,
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
            held: share,
            mean: share,
        }
    }

    /// Returns the verdicts of successive runs, each given the one before.
    fn run(shares: impl IntoIterator<Item = Shares>) -> Vec<Verdict> {
        let mut before = None;
        let judged = |shares| {
            before = Some(judge(shares, thresholds(), before).verdict);
            before.expect("just set")
        };
        shares.into_iter().map(judged).collect()
    }

    #[test]
    fn oscillation_changes_the_verdict_once() {
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
    fn each_severity_has_its_measure() {
        let shares = |held, mean| Shares { held, mean };
        for (shares, verdict, measure, share) in [
            (shares(0.79, 0.5), Verdict::HEALTHY, Measure::Held, 0.79),
            (shares(0.81, 0.5), Verdict::HIGH, Measure::Held, 0.81),
            (shares(1.0, 0.1), Verdict::CRITICAL, Measure::Held, 1.0),
            (shares(0.79, 0.1), Verdict::LOW, Measure::Mean, 0.1),
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
    fn kept_decisions_name_their_threshold() {
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
    fn thresholds_are_ordered_and_at_most_one() {
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
        /// Two runs over the same numbers agree, however close the thresholds are.
        #[test]
        fn the_same_numbers_keep_the_verdict(
            low in 0.01..0.99f64,
            gap in 0.001..0.5f64,
            mean in 0.0..1.2f64,
            above in 0.0..0.3f64,
            before in any_before(),
        ) {
            let thresholds = Thresholds::new(low, (low + gap).min(1.0)).expect("in order");
            let shares = Shares { mean, held: mean + above };
            let first = judge(shares, thresholds, before).verdict;
            let second = judge(shares, thresholds, Some(first)).verdict;
            prop_assert_eq!(first, second);
        }

        /// The previous verdict can only delay a change.
        #[test]
        fn hysteresis_only_delays_a_change(
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
