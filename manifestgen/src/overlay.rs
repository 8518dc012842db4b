//! Which field of which object a chart value sets, and how.
//!
//! An [`Overlay`] is a JSON pointer and a [`Rule`]. The rule has two readings:
//! [`crate::helm`] writes it as a template, [`render`] evaluates it here.
//! [`check()`] holds the two sources against each other: a pointer that leads
//! nowhere, an expression whose value with the defaults is not the typed
//! field's, a value that nothing uses, a path that no value has, are errors
//! and nothing is written.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::chart;
use crate::objects::Object;

mod check;
mod helper;

pub use check::{check, leaves};
pub use helper::{Helper, port_of};

/// Path of a value, with dots: `image.exporter.tag`.
pub type Path = &'static str;

/// What a scalar field is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A string value.
    Value(Path),
    /// A whole number. Helm reads numbers as floats: it is printed as a whole one.
    Int(Path),
    /// A boolean value.
    Bool(Path),
    /// A list of words, with commas between them.
    Joined(Path),
    /// A named template.
    Helper(Helper),
    /// A named template that prints a whole number.
    Number(Helper),
    /// Name of the Helm release.
    Release,
    /// Version of the programs.
    AppVersion,
    /// Text around other expressions.
    Text(Vec<Piece>),
    /// A file of the chart, without its last line feed.
    File {
        /// Path in the chart.
        path: &'static str,
        /// What it holds.
        content: String,
    },
}

/// Part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// Evaluated.
    Part(Expr),
}

/// A text with one expression in each `{}`.
///
/// # Panics
/// When the number of `{}` is not that of the parts: a mistake in this crate,
/// which every run of the generator meets.
pub fn text(pattern: &str, parts: Vec<Expr>) -> Expr {
    let literals: Vec<&str> = pattern.split("{}").collect();
    assert_eq!(literals.len(), parts.len() + 1, "{pattern}");
    let mut pieces = Vec::new();
    let mut parts = parts.into_iter();
    for literal in literals {
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.extend(parts.next().map(Piece::Part));
    }
    Expr::Text(pieces)
}

/// When something is rendered.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value is neither false nor empty.
    Value(Path),
    /// The value is this text.
    Is(Path, &'static str),
    /// All of these hold.
    All(Vec<Condition>),
    /// One of these holds.
    Any(Vec<Condition>),
}

/// How a field follows the values.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The field is this scalar.
    Set(Expr),
    /// The field is this string value, and missing where the value is empty.
    Optional(Path),
    /// The field is this list or map, and missing where the value is empty.
    Block(Path),
    /// The list or map has the entries of these values too; the later win.
    Append(&'static [Path]),
    /// The list has these entries too, if the condition holds.
    AppendWhen(Condition, Vec<Expr>),
    /// The list of environment variables has these too, given as a map.
    AppendVariables(Path),
    /// The field, the entry, or (pointer "") the object is rendered only then.
    When(Condition),
}

/// One field of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// JSON pointer into the object.
    pub pointer: String,
    /// How it follows the values.
    pub rule: Rule,
}

impl Overlay {
    /// Joins pointer and rule.
    pub fn new(pointer: impl Into<String>, rule: Rule) -> Self {
        Self {
            pointer: pointer.into(),
            rule,
        }
    }
}

/// What expressions are evaluated with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// All values, as values.yaml has them.
    pub values: &'a Value,
    /// Name of the release.
    pub release: &'a str,
}

/// Why nothing is generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Kind and name of the object, or the value.
    pub place: String,
    /// Pointer into the object, if it is about one.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", self.place, self.pointer, self.what)
    }
}

impl std::error::Error for Problem {}

fn problem(what: impl Into<String>) -> Problem {
    Problem {
        place: String::new(),
        pointer: String::new(),
        what: what.into(),
    }
}

/// The value at a path.
pub fn lookup<'a>(values: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(values, |value, key| value.as_object()?.get(key))
}

/// What a template takes for false.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

