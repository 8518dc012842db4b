//! The table of a program's flags.

use crate::syntax::{Form, Shape, Within};
use crate::text::one_line;

/// The flag that prints the help.
pub(crate) const HELP: &str = "--help";

/// The flag that prints the version.
pub(crate) const VERSION: &str = "--version";

/// A flag: everything there is to know of it but what becomes of its value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The flag, such as `--listen-address`.
    pub flag: &'static str,
    /// Other spellings of the flag.
    pub aliases: &'static [&'static str],
    /// Environment variables that are read without the flag, the first that is set first.
    pub variables: &'static [&'static str],
    /// The value without flag and variables, as it would be typed.
    pub default: Option<&'static str>,
    /// The effect of having no value, in words, where there is no default.
    pub without: &'static str,
    /// The effect of the flag, in words; may span lines.
    pub help: &'static str,
    /// Placeholder for the value; if empty, the words that it may be.
    pub value_name: &'static str,
    /// Limits of the value.
    pub within: Within,
    /// Whether the flag names a file whose content is secret.
    pub secret: bool,
    /// Whether the flag is part of the configuration, not about the command line itself:
    /// `--print-config` prints it, and a command may not take it.
    pub configures: bool,
    /// Flag, or flag with its value (`--nodes=all`), without which this one is refused.
    pub requires: Option<&'static str>,
    /// Flag, or flag with its value, without which this one has no effect.
    pub only_with: Option<&'static str>,
    /// Flag that this one is refused beside when typed; a variable gives way to it.
    pub conflicts: Option<&'static str>,
    /// Commands that take the flag, in addition to those of its group.
    pub commands: &'static [&'static str],
    /// What follows from the type of the value.
    pub form: Form,
}

impl Setting {
    /// A flag with a value of shape `S`, and nothing else known of it.
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

    /// The help text, and in the same words for each flag what else the table says.
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

    /// The help text up to its first detail.
    pub fn summary(&self) -> String {
        summary(self.help)
    }

    /// The default, or the effect of having no value; empty if there is nothing to say.
    pub fn default_text(&self) -> &'static str {
        self.default.unwrap_or(self.without)
    }

    /// The placeholder for the value: the words it may be, or a noun.
    pub fn placeholder(&self) -> String {
        match self.value_name {
            "" => (self.form.words)().join("|"),
            name => name.to_owned(),
        }
    }

    /// What the value may be, as an error says it after "expected".
    pub fn expected(&self) -> String {
        (self.form.expected)(&self.within)
    }

    /// The flag that a condition on this flag is about, and the value it must have, if any.
    pub(crate) fn condition(condition: &'static str) -> (&'static str, Option<&'static str>) {
        match condition.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (condition, None),
        }
    }
}

/// Flags that belong together.
#[derive(Debug, Clone)]
pub struct Group {
    /// Heading in help and reference.
    pub title: &'static str,
    /// The flags, in the order of the help.
    pub settings: &'static [Setting],
    /// Flag beside which those of the group have no effect.
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

/// A word that may stand first among the arguments.
#[derive(Debug, Clone)]
pub struct Command {
    /// The word.
    pub name: &'static str,
    /// What it does; may span lines.
    pub help: &'static str,
    /// Its exit codes and their meaning.
    pub exit_codes: &'static [(u8, &'static str)],
}

/// A program: its flags, and what its help says beside them.
#[derive(Debug, Clone)]
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Release.
    pub version: &'static str,
    /// Source revision.
    pub revision: &'static str,
    /// What the program does, on one line.
    pub summary: &'static str,
    /// What else to know before using it, in paragraphs.
    pub description: &'static [&'static str],
    /// Words that may stand first.
    pub commands: &'static [Command],
    /// The flags, by group: those of each [`Flags`](crate::Flags) in turn.
    pub groups: &'static [&'static [Group]],
    /// What a command line does, and the command line without the program's name; may span
    /// lines.
    pub examples: &'static [(&'static str, &'static str)],
    /// Exit codes with their meaning, the one that takes precedence first.
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

    /// The flag spelt `name`, or one of its aliases.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Setting> {
        self.settings()
            .find(|setting| setting.flag == name || setting.aliases.contains(&name))
    }

    /// Whether `command` takes a flag.
    pub(crate) fn takes(&self, command: &str, setting: &Setting) -> bool {
        let mut groups = self.groups();
        !setting.configures
            || setting.commands.contains(&command)
            || groups.any(|group| {
                group.commands.contains(&command)
                    && group.settings.iter().any(|own| own.flag == setting.flag)
            })
    }

    /// What a command does, its exit codes, and the flags that it takes.
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

    /// The flag at this place among all.
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

    /// The program, once its table has been checked: in a constant, a mistake in it fails
    /// the build.
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

/// The flag spelt `flag` in some groups.
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

/// The flag at this place in some groups, or its place behind them.
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

/// A text up to its first detail.
pub(crate) fn summary(text: &str) -> String {
    let text = one_line(text);
    let details = ["; ", " (", ": ", ". "].iter();
    let end = details.filter_map(|sign| text.find(sign)).min();
    text[..end.unwrap_or(text.len())].to_owned()
}

/// Whether two texts are the same, in a constant.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}
