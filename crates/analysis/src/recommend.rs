//! Recommendations: the forecast of a resource compared with the node's allocatable.
//!
//! In scope: the verdict on one resource and on a node, and its message. Out of scope: the
//! thresholds and their hysteresis ([`crate::hysteresis`]), and the source of forecasts and earlier
//! verdicts.

use forecast::{MIN_POINTS, TooFewPoints};
use quantity::{Bytes, Cores, Timestamp, interval, percent};
use serde::{Deserialize, Serialize};

use crate::horizon::ResourceForecast;
use crate::hysteresis::{Decision, Shares, Thresholds, Verdict, judge};
use crate::window::Window;
use contract::{Action, MissingData, Severity};

/// A resource of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// CPU, in cores.
    Cpu,
    /// Memory, in bytes; shown in GiB.
    Memory,
}

impl Resource {
    /// Both resources, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// The name in reports, series and messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// The unit of its numbers in JSON.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "cores",
            Self::Memory => "bytes",
        }
    }

    /// Formats an amount with its unit: `1.50 cores`, `3.25 GiB`.
    pub fn display(self, amount: f64) -> String {
        match self {
            Self::Cpu => Cores::new(amount).map(|cores| cores.to_string()),
            Self::Memory => Bytes::new(amount).map(|bytes| bytes.to_string()),
        }
        .unwrap_or_else(|| format!("{amount} {}", self.unit()))
    }
}

/// The recommendation for one resource of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// The recommended action.
    pub action: Action,
    /// The urgency of the action.
    pub severity: Severity,
    /// The recommendation in one sentence, with units, window and horizon.
    pub message: String,
    /// The reason why there is no recommendation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<MissingData>,
    /// The number that decided, and the threshold that it was compared with; `None` without a
    /// recommendation.
    pub decision: Option<Decision>,
    /// The verdict of the previous report, if its severity differs.
    pub changed_from: Option<Verdict>,
}

impl Recommendation {
    /// Returns action and severity.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            action: self.action,
            severity: self.severity,
        }
    }
}

/// The data on one resource of one node.
#[derive(Debug)]
pub enum Outlook<'a> {
    /// No sample in the window.
    NoData,
    /// The newest sample, at this time, is too old to forecast from.
    Stale(Timestamp),
    /// Fewer points than a forecast needs.
    TooFew(TooFewPoints),
    /// As many points, which may repeat too few samples.
    Repeated(usize),
    /// A forecast.
    Forecast(&'a ResourceForecast),
}

/// Sizes of a node in the unit of a resource; above 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sizes {
    /// The amount that pods may use.
    pub allocatable: Option<f64>,
    /// The amount that the machine has.
    pub capacity: Option<f64>,
}

