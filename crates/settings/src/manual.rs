//! The manual page, in man(7) for groff and mandoc.

use crate::setting::{Program, Setting};
use crate::text::one_line;

/// The manual page of `program` for section 1. `date` is a day, such as `2026-11-22`.
pub fn page(program: &Program, version: &str, date: &str) -> String {
    let name = escaped(program.name);
    let mut page = Page(String::new());
    page.line(&format!(
        r#".TH {} 1 "{date}" "{} {version}" "Binbots-k8s""#,
        name.to_uppercase(),
        program.name,
    ));
    page.section("NAME");
    page.line(&format!(r"{name} \- {}", escaped(program.summary)));
    page.section("SYNOPSIS");
    let commands = program.commands.iter();
    let commands = commands.map(|command| format!(r"[\fB{}\fR] ", escaped(command.name)));
    page.line(&format!(
        r"\fB{name}\fR {}[\fIflags\fR]",
        commands.collect::<String>()
    ));
    page.section("DESCRIPTION");
    for (number, paragraph) in program.description.iter().enumerate() {
        if number > 0 {
            page.line(".PP");
        }
        page.text(paragraph);
    }
    if !program.commands.is_empty() {
        page.section("COMMANDS");
    }
    for command in program.commands {
        page.line(".TP");
        page.line(&format!(r"\fB{}\fR", escaped(command.name)));
        page.text(&program.about(command));
    }
    page.section("OPTIONS");
    for group in program.groups() {
        page.line(&format!(".SS {}", escaped(group.title)));
        for setting in group.settings {
            page.line(".TP");
            page.line(&head(setting));
            page.text(&details(setting));
        }
    }
    page.section("EXIT STATUS");
    for (code, meaning) in program.exit_codes {
        page.line(".TP");
        page.line(&format!(r"\fB{code}\fR"));
        page.text(meaning);
    }
    page.section("EXAMPLES");
    for (number, (purpose, arguments)) in program.examples.iter().enumerate() {
        if number > 0 {
            page.line(".PP");
        }
        page.text(purpose);
        page.verbatim(&format!("{} {arguments}", program.name));
    }
    page.0
}

/// The flag and the placeholder for its value.
fn head(setting: &Setting) -> String {
    let value = escaped(&setting.placeholder());
    let value = match setting.form.bare {
        true => format!(r"[\fI{value}\fR]"),
        false => format!(r"\fI{value}\fR"),
    };
    format!(r"\fB{}\fR {value}", escaped(setting.flag))
}

fn details(setting: &Setting) -> String {
    let mut text = setting.about();
    if !setting.variables.is_empty() {
        text += &format!(". Environment: {}", setting.variables.join(", then "));
    }
    match setting.default_text() {
        "" => {}
        default => text += &format!(". Default: {default}"),
    }
    text.push('.');
    text
}

struct Page(String);

impl Page {
    /// Appends a line of man(7) as it is.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.line(&format!(".SH {name}"));
    }

    fn text(&mut self, text: &str) {
        self.line(&escaped(&one_line(text)));
    }

    /// Appends text with its line breaks.
    fn verbatim(&mut self, text: &str) {
        self.line(".nf");
        for line in text.lines() {
            self.line(&escaped(line));
        }
        self.line(".fi");
    }
}

/// Escapes text for man(7).
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', r"\e")
        .replace('-', r"\-")
        .replace('\'', r"\(aq")
        .replace('`', r"\(ga");
    match text.starts_with('.') {
        true => format!(r"\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_a_macro() {
        assert_eq!(escaped(r".so 'a-b' \n"), r"\&.so \(aqa\-b\(aq \en");
    }
}
