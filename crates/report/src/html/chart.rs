//! The chart of one resource over time: measured values, the forecast with its interval, and the
//! thresholds. Geometry only; the template sets the appearance.

use forecast::Point;
use quantity::Timestamp;

use super::axis;
use super::path::{FULL, Place, band, lines, thin};
use analysis::recommend::Resource;
use analysis::report::{PredictionReport, Report, ResourceReport};
use quantity::{age, interval, percent};

/// The share of the width for the forecast, which is enlarged where it is short beside the window.
const FORECAST_SHARE: std::ops::RangeInclusive<f64> = 0.28..=0.6;

/// The room above the highest value, as a factor.
const HEADROOM: f64 = 1.06;

/// The maximum number of predictions drawn.
const MOST_PREDICTIONS: usize = 48;

/// The number of characters that fit below the drawing on a phone, in the widest of the common
/// fonts: 248 pixels, 7.3 for each.
const ROOM: f64 = 34.0;

/// The number of characters that fit below the drawing on a screen.
const WIDE_ROOM: f64 = 52.0;

/// The distance of lines below which their labels would overlap.
const CLEAR_OF_OTHERS: i32 = 90;

/// The label at the beginning of the forecast.
const NOW: &str = "now";

/// The distance of points, in steps, above which a gap is drawn.
const GAP_STEPS: f64 = 1.5;

/// A chart, ready for the template.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) description: String,
    /// The unit of the amounts.
    pub(super) unit: &'static str,
    /// The beginning of the forecast.
    pub(super) now: Mark,
    /// The label at the end of the forecast: `+30m`.
    pub(super) horizon: String,
    pub(super) history: String,
    pub(super) band: String,
    pub(super) forecast: String,
    /// The thresholds, from the top down.
    pub(super) levels: Vec<Level>,
    pub(super) amounts: Vec<Mark>,
    /// The times below the chart, each with `true` if only a screen has room for it.
    pub(super) times: Vec<(Mark, bool)>,
}

/// A mark on an axis.
#[derive(Debug)]
pub(super) struct Mark {
    /// The position, from 0 to [`FULL`].
    pub(super) at: i32,
    /// The position as a percentage: `12.5%`.
    pub(super) percent: String,
    /// The label; may be empty.
    pub(super) label: String,
}

impl Mark {
    fn new(at: i32, label: String) -> Self {
        Self {
            at,
            percent: format!("{:.1}%", f64::from(at) / f64::from(FULL) * 100.0),
            label,
        }
    }
}

/// A threshold.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) kind: &'static str,
    pub(super) mark: Mark,
}

/// Draws a resource with at most `most` of its points; `None` without any data.
pub(super) fn chart(
    report: &Report,
    node: &str,
    resource: &ResourceReport,
    most: usize,
) -> Option<Chart> {
    let path = resource.forecast.as_ref().map_or(&[][..], |f| &f.path);
    if resource.history.is_empty() && path.is_empty() {
        return None;
    }
    let scale = Scale::new(report, resource);
    let connected = predictions(resource, path);
    let line = |value: fn(&PredictionReport) -> f64| -> Vec<Place> {
        let place = |p: &PredictionReport| scale.place(p.at, value(p));
        connected.iter().map(place).collect()
    };
    Some(Chart {
        title: format!("{} of {node}", name(resource.resource)),
        description: description(report, resource),
        unit: unit(resource.resource),
        now: Mark::new(scale.split, NOW.to_owned()),
        horizon: axis::ahead(report.window.horizon_seconds),
        history: lines(&runs(report, resource, &scale, most)),
        band: band(&line(|p| p.upper), &line(|p| p.lower)),
        forecast: lines(&[line(|p| p.value)]),
        levels: levels(report, resource, &scale),
        amounts: axis::amounts(resource.resource, scale.top)
            .into_iter()
            .map(|(amount, label)| Mark::new(scale.y(amount), label))
            .collect(),
        times: times(report, &scale),
    })
}

/// Returns the times below the chart that do not touch the label at the end of the past.
fn times(report: &Report, scale: &Scale) -> Vec<(Mark, bool)> {
    let share = f64::from(scale.split) / f64::from(FULL);
    let is_clear = |(mark, is_spare): &(Mark, bool)| {
        let both = (mark.label.len() + NOW.len()) as f64;
        let room = if *is_spare { WIDE_ROOM } else { ROOM };
        f64::from(scale.split - mark.at) * room > (both / 2.0 + 1.0) * f64::from(FULL)
    };
    let (start, end) = (report.window.start, report.window.end);
    axis::times(start, end, ROOM * share, WIDE_ROOM * share)
        .into_iter()
        .map(|time| (Mark::new(scale.x(time.at), time.label), time.is_spare))
        .filter(is_clear)
        .collect()
}

