//! Which field of which object a chart value sets, and how.
//!
//! An [`Overlay`] is a JSON pointer and a [`Rule`]. The rule has two readings:
//! [`crate::helm`] writes it as a template, [`render`] evaluates it here.
//! [`check`] holds the two sources against each other: a pointer that leads
//! nowhere, an expression whose value with the defaults is not the typed
//! field's, a value that nothing uses, a path that no value has, are errors
//! and nothing is written.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::chart;
use crate::objects::Object;

/// Path of a value, with dots: `image.exporter.tag`.
pub type Path = &'static str;

/// A named template of `_helpers.tpl`, and what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helper {
    /// Label helm.sh/chart.
    Chart,
    /// Label app.kubernetes.io/name.
    Name,
    /// Name of the exporter's objects.
    ExporterName,
    /// Name of the agent's objects.
    AgentName,
    /// Name of the PrometheusRule.
    AlertsName,
    /// The exporter's service account.
    ExporterAccount,
    /// The agent's service account.
    AgentAccount,
    /// The exporter's image.
    ExporterImage,
    /// The agent's image.
    AgentImage,
    /// Where the agent asks.
    PrometheusUrl,
    /// How often Prometheus scrapes.
    ScrapeInterval,
}

impl Helper {
    /// Every helper.
    pub const ALL: [Self; 11] = [
        Self::Chart,
        Self::Name,
        Self::ExporterName,
        Self::AgentName,
        Self::AlertsName,
        Self::ExporterAccount,
        Self::AgentAccount,
        Self::ExporterImage,
        Self::AgentImage,
        Self::PrometheusUrl,
        Self::ScrapeInterval,
    ];

    /// Name of the template.
    pub fn template(self) -> &'static str {
        match self {
            Self::Chart => "binbots-k8s.chart",
            Self::Name => "binbots-k8s.name",
            Self::ExporterName => "binbots-k8s.exporter.name",
            Self::AgentName => "binbots-k8s.agent.name",
            Self::AlertsName => "binbots-k8s.alerts.name",
            Self::ExporterAccount => "binbots-k8s.exporter.serviceAccount",
            Self::AgentAccount => "binbots-k8s.agent.serviceAccount",
            Self::ExporterImage => "binbots-k8s.exporter.image",
            Self::AgentImage => "binbots-k8s.agent.image",
            Self::PrometheusUrl => "binbots-k8s.agent.prometheusUrl",
            Self::ScrapeInterval => "binbots-k8s.serviceMonitor.interval",
        }
    }

    /// The values it reads.
    pub fn reads(self) -> &'static [Path] {
        match self {
            Self::Chart => &[],
            Self::Name => &["nameOverride"],
            Self::ExporterName | Self::AgentName | Self::AlertsName => &["fullnameOverride"],
            Self::ExporterAccount => &[
                "fullnameOverride",
                "serviceAccount.exporter.create",
                "serviceAccount.exporter.name",
            ],
            Self::AgentAccount => &[
                "fullnameOverride",
                "serviceAccount.agent.create",
                "serviceAccount.agent.name",
            ],
            Self::ExporterImage => &[
                "image.exporter.repository",
                "image.exporter.tag",
                "image.exporter.digest",
            ],
            Self::AgentImage => &[
                "image.agent.repository",
                "image.agent.tag",
                "image.agent.digest",
            ],
            Self::PrometheusUrl => &["agent.prometheusUrl", "namespace"],
            Self::ScrapeInterval => &["serviceMonitor.interval", "exporter.scrapeInterval"],
        }
    }

    fn evaluate(self, context: Context<'_>) -> Result<String, Problem> {
        let text = |path| context.text(path);
        let name = |suffix: &str| -> Result<String, Problem> {
            let prefix = text("fullnameOverride")?;
            let prefix = if prefix.is_empty() { "k8s-ai" } else { prefix };
            Ok(format!("{}-{suffix}", cut(prefix, 45)))
        };
        let account = |program: &str, create: Path, own: Path| -> Result<String, Problem> {
            Ok(match (text(own)?, context.truth(create)?) {
                ("", true) => name(program)?,
                ("", false) => "default".to_owned(),
                (own, _) => own.to_owned(),
            })
        };
        let image = |repository: Path, tag: Path, digest: Path| -> Result<String, Problem> {
            let repository = text(repository)?;
            Ok(match (text(digest)?, text(tag)?) {
                ("", "") => format!("{repository}:{}", chart::image_tag()),
                ("", tag) => format!("{repository}:{tag}"),
                (digest, _) => format!("{repository}@{digest}"),
            })
        };
        Ok(match self {
            Self::Chart => format!("{}-{}", chart::NAME, chart::VERSION.replace('+', "_")),
            Self::Name => match text("nameOverride")? {
                "" => chart::NAME.to_owned(),
                own => cut(own, 63).to_owned(),
            },
            Self::ExporterName => name("exporter")?,
            Self::AgentName => name("agent")?,
            Self::AlertsName => match text("fullnameOverride")? {
                "" => "binbots-k8s-alerts".to_owned(),
                _ => name("alerts")?,
            },
            Self::ExporterAccount => account(
                "exporter",
                "serviceAccount.exporter.create",
                "serviceAccount.exporter.name",
            )?,
            Self::AgentAccount => account(
                "agent",
                "serviceAccount.agent.create",
                "serviceAccount.agent.name",
            )?,
            Self::ExporterImage => image(
                "image.exporter.repository",
                "image.exporter.tag",
                "image.exporter.digest",
            )?,
            Self::AgentImage => image(
                "image.agent.repository",
                "image.agent.tag",
                "image.agent.digest",
            )?,
            Self::PrometheusUrl => match text("agent.prometheusUrl")? {
                "" => format!("http://prometheus-operated.{}.svc:9090", text("namespace")?),
                url => url.to_owned(),
            },
            Self::ScrapeInterval => match text("serviceMonitor.interval")? {
                "" => text("exporter.scrapeInterval")?.to_owned(),
                own => own.to_owned(),
            },
        })
    }
}

