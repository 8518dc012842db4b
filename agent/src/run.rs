//! One run from the arguments to the exit code: joins the parts and prints their results.
//!
//! Invariant: a report is printed whole or not at all (held by
//! `signal_leaves_no_partial_output` and `full_disk_makes_the_report_partial`).

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use quantity::Timestamp;
use runtime::output;
use runtime::signals::{self, Signals};
use settings::Environment;

use crate::args::reports::Color;
use crate::args::{self, Command, Config};
use crate::doctor;
use crate::exit::Exit;
use crate::round::{print_failures, print_line, report, write_files};
use crate::serve::serve;
use crate::sink::Sinks;
use report::{Format, Style};

/// Runs the program: the report goes to `out`, in one piece, all else to `err`. A service prints no
/// report, and returns only if it cannot start.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let config = match args::parse(args, environment) {
        Ok(Command::Report(config)) => config,
        Ok(Command::Doctor(config)) => return examine(&config, out, err),
        Ok(Command::Print(text)) => return print(&text, Exit::Complete, out, err),
        Err(error) => return print_line(&error, Exit::Usage, err),
    };
    if let Some(error) = future_time(&config) {
        return print_line(&error, Exit::Usage, err);
    }
    let sinks = match Sinks::open(&config.sinks) {
        Ok(sinks) => sinks,
        Err(error) => return print_line(&error, Exit::Usage, err),
    };
    if let Some(listen) = config.flags.service.serve {
        return serve(&config, listen, sinks, err);
    }
    listen_for_signals(err);
    let (report, exit) = match report(&config, None) {
        Ok(report) => report,
        Err(error) => return print_line(&error, Exit::Usage, err),
    };
    for error in &report.errors {
        print_line(error, exit, err);
    }
    if exit == Exit::NoForecast {
        let problem = "no node has a current forecast; the report names the reasons";
        print_line(&problem, exit, err);
    }
    if exit == Exit::Backend {
        return print_line(
            &format!("no usage data from {}", config.backend.url),
            exit,
            err,
        );
    }
    let exit = write_files(&report, &config, exit, err);
    let flags = &config.flags.reports;
    let style = Style {
        color: match flags.color {
            Color::Auto => io::stdout().is_terminal(),
            Color::Always => true,
            Color::Never => false,
        },
        explain: flags.explain,
    };
    let format = flags.format;
    let exit = write_out(
        |out| report::write(&report, format, style, out),
        exit,
        out,
        err,
    );
    print_failures(&sinks.deliver(&report), exit, err)
}

/// Returns an error if `--at` is in the future, for which a backend has no samples.
fn future_time(config: &Config) -> Option<String> {
    let now = Timestamp::from(SystemTime::now());
    let at = config.time.at.filter(|at| *at > now)?;
    config.flags.input.input.is_empty().then(|| {
        format!(
            "invalid --at {:?}: expected a time in the past; now is {now}",
            at.to_string()
        )
    })
}

/// Examines the backend and prints the findings.
fn examine(config: &Config, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    if let Some(error) = future_time(config) {
        return print_line(&error, Exit::Usage, err);
    }
    listen_for_signals(err);
    match doctor::examine(config, Timestamp::from(SystemTime::now())) {
        Ok(diagnosis) => {
            let text = match config.flags.reports.format {
                Format::Json => doctor::show::json(&diagnosis),
                _ => doctor::show::text(&diagnosis),
            };
            print(&text, diagnosis.exit, out, err)
        }
        Err(error) => print_line(&error, Exit::Usage, err),
    }
}

fn listen_for_signals(err: &mut dyn Write) {
    if let Err(error) = Signals::catch()
        .and_then(|signals| signals.on_first(|signal| signals::exit(signals::exit_code(signal))))
    {
        // The report is still useful.
        let problem = format!("cannot listen for signals: {error}");
        print_line(&problem, Exit::Complete, err);
    }
}

/// Prints a whole text.
fn print(text: &str, exit: Exit, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    write_out(|out| out.write_all(text.as_bytes()), exit, out, err)
}

/// Writes to standard output. A failure makes the run partial, except for a closed pipe: its reader
/// has read enough.
fn write_out(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    exit: Exit,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    match output::to_stream(out, write) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let problem = format!("cannot write to standard output: {error}");
            print_line(&problem, exit.undelivered(), err)
        }
        _ => exit,
    }
}
