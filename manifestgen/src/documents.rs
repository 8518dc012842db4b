//! values.yaml with its comments, and values.schema.json, from the types of the values.
//!
//! Invariant: every value has a type, a default and a comment (held by
//! `values_have_type_default_and_comment`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::MARK;
use crate::values::Values;
use crate::yaml;

/// A value with its documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Path, with dots.
    pub path: String,
    /// Its comment.
    pub comment: String,
    /// Its limits in words; empty if the schema shows them.
    pub limits: String,
    /// Its default; for a group of values, all of theirs.
    pub default: Value,
    /// Its type in JSON Schema.
    pub kind: String,
    /// Values under it; none for a map of free form.
    pub children: Vec<Entry>,
}

impl Entry {
    fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Returns the schema of the types, in draft 07, without references.
fn raw_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<Values>()
        .to_value()
}

/// Returns every value, in the order of the types.
///
/// # Errors
/// The path of a value without comment or type, or an error of JSON.
pub fn described(values: &Values) -> Result<Vec<Entry>, String> {
    let values = serde_json::to_value(values).map_err(|error| error.to_string())?;
    entries(&raw_schema(), &values, "")
}

fn entries(schema: &Value, values: &Value, parent: &str) -> Result<Vec<Entry>, String> {
    // No value of the types is optional, and this list is in their order.
    let keys = schema["required"].as_array().into_iter().flatten();
    keys.filter_map(Value::as_str)
        .map(|key| {
            let path = match parent {
                "" => key.to_owned(),
                _ => format!("{parent}.{key}"),
            };
            let schema = &schema["properties"][key];
            let comment = schema["description"].as_str().unwrap_or_default();
            let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            if comment.is_empty() {
                return Err(format!("value {path} has no comment"));
            }
            // Every other map accepts more keys than its schema names.
            let children = if schema["additionalProperties"] == false {
                entries(schema, &values[key], &path)?
            } else {
                Vec::new()
            };
            let kind = schema["type"].as_str();
            Ok(Entry {
                kind: kind
                    .ok_or_else(|| format!("value {path} has no type"))?
                    .to_owned(),
                path,
                comment,
                limits: schema["$comment"].as_str().unwrap_or_default().to_owned(),
                default: values[key].clone(),
                children,
            })
        })
        .collect()
}

/// Returns the values that are no groups.
pub fn leaves(entries: &[Entry]) -> Vec<&Entry> {
    let leaves = entries
        .iter()
        .flat_map(|entry| match entry.children.as_slice() {
            [] => vec![entry],
            children => leaves(children),
        });
    leaves.collect()
}

/// Returns values.yaml: every value with its default, under its comment.
pub fn values_yaml(entries: &[Entry]) -> String {
    let mut out = format!(
        "# {MARK}\n# Change the types in manifestgen/src/values.rs and run `just generate`.\n\
         # Put your values into a separate file: `-f my-values.yaml`.\n"
    );
    write_entries(entries, 0, &mut out);
    out
}

fn write_entries(entries: &[Entry], indent: usize, out: &mut String) {
    for entry in entries {
        if indent == 0 {
            out.push('\n');
        }
        match entry.limits.as_str() {
            "" => write_comment(&entry.comment, indent, out),
            limits => write_comment(
                &format!("{} Accepted: {limits}.", entry.comment),
                indent,
                out,
            ),
        }
        write_entry(entry, indent, out);
    }
}

fn write_entry(entry: &Entry, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    let key = entry.key();
    if entry.children.is_empty() {
        let mut one = Map::new();
        one.insert(key.to_owned(), entry.default.clone());
        for line in yaml::document(&Value::Object(one), &yaml::Plain(&[])).lines() {
            let _ = writeln!(out, "{pad}{line}");
        }
    } else {
        let _ = writeln!(out, "{pad}{key}:");
        write_entries(&entry.children, indent + 2, out);
    }
}

