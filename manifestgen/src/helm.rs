//! Writes a typed object with its overlays as a Helm template.

use crate::objects::Object;
use crate::overlay::{Condition, Expr, Overlay, Path, Piece, Rule, split_pointer};
use crate::yaml::{self, Dressing};

/// The template of an object, without the lines that separate it from others.
pub fn template(object: &Object) -> String {
    let template = Template { object };
    let body = yaml::document(&object.tree, &template);
    match template.find("", |rule| matches!(rule, Rule::When(_))) {
        Some(Overlay {
            rule: Rule::When(condition),
            ..
        }) => format!("{}\n{body}{{{{- end }}}}\n", open(condition)),
        _ => body,
    }
}

/// The line that opens a condition.
fn open(condition: &Condition) -> String {
    format!("{{{{- if {} }}}}", strip_brackets(&truth(condition)))
}

/// A condition as an argument.
fn truth(condition: &Condition) -> String {
    let call = |function: &str, parts: &[Condition]| {
        let parts: Vec<String> = parts.iter().map(truth).collect();
        format!("({function} {})", parts.join(" "))
    };
    match condition {
        Condition::Value(path) => format!(".Values.{path}"),
        Condition::Is(path, text) => format!("(eq .Values.{path} {})", yaml::quoted(text)),
        Condition::All(parts) => call("and", parts),
        Condition::Any(parts) => call("or", parts),
    }
}

fn strip_brackets(text: &str) -> &str {
    text.strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .unwrap_or(text)
}

/// An expression as it stands inside an action.
fn action(expr: &Expr) -> String {
    match expr {
        Expr::Value(path) | Expr::Bool(path) => format!(".Values.{path}"),
        Expr::Int(path) => format!("int64 .Values.{path}"),
        Expr::Joined(path) => format!("join \",\" .Values.{path}"),
        Expr::Helper(helper) | Expr::Number(helper) => {
            format!("include \"{}\" .", helper.template())
        }
        Expr::Release => ".Release.Name".to_owned(),
        Expr::AppVersion => ".Chart.AppVersion".to_owned(),
        Expr::Text(pieces) => {
            let mut format = String::new();
            let mut arguments = String::new();
            for piece in pieces {
                match piece {
                    Piece::Literal(text) => format.push_str(&text.replace('%', "%%")),
                    Piece::Part(part) => {
                        format.push_str("%v");
                        let part = action(part);
                        if part.contains(' ') {
                            arguments.push_str(&format!(" ({part})"));
                        } else {
                            arguments.push_str(&format!(" {part}"));
                        }
                    }
                }
            }
            format!("printf {}{arguments}", yaml::quoted(&format))
        }
        Expr::File { path, .. } => format!(".Files.Get \"{path}\""),
    }
}

/// An expression as a string.
fn quoted(expr: &Expr) -> String {
    if let Expr::Text(pieces) = expr
        && let [Piece::Literal(text)] = pieces.as_slice()
    {
        return escape(&yaml::quoted(text));
    }
    format!("{{{{ {} | quote }}}}", action(expr))
}

/// `{{` would start an action: it is printed by one.
fn escape(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// Whether a text is better read as a block, quotes and line feeds as they are.
/// Its parts stand in it unquoted: the schema keeps line feeds out of them.
fn is_block(pieces: &[Piece]) -> bool {
    pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Literal(text) if text.contains(['\n', '"', '\''])))
}

struct Template<'a> {
    object: &'a Object,
}

impl Template<'_> {
    fn find(&self, pointer: &str, wanted: impl Fn(&Rule) -> bool) -> Option<&Overlay> {
        self.object
            .overlays
            .iter()
            .find(|overlay| overlay.pointer == pointer && wanted(&overlay.rule))
    }
}

/// `with` drops what is empty, which is what an empty list or map means here.
/// Never used for numbers or booleans: it would drop 0 and false.
fn with(path: Path, pad: &str, head: &str, indent: usize) -> Vec<String> {
    vec![
        format!("{pad}{{{{- with .Values.{path} }}}}"),
        format!("{pad}{head}"),
        format!("{pad}  {{{{- toYaml . | nindent {} }}}}", indent + 2),
        format!("{pad}{{{{- end }}}}"),
    ]
}

