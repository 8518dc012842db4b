//! The flags of saved responses.

use settings::{Given, Syntax, UsageError, Within, settings};

use super::repeated::repeated;
use crate::input::InputFile;

settings! {
    /// The flags of saved responses.
    pub struct Flags {
        "Saved responses" => {
            /// file with saved responses to range queries, read instead of a backend; - is
            /// standard input
            input: Vec<InputFile>, variables: &[], conflicts: Some("--serve");
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

/// Checks that each file is given once.
pub(super) fn check(flags: &Flags, given: &Given<'_>) -> Result<(), UsageError> {
    let setting = const { Flags::setting("--input") };
    match repeated(&flags.input, |file| file) {
        Some(file) => Err(given.invalid(setting, file, "each file once")),
        None => Ok(()),
    }
}
