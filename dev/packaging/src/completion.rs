//! Completions for bash, zsh and fish, from what `--help` is made of. Pure.
//!
//! What a flag takes is read off the name of its value: `auto|off` are words,
//! `bool` is true or false, `file` a file. Out of scope: values that only a
//! cluster knows.

use std::fmt::Write as _;

use argh::{FlagInfo, FlagInfoKind, Optionality};

use crate::program::Program;

/// What may stand after a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Values<'a> {
    /// One of these.
    Words(Vec<&'a str>),
    /// A path.
    File,
    /// Something that nobody can guess.
    Free(&'a str),
    /// Nothing: the flag stands alone.
    None,
}

impl<'a> Values<'a> {
    fn of(flag: &FlagInfo<'a>) -> Self {
        match flag.kind {
            FlagInfoKind::Switch => Self::None,
            FlagInfoKind::Option { arg_name } => match arg_name {
                "bool" => Self::Words(vec!["true", "false"]),
                "file" => Self::File,
                words if words.contains('|') => Self::Words(words.split('|').collect()),
                free => Self::Free(free),
            },
        }
    }
}

/// For bash: a file for `/usr/share/bash-completion/completions/PROGRAM`.
pub fn bash(program: Program) -> String {
    let name = program.name;
    let function = format!("_{}", name.replace('-', "_"));
    let mut cases = String::new();
    for flag in program.flags() {
        let long = flag.long;
        let answer = match Values::of(flag) {
            Values::None => continue,
            Values::Words(words) => {
                format!(
                    r#"mapfile -t COMPREPLY < <(compgen -W '{}' -- "$word")"#,
                    words.join(" ")
                )
            }
            Values::File => {
                r#"compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")"#
                    .to_owned()
            }
            Values::Free(_) => "COMPREPLY=()".to_owned(),
        };
        let _ = writeln!(cases, "    {long}) {answer}; return ;;");
    }
    let words: String = program
        .words()
        .map(|word| format!("{} ", word.name))
        .collect();
    let longs: Vec<&str> = program.flags().map(|flag| flag.long).collect();
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
    # A word stands first.
    if (( COMP_CWORD == 1 )); then
        mapfile -t COMPREPLY < <(compgen -W '{words}{longs}' -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W '{longs}' -- "$word")
    fi
}}
complete -F {function} {name}
"#,
        longs = longs.join(" ")
    )
}

/// For zsh: a file `_PROGRAM` in a folder of `$fpath`.
pub fn zsh(program: Program) -> String {
    let mut script = format!("#compdef {}\n_arguments", program.name);
    for flag in program.flags() {
        let repeatable = match flag.optionality {
            Optionality::Repeating => "*",
            _ => "",
        };
        let (long, what) = (flag.long, zsh_text(summary(flag)));
        let spec = match Values::of(flag) {
            Values::None => format!("{repeatable}{long}[{what}]"),
            Values::Words(words) => {
                format!("{repeatable}{long}=[{what}]:value:({})", words.join(" "))
            }
            Values::File => format!("{repeatable}{long}=[{what}]:file:_files"),
            Values::Free(name) => format!("{repeatable}{long}=[{what}]:{}: ", zsh_text(name)),
        };
        let _ = write!(script, " \\\n    {}", quoted(&spec));
    }
    for word in program.words() {
        let spec = format!("::{}:({})", word.name, word.name);
        let _ = write!(script, " \\\n    {}", quoted(&spec));
    }
    script.push('\n');
    script
}

/// For fish: a file `PROGRAM.fish` in `completions/`.
pub fn fish(program: Program) -> String {
    let name = program.name;
    let mut script = format!("complete -c {name} -f\n");
    for flag in program.flags() {
        let values = match Values::of(flag) {
            Values::None => String::new(),
            Values::Words(words) => format!(" -x -a '{}'", words.join(" ")),
            Values::File => " -r -F".to_owned(),
            Values::Free(_) => " -x".to_owned(),
        };
        let long = flag.long.trim_start_matches('-');
        let what = fish_text(summary(flag));
        let _ = writeln!(script, "complete -c {name} -l {long}{values} -d '{what}'");
    }
    for word in program.words() {
        let _ = writeln!(
            script,
            "complete -c {name} -n __fish_use_subcommand -a {} -d '{}'",
            word.name,
            fish_text(before_details(word.description))
        );
    }
    script
}

/// What a flag is for, without its details.
fn summary<'a>(flag: &FlagInfo<'a>) -> &'a str {
    before_details(flag.description)
}

fn before_details(text: &str) -> &str {
    let details = ["; ", " (", " [default", ": ", ". "].iter();
    let end = details.filter_map(|sign| text.find(sign)).min();
    end.map_or(text, |end| &text[..end])
}

/// Text within single quotes, where fish knows `\\` and `\'`.
fn fish_text(text: &str) -> String {
    text.replace('\\', r"\\").replace('\'', r"\'")
}

/// Text within a specification of `_arguments`.
fn zsh_text(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('[', r"\[")
        .replace(']', r"\]")
        .replace(':', r"\:")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
