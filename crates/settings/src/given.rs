//! Values given for flags: on the command line, in the environment, or none.

use std::ffi::OsString;
use std::{slice, vec};

use crate::arguments::Typed;
use crate::error::{Origin, UsageError};
use crate::help;
use crate::setting::{Group, HELP, Program, Setting, VERSION};
use crate::syntax::Shape;

/// Reads a variable, so that tests need not set the process environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a variable of the process environment. One that is not UTF-8 counts as unset.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The result of parsing a command line.
#[derive(Debug)]
pub enum Invocation<'a> {
    /// Print this text and exit: the help, or the version.
    Print(String),
    /// Run with these values.
    Run(Given<'a>),
}

/// The arguments and the environment of one run.
pub struct Given<'a> {
    typed: Typed,
    environment: Environment<'a>,
    /// Flags of the groups that are being read, and not read yet.
    unread: vec::IntoIter<&'static Setting>,
    origins: Vec<(&'static str, Origin)>,
}

impl std::fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given")
            .field("typed", &self.typed)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Parses the arguments, without the program's name.
    ///
    /// # Errors
    /// When an argument is unknown, incomplete, or cannot be combined with the others.
    pub fn invocation<'a>(
        &self,
        args: impl IntoIterator<Item = OsString>,
        environment: Environment<'a>,
    ) -> Result<Invocation<'a>, UsageError> {
        let typed = Typed::read(self, args)?;
        let given = Given {
            typed,
            environment,
            unread: Vec::new().into_iter(),
            origins: Vec::new(),
        };
        if given.is_typed(HELP)? {
            return Ok(Invocation::Print(help::text(self)));
        }
        if given.is_typed(VERSION)? {
            let Self {
                name,
                version,
                revision,
                ..
            } = self;
            return Ok(Invocation::Print(format!(
                "{name} {version} ({revision})\n"
            )));
        }
        Ok(Invocation::Run(given))
    }
}

impl Given<'_> {
    /// The command, if there is one.
    pub fn command(&self) -> Option<&'static str> {
        self.typed.command
    }

    /// Returns the source of the value of a flag that has been read.
    pub fn origin(&self, setting: &Setting) -> Origin {
        let mut origins = self.origins.iter();
        let known = origins.find(|(flag, _)| *flag == setting.flag);
        known.map_or(Origin::Default, |(_, origin)| *origin)
    }

    /// Makes the error for an invalid value of `setting`.
    pub fn invalid(
        &self,
        setting: &'static Setting,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> UsageError {
        UsageError::Invalid {
            name: setting.flag,
            origin: self.origin(setting),
            value: value.to_string(),
            expected: expected.into(),
        }
    }

    /// Makes the error for `setting` without another flag, possibly with its value
    /// (`--nodes=all`), that it requires.
    pub fn requires(&self, setting: &'static Setting, other: &'static str) -> UsageError {
        UsageError::Requires {
            flag: setting.flag,
            origin: self.origin(setting),
            other,
        }
    }

    /// Makes the error for `setting` combined with another flag.
    pub fn conflict(&self, setting: &'static Setting, other: &'static str) -> UsageError {
        UsageError::Conflict {
            flag: setting.flag,
            origin: self.origin(setting),
            other,
        }
    }

    /// Returns whether a boolean flag was given, and not with `false`.
    pub(crate) fn is_typed(&self, flag: &str) -> Result<bool, UsageError> {
        let mut values = self.typed.values.iter();
        match values.find(|(setting, _)| setting.flag == flag) {
            Some((setting, value)) => {
                let value = <bool as Shape>::parse(slice::from_ref(value), &setting.within);
                value.map_err(|refused| UsageError::refused(setting, Origin::Flag, refused))
            }
            None => Ok(false),
        }
    }

    /// Returns the arguments of some groups in the form for argh: each value in an argument of
    /// its own. Their flags are read next.
    #[doc(hidden)]
    pub fn begin(&mut self, groups: &'static [Group]) -> Vec<String> {
        let settings: Vec<_> = groups.iter().flat_map(|group| group.settings).collect();
        let mut args = Vec::new();
        for setting in &settings {
            for value in self.typed.values_of(setting) {
                args.extend([setting.flag.to_owned(), value.to_owned()]);
            }
        }
        self.unread = settings.into_iter();
        args
    }

    /// Returns the value of the next flag, given the texts on the command line.
    ///
    /// # Errors
    /// When a text is refused.
    #[doc(hidden)]
    pub fn next<S: Shape>(&mut self, typed: Vec<String>) -> Result<S::Value, UsageError> {
        let (texts, setting, origin) = self.look_up(typed);
        S::parse(&texts, &setting.within)
            .map_err(|refused| UsageError::refused(setting, origin, refused))
    }

    fn look_up(&mut self, typed: Vec<String>) -> (Vec<String>, &'static Setting, Origin) {
        let setting = self.unread.next().expect("a field for each flag");
        let (texts, origin) = if typed.is_empty() {
            self.look_up_variables(setting)
        } else {
            (typed, Origin::Flag)
        };
        self.origins.push((setting.flag, origin));
        (texts, setting, origin)
    }

    /// Reads the variables of a flag. An empty one counts as unset. A variable of a repeatable
    /// flag has one value per line.
    fn look_up_variables(&self, setting: &'static Setting) -> (Vec<String>, Origin) {
        let set = setting.variables.iter().find_map(|name| {
            let value = (self.environment)(name)?;
            (!value.is_empty()).then_some((*name, value))
        });
        match set {
            Some((name, value)) if setting.form.repeatable => {
                let lines = value.lines().filter(|line| !line.trim().is_empty());
                (lines.map(str::to_owned).collect(), Origin::Variable(name))
            }
            Some((name, value)) => (vec![value], Origin::Variable(name)),
            None => {
                let default = setting.default.map(str::to_owned);
                (default.into_iter().collect(), Origin::Default)
            }
        }
    }
}
