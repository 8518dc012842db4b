//! Sinks of reports: one file a sink.
//!
//! All sinks are served at the same time, each within the same deadline, so that a slow one delays
//! no other. A failing sink does not affect the others. Secrets are read from their files again for
//! each report.
//!
//! Invariant: a failing sink affects no other, and no secret is shown (held by
//! `failing_sink_affects_no_other`).
//!
//! Out of scope: the content of a report, and the exit code after a failure.

mod change;
mod delivery;
mod grafana;
mod pushgateway;
mod slack;
mod webhook;

pub use delivery::DeliveryError;
pub use grafana::Config as Grafana;
pub use pushgateway::Config as Pushgateway;
pub use slack::{Config as Slack, Trigger};
pub use webhook::Config as Webhook;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use analysis::report::Report;
use webclient::CaBundle;

use crate::invalid_file::InvalidFile;
use delivery::{Deadline, Sink};

/// The sinks of a run. Secrets are named by their files, which are read later.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// A Slack channel.
    pub slack: Option<Slack>,
    /// A receiver of JSON.
    pub webhook: Option<Webhook>,
    /// A Grafana to annotate.
    pub grafana: Option<Grafana>,
    /// A Pushgateway, which Prometheus scrapes.
    pub pushgateway: Option<Pushgateway>,
    /// The deadline of all attempts at one sink.
    pub timeout: Duration,
    /// The CAs to trust over TLS, in addition to the public ones.
    pub ca_file: Option<PathBuf>,
}

/// The open sinks of a run.
#[derive(Debug)]
pub struct Sinks {
    sinks: Vec<Box<dyn Sink>>,
    timeout: Duration,
}

/// The outcome of one delivery.
#[derive(Debug)]
pub struct Delivery {
    /// The name of the sink.
    pub sink: &'static str,
    /// `Ok` if the sink has received the report, or needs none.
    pub result: Result<(), DeliveryError>,
}

impl Sinks {
    /// Opens all sinks and checks their files; does not connect yet.
    ///
    /// # Errors
    /// When a file cannot be read or is invalid.
    pub fn open(config: &Config) -> Result<Self, InvalidFile> {
        let mut ca_bundle = CaBundle::public();
        if let Some(path) = &config.ca_file {
            let own =
                CaBundle::from_file(path).map_err(|error| InvalidFile::new("CA file", &error))?;
            ca_bundle = ca_bundle.and(&own);
        }
        let own = || ca_bundle.clone();
        let slack = config.slack.as_ref().map(|c| slack::open(c, own()));
        let webhook = config.webhook.as_ref().map(|c| webhook::open(c, own()));
        let grafana = config.grafana.as_ref().map(|c| grafana::open(c, own()));
        let pushgateway = (config.pushgateway.as_ref()).map(|c| pushgateway::open(c, own()));
        let sinks: Vec<Box<dyn Sink>> = [slack, webhook, grafana, pushgateway]
            .into_iter()
            .flatten()
            .collect();
        for sink in &sinks {
            sink.check()
                .map_err(|problem| InvalidFile::new(&format!("{}:", sink.name()), &problem))?;
        }
        Ok(Self {
            sinks,
            timeout: config.timeout,
        })
    }

    /// Returns the names of all sinks, in the order of deliveries.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.sinks.iter().map(|sink| sink.name())
    }

    /// Delivers `report` to all sinks at once and waits for the outcomes.
    pub fn deliver(&self, report: &Report) -> Vec<Delivery> {
        let deadline = Deadline::after(self.timeout);
        thread::scope(|scope| {
            let started: Vec<_> = self
                .sinks
                .iter()
                .map(|sink| {
                    let delivery = move || Delivery {
                        sink: sink.name(),
                        result: deliver(sink.as_ref(), report, deadline),
                    };
                    let thread = thread::Builder::new().name(sink.name().to_owned());
                    // Where no thread can be started, this one delivers.
                    thread.spawn_scoped(scope, delivery).map_err(|_| delivery())
                })
                .collect();
            let finished = |thread: thread::ScopedJoinHandle<'_, Delivery>| {
                thread
                    .join()
                    .expect("a delivery returns: nothing in it panics")
            };
            started
                .into_iter()
                .map(|delivery| delivery.map_or_else(|done| done, finished))
                .collect()
        })
    }
}

fn deliver(sink: &dyn Sink, report: &Report, deadline: Deadline) -> Result<(), DeliveryError> {
    let messages = sink.messages(report)?;
    messages
        .iter()
        .try_for_each(|message| sink.receiver().send(message, deadline))
}
