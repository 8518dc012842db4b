//! The rounds of one node: requests, updates of its state, and the next due time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::{AddressType, Endpoint, Reason, Via, kubelet};
use log::{debug, info, warn};
use quantity::Cores;
use runtime::lock::lock;
use settings::Syntax;

use crate::apiserver::{self, NodeAnswer, ScrapeError, Way};
use crate::args::AddressTypes;
use crate::history::History;
use crate::metrics;
use crate::node::{Health, NodeState};
use crate::outage::Availability;
use crate::plan::{self, Scope, fresh_for};
use crate::readings::{Collector, Millis, Reading, Source, Tally};
use crate::schedule::Schedule;
use crate::state::{Node, SharedState};
use crate::usage::{Arrival, Known};

/// Maximum number of early rounds for a node that keeps repeating its first sample.
const HURRIED_ROUNDS: u32 = 8;

/// The rounds of one node.
#[derive(Debug)]
pub struct NodeScraper {
    shared: Arc<SharedState>,
    /// The node.
    pub node: Arc<Node>,
    schedules: Vec<Schedule>,
    /// Time of the last record in the history.
    recorded: Instant,
    /// True if the last answer of cAdvisor had no container labels.
    is_unlabelled: bool,
    /// Availability of the node's kubelet.
    kubelet: Availability,
    /// Number of early rounds in a row for the node's CPU.
    hurried: u32,
}

impl NodeScraper {
    /// Makes a scraper that keeps the node's state up to date, from `due` on.
    pub fn new(shared: &Arc<SharedState>, node: Arc<Node>, due: Instant) -> Self {
        let now = (Instant::now(), since_epoch());
        let schedules = plan::endpoints(&shared.config, Scope::Node)
            .map(|(endpoint, interval)| {
                Schedule::new(
                    endpoint,
                    interval,
                    shard::hash(node.name.as_str()),
                    due,
                    now,
                )
            })
            .collect();
        Self {
            shared: Arc::clone(shared),
            node,
            schedules,
            recorded: due,
            is_unlabelled: false,
            kubelet: Availability::new(now.0, shared.config.flags.scrape_interval),
            hurried: 0,
        }
    }

    /// Returns the time at which the next endpoint or the history is due. The history is
    /// recorded even while every endpoint backs off, so that expired values end there.
    pub fn due(&self) -> Instant {
        let record = self
            .history()
            .map(|_| self.recorded + self.shared.config.flags.scrape_interval);
        self.schedules
            .iter()
            .map(|schedule| self.due_of(schedule))
            .chain(record)
            .min()
            .unwrap_or_else(Instant::now)
    }

    fn due_of(&self, schedule: &Schedule) -> Instant {
        let (at_kubelet, at_api_server) = self.servers(schedule.endpoint);
        let outages = [
            at_api_server.then(|| self.shared.api_server_outage()),
            at_kubelet.then(|| self.kubelet.outage()),
        ];
        let place = shard::hash(self.node.name.as_str());
        schedule.due_after(outages.map(Option::flatten), place)
    }

    /// Returns whether an endpoint is read from the kubelet, and whether through the API server.
    fn servers(&self, endpoint: Endpoint) -> (bool, bool) {
        let at_kubelet = matches!(endpoint, Endpoint::Resource | Endpoint::Cadvisor);
        (at_kubelet, !at_kubelet || self.shared.kubelets.is_none())
    }

    /// Returns whether an endpoint failed last time, and may occupy a worker again.
    pub fn is_failing(&self) -> bool {
        self.schedules.iter().any(|schedule| schedule.failures > 0)
    }

    /// Scrapes each due endpoint, one after the other. Returns whether an outage of the API
    /// server has ended.
    pub fn round(&mut self) -> bool {
        let mut outage_ended = false;
        for index in 0..self.schedules.len() {
            if self.due_of(&self.schedules[index]) <= Instant::now() {
                outage_ended |= self.scrape(index);
            }
        }
        if self.history().is_some() {
            self.recorded = Instant::now();
            self.record();
        }
        outage_ended
    }