fn write_comment(comment: &str, indent: usize, out: &mut String) {
    const WIDTH: usize = 78;
    let pad = " ".repeat(indent);
    let mut line = String::new();
    for word in comment.split(' ') {
        if !line.is_empty() && indent + line.len() + word.len() + 3 > WIDTH {
            let _ = writeln!(out, "{pad}#{line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{pad}#{line}");
}

/// Returns the values that differ from the defaults, under their comments, and
/// those of the paths in `stated`, which may be the defaults.
///
/// # Errors
/// The path of a value without comment or type, or an error of JSON.
pub fn overrides_yaml(purpose: &str, values: &Values, stated: &[&str]) -> Result<String, String> {
    let defaults = described(&Values::default())?;
    let own = described(values)?;
    let mut out = format!(
        "# {MARK}\n# {purpose}\n# Change manifestgen/src/values.rs and run `just generate`.\n"
    );
    let before = out.len();
    write_overrides(&defaults, &own, stated, 0, &mut out);
    if out.len() == before {
        out.push_str("{}\n");
    }
    Ok(out)
}

fn write_overrides(
    defaults: &[Entry],
    own: &[Entry],
    stated: &[&str],
    indent: usize,
    out: &mut String,
) {
    let pad = " ".repeat(indent);
    for (default, own) in defaults.iter().zip(own) {
        let is_stated = stated.iter().any(|path| {
            let rest = path.strip_prefix(own.path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if default.default == own.default && !is_stated {
            continue;
        }
        let key = own.key();
        if own.children.is_empty() {
            write_comment(&own.comment, indent, out);
            // Helm merges maps: a removed key must be set to null.
            let mut value = own.default.clone();
            if let (Value::Object(value), Value::Object(before)) = (&mut value, &default.default) {
                for key in before.keys() {
                    value.entry(key).or_insert(Value::Null);
                }
            }
            let entry = Entry {
                default: value,
                ..own.clone()
            };
            write_entry(&entry, indent, out);
        } else {
            let _ = writeln!(out, "{pad}{key}:");
            write_overrides(&default.children, &own.children, stated, indent + 2, out);
        }
    }
}

/// Returns the schema with defaults, for Helm and for editors. `reserved` has keys that
/// objects set themselves, by the map that adds to them.
///
/// # Errors
/// When it cannot be written.
pub fn schema_json(
    entries: &[Entry],
    reserved: &BTreeMap<String, BTreeSet<String>>,
) -> Result<String, String> {
    let mut schema = raw_schema();
    tidy(&mut schema, entries, reserved);
    schema["$comment"] = MARK.into();
    schema["title"] = "Values of the chart binbots-k8s".into();
    let mut text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

fn tidy(schema: &mut Value, entries: &[Entry], reserved: &BTreeMap<String, BTreeSet<String>>) {
    // Helm drops keys that are set to null, by which users empty a map with a default: lists
    // and maps may be missing, everything else may not.
    let may_be_missing = |entry: &&Entry| {
        entry.children.is_empty() && matches!(entry.kind.as_str(), "array" | "object")
    };
    let required = entries.iter().filter(|entry| !may_be_missing(entry));
    schema["required"] = required.map(Entry::key).collect();
    for entry in entries {
        let own = &mut schema["properties"][entry.key()];
        own["description"] = entry.comment.clone().into();
        if let Some(own) = own.as_object_mut() {
            own.remove("format");
        }
        // A key set twice would be twice in the manifest. Each is refused by name, which both
        // versions of Helm show in their message.
        if let Some(keys) = reserved.get(&entry.path) {
            let refused = keys.iter().map(|key| (key.clone(), Value::Bool(false)));
            own["properties"] = refused.collect::<Map<_, _>>().into();
        }
        if entry.children.is_empty() {
            own["default"] = entry.default.clone();
        } else {
            tidy(own, &entry.children, reserved);
        }
    }
}
