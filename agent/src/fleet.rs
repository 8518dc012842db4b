//! The data for the report on removable nodes: four queries of kube-state-metrics's series,
//! independent of the number of nodes ([`queries`]).

pub mod cluster;
pub mod queries;

use analysis::fleet::Survey;
use analysis::hysteresis::Thresholds;
use analysis::report::Report;
use analysis::report::fleet::FleetReport;
use analysis::window::Window;

use crate::source::Source;
use cluster::Inquiry;

/// The data that the report on removable nodes is based on.
pub enum Scope<'a> {
    /// None, for this reason: there is no such report.
    Off(&'static str),
    /// The report's forecasts alone, for this reason.
    Usage(&'static str),
    /// The series of this source.
    Query(&'a dyn Source),
}

/// Adds the removable nodes to `report`, keeping at least `keep_nodes`, with errors and warnings of
/// the queries.
pub fn assess(
    scope: &Scope<'_>,
    report: &mut Report,
    (thresholds, keep_nodes): (Thresholds, usize),
    window: &Window,
) {
    let count = report.nodes.len();
    let source = match scope {
        Scope::Off(why) => {
            report.fleet = FleetReport::none(count, *why);
            return;
        }
        _ if count < 2 => {
            report.fleet = FleetReport::none(count, "there is only one node");
            return;
        }
        Scope::Usage(why) => Err((*why).to_owned()),
        Scope::Query(source) => Ok(*source),
    };
    let drawn = source.and_then(|source| {
        let mut inquiry = Inquiry::new(source, &window.past);
        let drawn = by_requests(&mut inquiry, report, thresholds, keep_nodes);
        report.errors.append(&mut inquiry.errors);
        report.warnings.append(&mut inquiry.warnings);
        drawn
    });
    let drawn = drawn.unwrap_or_else(|why| FleetReport {
        note: Some(why),
        ..Survey::new(&report.nodes, None, thresholds).by_usage(keep_nodes)
    });
    report.fleet = FleetReport {
        keep_nodes,
        horizon_seconds: window.horizon,
        ..drawn
    };
}

/// Makes the report from requests.
///
/// # Errors
/// The reason why requests are unknown.
fn by_requests(
    inquiry: &mut Inquiry<'_>,
    report: &Report,
    thresholds: Thresholds,
    keep_nodes: usize,
) -> Result<FleetReport, String> {
    let states = inquiry.nodes()?;
    let survey = Survey::new(&report.nodes, Some(&states), thresholds);
    let pods = inquiry.pods(&survey.candidates())?;
    Ok(survey.by_requests(&pods, keep_nodes))
}