    fn history(&self) -> Option<&Mutex<History>> {
        self.shared.history.as_ref()
    }

    fn record(&self) {
        let Some(history) = self.history() else {
            return;
        };
        let node = self.node.name.as_str();
        let state = lock(&self.node.state);
        let mut samples = Vec::new();
        let namespaces = self.shared.config.flags.enable_namespace_metrics;
        let kernel = self.shared.kernel();
        metrics::node(
            &state,
            node,
            Instant::now(),
            kernel,
            namespaces,
            &mut samples,
        );
        if !lock(history).record(node, &samples, millis(since_epoch())) {
            debug!(
                "node {node}: the history is full (--history-memory), the oldest samples were dropped"
            );
        }
    }

    /// Returns whether the node has all that `--once` waits for: the core series and, where
    /// cAdvisor is scraped, two readings of it for its rates.
    pub fn is_complete(&self) -> bool {
        lock(&self.node.state).has_all_core_series(Instant::now())
            && self.schedules.iter().all(|schedule| {
                schedule.endpoint != Endpoint::Cadvisor
                    || (schedule.rounds >= 2 && schedule.failures == 0)
            })
    }

    /// Scrapes one endpoint. Returns whether that ends an outage of the API server.
    fn scrape(&mut self, index: usize) -> bool {
        let Schedule {
            endpoint, interval, ..
        } = self.schedules[index];
        let mut outcome = Outcome::begin();
        let answer = self.request(endpoint, &mut outcome);
        let now = Instant::now();

        let config = &self.shared.config;
        let mut state = lock(&self.node.state);
        let arrival = Arrival {
            now,
            fresh_for: fresh_for(interval),
            machine: machine(&state, now),
        };
        let until = now + arrival.fresh_for;
        let mut has_returned = false;
        let mut has_moved = false;
        let failure = match answer {
            Ok(answer) => {
                if endpoint != Endpoint::Pods {
                    has_returned = state.found();
                }
                match answer {
                    Answer::Resource(reading) => {
                        let left_out = state.usage.observe_resource(&reading, arrival);
                        outcome.left_out.merge(&left_out);
                    }
                    Answer::Cadvisor(reading) => {
                        self.is_unlabelled =
                            log_labels(self.node.name.as_str(), self.is_unlabelled, &reading);
                        let with_pods = config.namespaces_from_cadvisor();
                        let left_out = state.usage.observe_cadvisor(reading, arrival, with_pods);
                        outcome.left_out.merge(&left_out);
                    }
                    Answer::Pods(value) => state.active_pods = Some(Known { value, until }),
                    Answer::Node(NodeAnswer { object, kubelet }) => {
                        has_moved = state.kubelet != kubelet;
                        state.kubelet = kubelet;
                        state.object = Some(Known {
                            value: object,
                            until,
                        });
                    }
                }
                None
            }
            Err(error) => {
                if error.node_gone {
                    state.forget();
                }
                Some(error)
            }
        };
        outcome.enter(
            &mut state.health,
            endpoint,
            self.node.name.as_str(),
            failure.as_ref(),
        );
        let is_cpu_source = matches!(endpoint, Endpoint::Resource | Endpoint::Cadvisor)
            && (endpoint == Endpoint::Resource || !config.sources.kubelet());
        let cpu_is_known = state.usage.cpu(now).is_some();
        drop(state);
        if has_returned {
            for schedule in &mut self.schedules {
                schedule.restart(now);
                if schedule.endpoint == Endpoint::Node {
                    schedule.hasten(now);
                }
            }
        }
        // Rates need a second reading soon: of an endpoint scraped once, and of the source
        // of CPU as long as the kubelet repeats its first sample.
        let mut hurry = self.schedules[index].rounds == 0;
        if is_cpu_source && failure.is_none() {
            self.hurried = match cpu_is_known {
                true => 0,
                false => self.hurried.saturating_add(1),
            };
            hurry |= (1..=HURRIED_ROUNDS).contains(&self.hurried);
        }
        hurry &= endpoint != Endpoint::Node;
        self.schedules[index].ended(now, failure.as_ref(), hurry);
        if self.shared.kubelets.is_some() {
            self.follow_address(endpoint, has_moved, failure.as_ref(), now);
        }
        let (at_kubelet, at_api_server) = self.servers(endpoint);
        if failure.is_none() && at_kubelet {
            // Only its own endpoints wait for it: nothing to spread.
            self.kubelet.succeeded(now, Duration::ZERO);
        }
        failure.is_none() && at_api_server && self.shared.api_server_answered(now)
    }