/// Returns the name of a resource in headings.
pub(super) const fn name(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "CPU",
        Resource::Memory => "Memory",
    }
}

const fn unit(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "cores",
        Resource::Memory => "GiB",
    }
}

/// The mapping from times and amounts to positions.
struct Scale {
    start: Timestamp,
    end: Timestamp,
    horizon: f64,
    /// The beginning of the forecast.
    split: i32,
    /// The amount at the top; above 0.
    top: f64,
}

impl Scale {
    fn new(report: &Report, resource: &ResourceReport) -> Self {
        let (start, end) = (report.window.start, report.window.end);
        let horizon = report.window.horizon_seconds as f64;
        let share = horizon / (horizon + end.since(start).max(1.0));
        let share = share.clamp(*FORECAST_SHARE.start(), *FORECAST_SHARE.end());
        let measured = resource.history.iter().map(|point| point.value);
        let upper = resource.forecast.as_ref().map(|forecast| forecast.upper);
        let highest = measured
            .chain(upper)
            .chain(resource.allocatable)
            .fold(0.0, f64::max);
        Self {
            start,
            end,
            horizon,
            split: (f64::from(FULL) * (1.0 - share)).round() as i32,
            top: if highest > 0.0 {
                highest * HEADROOM
            } else {
                1.0
            },
        }
    }

    fn x(&self, at: Timestamp) -> i32 {
        let split = f64::from(self.split);
        let x = if at <= self.end {
            at.since(self.start) / self.end.since(self.start).max(1.0) * split
        } else {
            split + at.since(self.end) / self.horizon * (f64::from(FULL) - split)
        };
        x.round() as i32
    }

    fn y(&self, amount: f64) -> i32 {
        (f64::from(FULL) * (1.0 - amount / self.top)).round() as i32
    }

    fn place(&self, at: Timestamp, amount: f64) -> Place {
        (self.x(at), self.y(amount))
    }
}

/// Returns the measured points, split at gaps.
fn runs(report: &Report, resource: &ResourceReport, scale: &Scale, most: usize) -> Vec<Vec<Place>> {
    let points = thin(&resource.history, most, |p| p.at.unix(), |p| p.value);
    // Thinned points are further apart than measured ones.
    let thinned = report.window.end.since(report.window.start) / most as f64 * 4.0;
    let step = report.window.step_seconds as f64;
    let gap = match points.len() < resource.history.len() {
        true => (GAP_STEPS * step).max(thinned),
        false => GAP_STEPS * step,
    };
    let follows = |a: &Point, b: &Point| b.at.since(a.at) <= gap;
    points
        .chunk_by(follows)
        .map(|run| run.iter().map(|p| scale.place(p.at, p.value)).collect())
        .collect()
}

/// Returns the forecast from the newest point on, thinned evenly, with its highest values kept.
fn predictions(resource: &ResourceReport, path: &[PredictionReport]) -> Vec<PredictionReport> {
    let highest = |value: fn(&PredictionReport) -> f64| {
        let by_value = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
        let values = path.iter().map(value).enumerate();
        values.max_by(by_value).map(|(index, _)| index)
    };
    let stride = path.len().div_ceil(MOST_PREDICTIONS).max(1);
    let mut kept: Vec<usize> = (0..path.len())
        .step_by(stride)
        .chain(path.len().checked_sub(1))
        .chain(highest(|p| p.value))
        .chain(highest(|p| p.upper))
        .collect();
    kept.sort_unstable();
    kept.dedup();
    let newest = resource.history.last().filter(|_| !path.is_empty());
    newest
        .map(|&Point { at, value }| PredictionReport {
            at,
            value,
            lower: value,
            upper: value,
        })
        .into_iter()
        .chain(kept.into_iter().map(|index| path[index]))
        .collect()
}

fn levels(report: &Report, resource: &ResourceReport, scale: &Scale) -> Vec<Level> {
    let Some(allocatable) = resource.allocatable else {
        return Vec::new();
    };
    let thresholds = &report.thresholds;
    let size = resource.resource.display(allocatable);
    let mut last = -FULL;
    [
        ("limit", 1.0, format!("allocatable {size}")),
        (
            "high",
            thresholds.high,
            format!("high {}", percent(thresholds.high)),
        ),
        (
            "low",
            thresholds.low,
            format!("low {}", percent(thresholds.low)),
        ),
    ]
    .into_iter()
    .map(|(kind, share, label)| {
        let y = scale.y(allocatable * share);
        // From the top down: of labels that would cover each other the first stays.
        let label = match y - last >= CLEAR_OF_OTHERS {
            true => {
                last = y;
                label
            }
            false => String::new(),
        };
        Level {
            kind,
            mark: Mark::new(y, label),
        }
    })
    .collect()
}

