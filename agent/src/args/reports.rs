//! The flags of the output: formats, files, colours.

use std::path::PathBuf;

use contract::ReportFormat as Format;
use settings::{Environment, Given, Origin, Syntax, UsageError, Within, settings, words};

use super::command::DOCTOR;
use super::repeated::repeated;

settings! {
    /// The flags of the report.
    pub struct Flags {
        "Report" => {
            /// format on standard output
            format: FormatWord = "text", commands: DOCTOR;

            /// file to write the report to, and its format: html=report.html; written whole or not at
            /// all
            output: Vec<Output>, variables: &[];

            /// colours of text on standard output; auto means on a terminal, unless NO_COLOR is set or
            /// TERM is dumb
            color: ColorWord = "auto", variables: &[];

            /// list every model that was considered, with its error in the backtest
            explain: bool = "false";
        }
    }
}

words! {
    /// Formats of the report.
    pub struct FormatWord(Format) = Format::ALL, Format::name;
}

words! {
    /// The use of colours.
    pub struct ColorWord(Color) = COLORS, color_word;
}

/// A file that the report is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: Format,
    /// The path of the file.
    pub file: PathBuf,
}

/// The use of colours in text on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

const COLORS: [Color; 3] = [Color::Auto, Color::Always, Color::Never];

const fn color_word(color: Color) -> &'static str {
    match color {
        Color::Auto => "auto",
        Color::Always => "always",
        Color::Never => "never",
    }
}

pub(super) fn resolve(
    flags: &mut Flags,
    given: &Given<'_>,
    environment: Environment<'_>,
) -> Result<(), UsageError> {
    // <https://no-color.org>; a dumb terminal shows the codes themselves.
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
    let plain = is_set("NO_COLOR") || environment("TERM").is_some_and(|term| term == "dumb");
    if plain && given.origin(const { Flags::setting("--color") }) == Origin::Default {
        flags.color = Color::Never;
    }
    let setting = const { Flags::setting("--output") };
    let expected = "a file that no other --output names";
    match repeated(&flags.output, |output| &output.file) {
        Some(output) => Err(given.invalid(setting, Output::print(output), expected)),
        None => Ok(()),
    }
}

impl Syntax for Output {
    type Value = Self;
    const VALUE_NAME: &'static str = "format=file";

    fn expected(within: &Within) -> String {
        format!(
            "FORMAT=FILE with the format {}",
            FormatWord::expected(within)
        )
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        // Standard output, elsewhere `-`, has a flag of its own. --print-config could
        // not print a line break.
        let is_file =
            |file: &str| !file.is_empty() && file != "-" && !file.contains(char::is_control);
        text.split_once('=')
            .filter(|(_, file)| is_file(file))
            .and_then(|(format, file)| {
                Some(Self {
                    format: FormatWord::parse(format, within).ok()?,
                    file: PathBuf::from(file),
                })
            })
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &Self) -> String {
        format!("{}={}", value.format.name(), value.file.display())
    }
}