    /// Reacts to a moved kubelet, if kubelets are read directly: requests the node object
    /// soon if the kubelet is unreachable, and the kubelet at once if it has a new address.
    fn follow_address(
        &mut self,
        endpoint: Endpoint,
        has_moved: bool,
        failure: Option<&ScrapeError>,
        now: Instant,
    ) {
        let is_unreachable = failure.is_some_and(|error| {
            matches!(
                error.reason,
                Reason::Connect | Reason::Tls | Reason::Timeout | Reason::NoAddress
            )
        });
        let (at_kubelet, _) = self.servers(endpoint);
        for schedule in &mut self.schedules {
            match schedule.endpoint {
                Endpoint::Node if at_kubelet && is_unreachable && schedule.failures == 0 => {
                    schedule.hasten(
                        now + self
                            .shared
                            .config
                            .flags
                            .scrape_interval
                            .min(schedule.retry()),
                    );
                }
                Endpoint::Resource | Endpoint::Cadvisor if has_moved && schedule.failures > 0 => {
                    schedule.hasten(now);
                }
                _ => {}
            }
        }
    }

    /// Requests one endpoint. Counts received bytes in `outcome`, also after a failure.
    fn request(&self, endpoint: Endpoint, outcome: &mut Outcome) -> Result<Answer, ScrapeError> {
        let SharedState {
            config,
            credentials,
            ..
        } = &*self.shared;
        let name = &self.node.name;
        let kubelet = |path, source, pods, outcome: &mut Outcome| {
            let collector = Collector::new(source, pods, millis(since_epoch()));
            read_kubelet(self.way()?, path, collector, outcome)
        };
        match endpoint {
            // A list of all nodes.
            Endpoint::Nodes => Err(ScrapeError::new(Reason::NotFound, "not of one node")),
            Endpoint::Node => {
                let types: &[AddressType] = match config.flags.via {
                    Via::Proxy => &[],
                    Via::Kubelet => &config.flags.kubelet_address_types,
                };
                apiserver::node(credentials, name, types, &mut outcome.bytes).map(Answer::Node)
            }
            Endpoint::Pods => {
                let excluded = &config.flags.exclude_phases;
                apiserver::active_pods(credentials, name, excluded, &mut outcome.bytes)
                    .map(Answer::Pods)
            }
            Endpoint::Resource => {
                let path = kubelet::RESOURCE_PATH;
                let pods = config.flags.enable_namespace_metrics;
                kubelet(path, Source::Resource, pods, outcome).map(Answer::Resource)
            }
            Endpoint::Cadvisor => {
                let pods = config.namespaces_from_cadvisor();
                kubelet(kubelet::CADVISOR_PATH, Source::Cadvisor, pods, outcome)
                    .map(Answer::Cadvisor)
            }
        }
    }

    /// Returns the path to the node's kubelet.
    fn way(&self) -> Result<Way<'_>, ScrapeError> {
        let Some(credentials) = &self.shared.kubelets else {
            return Ok(Way::Proxy {
                credentials: &self.shared.credentials,
                node: &self.node.name,
            });
        };
        // However old the object: its last known address is worth a try.
        let origin = lock(&self.node.state).kubelet.clone().ok_or_else(|| {
            let types = AddressTypes::print(&self.shared.config.flags.kubelet_address_types);
            let problem = format!(
                "the node object has no address of --kubelet-address-types={types}, or could not \
                 be read yet"
            );
            ScrapeError::new(Reason::NoAddress, problem)
        })?;
        Ok(Way::Kubelet {
            credentials,
            origin,
            node: &self.node.name,
        })
    }
}