/// Judges one resource by [`crate::hysteresis::judge`], given the verdict of the previous report.
pub fn recommend(
    resource: Resource,
    outlook: &Outlook<'_>,
    sizes: Sizes,
    before: Option<Verdict>,
    thresholds: Thresholds,
    window: &Window,
) -> Recommendation {
    let lookback = interval(window.past.seconds());
    let horizon = interval(window.horizon);
    let recommendation = |verdict: Verdict, message, reason, decision| Recommendation {
        action: verdict.action,
        severity: verdict.severity,
        message,
        reason,
        decision,
        changed_from: before.filter(|before| before.severity != verdict.severity),
    };
    let insufficient =
        |reason, message| recommendation(Verdict::UNKNOWN, message, Some(reason), None);
    let forecast = match outlook {
        Outlook::NoData => {
            return insufficient(
                MissingData::NoData,
                format!("no samples in the last {lookback}"),
            );
        }
        Outlook::Stale(newest) => {
            return insufficient(
                MissingData::Stale,
                format!("no sample since {newest}: the node is gone or no longer measured"),
            );
        }
        Outlook::TooFew(TooFewPoints(points)) => {
            return insufficient(
                MissingData::NotEnoughPoints,
                format!("not enough points ({points})"),
            );
        }
        Outlook::Repeated(points) => {
            return insufficient(
                MissingData::NotEnoughPoints,
                format!(
                    "not enough samples: the {points} points may repeat fewer than {MIN_POINTS} samples"
                ),
            );
        }
        Outlook::Forecast(forecast) => *forecast,
    };
    let &ResourceForecast {
        max,
        upper,
        upper_level,
        mean,
        mean_upper,
        held,
        for_seconds,
        seconds_to_limit,
        ..
    } = forecast;
    let Some(allocatable) = sizes.allocatable else {
        return insufficient(
            MissingData::NoAllocatable,
            format!(
                "no recommendation, since allocatable is unknown; maximum {}, mean {} in the next {horizon}, from the last {lookback}",
                resource.display(max),
                resource.display(mean),
            ),
        );
    };
    let shares = Shares {
        held: held / allocatable,
        mean: mean_upper / allocatable,
    };
    let decision = judge(shares, thresholds, before);
    let numbers = Numbers {
        resource,
        sizes,
        level: percent(upper_level),
        max: resource.display(max),
        upper: resource.display(upper),
        mean: resource.display(mean),
        mean_upper: resource.display(mean_upper),
        // The level of a single point is the maximum.
        held: match for_seconds > window.past.step {
            true => format!("{} for {}", resource.display(held), interval(for_seconds)),
            false => format!("{} at the maximum", resource.display(held)),
        },
        spikes: max / allocatable > thresholds.high(),
        reached: seconds_to_limit,
    };
    recommendation(
        decision.verdict,
        format!(
            "{}: {} in the next {horizon}, from the last {lookback}",
            decision.verdict.action.label(),
            numbers.finding(&decision, thresholds),
        ),
        None,
        Some(decision),
    )
}

/// The formatted numbers of a message.
struct Numbers {
    resource: Resource,
    sizes: Sizes,
    /// The probability of an upper end.
    level: String,
    max: String,
    upper: String,
    mean: String,
    mean_upper: String,
    held: String,
    /// Set if the median of the maximum exceeds `high`.
    spikes: bool,
    reached: Option<u64>,
}

impl Numbers {
    /// Returns the finding: first the number that decided, then those for context.
    fn finding(&self, decision: &Decision, thresholds: Thresholds) -> String {
        let Self {
            level,
            max,
            upper,
            mean,
            mean_upper,
            held,
            ..
        } = self;
        let share = self.of_allocatable(decision.share);
        let maximum = format!("maximum {max}, {level} below {upper}");
        let line = |name, threshold, until: String| match decision.held {
            false => format!("{name}: {}", percent(threshold)),
            true => format!("{name}: {}, kept until {until}", percent(threshold)),
        };
        match (decision.verdict, self.reached) {
            (Verdict::CRITICAL, Some(seconds)) => format!(
                "reaches the limit within {}: {held}, {share}; {maximum}; mean {mean}",
                interval(seconds)
            ),
            (Verdict::CRITICAL, None) => format!(
                "still close to the limit: {held}, {share} ({}); {maximum}; mean {mean}",
                line("limit", 1.0, format!("below {}", percent(decision.line)))
            ),
            (Verdict::HIGH, _) => format!(
                "{held}, {share} ({}); {maximum}; mean {mean}",
                line(
                    "high",
                    thresholds.high(),
                    format!("{} or less", percent(decision.line))
                )
            ),
            (Verdict::LOW, _) => format!(
                "mean {mean}, {level} below {mean_upper}, {share} ({}); {maximum}",
                line(
                    "low",
                    thresholds.low(),
                    format!("{} or more", percent(decision.line))
                )
            ),
            _ if self.spikes => {
                format!("{held}, {share}; spikes do not stay: {maximum}; mean {mean}")
            }
            _ => format!("{held}, {share}; {maximum}; mean {mean}"),
        }
    }

    /// Formats `85% of 4.00 cores allocatable`. A machine has more than pods may use of it, so a
    /// share above 100% is possible; then its capacity is named too.
    fn of_allocatable(&self, share: f64) -> String {
        let size = |amount: Option<f64>| self.resource.display(amount.unwrap_or_default());
        let text = format!(
            "{} of {} allocatable",
            percent(share),
            size(self.sizes.allocatable)
        );
        match self.sizes.capacity {
            Some(_) if share > 1.0 => {
                format!("{text}, capacity {}", size(self.sizes.capacity))
            }
            _ => text,
        }
    }
}

