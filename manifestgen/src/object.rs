//! An object of the chart: its builder, and the fields that its expressions set.
//!
//! Invariant: every expression sets a field, and the whole of it (held by
//! `expression_without_field_is_refused` and `expression_within_a_field_is_refused`).

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::builder::{Builder, Notes, Problem, Purpose, Rule};
use crate::chart;
use crate::values::Values;
use crate::yaml::pointer_key;

type Build = Box<dyn Fn(&Builder<'_>) -> Result<Value, Problem>>;

/// One object.
pub struct Object {
    /// Its file, in deploy/ and in the chart's templates/.
    pub file: &'static str,
    build: Build,
    /// Reads JSON as the object's type and writes it again, without fields that the type
    /// lacks.
    pub read_again: fn(Value) -> serde_json::Result<Value>,
}

/// An object with the pointers of the rules that a build noted.
pub(crate) struct Located {
    pub(crate) tree: Value,
    pub(crate) rules: Vec<(String, Rule)>,
    pub(crate) notes: Notes,
}

impl Located {
    /// Returns the rules at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> impl Iterator<Item = &Rule> {
        let rules = self.rules.iter();
        rules.filter_map(move |(at, rule)| (at == pointer).then_some(rule))
    }
}

/// An object as it is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object's file.
    pub file: &'static str,
    /// The object.
    pub tree: Value,
    /// Comments, by JSON pointer.
    pub comments: Vec<(String, &'static str)>,
}

impl Object {
    /// An object by the function that builds it.
    pub fn new<T, F>(file: &'static str, build: F) -> Self
    where
        T: Serialize + DeserializeOwned,
        F: Fn(&Builder<'_>) -> Result<T, Problem> + 'static,
    {
        Self {
            file,
            build: Box::new(move |builder| {
                let object = build(builder)?;
                serde_json::to_value(object).map_err(|error| Problem::new(file, error))
            }),
            read_again: |tree| serde_json::to_value(serde_json::from_value::<T>(tree)?),
        }
    }

    /// Returns the object with these values; `None` if a condition omits it.
    ///
    /// # Errors
    /// When a value does not fit the type of its field.
    pub fn render(&self, values: &Values, release: &str) -> Result<Option<Manifest>, Problem> {
        let is_comment = |rule: &Rule| matches!(rule, Rule::Comment(_));
        let located = self.locate(values, release, Purpose::Render, is_comment)?;
        let only_if = located.notes.only_if.as_ref();
        if only_if.is_some_and(|condition| !condition.holds) {
            return Ok(None);
        }
        let comments = located
            .rules
            .into_iter()
            .filter_map(|(at, rule)| match rule {
                Rule::Comment(text) => Some((at, text)),
                _ => None,
            });
        Ok(Some(Manifest {
            file: self.file,
            tree: located.tree,
            comments: comments.collect(),
        }))
    }

    /// Returns the object in which all is present, with every rule.
    pub(crate) fn shape(&self) -> Result<Located, Problem> {
        self.locate(&Values::default(), chart::NAME, Purpose::Shape, |_| true)
    }

    fn build(
        &self,
        values: &Values,
        release: &str,
        purpose: Purpose,
        probed: Option<usize>,
    ) -> Result<(Value, Notes), Problem> {
        let builder = Builder::new(values, release, purpose, probed);
        let tree = (self.build)(&builder)?;
        Ok((tree, builder.notes()))
    }

    fn locate(
        &self,
        values: &Values,
        release: &str,
        purpose: Purpose,
        wanted: impl Fn(&Rule) -> bool,
    ) -> Result<Located, Problem> {
        let (tree, notes) = self.build(values, release, purpose, None)?;
        let mut rules = Vec::new();
        for (index, (rule, value)) in notes.rules.iter().enumerate() {
            if !wanted(rule) {
                continue;
            }
            let (other, _) = self.build(values, release, purpose, Some(index))?;
            let mut found = Vec::new();
            differences(&tree, &other, "", &mut found);
            if found.is_empty() && purpose == Purpose::Shape {
                return Err(Problem::new(
                    self.file,
                    format!("{rule:?} reaches no field"),
                ));
            }
            for (kind, at) in found {
                let holds_it = value
                    .as_ref()
                    .is_none_or(|value| tree.pointer(&at) == Some(value));
                if !holds_it || rule.expects().is_some_and(|expected| kind != expected) {
                    let what = format!("{rule:?} is not the whole of {at}");
                    return Err(Problem::new(self.file, what));
                }
                rules.push((at, rule.clone()));
            }
        }
        Ok(Located { tree, rules, notes })
    }
}

/// Difference between two builds at a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Both have a value.
    Changed,
    /// The second lacks the field or entry.
    Missing,
    /// The second has more entries.
    Added,
}

impl Rule {
    /// Returns the difference that another value must make.
    fn expects(&self) -> Option<Kind> {
        match self {
            Self::Text(_) | Self::Scalar(_) | Self::File(_) => Some(Kind::Changed),
            Self::Block(_) | Self::When(_) => Some(Kind::Missing),
            Self::Append(_) | Self::Variables(_) => Some(Kind::Added),
            Self::Comment(_) => None,
        }
    }
}

/// Lists the pointers at which two builds differ.
fn differences(first: &Value, second: &Value, at: &str, found: &mut Vec<(Kind, String)>) {
    match (first, second) {
        _ if first == second => {}
        (Value::Object(first), Value::Object(second)) => {
            for (key, value) in first {
                let at = format!("{at}/{}", pointer_key(key));
                match second.get(key) {
                    Some(other) => differences(value, other, &at, found),
                    None => found.push((Kind::Missing, at)),
                }
            }
            if second.keys().any(|key| !first.contains_key(key)) {
                found.push((Kind::Added, at.to_owned()));
            }
        }
        (Value::Array(first), Value::Array(second)) if first.len() == second.len() => {
            for (index, (one, other)) in first.iter().zip(second).enumerate() {
                differences(one, other, &format!("{at}/{index}"), found);
            }
        }
        (Value::Array(first), Value::Array(second)) if first.len() > second.len() => {
            let same = first
                .iter()
                .zip(second)
                .take_while(|(one, other)| one == other);
            let index = same.count();
            // Of equal neighbours either could be the one that is missing.
            let is_clear = index == 0 || first.get(index - 1) != first.get(index);
            let kind = if is_clear {
                Kind::Missing
            } else {
                Kind::Changed
            };
            found.push((kind, format!("{at}/{index}")));
        }
        (Value::Array(_), Value::Array(_)) => found.push((Kind::Added, at.to_owned())),
        _ => found.push((Kind::Changed, at.to_owned())),
    }
}

#[cfg(test)]
mod tests;
