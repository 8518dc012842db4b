//! Recommendations: the forecast of a resource compared with the node's allocatable.
//!
//! In scope: the verdict on one resource and on a node, and its message. Out of scope: the
//! thresholds and their hysteresis ([`crate::hysteresis`]), and the source of forecasts and earlier
//! verdicts.

use forecast::{Forecast, MIN_POINTS, Prediction, TooFewPoints};
use quantity::{Bytes, Cores, Timestamp, interval, percent};
use serde::{Deserialize, Serialize};

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
    Forecast(&'a Forecast),
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
        Outlook::Forecast(forecast) => forecast,
    };
    let (max, mean) = (forecast.max(), forecast.mean());
    let Some(allocatable) = sizes.allocatable else {
        return insufficient(
            MissingData::NoAllocatable,
            format!(
                "no recommendation, since allocatable is unknown; up to {} and {} on average in the next {horizon}, from the last {lookback}",
                resource.display(max),
                resource.display(mean),
            ),
        );
    };
    let shares = Shares {
        expected: max / allocatable,
        upper: forecast.upper() / allocatable,
        mean: mean / allocatable,
    };
    let decision = judge(shares, thresholds, before);
    let reached = seconds_to_limit(forecast, |p| p.value, allocatable, window);
    let numbers = Numbers {
        resource,
        sizes,
        max: resource.display(max),
        upper: resource.display(forecast.upper()),
        mean: resource.display(mean),
        reached,
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
    max: String,
    upper: String,
    mean: String,
    reached: Option<u64>,
}

impl Numbers {
    /// Returns the finding: first the number that decided, then one for context.
    fn finding(&self, decision: &Decision, thresholds: Thresholds) -> String {
        let Self {
            max, upper, mean, ..
        } = self;
        let share = self.of_allocatable(decision.share);
        let line = |name, threshold, until: String| match decision.held {
            false => format!("{name}: {}", percent(threshold)),
            true => format!("{name}: {}, held until {until}", percent(threshold)),
        };
        match (decision.verdict, self.reached) {
            (Verdict::CRITICAL, Some(seconds)) => format!(
                "reaches the limit within {}: up to {max}, {share}; {mean} on average",
                interval(seconds)
            ),
            (Verdict::CRITICAL, None) => format!(
                "still close to the limit: up to {max}, {share} ({}); {mean} on average",
                line("limit", 1.0, format!("below {}", percent(decision.line)))
            ),
            (Verdict::HIGH, _) => format!(
                "may reach {upper}, {share} ({}); up to {max} expected, {mean} on average",
                line(
                    "high",
                    thresholds.high(),
                    format!("{} or less", percent(decision.line))
                )
            ),
            (Verdict::LOW, _) => format!(
                "{mean} on average, {share} ({}); may reach {upper}",
                line(
                    "low",
                    thresholds.low(),
                    format!("{} or more", percent(decision.line))
                )
            ),
            _ => format!("may reach {upper}, {share}; {mean} on average"),
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

/// Returns the seconds from the end of the window until `bound` of the forecast reaches `limit`, if
/// it does within the horizon.
pub fn seconds_to_limit(
    forecast: &Forecast,
    bound: impl Fn(&Prediction) -> f64,
    limit: f64,
    window: &Window,
) -> Option<u64> {
    let reached = forecast.path.iter().find(|p| bound(p) >= limit)?;
    Some(reached.at.since(window.past.end) as u64)
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
    use crate::window::Spans;

    fn window() -> Window {
        Spans::new(7200, 60, 1800)
            .expect("fits")
            .ending_at(Timestamp::from_unix(1_795_331_580))
    }

    /// Returns a forecast that runs evenly from one value to another over the horizon.
    fn between(from: f64, to: f64) -> Forecast {
        let times = window().ahead();
        let rise = (to - from) / (times.len() - 1) as f64;
        let prediction = |(k, &at): (usize, &Timestamp)| {
            let value = from + rise * k as f64;
            Prediction {
                at,
                value,
                lower: value,
                upper: value,
            }
        };
        Forecast {
            model: forecast::Model::TheilSen,
            coverage: 0.8,
            path: times.iter().enumerate().map(prediction).collect(),
            backtest: None,
            candidates: Vec::new(),
        }
    }

    fn judged(forecast: &Forecast, allocatable: Option<f64>) -> Recommendation {
        recommend(
            Resource::Cpu,
            &Outlook::Forecast(forecast),
            Sizes {
                allocatable,
                capacity: Some(4.5),
            },
            None,
            Thresholds::new(0.2, 0.8).expect("in order"),
            &window(),
        )
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
            (0.0, 1.59, Action::Consolidate, Severity::Info), // the mean counts
            (0.0, 1.61, Action::None, Severity::None),
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
                "scale up or move pods: may reach 3.40 cores, 85% of 4.00 cores allocatable (high: 80%); up to 3.40 cores expected, 3.20 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(3.0, 4.3),
                Some(4.0),
                "scale up or move pods: reaches the limit within 24m: up to 4.30 cores, 107.5% of 4.00 cores allocatable, capacity 4.50 cores; 3.65 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(0.2, 0.4),
                Some(4.0),
                "consolidate or scale down: 0.30 cores on average, 7.5% of 4.00 cores allocatable (low: 20%); may reach 0.40 cores in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                Some(4.0),
                "healthy: may reach 2.00 cores, 50% of 4.00 cores allocatable; 1.50 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                None,
                "no recommendation, since allocatable is unknown; up to 2.00 cores and 1.50 cores on average in the next 30m, from the last 2h",
            ),
        ] {
            assert_eq!(judged(&forecast, allocatable).message, message);
        }
    }

    #[test]
    fn held_verdicts_name_their_end() {
        let said = |share: f64, before| {
            recommend(
                Resource::Cpu,
                &Outlook::Forecast(&between(4.0 * share, 4.0 * share)),
                Sizes {
                    allocatable: Some(4.0),
                    capacity: None,
                },
                Some(before),
                Thresholds::new(0.2, 0.8).expect("in order"),
                &window(),
            )
        };
        for (share, before, part) in [
            (
                0.97,
                Verdict::CRITICAL,
                "still close to the limit: up to 3.88 cores, 97% of 4.00 cores allocatable (limit: 100%, held until below 95%);",
            ),
            (0.78, Verdict::HIGH, "(high: 80%, held until 75% or less);"),
            (0.22, Verdict::LOW, "(low: 20%, held until 25% or more);"),
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
        let forecast = between(9.0, 9.0);
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
                "no recommendation, since allocatable is unknown; up to 9.00 cores and 9.00 cores on average in the next 30m, from the last 2h",
            ),
        ] {
            let thresholds = Thresholds::new(0.2, 0.8).expect("in order");
            let sizes = Sizes {
                allocatable,
                capacity: None,
            };
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
