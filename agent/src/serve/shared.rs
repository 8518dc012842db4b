//! The state that the reporting thread shares with those that answer requests: the newest report,
//! and the outcome of runs.
//!
//! Invariant: a report older than three intervals is withdrawn (held by
//! `stale_report_is_withdrawn`).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::{Series, report, series, service};
use exposition::write::{self, Format, Sample};
use runtime::lock::lock;
use runtime::process;

use crate::sink::Delivery;
use ::report::prometheus;
use analysis::report::Report;

/// The number of intervals after which a report is stale.
const STALE_INTERVALS: u32 = 3;

/// The state of a long-running agent.
#[derive(Debug)]
pub(super) struct Shared {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Newest>,
    /// Set if the last run made a report; `None` before the first.
    up: Option<bool>,
    took: Duration,
    runs: u64,
    failed_runs: u64,
    sinks: Vec<SinkHealth>,
}

#[derive(Debug)]
struct Newest {
    report: Arc<Report>,
    at: Instant,
}

#[derive(Debug)]
struct SinkHealth {
    name: &'static str,
    /// `None` before the first report.
    up: Option<bool>,
    failures: u64,
}

impl Shared {
    /// Makes a state without a report; one is expected in each interval of `every`.
    pub(super) fn new(every: Duration, sinks: impl Iterator<Item = &'static str>) -> Self {
        let sinks = sinks.map(|name| SinkHealth {
            name,
            up: None,
            failures: 0,
        });
        Self {
            every,
            state: Mutex::new(State {
                sinks: sinks.collect(),
                ..State::default()
            }),
        }
    }

    /// Records a run that made a report.
    pub(super) fn publish(&self, report: Arc<Report>, now: Instant) {
        let mut state = lock(&self.state);
        state.newest = Some(Newest { report, at: now });
        state.up = Some(true);
    }

    /// Records a run that made none. The previous report stays until it is stale.
    pub(super) fn fail(&self) {
        let mut state = lock(&self.state);
        state.up = Some(false);
        state.failed_runs += 1;
    }

    /// Records the end of a run.
    pub(super) fn end(&self, took: Duration) {
        let mut state = lock(&self.state);
        state.took = took;
        state.runs += 1;
    }

    /// Records deliveries to sinks.
    pub(super) fn note(&self, deliveries: &[Delivery]) {
        let mut state = lock(&self.state);
        for delivery in deliveries {
            let health = state.sinks.iter_mut().find(|s| s.name == delivery.sink);
            if let Some(health) = health {
                health.up = Some(delivery.result.is_ok());
                health.failures += u64::from(delivery.result.is_err());
            }
        }
    }

    /// Returns the newest report, unless it is stale.
    pub(super) fn report(&self, now: Instant) -> Option<Arc<Report>> {
        let oldest = self.every.saturating_mul(STALE_INTERVALS);
        let state = lock(&self.state);
        let newest = state.newest.as_ref()?;
        (now.saturating_duration_since(newest.at) <= oldest).then(|| Arc::clone(&newest.report))
    }

    /// Returns the series of the report and of the agent itself.
    pub(super) fn exposition(&self, format: Format, now: Instant) -> String {
        let report = self.report(now);
        let mut samples = report
            .as_deref()
            .map(prometheus::samples)
            .unwrap_or_default();
        if report.is_none() {
            let version = [env!("CARGO_PKG_VERSION")];
            samples.push(Sample::new(&report::BUILD_INFO, &version, 1.0));
        }
        lock(&self.state).samples(self.every, &mut samples);
        samples.extend(process::figures().map(|(series, value)| Sample::new(series, &[], value)));
        let tables = [report::ALL, service::ALL, series::ALL];
        let families: Vec<&Series> = tables.into_iter().flatten().copied().collect();
        write::render(&families, &samples, format)
    }
}

impl State {
    fn samples(&self, every: Duration, out: &mut Vec<Sample<'_>>) {
        let mut put = |series, sink: Option<&'static str>, value| {
            out.push(Sample::new(series, sink.as_slice(), value));
        };
        if let Some(up) = self.up {
            put(&service::UP, None, f64::from(up));
            put(&service::RUN_DURATION, None, self.took.as_secs_f64());
        }
        if let Some(newest) = &self.newest {
            let at = newest.report.generated_at.unix();
            put(&service::LAST_SUCCESS, None, at as f64);
        }
        put(&service::INTERVAL, None, every.as_secs_f64());
        // Counts are far under 2^53, where f64 is exact.
        put(&service::RUNS, None, self.runs as f64);
        put(&service::FAILED_RUNS, None, self.failed_runs as f64);
        for sink in &self.sinks {
            if let Some(up) = sink.up {
                put(&service::SINK_UP, Some(sink.name), f64::from(up));
            }
            put(
                &service::SINK_FAILURES,
                Some(sink.name),
                sink.failures as f64,
            );
        }
    }
}
