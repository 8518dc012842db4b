//! Lists of the whole cluster: its nodes, and the number of pods on each.
//!
//! Invariants: a node that leaves loses its series (held by `leaving_nodes_lose_their_series` in
//! e2e), and a list that fails removes no node (`a_list_that_fails_takes_no_node_away`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Endpoint;
use log::info;
use runtime::lock::lock;

use crate::apiserver::{self, ScrapeError};
use crate::nodes::Nodes;
use crate::plan::{self, Scope, fresh_for};
use crate::schedule::{Schedule, phase};
use crate::scrape::{NodeScraper, Outcome, millis, since_epoch};
use crate::state::{Change, Node, SharedState};
use crate::usage::Known;
use shard::Shard;

/// The periodic lists of a cluster.
#[derive(Debug)]
pub struct Discovery {
    shared: Arc<SharedState>,
    shard: Shard,
    schedules: Vec<Schedule>,
    /// Hash of the shard, so that replicas do not send requests at the same time.
    place: u64,
}

impl Discovery {
    /// Makes the lists that keep the nodes up to date; none where nodes are named.
    pub fn new(shared: &Arc<SharedState>) -> Option<Self> {
        let Nodes::All(shard) = shared.config.nodes else {
            return None;
        };
        let now = (Instant::now(), since_epoch());
        let place = shard::hash(&shard.to_string());
        let schedules = plan::endpoints(&shared.config, Scope::Cluster)
            .map(|(endpoint, interval)| Schedule::new(endpoint, interval, place, now.0, now))
            .collect();
        Some(Self {
            shared: Arc::clone(shared),
            shard,
            schedules,
            place,
        })
    }

    /// Returns the time at which the next list is due.
    pub fn due(&self) -> Instant {
        let due = self.schedules.iter().map(|schedule| self.due_of(schedule));
        due.min().unwrap_or_else(Instant::now)
    }

    fn due_of(&self, schedule: &Schedule) -> Instant {
        schedule.due_after([self.shared.api_server_outage(), None], self.place)
    }

    /// Reads each list that is due. Returns the scrapers of nodes that are new, and
    /// whether an outage of the API server has ended.
    pub fn round(&mut self) -> (Vec<NodeScraper>, bool) {
        let mut joined = Vec::new();
        let mut outage_ended = false;
        for index in 0..self.schedules.len() {
            let schedule = &self.schedules[index];
            if self.due_of(schedule) > Instant::now() {
                continue;
            }
            let Schedule {
                endpoint, interval, ..
            } = *schedule;
            let mut outcome = Outcome::begin();
            let result = match endpoint {
                Endpoint::Nodes => self.list_nodes(&mut outcome).map(|new| joined.extend(new)),
                _ => self.count_pods(fresh_for(interval), &mut outcome),
            };
            let failure = result.err();
            let mut health = lock(&self.shared.lists);
            outcome.enter(&mut health, endpoint, "", failure.as_ref());
            drop(health);
            let now = Instant::now();
            outage_ended |= failure.is_none() && self.shared.api_server_answered(now);
            self.schedules[index].ended(now, failure.as_ref(), false);
        }
        (self.scrapers(joined), outage_ended)
    }

    fn list_nodes(&self, outcome: &mut Outcome) -> Result<Vec<Arc<Node>>, ScrapeError> {
        let mut names = apiserver::node_names(&self.shared.credentials, &mut outcome.bytes)?;
        let all = names.len();
        names.retain(|name| self.shard.has(name.as_str()));
        let mine = names.len();
        let Change { joined, left } = self.shared.set_nodes(names);
        if !joined.is_empty() || !left.is_empty() {
            info!(
                "{mine} of {all} nodes in this shard: {} new, {} gone",
                joined.len(),
                left.len()
            );
        }
        if let Some(history) = &self.shared.history {
            let now = millis(since_epoch());
            let mut history = lock(history);
            for node in left {
                // Their series end here.
                history.record(node.name.as_str(), &[], now);
            }
            history.forget_old(now);
        }
        Ok(joined)
    }

    fn count_pods(&self, fresh_for: Duration, outcome: &mut Outcome) -> Result<(), ScrapeError> {
        let SharedState {
            config,
            credentials,
            ..
        } = &*self.shared;
        let counts = apiserver::active_pods_by_node(
            credentials,
            &config.flags.exclude_phases,
            &mut outcome.bytes,
        )?;
        let until = Instant::now() + fresh_for;
        for node in self.shared.nodes().iter() {
            let value = counts.get(node.name.as_str()).copied().unwrap_or(0);
            lock(&node.state).active_pods = Some(Known { value, until });
        }
        Ok(())
    }

    /// Makes scrapers of new nodes, spread over as much of a round as their number needs.
    fn scrapers(&self, nodes: Vec<Arc<Node>>) -> Vec<NodeScraper> {
        let now = Instant::now();
        let spread = plan::spread(self.shared.config.flags.scrape_interval, nodes.len());
        nodes
            .into_iter()
            .map(|node| {
                let due = now + phase(shard::hash(node.name.as_str()), spread);
                NodeScraper::new(&self.shared, node, due)
            })
            .collect()
    }
}