/// Several maps as one: a key given twice would stand twice in the manifest.
fn together(paths: &[Path]) -> String {
    match paths {
        [path] => format!(".Values.{path}"),
        _ => {
            let values: Vec<String> = paths.iter().map(|p| format!(".Values.{p}")).collect();
            format!("mergeOverwrite (dict) {}", values.join(" "))
        }
    }
}

fn set(expr: &Expr, pad: &str, head: &str, indent: usize) -> Vec<String> {
    match expr {
        Expr::Int(_) | Expr::Bool(_) | Expr::Number(_) => {
            vec![format!("{pad}{head} {{{{ {} }}}}", action(expr))]
        }
        Expr::File { .. } => vec![
            format!("{pad}{head} |-"),
            format!(
                "{pad}  {{{{- {} | trimSuffix \"\\n\" | nindent {} }}}}",
                action(expr),
                indent + 2
            ),
        ],
        Expr::Text(pieces) if is_block(pieces) => {
            let text: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => escape(text),
                    Piece::Part(part) => format!("{{{{ {} }}}}", action(part)),
                })
                .collect();
            let mut lines = vec![format!("{pad}{head} |-")];
            lines.extend(text.lines().map(|line| format!("{pad}  {line}")));
            lines
        }
        _ => vec![format!("{pad}{head} {{{{ {} | quote }}}}", action(expr))],
    }
}

impl Dressing for Template<'_> {
    fn text(&self, text: String) -> String {
        escape(&text)
    }

    fn more_keys(&self, pointer: &str) -> Vec<String> {
        self.object
            .overlays
            .iter()
            .filter(|overlay| matches!(overlay.rule, Rule::Optional(_) | Rule::Block(_)))
            .filter_map(|overlay| split_pointer(&overlay.pointer))
            .filter(|(parent, _)| *parent == pointer)
            .map(|(_, key)| key)
            .collect()
    }

    fn guard(&self, pointer: &str) -> Option<String> {
        let overlay = self.find(pointer, |rule| matches!(rule, Rule::When(_)))?;
        match &overlay.rule {
            Rule::When(condition) => Some(open(condition)),
            _ => None,
        }
    }

    fn field(&self, pointer: &str, head: &str, indent: usize) -> Option<Vec<String>> {
        let pad = " ".repeat(indent);
        let overlay = self.find(pointer, |rule| {
            matches!(rule, Rule::Set(_) | Rule::Optional(_) | Rule::Block(_))
        })?;
        Some(match &overlay.rule {
            Rule::Set(expr) => set(expr, &pad, head, indent),
            Rule::Optional(path) => vec![
                format!("{pad}{{{{- with .Values.{path} }}}}"),
                format!("{pad}{head} {{{{ . | quote }}}}"),
                format!("{pad}{{{{- end }}}}"),
            ],
            Rule::Block(path) => with(path, &pad, head, indent),
            _ => return None,
        })
    }

    fn tail(&self, pointer: &str, indent: usize) -> Vec<String> {
        let pad = " ".repeat(indent);
        let mut lines = Vec::new();
        for overlay in &self.object.overlays {
            if overlay.pointer != pointer {
                continue;
            }
            match &overlay.rule {
                Rule::Append(paths) => lines.extend([
                    format!("{pad}{{{{- with {} }}}}", together(paths)),
                    format!("{pad}{{{{- toYaml . | nindent {indent} }}}}"),
                    format!("{pad}{{{{- end }}}}"),
                ]),
                Rule::AppendWhen(condition, entries) => {
                    lines.push(format!("{pad}{}", open(condition)));
                    for entry in entries {
                        lines.push(format!("{pad}- {}", quoted(entry)));
                    }
                    lines.push(format!("{pad}{{{{- end }}}}"));
                }
                Rule::AppendVariables(path) => lines.extend([
                    format!("{pad}{{{{- range $name, $value := .Values.{path} }}}}"),
                    format!("{pad}- name: {{{{ $name | quote }}}}"),
                    format!("{pad}  value: {{{{ $value | quote }}}}"),
                    format!("{pad}{{{{- end }}}}"),
                ]),
                _ => {}
            }
        }
        lines
    }

    fn comment(&self, pointer: &str) -> Option<&str> {
        yaml::find_comment(&self.object.comments, pointer)
    }
}
