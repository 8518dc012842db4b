//! Saved answers that are read in place of a backend.

use std::fmt;
use std::path::PathBuf;

use settings::{Given, Syntax, UsageError, Within, settings};

settings! {
    /// The flags of saved answers.
    pub struct Flags {
        "Saved answers" => {
            /// file with saved answers to range queries, read instead of asking a backend; - is
            /// standard input
            input: Vec<InputFile>, variables: &[], conflicts: Some("--serve");
        }
    }
}

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

impl Syntax for InputFile {
    type Value = Self;
    const VALUE_NAME: &'static str = "file";
    const IS_FILE: bool = true;

    fn expected(_: &Within) -> String {
        "a file, or - for standard input".to_owned()
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        match text {
            "" => Err(Self::expected(within)),
            "-" => Ok(Self::Standard),
            path => Ok(Self::Path(path.into())),
        }
    }

    fn print(value: &Self) -> String {
        value.to_string()
    }
}

/// Checks that each file is named once.
pub(super) fn check(flags: &Flags, given: &Given<'_>) -> Result<(), UsageError> {
    let files = &flags.input;
    for (index, file) in files.iter().enumerate() {
        if files[..index].contains(file) {
            let setting = const { Flags::setting("--input") };
            return Err(given.invalid(setting, file, "each file once"));
        }
    }
    Ok(())
}