impl<'a> Context<'a> {
    fn value(self, path: &str) -> Result<&'a Value, Problem> {
        lookup(self.values, path).ok_or_else(|| problem(format!("there is no value {path}")))
    }

    fn text(self, path: &str) -> Result<&'a str, Problem> {
        self.value(path)?
            .as_str()
            .ok_or_else(|| problem(format!("value {path} is not a string")))
    }

    fn truth(self, path: &str) -> Result<bool, Problem> {
        self.value(path)?
            .as_bool()
            .ok_or_else(|| problem(format!("value {path} is not a boolean")))
    }

    fn evaluate(self, expr: &Expr) -> Result<Value, Problem> {
        Ok(match expr {
            Expr::Value(path) => self.text(path)?.into(),
            Expr::Int(path) => self
                .value(path)?
                .as_i64()
                .ok_or_else(|| problem(format!("value {path} is not a whole number")))?
                .into(),
            Expr::Bool(path) => self.truth(path)?.into(),
            Expr::Joined(path) => {
                let words = self
                    .value(path)?
                    .as_array()
                    .and_then(|words| words.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
                    .ok_or_else(|| problem(format!("value {path} is not a list of strings")))?;
                words.join(",").into()
            }
            Expr::Helper(helper) => helper.evaluate(self)?.into(),
            Expr::Number(helper) => {
                let number = helper.evaluate(self)?;
                number
                    .parse::<i64>()
                    .map_err(|_| problem(format!("{} is {number}", helper.template())))?
                    .into()
            }
            Expr::Release => self.release.into(),
            Expr::AppVersion => chart::VERSION.into(),
            Expr::Text(pieces) => {
                let mut out = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => out.push_str(text),
                        Piece::Part(part) => match self.evaluate(part)? {
                            Value::String(text) => out.push_str(&text),
                            other => out.push_str(&other.to_string()),
                        },
                    }
                }
                out.into()
            }
            Expr::File { content, .. } => content.strip_suffix('\n').unwrap_or(content).into(),
        })
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// When a path leads nowhere.
    pub fn holds(self, condition: &Condition) -> Result<bool, Problem> {
        match condition {
            Condition::Value(path) => Ok(!is_empty(self.value(path)?)),
            Condition::Is(path, text) => Ok(self.text(path)? == *text),
            Condition::All(all) => all
                .iter()
                .try_fold(true, |truth, one| Ok(truth & self.holds(one)?)),
            Condition::Any(any) => any
                .iter()
                .try_fold(false, |truth, one| Ok(truth | self.holds(one)?)),
        }
    }
}

impl Expr {
    fn reads(&self, into: &mut BTreeSet<Path>) {
        match self {
            Self::Value(path) | Self::Int(path) | Self::Bool(path) | Self::Joined(path) => {
                into.insert(path);
            }
            Self::Helper(helper) | Self::Number(helper) => into.extend(helper.reads()),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Part(part) = piece {
                        part.reads(into);
                    }
                }
            }
            Self::Release | Self::AppVersion | Self::File { .. } => {}
        }
    }
}

impl Condition {
    fn reads(&self, into: &mut BTreeSet<Path>) {
        match self {
            Self::Value(path) | Self::Is(path, _) => {
                into.insert(path);
            }
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.reads(into);
                }
            }
        }
    }
}

impl Rule {
    fn reads(&self, into: &mut BTreeSet<Path>) {
        match self {
            Self::Set(expr) => expr.reads(into),
            Self::Optional(path) | Self::Block(path) | Self::AppendVariables(path) => {
                into.insert(path);
            }
            Self::Append(paths) => into.extend(paths.iter()),
            Self::AppendWhen(condition, entries) => {
                condition.reads(into);
                entries.iter().for_each(|entry| entry.reads(into));
            }
            Self::When(condition) => condition.reads(into),
        }
    }
}

/// Splits `/a/b/c` into `/a/b` and the unescaped `c`.
pub fn split_pointer(pointer: &str) -> Option<(&str, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((parent, key.replace("~1", "/").replace("~0", "~")))
}

