//! The programs that are shipped, and what images and manuals say of each.

use argh::{
    CommandInfoWithArgs, ErrorCodeInfo, FlagInfo, FlagInfoKind, Optionality, PositionalInfo,
};

/// A program that is shipped.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name, which is the image's as well.
    pub name: &'static str,
    /// What it does, in one line.
    pub description: &'static str,
    /// The port that it listens on unless told otherwise, if it does.
    pub port: Option<u16>,
    /// What its `--help` says, in parts.
    pub interface: fn() -> CommandInfoWithArgs,
}

/// What argh adds to a command line, and lists only where a program names it itself.
const HELP: FlagInfo<'static> = FlagInfo {
    kind: FlagInfoKind::Switch,
    optionality: Optionality::Optional,
    long: "--help",
    short: None,
    description: "print the help and exit",
    hidden: false,
};

impl Program {
    /// Its flags, in the order of `--help`.
    pub fn flags(&self) -> impl Iterator<Item = &'static FlagInfo<'static>> {
        let flags = (self.interface)().flags;
        let lacks_help = flags.iter().all(|flag| flag.long != HELP.long);
        let help = lacks_help.then_some(&HELP);
        flags.iter().filter(|flag| !flag.hidden).chain(help)
    }

    /// Its words, such as `doctor`, each of which is the first argument if it is there.
    pub fn words(&self) -> impl Iterator<Item = &'static PositionalInfo<'static>> {
        let words = (self.interface)().positionals;
        words.iter().filter(|word| !word.hidden)
    }
}

/// All of them.
pub const ALL: [Program; 2] = [
    Program {
        name: "k8s-ai-exporter",
        description: "CPU, memory and active pods of a Kubernetes node as Prometheus metrics",
        port: Some(contract::EXPORTER_PORT),
        interface: exporter,
    },
    Program {
        name: "k8s-ai-agent",
        description: "Forecasts CPU and memory of Kubernetes nodes and says what to do",
        port: None,
        interface: k8s_ai_agent::args::interface,
    },
];

/// The exporter's table of flags in the form that argh has for the agent's.
fn exporter() -> CommandInfoWithArgs {
    fn leak<T>(values: impl Iterator<Item = T>) -> &'static [T] {
        values.collect::<Vec<T>>().leak()
    }
    let program = &k8s_ai_exporter::args::PROGRAM;
    let flags = program.settings().map(|setting| FlagInfo {
        kind: FlagInfoKind::Option {
            arg_name: setting.placeholder().leak(),
        },
        optionality: match setting.form.repeatable {
            true => Optionality::Repeating,
            false => Optionality::Optional,
        },
        long: setting.flag,
        short: None,
        description: setting.about().leak(),
        hidden: false,
    });
    let codes = program.exit_codes.iter();
    let codes = codes.map(|(code, description)| ErrorCodeInfo {
        code: i32::from(*code),
        description,
    });
    let examples = program.examples.iter().map(|(purpose, arguments)| {
        let example = format!("{purpose}\n  {} {arguments}", program.name);
        &*example.leak()
    });
    CommandInfoWithArgs {
        name: program.name,
        short: &'\0',
        description: program.description.join("\n\n").leak(),
        examples: leak(examples),
        flags: leak(flags),
        notes: &[],
        commands: Vec::new(),
        positionals: &[],
        error_codes: leak(codes),
    }
}
