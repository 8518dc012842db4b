//! Flags over environment variables over defaults, each flag defined once.
//!
//! [`settings!`] makes of the definitions of flags a struct of resolved values and a table of
//! [`Setting`]s; a [`Program`] has one or several of them. All else reads the table: parsing and environment lookup ([`Given`]),
//! `--print-config`, `--help` ([`help`]), the manual page ([`manual`]), shell completions
//! ([`completion`]) and the reference page ([`mod@reference`]).
//!
//! [`argh`] sorts the arguments into the fields of a group. Before it sees them they are
//! brought into its form: it has no `--flag=value`, no boolean with an optional value and no
//! aliases. Neither its help nor its messages are used, since those know nothing of
//! variables and defaults.
//!
//! Out of scope: which flags exist, and whether their values fit each other.

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
pub use macros::{flag_name, variable_name};

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
