//! A resource as one bar of the overview: the shares of allocatable that are used now, forecast,
//! and at the upper end of the interval.

use super::super::summary::now;
use analysis::report::{Report, ResourceReport};
use quantity::percent;

/// The minimum length of bars, as a share of allocatable: room for its mark.
const LEAST: f64 = 1.1;

/// The maximum: longer bars are cut off, and the number beside them shows the value.
const MOST: f64 = 1.5;

/// A bar; all have the length [`extent`].
#[derive(Debug)]
pub(super) struct Bar {
    /// The current usage.
    pub(super) now: String,
    /// The highest expected value.
    pub(super) max: String,
    /// The highest upper end of the interval.
    pub(super) upper: String,
    /// The number beside it: the highest expected value as a share of allocatable.
    pub(super) value: String,
    /// The text alternative.
    pub(super) description: String,
}

/// The marks on all bars.
#[derive(Debug)]
pub(super) struct Scale {
    /// The position of allocatable.
    pub(super) limit: String,
    /// The position of the threshold `high`.
    pub(super) high: String,
}

impl Scale {
    pub(super) fn new(report: &Report, extent: f64) -> Self {
        Self {
            limit: along(1.0, extent),
            high: along(report.thresholds.high, extent),
        }
    }
}

fn along(share: f64, extent: f64) -> String {
    format!("{:.1}%", (share / extent).min(1.0) * 100.0)
}

/// Returns the length of the bars of a report, as a share of allocatable.
pub(super) fn extent(report: &Report) -> f64 {
    let resources = report.nodes.iter().flat_map(|node| &node.resources);
    let upper =
        |resource: &ResourceReport| Some(resource.forecast.as_ref()?.upper / resource.allocatable?);
    resources.filter_map(upper).fold(LEAST, f64::max).min(MOST)
}

impl Bar {
    /// Returns `None` without a forecast or allocatable.
    pub(super) fn new(resource: &ResourceReport, extent: f64) -> Option<Self> {
        let forecast = resource.forecast.as_ref()?;
        let allocatable = resource.allocatable?;
        let newest = resource.history.last()?.value / allocatable;
        let (max, upper) = (forecast.max / allocatable, forecast.upper / allocatable);
        Some(Self {
            now: along(newest, extent),
            max: along(max, extent),
            upper: along(upper, extent),
            value: percent(max),
            description: format!(
                "now {}, forecast maximum {}, {} likely to stay below {} of allocatable",
                now(resource, |amount| percent(amount / allocatable))?,
                percent(max),
                percent(forecast.upper_level),
                percent(upper)
            ),
        })
    }
}
