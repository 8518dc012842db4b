//! Arguments in, exit code out; everything else is in the library.

use std::process::ExitCode;

/// musl's own allocator returns memory to the kernel after each forecast and requests it again for
/// the next: some forty system calls a series, on every thread, for which the threads wait for each
/// other.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let exit = k8s_ai_agent::run(
        std::env::args_os().skip(1),
        &settings::process_environment,
        &mut std::io::stdout().lock(),
        // Not locked: with --serve, other threads write too.
        &mut std::io::stderr(),
    );
    ExitCode::from(exit.code())
}
