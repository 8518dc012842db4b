//! One run from the arguments to the exit code: joins the parts, prints what they say.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::{Instant, SystemTime};

use commandline::Environment;

use crate::args::{self, Command, Config, PROGRAM, Reports};
use crate::assess::assess;
use crate::collect::{Source, collect};
use crate::connection::UnusableFile;
use crate::exit::Exit;
use crate::fleet::{self, Scope};
use crate::report::text::printable;
use crate::report::{Report, ShardReport, Style};
use crate::sink::{Delivery, Sinks};
use crate::{doctor, previous, source, termination, whole_file};
use quantity::Timestamp;

/// Runs the program: the report goes to `out`, in one piece, all else to `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let config = match args::parse(args, environment) {
        Ok(Command::Report(config)) => config,
        Ok(Command::Doctor(config)) => return examine(&config, out, err),
        Ok(Command::PrintConfig(config)) => {
            return print(&config.to_string(), Exit::Complete, out, err);
        }
        Ok(Command::Print(text)) => return print(&text, Exit::Complete, out, err),
        Err(error) => return complain(&error, Exit::Usage, err),
    };
    let sinks = match Sinks::open(&config.sinks) {
        Ok(sinks) => sinks,
        Err(error) => return complain(&error, Exit::Usage, err),
    };
    listen_for_signals(err);
    let (report, exit) = match report(&config) {
        Ok(report) => report,
        Err(error) => return complain(&error, Exit::Usage, err),
    };
    for error in &report.errors {
        complain(error, exit, err);
    }
    if exit == Exit::Backend {
        return complain(&format!("no usage from {}", config.backend.url), exit, err);
    }
    let exit = write_files(&report, &config.reports, exit, err);
    let style = Style {
        color: config.reports.color.is_on(io::stdout().is_terminal()),
        explain: config.reports.explain,
    };
    let format = config.reports.format;
    let exit = write_out(|out| report.write(format, style, out), exit, out, err);
    deliver(&sinks, &report, exit, err)
}

/// Sends the report to all sinks. One that fails makes a run partial.
fn deliver(sinks: &Sinks, report: &Report, mut exit: Exit, err: &mut dyn Write) -> Exit {
    for Delivery { sink, result } in sinks.deliver(report) {
        if let Err(problem) = result {
            exit = complain(&format!("{sink}: {problem}"), exit.undelivered(), err);
        }
    }
    exit
}

/// Examines the backend, and prints what was found.
fn examine(config: &Config, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    listen_for_signals(err);
    match doctor::examine(config, Timestamp::from(SystemTime::now())) {
        Ok(diagnosis) => {
            let text = match config.reports.format {
                Format::Json => doctor::show::json(&diagnosis),
                _ => doctor::show::text(&diagnosis),
            };
            print(&text, diagnosis.exit, out, err)
        }
        Err(error) => complain(&error, Exit::Usage, err),
    }
}

fn listen_for_signals(err: &mut dyn Write) {
    if let Err(error) = termination::leave_on_signals() {
        // The report is still worth having.
        let problem = format!("cannot listen for signals: {error}");
        complain(&problem, Exit::Complete, err);
    }
}

/// Writes every file that is asked for. One that cannot be written makes a run
/// partial, and keeps none of the others.
fn write_files(report: &Report, reports: &Reports, exit: Exit, err: &mut dyn Write) -> Exit {
    let style = Style {
        color: false,
        explain: reports.explain,
    };
    reports.outputs.iter().fold(exit, |exit, output| {
        let file = &output.file;
        match whole_file::write(file, |out| report.write(output.format, style, out)) {
            Ok(()) => exit,
            Err(error) => {
                let problem = format!("cannot write to {}: {error}", file.display());
                complain(&problem, exit.undelivered(), err)
            }
        }
    })
}

fn report(config: &Config) -> Result<(Report, Exit), UnusableFile> {
    let started = Instant::now();
    let (source, window) = source::open(config, Timestamp::from(SystemTime::now()))?;
    let mut measurements = collect(source.as_ref(), &config.backend.queries, &window);
    let refused = measurements.usage_query_failed;
    let before = config.judgement.previous.as_deref();
    let previous = previous::recall(before, source.as_ref(), &window, &mut measurements);
    let generated_at = Timestamp::from(SystemTime::now());
    let others_have_data = measurements.others_have_data;
    let mut report = assess(
        measurements,
        &window,
        config.judgement.thresholds,
        previous.as_ref(),
        generated_at,
    );
    let scope = scope(config, source.as_ref());
    fleet::look(&scope, &mut report, &config.judgement, &window);
    report.took = started.elapsed();
    report.shard = (!config.shard.is_whole()).then_some(ShardReport {
        shard: config.shard,
        others_have_data,
    });
    let exit = match report.exit(config.judgement.fail_on) {
        Exit::NoData if refused => Exit::Backend,
        exit => exit,
    };
    Ok((report, exit))
}

/// From what the view of the fleet is to be drawn.
fn scope<'a>(config: &Config, source: &'a dyn Source) -> Scope<'a> {
    if !config.judgement.fleet {
        Scope::Off("--fleet is off")
    } else if !config.shard.is_whole() {
        Scope::Off("one of several shards sees only its part")
    } else if !config.inputs.is_empty() {
        Scope::Usage("saved answers hold none of it")
    } else {
        Scope::Ask(source)
    }
}

/// Prints a whole text.
fn print(text: &str, exit: Exit, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    write_out(|out| out.write_all(text.as_bytes()), exit, out, err)
}

/// Writes to standard output. What cannot be written makes a run partial; a reader
/// that has seen enough and gone does not.
fn write_out(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    exit: Exit,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    match termination::write_whole(out, write) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let problem = format!("cannot write to standard output: {error}");
            complain(&problem, exit.undelivered(), err)
        }
        _ => exit,
    }
}

/// One line to standard error. That nobody may read it changes nothing.
fn complain(problem: &dyn std::fmt::Display, exit: Exit, err: &mut dyn Write) -> Exit {
    let _ = writeln!(err, "{PROGRAM}: {}", printable(&problem.to_string()));
    exit
}
