//! `just bench`: what the exporter costs, as ratios against named peers that do
//! the same work on the same bytes in the same run.
//!
//! The bytes are a real kubelet's cAdvisor page with 99 running pods, 5 MB. Exits
//! with 1 when a ratio misses its bound. Times are medians and depend on the
//! machine; the ratios are what is promised.
//!
//! `just bench-fleet` (`bench fleet`): one exporter for 5,000 nodes.
//! `just bench-load` (`bench load`): what a cluster's API server has to bear.

mod fleet;
mod load;
mod parsing;
mod python;
mod round;
mod start;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::ExitCode;

use bench::figures::{Figure, table};

fn main() -> ExitCode {
    e2e::developer_program("bench", || {
        let exporter = || {
            std::env::var_os("BINBOTS_EXPORTER").expect(
                "BINBOTS_EXPORTER is not set: expected the release build of k8s-ai-exporter",
            )
        };
        let figures = match std::env::args().nth(1).as_deref() {
            None => one_node(&exporter()),
            Some("fleet") => fleet::figures(&exporter()),
            Some("load") => {
                print(&load::table());
                return ExitCode::SUCCESS;
            }
            Some(other) => panic!("{other:?} is not fleet or load"),
        };
        print(&table(&figures));
        ExitCode::from(u8::from(!figures.iter().all(Figure::holds)))
    })
}

fn print(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn one_node(exporter: &OsStr) -> Vec<Figure> {
    let captures = testbed::fixtures().join("100-pods");
    let page = captures.join("metrics-cadvisor.0.prom.gz");
    let compressed = std::fs::read(page).expect("a capture");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..])
        .read_to_end(&mut text)
        .expect("a capture inflates");
    let mut figures = Vec::from(parsing::figures(&text));
    eprintln!("bench: reading the same page with Python's prometheus_client …");
    figures.push(python::figure(&text));
    eprintln!("bench: rounds of the exporter against the simulated cluster, about a minute …");
    figures.extend(round::figures(&captures, exporter, &compressed));
    figures.extend(start::figures(exporter));
    figures
}
