//! Expressions over chart values. Each is written once and has two forms: its
//! value with some set of values, and the template that Helm evaluates.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart;
use crate::values::{Object, Strings, Vocabulary, Word};
use crate::yaml::quoted;

/// A chart value by its Rust path: `value!(values.exporter.scrape_interval)`. Of a group that
/// others contain, with the path of the one that contains it: `value!("agent" => pod.env)`.
macro_rules! value {
    ($path:expr => $group:ident . $field:ident) => {
        $crate::term::Term::of(&format!("{}.{}", $path, stringify!($field)), &$group.$field)
    };
    ($values:ident . $($field:ident).+) => {
        $crate::term::Term::of(
            // A value may be named as a keyword of Rust.
            &stringify!($($field).+).replace("r#", ""),
            &$values.$($field).+,
        )
    };
}
pub(crate) use value;

/// The template of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

/// Part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// As it is.
    Literal(String),
    /// A Go template expression, without braces.
    Action(String),
}

impl Template {
    /// The expression within an action.
    pub(crate) fn action(&self) -> String {
        if let [Piece::Action(action)] = self.0.as_slice() {
            return action.clone();
        }
        let (mut format, mut arguments) = (String::new(), String::new());
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => format.push_str(&text.replace('%', "%%")),
                Piece::Action(action) => {
                    format.push_str("%v");
                    arguments.push_str(&format!(" {}", bracketed(action)));
                }
            }
        }
        format!("printf {}{arguments}", quoted(&format))
    }

    /// The expression as text around actions.
    pub(crate) fn inline(&self) -> String {
        let inline = |piece: &Piece| match piece {
            Piece::Literal(text) => escape(text),
            Piece::Action(action) => format!("{{{{ {action} }}}}"),
        };
        self.0.iter().map(inline).collect()
    }

    /// Returns whether it is easier to read as a block, with quotes and line feeds unescaped.
    pub(crate) fn is_block(&self) -> bool {
        let is_odd = |text: &str| text.contains(['\n', '"', '\'']);
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Literal(text) if is_odd(text)))
    }
}

/// Values and helpers that an expression depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Paths of the values that it reads.
    pub values: BTreeSet<String>,
    /// Named templates that it includes, each with its definition.
    pub helpers: BTreeMap<String, String>,
}

impl Sources {
    /// Adds those of another expression.
    pub fn extend(&mut self, other: &Self) {
        self.values.extend(other.values.iter().cloned());
        let helpers = other.helpers.iter();
        self.helpers
            .extend(helpers.map(|(name, body)| (name.clone(), body.clone())));
    }
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Term<T> {
    pub(crate) value: T,
    pub(crate) template: Template,
    pub(crate) sources: Sources,
}

/// A type of chart values.
pub trait Leaf {
    /// Type of the expression.
    type Value;
    /// Returns the value.
    fn value(&self) -> Self::Value;
    /// Returns the template expression that reads it at a path.
    fn action(path: &str) -> String {
        format!(".Values.{path}")
    }
}

macro_rules! plain_leaves {
    ($($type:ty),+) => {$(
        impl Leaf for $type {
            type Value = Self;
            fn value(&self) -> Self {
                self.clone()
            }
        }
    )+};
}
plain_leaves!(String, bool, Object, Strings, Vec<Object>, Vec<String>);

/// Helm reads numbers as floats, and prints large ones with an exponent.
macro_rules! whole_numbers {
    ($($type:ty),+) => {$(
        impl Leaf for $type {
            type Value = Self;
            fn value(&self) -> Self {
                *self
            }
            fn action(path: &str) -> String {
                format!("int64 .Values.{path}")
            }
        }
    )+};
}
whole_numbers!(i32, i64);

impl<V: Vocabulary> Leaf for Word<V> {
    type Value = Self;
    fn value(&self) -> Self {
        *self
    }
}

/// A list of words, with commas between them.
impl<V: Vocabulary> Leaf for Vec<Word<V>> {
    type Value = String;
    fn value(&self) -> String {
        let words: Vec<&str> = self.iter().map(|word| word.0.word()).collect();
        words.join(",")
    }
    fn action(path: &str) -> String {
        format!("join \",\" .Values.{path}")
    }
}

/// The key of a field in values.yaml: `scrape_interval` is `scrapeInterval`.
fn camel_case(path: &str) -> String {
    let mut words = path.split('_');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        key.push_str(&first.to_ascii_uppercase());
        key.push_str(rest);
    }
    key
}

impl<T> Term<T> {
    fn new(value: T, action: String, sources: Sources) -> Self {
        Self {
            value,
            template: Template(vec![Piece::Action(action)]),
            sources,
        }
    }

    /// The chart value at a path of Rust fields.
    pub fn of<L: Leaf<Value = T>>(path: &str, leaf: &L) -> Self {
        let path = camel_case(&path.replace(' ', ""));
        let sources = Sources {
            values: [path.clone()].into(),
            ..Sources::default()
        };
        Self::new(leaf.value(), L::action(&path), sources)
    }
}

impl<T: ToString> Term<T> {
    /// The value as text.
    pub fn text(self) -> Term<String> {
        Term {
            value: self.value.to_string(),
            template: self.template,
            sources: self.sources,
        }
    }
}

impl Term<String> {
    /// Text that follows no value.
    pub fn literal(text: &str) -> Self {
        Self {
            value: text.to_owned(),
            template: Template(vec![Piece::Literal(text.to_owned())]),
            sources: Sources::default(),
        }
    }

