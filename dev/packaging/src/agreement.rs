//! The check that crates, chart, manifests, changelog and tag name one version.
//!
//! In scope: reading the project's files. Out of scope: outdated generated files, which
//! `just check` reports.
//!
//! Invariant: each of these places is checked (held by `release_check_finds_any_version`).

use std::fs;
use std::path::Path;

use crate::changelog::{self, Section};

/// Places that name the version: file, start of the lines that name it, and text between
/// that and the version.
const PLACES: [(&str, &str, &str); 6] = [
    ("helm/Chart.yaml", "version: ", ""),
    ("helm/Chart.yaml", "appVersion: ", ""),
    ("helm/Chart.yaml", "image: ", ":v"),
    ("helm/values-prod.yaml", "tag: ", "v"),
    ("deploy/daemonset-exporter.yaml", "image: ", ":v"),
    ("deploy/cronjob-ai-agent.yaml", "image: ", ":v"),
];

/// Returns the version of the project in `root` if all places agree, and with `tag`, if the tag
/// does too.
///
/// # Errors
/// Each disagreement, as a line that names the file, what it says and what was expected.
pub fn check(root: &Path, tag: Option<&str>) -> Result<String, Vec<String>> {
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).map_err(|error| vec![format!("{file}: {error}")])
    };
    let version = workspace_version(&read("Cargo.toml")?)
        .ok_or_else(|| vec!["Cargo.toml: no version in [workspace.package]".to_owned()])?;
    let mut problems = Vec::new();
    for (file, start, before) in PLACES {
        let text = read(file)?;
        let lines = text.lines().map(|line| line.trim_start_matches([' ', '-']));
        let mut named = lines.filter_map(|line| line.strip_prefix(start)).peekable();
        if named.peek().is_none() {
            problems.push(format!("{file}: no {start}, expected {version}"));
        }
        let expected = format!("{before}{version}");
        let wrong = named.filter(|named| match before.starts_with(':') {
            true => !named.trim_matches('"').ends_with(&expected),
            false => named.trim_matches('"') != expected,
        });
        problems.extend(wrong.map(|named| format!("{file}: {start}{named}, expected {expected}")));
    }
    let own = own_crates(&read("Cargo.lock")?);
    let others = own.iter().filter(|(_, named)| *named != version);
    problems.extend(
        others.map(|(name, named)| {
            format!("Cargo.lock: crate {name}: {named:?}, expected {version}")
        }),
    );
    let log = read("CHANGELOG.md")?;
    let problem = changelog_problem(&changelog::sections(&log), &version, tag.is_some());
    problems.extend(problem.map(|problem| format!("CHANGELOG.md: {problem}")));
    if let Some(tag) = tag.filter(|tag| tag.strip_prefix('v') != Some(&version)) {
        problems.push(format!("tag: {tag}, expected v{version}"));
    }
    match problems.is_empty() {
        true => Ok(version),
        false => Err(problems),
    }
}

/// `version` under `[workspace.package]`.
fn workspace_version(manifest: &str) -> Option<String> {
    let (_, section) = manifest.split_once("[workspace.package]\n")?;
    let mut lines = section.lines().take_while(|line| !line.starts_with('['));
    let version = lines.find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

/// Returns names and versions of the crates without a source: our own.
fn own_crates(lock: &str) -> Vec<(String, String)> {
    let entries = lock.split("[[package]]").skip(1);
    let own = entries.filter(|entry| !entry.contains("\nsource = "));
    own.filter_map(|entry| {
        let value = |key| entry.lines().find_map(|line| line.strip_prefix(key));
        let text = |key| Some(value(key)?.trim_matches('"').to_owned());
        Some((text("name = ")?, text("version = ")?))
    })
    .collect()
}

fn changelog_problem(sections: &[Section<'_>], version: &str, release: bool) -> Option<String> {
    let [newest, ..] = sections else {
        return Some(format!("no sections, expected [{version}] or [Unreleased]"));
    };
    let named = sections.iter().find(|section| section.name == version);
    match (named, release) {
        (None, true) => Some(format!("no section [{version}]")),
        (Some(section), _) if section.date.is_none() => {
            Some(format!("section [{version}] has no date"))
        }
        (Some(section), _) if section.text.is_empty() => {
            Some(format!("section [{version}] is empty"))
        }
        (None, false) if newest.name != "Unreleased" => Some(format!(
            "the newest section is [{}], expected [{version}] or [Unreleased]",
            newest.name
        )),
        _ => None,
    }
}
