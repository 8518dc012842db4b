//! What both programs share about their command lines: the argument forms
//! they accept, settings that come from a flag or else from the environment,
//! and one form of error for a bad value.
//!
//! In scope: `--flag=value` beside `--flag value`, bare booleans, lookup order
//! (flag, then environment, then default). Out of scope: which flags exist,
//! what they mean, exit codes, printing.

use std::ffi::OsString;
use std::fmt;

/// Brings the arguments into the one form that `argh` reads: each value in an
/// argument of its own, each boolean with its value.
///
/// `--flag=value` is split at the first `=`. A flag in `booleans` that no
/// value follows means true.
///
/// # Errors
/// An argument that is not UTF-8.
pub fn normalise(
    args: impl IntoIterator<Item = OsString>,
    booleans: &[&str],
) -> Result<Vec<String>, BadValue> {
    let mut out = Vec::new();
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        let arg = arg.into_string().map_err(|arg| BadValue {
            setting: "argument".to_owned(),
            value: arg.to_string_lossy().into_owned(),
            expected: "UTF-8 text".to_owned(),
        })?;
        match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => {
                out.push(flag.to_owned());
                out.push(value.to_owned());
            }
            _ => {
                let bare = booleans.contains(&arg.as_str())
                    && args
                        .peek()
                        .is_none_or(|next| next.as_encoded_bytes().starts_with(b"-"));
                out.push(arg);
                if bare {
                    out.push("true".to_owned());
                }
            }
        }
    }
    Ok(out)
}

/// The name of a flag here: `--web.config.file`, as Prometheus's own exporters call it, is
/// `--web-config-file`. Other arguments are returned as they are.
pub fn canonical_name(argument: &str) -> &str {
    match argument {
        "--web.config.file" => "--web-config-file",
        other => other,
    }
}

/// Where variables are read from, so that tests never touch the process environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process environment. A variable that is not UTF-8 counts as unset.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A value that a user gave and the program cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// The flag or variable, as the user wrote it: `--step`, `LOOKBACK_MINUTES`.
    pub setting: String,
    /// The value, as the user wrote it.
    pub value: String,
    /// What would have been accepted.
    pub expected: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            value,
            expected,
        } = self;
        // Debug form: a newline or a control character stays on the one line.
        let value = without_credentials(value);
        write!(f, "{setting}: {value:?} is not {expected}")
    }
}

/// Hides what may be a password: what stands before the `@` of a URL, however
/// broken, and the query of one.
fn without_credentials(value: &str) -> String {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    let mut shown = match value.rsplit_once('@') {
        Some((_, host)) => match scheme {
            Some(scheme) => format!("{scheme}://[hidden]@{host}"),
            None => format!("[hidden]@{host}"),
        },
        None => value.to_owned(),
    };
    if scheme.is_some()
        && let Some(query) = shown.find('?')
    {
        shown.truncate(query);
        shown.push_str("?[hidden]");
    }
    shown
}

impl std::error::Error for BadValue {}

/// The value of one setting: the flag's if it was typed, else the first of
/// `variables` that is set and not empty, else none.
///
/// `parse` returns what it expected when it refuses a text.
///
/// # Errors
/// [`BadValue`] naming the flag or the variable, whichever held the bad text.
pub fn setting<T, E: fmt::Display>(
    environment: Environment<'_>,
    flag: &str,
    typed: Option<String>,
    variables: &[&str],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, BadValue> {
    let found = typed.map(|value| (flag, value)).or_else(|| {
        variables.iter().find_map(|name| {
            environment(name)
                .filter(|value| !value.is_empty())
                .map(|value| (*name, value))
        })
    });
    found
        .map(|(setting, value)| {
            parse(&value).map_err(|expected| BadValue {
                setting: setting.to_owned(),
                expected: expected.to_string(),
                value,
            })
        })
        .transpose()
}

/// The value of a flag that no variable stands for, if it was typed.
///
/// # Errors
/// [`BadValue`] naming the flag.
pub fn flag<T, E: fmt::Display>(
    name: &str,
    typed: Option<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, BadValue> {
    setting(&|_| None, name, typed, &[], parse)
}

/// Parses `true` or `false`.
///
/// # Errors
/// The expected forms, for any other text.
pub fn parse_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false"),
    }
}

/// Accepts any text that is not empty.
///
/// # Errors
/// The expected form, for an empty text.
pub fn parse_text(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("a text that is not empty");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(args: &[&str]) -> Vec<String> {
        normalise(args.iter().map(OsString::from), &["--enable-kubelet"]).expect("UTF-8")
    }

    #[test]
    fn both_argument_forms_read_the_same() {
        assert_eq!(normalised(&["--step=30s"]), ["--step", "30s"]);
        assert_eq!(normalised(&["--step", "30s"]), ["--step", "30s"]);
        assert_eq!(
            normalised(&["--cpu-query=a{b=\"c\"}"]),
            ["--cpu-query", "a{b=\"c\"}"],
            "split at the first = only"
        );
    }

    #[test]
    fn a_bare_boolean_means_true_and_a_word_after_it_is_its_value() {
        assert_eq!(
            normalised(&["--enable-kubelet", "--once"]),
            ["--enable-kubelet", "true", "--once"]
        );
        assert_eq!(
            normalised(&["--enable-kubelet"]),
            ["--enable-kubelet", "true"]
        );
        assert_eq!(
            normalised(&["--enable-kubelet", "false"]),
            ["--enable-kubelet", "false"]
        );
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_an_empty_variable_is_unset() {
        let environment = |name: &str| match name {
            "STEP" => Some("7".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| "a number");
        let get = |typed: Option<&str>, variables: &[&str]| {
            setting(
                &environment,
                "--step",
                typed.map(str::to_owned),
                variables,
                number,
            )
        };
        assert_eq!(get(Some("5"), &["STEP"]), Ok(Some(5)));
        assert_eq!(get(None, &["STEP"]), Ok(Some(7)));
        assert_eq!(get(None, &["EMPTY", "STEP"]), Ok(Some(7)));
        assert_eq!(get(None, &["EMPTY"]), Ok(None));
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        for (value, shown) in [
            ("https://me:hunter2@host/x", "https://[hidden]@host/x"),
            ("me:hunter2@host:6443", "[hidden]@host:6443"),
            ("https:/me:hunter2@host", "[hidden]@host"),
            ("https://host/x?token=hunter2", "https://host/x?[hidden]"),
        ] {
            let error = BadValue {
                setting: "--url".to_owned(),
                value: value.to_owned(),
                expected: "a URL".to_owned(),
            };
            assert_eq!(error.to_string(), format!("--url: {shown:?} is not a URL"));
        }
    }

    #[test]
    fn a_bad_value_is_one_line_that_names_its_setting() {
        let environment = |_: &str| Some("ba\nnana".to_owned());
        let number = |text: &str| text.parse::<u32>().map_err(|_| "a number");
        let error = setting(&environment, "--step", None, &["STEP"], number).expect_err("bad");
        assert_eq!(error.to_string(), r#"STEP: "ba\nnana" is not a number"#);
        let error =
            setting(&environment, "--step", Some("x".into()), &["STEP"], number).expect_err("bad");
        assert_eq!(error.to_string(), r#"--step: "x" is not a number"#);
    }
}
