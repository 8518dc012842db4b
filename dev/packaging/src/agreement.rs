//! Whether all that names a version names the same one: crates, chart, manifests,
//! changelog, tag.
//!
//! In scope: reading the project's files. Out of scope: whether the generated
//! ones are up to date; `just check` says that.

use std::fs;
use std::path::Path;

use crate::changelog::{self, Section};

/// The version of the project in `root`, if everything agrees; with `tag`, that
/// it is the version to be released under it.
///
/// # Errors
/// Each disagreement, as a line that names the file, what it says and what was expected.
pub fn check(root: &Path, tag: Option<&str>) -> Result<String, Vec<String>> {
    let mut claims = Claims {
        root,
        problems: Vec::new(),
    };
    let Some(version) = workspace_version(&claims.read("Cargo.toml")) else {
        claims.problem("Cargo.toml", "no version in [workspace.package]");
        return Err(claims.problems);
    };
    let image_tag = format!("v{version}");

    let lock = claims.read("Cargo.lock");
    let crates = own_crates(&lock);
    claims.all_are("Cargo.lock", "crate", crates, &version);

    let chart = claims.read("helm/Chart.yaml");
    claims.all_are(
        "helm/Chart.yaml",
        "version",
        values(&chart, "version:"),
        &version,
    );
    claims.all_are(
        "helm/Chart.yaml",
        "appVersion",
        values(&chart, "appVersion:"),
        &version,
    );
    claims.all_are("helm/Chart.yaml", "image", image_tags(&chart), &image_tag);
    let production = claims.read("helm/values-prod.yaml");
    let tags = values(&production, "tag:");
    claims.all_are("helm/values-prod.yaml", "tag", tags, &image_tag);
    for file in [
        "deploy/daemonset-exporter.yaml",
        "deploy/cronjob-ai-agent.yaml",
    ] {
        let manifest = claims.read(file);
        claims.all_are(file, "image", image_tags(&manifest), &image_tag);
    }

    let log = claims.read("CHANGELOG.md");
    if let Some(problem) = changelog_problem(&changelog::sections(&log), &version, tag.is_some()) {
        claims.problem("CHANGELOG.md", &problem);
    }
    if let Some(tag) = tag.filter(|tag| *tag != image_tag) {
        claims.problem("tag", &format!("{tag}, expected {image_tag}"));
    }
    match claims.problems.is_empty() {
        true => Ok(version),
        false => Err(claims.problems),
    }
}

struct Claims<'a> {
    root: &'a Path,
    problems: Vec<String>,
}

impl Claims<'_> {
    fn problem(&mut self, place: &str, problem: &str) {
        self.problems.push(format!("{place}: {problem}"));
    }

    /// The file's text; an empty one, and a problem, if it cannot be read.
    fn read(&mut self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap_or_else(|error| {
            self.problem(file, &error.to_string());
            String::new()
        })
    }

    /// That the file makes such claims, and each is `expected`.
    fn all_are(&mut self, file: &str, what: &str, claims: Vec<(&str, &str)>, expected: &str) {
        if claims.is_empty() {
            self.problem(file, &format!("no {what}, expected {expected}"));
        }
        for (name, claim) in claims {
            if claim != expected {
                let gap = if name.is_empty() { "" } else { " " };
                self.problem(
                    file,
                    &format!("{what}{gap}{name}: {claim:?}, expected {expected}"),
                );
            }
        }
    }
}

/// `version` under `[workspace.package]`.
fn workspace_version(manifest: &str) -> Option<String> {
    let (_, section) = manifest.split_once("[workspace.package]\n")?;
    let section = section.split("\n[").next()?;
    let line = section
        .lines()
        .find_map(|line| line.strip_prefix("version"))?;
    let version = line.trim_start().strip_prefix('=')?.trim();
    Some(version.trim_matches('"').to_owned())
}

/// Names and versions of the crates that come from nowhere: our own.
fn own_crates(lock: &str) -> Vec<(&str, &str)> {
    let quoted = |entry: &'_ str, key: &str| -> Option<(usize, usize)> {
        let start = entry.find(&format!("\n{key} = \""))? + key.len() + 5;
        Some((start, start + entry[start..].find('"')?))
    };
    let entries = lock.split("[[package]]").skip(1);
    let own = entries.filter(|entry| !entry.contains("\nsource = "));
    own.filter_map(|entry| {
        let (name, version) = (quoted(entry, "name")?, quoted(entry, "version")?);
        Some((&entry[name.0..name.1], &entry[version.0..version.1]))
    })
    .collect()
}

/// Values of the lines `KEY VALUE`, be they items of a list; they have no name.
fn values<'a>(yaml: &'a str, key: &str) -> Vec<(&'a str, &'a str)> {
    let of_line = |line: &'a str| {
        let value = line.trim_start_matches([' ', '-']).strip_prefix(key)?;
        Some(("", value.trim().trim_matches('"')))
    };
    yaml.lines().filter_map(of_line).collect()
}

/// Names and tags of the images that the lines `image: NAME:TAG` name.
fn image_tags(yaml: &str) -> Vec<(&str, &str)> {
    values(yaml, "image:")
        .into_iter()
        .map(|(_, image)| image.rsplit_once(':').unwrap_or((image, "")))
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
