//! Parsed arguments: flags with their values, and a command.

use std::ffi::OsString;

use crate::error::UsageError;
use crate::setting::{Program, Setting};
use crate::suggestion::similar;

/// The arguments of a command line.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// Flags with their values, in order.
    pub(crate) values: Vec<(&'static Setting, String)>,
    /// The command, if there is one.
    pub(crate) command: Option<&'static str>,
}

impl Typed {
    /// Parses arguments, without the program's name.
    ///
    /// `--flag=value` is split at the first `=`. A boolean that no value follows is true.
    pub(crate) fn read(
        program: &Program,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, UsageError> {
        let mut typed = Self::default();
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            let arg = utf8(arg)?;
            if !arg.starts_with('-') {
                typed.word(program, &arg)?;
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            let setting = program.find(name).ok_or_else(|| unknown(program, name))?;
            if !setting.form.repeatable && typed.values_of(setting).next().is_some() {
                return Err(UsageError::Repeated(setting.flag));
            }
            let value = match value {
                Some(value) => value,
                None if setting.form.bare
                    && args
                        .peek()
                        .is_none_or(|next| next.as_encoded_bytes().starts_with(b"-")) =>
                {
                    "true".to_owned()
                }
                None => utf8(args.next().ok_or_else(|| UsageError::NoValue {
                    flag: setting.flag,
                    expected: setting.expected(),
                })?)?,
            };
            typed.values.push((setting, value));
        }
        if let Some(command) = typed.command {
            let mut flags = typed.values.iter().map(|(setting, _)| setting);
            if let Some(other) = flags.find(|setting| !program.takes(command, setting)) {
                return Err(UsageError::NotTaken {
                    command,
                    flag: other.flag,
                });
            }
        }
        Ok(typed)
    }

    /// The values of a flag, in order.
    pub(crate) fn values_of(&self, setting: &Setting) -> impl Iterator<Item = &str> {
        let own = self.values.iter();
        own.filter(|(other, _)| other.flag == setting.flag)
            .map(|(_, value)| value.as_str())
    }

    /// Takes an argument that is not a flag.
    fn word(&mut self, program: &Program, word: &str) -> Result<(), UsageError> {
        let names = || program.commands.iter().map(|command| command.name);
        match names().find(|name| *name == word) {
            Some(command) if self.command.is_none() => {
                self.command = Some(command);
                Ok(())
            }
            _ => Err(UsageError::Unexpected {
                argument: word.to_owned(),
                suggestion: similar(word, names()).filter(|_| self.command.is_none()),
            }),
        }
    }
}

fn utf8(arg: OsString) -> Result<String, UsageError> {
    arg.into_string()
        .map_err(|arg| UsageError::NotUtf8(arg.to_string_lossy().into_owned()))
}

fn unknown(program: &Program, name: &str) -> UsageError {
    UsageError::UnknownFlag {
        flag: name.to_owned(),
        suggestion: similar(name, program.settings().map(|setting| setting.flag)),
    }
}
