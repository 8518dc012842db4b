//! The load on a cluster's API server: requests and bytes a second, from the
//! bodies of one node, measured as the exporter receives them.
//!
//! The kubelet's pages and the node object are captures of a real one, with 99
//! running pods; the lists are the simulated API server's. Bytes are those of
//! bodies as sent, compressed where the server compresses.

use std::fmt::Write;
use std::time::Duration;

use contract::kubelet::{CADVISOR_PATH, RESOURCE_PATH};
use contract::{AddressType, PodPhase};
use exposition::read::{Consumer, Problem, Sample};
use k8s_ai_exporter::apiserver::{self, Way};
use k8s_ai_exporter::credentials::Credentials;
use k8s_ai_exporter::nodes::NodeName;
use testbed::{Cluster, Node, Replay, Running};
use webclient::BaseUrl;

const PODS: u32 = 99;

/// Nodes of the simulated cluster whose lists are measured.
const LISTED_NODES: u32 = 100;

const CLUSTERS: [u32; 3] = [100, 1_000, 5_000];

/// Rounds of the exporter's defaults, in a second.
const ROUND: f64 = 1.0 / 30.0;
const CADVISOR_ROUND: f64 = 1.0 / 60.0;
const NODE_ROUND: f64 = 1.0 / 300.0;
const LIST_ROUND: f64 = 1.0 / 60.0;

/// Bytes of one body each.
struct Bodies {
    resource: u64,
    cadvisor: u64,
    node: u64,
    pods_of_node: u64,
    /// Of the lists of all, by node.
    listed_node: f64,
    listed_pods: f64,
}

/// Requests in a second, and the bytes of the body of each.
type Rates = Vec<(f64, f64)>;

/// The table, as Markdown.
pub(crate) fn table() -> String {
    let bodies = measure();
    let resource = |n: f64| (n * ROUND, bodies.resource as f64);
    let cadvisor = |rate: f64| (rate, bodies.cadvisor as f64);
    let node = |n: f64| (n * NODE_ROUND, bodies.node as f64);
    let pods = |n: f64| (n * ROUND, bodies.pods_of_node as f64);
    let rows: [(&str, &dyn Fn(f64) -> Rates); 6] = [
        ("a pod on each node, the defaults", &|n| {
            vec![resource(n), pods(n), node(n), cadvisor(n * CADVISOR_ROUND)]
        }),
        ("the same, `--enable-cadvisor=false`", &|n| {
            vec![resource(n), pods(n), node(n)]
        }),
        ("one pod, `--nodes=all --enable-cadvisor=false`", &|n| {
            let lists = n * (bodies.listed_node + bodies.listed_pods) / 2.0;
            vec![resource(n), node(n), (2.0 * LIST_ROUND, lists)]
        }),
        ("a pod on each node, `--via=kubelet`", &|n| {
            vec![pods(n), node(n)]
        }),
        ("cAdvisor scraped through the proxy, each 30 s", &|n| {
            vec![cadvisor(n * ROUND)]
        }),
        (
            "the prototype: each pod reads cAdvisor of all nodes",
            &|n| vec![cadvisor(n * n * ROUND)],
        ),
    ];
    let mut text = format!(
        "Bodies of a node with {PODS} running pods, bytes as sent: resource {}, cAdvisor {}, node object {}, its pods {}; \
         in the lists of all: {:.0} a node, {:.0} for its pods.\n\n| |",
        bodies.resource,
        bodies.cadvisor,
        bodies.node,
        bodies.pods_of_node,
        bodies.listed_node,
        bodies.listed_pods
    );
    // Writing to a String cannot fail.
    for nodes in CLUSTERS {
        let _ = write!(text, " {nodes} nodes |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(CLUSTERS.len()));
    for (name, load) in rows {
        let _ = write!(text, "\n| {name} |");
        for nodes in CLUSTERS {
            let rates = load(f64::from(nodes));
            let requests: f64 = rates.iter().map(|(rate, _)| rate).sum();
            let bytes: f64 = rates.iter().map(|(rate, bytes)| rate * bytes).sum();
            let _ = write!(text, " {requests:.1}/s, {:.2} MB/s |", bytes / 1e6);
        }
    }
    text.push('\n');
    text
}

fn measure() -> Bodies {
    let real = |captures: &str| {
        let replay = Replay::dir(testbed::fixtures().join(captures)).expect("captures");
        start(Cluster::new().replay(replay))
    };
    let (kubelet, object) = (real("100-pods"), real("10-pods"));
    let mut listed = Cluster::new();
    for number in 0..LISTED_NODES {
        listed = listed.node(Node::new(format!("ip-10-0-{number}-17.ec2.internal")).pods(PODS));
    }
    let listed = start(listed);
    let name = NodeName::parse("node-a").expect("a name");
    let phases = [PodPhase::Succeeded, PodPhase::Failed];
    let all = f64::from(LISTED_NODES);
    let names = received(&listed, |api, bytes| {
        apiserver::node_names(api, bytes).map(drop)
    });
    let pods = received(&listed, |api, bytes| {
        apiserver::active_pods_by_node(api, &phases, bytes).map(drop)
    });
    Bodies {
        resource: page(&kubelet, &name, RESOURCE_PATH),
        cadvisor: page(&kubelet, &name, CADVISOR_PATH),
        node: received(&object, |api, bytes| {
            apiserver::node(api, &name, &[AddressType::InternalIp], bytes).map(drop)
        }),
        pods_of_node: received(&kubelet, |api, bytes| {
            let count = apiserver::active_pods(api, &name, &phases, bytes)?;
            assert_eq!(count, u64::from(PODS), "the captured pods");
            Ok(())
        }),
        listed_node: names as f64 / all,
        listed_pods: pods as f64 / all,
    }
}

fn start(cluster: Cluster) -> Running {
    cluster.start().expect("a simulated cluster")
}

/// The bytes of the bodies that a question brings.
fn received(
    cluster: &Running,
    ask: impl Fn(&Credentials, &mut u64) -> Result<(), apiserver::ScrapeError>,
) -> u64 {
    let credentials = Credentials::new(
        BaseUrl::parse(&cluster.url()).expect("a URL"),
        Some(cluster.token_file().to_owned()),
        Some(cluster.ca_file().to_owned()),
        Duration::from_secs(30),
        1,
    );
    let mut bytes = 0;
    ask(&credentials, &mut bytes).expect("an answer");
    bytes
}

fn page(cluster: &Running, node: &NodeName, path: &str) -> u64 {
    received(cluster, |credentials, bytes| {
        let way = Way::Proxy { credentials, node };
        way.exposition(path, &mut Nothing, bytes)
    })
}

/// Takes a page without reading it.
struct Nothing;

impl Consumer for Nothing {
    fn wants(&self, _: &[u8]) -> bool {
        false
    }
    fn sample(&mut self, _: &Sample<'_>) {}
    fn problem(&mut self, _: Problem) {}
}
