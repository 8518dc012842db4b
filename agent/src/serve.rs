//! The service: it reports repeatedly and serves the newest report.
//!
//! [`schedule`] has the times of reports (pure), [`shared`] the state that the reporting
//! thread shares with those that answer requests, [`pages`] their answers. A failed run
//! changes nothing of what is served, except for the series about runs; a stale report
//! is withdrawn.
//!
//! Invariant: memory and threads do not grow from run to run (held by
//! `service_does_not_grow`).
//!
//! Out of scope: the content of a report, and sinks.

mod pages;
mod schedule;
mod shared;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use contract::path;
use log::LevelFilter;
use quantity::Interval;
use runtime::logging::{self, Prefix};
use runtime::random;
use runtime::signals::{self, Signals};
use webconfig::WebConfig;
use webserver::{Limits, ListenAddress, Server};

use crate::PROGRAM;
use crate::args::Config;
use crate::exit::Exit;
use crate::round::{print_failures, print_line, report, write_files};
use crate::sink::Sinks;
use analysis::previous::Previous;
use report::Style;
use report::summary::summary;
use schedule::Schedule;
use shared::Shared;

/// The time that requests in progress get after a signal.
const GRACE: Duration = Duration::from_millis(200);

/// Reports and serves until a signal ends the process, which is a success. Returns only if it
/// cannot start.
pub(crate) fn serve(
    config: &Config,
    listen: ListenAddress,
    sinks: Sinks,
    err: &mut dyn Write,
) -> Exit {
    let every = config.flags.service.every;
    let shared = Arc::new(Shared::new(every, sinks.names()));
    if let Err(error) = open(config, listen, &shared, err) {
        return print_line(&error, Exit::Usage, err);
    }
    let mut rounds = Rounds {
        config,
        shared: &shared,
        sinks,
        previous: None,
    };
    let mut schedule = Schedule::new(Instant::now(), every, random::unit());
    let mut is_first = true;
    loop {
        let began = Instant::now();
        let outcome = rounds.next(err);
        shared.end(began.elapsed());
        let now = Instant::now();
        let due = match outcome {
            Outcome::Reported => schedule.after_success(now),
            // At the start a wrong configuration is likely.
            Outcome::Unusable if is_first => return Exit::Usage,
            Outcome::Unusable | Outcome::Failed => {
                let due = schedule.after_failure(now, random::unit());
                let wait = Interval(Duration::from_secs((due - now).as_secs()));
                print_line(&format!("no report; retry in {wait}"), Exit::Backend, err);
                due
            }
        };
        is_first = false;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Opens the port; from then on a signal ends the process.
fn open(
    config: &Config,
    listen: ListenAddress,
    shared: &Arc<Shared>,
    err: &mut dyn Write,
) -> io::Result<()> {
    // Process 1 has no default action for signals: they are caught before anything starts.
    let signals = Signals::catch()?;
    let shared = Arc::clone(shared);
    let style = Style {
        color: false,
        explain: config.flags.reports.explain,
    };
    logging::start(Prefix::Program(PROGRAM), LevelFilter::Info);
    let flags = &config.flags.service;
    let files = webconfig::Files {
        web_config: flags.web_config_file.clone(),
        bearer_token: flags.web_bearer_token_file.clone(),
    };
    let protection = WebConfig::load(files, path::OPEN).map_err(io::Error::other)?;
    let how = protection.describe();
    let listener = listen.bind()?;
    let policy = move || protection.policy();
    let server = Server::start(listener, Limits::default(), policy, move |request| {
        pages::answer(request, &shared, style)
    })?;
    let every = Interval(flags.every);
    let serving = format!(
        "serving on {}, a report every {every}, {how}",
        server.address()
    );
    print_line(&serving, Exit::Complete, err);
    signals.on_first(move |_| {
        server.stop(GRACE);
        signals::exit(Exit::Complete.code())
    })
}

/// The loop of reports.
struct Rounds<'a> {
    config: &'a Config,
    shared: &'a Shared,
    sinks: Sinks,
    /// The verdicts of the last report.
    previous: Option<Previous>,
}

/// The outcome of a round.
enum Outcome {
    /// There is a report, complete or not.
    Reported,
    /// There is none.
    Failed,
    /// There is none, since a file is invalid.
    Unusable,
}

impl Rounds<'_> {
    fn next(&mut self, err: &mut dyn Write) -> Outcome {
        let (report, exit) = match report(self.config, self.previous.as_ref()) {
            Ok(made) => made,
            Err(error) => {
                self.shared.fail();
                print_line(&error, Exit::Usage, err);
                return Outcome::Unusable;
            }
        };
        for error in &report.errors {
            print_line(error, exit, err);
        }
        if matches!(exit, Exit::Backend | Exit::NoData) {
            self.shared.fail();
            return Outcome::Failed;
        }
        self.previous = Some(Previous::of(&report));
        let report = Arc::new(report);
        self.shared.publish(Arc::clone(&report), Instant::now());
        print_line(&summary(&report), exit, err);
        write_files(&report, self.config, exit, err);
        self.reopen_sinks(err);
        let deliveries = self.sinks.deliver(&report);
        self.shared.note(&deliveries);
        print_failures(&deliveries, exit, err);
        Outcome::Reported
    }

    /// Opens the sinks again, since files may have changed. If one is invalid now, the sinks stay
    /// as they were.
    fn reopen_sinks(&mut self, err: &mut dyn Write) {
        match Sinks::open(&self.config.sinks) {
            Ok(sinks) => self.sinks = sinks,
            Err(error) => {
                print_line(&error, Exit::Partial, err);
            }
        }
    }
}
