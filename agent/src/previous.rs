//! The verdicts of the previous report, on which hysteresis depends.
//!
//! They come from the JSON report of the previous run, which a flag names, or from the agent's own
//! series in the backend. There are no hidden files. Their effect is in [`analysis::hysteresis`].
//!
//! Invariant: severities do not flap between runs (held by `severity_does_not_flap_between_runs`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use analysis::hysteresis::Verdict;
use analysis::measurements::Measurements;
use analysis::previous::Previous;
use analysis::recommend::Resource;
use analysis::report::{Origin, Report};
use analysis::window::Window;
use contract::Severity;
use contract::{label, report};
use promql::QueryError;
use quantity::{TimeGrid, Timestamp};
use serde::Deserialize;

use crate::collect::note_remarks;
use crate::source::{Selected, Source, explain};

/// Finds the verdicts of the previous run: in the JSON report at `path`, or else in the backend.
/// Problems with them are added to `measurements`, since a report without them is still useful.
pub fn recall(
    path: Option<&Path>,
    source: &dyn Source,
    window: &Window,
    measurements: &mut Measurements,
) -> Option<Previous> {
    let found = match path {
        Some(path) => from_file(path),
        // Without usage there are no verdicts.
        None if measurements.has_no_usage() => Ok(None),
        None => from_prometheus(source, window, measurements)
            .map_err(|error| format!("previous severities: {}", explain(&error))),
    };
    match (&found, path) {
        (Ok(None), Some(path)) => measurements.warnings.push(format!(
            "no previous report at {} yet: severities have no hysteresis",
            path.display()
        )),
        (Err(error), _) => {
            let text = format!("{error}; severities have no hysteresis");
            measurements.errors.push(text);
        }
        _ => {}
    }
    found.unwrap_or_default()
}

/// Reads the verdicts of a JSON report. `None` where there is no such file: the first run has no
/// previous one.
///
/// # Errors
/// When the file cannot be read, or is not a report of this schema version.
fn from_file(path: &Path) -> Result<Option<Previous>, String> {
    let problem =
        |error: &dyn std::fmt::Display| format!("previous report {}: {error}", path.display());
    match File::open(path) {
        Ok(file) => read(BufReader::new(file))
            .map(Some)
            .map_err(|error| problem(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(problem(&error)),
    }
}

/// The fields that are read of a report; all others are skipped.
#[derive(Deserialize)]
struct EarlierReport {
    schema_version: u32,
    nodes: Vec<EarlierNode>,
}

#[derive(Deserialize)]
struct EarlierNode {
    node: String,
    resources: Vec<EarlierResource>,
}

#[derive(Deserialize)]
struct EarlierResource {
    resource: Resource,
    recommendation: Verdict,
}

fn read(report: impl Read) -> Result<Previous, String> {
    let report: EarlierReport = serde_json::from_reader(report)
        .map_err(|error| format!("not a JSON report of this program: {error}"))?;
    if report.schema_version != Report::SCHEMA_VERSION {
        return Err(format!(
            "schema_version is {}, expected {}",
            report.schema_version,
            Report::SCHEMA_VERSION
        ));
    }
    let verdicts = |node: EarlierNode| {
        let resources = node.resources.into_iter();
        let verdicts = resources.map(|r| (r.resource, r.recommendation)).collect();
        (node.node, verdicts)
    };
    Ok(Previous {
        origin: Origin::File,
        nodes: report.nodes.into_iter().map(verdicts).collect(),
    })
}

/// The age in seconds up to which a report in the backend counts as the previous one.
const MEMORY_SECONDS: i64 = 3600;

/// The step of the query for it: Prometheus looks back as far for a sample.
const MEMORY_STEP_SECONDS: u64 = 300;

/// Queries the severities that the previous run published; `None` if the backend has none.
///
/// # Errors
/// When the query fails.
fn from_prometheus(
    source: &dyn Source,
    window: &Window,
    measurements: &mut Measurements,
) -> Result<Option<Previous>, QueryError> {
    // A plain selector, so that the exporter's history can answer as well.
    let end = window.past.end;
    let hour = TimeGrid {
        start: Timestamp::from_unix(end.unix() - MEMORY_SECONDS),
        end,
        step: MEMORY_STEP_SECONDS,
    };
    let query = report::RESOURCE_SEVERITY.name;
    let selection = source.select(query, &hour, &[label::NODE, label::RESOURCE])?;
    note_remarks(
        "previous severities",
        query,
        &selection,
        &mut measurements.errors,
        &mut measurements.warnings,
    );
    let mut nodes: BTreeMap<String, Vec<(Resource, Verdict)>> = BTreeMap::new();
    for row in &selection.series {
        if let Some((node, resource, verdict)) = published(row) {
            nodes
                .entry(node.to_owned())
                .or_default()
                .push((resource, verdict));
        }
    }
    Ok((!nodes.is_empty()).then_some(Previous {
        origin: Origin::Prometheus,
        nodes,
    }))
}

/// Returns the verdict of a published severity, which implies the action.
fn published(row: &Selected) -> Option<(&str, Resource, Verdict)> {
    let (resource, value) = (row.label(label::RESOURCE)?, row.newest()?);
    let resource = Resource::ALL.into_iter().find(|r| r.label() == resource)?;
    let verdict = [
        (Severity::None, Verdict::HEALTHY),
        (Severity::Info, Verdict::LOW),
        (Severity::Warning, Verdict::HIGH),
        (Severity::Critical, Verdict::CRITICAL),
    ]
    .into_iter()
    .find_map(|(severity, verdict)| (severity.level() == value).then_some(verdict))?;
    Some((row.label(label::NODE)?, resource, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Previous, String> {
        read(text.as_bytes())
    }

    #[test]
    fn verdicts_are_read_from_a_report() {
        let previous = read_text(
            r#"{"schema_version":1,"program_version":"0.3.0","added_later":[{}],"nodes":[
                {"node":"a","action":"scale_up","severity":"critical","resources":[
                    {"resource":"cpu","points":3,"recommendation":{"action":"scale_up","severity":"critical","message":"m"}},
                    {"resource":"memory","recommendation":{"action":"insufficient_data","severity":"none","reason":"stale"}}]},
                {"node":"b","resources":[]}]}"#,
        )
        .expect("a report");
        assert_eq!(previous.origin, Origin::File);
        assert_eq!(
            previous.verdict("a", Resource::Cpu),
            Some(Verdict::CRITICAL)
        );
        assert_eq!(
            previous.verdict("a", Resource::Memory),
            Some(Verdict::UNKNOWN)
        );
        assert_eq!(previous.verdict("b", Resource::Cpu), None);
        assert_eq!(previous.verdict("c", Resource::Cpu), None);
    }

    #[test]
    fn other_json_is_refused() {
        for (text, reason) in [
            ("", "not a JSON report of this program: EOF"),
            ("3 nodes: 1 critical", "not a JSON report of this program: "),
            (r#"{"schema_version":1}"#, "missing field `nodes`"),
            (
                r#"{"schema_version":2,"nodes":[]}"#,
                "schema_version is 2, expected 1",
            ),
        ] {
            let error = read_text(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn missing_file_is_a_first_run() {
        assert_eq!(from_file(Path::new("/nonexistent/report.json")), Ok(None));
        let error = from_file(Path::new("/dev/null")).expect_err("empty");
        assert!(
            error.starts_with("previous report /dev/null: not a JSON"),
            "{error}"
        );
        let error = from_file(Path::new("/")).expect_err("a directory");
        assert!(error.starts_with("previous report /: "), "{error}");
    }
}
