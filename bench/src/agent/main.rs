//! `just bench-agent`: what the agent's work costs, as ratios against named peers that
//! do the same work in the same run.
//!
//! Exits with 1 when a ratio misses its bound. Times are medians and depend on the
//! machine; the ratios are what is promised.

mod prophet;

use std::io::Write;
use std::process::ExitCode;

use bench::figures::{Figure, table};

fn main() -> ExitCode {
    eprintln!("bench-agent: forecasting the same series with Python Prophet …");
    match prophet::figures() {
        Ok(figures) => {
            // A closed pipe is the reader's choice.
            let _ = std::io::stdout().write_all(table(&figures).as_bytes());
            ExitCode::from(u8::from(!figures.iter().all(Figure::holds)))
        }
        Err(problem) => {
            eprintln!("bench-agent: {problem}");
            ExitCode::from(2)
        }
    }
}
