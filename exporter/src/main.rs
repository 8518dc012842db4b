//! `k8s-ai-exporter`: resolves the command line, runs, and returns an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use k8s_ai_exporter::args::{self, Command};
use k8s_ai_exporter::run;

/// musl's own allocator gives memory back to the kernel after each scrape and asks
/// for it again in the next: some thirty system calls a round, each of which
/// interrupts the other CPUs.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let result = match args::resolve(std::env::args_os().skip(1), &settings::process_environment) {
        Ok(Command::Run(config)) => run::run(*config),
        Ok(Command::Print(text)) => print(&text),
        Err(problem) => {
            report_error(&problem.to_string());
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|error| {
        report_error(&error.to_string());
        ExitCode::FAILURE
    })
}

fn print(text: &str) -> io::Result<ExitCode> {
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn report_error(problem: &str) {
    // There is no other place to report it to.
    let _ = writeln!(io::stderr(), "k8s-ai-exporter: {problem}");
}