/// Returns the verdict on a node: the worst of its resources. It can be consolidated only if all of
/// them can, and is healthy only if all of them are known.
pub fn node_verdict(resources: &[Verdict]) -> Verdict {
    let any = |action| resources.iter().any(|r| r.action == action);
    let all = |action| resources.iter().all(|r| r.action == action);
    let action = if any(Action::ScaleUp) {
        Action::ScaleUp
    } else if any(Action::InsufficientData) {
        Action::InsufficientData
    } else if all(Action::Consolidate) {
        Action::Consolidate
    } else {
        Action::None
    };
    // A low resource beside a busy one is no finding about the node.
    let severity = resources
        .iter()
        .filter(|r| r.action == action)
        .map(|r| r.severity)
        .max();
    Verdict {
        action,
        severity: severity.unwrap_or(Severity::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::horizon::Criteria;
    use crate::window::{Hold, Spans};
    use forecast::{Forecast, Paths, Prediction};

    fn window() -> Window {
        Spans::new(7200, 60, 1800)
            .expect("fits")
            .ending_at(Timestamp::from_unix(1_795_331_580))
    }

    const HOLD: Hold = Hold {
        seconds: 300,
        points: 5,
    };

    fn criteria() -> Criteria {
        Criteria {
            thresholds: Thresholds::new(0.2, 0.8).expect("in order"),
            hold: HOLD,
        }
    }

    /// Returns a forecast whose only sample path has these values.
    fn along(values: &[f64]) -> Forecast {
        let times = window().ahead();
        let prediction = |(&at, &value): (&Timestamp, &f64)| Prediction {
            at,
            value,
            lower: value,
            upper: value,
        };
        Forecast {
            model: forecast::Model::TheilSen,
            coverage: 0.8,
            path: times.iter().zip(values).map(prediction).collect(),
            paths: Paths::new(times, vec![values.to_vec()]).expect("values for all times"),
            backtest: None,
            candidates: Vec::new(),
        }
    }

    /// Returns a forecast that is linear from one value to another, which it holds for the last
    /// five minutes of the horizon.
    fn between(from: f64, to: f64) -> Forecast {
        let values = (0..30).map(|k| from + (to - from) * f64::from(k.min(25)) / 25.0);
        along(&Vec::from_iter(values))
    }

    /// Judges a forecast that must be held for `hold`.
    fn judged_by(
        hold: Hold,
        forecast: &Forecast,
        sizes: Sizes,
        before: Option<Verdict>,
    ) -> Recommendation {
        let (criteria, window) = (Criteria { hold, ..criteria() }, window());
        let numbers = ResourceForecast::of(forecast, criteria, sizes.allocatable, &window);
        let outlook = Outlook::Forecast(&numbers);
        let thresholds = criteria.thresholds;
        recommend(Resource::Cpu, &outlook, sizes, before, thresholds, &window)
    }

    fn judged(forecast: &Forecast, allocatable: Option<f64>) -> Recommendation {
        let sizes = Sizes {
            allocatable,
            capacity: Some(4.5),
        };
        judged_by(HOLD, forecast, sizes, None)
    }

    #[test]
    fn share_decides_action_and_severity() {
        for (from, to, action, severity) in [
            (2.0, 2.0, Action::None, Severity::None),
            (3.2, 3.2, Action::None, Severity::None), // on the line is not past it
            (3.0, 3.21, Action::ScaleUp, Severity::Warning),
            (3.99, 3.99, Action::ScaleUp, Severity::Warning),
            (3.0, 4.0, Action::ScaleUp, Severity::Critical),
            (5.0, 5.0, Action::ScaleUp, Severity::Critical),
            (0.8, 0.8, Action::None, Severity::None),
            (0.79, 0.79, Action::Consolidate, Severity::Info),
            (0.0, 0.0, Action::Consolidate, Severity::Info),
            (0.0, 1.41, Action::Consolidate, Severity::Info), // the mean counts
            (0.0, 1.42, Action::None, Severity::None),
        ] {
            let verdict = judged(&between(from, to), Some(4.0));
            assert_eq!(
                (verdict.action, verdict.severity),
                (action, severity),
                "{from} {to}"
            );
            assert_eq!(verdict.reason, None);
        }
    }

    #[test]
    fn messages_name_units_window_and_horizon() {
        for (forecast, allocatable, message) in [
            (
                between(3.0, 3.4),
                Some(4.0),
                "scale up or move pods: 3.40 cores for 5m, 85% of 4.00 cores allocatable (high: 80%); maximum 3.40 cores, 90% below 3.40 cores; mean 3.23 cores in the next 30m, from the last 2h",
            ),
            (
                between(3.0, 4.3),
                Some(4.0),
                "scale up or move pods: reaches the limit within 21m: 4.30 cores for 5m, 107.5% of 4.00 cores allocatable, capacity 4.50 cores; maximum 4.30 cores, 90% below 4.30 cores; mean 3.74 cores in the next 30m, from the last 2h",
            ),
            (
                between(0.2, 0.4),
                Some(4.0),
                "consolidate or scale down: mean 0.31 cores, 90% below 0.31 cores, 7.8% of 4.00 cores allocatable (low: 20%); maximum 0.40 cores, 90% below 0.40 cores in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                Some(4.0),
                "healthy: 2.00 cores for 5m, 50% of 4.00 cores allocatable; maximum 2.00 cores, 90% below 2.00 cores; mean 1.57 cores in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                None,
                "no recommendation, since allocatable is unknown; maximum 2.00 cores, mean 1.57 cores in the next 30m, from the last 2h",
            ),
        ] {
            assert_eq!(judged(&forecast, allocatable).message, message);
        }
    }

    #[test]
    fn spike_that_does_not_stay_is_told_and_warns_if_asked() {
        let mut values = [1.0; 30];
        values[10..14].fill(3.72);
        let spike = along(&values);
        let calm = judged(&spike, Some(4.0));
        assert_eq!(calm.action, Action::None);
        assert_eq!(
            calm.message,
            "healthy: 1.00 cores for 5m, 25% of 4.00 cores allocatable; spikes do not stay: maximum 3.72 cores, 90% below 3.72 cores; mean 1.36 cores in the next 30m, from the last 2h"
        );
        let sizes = Sizes {
            allocatable: Some(4.0),
            capacity: None,
        };
        let warned = judged_by(window().hold(Some(0)), &spike, sizes, None);
        assert_eq!(warned.verdict(), Verdict::HIGH);
        let part = "3.72 cores at the maximum, 93% of 4.00 cores allocatable (high: 80%);";
        assert!(warned.message.contains(part), "{}", warned.message);
    }

    #[test]
    fn limit_is_reached_where_it_is_held() {
        let mut values = [1.0; 30];
        values[3] = 5.0;
        values[10..16].fill(4.5);
        let forecast = along(&values);
        let times = |hold| {
            let criteria = Criteria { hold, ..criteria() };
            let numbers = ResourceForecast::of(&forecast, criteria, Some(4.0), &window());
            [
                numbers.seconds_to_limit_earliest,
                numbers.seconds_to_limit,
                numbers.seconds_to_limit_latest,
            ]
        };
        assert_eq!(times(HOLD)[1], Some(11 * 60));
        assert_eq!(times(window().hold(Some(0)))[1], Some(4 * 60));
        assert_eq!(times(window().hold(Some(600))), [None; 3]);
    }

    #[test]
    fn kept_verdicts_name_their_end() {
        let said = |share: f64, before| {
            let sizes = Sizes {
                allocatable: Some(4.0),
                capacity: None,
            };
            judged_by(
                HOLD,
                &between(4.0 * share, 4.0 * share),
                sizes,
                Some(before),
            )
        };
        for (share, before, part) in [
            (
                0.97,
                Verdict::CRITICAL,
                "still close to the limit: 3.88 cores for 5m, 97% of 4.00 cores allocatable (limit: 100%, kept until below 95%);",
            ),
            (0.78, Verdict::HIGH, "(high: 80%, kept until 75% or less);"),
            (0.22, Verdict::LOW, "(low: 20%, kept until 25% or more);"),
        ] {
            let held = said(share, before);
            assert!(held.message.contains(part), "{}", held.message);
            assert_eq!((held.verdict(), held.changed_from), (before, None));
        }
        let calm = said(0.5, Verdict::HIGH);
        assert_eq!(calm.changed_from, Some(Verdict::HIGH));
        assert_eq!(said(0.5, Verdict::UNKNOWN).changed_from, None);
    }

    #[test]
    fn missing_data_recommends_nothing() {
        let forecast = ResourceForecast::of(&between(9.0, 9.0), criteria(), None, &window());
        let newest = Timestamp::from_unix(1_795_325_000);
        for (outlook, allocatable, reason, message) in [
            (
                Outlook::NoData,
                Some(4.0),
                MissingData::NoData,
                "no samples in the last 2h",
            ),
            (
                Outlook::Stale(newest),
                Some(4.0),
                MissingData::Stale,
                "no sample since 2026-11-22T05:23:20Z: the node is gone or no longer measured",
            ),
            (
                Outlook::TooFew(TooFewPoints(3)),
                Some(4.0),
                MissingData::NotEnoughPoints,
                "not enough points (3)",
            ),
            (
                Outlook::Repeated(6),
                Some(4.0),
                MissingData::NotEnoughPoints,
                "not enough samples: the 6 points may repeat fewer than 5 samples",
            ),
            (
                Outlook::Forecast(&forecast),
                None,
                MissingData::NoAllocatable,
                "no recommendation, since allocatable is unknown; maximum 9.00 cores, mean 9.00 cores in the next 30m, from the last 2h",
            ),
        ] {
            let sizes = Sizes {
                allocatable,
                capacity: None,
            };
            let thresholds = criteria().thresholds;
            let verdict = recommend(Resource::Cpu, &outlook, sizes, None, thresholds, &window());
            assert_eq!(
                verdict,
                Recommendation {
                    action: Action::InsufficientData,
                    severity: Severity::None,
                    message: message.to_owned(),
                    reason: Some(reason),
                    decision: None,
                    changed_from: None,
                }
            );
        }
    }

    #[test]
    fn node_verdict_is_the_worst_resource() {
        use Action::{Consolidate, InsufficientData, None, ScaleUp};
        use Severity::{Critical, Info, Warning};
        const NO: Severity = Severity::None;
        let of = |(action, severity)| Verdict { action, severity };
        for (cpu, memory, node) in [
            ((None, NO), (None, NO), (None, NO)),
            ((ScaleUp, Warning), (ScaleUp, Critical), (ScaleUp, Critical)),
            ((ScaleUp, Warning), (Consolidate, Info), (ScaleUp, Warning)),
            (
                (ScaleUp, Critical),
                (InsufficientData, NO),
                (ScaleUp, Critical),
            ),
            (
                (Consolidate, Info),
                (Consolidate, Info),
                (Consolidate, Info),
            ),
            ((Consolidate, Info), (None, NO), (None, NO)),
            (
                (Consolidate, Info),
                (InsufficientData, NO),
                (InsufficientData, NO),
            ),
            ((None, NO), (InsufficientData, NO), (InsufficientData, NO)),
        ] {
            let verdict = of(node);
            assert_eq!(
                node_verdict(&[of(cpu), of(memory)]),
                verdict,
                "{cpu:?} {memory:?}"
            );
            assert_eq!(
                node_verdict(&[of(memory), of(cpu)]),
                verdict,
                "{memory:?} {cpu:?}"
            );
        }
    }

    #[test]
    fn memory_is_shown_in_gib() {
        assert_eq!(Resource::Memory.display(3.5 * 1_073_741_824.0), "3.50 GiB");
        assert_eq!(Resource::Cpu.display(0.5), "0.50 cores");
        for (share, text) in [(0.8, "80%"), (0.123, "12.3%"), (1.0, "100%"), (0.0, "0%")] {
            assert_eq!(percent(share), text);
        }
    }
}
