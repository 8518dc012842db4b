//! What becomes of a report: forms, files, colours.

use std::fmt;
use std::path::PathBuf;

use commandline::{BadValue, Environment, flag, parse_bool, setting};

use super::flags::Args;
use contract::ReportFormat as Format;

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
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let format = setting(
            environment,
            "--format",
            args.format.clone(),
            &["FORMAT"],
            |text| parse_format(text).ok_or_else(list_formats),
        )?;
        let color = flag("--color", args.color.clone(), parse_color)?;
        let explain = setting(
            environment,
            "--explain",
            args.explain.clone(),
            &["EXPLAIN"],
            parse_bool,
        )?;
        // <https://no-color.org>; a dumb terminal shows the codes themselves.
        let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
        let plain = is_set("NO_COLOR") || environment("TERM").is_some_and(|term| term == "dumb");
        Ok(Self {
            format: format.unwrap_or(Format::Text),
            outputs: outputs(&args.output)?,
            color: color.unwrap_or(if plain { Color::Never } else { Color::Auto }),
            explain: explain.unwrap_or(false),
        })
    }
}

impl fmt::Display for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--format={}", self.format.name())?;
        for Output { format, file } in &self.outputs {
            writeln!(f, "--output={}={}", format.name(), file.display())?;
        }
        writeln!(f, "--color={}", self.color.label())?;
        writeln!(f, "--explain={}", self.explain)
    }
}

fn outputs(typed: &[String]) -> Result<Vec<Output>, BadValue> {
    let mut outputs: Vec<Output> = Vec::with_capacity(typed.len());
    for text in typed {
        let bad = |expected| BadValue {
            setting: "--output".to_owned(),
            value: text.clone(),
            expected,
        };
        let output = parse_output(text).ok_or_else(|| {
            let formats = list_formats();
            bad(format!("FORMAT=FILE, the format being {formats}"))
        })?;
        if outputs.iter().any(|other| other.file == output.file) {
            return Err(bad(
                "a file of its own: an earlier one names it too".to_owned()
            ));
        }
        outputs.push(output);
    }
    Ok(outputs)
}

fn parse_format(name: &str) -> Option<Format> {
    let mut all = Format::ALL.iter().copied();
    all.find(|format| format.name() == name)
}

/// All names, as a sentence lists them.
fn list_formats() -> String {
    let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    let (last, others) = names.split_last().expect("there are formats");
    format!("{} or {last}", others.join(", "))
}

fn parse_output(text: &str) -> Option<Output> {
    let (format, file) = text.split_once('=')?;
    // `-` is standard output elsewhere, and here that has a flag of its own. A
    // line break could not be printed again by --print-config.
    let is_file = !file.is_empty() && file != "-" && !file.contains(char::is_control);
    is_file.then_some(Output {
        format: parse_format(format)?,
        file: PathBuf::from(file),
    })
}

fn parse_color(text: &str) -> Result<Color, &'static str> {
    Color::ALL
        .into_iter()
        .find(|color| color.label() == text)
        .ok_or("auto, always or never")
}
