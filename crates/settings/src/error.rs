//! Errors of the command line and the environment.

use std::fmt;

use crate::setting::Setting;
use crate::syntax::Refused;

/// The source of a flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment variable of this name.
    Variable(&'static str),
    /// Neither: it is the default, or there is none.
    Default,
}

/// Displays the variable, or that it is the default.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => Ok(()),
            Self::Variable(name) => write!(f, " (from {name})"),
            Self::Default => f.write_str(" (the default)"),
        }
    }
}

/// A command line, or a variable, that is invalid. Displayed on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageError {
    /// An unknown flag.
    UnknownFlag {
        /// The flag, as typed.
        flag: String,
        /// The most similar flag.
        suggestion: Option<&'static str>,
    },
    /// An argument that is neither a flag nor a command.
    Unexpected {
        /// The argument, as typed.
        argument: String,
        /// The most similar command.
        suggestion: Option<&'static str>,
    },
    /// An argument that is not UTF-8.
    NotUtf8(String),
    /// A flag without its value.
    NoValue {
        /// The flag.
        flag: &'static str,
        /// The expected form.
        expected: String,
    },
    /// A flag that is given more than once and must not be.
    Repeated(&'static str),
    /// A flag that a command does not take.
    NotTaken {
        /// The command.
        command: &'static str,
        /// The flag.
        flag: &'static str,
    },
    /// An invalid value.
    Invalid {
        /// The flag, or the variable if there is no flag.
        name: &'static str,
        /// The source of the value.
        origin: Origin,
        /// The value, without credentials.
        value: String,
        /// The expected form.
        expected: String,
    },
    /// A missing value.
    Missing {
        /// The flag.
        flag: &'static str,
        /// Its variables.
        variables: &'static [&'static str],
        /// The reason, or the next step; may be empty.
        hint: String,
    },
    /// A flag without another that it requires.
    Requires {
        /// The flag.
        flag: &'static str,
        /// The source of its value.
        origin: Origin,
        /// The other flag, possibly with its value.
        other: &'static str,
    },
    /// Two flags that exclude each other.
    Conflict {
        /// One flag.
        flag: &'static str,
        /// The source of its value.
        origin: Origin,
        /// The other.
        other: &'static str,
    },
}

impl UsageError {
    /// Makes the error for a value that its type refuses.
    pub(crate) fn refused(setting: &Setting, origin: Origin, refused: Refused) -> Self {
        Self::Invalid {
            name: setting.flag,
            origin,
            value: refused.value,
            expected: refused.expected,
        }
    }

    /// Makes the error for a missing value.
    pub fn missing(setting: &'static Setting, hint: impl Into<String>) -> Self {
        Self::Missing {
            flag: setting.flag,
            variables: setting.variables,
            hint: hint.into(),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Debug form of text that is repeated: no control characters in the message.
            Self::UnknownFlag { flag, suggestion } => {
                write!(f, "unknown flag {}", flag.escape_debug())?;
                suggest(f, *suggestion)
            }
            Self::Unexpected {
                argument,
                suggestion,
            } => {
                write!(f, "unexpected argument {argument:?}")?;
                suggest(f, *suggestion)
            }
            Self::NotUtf8(argument) => write!(f, "argument {argument:?} is not UTF-8"),
            Self::NoValue { flag, expected } => {
                write!(f, "missing value of {flag}: expected {expected}")
            }
            Self::Repeated(flag) => write!(f, "{flag} is given more than once"),
            Self::NotTaken { command, flag } => write!(f, "{command} does not take {flag}"),
            Self::Invalid {
                name,
                origin,
                value,
                expected,
            } => write!(f, "invalid {name} {value:?}{origin}: expected {expected}"),
            Self::Missing {
                flag,
                variables,
                hint,
            } => {
                write!(f, "missing {flag}")?;
                if !variables.is_empty() {
                    write!(f, " (or {})", variables.join(" or "))?;
                }
                match hint.as_str() {
                    "" => Ok(()),
                    hint => write!(f, ": {hint}"),
                }
            }
            Self::Requires {
                flag,
                origin,
                other,
            } => write!(f, "{flag}{origin} requires {other}"),
            Self::Conflict {
                flag,
                origin,
                other,
            } => write!(f, "{flag}{origin} cannot be used with {other}"),
        }
    }
}

fn suggest(f: &mut fmt::Formatter<'_>, suggestion: Option<&str>) -> fmt::Result {
    match suggestion {
        Some(similar) => write!(f, "; did you mean {similar}?"),
        None => f.write_str(" (--help lists the flags)"),
    }
}

impl std::error::Error for UsageError {}
