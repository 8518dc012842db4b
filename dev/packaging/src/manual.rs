//! Manual pages, from what `--help` is made of. Pure.
//!
//! Format: man(7), as groff and mandoc read it. Out of scope: what the flags
//! mean; their help texts say that.

use argh::{FlagInfo, FlagInfoKind};
use quantity::Timestamp;

use crate::program::Program;

/// The manual page of `program` for section 1, dated by its commit.
pub fn page(program: Program, version: &str, date: Timestamp) -> String {
    let interface = (program.interface)();
    let mut page = Page(String::new());
    let date = date.to_string();
    let day = date.split('T').next().unwrap_or(&date);
    page.line(&format!(
        r#".TH {} 1 "{day}" "{} {version}" "Binbots-k8s""#,
        program.name.to_uppercase().replace('-', r"\-"),
        program.name,
    ));
    page.section("NAME");
    page.line(&format!(
        r"{} \- {}",
        escaped(program.name),
        escaped(program.description)
    ));
    page.section("SYNOPSIS");
    let words = program
        .words()
        .map(|word| format!(r"[\fB{}\fR] ", escaped(word.name)));
    page.line(&format!(
        r"\fB{}\fR {}[\fIflags\fR]",
        escaped(program.name),
        words.collect::<String>()
    ));
    page.section("DESCRIPTION");
    page.text(interface.description);
    for note in interface.notes {
        page.line(".PP");
        page.text(note);
    }
    page.section("OPTIONS");
    for word in program.words() {
        page.line(".TP");
        page.line(&format!(r"\fB{}\fR", escaped(word.name)));
        page.text(word.description);
    }
    for flag in program.flags() {
        page.line(".TP");
        page.line(&head(flag));
        page.text(flag.description);
    }
    page.section("EXIT STATUS");
    for code in interface.error_codes {
        page.line(".TP");
        page.line(&format!(r"\fB{}\fR", code.code));
        page.text(code.description);
    }
    page.section("EXAMPLES");
    for (number, example) in interface.examples.iter().enumerate() {
        if number > 0 {
            page.line(".PP");
        }
        page.verbatim(&example.replace("{command_name}", program.name));
    }
    page.0
}

/// The flag and the name of its value.
fn head(flag: &FlagInfo<'_>) -> String {
    let short = flag.short.map(|short| format!(r"\fB\-{short}\fR, "));
    let value = match flag.kind {
        FlagInfoKind::Switch => String::new(),
        FlagInfoKind::Option { arg_name } => format!(r" \fI{}\fR", escaped(arg_name)),
    };
    format!(
        r"{}\fB{}\fR{value}",
        short.unwrap_or_default(),
        escaped(flag.long)
    )
}

struct Page(String);

impl Page {
    /// A line of man(7) as it is.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.line(&format!(".SH {name}"));
    }

    /// Running text; an empty line in it begins a paragraph.
    fn text(&mut self, text: &str) {
        for line in text.trim().lines().map(str::trim) {
            match line.is_empty() {
                true => self.line(".PP"),
                false => self.line(&escaped(line)),
            }
        }
    }

    /// Text whose lines stay as they are.
    fn verbatim(&mut self, text: &str) {
        self.line(".nf");
        for line in text.trim().lines() {
            self.line(&escaped(line));
        }
        self.line(".fi");
    }
}

/// Text without a meaning to man(7).
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
    use crate::program::ALL;

    #[test]
    fn a_page_names_each_flag_once_and_each_exit_code() {
        for program in ALL {
            let interface = (program.interface)();
            let page = page(program, "1.2.3", Timestamp::from_unix(0));
            let title = format!(
                ".TH {} 1 \"1970-01-01\" \"{} 1.2.3\"",
                program.name.to_uppercase().replace('-', r"\-"),
                program.name
            );
            assert!(page.starts_with(&title), "{page}");
            for flag in program.flags() {
                let head = head(flag);
                let heads = page.lines().filter(|line| *line == head);
                assert_eq!(heads.count(), 1, "{}", flag.long);
            }
            for code in interface.error_codes {
                assert!(page.contains(&format!(".TP\n\\fB{}\\fR\n", code.code)));
            }
            assert!(!page.contains("{command_name}"));
        }
    }

    #[test]
    fn text_cannot_be_taken_for_a_macro() {
        assert_eq!(escaped(r".so 'a-b' \n"), r"\&.so \(aqa\-b\(aq \en");
    }
}
