//! Pages of JSON schemas: each field with its path, type, bounds and description.

use std::fs;
use std::path::Path;

use serde_json::Value;
use settings::reference::{heading, text};

use super::names::{code, or_dash};

/// Returns the page of the schema in the file `source`: `introduction`, fields of the root, then
/// a section for each object.
///
/// # Errors
/// Names the file if it cannot be read.
pub(super) fn page(
    root: &Path,
    source: &str,
    title: &str,
    introduction: &str,
) -> Result<String, String> {
    let schema = fs::read_to_string(root.join(source)).map_err(|error| error.to_string());
    let schema = schema.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
    let schema: Value = schema.map_err(|error| format!("{source}: {error}"))?;
    let schema = Schema(&schema);
    let mut out = heading(title, source);
    out.push_str(introduction);
    out.push('\n');
    let mut sections = Vec::new();
    let mut top = Vec::new();
    for (name, field) in schema.fields(schema.0) {
        let mut rows = Vec::new();
        schema.rows(&name, field, &mut rows);
        let own = rows.remove(0);
        match rows.as_slice() {
            [] => top.push(own),
            _ => sections.push((name, own[4].clone(), rows)),
        }
    }
    let about = "Fields outside the sections below.".to_owned();
    sections.insert(0, ("Top level".to_owned(), about, top));
    for (title, about, rows) in &sections {
        let header = ["name", "type", "default", "bounds", "meaning"];
        // A report has no defaults.
        let used: Vec<usize> = (0..header.len())
            .filter(|column| *column != 2 || rows.iter().any(|row| row[2] != "–"))
            .collect();
        let line = |cells: &[&str]| {
            let cells: Vec<&str> = used.iter().map(|column| cells[*column]).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        out.push_str(&format!("\n## {title}\n\n{about}\n\n"));
        out.push_str(&line(&header));
        out.push_str(&line(&["---"; 5]));
        for row in rows {
            out.push_str(&line(&row.each_ref().map(String::as_str)));
        }
    }
    Ok(out)
}

/// Path, type, default, bounds, description.
type Row = [String; 5];

/// A schema document, the target of its `$ref`s.
struct Schema<'a>(&'a Value);

impl<'a> Schema<'a> {
    /// Adds the row of a field, and those of the fields in it.
    fn rows(&self, path: &str, field: &'a Value, rows: &mut Vec<Row>) {
        let target = self.target(field);
        let mut descriptions: Vec<&str> = [field, target]
            .iter()
            .filter_map(|schema| schema["description"].as_str())
            .collect();
        descriptions.dedup();
        let default = field.get("default").map(|value| code(&value.to_string()));
        rows.push([
            code(path),
            self.kind(field),
            or_dash(default.unwrap_or_default()),
            or_dash(bounds(target)),
            or_dash(text(&descriptions.join(" "))),
        ]);
        let (path, inner) = match target.get("items") {
            Some(items) => (format!("{path}[]"), self.target(items)),
            None => (path.to_owned(), target),
        };
        for (name, field) in self.fields(inner) {
            self.rows(&format!("{path}.{name}"), field, rows);
        }
    }

    /// Returns the fields of an object, in the order of `required`, then by name.
    fn fields(&self, object: &'a Value) -> Vec<(String, &'a Value)> {
        let properties = object["properties"].as_object().into_iter().flatten();
        // Forbidden keys of a map are not fields.
        let properties = properties.filter(|(_, field)| field.is_object());
        let required = object["required"].as_array().into_iter().flatten();
        let required: Vec<&Value> = required.collect();
        let mut fields: Vec<_> = properties
            .map(|(name, field)| (name.clone(), field))
            .collect();
        fields.sort_by_key(|(name, _)| {
            let place = required.iter().position(|own| *own == name);
            place.unwrap_or(required.len())
        });
        fields
    }

    /// Returns the schema that a field refers to; for a nullable field, the non-null one.
    fn target(&self, field: &'a Value) -> &'a Value {
        let named = field["$ref"].as_str();
        let named = named.and_then(|path| self.0.pointer(path.trim_start_matches('#')));
        match named.or_else(|| other_than_null(field)) {
            Some(schema) => self.target(schema),
            None => field,
        }
    }

    fn kind(&self, field: &'a Value) -> String {
        let target = self.target(field);
        let words = target["enum"].as_array();
        let mut kinds: Vec<&str> = match &target["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if target["const"].is_number() => vec!["integer"],
            _ => vec!["string"],
        };
        if other_than_null(field).is_some() || words.is_some_and(|all| all.contains(&Value::Null)) {
            kinds.push("null");
        }
        kinds.join(" or ")
    }
}

/// Returns the non-null one of two alternatives.
fn other_than_null(field: &Value) -> Option<&Value> {
    let alternatives = field.get("anyOf").or(field.get("oneOf"))?.as_array()?;
    match alternatives.as_slice() {
        [null, other] | [other, null] if null["type"] == "null" => Some(other),
        _ => None,
    }
}

/// Returns the allowed values, bounds or pattern of a value.
fn bounds(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(code);
        return words.collect::<Vec<_>>().join(", ");
    }
    if let Some(comment) = schema["$comment"].as_str() {
        return comment.to_owned();
    }
    let limit = |key: &str| schema.get(key).map(Value::to_string);
    if let Some(value) = limit("const") {
        return value;
    }
    let least = limit("minimum").map(|least| format!("≥ {least}"));
    let above = limit("exclusiveMinimum").map(|least| format!("> {least}"));
    let most = limit("maximum").map(|most| format!("≤ {most}"));
    let limits: Vec<String> = [least, above, most].into_iter().flatten().collect();
    match schema["pattern"].as_str() {
        Some(pattern) if limits.is_empty() => code(pattern),
        _ => limits.join(", "),
    }
}
