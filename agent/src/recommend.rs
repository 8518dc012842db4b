//! A forecast held against a node's allocatable: what to do, how urgent, why. Pure.
//!
//! In scope: the verdict on one resource and on a node, and its words.
//! Out of scope: where forecasts come from, memory of earlier runs.
use std::time::Duration;

use forecast::{Forecast, Prediction, TooFewPoints};
use quantity::Timestamp;
use quantity::{Bytes, Cores, Interval};
use serde::Serialize;

use crate::window::Window;

/// What a node can run short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// In cores.
    Cpu,
    /// In bytes; people read it in GiB.
    Memory,
}

impl Resource {
    /// Both, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// As people write it.
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

    /// The amount with the unit people read it in: `1.50 cores`, `3.25 GiB`.
    pub fn display(self, amount: f64) -> String {
        match self {
            Self::Cpu => Cores::new(amount).map(|cores| cores.to_string()),
            Self::Memory => Bytes::new(amount).map(|bytes| bytes.to_string()),
        }
        .unwrap_or_else(|| format!("{amount} {}", self.unit()))
    }
}

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
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Add capacity, or move pods away.
    ScaleUp,
    /// The node can go, or be smaller.
    Consolidate,
    /// Nothing: healthy.
    None,
    /// Nothing can be said; `reason` says why.
    InsufficientData,
}

impl Action {
    /// Each of them.
    pub const ALL: [Self; 4] = [
        Self::ScaleUp,
        Self::Consolidate,
        Self::None,
        Self::InsufficientData,
    ];

    /// As programs write it: in JSON, CSV and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale_up",
            Self::Consolidate => "consolidate",
            Self::None => "none",
            Self::InsufficientData => "insufficient_data",
        }
    }

    /// As people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale up or move pods",
            Self::Consolidate => "consolidate or scale down",
            Self::None => "healthy",
            Self::InsufficientData => "insufficient data",
        }
    }
}

/// How urgent it is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not at all.
    None,
    /// Worth knowing.
    Info,
    /// Act within days.
    Warning,
    /// Act now: the limit is reached within the horizon.
    Critical,
}

impl Severity {
    /// As flags, reports and people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No sample in the window.
    NoData,
    /// No recent sample: the node has gone, or nobody measures it any more.
    Stale,
    /// Too few samples for a forecast.
    NotEnoughPoints,
    /// The node's allocatable is unknown.
    NoAllocatable,
}

impl Reason {
    /// As programs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::Stale => "stale",
            Self::NotEnoughPoints => "not_enough_points",
            Self::NoAllocatable => "no_allocatable",
        }
    }
}

/// The verdict on one resource of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// What to do.
    pub action: Action,
    /// How urgent it is.
    pub severity: Severity,
    /// One sentence for people, with units, window and horizon.
    pub message: String,
    /// Why nothing can be said, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What is known about one resource of one node.
#[derive(Debug)]
pub enum Outlook<'a> {
    /// No sample in the window.
    NoData,
    /// The newest sample, too old to forecast from.
    Stale(Timestamp),
    /// Samples, but too few.
    TooFew(TooFewPoints),
    /// A forecast.
    Forecast(&'a Forecast),
}

/// Judges one resource. `allocatable` is in the unit of the forecast and above 0.
///
/// - `scale_up`, critical: the forecast reaches allocatable within the horizon.
/// - `scale_up`, warning: its maximum passes `high`.
/// - `consolidate`, info: its mean is under `low`.
pub fn recommend(
    resource: Resource,
    outlook: &Outlook<'_>,
    allocatable: Option<f64>,
    thresholds: Thresholds,
    window: &Window,
) -> Recommendation {
    let lookback = interval(window.seconds());
    let horizon = interval(window.horizon);
    let insufficient = |reason, message| Recommendation {
        action: Action::InsufficientData,
        severity: Severity::None,
        message,
        reason: Some(reason),
    };
    let forecast = match outlook {
        Outlook::NoData => {
            return insufficient(Reason::NoData, format!("no samples in the last {lookback}"));
        }
        Outlook::Stale(newest) => {
            return insufficient(
                Reason::Stale,
                format!("no sample since {newest}: the node has gone, or is no longer measured"),
            );
        }
        Outlook::TooFew(TooFewPoints(points)) => {
            return insufficient(
                Reason::NotEnoughPoints,
                format!("not enough points ({points})"),
            );
        }
        Outlook::Forecast(forecast) => forecast,
    };
    let max = resource.display(forecast.max());
    let mean = resource.display(forecast.mean());
    let Some(allocatable) = allocatable else {
        return insufficient(
            Reason::NoAllocatable,
            format!(
                "allocatable is unknown, so no advice; up to {max} and {mean} on average in the next {horizon}, from the last {lookback}"
            ),
        );
    };
    let Thresholds { low, high } = thresholds;
    let size = resource.display(allocatable);
    let max_share = forecast.max() / allocatable;
    let mean_share = forecast.mean() / allocatable;
    let (action, severity, finding) =
        if let Some(seconds) = seconds_to_limit(forecast, |p| p.value, allocatable, window) {
            let wait = interval(seconds);
            (
                Action::ScaleUp,
                Severity::Critical,
                format!(
                    "reaches the limit within {wait}: up to {max}, {} of {size} allocatable",
                    percent(max_share)
                ),
            )
        } else if max_share > high {
            (
                Action::ScaleUp,
                Severity::Warning,
                format!(
                    "up to {max}, {} of {size} allocatable (high: {})",
                    percent(max_share),
                    percent(high)
                ),
            )
        } else if mean_share < low {
            (
                Action::Consolidate,
                Severity::Info,
                format!(
                    "{mean} on average, {} of {size} allocatable (low: {})",
                    percent(mean_share),
                    percent(low)
                ),
            )
        } else {
            (
                Action::None,
                Severity::None,
                format!("up to {max}, {} of {size} allocatable", percent(max_share)),
            )
        };
    // The number that was not decisive is still worth knowing.
    let other = match action {
        Action::Consolidate => format!("up to {max}"),
        _ => format!("{mean} on average"),
    };
    Recommendation {
        action,
        severity,
        message: format!(
            "{}: {finding}; {other} in the next {horizon}, from the last {lookback}",
            action.label()
        ),
        reason: None,
    }
}

