//! `just bench`: what the exporter costs, as ratios against named peers that do
//! the same work on the same bytes in the same run.
//!
//! The bytes are a real kubelet's cAdvisor page with 99 running pods, 5 MB. Exits
//! with 1 when a ratio misses its bound. Times are medians and depend on the
//! machine; the ratios are what is promised.

mod parsing;
mod python;
mod round;

use std::io::{Read, Write};
use std::process::ExitCode;

use bench::figures::{Figure, table};

fn main() -> ExitCode {
    match run() {
        Ok(figures) => {
            // A closed pipe is the reader's choice.
            let _ = std::io::stdout().write_all(table(&figures).as_bytes());
            ExitCode::from(u8::from(!figures.iter().all(Figure::holds)))
        }
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Vec<Figure>, String> {
    let captures = testbed::fixtures().join("100-pods");
    let path = captures.join("metrics-cadvisor.0.prom.gz");
    let compressed =
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..])
        .read_to_end(&mut text)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let exporter = std::env::var_os("BINBOTS_EXPORTER").ok_or(
        "BINBOTS_EXPORTER is not set: expected the path of the release build of k8s-ai-exporter",
    )?;
    let mut figures = Vec::new();
    figures.extend(parsing::figures(&text));
    eprintln!("bench: reading the same page with Python's prometheus_client …");
    figures.push(python::figure(&text)?);
    eprintln!("bench: rounds of the exporter against the simulated cluster, about a minute …");
    figures.extend(round::figures(&captures, exporter.as_ref(), &compressed)?);
    Ok(figures)
}
