//! The flags of findings: thresholds, the previous report, removable nodes, exit code 10.

use std::path::PathBuf;

use analysis::hysteresis::Thresholds;
use contract::{FleetView, limit};
use quantity::percent;
use settings::{Given, Syntax, UsageError, Within, settings, words};

use super::percent::Percent;
use super::time::{AUTO, Span};
use crate::exit::FailOn;

const HOLD: Within = Within::Durations(limit::HOLD);

settings! {
    /// The flags of findings.
    pub struct Flags {
        "Findings" => {
            /// percent of allocatable above which a level that is held is a finding
            high: Percent = "80", variables: &["HIGH_PERCENT"];

            /// percent of allocatable below which the upper end of the mean is a finding
            low: Percent = "20", variables: &["LOW_PERCENT"];

            /// time for which a level above high must be held to be a finding; auto is 3 points,
            /// at least 5m; 0 for any spike
            r#for: HoldFor = "auto", within: HOLD;

            /// JSON report of the previous run, so that severities do not flap; may not exist yet
            previous: Option<PathBuf>, without: "the agent's own series in the backend, if any";

            /// report which nodes could be removed, by pod requests where the backend has
            /// kube-state-metrics
            fleet: FleetWord = "auto";

            /// minimum number of nodes to keep
            keep_nodes: u64 = "1", within: Within::numbers(&limit::KEEP_NODES);

            /// least severity of a node that makes the exit code 10; unknown adds nodes without a
            /// verdict, unless they have gone; a partial report is still 5
            fail_on: Option<FailOnWord>, without: "never";
        }
    }
}

/// A time to hold, in seconds: `auto`, a duration, or bare minutes.
#[derive(Debug)]
pub struct HoldFor;

impl Syntax for HoldFor {
    type Value = Option<u64>;
    const VALUE_NAME: &'static str = "duration";

    fn expected(within: &Within) -> String {
        format!("{AUTO}, or {}", Span::expected(within))
    }

    fn parse(text: &str, within: &Within) -> Result<Option<u64>, String> {
        if text == AUTO {
            return Ok(None);
        }
        let parsed = Span::parse(text, within).map(Some);
        parsed.map_err(|_| Self::expected(within))
    }

    fn print(value: &Option<u64>) -> String {
        value.map_or_else(|| AUTO.to_owned(), |seconds| Span::print(&seconds))
    }
}

words! {
    /// The use of the report on removable nodes.
    pub struct FleetWord(FleetView) = FleetView::ALL, FleetView::name;
}

words! {
    /// Nodes that make the exit code 10.
    pub struct FailOnWord(FailOn) = FailOn::ALL, FailOn::name;
}

pub(super) fn thresholds(flags: &Flags, given: &Given<'_>) -> Result<Thresholds, UsageError> {
    Thresholds::new(flags.low, flags.high).ok_or_else(|| {
        let setting = const { Flags::setting("--low") };
        let expected = format!("less than --high ({})", percent(flags.high));
        given.invalid(setting, percent(flags.low), expected)
    })
}