/// The first `length` bytes, without a hyphen at the end: `trunc` and `trimSuffix`.
fn cut(text: &str, length: usize) -> &str {
    let cut = text.get(..length).unwrap_or(text);
    cut.strip_suffix('-').unwrap_or(cut)
}

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
            Self::Helper(helper) => into.extend(helper.reads()),
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
            Self::Value(path) => {
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

/// Paths of all values; a map of free form is one value.
pub fn leaves(values: &Value, free: &BTreeSet<String>) -> Vec<String> {
    fn walk(value: &Value, path: &str, free: &BTreeSet<String>, into: &mut Vec<String>) {
        match value {
            Value::Object(map) if !map.is_empty() && !free.contains(path) => {
                for (key, value) in map {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    walk(value, &path, free, into);
                }
            }
            _ => into.push(path.to_owned()),
        }
    }
    let mut into = Vec::new();
    walk(values, "", free, &mut into);
    into
}

/// Holds objects and overlays against the values.
///
/// `defaults` are the values the objects were built from; `full` has something
/// for every value that is empty by default, which shows that a field that is
/// usually missing is one that the typed object knows. `free` are the values
/// that are maps of free form. `documented` are paths that only text reads.
///
/// # Errors
/// Everything that does not fit.
pub fn check(
    objects: &[Object],
    defaults: &Value,
    full: &Value,
    free: &BTreeSet<String>,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for object in objects {
        for overlay in &object.overlays {
            overlay.rule.reads(&mut used);
            if let Err(error) = fits(object, overlay, defaults, full) {
                problems.push(Problem {
                    place: object.place(),
                    pointer: overlay.pointer.clone(),
                    ..error
                });
            }
        }
        if let Err(error) = keeps_its_type(object, full) {
            problems.push(Problem {
                place: object.place(),
                ..error
            });
        }
    }
    let under = |leaf: &str, path: &str| {
        leaf == path
            || leaf
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    for leaf in leaves(defaults, free) {
        if leaf != "global" && !used.iter().any(|path| under(&leaf, path)) {
            problems.push(Problem {
                place: format!("value {leaf}"),
                pointer: String::new(),
                what: "no object uses it".to_owned(),
            });
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn fits(object: &Object, overlay: &Overlay, defaults: &Value, full: &Value) -> Result<(), Problem> {
    let context = Context {
        values: defaults,
        release: chart::NAME,
    };
    let pointer = overlay.pointer.as_str();
    if let Rule::When(condition) = &overlay.rule {
        let shown = context.holds(condition)?;
        let exists = object.tree.pointer(pointer).is_some();
        return match (exists, shown || pointer.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(problem("with the defaults it would not be rendered")),
            (false, _) => Err(problem("the typed object has no such field")),
        };
    }
    // A field that is missing by default has to appear somewhere, or nothing
    // would show that its name is right.
    let absent: &[Path] = match &overlay.rule {
        Rule::Optional(path) | Rule::Block(path) | Rule::AppendVariables(path) => &[*path],
        Rule::Append(paths) => paths,
        Rule::Set(_) | Rule::When(_) => &[],
    };
    if let Some(path) = absent
        .iter()
        .find(|path| lookup(full, path).is_none_or(is_empty))
    {
        return Err(problem(format!("the ci values leave {path} empty")));
    }
    let mut tree = object.tree.clone();
    apply(&mut tree, overlay, context)?;
    if tree == object.tree {
        Ok(())
    } else {
        let show = |tree: &Value| {
            tree.pointer(pointer)
                .map_or_else(|| "nothing".to_owned(), ToString::to_string)
        };
        Err(problem(format!(
            "with the defaults the chart has {}, the typed object {}",
            show(&tree),
            show(&object.tree)
        )))
    }
}

/// With all values set, the object must still be one of its type, field for field.
fn keeps_its_type(object: &Object, full: &Value) -> Result<(), Problem> {
    let context = Context {
        values: full,
        release: chart::NAME,
    };
    let Some(tree) = render(object, context)? else {
        return Err(problem("with the full ci values it is not rendered"));
    };
    let again = (object.read_again)(tree.clone()).map_err(|error| problem(error.to_string()))?;
    if again == tree {
        Ok(())
    } else {
        Err(problem(
            "with the full ci values it has a field that its type does not know",
        ))
    }
}
