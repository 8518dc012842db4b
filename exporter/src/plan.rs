//! What is asked, and how often: for each node, and once for all of them.

use std::time::Duration;

use contract::Endpoint;

use crate::args::Config;

/// The node object changes with the machine, if ever.
const NODE_OBJECT_INTERVAL: Duration = Duration::from_secs(300);

/// Lists of a whole cluster are large: they are read every other round.
const ROUNDS_PER_LIST: u32 = 2;

/// A value outlives its newest sample by this many intervals, but at least [`MIN_FRESH`].
const FRESH_INTERVALS: u32 = 3;
const MIN_FRESH: Duration = Duration::from_secs(60);

/// Nodes that are asked at once are spread at this pace, so that a whole cluster does not
/// come together.
const BETWEEN_NODES: Duration = Duration::from_millis(10);

/// Over this time at least requests are spread after an outage: exporters of other nodes
/// ask the same server.
const MIN_SPREAD_AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One node.
    Node,
    /// All nodes at once.
    Cluster,
}

/// The endpoints that are asked, in the order of a round, each with the time between
/// two rounds.
pub fn endpoints(config: &Config, scope: Scope) -> impl Iterator<Item = (Endpoint, Duration)> {
    Endpoint::ALL
        .iter()
        .copied()
        .filter_map(move |endpoint| Some((endpoint, interval(config, scope, endpoint)?)))
}

fn interval(config: &Config, scope: Scope, endpoint: Endpoint) -> Option<Duration> {
    let round = config.flags.scrape_interval;
    let of_each_node = scope == Scope::Node;
    // Where all nodes are read, one list says how many pods each has.
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

/// Over how long the first requests to so many new nodes are spread.
pub fn spread(round: Duration, nodes: usize) -> Duration {
    let count = u32::try_from(nodes).unwrap_or(u32::MAX);
    BETWEEN_NODES.saturating_mul(count).min(round)
}

/// Over how long requests to so many nodes are spread once the API server is back.
pub fn spread_after_outage(round: Duration, nodes: usize) -> Duration {
    spread(round, nodes).max(MIN_SPREAD_AFTER_OUTAGE.min(round))
}

/// How long a value stays published without a newer sample.
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
