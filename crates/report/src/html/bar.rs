//! A resource as one bar of the overview: how much of allocatable is used, will be,
//! and may be.

use super::super::summary::now;
use analysis::report::{Report, ResourceReport};
use quantity::percent;

/// Least extent of the bars, as a share of allocatable: room for its line.
const LEAST: f64 = 1.1;

/// Most: what lies further out is cut off, and the number beside it says so.
const MOST: f64 = 1.5;

/// A bar; all are as long as [`extent`].
#[derive(Debug)]
pub(super) struct Bar {
    /// Used now.
    pub(super) now: String,
    /// Highest expected value.
    pub(super) max: String,
    /// Highest upper end of the interval, from there.
    pub(super) upper: String,
    /// The number beside it: the highest expected value, of allocatable.
    pub(super) value: String,
    /// The same for those who do not see it.
    pub(super) description: String,
}

/// What lies behind and over all bars alike.
#[derive(Debug)]
pub(super) struct Scale {
    /// All of allocatable.
    pub(super) limit: String,
    /// Above it a resource is short.
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

/// How far the bars of a report reach, as a share of allocatable.
pub(super) fn extent(report: &Report) -> f64 {
    let resources = report.nodes.iter().flat_map(|node| &node.resources);
    let upper =
        |resource: &ResourceReport| Some(resource.forecast.as_ref()?.upper / resource.allocatable?);
    resources.filter_map(upper).fold(LEAST, f64::max).min(MOST)
}

impl Bar {
    /// `None` where there is no forecast, or nothing to hold it against.
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
                "now {}, forecast up to {}, upper end of its interval {} of allocatable",
                now(resource, |amount| percent(amount / allocatable))?,
                percent(max),
                percent(upper)
            ),
        })
    }
}
