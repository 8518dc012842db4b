//! `demo`: from nothing to recommendations on the screen in about a minute.
//!
//! A simulated cluster in this process, the real exporter and the real agent
//! beside it; with `--prometheus` a real Prometheus between the two. Leaves
//! nothing behind, also on Ctrl-C and when something fails.
//!
//! The modules in the order of the show: `args`, `cast` (the nodes and their
//! fates), `show` (what happens), `service` and `backend` (the programs that
//! run beside it), `published` (what is measured beside what is true),
//! `progress`, `verdicts` (whether the agent said what had to be said);
//! `interrupt` and `trouble` (how it may end early).

mod args;
mod backend;
mod cast;
mod interrupt;
mod progress;
mod published;
mod service;
mod show;
mod trouble;
mod verdicts;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::args::Command;
use crate::trouble::Trouble;

/// As shells report a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let result = match args::resolve(std::env::args_os().skip(1)) {
        Ok(Command::Show(config)) => show::run(&config),
        Ok(Command::Print(text)) => io::stdout()
            .write_all(text.as_bytes())
            .map_err(Trouble::from),
        Err(problem) => {
            complain(&problem);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble::Interrupted) => {
            complain("interrupted; everything is stopped");
            ExitCode::from(INTERRUPTED)
        }
        Err(Trouble::Failed(problem)) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

fn complain(problem: &str) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "demo: {problem}");
}
