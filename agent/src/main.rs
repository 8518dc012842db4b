//! Arguments in, exit code out; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = k8s_ai_agent::run(
        std::env::args_os().skip(1),
        &commandline::process_environment,
        &mut std::io::stdout().lock(),
        // Not locked: with --serve, other threads have something to say, too.
        &mut std::io::stderr(),
    );
    ExitCode::from(exit.code())
}
