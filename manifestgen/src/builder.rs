//! Builds typed Kubernetes objects with a set of values, and notes which expression sets
//! which field.
//!
//! A [`Builder`] hands out the value of each expression and keeps the rule by which
//! a template writes it. Where the value went is found by building once more with
//! another value: the fields that differ follow the expression.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::core::v1::EnvVar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::term::{Condition, Sources, Template, Term, Truth};
use crate::values::{Strings, Values};

/// The label that Helm sets on everything it installs.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The reason why nothing is generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The object or the value.
    pub place: String,
    /// The defect.
    pub what: String,
}

impl Problem {
    /// Returns a problem of these.
    pub fn new(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            place: place.into(),
            what: what.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Problem {}

/// The form in which a template writes a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// A text.
    Text(Template),
    /// A number or a boolean.
    Scalar(String),
    /// A file of the chart, as a block of lines.
    File(String),
    /// A list or map; the field is missing where the value is empty.
    Block(String),
    /// The field or entry is there if the condition holds.
    When(String),
    /// Entries of a value after those of the list or map.
    Append(String),
    /// Variables of a map after those of the list.
    Variables(String),
    /// A comment above the field.
    Comment(&'static str),
}

/// Notes of a build, beside the object itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    /// In the order of the calls, each with the value that its field must hold.
    pub(crate) rules: Vec<(Rule, Option<Value>)>,
    /// Condition of the whole object.
    pub(crate) only_if: Option<Condition>,
    pub(crate) sources: Sources,
    /// Keys that objects set themselves, by the value that adds to them.
    pub(crate) reserved: BTreeMap<String, BTreeSet<String>>,
}

/// Purpose of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The object with its values.
    Render,
    /// An object in which everything is present that can be.
    Shape,
}

/// Evaluates expressions for one build of an object.
pub struct Builder<'a> {
    /// The values.
    pub values: &'a Values,
    release: &'a str,
    purpose: Purpose,
    /// The rule whose field gets another value.
    probed: Option<usize>,
    notes: RefCell<Notes>,
}

/// A type with at least two values.
pub trait Probe {
    /// Returns another value than this one.
    fn other(self) -> Self;
}

impl Probe for String {
    fn other(self) -> Self {
        self + "?"
    }
}

impl Probe for bool {
    fn other(self) -> Self {
        !self
    }
}

impl Probe for i32 {
    fn other(self) -> Self {
        self ^ 1
    }
}

impl Probe for i64 {
    fn other(self) -> Self {
        self ^ 1
    }
}

