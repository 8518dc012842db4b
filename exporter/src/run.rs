//! Starts the threads for a configuration, and waits for a signal or for `--once`.
//!
//! Each named node has its own worker, so that none waits for another. A whole cluster has
//! a fixed number of workers, and a thread that lists its nodes.
//!
//! Invariant: SIGTERM and SIGINT end the exporter within two seconds (held by
//! `signals_end_it_within_two_seconds` in e2e).

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use contract::path;
use exposition::write::Format;
use log::{info, warn};
use runtime::logging::{self, Prefix};
use runtime::signals::{self, Signals};
use runtime::{REVISION, VERSION};
use webconfig::WebConfig;

use crate::args::Config;
use crate::discovery::Discovery;
use crate::http;
use crate::metrics;
use crate::nodes::Nodes;
use crate::scheduler::{Next, Rounds, Scheduler};
use crate::scrape::NodeScraper;
use crate::state::SharedState;

/// Time for responses in progress to finish after a signal.
const GRACE: Duration = Duration::from_millis(200);

/// Workers for a whole cluster: with 5,000 nodes in 30 s, each has 190 ms per node.
/// A worker takes one connection, some 200 KiB.
const WORKERS: usize = 32;

/// An event that the main thread waits for.
enum Event {
    /// SIGTERM or SIGINT.
    Stop(i32),
    /// This many more nodes have been found.
    Found(usize),
    /// One node has all values that `--once` waits for.
    Complete,
}

/// Runs until a signal, or until `--once` is complete.
///
/// # Errors
/// When the port cannot be opened, signals cannot be caught, or standard output
/// cannot be written.
pub fn run(config: Config) -> io::Result<ExitCode> {
    let level = config.flags.log_level.name();
    logging::start(Prefix::Level, level.parse().expect("a level of crate log"));
    if !config.api_server.is_https() && config.flags.token_file.is_some() {
        warn!(
            "the token is sent to {} over plain HTTP, since --token-file is set",
            config.api_server
        );
    }
    let (events, received) = mpsc::channel();
    // PID 1 ignores signals without a handler: both get one before anything else starts.
    let stops = events.clone();
    Signals::catch()?.on_first(move |signal| {
        // The main thread may be exiting already.
        let _ = stops.send(Event::Stop(signal));
    })?;
    let once = config.once();
    let files = webconfig::Files {
        web_config: config.flags.web_config_file.clone(),
        bearer_token: config.flags.web_bearer_token_file.clone(),
    };
    let port = match once {
        None => Some((
            WebConfig::load(files, path::OPEN).map_err(io::Error::other)?,
            config.flags.listen_address.bind()?,
        )),
        Some(_) => None,
    };
    let workers = match &config.nodes {
        Nodes::Named(nodes) => nodes.len(),
        Nodes::All(_) => WORKERS,
    };
    let shared = Arc::new(SharedState::new(config, workers));
    info!(
        "k8s-ai-exporter {} ({}): {} through {}",
        VERSION, REVISION, shared.config.nodes, shared.config.api_server
    );
    let serving = match port {
        Some((protection, listener)) => {
            info!("the port uses {}", protection.describe());
            let server = http::serve(listener, protection, &shared)?;
            info!("serving on {}", server.address());
            Some(server)
        }
        None => None,
    };
    let found = start_scraping(&shared, workers, once.is_some().then_some(events));
    let Some(timeout) = once else {
        while let Ok(event) = received.recv() {
            if let Event::Stop(signal) = event {
                info!("signal {signal}: exiting");
                break;
            }
        }
        if let Some(serving) = serving {
            serving.stop(GRACE);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let deadline = Instant::now() + timeout;
    let mut missing = found;
    while missing != Some(0) {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Found(more)) => missing = Some(missing.unwrap_or(0) + more),
            Ok(Event::Complete) => missing = missing.map(|missing| missing - 1),
            Ok(Event::Stop(signal)) => {
                info!("signal {signal}: exiting before the metrics were complete");
                return Ok(ExitCode::from(signals::exit_code(signal)));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                warn!("some metrics are still missing after {timeout:?} (--once-timeout)");
                break;
            }
        }
    }
    // In one piece, after the last scrape: never half of it.
    let mut out = io::stdout().lock();
    out.write_all(metrics::exposition(&shared, Format::Text).as_bytes())?;
    out.flush()?;
    Ok(ExitCode::from(u8::from(missing != Some(0))))
}

/// Starts the workers and, where nodes are discovered, the thread that lists them. Sends
/// an event to `complete`, if given, for each node that needs no further round. Returns the
/// number of nodes, unless they are to be discovered.
fn start_scraping(
    shared: &Arc<SharedState>,
    workers: usize,
    complete: Option<Sender<Event>>,
) -> Option<usize> {
    let discovery = Discovery::new(shared);
    // Nodes that hang must not occupy all workers.
    let for_failing = match &discovery {
        Some(_) => workers / 2,
        None => workers,
    };
    let scheduler = Arc::new(Scheduler::new(for_failing));
    for _ in 0..workers {
        let scheduler = Arc::clone(&scheduler);
        thread::spawn(move || scheduler.work());
    }
    let Some(mut discovery) = discovery else {
        let now = Instant::now();
        let nodes = shared.nodes();
        scheduler.add(nodes.iter().map(|node| Turns {
            scraper: NodeScraper::new(shared, Arc::clone(node), now),
            complete: complete.clone(),
            lists: None,
        }));
        return Some(nodes.len());
    };
    thread::spawn(move || {
        loop {
            // Unparked when an outage has ended.
            thread::park_timeout(discovery.due().saturating_duration_since(Instant::now()));
            let (joined, outage_ended) = discovery.round();
            if outage_ended {
                scheduler.reschedule();
            }
            if joined.is_empty() {
                continue;
            }
            if let Some(events) = &complete {
                // As above.
                let _ = events.send(Event::Found(joined.len()));
            }
            scheduler.add(joined.into_iter().map(|scraper| Turns {
                scraper,
                complete: complete.clone(),
                lists: Some(thread::current()),
            }));
        }
    });
    None
}

/// The rounds of a node, until it leaves the cluster or is complete.
struct Turns {
    scraper: NodeScraper,
    /// Receives an event when the node is complete.
    complete: Option<Sender<Event>>,
    /// The thread that lists nodes, where they are discovered.
    lists: Option<Thread>,
}

impl Rounds for Turns {
    fn due(&self) -> Instant {
        self.scraper.due()
    }

    fn is_failing(&self) -> bool {
        self.scraper.is_failing()
    }

    fn round(&mut self) -> Next {
        if self.scraper.node.has_left() {
            return Next::Nothing;
        }
        let outage_ended = self.scraper.round();
        match &self.complete {
            Some(events) if self.scraper.is_complete() => {
                // The main thread may have timed out.
                let _ = events.send(Event::Complete);
                Next::Nothing
            }
            _ if outage_ended => {
                if let Some(lists) = &self.lists {
                    lists.unpark();
                }
                Next::RoundAndOthersSooner
            }
            _ => Next::Round,
        }
    }
}