    /// Version of the programs.
    pub fn app_version() -> Self {
        let version = chart::VERSION.to_owned();
        Self::new(version, ".Chart.AppVersion".to_owned(), Sources::default())
    }

    /// Name of the Helm release.
    pub(crate) fn release(name: &str) -> Self {
        Self::new(
            name.to_owned(),
            ".Release.Name".to_owned(),
            Sources::default(),
        )
    }
}

/// A value that a template tests for truth.
pub trait Truth {
    /// Returns whether it is neither false nor empty.
    fn is_true(&self) -> bool;
}

impl Truth for bool {
    fn is_true(&self) -> bool {
        *self
    }
}

macro_rules! true_unless_empty {
    ($($type:ty),+) => {$(
        impl Truth for $type {
            fn is_true(&self) -> bool {
                !self.is_empty()
            }
        }
    )+};
}
true_unless_empty!(String, Object, Strings, Vec<Object>, Vec<String>);

/// A condition over chart values.
#[derive(Debug, Clone)]
pub struct Condition {
    pub(crate) holds: bool,
    /// The template expression, as an argument of another one.
    code: String,
    pub(crate) sources: Sources,
}

impl<T: Truth> Term<T> {
    /// Holds when the value is neither false nor empty.
    pub fn is_set(&self) -> Condition {
        Condition {
            holds: self.value.is_true(),
            code: bracketed(&self.template.action()),
            sources: self.sources.clone(),
        }
    }
}

impl<V: Vocabulary + PartialEq> Term<Word<V>> {
    /// Holds when the value is this word.
    pub fn is(&self, word: V) -> Condition {
        Condition {
            holds: self.value == Word(word),
            code: format!("(eq {} {})", self.template.action(), quoted(word.word())),
            sources: self.sources.clone(),
        }
    }
}

impl Condition {
    /// Holds when all of these do.
    pub fn all<const N: usize>(parts: [Self; N]) -> Self {
        Self::join("and", parts.iter().all(|part| part.holds), &parts)
    }

    /// Holds when one of these does.
    pub fn any<const N: usize>(parts: [Self; N]) -> Self {
        Self::join("or", parts.iter().any(|part| part.holds), &parts)
    }

    fn join(function: &str, holds: bool, parts: &[Self]) -> Self {
        let mut sources = Sources::default();
        let mut code = format!("({function}");
        for part in parts {
            sources.extend(&part.sources);
            code.push(' ');
            code.push_str(&part.code);
        }
        code.push(')');
        Self {
            holds,
            code,
            sources,
        }
    }

    /// The template expression by itself.
    pub(crate) fn action(&self) -> &str {
        self.code
            .strip_prefix('(')
            .and_then(|code| code.strip_suffix(')'))
            .unwrap_or(&self.code)
    }
}

/// A text with one expression in each `{}`.
///
/// # Panics
/// When the number of `{}` is not that of the parts: a mistake in this crate,
/// which every run of the generator meets.
pub fn text(pattern: &str, parts: impl IntoIterator<Item = Term<String>>) -> Term<String> {
    let mut literals = pattern.split("{}");
    let mut all = Term::literal(literals.next().unwrap_or_default());
    let pieces = &mut all.template.0;
    let mut parts = parts.into_iter();
    for literal in literals {
        let part = parts.next();
        let part = part.unwrap_or_else(|| panic!("{pattern}: more {{}} than parts"));
        all.value.push_str(&part.value);
        all.value.push_str(literal);
        pieces.extend(part.template.0);
        pieces.push(Piece::Literal(literal.to_owned()));
        all.sources.extend(&part.sources);
    }
    assert!(parts.next().is_none(), "{pattern}: more parts than {{}}");
    pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
    all
}

/// A named template: the first of these cases whose condition holds, else the last
/// expression.
pub fn choice<const N: usize>(
    name: &str,
    cases: [(Condition, Term<String>); N],
    otherwise: Term<String>,
) -> Term<String> {
    let mut sources = otherwise.sources.clone();
    let mut body = String::new();
    let mut open = "{{ if";
    for (condition, term) in &cases {
        sources.extend(&condition.sources);
        sources.extend(&term.sources);
        body.push_str(&format!(
            "{open} {} -}}}}\n{}\n",
            condition.action(),
            term.template.inline()
        ));
        open = "{{- else if";
    }
    body.push_str(&format!(
        "{{{{- else -}}}}\n{}\n{{{{- end }}}}",
        otherwise.template.inline()
    ));
    let chosen = cases.into_iter().find(|(condition, _)| condition.holds);
    let value = chosen.map_or(otherwise.value, |(_, term)| term.value);
    helper(name, value, body, sources)
}

/// A named template of one expression.
pub fn named(name: &str, term: Term<String>) -> Term<String> {
    let body = term.template.inline();
    helper(name, term.value, body, term.sources)
}

/// A named template by its body.
pub fn helper<T>(name: &str, value: T, body: String, mut sources: Sources) -> Term<T> {
    let name = format!("{}.{name}", chart::NAME);
    let action = format!("include \"{name}\" .");
    sources.helpers.insert(name, body);
    Term::new(value, action, sources)
}

/// Writes a literal `{{` of the output, which would otherwise start an action.
pub(crate) fn escape(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

fn bracketed(action: &str) -> String {
    if action.contains(' ') {
        format!("({action})")
    } else {
        action.to_owned()
    }
}
