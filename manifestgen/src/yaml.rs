//! Writes JSON values as YAML that every reader reads the same way.
//!
//! Invariant: strings survive YAML 1.1 and 1.2 (held by `odd_strings_survive_yaml_readers`).
//!
//! Kubernetes tools read YAML 1.1, where `on`, `y` and `0123` are not text:
//! only strings that no reader could mistake stay unquoted. The
//! writer knows its depth, so that [`crate::helm`], which puts template
//! actions in place of fields through [`Decorator`], need not count columns.

use serde_json::Value;

/// Text around or in place of the fields of a tree. Each method
/// takes a JSON pointer; lines come back with their indent.
pub trait Decorator {
    /// Changes the text of a scalar, quotes included.
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

impl Decorator for Plain<'_> {
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
pub fn document(tree: &Value, decorator: &dyn Decorator) -> String {
    let mut writer = Writer {
        decorator,
        lines: Vec::new(),
    };
    writer.children(tree, "", 0);
    writer.lines.join("\n") + "\n"
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

struct Writer<'a> {
    decorator: &'a dyn Decorator,
    lines: Vec<String>,
}

impl Writer<'_> {
    /// Writes the entries of a map or list, each after its condition and comment.
    fn children(&mut self, tree: &Value, pointer: &str, indent: usize) {
        let pad = " ".repeat(indent);
        for (key, head, value) in entries(tree) {
            let at = format!("{pointer}/{}", pointer_key(&key));
            let guard = self.decorator.guard(&at);
            self.lines
                .extend(guard.iter().map(|guard| format!("{pad}{guard}")));
            let comment = self.decorator.comment(&at).unwrap_or_default();
            self.lines
                .extend(comment.lines().map(|line| format!("{pad}# {line}")));
            self.field(value, &at, &head, indent);
            if guard.is_some() {
                self.lines.push(format!("{pad}{{{{- end }}}}"));
            }
        }
        self.lines.extend(self.decorator.tail(pointer, indent));
    }

    /// Writes a value after its head.
    fn field(&mut self, value: &Value, pointer: &str, head: &str, indent: usize) {
        let pad = " ".repeat(indent);
        if let Some(own) = self.decorator.field(pointer, head, indent) {
            self.lines.extend(own);
            return;
        }
        match value {
            Value::String(text) if is_block(text) => {
                self.lines.push(format!("{pad}{head} |-"));
                for line in text.lines() {
                    let line = format!("{pad}  {}", self.decorator.text(line.to_owned()));
                    self.lines.push(line.trim_end().to_owned());
                }
            }
            Value::Object(map) if !map.is_empty() && head == DASH => {
                // The first line of a map is beside the dash.
                let first = self.lines.len();
                self.children(value, pointer, indent + 2);
                if let Some(first) = self.lines.get_mut(first) {
                    first.replace_range(indent..=indent, DASH);
                }
            }
            value if !entries(value).is_empty() => {
                self.lines.push(format!("{pad}{head}"));
                self.children(value, pointer, indent + 2);
            }
            _ => {
                let text = self.decorator.text(inline(value));
                self.lines.push(format!("{pad}{head} {text}"));
            }
        }
    }
}

/// Head of a list's entries.
const DASH: &str = "-";

/// Returns the entries of a map or list in the order of the document: key, head and value.
fn entries(tree: &Value) -> Vec<(String, String, &Value)> {
    match tree {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| (rank(key), *key));
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| (key.clone(), scalar(key) + ":", value));
            entries.collect()
        }
        Value::Array(list) => {
            let items = list.iter().enumerate();
            let items = items.map(|(index, item)| (index.to_string(), DASH.to_owned(), item));
            items.collect()
        }
        _ => Vec::new(),
    }
}

/// A scalar, or an empty list or map.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}
