//! One report, from the configuration to files and sinks: the common part of a single run and each
//! round of a service.

use std::fmt::Display;
use std::io::Write;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Instant, SystemTime};

use contract::FleetView;
use promql::{Prometheus, sampling};
use quantity::Timestamp;
use runtime::output;

use crate::PROGRAM;
use crate::age;
use crate::args::Config;
use crate::backend::Backend;
use crate::collect::collect;
use crate::connection::client;
use crate::exit::Exit;
use crate::fleet::{self, Scope};
use crate::input::Recording;
use crate::invalid_file::InvalidFile;
use crate::previous;
use crate::sink::Delivery;
use crate::source::Source;
use analysis::assess::{Basis, assess};
use analysis::previous::Previous;
use analysis::report::{Report, ShardReport};
use analysis::window::Window;
use report::Style;
use text::printable;

/// Queries the points as of now and judges them. Without `memory`, the verdicts of the previous
/// report are read from its file or the backend.
///
/// # Errors
/// When a file is invalid.
pub(crate) fn report(
    config: &Config,
    memory: Option<&Previous>,
) -> Result<(Report, Exit), InvalidFile> {
    let started = Instant::now();
    let Opened {
        source,
        window,
        at,
        interval,
    } = open(config, Timestamp::from(SystemTime::now()))?;
    let (queries, flags) = (&config.queries, &config.flags.findings);
    let mut measurements = collect(source.as_ref(), queries, &window);
    age::measure(
        source.as_ref(),
        queries,
        &window,
        (at, interval),
        &mut measurements,
    );
    let refused = measurements.usage_query_failed;
    let recalled = match memory {
        Some(_) => None,
        None => {
            let file = flags.previous.as_deref();
            previous::recall(file, source.as_ref(), &window, &mut measurements)
        }
    };
    let generated_at = Timestamp::from(SystemTime::now());
    let others_have_data = measurements.others_have_data;
    let mut report = assess(
        measurements,
        Basis {
            program_version: env!("CARGO_PKG_VERSION"),
            window: &window,
            forecasts: config.forecasts,
            thresholds: config.thresholds,
            hold_seconds: flags.r#for,
            previous: memory.or(recalled.as_ref()),
        },
        thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        generated_at,
    );
    let scope = scope(config, source.as_ref());
    let lines = (config.thresholds, flags.keep_nodes as usize);
    fleet::assess(&scope, &mut report, lines, &window);
    report.took = started.elapsed();
    report.shard = (!config.shard.is_whole()).then_some(ShardReport {
        shard: config.shard,
        others_have_data,
    });
    let exit = match Exit::of(&report, flags.fail_on) {
        Exit::NoData if refused => Exit::Backend,
        exit => exit,
    };
    Ok((report, exit))
}

/// A source of points, and the time range of its report.
struct Opened {
    source: Box<dyn Source>,
    /// The window of the queries.
    window: Window,
    /// The time of the report: its window ends on the last step before.
    at: Timestamp,
    /// Seconds between two samples of a series, if known.
    interval: Option<u64>,
}

/// Opens the source of the points, reading the files that `config` names, and finds the
/// window: without a step it depends on the time between samples.
///
/// # Errors
/// When a file is invalid. A backend that cannot be reached is no error yet.
fn open(config: &Config, now: Timestamp) -> Result<Opened, InvalidFile> {
    let queries = &config.queries;
    if !config.flags.input.input.is_empty() {
        let recording = Recording::read(&config.flags.input.input, config.shard)?;
        let window = recording.window(&config.time, queries, now)?;
        return Ok(Opened {
            source: Box::new(recording),
            window,
            at: config.time.at.unwrap_or(window.past.end),
            interval: None,
        });
    }
    let prometheus = Prometheus::new(client(&config.backend)?, config.backend.deadline);
    let at = config.time.at.unwrap_or(now);
    // The error of a backend that cannot answer is that of the queries for points.
    let interval = prometheus
        .sample_times(&queries.cpu, at)
        .ok()
        .and_then(|times| sampling::interval(&times));
    let backend = Backend::new(prometheus, config.shard);
    Ok(Opened {
        source: Box::new(backend),
        window: config.time.spans_of_backend(interval).ending_at(at),
        at,
        interval,
    })
}

/// Returns the data that the report on removable nodes is based on.
fn scope<'a>(config: &Config, source: &'a dyn Source) -> Scope<'a> {
    if config.flags.findings.fleet == FleetView::Off {
        Scope::Off("--fleet is off")
    } else if !config.shard.is_whole() {
        Scope::Off("a shard has only some of the nodes")
    } else if !config.flags.input.input.is_empty() {
        Scope::Usage("saved responses have no pod requests")
    } else {
        Scope::Query(source)
    }
}

/// Writes every file. One that cannot be written makes a run partial and does not affect the
/// others.
pub(crate) fn write_files(
    report: &Report,
    config: &Config,
    exit: Exit,
    err: &mut dyn Write,
) -> Exit {
    let style = Style {
        color: false,
        explain: config.flags.reports.explain,
    };
    config
        .flags
        .reports
        .output
        .iter()
        .fold(exit, |exit, output| {
            let file = &output.file;
            match output::to_file(file, |out| report::write(report, output.format, style, out)) {
                Ok(()) => exit,
                Err(error) => {
                    let problem = format!("cannot write to {}: {error}", file.display());
                    print_line(&problem, exit.undelivered(), err)
                }
            }
        })
}

/// Prints the failed deliveries. One makes a run partial.
pub(crate) fn print_failures(deliveries: &[Delivery], mut exit: Exit, err: &mut dyn Write) -> Exit {
    for Delivery { sink, result } in deliveries {
        if let Err(problem) = result {
            exit = print_line(&format!("{sink}: {problem}"), exit.undelivered(), err);
        }
    }
    exit
}

/// Prints one line to standard error; failures are ignored.
pub(crate) fn print_line(problem: &dyn Display, exit: Exit, err: &mut dyn Write) -> Exit {
    let _ = writeln!(err, "{PROGRAM}: {}", printable(&problem.to_string()));
    exit
}