/// Seconds from the end of the window to the first moment at which `bound` of the
/// forecast reaches `limit`, if it does within the horizon.
pub fn seconds_to_limit(
    forecast: &Forecast,
    bound: impl Fn(&Prediction) -> f64,
    limit: f64,
    window: &Window,
) -> Option<u64> {
    let reached = forecast.path.iter().find(|p| bound(p) >= limit)?;
    Some(reached.at.since(window.end) as u64)
}

/// The verdict on a node: the worst of its resources. It can be consolidated only
/// if all of them say so, and is called healthy only if all of them are known.
pub fn node_verdict(resources: &[Recommendation]) -> (Action, Severity) {
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
    (action, severity.unwrap_or(Severity::None))
}

/// Seconds as people write them: `30m`.
pub fn interval(seconds: u64) -> Interval {
    Interval(Duration::from_secs(seconds))
}

/// A share as people write it: `80%`, `12.5%`.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round();
    format!("{}%", tenths / 10.0)
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

    /// A forecast that runs evenly from one value to another over the horizon.
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
            model: "theil_sen",
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
            allocatable,
            Thresholds::new(0.2, 0.8).expect("in order"),
            &window(),
        )
    }

    #[test]
    fn the_share_of_allocatable_decides_action_and_severity() {
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
    fn every_message_has_numbers_with_units_window_and_horizon() {
        for (forecast, allocatable, message) in [
            (
                between(3.0, 3.4),
                Some(4.0),
                "scale up or move pods: up to 3.40 cores, 85% of 4.00 cores allocatable (high: 80%); 3.20 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(3.0, 4.3),
                Some(4.0),
                "scale up or move pods: reaches the limit within 24m: up to 4.30 cores, 107.5% of 4.00 cores allocatable; 3.65 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(0.2, 0.4),
                Some(4.0),
                "consolidate or scale down: 0.30 cores on average, 7.5% of 4.00 cores allocatable (low: 20%); up to 0.40 cores in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                Some(4.0),
                "healthy: up to 2.00 cores, 50% of 4.00 cores allocatable; 1.50 cores on average in the next 30m, from the last 2h",
            ),
            (
                between(1.0, 2.0),
                None,
                "allocatable is unknown, so no advice; up to 2.00 cores and 1.50 cores on average in the next 30m, from the last 2h",
            ),
        ] {
            assert_eq!(judged(&forecast, allocatable).message, message);
        }
    }

    #[test]
    fn what_is_not_known_is_said_and_recommends_nothing() {
        let forecast = between(9.0, 9.0);
        let newest = Timestamp::from_unix(1_795_325_000);
        for (outlook, allocatable, reason, message) in [
            (
                Outlook::NoData,
                Some(4.0),
                Reason::NoData,
                "no samples in the last 2h",
            ),
            (
                Outlook::Stale(newest),
                Some(4.0),
                Reason::Stale,
                "no sample since 2026-11-22T05:23:20Z: the node has gone, or is no longer measured",
            ),
            (
                Outlook::TooFew(TooFewPoints(3)),
                Some(4.0),
                Reason::NotEnoughPoints,
                "not enough points (3)",
            ),
            (
                Outlook::Forecast(&forecast),
                None,
                Reason::NoAllocatable,
                "allocatable is unknown, so no advice; up to 9.00 cores and 9.00 cores on average in the next 30m, from the last 2h",
            ),
        ] {
            let thresholds = Thresholds::new(0.2, 0.8).expect("in order");
            let verdict = recommend(Resource::Cpu, &outlook, allocatable, thresholds, &window());
            assert_eq!(
                verdict,
                Recommendation {
                    action: Action::InsufficientData,
                    severity: Severity::None,
                    message: message.to_owned(),
                    reason: Some(reason),
                }
            );
        }
    }

    #[test]
    fn a_node_is_as_bad_as_its_worst_resource_and_goes_only_if_both_are_low() {
        use Action::{Consolidate, InsufficientData, None, ScaleUp};
        use Severity::{Critical, Info, Warning};
        const NO: Severity = Severity::None;
        let of = |(action, severity)| Recommendation {
            action,
            severity,
            message: String::new(),
            reason: Option::None,
        };
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
            assert_eq!(
                node_verdict(&[of(cpu), of(memory)]),
                node,
                "{cpu:?} {memory:?}"
            );
            assert_eq!(
                node_verdict(&[of(memory), of(cpu)]),
                node,
                "{memory:?} {cpu:?}"
            );
        }
    }

    #[test]
    fn memory_is_read_in_gib_and_shares_without_idle_digits() {
        assert_eq!(Resource::Memory.display(3.5 * 1_073_741_824.0), "3.50 GiB");
        assert_eq!(Resource::Cpu.display(0.5), "0.50 cores");
        for (share, text) in [(0.8, "80%"), (0.123, "12.3%"), (1.0, "100%"), (0.0, "0%")] {
            assert_eq!(percent(share), text);
        }
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
}
