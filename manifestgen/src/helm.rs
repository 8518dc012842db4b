//! Writes an object with its rules as a Helm template.

use crate::builder::Rule;
use crate::object::Located;
use crate::term::{Template, escape};
use crate::yaml::{self, Decorator};

/// Returns the template of an object, without the lines that separate it from others.
pub(crate) fn template(object: &Located) -> String {
    let body = yaml::document(&object.tree, object);
    match &object.notes.only_if {
        Some(condition) => format!("{}\n{body}{{{{- end }}}}\n", open(condition.action())),
        None => body,
    }
}

fn open(condition: &str) -> String {
    format!("{{{{- if {condition} }}}}")
}

/// A list or map that is written whole, where it is not empty.
///
/// Never used for numbers or booleans: `with` would drop 0 and false.
fn block(action: &str, pad: &str, head: &str, indent: usize) -> Vec<String> {
    vec![
        format!("{pad}{{{{- with {action} }}}}"),
        format!("{pad}{head}"),
        format!("{pad}  {{{{- toYaml . | nindent {} }}}}", indent + 2),
        format!("{pad}{{{{- end }}}}"),
    ]
}

fn text(template: &Template, pad: &str, head: &str) -> Vec<String> {
    // The values in a block stand unquoted: their patterns in the schema keep line feeds out.
    if !template.is_block() {
        return vec![format!(
            "{pad}{head} {{{{ {} | quote }}}}",
            template.action()
        )];
    }
    let mut lines = vec![format!("{pad}{head} |-")];
    lines.extend(
        template
            .inline()
            .lines()
            .map(|line| format!("{pad}  {line}")),
    );
    lines
}

impl Decorator for Located {
    fn text(&self, text: String) -> String {
        escape(&text)
    }

    fn guard(&self, pointer: &str) -> Option<String> {
        self.at(pointer).find_map(|rule| match rule {
            Rule::When(condition) => Some(open(condition)),
            _ => None,
        })
    }

    fn field(&self, pointer: &str, head: &str, indent: usize) -> Option<Vec<String>> {
        let pad = " ".repeat(indent);
        self.at(pointer).find_map(|rule| match rule {
            Rule::Text(template) => Some(text(template, &pad, head)),
            Rule::Scalar(action) => Some(vec![format!("{pad}{head} {{{{ {action} }}}}")]),
            Rule::File(action) => Some(vec![
                format!("{pad}{head} |-"),
                format!(
                    "{pad}  {{{{- {action} | trimSuffix \"\\n\" | nindent {} }}}}",
                    indent + 2
                ),
            ]),
            Rule::Block(action) => Some(block(action, &pad, head, indent)),
            _ => None,
        })
    }

    fn tail(&self, pointer: &str, indent: usize) -> Vec<String> {
        let pad = " ".repeat(indent);
        let lines = self.at(pointer).filter_map(|rule| match rule {
            Rule::Append(action) => Some(vec![
                format!("{pad}{{{{- with {action} }}}}"),
                format!("{pad}{{{{- toYaml . | nindent {indent} }}}}"),
                format!("{pad}{{{{- end }}}}"),
            ]),
            Rule::Variables(action) => Some(vec![
                format!("{pad}{{{{- range $name, $value := {action} }}}}"),
                format!("{pad}- name: {{{{ $name | quote }}}}"),
                format!("{pad}  value: {{{{ $value | quote }}}}"),
                format!("{pad}{{{{- end }}}}"),
            ]),
            _ => None,
        });
        lines.flatten().collect()
    }

    fn comment(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).find_map(|rule| match rule {
            Rule::Comment(text) => Some(*text),
            _ => None,
        })
    }
}
