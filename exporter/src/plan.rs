//! The endpoints to read, and their intervals: for each node, and once for all of them.
//!
//! Invariant: requests are for the exporter's own nodes, and no more than needed (held by
//! `requests_are_no_more_than_needed` in e2e).

use std::time::Duration;

use contract::Endpoint;

use crate::args::Config;

/// The node object rarely changes.
const NODE_OBJECT_INTERVAL: Duration = Duration::from_secs(300);

/// Lists of a whole cluster are large: they are read every other round.
const ROUNDS_PER_LIST: u32 = 2;

/// A value stays published for this many intervals after its newest sample, but at least
/// for [`MIN_FRESH`].
const FRESH_INTERVALS: u32 = 3;
const MIN_FRESH: Duration = Duration::from_secs(60);

/// Time between the first requests to two new nodes, so that a whole cluster is not
/// requested at once.
const BETWEEN_NODES: Duration = Duration::from_millis(10);

/// Requests after an outage are spread over at least this time: exporters of other nodes
/// query the same server.
const MIN_SPREAD_AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// The subject of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One node.
    Node,
    /// All nodes at once.
    Cluster,
}

/// Returns the endpoints in the order of a round, each with its interval.
pub fn endpoints(config: &Config, scope: Scope) -> impl Iterator<Item = (Endpoint, Duration)> {
    Endpoint::ALL
        .iter()
        .copied()
        .filter_map(move |endpoint| Some((endpoint, interval(config, scope, endpoint)?)))
}

fn interval(config: &Config, scope: Scope, endpoint: Endpoint) -> Option<Duration> {
    let round = config.flags.scrape_interval;
    let of_each_node = scope == Scope::Node;
    // Where all nodes are read, one list has the number of pods of each.
    let all = config.nodes.are_discovered();
    match endpoint {
        Endpoint::Node => of_each_node.then(|| NODE_OBJECT_INTERVAL.max(round)),
        Endpoint::Resource => (of_each_node && config.sources.kubelet()).then_some(round),
        Endpoint::Cadvisor => config
            .sources
            .cadvisor_interval(round)
            .filter(|_| of_each_node),
        Endpoint::Pods if of_each_node => (!all).then_some(round),
        Endpoint::Nodes if of_each_node => None,
        Endpoint::Pods | Endpoint::Nodes => all.then(|| round * ROUNDS_PER_LIST),
    }
}

/// Returns the time over which the first requests to this many new nodes are spread.
pub fn spread(round: Duration, nodes: usize) -> Duration {
    let count = u32::try_from(nodes).unwrap_or(u32::MAX);
    BETWEEN_NODES.saturating_mul(count).min(round)
}

/// Returns the time over which requests to this many nodes are spread after an outage of
/// the API server.
pub fn spread_after_outage(round: Duration, nodes: usize) -> Duration {
    spread(round, nodes).max(MIN_SPREAD_AFTER_OUTAGE.min(round))
}

/// Returns the time for which a value stays published without a newer sample.
pub fn fresh_for(interval: Duration) -> Duration {
    (interval * FRESH_INTERVALS).max(MIN_FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_live_three_intervals_or_a_minute() {
        assert_eq!(fresh_for(Duration::from_secs(1)), Duration::from_secs(60));
        assert_eq!(fresh_for(Duration::from_secs(30)), Duration::from_secs(90));
    }
}
