//! The table of a program's flags.

use crate::syntax::{Form, Shape, Within};
use crate::text::one_line;

/// The flag that prints the help.
pub(crate) const HELP: &str = "--help";

/// The flag that prints the version.
pub(crate) const VERSION: &str = "--version";

/// The definition of a flag, except for the use of its value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The flag, such as `--listen-address`.
    pub flag: &'static str,
    /// Other spellings of the flag.
    pub aliases: &'static [&'static str],
    /// Environment variables for the value, in the order of precedence.
    pub variables: &'static [&'static str],
    /// The default, as on a command line.
    pub default: Option<&'static str>,
    /// The effect of a missing value, in words, where there is no default.
    pub without: &'static str,
    /// The effect of the flag, in words; may span lines.
    pub help: &'static str,
    /// Placeholder for the value; if empty, its possible words.
    pub value_name: &'static str,
    /// Limits of the value.
    pub within: Within,
    /// True if the flag names a file with a secret.
    pub secret: bool,
    /// True if the flag is part of the configuration: `--print-config` prints it, and a command
    /// may not take it.
    pub configures: bool,
    /// Flag, possibly with its value (`--nodes=all`), without which this one is refused.
    pub requires: Option<&'static str>,
    /// Flag, possibly with its value, without which this one has no effect.
    pub only_with: Option<&'static str>,
    /// Flag with which this one cannot be given; a variable is overridden by it instead.
    pub conflicts: Option<&'static str>,
    /// Commands that take the flag, in addition to those of its group.
    pub commands: &'static [&'static str],
    /// Properties that follow from the type of the value.
    pub form: Form,
}

impl Setting {
    /// Makes a flag with a value of shape `S`, and no other properties.
    pub const fn of<S: Shape>() -> Self {
        Self {
            flag: "",
            aliases: &[],
            variables: &[],
            default: None,
            without: "",
            help: "",
            value_name: S::VALUE_NAME,
            within: Within::Any,
            secret: false,
            configures: true,
            requires: None,
            only_with: None,
            conflicts: None,
            commands: &[],
            form: S::FORM,
        }
    }

    /// Returns the help text with the other properties of the table, in the same words for each
    /// flag.
    pub fn about(&self) -> String {
        let mut parts = vec![one_line(self.help)];
        let mut add = |text: &str, flag: Option<&str>| {
            parts.extend(flag.map(|flag| [text, " ", flag].concat()));
        };
        add("only with", self.only_with);
        add("requires", self.requires);
        add("not with", self.conflicts);
        for alias in self.aliases {
            add("also", Some(alias));
        }
        let words = (self.form.words)();
        if !words.is_empty() && !self.form.bare && !self.value_name.is_empty() {
            parts.push(["of ", &words.join(", ")].concat());
        }
        if !matches!(self.within, Within::Any) {
            parts.push(self.within.to_string());
        }
        if self.form.repeatable {
            parts.push("repeatable".to_owned());
        }
        parts.join("; ")
    }

    /// Returns the help text up to its first detail.
    pub fn summary(&self) -> String {
        summary(self.help)
    }

    /// Returns the default, or the effect of a missing value; may be empty.
    pub fn default_text(&self) -> &'static str {
        self.default.unwrap_or(self.without)
    }

    /// Returns the placeholder for the value: its possible words, or a noun.
    pub fn placeholder(&self) -> String {
        match self.value_name {
            "" => (self.form.words)().join("|"),
            name => name.to_owned(),
        }
    }

    /// Returns the expected form of the value, for an error.
    pub fn expected(&self) -> String {
        (self.form.expected)(&self.within)
    }

    /// Returns the flag of a condition, and the value that it must have, if any.
    pub(crate) fn condition(condition: &'static str) -> (&'static str, Option<&'static str>) {
        match condition.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (condition, None),
        }
    }
}

/// Flags with a common heading.
#[derive(Debug, Clone)]
pub struct Group {
    /// Heading in help and reference.
    pub title: &'static str,
    /// The flags, in the order of the help.
    pub settings: &'static [Setting],
    /// Flag with which those of the group have no effect.
    pub unused_with: Option<&'static str>,
    /// Commands that take all flags of the group.
    pub commands: &'static [&'static str],
}

impl Group {
    /// A group without flags.
    pub const EMPTY: Self = Self {
        title: "",
        settings: &[],
        unused_with: None,
        commands: &[],
    };
}

/// A word that may be the first argument.
#[derive(Debug, Clone)]
pub struct Command {
    /// The word.
    pub name: &'static str,
    /// Its effect; may span lines.
    pub help: &'static str,
    /// Its exit codes and their meaning.
    pub exit_codes: &'static [(u8, &'static str)],
}

/// A program: its flags, and the other texts of its help.
#[derive(Debug, Clone)]
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Release.
    pub version: &'static str,
    /// Source revision.
    pub revision: &'static str,
    /// Purpose of the program, on one line.
    pub summary: &'static str,
    /// Description of the program, in paragraphs.
    pub description: &'static [&'static str],
    /// Words that may be the first argument.
    pub commands: &'static [Command],
    /// The flags, by group: those of each [`Flags`](crate::Flags) in turn.
    pub groups: &'static [&'static [Group]],
    /// Purpose of an example, and its command line without the program's name; may span lines.
    pub examples: &'static [(&'static str, &'static str)],
    /// Exit codes with their meaning, in the order of precedence.
    pub exit_codes: &'static [(u8, &'static str)],
}

