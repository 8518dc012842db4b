//! A small program with flags of every kind.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::{
    Bytes, Command, General, Invocation, Program, Setting, UsageError, Within, completion,
    config_lines, help, manual, reference, settings, words,
};

settings! {
    /// The flags of the small program.
    struct Flags {
        "Backend", unused_with: Some("--input"), commands: &["check"] => {
            /// where to ask
            url: String = "http://localhost", value_name: "url", conflicts: Some("--input");

            /// deadline of a query
            timeout: Duration = "30s",
                within: Within::Durations(Duration::from_secs(1)..=Duration::from_secs(3600));

            /// file with a bearer token; read again
            /// for each query
            token_file: Option<PathBuf>, secret: true, requires: Some("--user");

            /// user name (RFC 7617)
            user: Option<String>, variables: &["USER_NAME", "LOGIN"], without: "nobody";
        }

        "Output" => {
            /// saved answers to read instead
            input: Vec<String>, variables: &["INPUTS"], value_name: "path";

            /// colours: where text has them
            color: ColorWord = "auto", aliases: &["--colour"];

            /// keep running
            watch: bool = "false";

            /// time between two runs
            every: Duration = "1m", only_with: Some("--watch=true");

            /// memory to use
            memory: Bytes = "64Mi", within: Within::Bytes(1 << 20..=1 << 30);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Color {
    Auto,
    Never,
}

impl Color {
    const ALL: [Self; 2] = [Self::Auto, Self::Never];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Never => "never",
        }
    }
}

words! {
    /// Use of colours.
    struct ColorWord(Color) = Color::ALL, Color::name;
}

const PROGRAM: Program = Program {
    name: "small",
    version: "1.2.3",
    revision: "abc",
    summary: "Shows what a table of flags is good for",
    description: &["It has no other purpose than that, since a table needs a program."],
    commands: &[Command {
        name: "check",
        help: "look at the backend; prints what is wrong",
        exit_codes: &[(0, "if nothing is"), (10, "if something is")],
    }],
    groups: &[Flags::GROUPS, General::GROUPS],
    examples: &[("Ask somebody else:", "--url http://other")],
    exit_codes: &[(0, "all is well"), (10, "something is not")],
}
.checked();

const TIMEOUT: &Setting = Flags::setting("--timeout");

fn read(args: &[&str], variables: &[(&str, &str)]) -> Result<Flags, UsageError> {
    let environment = |name: &str| {
        let mut variables = variables.iter();
        variables.find_map(|(own, value)| (*own == name).then(|| (*value).to_owned()))
    };
    let args = args.iter().map(OsString::from);
    match PROGRAM.invocation(args, &environment)? {
        Invocation::Run(mut given) => {
            let flags = Flags::read(&mut given)?;
            given.check(&[&flags])?;
            if flags.timeout == Duration::from_secs(13) {
                return Err(given.invalid(TIMEOUT, "13s", "a lucky one"));
            }
            Ok(flags)
        }
        Invocation::Print(text) => panic!("{text}"),
    }
}

fn lines(args: &[&str], variables: &[(&str, &str)]) -> String {
    config_lines(&[&read(args, variables).expect("a usable command line")])
}

#[test]
fn names_derive_from_fields() {
    let setting = Flags::setting("--token-file");
    assert_eq!(setting.variables, ["TOKEN_FILE"]);
    assert_eq!(Flags::setting("--url").default, Some("http://localhost"));
}

#[test]
fn flags_win_over_variables_over_defaults() {
    for (args, variables, line) in [
        (&[][..], &[][..], "--timeout=30s"),
        (&[], &[("TIMEOUT", "1m")], "--timeout=1m"),
        (&["--timeout=2m"], &[("TIMEOUT", "1m")], "--timeout=2m"),
        (&["--timeout", "2m"], &[("TIMEOUT", "")], "--timeout=2m"),
        (&[], &[("TIMEOUT", "")], "--timeout=30s"),
        (&[], &[("LOGIN", "b"), ("USER_NAME", "a")], "--user=a"),
        (&[], &[("LOGIN", "b"), ("USER_NAME", "")], "--user=b"),
        (&["--url=a=b"], &[], "--url=a=b"),
        (&["--url", "--watch"], &[], "--url=--watch"),
        (&["--colour", "never"], &[], "--color=never"),
    ] {
        let printed = lines(args, variables);
        assert!(printed.contains(&format!("{line}\n")), "{line}\n{printed}");
    }
}

#[test]
fn bare_booleans_are_true() {
    let watch = |args: &[&str]| read(args, &[]).map(|flags| flags.watch);
    assert_eq!(watch(&[]), Ok(false));
    assert_eq!(watch(&["--watch"]), Ok(true));
    assert_eq!(watch(&["--watch", "--user=me"]), Ok(true));
    assert_eq!(watch(&["--watch", "false"]), Ok(false));
    assert_eq!(watch(&["--watch=false"]), Ok(false));
}

#[test]
fn repeated_flags_replace_the_variable() {
    let inputs = |args: &[&str]| {
        let flags = read(args, &[("INPUTS", "a\n\nb c\n")]);
        flags.map(|flags| flags.input)
    };
    assert_eq!(inputs(&[]), Ok(vec!["a".to_owned(), "b c".to_owned()]));
    let two = Ok(vec!["x".to_owned(), "y".to_owned()]);
    assert_eq!(inputs(&["--input=x", "--input", "y"]), two);
}

#[test]
fn flags_without_effect_are_not_printed() {
    insta::assert_snapshot!(lines(&["--watch", "--user=me", "--token-file=/t"], &[]), @r"
    --url=http://localhost
    --timeout=30s
    --token-file=/t
    --user=me
    --color=auto
    --watch=true
    --every=1m
    --memory=67108864
    ");
    insta::assert_snapshot!(lines(&["--input=a", "--every=5m"], &[("URL", "http://b")]), @r"
    --input=a
    --color=auto
    --watch=false
    --memory=67108864
    ");
}

#[test]
fn printed_flags_are_read_again() {
    let args = ["--watch", "--every=90s", "--input=a b", "--memory=1Mi"];
    let printed = lines(&args, &[]);
    let again: Vec<&str> = printed.lines().collect();
    assert_eq!(lines(&again, &[]), printed);
}

#[test]
fn errors_name_flag_and_expected_form() {
    for (args, variables, message) in [
        (
            &["--timeout=7x"][..],
            &[][..],
            r#"invalid --timeout "7x": expected a duration such as 30s or 1m30s, from 1s to 1h"#,
        ),
        (
            &[],
            &[("TIMEOUT", "2h")],
            r#"invalid --timeout "2h" (from TIMEOUT): expected a duration such as 30s or 1m30s, from 1s to 1h"#,
        ),
        (
            &["--timeout=13s"],
            &[],
            r#"invalid --timeout "13s": expected a lucky one"#,
        ),
        (
            &["--memory=1Gb"],
            &[],
            r#"invalid --memory "1Gb": expected an amount of memory such as 64Mi, from 1Mi to 1Gi"#,
        ),
        (
            &["--color=red"],
            &[],
            r#"invalid --color "red": expected auto or never"#,
        ),
        (
            &[],
            &[("WATCH", "ba\nnana")],
            r#"invalid --watch "ba\nnana" (from WATCH): expected true or false"#,
        ),
        (
            &["--user="],
            &[],
            r#"invalid --user "": expected a text that is not empty"#,
        ),
        (&["--token-file=/t"], &[], "--token-file requires --user"),
        (
            &[],
            &[("TOKEN_FILE", "/t")],
            "--token-file (from TOKEN_FILE) requires --user",
        ),
        (
            &["--url=http://a", "--input=b"],
            &[],
            "--url cannot be used with --input",
        ),
        (
            &["--timout=1m"],
            &[],
            "unknown flag --timout; did you mean --timeout?",
        ),
        (
            &["--banana=1m"],
            &[],
            "unknown flag --banana (--help lists the flags)",
        ),
        (
            &["--ba\nnana"],
            &[],
            r"unknown flag --ba\nnana (--help lists the flags)",
        ),
        (&["-x"], &[], "unknown flag -x (--help lists the flags)"),
        (
            &["chekc"],
            &[],
            r#"unexpected argument "chekc"; did you mean check?"#,
        ),
        (
            &["check", "check"],
            &[],
            r#"unexpected argument "check" (--help lists the flags)"#,
        ),
        (&["check", "--watch"], &[], "check does not take --watch"),
        (
            &["--timeout"],
            &[],
            "missing value of --timeout: expected a duration such as 30s or 1m30s, from 1s to 1h",
        ),
        (
            &["--user=a", "--user=b"],
            &[],
            "--user is given more than once",
        ),
    ] {
        let error = read(args, variables).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn missing_values_name_flag_and_variables() {
    let missing = UsageError::missing(Flags::setting("--user"), "");
    assert_eq!(
        missing.to_string(),
        "missing --user (or USER_NAME or LOGIN)"
    );
    let missing = UsageError::missing(
        General::GROUPS[0].settings.last().expect("--help"),
        "it is needed",
    );
    assert_eq!(missing.to_string(), "missing --help: it is needed");
}

#[test]
fn credentials_in_refused_urls_are_hidden() {
    for (value, shown) in [
        ("https://me:hunter2@host/x", "https://[hidden]@host/x"),
        ("me:hunter2@host:6443", "[hidden]@host:6443"),
        ("https:/me:hunter2@host", "[hidden]@host"),
        ("https://host/x?token=hunter2", "https://host/x?[hidden]"),
    ] {
        let error = read(&["--timeout", value], &[])
            .expect_err(value)
            .to_string();
        assert!(error.contains(&format!("{shown:?}")), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn arguments_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let argument = OsString::from_vec(b"--url=\xff".to_vec());
    let error = PROGRAM
        .invocation([argument], &|_| None)
        .expect_err("a refusal");
    assert_eq!(
        error.to_string(),
        "argument \"--url=\u{fffd}\" is not UTF-8"
    );
}

#[test]
fn commands_are_recognised() {
    let command =
        |args: &[&str]| match PROGRAM.invocation(args.iter().map(OsString::from), &|_| None) {
            Ok(Invocation::Run(given)) => given.command(),
            other => panic!("{other:?}"),
        };
    assert_eq!(command(&[]), None);
    assert_eq!(command(&["check"]), Some("check"));
    assert_eq!(
        command(&["--url=a", "check", "--print-config"]),
        Some("check")
    );
}

fn printed(args: &[&str]) -> String {
    match PROGRAM.invocation(args.iter().map(OsString::from), &|_| None) {
        Ok(Invocation::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn version_names_the_revision() {
    assert_eq!(printed(&["--version"]), "small 1.2.3 (abc)\n");
}

#[test]
fn help_shows_every_flag() {
    assert_eq!(printed(&["-h"]), help::text(&PROGRAM));
    insta::assert_snapshot!(printed(&["check", "--help"]));
}

#[test]
fn reference_shows_every_flag() {
    insta::assert_snapshot!(reference::page(&PROGRAM, "small/src/args.rs"));
}

#[test]
fn manual_shows_every_flag() {
    insta::assert_snapshot!(manual::page(&PROGRAM, "1.2.3", "2026-11-22"));
}

#[test]
fn completions_know_words_and_files() {
    let (bash, zsh, fish) = (
        completion::bash(&PROGRAM),
        completion::zsh(&PROGRAM),
        completion::fish(&PROGRAM),
    );
    assert!(bash.contains("--color) mapfile -t COMPREPLY < <(compgen -W 'auto never'"));
    assert!(bash.contains("--token-file) compopt -o filenames"));
    assert!(
        zsh.contains("'*--input=[saved answers to read instead]:path: '"),
        "{zsh}"
    );
    assert!(zsh.contains("'--color=[colours]:value:(auto never)'"));
    assert!(zsh.contains("'::check:(check)'"));
    assert!(fish.contains("-l token-file -r -F -d 'file with a bearer token'"));
    assert!(fish.contains("-a check -d 'look at the backend'"));
}
