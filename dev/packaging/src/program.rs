//! The programs that are shipped, and what images and manuals say of each.

/// A program that is shipped.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name, which is the image's as well.
    pub name: &'static str,
    /// The port that it listens on by default, if it does.
    pub port: Option<u16>,
    /// Its command line.
    pub command_line: &'static settings::Program,
    /// The file or folder that defines its flags.
    pub source: &'static str,
}

/// All of them.
pub const ALL: [Program; 2] = [
    Program {
        name: k8s_ai_exporter::args::COMMAND_LINE.name,
        port: Some(contract::EXPORTER_PORT),
        command_line: &k8s_ai_exporter::args::COMMAND_LINE,
        source: "exporter/src/args.rs",
    },
    Program {
        name: k8s_ai_agent::args::COMMAND_LINE.name,
        port: None,
        command_line: &k8s_ai_agent::args::COMMAND_LINE,
        source: "agent/src/args/",
    },
];
