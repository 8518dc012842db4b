//! What the user typed -> [`Config`]. Starts nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use argh::FromArgs;
use commandline::{BadValue, flag, parse_bool};

/// Shows the exporter and the agent at work on a simulated cluster, and stops
/// everything at the end. `just demo` builds both and starts this.
#[derive(FromArgs, Debug)]
#[argh(
    name = "demo",
    error_code(0, "The agent said of every node what is true of it."),
    error_code(1, "It did not, or something could not be started."),
    error_code(2, "A flag is not usable; the message says which."),
    error_code(130, "Interrupted.")
)]
struct Typed {
    /// the program k8s-ai-exporter
    #[argh(option, arg_name = "file")]
    exporter: Option<String>,
    /// the program k8s-ai-agent
    #[argh(option, arg_name = "file")]
    agent: Option<String>,
    /// put a real Prometheus between the two [default: false]
    #[argh(option, arg_name = "bool")]
    prometheus: Option<String>,
    /// seconds of history to gather, from 25 to 120 [default: 40]
    #[argh(option, arg_name = "number")]
    seconds: Option<String>,
}

/// Flags that a bare mention turns on.
const BOOLEANS: [&str; 1] = ["--prometheus"];

const DEFAULT_SECONDS: u64 = 40;

/// A show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) exporter: PathBuf,
    pub(crate) agent: PathBuf,
    pub(crate) prometheus: bool,
    /// Seconds of history to gather.
    pub(crate) seconds: u64,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Run the show.
    Show(Config),
    /// Print this text and leave.
    Print(String),
}

/// Resolves arguments, without the program's name.
///
/// # Errors
/// One line that names the flag, its value and what was expected.
pub(crate) fn resolve(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let args = commandline::normalise(args, &BOOLEANS).map_err(|error| error.to_string())?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match Typed::from_args(&["demo"], &args) {
        Ok(typed) => typed
            .resolve()
            .map(Command::Show)
            .map_err(|error| error.to_string()),
        Err(exit) if exit.status.is_ok() => Ok(Command::Print(exit.output)),
        // argh's messages span lines; ours are one.
        Err(exit) => Err(exit.output.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

impl Typed {
    fn resolve(self) -> Result<Config, BadValue> {
        Ok(Config {
            exporter: program("--exporter", self.exporter)?,
            agent: program("--agent", self.agent)?,
            prometheus: flag("--prometheus", self.prometheus, parse_bool)?.unwrap_or(false),
            seconds: flag("--seconds", self.seconds, parse_seconds)?.unwrap_or(DEFAULT_SECONDS),
        })
    }
}

fn program(name: &str, typed: Option<String>) -> Result<PathBuf, BadValue> {
    // A flag that was not typed is as good as an empty one: no file.
    let file = flag(name, Some(typed.unwrap_or_default()), parse_program)?;
    Ok(file.expect("a value was given"))
}

fn parse_program(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    match path.is_file() {
        // A bare name would be looked up on the PATH.
        true if !text.contains('/') => Ok(Path::new(".").join(path)),
        true => Ok(path),
        false => Err("the file of a program (`just demo` builds it)"),
    }
}

/// The agent needs twenty points for a trend; the leak reaches its end after two minutes.
fn parse_seconds(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .ok()
        .filter(|seconds| (25..=120).contains(seconds))
        .ok_or("a number of seconds from 25 to 120")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that exists wherever this test can run.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    fn parse(args: &[&str]) -> Result<Command, String> {
        resolve(args.iter().map(OsString::from))
    }

    #[test]
    fn two_programs_are_enough_and_both_forms_of_a_flag_are_read() {
        let joined = format!("--exporter={FILE}");
        let shown = |prometheus, seconds| {
            Ok(Command::Show(Config {
                exporter: FILE.into(),
                agent: FILE.into(),
                prometheus,
                seconds,
            }))
        };
        assert_eq!(parse(&[&joined, "--agent", FILE]), shown(false, 40));
        assert_eq!(
            parse(&[&joined, "--agent", FILE, "--prometheus", "--seconds", "25"]),
            shown(true, 25)
        );
    }

    #[test]
    fn a_bad_value_is_refused_in_one_line_that_says_what_was_expected() {
        let programs = ["--exporter", FILE, "--agent", FILE];
        for (args, message) in [
            (
                &["--seconds=24"],
                "--seconds: \"24\" is not a number of seconds from 25 to 120",
            ),
            (
                &["--seconds=1m"],
                "--seconds: \"1m\" is not a number of seconds from 25 to 120",
            ),
            (
                &["--prometheus=maybe"],
                "--prometheus: \"maybe\" is not true or false",
            ),
            (&["--colour"], "Unrecognized argument: --colour"),
        ] {
            let args: Vec<&str> = programs.iter().chain(args).copied().collect();
            let Err(problem) = parse(&args) else {
                panic!("{args:?}");
            };
            assert!(problem.starts_with(message), "{problem}");
            assert_eq!(problem.lines().count(), 1);
        }
        assert_eq!(
            parse(&["--agent", FILE]),
            Err("--exporter: \"\" is not the file of a program (`just demo` builds it)".to_owned())
        );
    }
}
