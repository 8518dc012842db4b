//! What the report before this one said: the memory behind hysteresis.
//!
//! Two places can hold it: the JSON report of the run before, named by a flag, or
//! the Prometheus that the agent asks anyway, where it holds the agent's own series.
//! Nothing is kept in hidden files. What the memory does is in [`analysis::hysteresis`].

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

/// Finds the verdicts of the run before: in the JSON report at `path`, or else in
/// the backend. What is wrong with them goes to the notes of `measurements`, for a
/// report without a memory is still worth having.
pub fn recall(
    path: Option<&Path>,
    source: &dyn Source,
    window: &Window,
    measurements: &mut Measurements,
) -> Option<Previous> {
    let found = match path {
        Some(path) => from_file(path),
        // Without usage nothing is judged.
        None if measurements.has_no_usage() => Ok(None),
        None => from_prometheus(source, window, measurements)
            .map_err(|error| format!("severities of the report before: {}", explain(&error))),
    };
    match (&found, path) {
        (Ok(None), Some(path)) => measurements.warnings.push(format!(
            "no previous report at {} yet: each severity is judged afresh",
            path.display()
        )),
        (Err(error), _) => {
            let text = format!("{error}; each severity is judged afresh");
            measurements.errors.push(text);
        }
        _ => {}
    }
    found.unwrap_or_default()
}

/// Reads the verdicts of a JSON report. `None` where there is no such file: a
/// first run has no run before it.
///
/// # Errors
/// When the file cannot be read, or is no report of this form.
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

/// What is read of a report; everything else is passed over as it streams.
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
            "schema_version {} is not {}",
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

/// How far back a report in the backend still counts as the one before.
const MEMORY_SECONDS: i64 = 3600;

/// Step at which it is looked for: Prometheus itself looks back as far for a sample.
const MEMORY_STEP_SECONDS: u64 = 300;

/// Asks the backend for the severities that the run before this one published, in
/// one query. `None` where it holds none.
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
        "severities of the report before",
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

/// A verdict as the series of a report tell it: the severity implies the action.
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
                "schema_version 2 is not 1",
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