/// Returns the text alternative of the chart.
fn description(report: &Report, resource: &ResourceReport) -> String {
    let amount = |amount: f64| resource.resource.display(amount);
    let window = &report.window;
    let mut text = format!(
        "The last {}",
        interval(window.end.since(window.start) as u64)
    );
    if let Some(newest) = resource.history.last() {
        let when = match resource.sample_age_seconds {
            Some(seconds) => format!("{} ago", age(seconds)),
            None => "at the end".to_owned(),
        };
        text.push_str(&format!(", {when} {}", amount(newest.value)));
    }
    if let Some(forecast) = &resource.forecast {
        text.push_str(&format!(
            "; the next {}: maximum {}, {} likely to stay below {}",
            interval(window.horizon_seconds),
            amount(forecast.max),
            percent(forecast.upper_level),
            amount(forecast.upper)
        ));
    }
    if let Some(allocatable) = resource.allocatable {
        text.push_str(&format!("; allocatable {}", amount(allocatable)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::report_of;

    fn drawn(change: impl FnOnce(&mut ResourceReport)) -> Option<Chart> {
        let mut report = report_of(&["busy"]);
        change(&mut report.nodes[0].resources[1]);
        chart(&report, "busy", &report.nodes[0].resources[1], 240)
    }

    #[test]
    fn chart_has_one_scale() {
        let chart = drawn(|_| {}).expect("there is something to draw");
        // The upper end, 9.02 GiB, is the highest; 6 GiB of the window are flat.
        assert_eq!(chart.now.at, 720);
        assert_eq!(chart.history, "M0 372l720 0");
        assert!(
            chart.forecast.starts_with("M720 372l"),
            "{}",
            chart.forecast
        );
        assert!(chart.band.ends_with('z'), "{}", chart.band);
        let levels: Vec<_> = chart
            .levels
            .iter()
            .map(|level| (level.kind, level.mark.at, level.mark.label.as_str()))
            .collect();
        assert_eq!(
            levels,
            [
                ("limit", 174, "allocatable 7.90 GiB"),
                ("high", 339, "high 80%"),
                ("low", 835, "low 20%"),
            ]
        );
        assert_eq!(chart.horizon, "+30m");
        assert_eq!(
            chart.description,
            "The last 2h, 97s ago 6.00 GiB; the next 30m: maximum 8.20 GiB, 90% likely to stay below 9.02 GiB; allocatable 7.90 GiB"
        );
    }

    #[test]
    fn gaps_stay_open() {
        let chart = drawn(|resource| {
            resource.history.retain(|point| {
                let ago = 1_795_331_580 - point.at.unix();
                [7200, 6900, 3600, 300, 0].contains(&ago)
            });
        });
        let history = chart.expect("drawn").history;
        assert_eq!(history, "M0 372l30 0M360 372h0M690 372l30 0");
    }

    #[test]
    fn unknown_values_are_not_drawn() {
        assert!(
            drawn(|resource| {
                resource.history.clear();
                resource.forecast = None;
            })
            .is_none()
        );
        let chart = drawn(|resource| {
            resource.forecast = None;
            resource.allocatable = None;
        })
        .expect("a history");
        assert_eq!((chart.band.as_str(), chart.forecast.as_str()), ("", ""));
        assert!(chart.levels.is_empty());
    }

    #[test]
    fn long_series_are_thinned() {
        let chart = drawn(|resource| {
            let start = 1_795_331_580 - 7200;
            resource.history = (0..7200)
                .map(|k| Point {
                    at: Timestamp::from_unix(start + k),
                    value: f64::from(k as u32 * 7919 % 1000) * 1e7,
                })
                .collect();
        })
        .expect("drawn");
        let places = chart.history.matches(' ').count();
        assert!(places <= 2 * 240, "{places}");
        assert_eq!(
            chart.history.matches('M').count(),
            1,
            "no gap where none is"
        );
    }

    #[test]
    fn zero_is_drawn_at_the_bottom() {
        let chart = drawn(|resource| {
            for point in &mut resource.history {
                point.value = 0.0;
            }
            resource.forecast = None;
            resource.allocatable = None;
        });
        assert_eq!(chart.expect("a history").history, "M0 1000l720 0");
    }
}
