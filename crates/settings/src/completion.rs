//! Shell completions for bash, zsh and fish: flags, commands, words of closed sets and files.

use std::fmt::Write as _;

use crate::setting::{Program, Setting, summary};

/// The values of a flag.
enum Values {
    /// One of these words.
    Words(String),
    /// A path.
    File,
    /// Something else.
    Other,
}

impl Values {
    fn of(setting: &Setting) -> Self {
        match (setting.form.words)() {
            words if !words.is_empty() => Self::Words(words.join(" ")),
            _ if setting.form.file => Self::File,
            _ => Self::Other,
        }
    }
}

fn commands(program: &Program) -> String {
    let commands = program.commands.iter();
    commands
        .map(|command| format!("{} ", command.name))
        .collect()
}

/// Returns the completions for bash: a file for
/// `/usr/share/bash-completion/completions/PROGRAM`.
pub fn bash(program: &Program) -> String {
    let name = program.name;
    let function = format!("_{}", name.replace('-', "_"));
    let mut cases = String::new();
    for setting in program.settings() {
        let answer = match Values::of(setting) {
            Values::Words(words) => {
                format!(r#"mapfile -t COMPREPLY < <(compgen -W '{words}' -- "$word")"#)
            }
            Values::File => {
                r#"compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")"#
                    .to_owned()
            }
            Values::Other => "COMPREPLY=()".to_owned(),
        };
        let _ = writeln!(cases, "    {}) {answer}; return ;;", setting.flag);
    }
    let commands = commands(program);
    let flags: Vec<&str> = program.settings().map(|setting| setting.flag).collect();
    let flags = flags.join(" ");
    format!(
        r#"# bash completion for {name}
{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD-1]}}
    # To bash the = of --flag=value is a word of its own.
    if [[ $word == = ]]; then
        word=
    elif [[ $flag == = ]]; then
        flag=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    COMPREPLY=()
    case $flag in
{cases}    esac
    # A command stands first.
    if (( COMP_CWORD == 1 )); then
        mapfile -t COMPREPLY < <(compgen -W '{commands}{flags}' -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W '{flags}' -- "$word")
    fi
}}
complete -F {function} {name}
"#
    )
}

/// Returns the completions for zsh: a file `_PROGRAM` in a folder of `$fpath`.
pub fn zsh(program: &Program) -> String {
    let mut script = format!("#compdef {}\n_arguments", program.name);
    for setting in program.settings() {
        let repeatable = if setting.form.repeatable { "*" } else { "" };
        let (flag, about) = (setting.flag, zsh_text(&setting.summary()));
        let values = match Values::of(setting) {
            Values::Words(words) => format!("value:({words})"),
            Values::File => "file:_files".to_owned(),
            Values::Other => format!("{}: ", zsh_text(&setting.placeholder())),
        };
        let spec = format!("{repeatable}{flag}=[{about}]:{values}");
        let _ = write!(script, " \\\n    {}", quoted(&spec));
    }
    for command in program.commands {
        let spec = format!("::{}:({})", command.name, command.name);
        let _ = write!(script, " \\\n    {}", quoted(&spec));
    }
    script.push('\n');
    script
}

/// Returns the completions for fish: a file `PROGRAM.fish` in `completions/`.
pub fn fish(program: &Program) -> String {
    let name = program.name;
    let mut script = format!("complete -c {name} -f\n");
    for setting in program.settings() {
        let values = match Values::of(setting) {
            Values::Words(words) => format!(" -x -a '{words}'"),
            Values::File => " -r -F".to_owned(),
            Values::Other => " -x".to_owned(),
        };
        let long = setting.flag.trim_start_matches('-');
        let about = fish_text(&setting.summary());
        let _ = writeln!(script, "complete -c {name} -l {long}{values} -d '{about}'");
    }
    for command in program.commands {
        let _ = writeln!(
            script,
            "complete -c {name} -n __fish_use_subcommand -a {} -d '{}'",
            command.name,
            fish_text(&summary(command.help))
        );
    }
    script
}

/// Escapes text within single quotes, where fish knows `\\` and `\'`.
fn fish_text(text: &str) -> String {
    text.replace('\\', r"\\").replace('\'', r"\'")
}

/// Escapes text within a specification of `_arguments`.
fn zsh_text(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('[', r"\[")
        .replace(']', r"\]")
        .replace(':', r"\:")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
