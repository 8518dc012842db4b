//! Flags that every program has. Written out, since argh reserves `--help`.

use crate::error::UsageError;
use crate::given::Given;
use crate::group::Flags;
use crate::setting::{Group, HELP, Setting, VERSION};
use crate::syntax::Syntax;

const OFF: Setting = Setting {
    default: Some("false"),
    configures: false,
    ..Setting::of::<bool>()
};

/// Flags about the command line itself.
#[derive(Debug, Clone, PartialEq)]
pub struct General {
    /// Print the resolved configuration, and exit.
    pub print_config: bool,
}

impl General {
    /// The flags.
    pub const GROUPS: &'static [Group] = &[Group {
        title: "General",
        settings: &[
            Setting {
                flag: "--print-config",
                variables: &["PRINT_CONFIG"],
                help: "print the resolved configuration, one flag per line, and exit",
                ..OFF
            },
            // No variable: many images set VERSION to their own.
            Setting {
                flag: VERSION,
                help: "print version and source revision, and exit",
                ..OFF
            },
            Setting {
                flag: HELP,
                aliases: &["-h"],
                help: "print this help, and exit",
                ..OFF
            },
        ],
        ..Group::EMPTY
    }];

    /// Reads the value of each flag.
    ///
    /// # Errors
    /// When a value is refused.
    pub fn read(given: &mut Given<'_>) -> Result<Self, UsageError> {
        let typed = given.begin(Self::GROUPS);
        // The flag and its value; `--help` and `--version` end before this.
        let value = typed.get(1).cloned().into_iter().collect();
        Ok(Self {
            print_config: given.next::<bool>(value)?,
        })
    }
}

impl Flags for General {
    fn groups(&self) -> &'static [Group] {
        Self::GROUPS
    }

    fn texts(&self) -> Vec<Vec<String>> {
        vec![
            vec![<bool as Syntax>::print(&self.print_config)],
            Vec::new(),
            Vec::new(),
        ]
    }
}
