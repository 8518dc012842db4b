//! All files of deploy/ and helm/, and the reference page of the alerts: made in memory, then
//! written or compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use askama::Template;
use serde::Deserialize;

use crate::builder::Problem;
use crate::documents::{self, Entry};
use crate::objects::{self, dashboard};
use crate::term::Sources;
use crate::values::{Strings, Values};
use crate::{MARK, helm, picture, yaml};

/// The folders in which every file is generated.
pub const FOLDERS: [&str; 2] = ["deploy", "helm"];

/// Files by their path from the project's root.
pub type Files = BTreeMap<String, String>;

#[derive(Template)]
#[template(path = "Chart.yaml", escape = "none", syntax = "go")]
struct Chart;

#[derive(Template)]
#[template(path = "NOTES.txt", escape = "none", syntax = "go")]
struct Notes;

#[derive(Template)]
#[template(path = "README.md", escape = "none", syntax = "go")]
struct Readme;

#[derive(Template)]
#[template(path = "alerts.md", escape = "none", syntax = "go")]
#[derive(Deserialize)]
struct Alerts {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// A recording rule or an alert of the PrometheusRule.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    hold: String,
    labels: Strings,
    annotations: Strings,
}

/// Returns all files.
///
/// # Errors
/// One line for each problem.
pub fn files() -> Result<Files, Vec<String>> {
    let one = |error: String| vec![error];
    let entries = documents::described(&Values::default()).map_err(one)?;
    let mut files = deploy(&Values::default())?;
    let (sources, reserved) = templates(&mut files).map_err(|problem| one(problem.to_string()))?;
    check_values(&entries, &sources)?;
    let mut put = |path: &str, text: String| files.insert(format!("helm/{path}"), text);
    let render = |result: askama::Result<String>| result.map_err(|error| one(error.to_string()));
    put("templates/_helpers.tpl", helpers(&sources));
    put("Chart.yaml", render(Chart.render())?);
    put("templates/NOTES.txt", render(Notes.render())?);
    put("README.md", render(Readme.render())?);
    put(".helmignore", format!("# {MARK}\n/ci/\n*.orig\n*.swp\n"));
    put("values.yaml", documents::values_yaml(&entries));
    put(
        "values.schema.json",
        documents::schema_json(&entries, &reserved).map_err(one)?,
    );
    let ci = Values::ci().into_iter().map(|(name, values)| {
        let path = format!("ci/{name}-values.yaml");
        (
            path,
            "Values with which the chart is tested.",
            values,
            &[][..],
        )
    });
    let environments = [
        (
            "values-dev.yaml".to_owned(),
            "For a development cluster: -f values.yaml -f values-dev.yaml",
            Values::dev(),
            &[][..],
        ),
        (
            "values-prod.yaml".to_owned(),
            "For a production cluster: -f values.yaml -f values-prod.yaml",
            Values::prod(),
            // Shown even though it is the default: an administrator must choose it deliberately.
            &["exporter.via"],
        ),
    ];
    for (path, purpose, values, stated) in ci.chain(environments) {
        let text = documents::overrides_yaml(purpose, &values, stated).map_err(one)?;
        put(&path, text);
    }
    put(dashboard::CHART_PATH, dashboard::json());
    let alerts = alerts().map_err(|problem| one(problem.to_string()))?;
    files.insert("docs/reference/alerts.md".to_owned(), alerts);
    let picture = render(picture::svg(&dashboard::dashboard()))?;
    files.insert("docs/pictures/dashboard-nodes.svg".to_owned(), picture);
    Ok(files)
}

/// The page of the recording rules and alerts.
fn alerts() -> Result<String, Problem> {
    let manifests = objects::deploy(&Values::default())?;
    let mut manifests = manifests.into_iter();
    let rule = manifests.find(|manifest| manifest.tree["kind"] == "PrometheusRule");
    let spec = rule.map(|mut rule| rule.tree["spec"].take());
    let problem = |error: &dyn fmt::Display| Problem::new("alerts.md", error);
    let alerts: Alerts =
        serde_json::from_value(spec.unwrap_or_default()).map_err(|error| problem(&error))?;
    alerts.render().map_err(|error| problem(&error))
}

