//! The text of `--help`.

use crate::setting::{Program, Setting};
use crate::text::push_wrapped;

/// Returns the help of a program.
pub fn text(program: &Program) -> String {
    let name = program.name;
    let mut out = [program.summary, ".\n\nUsage: ", name, " [flags]\n"].concat();
    for command in program.commands {
        out.push_str(&["       ", name, " ", command.name, " [flags]\n"].concat());
    }
    for paragraph in program.description {
        out.push('\n');
        push_wrapped(&mut out, 0, paragraph);
    }
    if !program.commands.is_empty() {
        out.push_str("\nCommands:\n");
    }
    for command in program.commands {
        out.push_str(&["  ", command.name, "\n"].concat());
        push_wrapped(&mut out, 6, &program.about(command));
    }
    for group in program.groups() {
        out.push_str(&["\n", group.title, ":\n"].concat());
        for setting in group.settings {
            out.push_str(&["  ", &head(setting), "\n"].concat());
            push_wrapped(&mut out, 6, &details(setting));
        }
    }
    out.push_str("\nExit codes:\n");
    for (code, meaning) in program.exit_codes {
        let start = out.len();
        push_wrapped(&mut out, 6, meaning);
        out.replace_range(start..start + 6, &format!("  {code:<3} "));
    }
    out.push_str("\nExamples:\n");
    for (purpose, arguments) in program.examples {
        push_wrapped(&mut out, 2, purpose);
        let arguments = arguments.replace('\n', "\n      ");
        out.push_str(&["      ", name, " ", &arguments, "\n"].concat());
    }
    out
}

/// Returns the flag with the placeholder for its value, in brackets if it is optional.
fn head(setting: &Setting) -> String {
    let placeholder = setting.placeholder();
    let value = match setting.form.bare {
        true => ["[", &placeholder, "]"].concat(),
        false => ["<", &placeholder, ">"].concat(),
    };
    let mut shorts = setting
        .aliases
        .iter()
        .filter(|alias| !alias.starts_with("--"));
    let short = shorts.next().map(|short| [short, ", "].concat());
    [&short.unwrap_or_default(), setting.flag, " ", &value].concat()
}

fn details(setting: &Setting) -> String {
    let mut text = setting.about();
    if !setting.variables.is_empty() {
        text.push_str(&[" [env: ", &setting.variables.join(", then "), "]"].concat());
    }
    match setting.default_text() {
        "" => {}
        default => text.push_str(&[" [default: ", default, "]"].concat()),
    }
    text
}
