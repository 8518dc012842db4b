//! The program as a service: reports again and again, and serves the newest report.
//!
//! [`schedule`] says when a report is due (pure), [`board`] is what the reporting
//! thread and those that answer requests share, [`pages`] what they answer. A run
//! that fails changes nothing of what is served, but for the series that say so;
//! a report that has grown old disappears.
//!
//! Out of scope: what a report says and whom it is sent to.

mod board;
mod pages;
mod schedule;

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
use webserver::{Limits, Server};

use crate::PROGRAM;
use crate::config::{Config, Service};
use crate::exit::Exit;
use crate::round::{complain, report, tell, write_files};
use crate::sink::Sinks;
use analysis::previous::Previous;
use board::Board;
use report::Style;
use report::summary::summary;
use schedule::Schedule;

/// How long answers under way may take after a signal.
const GRACE: Duration = Duration::from_millis(200);

/// Reports and serves until a signal ends the process, which is a success. Returns
/// only if it cannot begin.
pub(crate) fn serve(config: &Config, service: &Service, sinks: Sinks, err: &mut dyn Write) -> Exit {
    let board = Arc::new(Board::new(service.every, sinks.names()));
    if let Err(error) = open(config, service, &board, err) {
        return complain(&error, Exit::Usage, err);
    }
    let mut rounds = Rounds {
        config,
        board: &board,
        sinks,
        previous: None,
    };
    let mut schedule = Schedule::new(Instant::now(), service.every, random::unit());
    let mut is_first = true;
    loop {
        let began = Instant::now();
        let outcome = rounds.next(err);
        board.end(began.elapsed());
        let now = Instant::now();
        let due = match outcome {
            Outcome::Reported => schedule.after_success(now),
            // Who has just typed it wants to know at once.
            Outcome::Unusable if is_first => return Exit::Usage,
            Outcome::Unusable | Outcome::Failed => {
                let due = schedule.after_failure(now, random::unit());
                let wait = Interval(Duration::from_secs((due - now).as_secs()));
                complain(
                    &format!("no report; the next try is in {wait}"),
                    Exit::Backend,
                    err,
                );
                due
            }
        };
        is_first = false;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Opens the port, and from there on leaves on a signal.
fn open(
    config: &Config,
    service: &Service,
    board: &Arc<Board>,
    err: &mut dyn Write,
) -> io::Result<()> {
    // Process 1 has no default action for signals: they are caught before anything starts.
    let signals = Signals::catch()?;
    let board = Arc::clone(board);
    let style = Style {
        color: false,
        explain: config.explain,
    };
    logging::start(Prefix::Program(PROGRAM), LevelFilter::Info);
    let files = service.protection.clone();
    let protection = WebConfig::load(files, path::OPEN).map_err(io::Error::other)?;
    let how = protection.describe();
    let listener = service.listen.bind()?;
    let policy = move || protection.policy();
    let server = Server::start(listener, Limits::default(), policy, move |request| {
        pages::answer(request, &board, style)
    })?;
    let every = Interval(service.every);
    let serving = format!(
        "serving on {}, a report every {every}, {how}",
        server.address()
    );
    complain(&serving, Exit::Complete, err);
    signals.on_first(move |_| {
        server.stop(GRACE);
        signals::exit(Exit::Complete.code())
    })
}

/// One report after the other.
struct Rounds<'a> {
    config: &'a Config,
    board: &'a Board,
    sinks: Sinks,
    /// What the last report said.
    previous: Option<Previous>,
}

/// How a round ended.
enum Outcome {
    /// There is a report, whole or not.
    Reported,
    /// There is none.
    Failed,
    /// There is none, because a file is of no use.
    Unusable,
}

impl Rounds<'_> {
    fn next(&mut self, err: &mut dyn Write) -> Outcome {
        let (report, exit) = match report(self.config, self.previous.as_ref()) {
            Ok(made) => made,
            Err(error) => {
                self.board.fail();
                complain(&error, Exit::Usage, err);
                return Outcome::Unusable;
            }
        };
        for error in &report.errors {
            complain(error, exit, err);
        }
        if matches!(exit, Exit::Backend | Exit::NoData) {
            self.board.fail();
            return Outcome::Failed;
        }
        self.previous = Some(Previous::of(&report));
        let report = Arc::new(report);
        self.board.publish(Arc::clone(&report), Instant::now());
        complain(&summary(&report), exit, err);
        write_files(&report, self.config, exit, err);
        self.reopen_sinks(err);
        let deliveries = self.sinks.deliver(&report);
        self.board.note(&deliveries);
        tell(&deliveries, exit, err);
        Outcome::Reported
    }

    /// Files may have changed since. Where one is of no use now, what it said
    /// before still counts.
    fn reopen_sinks(&mut self, err: &mut dyn Write) {
        match Sinks::open(&self.config.sinks) {
            Ok(sinks) => self.sinks = sinks,
            Err(error) => {
                complain(&error, Exit::Partial, err);
            }
        }
    }
}
