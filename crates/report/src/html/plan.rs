//! Which nodes could be removed, and what is in the way of the others.

use ::text::printable;
use analysis::report::Report;
use contract::FleetBasis;

/// The view of the fleet, in words.
pub(super) struct Plan {
    /// Its outcome; `None` if nobody looked at the fleet.
    pub(super) headline: Option<String>,
    /// The first to go first.
    pub(super) removable: Vec<Step>,
    pub(super) staying: Vec<Step>,
    /// What to look at before.
    pub(super) caution: Option<String>,
}

/// A node, and what becomes of its pods or what keeps it.
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

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    format!(
        "{}{}.",
        first.map_or(String::new(), String::from),
        chars.as_str()
    )
}
