//! `just bench-agent`: how good the agent's forecasts are, what they cost, and the same
//! work done by named peers in the same run.
//!
//! Exits with 1 when a figure misses its bound. Times are medians and depend on the
//! machine; ratios, errors and shares are what is promised.

mod accuracy;
mod fleet;
mod prophet;

use std::io::Write;
use std::process::ExitCode;

use accuracy::Accuracy;
use bench::figures::{Figure, table};

fn main() -> ExitCode {
    e2e::developer_program("bench-agent", || {
        let agent = std::env::var_os("BINBOTS_AGENT")
            .expect("BINBOTS_AGENT is not set: expected the release build of k8s-ai-agent");
        eprintln!("bench-agent: reports on fleets in a real Prometheus …");
        let mut figures = Vec::from(fleet::figures(&agent));
        eprintln!("bench-agent: forecasts of a varied fleet …");
        let accuracy = Accuracy::measure();
        figures.extend(accuracy.figures());
        eprintln!("bench-agent: forecasting the same series with Python Prophet …");
        figures.extend(prophet::figures());
        let text = format!("{}\n{}", table(&figures), accuracy.table());
        // A closed pipe is the reader's choice.
        let _ = std::io::stdout().write_all(text.as_bytes());
        ExitCode::from(u8::from(!figures.iter().all(Figure::holds)))
    })
}
