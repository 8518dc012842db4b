//! Holds objects, overlays and values against each other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Context, Overlay, Path, Problem, Rule, apply, is_empty, lookup, problem, render};
use crate::chart;
use crate::objects::Object;

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
/// `defaults` are the values the objects were built from; those of `ci` have
/// something for every value that is empty by default, which shows that a field
/// that is usually missing is one that the typed object knows. An object is held
/// against the first of them that renders it. `free` are the values
/// that are maps of free form.
///
/// # Errors
/// Everything that does not fit.
pub fn check(
    objects: &[Object],
    defaults: &Value,
    ci: &[Value],
    free: &BTreeSet<String>,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for object in objects {
        for overlay in &object.overlays {
            overlay.rule.reads(&mut used);
            if let Err(error) = fits(object, overlay, defaults, ci) {
                problems.push(Problem {
                    place: object.place(),
                    pointer: overlay.pointer.clone(),
                    ..error
                });
            }
        }
        if let Err(error) = keeps_its_type(object, ci) {
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

fn fits(object: &Object, overlay: &Overlay, defaults: &Value, ci: &[Value]) -> Result<(), Problem> {
    let context = context_of(defaults);
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
        Rule::Set(_) | Rule::When(_) | Rule::AppendWhen(..) => &[],
    };
    if let Some(path) = absent.iter().find(|path| {
        ci.iter()
            .all(|full| lookup(full, path).is_none_or(is_empty))
    }) {
        return Err(problem(format!("the ci values leave {path} empty")));
    }
    if let Rule::AppendWhen(condition, _) = &overlay.rule {
        let holds = |values| context_of(values).holds(condition);
        if !ci
            .iter()
            .map(holds)
            .collect::<Result<Vec<_>, _>>()?
            .contains(&true)
        {
            return Err(problem("none of the ci values meets its condition"));
        }
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

fn context_of(values: &Value) -> Context<'_> {
    Context {
        values,
        release: chart::NAME,
    }
}

/// With all values set, the object must still be one of its type, field for field.
fn keeps_its_type(object: &Object, ci: &[Value]) -> Result<(), Problem> {
    let rendered = |values| render(object, context_of(values)).transpose();
    let Some(tree) = ci.iter().find_map(rendered).transpose()? else {
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
