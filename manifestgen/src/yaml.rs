//! Writes JSON values as YAML that every reader reads the same way.
//!
//! Invariant: strings survive YAML 1.1 and 1.2 (held by `odd_strings_survive_yaml_readers`).
//!
//! Kubernetes tools read YAML 1.1, where `on`, `y` and `0123` are not text:
//! only strings that no reader could mistake stay unquoted. The
//! writer knows its depth, so that [`crate::helm`], which puts template
//! actions in place of fields through [`Dressing`], need not count columns.

use serde_json::Value;

/// Text around or in place of the fields of a tree. Each method
/// takes a JSON pointer; lines come back with their indent.
pub trait Dressing {
    /// Changes a scalar's text, as it stands in the file.
    fn text(&self, text: String) -> String {
        text
    }
    /// The line that opens a condition around the field.
    fn guard(&self, _pointer: &str) -> Option<String> {
        None
    }
    /// The field itself; `head` is its key with the colon, or a list's dash.
    fn field(&self, _pointer: &str, _head: &str, _indent: usize) -> Option<Vec<String>> {
        None
    }
    /// Lines after the last entry of a list or map.
    fn tail(&self, _pointer: &str, _indent: usize) -> Vec<String> {
        Vec::new()
    }
    /// The comment above the field.
    fn comment(&self, _pointer: &str) -> Option<&str> {
        None
    }
}

/// Comments alone.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(pub &'a [(String, &'static str)]);

impl Dressing for Plain<'_> {
    fn comment(&self, pointer: &str) -> Option<&str> {
        let mut comments = self.0.iter();
        comments.find_map(|(at, comment)| (at == pointer).then_some(*comment))
    }
}

/// Escapes a key for a JSON pointer.
pub(crate) fn pointer_key(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Words that YAML 1.1 or 1.2 does not read as strings.
const RESERVED: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
];

/// A string as a scalar on one line, in double quotes unless it is safe without.
pub fn scalar(text: &str) -> String {
    let bare = text
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'/')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { quoted(text) }
}

/// A string in double quotes. JSON's escapes are YAML's too; what YAML does not
/// allow as it is, and JSON does, is escaped here.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' | '\u{a0}'..='\u{d7ff}' if !matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push(c);
            }
            '\0'..='\u{ff}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{100}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Returns whether a string can be written as a literal block, line by line.
pub fn is_block(text: &str) -> bool {
    (text.contains('\n') || (text.contains('"') && !text.contains('\\')))
        && !text.starts_with([' ', '\n'])
        && !text.ends_with('\n')
        && text.lines().all(|line| !line.ends_with(' '))
        && text
            .chars()
            .all(|c| matches!(c, '\n' | ' '..='~' | '\u{a1}'..='\u{2027}'))
}

/// A document: the tree, from its first line to its last line feed.
pub fn document(tree: &Value, dressing: &dyn Dressing) -> String {
    let mut lines = Vec::new();
    children(tree, "", 0, dressing, &mut lines);
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

/// Order of a key: those that people look for come first.
fn rank(key: &str) -> usize {
    const FIRST: [&str; 7] = [
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "alert",
        "record",
        "key",
    ];
    FIRST.iter().position(|k| *k == key).unwrap_or(FIRST.len())
}

/// Lines of a map's or list's entries.
fn children(
    tree: &Value,
    pointer: &str,
    indent: usize,
    dressing: &dyn Dressing,
    lines: &mut Vec<String>,
) {
    let pad = " ".repeat(indent);
    match tree {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| (rank(key), *key));
            for key in keys {
                let at = format!("{pointer}/{}", pointer_key(key));
                let head = format!("{}:", scalar(key));
                around(&at, &pad, dressing, lines, |lines| {
                    let value = map.get(key).unwrap_or(&Value::Null);
                    field(value, &at, &head, indent, dressing, lines);
                });
            }
        }
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                let at = format!("{pointer}/{index}");
                around(&at, &pad, dressing, lines, |lines| {
                    entry(item, &at, indent, dressing, lines);
                });
            }
        }
        _ => {}
    }
    lines.extend(dressing.tail(pointer, indent));
}

/// Comment and condition around what `inner` writes.
fn around(
    pointer: &str,
    pad: &str,
    dressing: &dyn Dressing,
    lines: &mut Vec<String>,
    inner: impl FnOnce(&mut Vec<String>),
) {
    let guard = dressing.guard(pointer);
    lines.extend(guard.iter().map(|guard| format!("{pad}{guard}")));
    if let Some(comment) = dressing.comment(pointer) {
        lines.extend(comment.lines().map(|line| format!("{pad}# {line}")));
    }
    inner(lines);
    if guard.is_some() {
        lines.push(format!("{pad}{{{{- end }}}}"));
    }
}

/// A key with what belongs to it.
fn field(
    value: &Value,
    pointer: &str,
    head: &str,
    indent: usize,
    dressing: &dyn Dressing,
    lines: &mut Vec<String>,
) {
    let pad = " ".repeat(indent);
    if let Some(own) = dressing.field(pointer, head, indent) {
        lines.extend(own);
        return;
    }
    let is_empty = match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => true,
    };
    match value {
        Value::String(text) if is_block(text) => {
            lines.push(format!("{pad}{head} |-"));
            for line in text.lines() {
                let line = format!("{pad}  {}", dressing.text(line.to_owned()));
                lines.push(line.trim_end().to_owned());
            }
        }
        _ if is_empty => {
            lines.push(format!("{pad}{head} {}", dressing.text(inline(value))));
        }
        _ => {
            lines.push(format!("{pad}{head}"));
            children(value, pointer, indent + 2, dressing, lines);
        }
    }
}

/// One entry of a list. A map's first line stands beside the dash.
fn entry(
    item: &Value,
    pointer: &str,
    indent: usize,
    dressing: &dyn Dressing,
    lines: &mut Vec<String>,
) {
    match item {
        Value::Object(map) if !map.is_empty() => {
            let mut inner = Vec::new();
            children(item, pointer, indent + 2, dressing, &mut inner);
            if let Some(first) = inner.first_mut() {
                first.replace_range(indent..=indent, "-");
            }
            lines.extend(inner);
        }
        _ => field(item, pointer, "-", indent, dressing, lines),
    }
}

/// A scalar, or an empty list or map.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}