/// Escapes a key for a JSON pointer.
pub fn pointer_key(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn insert(tree: &mut Value, pointer: &str, value: Value) -> Result<(), Problem> {
    let (parent, key) = split_pointer(pointer).ok_or_else(|| problem("not a pointer"))?;
    match tree.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.insert(key, value);
            Ok(())
        }
        Some(Value::Array(list)) => {
            let slot = key.parse::<usize>().ok().and_then(|i| list.get_mut(i));
            *slot.ok_or_else(|| problem("no such entry"))? = value;
            Ok(())
        }
        _ => Err(problem("what should hold the field does not exist")),
    }
}

fn remove(tree: &mut Value, pointer: &str) {
    let Some((parent, key)) = split_pointer(pointer) else {
        return;
    };
    match tree.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key);
        }
        Some(Value::Array(list)) => {
            if let Some(index) = key.parse().ok().filter(|i| *i < list.len()) {
                list.remove(index);
            }
        }
        _ => {}
    }
}

fn append(tree: &mut Value, pointer: &str, more: &Value) -> Result<(), Problem> {
    match (tree.pointer_mut(pointer), more) {
        (Some(Value::Object(map)), Value::Object(more)) => {
            map.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
            Ok(())
        }
        (Some(Value::Array(list)), Value::Array(more)) => {
            list.extend(more.iter().cloned());
            Ok(())
        }
        _ => Err(problem("no list or map of the value's kind to append to")),
    }
}

/// The variables of a map, as a container lists them.
fn variables(map: &Value) -> Value {
    let entry = |(name, value): (&String, &Value)| {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), name.clone().into());
        entry.insert("value".to_owned(), value.clone());
        Value::Object(entry)
    };
    map.as_object()
        .map(|map| map.iter().map(entry).collect())
        .unwrap_or_default()
}

fn apply(tree: &mut Value, overlay: &Overlay, context: Context<'_>) -> Result<(), Problem> {
    let pointer = overlay.pointer.as_str();
    match &overlay.rule {
        Rule::Set(expr) => {
            if tree.pointer(pointer).is_none() {
                return Err(problem("the typed object has no such field"));
            }
            insert(tree, pointer, context.evaluate(expr)?)
        }
        Rule::Optional(path) | Rule::Block(path) => {
            let value = context.value(path)?;
            if is_empty(value) {
                remove(tree, pointer);
                Ok(())
            } else {
                insert(tree, pointer, value.clone())
            }
        }
        Rule::Append(paths) => paths
            .iter()
            .try_for_each(|path| append(tree, pointer, context.value(path)?)),
        Rule::AppendWhen(condition, entries) => {
            let entries = entries.iter().map(|entry| context.evaluate(entry));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            match context.holds(condition)? {
                true => append(tree, pointer, &Value::Array(entries)),
                false => Ok(()),
            }
        }
        Rule::AppendVariables(path) => append(tree, pointer, &variables(context.value(path)?)),
        Rule::When(_) => Ok(()),
    }
}

/// Sorts entries of a list behind those with a smaller number.
fn order(pointer: &str) -> Vec<(usize, &str)> {
    pointer
        .split('/')
        .map(|key| (key.parse().unwrap_or(0), key))
        .collect()
}

/// What the chart renders the object to; none where a condition leaves it out.
///
/// # Errors
/// The first overlay that cannot be applied.
pub fn render(object: &Object, context: Context<'_>) -> Result<Option<Value>, Problem> {
    let at = |overlay: &Overlay| {
        let pointer = overlay.pointer.clone();
        move |error: Problem| Problem {
            place: object.place(),
            pointer,
            ..error
        }
    };
    let mut tree = object.tree.clone();
    let mut absent = Vec::new();
    for overlay in &object.overlays {
        apply(&mut tree, overlay, context).map_err(at(overlay))?;
        if let Rule::When(condition) = &overlay.rule
            && !context.holds(condition).map_err(at(overlay))?
        {
            absent.push(overlay.pointer.as_str());
        }
    }
    if absent.contains(&"") {
        return Ok(None);
    }
    absent.sort_by_key(|pointer| order(pointer));
    for pointer in absent.into_iter().rev() {
        remove(&mut tree, pointer);
    }
    Ok(Some(tree))
}
