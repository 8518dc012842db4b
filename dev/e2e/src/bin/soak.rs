//! `just soak MINUTES [SEED [MILLISECONDS]]`: exporters under random disruptions.
//!
//! Exits with 1 where a number was wrong or an exporter grew.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use e2e::soak::{End, Settings, run};
use e2e::unix_seconds;

/// Runs exporters against a simulated cluster with random disruptions, and checks every
/// number that they publish.
#[derive(FromArgs, Debug)]
struct Args {
    /// the program k8s-ai-exporter
    #[argh(positional)]
    exporter: PathBuf,
    /// minutes after warming up
    #[argh(positional)]
    minutes: u32,
    /// seed of the disruptions [default: the time], and milliseconds of a round [default: 1000]
    #[argh(positional, arg_name = "seed milliseconds")]
    more: Vec<u64>,
}

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    e2e::developer_program("soak", || soak(args))
}

fn soak(args: Args) -> ExitCode {
    let seed = args.more.first().copied().unwrap_or_else(unix_seconds);
    let interval = args.more.get(1).copied().unwrap_or(1000);
    eprintln!("soak: seed {seed}");
    let settings = Settings {
        program: args.exporter,
        seed,
        interval: Duration::from_millis(interval),
        tour: usize::MAX,
        warm_up: 20,
        end: End::Time(Duration::from_secs(60) * args.minutes),
    };
    let outcome = run(settings, &mut |line| eprintln!("soak: {line}"));
    let wrong = [outcome.wrong(), outcome.grown()].concat();
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(outcome.table().as_bytes());
    for what in &wrong {
        eprintln!("soak: {what}");
    }
    ExitCode::from(u8::from(!wrong.is_empty()))
}
