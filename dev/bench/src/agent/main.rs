//! `just bench-agent`: the errors and the cost of the agent's forecasts, compared with named peers
//! in the same run. `bench-agent windows` measures only the windows of real machine metrics, in
//! the folder of `BINBOTS_WINDOWS`.
//!
//! Exits with 1 when a figure misses its bound. Times are medians and depend on the
//! machine, so the bounds are on ratios, errors and shares.

mod accuracy;
mod fleet;
mod npz;
mod prophet;
mod windows;

use std::io::Write;
use std::process::ExitCode;

use accuracy::Accuracy;
use bench::figures::{Figure, table};
use windows::Windows;

fn main() -> ExitCode {
    e2e::developer_program("bench-agent", || {
        let only_windows = std::env::args()
            .nth(1)
            .is_some_and(|only| only == "windows");
        let (mut figures, mut tables) = (Vec::new(), String::new());
        match Windows::measure() {
            Some(windows) => {
                figures.extend(windows.figures());
                tables.push_str(&windows.table());
            }
            None => eprintln!(
                "bench-agent: BINBOTS_WINDOWS is not set: no windows of real machine metrics, only made-up series"
            ),
        }
        if !only_windows {
            let agent = std::env::var_os("BINBOTS_AGENT")
                .expect("BINBOTS_AGENT is not set: expected the release build of k8s-ai-agent");
            eprintln!("bench-agent: reports on fleets in a real Prometheus …");
            figures.extend(fleet::figures(&agent));
            eprintln!("bench-agent: forecasts of a varied fleet …");
            let accuracy = Accuracy::measure();
            figures.extend(accuracy.figures());
            tables.push_str(&accuracy.table());
            eprintln!("bench-agent: forecasting the same series with Python Prophet …");
            figures.extend(prophet::figures());
        }
        let text = format!("{}\n{tables}", table(&figures));
        // A closed pipe is no error.
        let _ = std::io::stdout().write_all(text.as_bytes());
        ExitCode::from(u8::from(!figures.iter().all(Figure::holds)))
    })
}
