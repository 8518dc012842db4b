//! The forms that a report can take.

use std::io;

use super::{Report, csv, html, json, markdown, prometheus, text};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// For programs; `report.schema.json` describes it.
    Json,
    /// For comments, issues and wikis: GitHub-flavoured.
    Markdown,
    /// For browsers: one file that needs nothing else.
    Html,
    /// For spreadsheets: RFC 4180.
    Csv,
    /// For Prometheus: text format 0.0.4.
    Prometheus,
}

/// What text for people shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether plain text has colours.
    pub color: bool,
    /// Whether models that were not chosen are shown.
    pub explain: bool,
}

impl Format {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Csv,
        Self::Prometheus,
    ];

    /// As flags name it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Prometheus => "prometheus",
        }
    }

    /// What names of files in it end in.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Prometheus => "prom",
        }
    }

    /// Its `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Prometheus => exposition::write::Format::Text.content_type(),
        }
    }

    /// The form that flags name so.
    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.label() == label)
    }

    /// All labels, as a sentence lists them.
    pub fn list() -> String {
        let [others @ .., last] = Self::ALL.map(Self::label);
        format!("{} or {last}", others.join(", "))
    }
}

impl Report {
    /// Writes the report in a form, with a final newline. The forms that are long are
    /// written piece by piece.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn write(&self, format: Format, style: Style, out: &mut dyn io::Write) -> io::Result<()> {
        let text = match format {
            Format::Json => return json::write(self, out),
            Format::Html => return html::write(self, out),
            Format::Text => text::render(self, style),
            Format::Markdown => markdown::render(self, style),
            Format::Csv => csv::render(self),
            Format::Prometheus => prometheus::render(self),
        };
        out.write_all(text.as_bytes())
    }

    /// The same as one text.
    pub fn render(&self, format: Format, style: Style) -> String {
        let mut bytes = Vec::new();
        self.write(format, style, &mut bytes)
            .expect("memory takes everything");
        String::from_utf8(bytes).expect("every form is text")
    }
}
