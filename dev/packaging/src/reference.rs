//! The reference pages in `docs/reference`, generated from the programs, `contract`,
//! `forecast` and the two JSON schemas.
//!
//! Manifestgen generates the page of the alerts.

mod names;
mod schema;

use std::fs;
use std::path::Path;

use settings::reference;

use crate::program::{self, Program};

const REPORT_SCHEMA: &str = "crates/report/report.schema.json";
const VALUES_SCHEMA: &str = "helm/values.schema.json";

/// Returns the pages of the project at `root`: path and text of each.
///
/// # Errors
/// Names the schema that cannot be read.
fn pages(root: &Path) -> Result<Vec<(String, String)>, String> {
    let flags = program::ALL.map(|program| {
        let text = reference::page(program.command_line, program.source);
        (program.name, text)
    });
    let report = schema::page(
        root,
        REPORT_SCHEMA,
        "Fields of the JSON report",
        "`k8s-ai-agent --format json` writes an object of these fields. `[]` means each entry of a list. The machine-readable form is \
         `crates/report/report.schema.json`.",
    )?;
    let values = schema::page(
        root,
        VALUES_SCHEMA,
        "Helm values",
        "Values of the chart in `helm/`. Helm refuses a value of another type, a \
         value out of bounds, and an unknown key; the machine-readable form is \
         `helm/values.schema.json`.",
    )?;
    let others = [
        ("metrics", names::metrics()),
        ("models", names::models()),
        ("error-reasons", names::error_reasons()),
        ("exit-codes", exit_codes(&program::ALL)),
        ("report-schema", report),
        ("helm-values", values),
    ];
    let pages = flags.into_iter().chain(others);
    Ok(pages
        .map(|(name, text)| (format!("docs/reference/{name}.md"), text))
        .collect())
}

fn exit_codes(programs: &[Program]) -> String {
    let sources: Vec<&str> = programs.iter().map(|program| program.source).collect();
    let mut out = reference::heading("Exit codes", &sources.join(" and "));
    out.push_str("The codes are stable: scripts and CronJobs may depend on them.\n");
    for program in programs {
        let line = program.command_line;
        let own = (line.name.to_owned(), line.exit_codes);
        let commands = line.commands.iter();
        let commands = commands.map(|command| {
            let title = format!("{} {}", line.name, command.name);
            (title, command.exit_codes)
        });
        for (title, codes) in [own].into_iter().chain(commands) {
            out.push_str(&format!("\n## {title}\n\n{}", reference::exit_codes(codes)));
        }
    }
    out
}

/// Writes the pages into the project at `root`.
///
/// # Errors
/// Names the page that cannot be written, or the schema that cannot be read.
pub fn write(root: &Path) -> Result<(), String> {
    fs::create_dir_all(root.join("docs/reference"))
        .map_err(|error| format!("docs/reference: {error}"))?;
    for (path, text) in pages(root)? {
        fs::write(root.join(&path), text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// Returns the pages of the project at `root` that are not as [`write()`] would write them.
///
/// # Errors
/// Names the schema that cannot be read.
pub fn outdated(root: &Path) -> Result<Vec<String>, String> {
    let pages = pages(root)?.into_iter();
    Ok(pages
        .filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_pages_are_generated() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(outdated(&root), Ok(Vec::new()), "run `just generate`");
    }
}
