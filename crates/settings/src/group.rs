//! Flags with their values: conditions between them, and their printed form.

use crate::error::{Origin, UsageError};
use crate::given::Given;
use crate::setting::{Group, Setting};

/// A struct with the values of flags, made by [`crate::settings!`].
pub trait Flags {
    /// The flags, by group.
    fn groups(&self) -> &'static [Group];

    /// Returns the values of each flag in turn, as on a command line.
    fn texts(&self) -> Vec<Vec<String>>;
}

/// Flags, each with its values as on a command line.
struct Values(Vec<(&'static Group, &'static Setting, Vec<String>)>);

impl Values {
    fn of(flags: &[&dyn Flags]) -> Self {
        let mut values = Vec::new();
        for flags in flags {
            let settings = flags.groups().iter();
            let settings =
                settings.flat_map(|group| group.settings.iter().map(move |own| (group, own)));
            let texts = settings.zip(flags.texts());
            values.extend(texts.map(|((group, setting), texts)| (group, setting, texts)));
        }
        Self(values)
    }

    /// Returns whether a flag has a value; if the condition names one, that value.
    fn hold(&self, condition: &'static str) -> bool {
        let (flag, wanted) = Setting::condition(condition);
        let mut values = self.0.iter();
        values.any(|(_, setting, texts)| {
            setting.flag == flag
                && match wanted {
                    Some(wanted) => texts.iter().any(|text| text == wanted),
                    None => !texts.is_empty(),
                }
        })
    }
}

impl Given<'_> {
    /// Checks the conditions between flags.
    ///
    /// # Errors
    /// When a flag lacks the one that it requires, or was given together with one that it
    /// conflicts with.
    pub fn check(&self, flags: &[&dyn Flags]) -> Result<(), UsageError> {
        let values = Values::of(flags);
        for (_, setting, _) in &values.0 {
            let origin = self.origin(setting);
            if let Some(other) = setting.requires
                && origin != Origin::Default
                && !values.hold(other)
            {
                return Err(self.requires(setting, other));
            }
            if let Some(other) = setting.conflicts
                && origin == Origin::Flag
                && values.hold(other)
            {
                return Err(self.conflict(setting, other));
            }
        }
        Ok(())
    }
}

/// Returns one flag per line, as [`Given`] reads them. Flags without a value, or without
/// effect because of other flags, are left out.
pub fn config_lines(flags: &[&dyn Flags]) -> String {
    let values = Values::of(flags);
    let mut out = String::new();
    for (group, setting, texts) in &values.0 {
        let needs = [setting.requires, setting.only_with];
        let excludes = [setting.conflicts, group.unused_with];
        let has_effect = needs.into_iter().flatten().all(|other| values.hold(other))
            && !excludes
                .into_iter()
                .flatten()
                .any(|other| values.hold(other));
        if setting.configures && has_effect {
            for text in texts {
                out.push_str(&[setting.flag, "=", text, "\n"].concat());
            }
        }
    }
    out
}