/// Returns deploy/ with these values.
///
/// # Errors
/// When an object cannot be built.
pub fn deploy(values: &Values) -> Result<Files, Vec<String>> {
    let mut files = Files::new();
    for manifest in objects::deploy(values).map_err(|problem| vec![problem.to_string()])? {
        let file = files
            .entry(format!("deploy/{}", manifest.file))
            .or_insert_with(|| {
                format!(
                    "# {MARK}\n# Change manifestgen/src/objects/ or manifestgen/src/values.rs.\n"
                )
            });
        file.push_str("---\n");
        file.push_str(&yaml::document(
            &manifest.tree,
            &yaml::Plain(&manifest.comments),
        ));
    }
    files.insert(
        format!("deploy/dashboards/{}", dashboard::FILE),
        dashboard::json(),
    );
    Ok(files)
}

/// Keys that objects set themselves, by the map that adds to them.
type Reserved = BTreeMap<String, BTreeSet<String>>;

/// Adds the templates; returns what they depend on, and reserved keys.
fn templates(files: &mut Files) -> Result<(Sources, Reserved), Problem> {
    let mut sources = Sources::default();
    let mut reserved = Reserved::new();
    for object in objects::all() {
        let shape = object.shape()?;
        let file = files
            .entry(format!("helm/templates/{}", object.file))
            .or_insert_with(|| {
                format!("{{{{- /* {MARK} Change manifestgen/src/objects/. */ -}}}}\n")
            });
        // An omitted document is only its separator line.
        file.push_str("---\n");
        file.push_str(&helm::template(&shape));
        sources.extend(&shape.notes.sources);
        for (path, keys) in shape.notes.reserved {
            reserved.entry(path).or_default().extend(keys);
        }
    }
    Ok((sources, reserved))
}

/// The named templates.
fn helpers(sources: &Sources) -> String {
    let mut text = format!("{{{{- /* {MARK} Change manifestgen/src/objects/names.rs. */ -}}}}\n");
    for (name, body) in &sources.helpers {
        text.push_str(&format!(
            "\n{{{{- define \"{name}\" -}}}}\n{body}\n{{{{- end }}}}\n"
        ));
    }
    text
}

/// Checks that the templates read every value, and no others.
fn check_values(entries: &[Entry], sources: &Sources) -> Result<(), Vec<String>> {
    let leaves = documents::leaves(entries);
    let leaves: BTreeSet<&str> = leaves.iter().map(|entry| entry.path.as_str()).collect();
    let read: BTreeSet<&str> = sources.values.iter().map(String::as_str).collect();
    let unused = leaves.difference(&read).filter(|path| **path != "global");
    let unused = unused.map(|path| format!("value {path} is used by no object"));
    let unknown = read.difference(&leaves);
    let unknown = unknown.map(|path| format!("value {path} does not exist"));
    let problems: Vec<String> = unused.chain(unknown).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems),
    }
}

/// Returns the paths of files that differ from those to be written, each with the reason.
///
/// # Errors
/// When a folder cannot be read.
pub fn differences(root: &Path, files: &Files) -> io::Result<Vec<(String, &'static str)>> {
    let mut out = Vec::new();
    for (path, text) in files {
        match fs::read_to_string(root.join(path)) {
            Ok(found) if found == *text => {}
            Ok(_) => out.push((path.clone(), "differs")),
            Err(_) => out.push((path.clone(), "is missing")),
        }
    }
    for folder in FOLDERS {
        for path in walk(root, &root.join(folder))? {
            if !files.contains_key(&path) {
                out.push((path, "is not generated"));
            }
        }
    }
    Ok(out)
}

/// Writes the files that differ; removes those that an earlier version generated.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path, files: &Files) -> io::Result<usize> {
    let mut written = 0;
    for (path, reason) in differences(root, files)? {
        let target = root.join(&path);
        if let Some(text) = files.get(&path) {
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(at(folder))?;
            }
            fs::write(&target, text).map_err(at(&target))?;
            written += 1;
        } else if reason == "is not generated"
            && fs::read_to_string(&target).is_ok_and(|text| text.contains(MARK))
        {
            fs::remove_file(&target).map_err(at(&target))?;
        }
    }
    Ok(written)
}

/// Adds the file's name to an error.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Files under a folder, by their path from the root.
fn walk(root: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}