/// Statistics of one scrape.
#[derive(Debug)]
pub struct Outcome {
    started: Instant,
    /// Bytes received.
    pub bytes: u64,
    /// Dropped lines and samples of a scrape that went on.
    pub left_out: Tally,
}

impl Outcome {
    /// Starts a scrape now.
    pub fn begin() -> Self {
        Self {
            started: Instant::now(),
            bytes: 0,
            left_out: Tally::default(),
        }
    }

    /// Records the scrape, which ends now, in the health of its endpoint. Logs each change
    /// of that once, and repetitions at level debug.
    pub fn enter(
        &self,
        health: &mut Health,
        endpoint: Endpoint,
        node: &str,
        failure: Option<&ScrapeError>,
    ) {
        let took = self.started.elapsed();
        let was_up = health.get_mut(endpoint).and_then(|health| {
            let was_up = health.up.replace(failure.is_none());
            health.duration = took;
            health.bytes += self.bytes;
            health.errors.merge(&self.left_out);
            match failure {
                Some(error) => health.errors.add(error.reason),
                None => health.last_success = Some(since_epoch()),
            }
            was_up
        });
        let who = match node {
            "" => "all nodes".to_owned(),
            node => format!("node {node}"),
        };
        let name = endpoint.name();
        match (failure, was_up) {
            (Some(error), Some(false)) => {
                debug!(
                    "{who}: {name} still fails ({}): {error}",
                    error.reason.name()
                );
            }
            (Some(error), _) => {
                warn!("{who}: {name} fails ({}): {error}", error.reason.name());
            }
            (None, Some(true)) => debug!("{who}: {name} scraped in {took:.0?}"),
            (None, Some(false)) => info!("{who}: {name} is available again"),
            (None, None) => info!("{who}: {name} is available, scraped in {took:.0?}"),
        }
        for (reason, count) in self.left_out.iter() {
            debug!("{who}: {name}: {count} dropped ({})", reason.name());
        }
    }
}

/// The answer of an endpoint.
enum Answer {
    Resource(Reading),
    Cadvisor(Reading),
    Pods(u64),
    Node(NodeAnswer),
}

fn read_kubelet(
    way: Way<'_>,
    path: &str,
    mut collector: Collector,
    outcome: &mut Outcome,
) -> Result<Reading, ScrapeError> {
    // The start of a truncated body is not used.
    way.exposition(path, &mut collector, &mut outcome.bytes)?;
    let (reading, tally) = collector.finish();
    outcome.left_out.merge(&tally);
    reading.map_err(|reason| {
        ScrapeError::new(
            reason,
            match reason {
                Reason::KubeletError => "the kubelet could not collect (its scrape_error is 1)",
                Reason::TooLarge => "the body has more pods or containers than any kubelet runs",
                _ => "the body is complete and has no usable sample of the node",
            },
        )
    })
}

/// Logs once when cAdvisor's containers lose their labels or have them again. Returns
/// whether labels are missing.
fn log_labels(node: &str, were_missing: bool, reading: &Reading) -> bool {
    match (were_missing, reading.is_unlabelled) {
        (false, true) => warn!(
            "node {node}: cadvisor has no container labels, so OOM kills and throttling are unknown; check that the kubelet reaches the container runtime"
        ),
        (true, false) => info!("node {node}: cadvisor has container labels again"),
        _ => {}
    }
    reading.is_unlabelled
}

/// Returns the machine's cores, the limit of rates.
fn machine(state: &NodeState, now: Instant) -> Option<Cores> {
    Known::at(state.object, now)
        .and_then(|object| object.capacity.cpu)
        .and_then(Cores::new)
        .filter(|cores| cores.get() > 0.0)
}

/// Returns the wall clock: for published timestamps, never for scheduling.
pub fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Converts a time since the epoch to whole milliseconds.
pub fn millis(since_epoch: Duration) -> Millis {
    Millis::try_from(since_epoch.as_millis()).unwrap_or(Millis::MAX)
}
