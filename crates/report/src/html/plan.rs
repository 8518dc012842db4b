//! The nodes that could be removed, and the obstacles on the others.

use ::text::printable;
use analysis::report::Report;
use contract::FleetBasis;

/// The texts of the section on removing nodes.
pub(super) struct Plan {
    /// The outcome; `None` if it was not assessed.
    pub(super) headline: Option<String>,
    /// The removable nodes, in the order of removal.
    pub(super) removable: Vec<Step>,
    pub(super) staying: Vec<Step>,
    /// The checks before a drain.
    pub(super) caution: Option<String>,
}

/// A node with the moves of its pods, or its obstacles.
pub(super) struct Step {
    pub(super) node: String,
    pub(super) message: String,
}

impl Plan {
    pub(super) fn new(report: &Report) -> Self {
        let fleet = &report.fleet;
        let headline = printable(&fleet.headline());
        let headline = headline.strip_prefix("Fleet: ").unwrap_or(&headline);
        let removable = fleet.removable.iter().map(|step| Step {
            node: printable(&step.node),
            message: printable(&step.message()),
        });
        let staying = fleet.staying.iter().map(|step| Step {
            node: printable(&step.node),
            message: printable(&step.message()),
        });
        Self {
            headline: (fleet.basis != FleetBasis::None).then(|| sentence(headline)),
            removable: removable.collect(),
            staying: staying.collect(),
            caution: fleet.caution(),
        }
    }
}

/// Formats a text with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    format!(
        "{}{}.",
        first.map_or(String::new(), String::from),
        chars.as_str()
    )
}
