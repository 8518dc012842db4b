//! Which files are read instead of asking a backend.

use std::fmt;
use std::path::PathBuf;

use commandline::BadValue;

use super::flags::Args;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFile {
    /// Standard input.
    Standard,
    /// A file, or a pipe.
    Path(PathBuf),
}

impl fmt::Display for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("-"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

pub(super) fn resolve(args: &Args) -> Result<Vec<InputFile>, BadValue> {
    let bad = |flag: &str, value: &str, expected: &str| BadValue {
        setting: flag.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    };
    let mut files: Vec<InputFile> = Vec::new();
    for text in &args.input {
        let file = match text.as_str() {
            "" => return Err(bad("--input", text, "a file, or - for standard input")),
            "-" => InputFile::Standard,
            path => InputFile::Path(path.into()),
        };
        if files.contains(&file) {
            return Err(bad("--input", text, "of use twice"));
        }
        files.push(file);
    }
    match &args.prometheus_url {
        Some(url) if !files.is_empty() => {
            Err(bad("--prometheus-url", url, "of use beside --input"))
        }
        _ => Ok(files),
    }
}
