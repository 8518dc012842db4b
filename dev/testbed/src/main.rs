//! `testbed`: a simulated cluster as a process of its own, for demonstrations
//! and for tests that are not written in Rust.

mod args;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use testbed::Running;

use crate::args::{Command, Config};

fn main() -> ExitCode {
    let result = match args::resolve(std::env::args_os().skip(1)) {
        Ok(Command::Serve(config)) => serve(*config),
        Ok(Command::Print(text)) => io::stdout().write_all(text.as_bytes()),
        Err(problem) => {
            complain(&problem);
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

fn serve(config: Config) -> io::Result<()> {
    // Before the line is printed: whoever reads it may stop us at once.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (stop, stopped) = mpsc::channel();
    if config.until_stdin_closes {
        let stop = stop.clone();
        thread::spawn(move || {
            // A standard input that fails is as good as closed.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = stop.send(());
        });
    }
    thread::spawn(move || {
        signals.forever().next();
        let _ = stop.send(());
    });
    let cluster = config.cluster.start()?;
    writeln!(io::stdout(), "{}", whereabouts(&cluster))?;
    // An error would mean that nobody is left who could stop us.
    let _ = stopped.recv();
    Ok(())
}

/// Where the cluster is and what a client needs, as one line of JSON. With
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
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "testbed: {problem}");
}
