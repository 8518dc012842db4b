//! One run from the arguments to the exit code: joins the parts, prints what they say.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use commandline::Environment;
use webclient::{Authorities, AuthorityError, Client, Credentials, Settings};

use crate::args::{self, Command, Config, PROGRAM, Reports};
use crate::assess::{Basis, assess};
use crate::collect::collect;
use crate::exit::Exit;
use crate::previous;
use crate::prometheus::Prometheus;
use crate::report::text::printable;
use crate::report::{Report, Style};
use crate::shard::Shard;
use crate::termination;
use crate::whole_file;
use quantity::Timestamp;

/// Connecting takes milliseconds inside a cluster; a lost packet takes a few seconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Between two queries of one run a connection is hardly idle.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// Runs the program: the report goes to `out`, in one piece, all else to `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let config = match args::parse(args, environment) {
        Ok(Command::Report(config)) => config,
        Ok(Command::PrintConfig(config)) => {
            return print(&config.to_string(), Exit::Complete, out, err);
        }
        Ok(Command::Print(text)) => return print(&text, Exit::Complete, out, err),
        Err(error) => return complain(&error, Exit::Usage, err),
    };
    let authorities = match authorities(&config) {
        Ok(authorities) => authorities,
        Err(error) => return complain(&error, Exit::Usage, err),
    };
    if let Err(error) = termination::leave_on_signals() {
        // The report is still worth having.
        complain(
            &format!("cannot listen for signals: {error}"),
            Exit::Complete,
            err,
        );
    }
    let (report, exit) = report(&config, authorities);
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
    print(&report.render(config.reports.format, style), exit, out, err)
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
        match whole_file::write(file, &report.render(output.format, style)) {
            Ok(()) => exit,
            Err(error) => {
                let problem = format!("cannot write to {}: {error}", file.display());
                complain(&problem, exit.undelivered(), err)
            }
        }
    })
}

fn authorities(config: &Config) -> Result<Authorities, AuthorityError> {
    config
        .backend
        .ca_file
        .as_deref()
        .map_or_else(|| Ok(Authorities::public()), Authorities::from_file)
}

fn report(config: &Config, authorities: Authorities) -> (Report, Exit) {
    let started = Instant::now();
    let prometheus = Prometheus::new(
        Client::new(Settings {
            base: config.backend.url.clone(),
            authorities,
            identity: None,
            credentials: Credentials::None,
            headers: Vec::new(),
            user_agent: concat!("k8s-ai-agent/", env!("CARGO_PKG_VERSION")),
            deadline: config.backend.timeout,
            connect_deadline: CONNECT_DEADLINE.min(config.backend.timeout),
            keep_idle: KEEP_IDLE,
        }),
        Shard::WHOLE,
    );
    let window = config.spans.ending_at(Timestamp::from(SystemTime::now()));
    let mut measurements = collect(&prometheus, &config.backend.queries, &window);
    let refused = measurements.usage_query_failed;
    let before = config.judgement.previous.as_deref();
    let previous = previous::recall(before, &prometheus, &window, &mut measurements);
    let generated_at = Timestamp::from(SystemTime::now());
    let mut report = assess(
        measurements,
        Basis {
            window: &window,
            forecasts: config.forecasts,
            thresholds: config.judgement.thresholds,
            previous: previous.as_ref(),
        },
        thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        generated_at,
    );
    report.took = started.elapsed();
    let exit = match report.exit(config.judgement.fail_on) {
        Exit::NoData if refused => Exit::Backend,
        exit => exit,
    };
    (report, exit)
}

/// Prints a whole text. One that cannot be written makes a run partial; a reader
/// that has seen enough and gone does not.
fn print(text: &str, exit: Exit, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match termination::write_whole(out, text) {
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
