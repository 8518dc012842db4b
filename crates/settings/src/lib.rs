//! Flags over environment variables over defaults, each flag defined once.
//!
//! [`settings!`] makes a struct of resolved values and a table of [`Setting`]s from the
//! definitions of flags; a [`Program`] has one or several of them. Everything else reads the
//! table: parsing and environment lookup ([`Given`]), `--print-config`, `--help` ([`help`]),
//! the manual page ([`manual`]), shell completions ([`completion`]) and the reference page
//! ([`mod@reference`]).
//!
//! [`argh`] assigns the arguments to the fields of a group. They are converted to its form
//! before: it has no `--flag=value`, no boolean with an optional value and no aliases. Its
//! help and messages are not used, since it knows no variables and defaults.
//!
//! Out of scope: the flags themselves, and conditions between their values.

mod arguments;
pub mod completion;
mod error;
mod general;
mod given;
mod group;
pub mod help;
mod macros;
pub mod manual;
pub mod reference;
mod setting;
mod suggestion;
mod syntax;
mod text;

#[doc(hidden)]
pub use argh;
#[doc(hidden)]
pub use macros::{field_name, flag_name, variable_name};

pub use error::{Origin, UsageError};
pub use general::General;
pub use given::{Environment, Given, Invocation, process_environment};
pub use group::{Flags, config_lines};
#[doc(hidden)]
pub use setting::find;
pub use setting::{Command, Group, Program, Setting};
pub use syntax::{Bytes, Form, Parsed, Refused, Shape, Syntax, Within, one_of};

#[cfg(test)]
mod tests;
