//! `just soak MINUTES [SEED [MILLISECONDS]]`: exporters under random troubles, at rounds of
//! a second or so long.
//!
//! Exits with 1 where a number was wrong or an exporter grew, with 2 on usage.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::soak::{End, Settings, run};

fn main() -> ExitCode {
    match settings() {
        Ok(settings) => {
            eprintln!("soak: seed {}", settings.seed);
            let outcome = run(settings, &mut |line| eprintln!("soak: {line}"));
            let wrong = [
                outcome.wrong(),
                outcome.more_threads_or_files(),
                outcome.more_memory(),
            ]
            .concat();
            // A closed pipe is the reader's choice.
            let _ = std::io::stdout().write_all(outcome.table().as_bytes());
            for what in &wrong {
                eprintln!("soak: {what}");
            }
            ExitCode::from(u8::from(!wrong.is_empty()))
        }
        Err(problem) => {
            eprintln!("soak: {problem}");
            ExitCode::from(2)
        }
    }
}

fn settings() -> Result<Settings, String> {
    let program = std::env::var_os("BINBOTS_EXPORTER").ok_or(
        "BINBOTS_EXPORTER is not set: expected the path of the release build of k8s-ai-exporter",
    )?;
    let mut words = std::env::args().skip(1);
    let minutes = words.next().unwrap_or_default();
    let minutes: u32 = minutes
        .parse()
        .map_err(|_| format!("{minutes:?}: expected a number of minutes"))?;
    let seed = match words.next() {
        Some(seed) => seed
            .parse()
            .map_err(|_| format!("{seed:?}: expected a seed, a number"))?,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
    };
    let interval = match words.next() {
        Some(millis) => millis
            .parse()
            .map_err(|_| format!("{millis:?}: expected the milliseconds of a round"))?,
        None => 1000,
    };
    Ok(Settings {
        program: program.into(),
        seed,
        interval: Duration::from_millis(interval),
        tour: usize::MAX,
        warm_up: 20,
        end: End::Time(Duration::from_secs(60) * minutes),
    })
}
