//! What the values' types say to people and to Helm: values.yaml with its
//! comments, values.schema.json, the table of the README.
//!
//! All three walk the schema that the types yield, so a value without a type,
//! a default or a comment cannot be: [`described`] refuses it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::MARK;
use crate::values::Values;
use crate::yaml;

/// One value with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Path, with dots.
    pub path: String,
    /// Its comment.
    pub comment: String,
    /// Its default; for a group of values, all of theirs.
    pub default: Value,
    /// Words for its type.
    pub kind: String,
    /// Values under it; none for a map of free form.
    pub children: Vec<Entry>,
}

/// The schema as the types yield it, in draft 07, without references.
fn raw_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<Values>()
        .to_value()
}

/// Every value, in the order of the types.
///
/// # Errors
/// The path of a value without comment or type, or an error of JSON.
pub fn described(values: &Values) -> Result<Vec<Entry>, String> {
    let text = serde_json::to_string(values).map_err(|error| error.to_string())?;
    let ordered: Ordered = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let defaults: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    entries(&raw_schema(), &ordered, &defaults, "")
}

fn entries(
    schema: &Value,
    ordered: &Ordered,
    defaults: &Value,
    parent: &str,
) -> Result<Vec<Entry>, String> {
    let Ordered::Map(keys) = ordered else {
        return Err(format!("{parent} is not a map"));
    };
    keys.iter()
        .map(|(key, inner)| {
            let path = match parent {
                "" => key.clone(),
                _ => format!("{parent}.{key}"),
            };
            let schema = &schema["properties"][key];
            let default = defaults[key].clone();
            let comment = schema["description"].as_str().unwrap_or_default();
            let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            if comment.is_empty() {
                return Err(format!("value {path} has no comment"));
            }
            // Every other map takes more keys than its schema names.
            let children = if schema["additionalProperties"] == false {
                entries(schema, inner, &default, &path)?
            } else {
                Vec::new()
            };
            Ok(Entry {
                kind: kind(schema).ok_or_else(|| format!("value {path} has no type"))?,
                path,
                comment,
                default,
                children,
            })
        })
        .collect()
}

fn kind(schema: &Value) -> Option<String> {
    Some(match schema["type"].as_str()? {
        "array" => "list".to_owned(),
        "object" => "map".to_owned(),
        other => other.to_owned(),
    })
}

/// Paths of the values that are maps of free form.
pub fn free_maps(entries: &[Entry]) -> BTreeSet<String> {
    let mut free = BTreeSet::new();
    for entry in entries {
        if entry.kind == "map" && entry.children.is_empty() {
            free.insert(entry.path.clone());
        }
        free.extend(free_maps(&entry.children));
    }
    free
}

/// values.yaml: every value with its default, under its comment.
pub fn values_yaml(entries: &[Entry]) -> String {
    let mut out = format!(
        "# {MARK}\n# Change the types in manifestgen/src/values.rs and run `just generate`.\n\
         # An installation's own values belong into a file of their own: `-f my-values.yaml`.\n"
    );
    write_entries(entries, 0, &mut out);
    out
}

fn write_entries(entries: &[Entry], indent: usize, out: &mut String) {
    for entry in entries {
        if indent == 0 {
            out.push('\n');
        }
        write_comment(&entry.comment, indent, out);
        write_entry(entry, indent, out);
    }
}

fn write_entry(entry: &Entry, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    let key = entry.path.rsplit('.').next().unwrap_or_default();
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
        let key = own.path.rsplit('.').next().unwrap_or_default();
        if own.children.is_empty() {
            write_comment(&own.comment, indent, out);
            // Helm merges maps: a key that is gone has to be said.
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

/// The schema with defaults, for Helm and for editors.
pub fn schema_json(entries: &[Entry]) -> Result<String, String> {
    let mut schema = raw_schema();
    tidy(&mut schema, entries);
    schema["$comment"] = MARK.into();
    schema["title"] = "Values of the chart binbots-k8s".into();
    // The message of a whole-object rule would name no key: the exporter says it.
    let mut text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

fn tidy(schema: &mut Value, entries: &[Entry]) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    // Helm drops a key that is set to null, which is how a map's default is
    // emptied: lists and maps may be missing, everything else may not.
    if let Some(Value::Array(required)) = map.get_mut("required") {
        required.retain(|key| {
            entries.iter().any(|entry| {
                entry.path.rsplit('.').next() == key.as_str()
                    && !(entry.children.is_empty() && matches!(entry.kind.as_str(), "list" | "map"))
            })
        });
    }
    for entry in entries {
        let key = entry.path.rsplit('.').next().unwrap_or_default();
        let Some(own) = map.get_mut("properties").and_then(|all| all.get_mut(key)) else {
            continue;
        };
        own["description"] = entry.comment.clone().into();
        if let Some(own) = own.as_object_mut() {
            own.remove("format");
        }
        if entry.children.is_empty() {
            own["default"] = entry.default.clone();
        } else {
            tidy(own, &entry.children);
        }
    }
}

/// A row of the README's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Path.
    pub path: String,
    /// Default, as JSON.
    pub default: String,
    /// Comment.
    pub comment: String,
}

/// The table of the README: every value once.
pub fn table(entries: &[Entry]) -> Vec<Row> {
    let mut rows = Vec::new();
    for entry in entries {
        if entry.children.is_empty() {
            let cell = |text: &str| text.replace('|', "\\|");
            rows.push(Row {
                path: entry.path.clone(),
                default: cell(&entry.default.to_string()),
                comment: cell(&entry.comment),
            });
        }
        rows.extend(table(&entry.children));
    }
    rows
}

/// Every value as JSON.
///
/// # Errors
/// When it cannot be written.
pub fn json(values: &Values) -> Result<Value, String> {
    serde_json::to_value(values).map_err(|error| error.to_string())
}

/// Only what differs from the defaults, as Helm takes it with `-f`.
pub fn difference(default: &Value, own: &Value) -> Value {
    match (default, own) {
        (Value::Object(default), Value::Object(own)) => {
            let mut out = Map::new();
            for (key, value) in own {
                match default.get(key) {
                    Some(before) if before == value => {}
                    Some(before) => {
                        out.insert(key.clone(), difference(before, value));
                    }
                    None => {
                        out.insert(key.clone(), value.clone());
                    }
                }
            }
            for key in default.keys().filter(|key| !own.contains_key(*key)) {
                out.insert(key.clone(), json!(null));
            }
            Value::Object(out)
        }
        _ => own.clone(),
    }
}

/// JSON that remembers the order of its keys, which is that of the types.
enum Ordered {
    Map(Vec<(String, Ordered)>),
    Other,
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Ordered;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered::Map(entries))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
                while seq.next_element::<Ordered>()?.is_some() {}
                Ok(Ordered::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Ordered, E> {
                Ok(Ordered::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Ordered, E> {
                Ok(Ordered::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Ordered, E> {
                Ok(Ordered::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Ordered, E> {
                Ok(Ordered::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Ordered, E> {
                Ok(Ordered::Other)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
