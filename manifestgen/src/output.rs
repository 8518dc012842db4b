//! All files of deploy/ and helm/: made in memory, then written or compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use askama::Template;
use serde_json::Value;

use crate::documents::{self, Row};
use crate::objects::{self, Object, Place, dashboard};
use crate::overlay::{self, Context, Helper};
use crate::values::Values;
use crate::{MARK, chart, helm, yaml};

/// The generated folders.
pub const FOLDERS: [&str; 2] = ["deploy", "helm"];

/// Files by their path from the project's root.
pub type Files = BTreeMap<String, String>;

#[derive(Template)]
#[template(path = "Chart.yaml", escape = "none", syntax = "go")]
struct Chart<'a> {
    mark: &'a str,
    name: &'a str,
    version: &'a str,
    kube_version: &'a str,
    home: &'a str,
    tag: &'a str,
}

#[derive(Template)]
#[template(path = "_helpers.tpl", escape = "none", syntax = "go")]
struct Helpers<'a> {
    mark: &'a str,
    name: &'a str,
    port: u16,
}

#[derive(Template)]
#[template(path = "NOTES.txt", escape = "none", syntax = "go")]
struct Notes<'a> {
    mark: &'a str,
    port: u16,
    agent_port: u16,
    kubelet_port: u16,
    metrics: &'a str,
}

#[derive(Template)]
#[template(path = "README.md", escape = "none", syntax = "go")]
struct Readme<'a> {
    mark: &'a str,
    kube_version: &'a str,
    tag: &'a str,
    rows: Vec<Row>,
}

/// Makes all files, after every overlay has been checked.
///
/// # Errors
/// One line for each thing that does not fit.
pub fn files() -> Result<Files, Vec<String>> {
    let one = |error: String| vec![error];
    let defaults = Values::default();
    let entries = documents::described(&defaults).map_err(one)?;
    let json = documents::json(&defaults).map_err(one)?;
    let objects = objects::all(&defaults).map_err(|error| one(error.to_string()))?;
    let full = Values::full_ci()
        .iter()
        .map(documents::json)
        .collect::<Result<Vec<_>, _>>()
        .map_err(one)?;
    overlay::check(&objects, &json, &full, &documents::free_maps(&entries))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;

    let mut files = deploy(&objects).map_err(one)?;
    templates(&objects, &mut files);
    let mut put = |path: &str, text: String| files.insert(format!("helm/{path}"), text);
    let render = |result: askama::Result<String>| result.map_err(|error| one(error.to_string()));
    put(
        "Chart.yaml",
        render(
            Chart {
                mark: MARK,
                name: chart::NAME,
                version: chart::VERSION,
                kube_version: chart::KUBE_VERSION,
                home: chart::HOME,
                tag: &chart::image_tag(),
            }
            .render(),
        )?,
    );
    put(
        "templates/_helpers.tpl",
        render(
            Helpers {
                mark: MARK,
                name: chart::NAME,
                port: contract::EXPORTER_PORT,
            }
            .render(),
        )?,
    );
    put(
        "templates/NOTES.txt",
        render(
            Notes {
                mark: MARK,
                port: contract::EXPORTER_PORT,
                agent_port: contract::AGENT_PORT,
                kubelet_port: contract::kubelet::PORT,
                metrics: contract::path::METRICS,
            }
            .render(),
        )?,
    );
    put(
        "README.md",
        render(
            Readme {
                mark: MARK,
                kube_version: chart::KUBE_VERSION,
                tag: &chart::image_tag(),
                rows: documents::table(&entries),
            }
            .render(),
        )?,
    );
    put(".helmignore", format!("# {MARK}\n/ci/\n*.orig\n*.swp\n"));
    put("values.yaml", documents::values_yaml(&entries));
    put(
        "values.schema.json",
        documents::schema_json(&entries).map_err(one)?,
    );
    for (name, purpose, values, stated) in [
        (
            "dev",
            "For a cluster in which people try things: -f values.yaml -f values-dev.yaml",
            Values::dev(),
            &[][..],
        ),
        (
            "prod",
            "For a cluster that people depend on: -f values.yaml -f values-prod.yaml",
            Values::prod(),
            // A choice to make, for the security of the cluster.
            &["exporter.via"],
        ),
    ] {
        put(
            &format!("values-{name}.yaml"),
            documents::overrides_yaml(purpose, &values, stated).map_err(one)?,
        );
    }
    for (name, values) in &Values::ci() {
        put(
            &format!("ci/{name}-values.yaml"),
            documents::overrides_yaml("Values with which the chart is tested.", values, &[])
                .map_err(one)?,
        );
    }
    put(
        dashboard::CHART_PATH,
        dashboard::json().map_err(|error| one(error.to_string()))?,
    );
    let missing = missing_helpers(&files);
    if missing.is_empty() {
        Ok(files)
    } else {
        Err(vec![format!("_helpers.tpl lacks {}", missing.join(", "))])
    }
}

/// deploy/ alone, with other images than the defaults: what `just deploy` applies.
///
/// # Errors
/// When an object cannot be built.
pub fn deploy_with(values: &Values) -> Result<Files, Vec<String>> {
    let objects = objects::all(values).map_err(|error| vec![error.to_string()])?;
    deploy(&objects).map_err(|error| vec![error])
}

/// Returns the objects that the chart renders with these values, without hooks: those
/// of a release of the chart's name.
///
/// # Errors
/// The first overlay that cannot be applied.
pub fn rendered(values: &Values) -> Result<Vec<Value>, String> {
    let json = documents::json(values)?;
    let context = Context {
        values: &json,
        release: chart::NAME,
    };
    let objects = objects::all(&Values::default()).map_err(|error| error.to_string())?;
    objects
        .iter()
        .filter(|object| object.tree["kind"] != "Pod")
        .filter_map(|object| overlay::render(object, context).transpose())
        .collect::<Result<_, _>>()
        .map_err(|problem| problem.to_string())
}

fn deploy(objects: &[Object]) -> Result<Files, String> {
    let mut files = Files::new();
    for object in objects.iter().filter(|object| object.place == Place::Both) {
        let file = files
            .entry(format!("deploy/{}", object.file))
            .or_insert_with(|| {
                format!("# {MARK}\n# Change manifestgen/src/objects/ or values.rs beside it.\n")
            });
        file.push_str("---\n");
        file.push_str(&yaml::document(
            &object.tree,
            &yaml::Plain(&object.comments),
        ));
    }
    files.insert(
        format!("deploy/dashboards/{}", dashboard::FILE),
        dashboard::json().map_err(|error| error.to_string())?,
    );
    Ok(files)
}

fn templates(objects: &[Object], files: &mut Files) {
    for object in objects {
        let file = files
            .entry(format!("helm/templates/{}", object.file))
            .or_insert_with(|| {
                format!("{{{{- /* {MARK} Change manifestgen/src/objects/. */ -}}}}\n")
            });
        // A document that a condition leaves out leaves nothing but its line.
        file.push_str("---\n");
        file.push_str(&helm::template(object));
    }
}

/// Named templates that overlays call and `_helpers.tpl` does not have.
fn missing_helpers(files: &Files) -> Vec<&'static str> {
    let text = files
        .get("helm/templates/_helpers.tpl")
        .map_or("", String::as_str);
    Helper::ALL
        .iter()
        .map(|helper| helper.template())
        .filter(|name| !text.contains(&format!("define \"{name}\"")))
        .collect()
}

/// Paths that differ from what would be written, each with the reason.
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

/// Writes what differs; removes what an earlier version generated.
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

/// Names the file in an error.
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
