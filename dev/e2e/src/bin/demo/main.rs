//! `demo`: from nothing to recommendations on the screen in about a minute.
//!
//! A simulated cluster in this process, the real exporter and the real agent beside it;
//! with `--prometheus` a real Prometheus between the two. Everything is stopped and removed, also on
//! Ctrl-C and when something fails.

mod nodes;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;

/// Shows the exporter and the agent at work on a simulated cluster, and stops
/// everything at the end. `just demo` builds both and starts this.
#[derive(FromArgs, Debug)]
#[argh(
    error_code(0, "The agent's report matches each node's load."),
    error_code(1, "It does not, or a flag is not usable."),
    error_code(2, "A program could not be started, or ended early."),
    error_code(130, "Interrupted.")
)]
struct Args {
    /// the program k8s-ai-exporter
    #[argh(option, arg_name = "file")]
    exporter: PathBuf,
    /// the program k8s-ai-agent
    #[argh(option, arg_name = "file")]
    agent: PathBuf,
    /// put a real Prometheus between the two
    #[argh(switch)]
    prometheus: bool,
    /// folder to write the report to, too: report.html, and report.txt with colours
    #[argh(option, arg_name = "folder")]
    reports: Option<PathBuf>,
    /// seconds of history to gather, from 25 to 120 [default: 40]
    #[argh(
        option,
        arg_name = "number",
        default = "40",
        from_str_fn(parse_seconds)
    )]
    seconds: u64,
}

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    e2e::developer_program("demo", || show::run(&args))
}

/// The agent needs twenty points for a trend; the leak reaches its end after two minutes.
fn parse_seconds(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (25..=120).contains(seconds))
        .ok_or_else(|| "expected a number of seconds from 25 to 120".to_owned())
}
