//! The shipped programs, with their properties for images and manuals.

/// A shipped program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Name of the program and its image.
    pub name: &'static str,
    /// Default port, if it listens on one.
    pub port: Option<u16>,
    /// Its command line.
    pub command_line: &'static settings::Program,
    /// The file or folder that defines its flags.
    pub source: &'static str,
}

/// All shipped programs.
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
