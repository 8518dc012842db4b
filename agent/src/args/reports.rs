//! What becomes of a report: formats, files, colours.

use std::path::PathBuf;

use contract::ReportFormat as Format;
use settings::{Environment, Given, Origin, Syntax, UsageError, Within, settings, words};

use super::command::DOCTOR;

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

            /// list the models that were not selected too, with their errors
            explain: bool = "false";
        }
    }
}

words! {
    /// Formats of the report.
    pub struct FormatWord(Format) = Format::ALL, Format::name;
}

words! {
    /// When to use colours.
    pub struct ColorWord(Color) = Color::ALL, Color::label;
}

/// Where the report goes, and in which forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Reports {
    /// The form on standard output.
    pub format: Format,
    /// Files beside it, each another one.
    pub outputs: Vec<Output>,
    /// Whether text on standard output has colours.
    pub color: Color,
    /// Whether models that were not chosen are shown to people too.
    pub explain: bool,
}

/// A file that the report is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// In which form.
    pub format: Format,
    /// Which file.
    pub file: PathBuf,
}

/// When text on standard output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// As the flag names it.
    const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// Whether to colour, given whether a terminal shows it.
    pub const fn is_on(self, terminal: bool) -> bool {
        match self {
            Self::Auto => terminal,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Reports {
    pub(super) fn resolve(
        flags: &mut Flags,
        given: &Given<'_>,
        environment: Environment<'_>,
    ) -> Result<Self, UsageError> {
        // <https://no-color.org>; a dumb terminal shows the codes themselves.
        let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
        let plain = is_set("NO_COLOR") || environment("TERM").is_some_and(|term| term == "dumb");
        if plain && given.origin(const { Flags::setting("--color") }) == Origin::Default {
            flags.color = Color::Never;
        }
        let outputs = &flags.output;
        for (index, output) in outputs.iter().enumerate() {
            if outputs[..index]
                .iter()
                .any(|other| other.file == output.file)
            {
                let setting = const { Flags::setting("--output") };
                let expected = "a file that no other --output names";
                return Err(given.invalid(setting, Output::print(output), expected));
            }
        }
        Ok(Self {
            format: flags.format,
            outputs: outputs.clone(),
            color: flags.color,
            explain: flags.explain,
        })
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
        // `-` is standard output elsewhere, and here that has a flag of its own. A
        // line break could not be printed again by --print-config.
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
