//! `testbed`: a simulated cluster as a process of its own, for demonstrations
//! and for tests that are not written in Rust.

mod args;

use std::io::{self, Write};
use std::process::ExitCode;

use argh::FromArgs as _;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use testbed::{Builder, Running};

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let result = match Args::from_args(&["testbed"], &typed) {
        Ok(Args {
            command: Command::Serve(serve),
        }) => match serve.cluster() {
            Ok(cluster) => serve_until_stopped(cluster),
            Err(problem) => {
                complain(&problem);
                return ExitCode::from(2);
            }
        },
        Err(exit) if exit.status.is_ok() => io::stdout().write_all(exit.output.as_bytes()),
        Err(exit) => {
            // argh's messages span lines; ours are one.
            let words: Vec<&str> = exit.output.split_whitespace().collect();
            complain(&words.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn serve_until_stopped(cluster: Builder) -> io::Result<()> {
    // Before the line is printed: its reader may stop us at once.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let cluster = cluster.start()?;
    writeln!(io::stdout(), "{}", whereabouts(&cluster))?;
    signals.forever().next();
    Ok(())
}

/// The cluster's address and files, as one line of JSON. With
/// plain HTTP there are no files.
fn whereabouts(cluster: &Running) -> serde_json::Value {
    let secured = cluster.url().starts_with("https:");
    json!({
        "url": cluster.url(),
        "ca_file": secured.then(|| cluster.ca_file()),
        "token_file": secured.then(|| cluster.token_file()),
        "kubelet_ca_file": cluster.has_kubelets().then(|| cluster.kubelet_ca_file()),
    })
}

fn complain(problem: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "testbed: {problem}");
}
