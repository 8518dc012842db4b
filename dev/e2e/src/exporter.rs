//! The exporter in front of a simulated cluster.

use std::process::Command;

use crate::http::{Answer, request};
use crate::process::{Process, eventually, program};

/// A running exporter.
#[derive(Debug)]
pub struct Exporter {
    /// Its process.
    pub process: Process,
    /// Its address: `127.0.0.1:PORT`.
    pub address: String,
}

impl Exporter {
    /// Starts the exporter for `nodes`, names with commas between or `all`, a round a second.
    pub fn start(cluster: &testbed::Running, nodes: &str, flags: &[&str]) -> Self {
        let mut command = exporter_of(cluster, nodes);
        Self::run(command.arg("--log-level=debug").args(flags))
    }

    /// Starts an exporter that has all its flags but where to serve.
    pub fn run(command: &mut Command) -> Self {
        let process = Process::start(command.arg("--listen-address=127.0.0.1:0"));
        let address = process.address();
        Self { process, address }
    }

    /// Sends a GET to the exporter.
    pub fn get(&self, path: &str) -> Answer {
        request(&self.address, "GET", path, &[], "")
    }

    /// Waits until `/readyz` answers 200.
    pub fn ready(&self) {
        eventually("/readyz", || {
            (self.get("/readyz").status == 200).then_some(())
        });
    }

    /// The value of the sample with this name and labels, if it is published.
    pub fn value(&self, sample: &str) -> Option<f64> {
        value_in(&self.get("/metrics").text(), sample)
    }

    /// Waits until the sample is published and returns it.
    pub fn value_of(&self, sample: &str) -> f64 {
        eventually(sample, || self.value(sample))
    }
}

/// The exporter for `nodes`, names with commas between or `all`, a round a second.
pub fn exporter_of(cluster: &testbed::Running, nodes: &str) -> Command {
    let mut command = exporter(program("k8s-ai-exporter"), cluster);
    command.args(["--scrape-interval=1s", "--cadvisor-interval=1s"]);
    command.arg(match nodes {
        "all" => "--nodes=all".to_owned(),
        names => format!("--node-name={names}"),
    });
    command
}

/// An exporter that reaches a simulated cluster, without settings from the environment.
pub fn exporter(program: impl AsRef<std::ffi::OsStr>, cluster: &testbed::Running) -> Command {
    let mut command = Command::new(program);
    command.env_clear().args(cluster_flags(cluster));
    command
}

/// The flags with which an exporter reaches a simulated cluster.
pub fn cluster_flags(cluster: &testbed::Running) -> Vec<String> {
    let mut flags = vec![format!("--api-server={}", cluster.url())];
    if cluster.url().starts_with("https") {
        flags.extend([
            format!("--ca-file={}", cluster.ca_file().display()),
            format!("--token-file={}", cluster.token_file().display()),
        ]);
    }
    flags
}

/// The value of a sample in an exposition, by the text before its last blank.
pub fn value_in(exposition: &str, sample: &str) -> Option<f64> {
    exposition
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}
