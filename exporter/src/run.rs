//! A configuration -> threads, until a signal or until `--once` is complete.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};
use publish::Format;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{Config, NodeName};
use crate::board::Board;
use crate::scrape::NodeScraper;
use crate::{http, logging};

/// How long answers under way may take after a signal.
const GRACE: Duration = Duration::from_millis(200);

/// What the main thread waits for.
enum Event {
    /// SIGTERM or SIGINT.
    Stop(i32),
    /// One node has all that `--once` came for.
    Complete,
}

/// Runs until told to stop.
///
/// # Errors
/// When the port cannot be opened, signals cannot be caught, or standard output
/// cannot be written.
pub fn run(config: Config) -> io::Result<ExitCode> {
    logging::start(config.log_level);
    if !config.api_server.is_https() && config.token_file.is_some() {
        warn!(
            "the token goes to {} over plain HTTP, since --token-file was given for it",
            config.api_server
        );
    }
    let (events, received) = mpsc::channel();
    // PID 1 ignores signals without a handler: both get one before anything starts.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let stops = events.clone();
    thread::spawn(move || {
        for signal in signals.forever() {
            // Nobody receives once the main thread is leaving, which is the point.
            let _ = stops.send(Event::Stop(signal));
        }
    });
    let once = config.once;
    let listener = match once {
        None => Some(config.listen.bind()?),
        Some(_) => None,
    };
    let board = Arc::new(Board::new(config));
    let nodes: Vec<&str> = board.config.nodes.iter().map(NodeName::as_str).collect();
    info!(
        "k8s-ai-exporter {} ({}): node {} through {}",
        crate::VERSION,
        crate::REVISION,
        nodes.join(", "),
        board.config.api_server
    );
    let serving = match listener {
        Some(listener) => {
            let server = http::serve(listener, &board)?;
            info!("serving on {}", server.address());
            Some(server)
        }
        None => None,
    };
    for index in 0..board.nodes.len() {
        let (board, events) = (Arc::clone(&board), events.clone());
        thread::spawn(move || scrape(&board, index, once.is_some().then_some(events)));
    }
    let Some(timeout) = once else {
        while let Ok(event) = received.recv() {
            if let Event::Stop(signal) = event {
                info!("signal {signal}: leaving");
                break;
            }
        }
        if let Some(serving) = serving {
            serving.stop(GRACE);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let deadline = Instant::now() + timeout;
    let mut missing = board.nodes.len();
    while missing > 0 {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Complete) => missing -= 1,
            Ok(Event::Stop(signal)) => {
                info!("signal {signal}: leaving without an exposition");
                // As shells say it: 128 and the signal's number, which is below 32.
                return Ok(ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                warn!("not everything is known after {timeout:?} (--once-timeout)");
                break;
            }
        }
    }
    // In one piece, after the last scrape: never half an exposition.
    let mut out = io::stdout().lock();
    out.write_all(board.exposition(Format::Text).as_bytes())?;
    out.flush()?;
    Ok(ExitCode::from(u8::from(missing > 0)))
}

/// One node's thread: rounds for ever, or until complete where that is waited for.
fn scrape(board: &Board, index: usize, complete: Option<Sender<Event>>) {
    let mut scraper = NodeScraper::new(
        &board.config,
        &board.credentials,
        &board.nodes[index],
        board.history.as_ref(),
    );
    loop {
        thread::sleep(scraper.due().saturating_duration_since(Instant::now()));
        scraper.round();
        if let Some(events) = &complete
            && scraper.is_complete()
        {
            // The main thread may have run out of time by now.
            let _ = events.send(Event::Complete);
            return;
        }
    }
}
