//! Sends a report to those who want to have it sent: one file a sink.
//!
//! All sinks are served at the same time, each within the same deadline, so that a
//! slow one delays nobody and the whole takes no longer than one. A sink that fails
//! spoils no other. Secrets are read from their files anew for each report.
//!
//! Out of scope: what a report says, and what a failure does to the exit code.

mod change;
mod delivery;
mod grafana;
mod pushgateway;
mod slack;
mod webhook;

pub use delivery::Undelivered;

use std::time::Duration;
use std::{fmt, thread};

use delivery::Deadline;
use webclient::{Authorities, AuthorityError, BaseUrl, Secret, SecretFile};

use crate::args;
use analysis::report::Report;

/// Takes reports.
trait Sink: fmt::Debug + Send + Sync {
    /// As messages call it.
    fn name(&self) -> &'static str;

    /// Whether the files it needs are of use, before there is a report.
    fn check(&self) -> Result<(), Undelivered>;

    /// Delivers a report, if it is one for this sink.
    fn deliver(&self, report: &Report, deadline: Deadline) -> Result<(), Undelivered>;
}

/// Every sink of a run.
#[derive(Debug)]
pub struct Sinks {
    sinks: Vec<Box<dyn Sink>>,
    timeout: Duration,
}

/// Why a sink cannot be used at all.
#[derive(Debug)]
pub enum Unusable {
    /// The CA file of all sinks.
    Authorities(AuthorityError),
    /// A file of one sink.
    Sink {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        problem: Undelivered,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorities(error) => error.fmt(f),
            Self::Sink { name, problem } => write!(f, "{name}: {problem}"),
        }
    }
}

impl std::error::Error for Unusable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Shown as they are, so their sources are ours.
            Self::Authorities(error) => error.source(),
            Self::Sink { problem, .. } => problem.source(),
        }
    }
}

/// How one delivery ended.
#[derive(Debug)]
pub struct Delivery {
    /// The sink's name.
    pub sink: &'static str,
    /// Whether it has the report, or needs none.
    pub result: Result<(), Undelivered>,
}

impl Sinks {
    /// Prepares all sinks and reads their files once; connects to nobody yet.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should.
    pub fn open(config: &args::Sinks) -> Result<Self, Unusable> {
        let mut authorities = Authorities::public();
        if let Some(path) = &config.ca_file {
            let own = Authorities::from_file(path).map_err(Unusable::Authorities)?;
            authorities = authorities.and(&own);
        }
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(config) = &config.slack {
            sinks.push(Box::new(slack::Slack::new(config, authorities.clone())));
        }
        if let Some(args::Webhook {
            url_file,
            secret_file,
        }) = config.webhook.clone()
        {
            let webhook = webhook::Webhook::new(url_file, secret_file, authorities.clone());
            sinks.push(Box::new(webhook));
        }
        if let Some(config) = &config.grafana {
            sinks.push(Box::new(grafana::Grafana::new(config, authorities.clone())));
        }
        if let Some(config) = &config.pushgateway {
            sinks.push(Box::new(pushgateway::Pushgateway::new(config, authorities)));
        }
        for sink in &sinks {
            sink.check().map_err(|problem| Unusable::Sink {
                name: sink.name(),
                problem,
            })?;
        }
        Ok(Self {
            sinks,
            timeout: config.timeout,
        })
    }

    /// The names of all sinks, in the order of deliveries.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.sinks.iter().map(|sink| sink.name())
    }

    /// Delivers `report` to all sinks at once and waits until each has it, or has not.
    pub fn deliver(&self, report: &Report) -> Vec<Delivery> {
        let deadline = Deadline::after(self.timeout);
        thread::scope(|scope| {
            let started: Vec<_> = self
                .sinks
                .iter()
                .map(|sink| {
                    let delivery = move || Delivery {
                        sink: sink.name(),
                        result: sink.deliver(report, deadline),
                    };
                    let thread = thread::Builder::new().name(sink.name().to_owned());
                    // Where there can be no further thread, this one does it.
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

/// Origin and secret path of the webhook whose URL is in a file.
fn webhook_url(file: &SecretFile) -> Result<(BaseUrl, Secret), Undelivered> {
    let url = file.current()?;
    BaseUrl::parse_webhook(url.reveal()).map_err(|expected| Undelivered::Url {
        path: file.path().to_owned(),
        expected,
    })
}