impl<T> Probe for Option<T> {
    fn other(self) -> Self {
        None
    }
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        values: &'a Values,
        release: &'a str,
        purpose: Purpose,
        probed: Option<usize>,
    ) -> Self {
        Self {
            values,
            release,
            purpose,
            probed,
            notes: RefCell::default(),
        }
    }

    pub(crate) fn notes(self) -> Notes {
        self.notes.into_inner()
    }

    /// Notes a rule; returns whether its field gets another value in this build.
    fn probes(&self, rule: Rule, value: Option<Value>, sources: &Sources) -> bool {
        let mut notes = self.notes.borrow_mut();
        notes.sources.extend(sources);
        notes.rules.push((rule, value));
        self.probed == Some(notes.rules.len() - 1)
    }

    fn field<T: Probe + Clone + Into<Value>>(&self, value: T, rule: Rule, sources: &Sources) -> T {
        if self.probes(rule, Some(value.clone().into()), sources) {
            value.other()
        } else {
            value
        }
    }

    /// Name of the Helm release.
    pub fn release(&self) -> Term<String> {
        Term::release(self.release)
    }

    /// A text field.
    pub fn text(&self, term: Term<String>) -> String {
        let rule = Rule::Text(term.template.clone());
        self.field(term.value, rule, &term.sources)
    }

    /// A number or boolean.
    pub fn scalar<T: Probe + Clone + Into<Value>>(&self, term: Term<T>) -> T {
        let rule = Rule::Scalar(term.template.action());
        self.field(term.value, rule, &term.sources)
    }

    /// A text field with the content of one of the chart's files, without its last
    /// line feed.
    pub fn file(&self, path: &str, content: &str) -> String {
        let rule = Rule::File(format!(".Files.Get \"{path}\""));
        let content = content.strip_suffix('\n').unwrap_or(content).to_owned();
        self.field(content, rule, &Sources::default())
    }

    /// A field or entry that is there if the condition holds.
    pub fn when<T>(&self, condition: &Condition, value: T) -> Option<T> {
        let rule = Rule::When(condition.action().to_owned());
        let probed = self.probes(rule, None, &condition.sources);
        let holds = self.purpose == Purpose::Shape || condition.holds;
        (holds && !probed).then_some(value)
    }

    /// A text field that is missing where the text is empty.
    pub fn optional(&self, term: Term<String>) -> Option<String> {
        let is_set = term.is_set();
        self.when(&is_set, self.text(term))
    }

    /// A list or map in the form of a Kubernetes type, missing where it is empty.
    ///
    /// # Errors
    /// When the value is not of that type, or has a field that the type lacks.
    pub fn block<T, V>(&self, term: Term<V>) -> Result<Option<T>, Problem>
    where
        T: Default + Serialize + DeserializeOwned,
        V: Truth + Serialize,
    {
        let probed = self.probes(Rule::Block(term.template.action()), None, &term.sources);
        match self.purpose {
            Purpose::Shape => Ok((!probed).then(T::default)),
            Purpose::Render if !term.value.is_true() => Ok(None),
            Purpose::Render => typed(&term).map(Some),
        }
    }

    /// A list with the entries of a value after its own.
    ///
    /// # Errors
    /// When the value's entries are not of the list's type.
    pub fn append<T, V>(&self, mut own: Vec<T>, more: Term<V>) -> Result<Vec<T>, Problem>
    where
        T: Default + Serialize + DeserializeOwned,
        V: Truth + Serialize,
    {
        if self.probes(Rule::Append(more.template.action()), None, &more.sources) {
            own.push(T::default());
        } else if self.purpose == Purpose::Render {
            own.extend(typed::<Vec<T>, V>(&more)?);
        }
        Ok(own)
    }

    /// Labels with those of values; the later win.
    pub fn labels(&self, mut own: Strings, more: Vec<Term<Strings>>) -> Strings {
        let mut sources = Sources::default();
        for term in &more {
            sources.extend(&term.sources);
        }
        self.reserve(&sources, own.keys().map(String::as_str).chain([MANAGED_BY]));
        // A key set twice would be twice in the manifest.
        let rule = Rule::Append(match more.as_slice() {
            [one] => one.template.action(),
            all => {
                let all: Vec<String> = all.iter().map(|term| term.template.action()).collect();
                format!("mergeOverwrite (dict) {}", all.join(" "))
            }
        });
        if self.probes(rule, None, &sources) {
            own.insert("?".to_owned(), String::new());
        } else if self.purpose == Purpose::Render {
            own.extend(more.into_iter().flat_map(|term| term.value));
        }
        own
    }

    /// Environment variables with those of a map.
    pub fn variables(&self, mut own: Vec<EnvVar>, more: Term<Strings>) -> Vec<EnvVar> {
        self.reserve(
            &more.sources,
            own.iter().map(|variable| variable.name.as_str()),
        );
        if self.probes(Rule::Variables(more.template.action()), None, &more.sources) {
            own.push(EnvVar::default());
        } else if self.purpose == Purpose::Render {
            own.extend(more.value.into_iter().map(|(name, value)| EnvVar {
                name,
                value: Some(value),
                ..EnvVar::default()
            }));
        }
        own
    }

    /// A value with a comment above its field.
    pub fn comment<T: Probe>(&self, comment: &'static str, value: T) -> T {
        if self.probes(Rule::Comment(comment), None, &Sources::default()) {
            value.other()
        } else {
            value
        }
    }

    /// Omits the whole object unless the condition holds.
    pub fn only_if(&self, condition: Condition) {
        let mut notes = self.notes.borrow_mut();
        notes.sources.extend(&condition.sources);
        notes.only_if = Some(condition);
    }

    fn reserve<'k>(&self, sources: &Sources, keys: impl Iterator<Item = &'k str>) {
        let keys: BTreeSet<String> = keys.map(str::to_owned).collect();
        let mut notes = self.notes.borrow_mut();
        for value in &sources.values {
            let reserved = notes.reserved.entry(value.clone()).or_default();
            reserved.extend(keys.iter().cloned());
        }
    }
}

/// Reads a value as a Kubernetes type; an unknown field is an error.
fn typed<T: Serialize + DeserializeOwned, V: Serialize>(term: &Term<V>) -> Result<T, Problem> {
    let problem = |what: String| {
        let place: Vec<&str> = term.sources.values.iter().map(String::as_str).collect();
        Problem::new(format!("value {}", place.join(", ")), what)
    };
    let error = |error: serde_json::Error| problem(error.to_string());
    let value = serde_json::to_value(&term.value).map_err(error)?;
    let typed: T = serde_json::from_value(value.clone()).map_err(error)?;
    let again = serde_json::to_value(&typed).map_err(error)?;
    if again == value {
        Ok(typed)
    } else {
        Err(problem(format!("the type takes {value} for {again}")))
    }
}
