//! What becomes of a report.

use std::fmt;

use commandline::{BadValue, Environment, setting};

use super::flags::Args;

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Prometheus: text format 0.0.4.
    Prometheus,
}

impl Format {
    const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Prometheus];

    /// As the flag names it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Prometheus => "prometheus",
        }
    }
}

/// Where the report goes, and in which form.
#[derive(Debug, Clone, PartialEq)]
pub struct Reports {
    /// The form on standard output.
    pub format: Format,
}

impl Reports {
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let format = setting(
            environment,
            "--format",
            args.format.clone(),
            &["FORMAT"],
            parse_format,
        )?;
        Ok(Self {
            format: format.unwrap_or(Format::Text),
        })
    }
}

impl fmt::Display for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--format={}", self.format.label())
    }
}

fn parse_format(text: &str) -> Result<Format, &'static str> {
    Format::ALL
        .into_iter()
        .find(|format| format.label() == text)
        .ok_or("text, json or prometheus")
}
