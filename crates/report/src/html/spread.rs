//! A histogram of a large fleet: the number of nodes by the share of allocatable that they are
//! forecast to use.

use analysis::recommend::Resource;
use analysis::report::Report;
use quantity::percent;

use super::chart;

/// The number of nodes from which on histograms are shown.
const FEWEST_NODES: usize = 25;

/// The number of columns up to allocatable.
const COLUMNS_PER_WHOLE: f64 = 10.0;

/// The number of columns; the last one counts higher shares too.
const COLUMNS: usize = 12;

/// The histogram of one resource.
#[derive(Debug)]
pub(super) struct Spread {
    pub(super) description: String,
    pub(super) columns: Vec<Column>,
    /// The position of allocatable.
    pub(super) limit: String,
    /// The position of the threshold `high`.
    pub(super) high: String,
}

/// A column: nodes with about the same share.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) top: String,
    pub(super) height: String,
    pub(super) middle: String,
    pub(super) nodes: usize,
}

/// Returns the histogram of each resource, if the fleet is large enough.
pub(super) fn spreads(report: &Report) -> Vec<Spread> {
    if report.nodes.len() < FEWEST_NODES {
        return Vec::new();
    }
    let spread = |resource| Spread::new(report, resource);
    Resource::ALL.into_iter().filter_map(spread).collect()
}

impl Spread {
    fn new(report: &Report, resource: Resource) -> Option<Self> {
        let mut counts = [0; COLUMNS];
        let mut short = 0;
        for of in report.nodes.iter().flat_map(|node| &node.resources) {
            let (Some(forecast), Some(allocatable)) = (&of.forecast, of.allocatable) else {
                continue;
            };
            if of.resource != resource {
                continue;
            }
            let share = forecast.held / allocatable;
            // A share is not negative; the cast rounds down.
            let column = (share * COLUMNS_PER_WHOLE) as usize;
            counts[column.min(COLUMNS - 1)] += 1;
            short += usize::from(share > report.thresholds.high);
        }
        let most = counts.into_iter().max().filter(|most| *most > 0)?;
        let along = |columns: f64| format!("{:.2}%", columns / COLUMNS as f64 * 100.0);
        let column = |(index, nodes): (usize, usize)| {
            let height = nodes as f64 / most as f64 * 100.0;
            let index = index as f64;
            Column {
                left: along(index + 0.08),
                width: along(0.84),
                top: format!("{:.1}%", 100.0 - height),
                height: format!("{height:.1}%"),
                middle: along(index + 0.5),
                nodes,
            }
        };
        let known: usize = counts.iter().sum();
        Some(Self {
            description: format!(
                "{}: {short} of {known} nodes are forecast above {} of allocatable",
                chart::name(resource),
                percent(report.thresholds.high)
            ),
            columns: counts.into_iter().enumerate().map(column).collect(),
            limit: along(COLUMNS_PER_WHOLE),
            high: along(report.thresholds.high * COLUMNS_PER_WHOLE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::report_of;

    #[test]
    fn spread_counts_each_node_once() {
        let one = report_of(&["busy"]);
        assert!(spreads(&one).is_empty(), "a list shows the whole");
        let mut report = one.clone();
        report.nodes = vec![one.nodes[0].clone(); 30];
        // 60% CPU everywhere, 103.8% memory in all but one node.
        report.nodes[0].resources[1].forecast = None;
        let spreads = spreads(&report);
        let counts = |index: usize| -> Vec<usize> {
            spreads[index].columns.iter().map(|c| c.nodes).collect()
        };
        assert_eq!(counts(0), [0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0]);
        assert_eq!(counts(1), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0]);
        assert_eq!(
            spreads[1].description,
            "Memory: 29 of 29 nodes are forecast above 80% of allocatable"
        );
    }
}