impl Program {
    /// All groups, in the order of the help.
    pub fn groups(&self) -> impl Iterator<Item = &'static Group> + use<> {
        self.groups.iter().copied().flatten()
    }

    /// All flags, in the order of the help.
    pub fn settings(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.groups().flat_map(|group| group.settings)
    }

    /// Returns the flag with this name or alias.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Setting> {
        self.settings()
            .find(|setting| setting.flag == name || setting.aliases.contains(&name))
    }

    /// Returns whether `command` takes a flag.
    pub(crate) fn takes(&self, command: &str, setting: &Setting) -> bool {
        let mut groups = self.groups();
        !setting.configures
            || setting.commands.contains(&command)
            || groups.any(|group| {
                group.commands.contains(&command)
                    && group.settings.iter().any(|own| own.flag == setting.flag)
            })
    }

    /// Returns the effect of a command, its exit codes, and its flags.
    pub(crate) fn about(&self, command: &Command) -> String {
        let groups = self
            .groups()
            .filter(|group| group.commands.contains(&command.name));
        let groups = groups.map(|group| group.title);
        let flags = self
            .settings()
            .filter(|own| own.commands.contains(&command.name));
        let flags = flags.map(|setting| setting.flag);
        let taken = groups.chain(flags).map(str::to_owned).collect();
        let codes = command.exit_codes.iter();
        let codes = codes.map(|(code, meaning)| format!("{code} {}", one_line(meaning)));
        let mut parts = vec![one_line(command.help)];
        let mut add = |text: &str, items: Vec<String>| {
            if !items.is_empty() {
                parts.push(format!("{text} {}", items.join(", ")));
            }
        };
        add("exits with", codes.collect());
        add("takes the flags of", taken);
        parts.join("; ")
    }

    /// Returns the flag at this index among all.
    const fn nth(&self, mut index: usize) -> Option<&'static Setting> {
        let mut flags = 0;
        while flags < self.groups.len() {
            match nth(self.groups[flags], index) {
                Ok(setting) => return Some(setting),
                Err(rest) => index = rest,
            }
            flags += 1;
        }
        None
    }

    /// Checks the table of the program: in a constant, a mistake fails the build.
    ///
    /// # Panics
    /// When two flags have the same name, a condition names a flag that does not exist, a
    /// secret is not a file, or a flag has neither a default nor an optional value.
    pub const fn checked(self) -> Self {
        let mut index = 0;
        while let Some(setting) = self.nth(index) {
            let mut later = index + 1;
            while let Some(other) = self.nth(later) {
                assert!(
                    !is_same(setting.flag, other.flag),
                    "two flags have the same name"
                );
                later += 1;
            }
            self.check_condition(setting.requires);
            self.check_condition(setting.only_with);
            self.check_condition(setting.conflicts);
            assert!(
                !setting.secret || setting.form.file,
                "a secret is not a file"
            );
            assert!(
                setting.default.is_some() != setting.form.optional,
                "a flag has either a default or an optional value"
            );
            index += 1;
        }
        let mut flags = 0;
        while flags < self.groups.len() {
            let mut group = 0;
            while group < self.groups[flags].len() {
                self.check_condition(self.groups[flags][group].unused_with);
                group += 1;
            }
            flags += 1;
        }
        self
    }

    const fn check_condition(&self, condition: Option<&str>) {
        if let Some(condition) = condition {
            let mut end = 0;
            while end < condition.len() && condition.as_bytes()[end] != b'=' {
                end += 1;
            }
            let (flag, _) = condition.split_at(end);
            let mut index = 0;
            while let Some(setting) = self.nth(index) {
                if is_same(setting.flag, flag) {
                    return;
                }
                index += 1;
            }
            panic!("a condition names a flag that does not exist");
        }
    }
}

/// Returns a flag of some groups by name.
///
/// # Panics
/// When there is no such flag.
#[doc(hidden)]
pub const fn find(groups: &'static [Group], flag: &str) -> &'static Setting {
    let mut index = 0;
    while let Ok(setting) = nth(groups, index) {
        if is_same(setting.flag, flag) {
            return setting;
        }
        index += 1;
    }
    panic!("no such flag")
}

/// Returns the flag at this index in some groups, or the index after them.
const fn nth(groups: &'static [Group], mut index: usize) -> Result<&'static Setting, usize> {
    let mut group = 0;
    while group < groups.len() {
        let settings = groups[group].settings;
        if index < settings.len() {
            return Ok(&settings[index]);
        }
        index -= settings.len();
        group += 1;
    }
    Err(index)
}

/// Returns a text up to its first detail.
pub(crate) fn summary(text: &str) -> String {
    let text = one_line(text);
    let details = ["; ", " (", ": ", ". "].iter();
    let end = details.filter_map(|sign| text.find(sign)).min();
    text[..end.unwrap_or(text.len())].to_owned()
}

/// Returns whether two texts are equal, in a constant.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}
