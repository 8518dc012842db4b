//! A few seconds of `just soak`, with a seed of its own; and that it sees what is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::soak::watch::{Nodes, Watch};
use e2e::soak::{End, Settings, run};
use e2e::{Exporter, program};
use testbed::{Cluster, Effect, Endpoint, Fault, Hostile, Node};

#[test]
fn soak_finds_no_wrong_number() {
    let settings = Settings {
        program: program("k8s-ai-exporter"),
        seed: 20,
        interval: Duration::from_millis(250),
        // An outage.
        tour: 1,
        warm_up: 0,
        end: End::Phases(5),
    };
    let mut said = Vec::new();
    let outcome = run(settings, &mut |line| said.push(line.to_owned()));
    assert_eq!(outcome.wrong(), Vec::<String>::new(), "{said:#?}");
    assert!(outcome.disruptions() >= 5, "{said:#?}");
    assert!(outcome.checked() > 1000, "{}", outcome.table());
}

/// A lie that can be believed, which no exporter can tell from the truth, and the soak must.
#[test]
fn soak_detects_wrong_numbers() {
    let cluster = Cluster::new()
        .housekeeping(Duration::from_millis(50))
        .node(Node::new("steady").pods(3))
        .start()
        .expect("a cluster");
    let lie = Effect::Text(Hostile::Value("123456789".to_owned()));
    cluster.fault(Fault::new(lie).on(Endpoint::Resource));
    let exporter = Exporter::start(&cluster, "steady", &["--enable-cadvisor=false"]);
    exporter.value_of("k8s_node_cpu_usage_cores{node=\"steady\"}");
    let mut watch = Watch::new("one node", Some("steady"), exporter);
    let nodes = Nodes {
        present: BTreeMap::from([("steady".to_owned(), true)]),
        left: BTreeMap::new(),
    };
    watch.check(&cluster, &nodes, None, false);
    let wrong = watch.wrong.join("\n");
    for part in [
        "k8s_node_cpu_usage_cores{node=\"steady\"} 0: the truth was",
        "k8s_node_memory_usage_bytes{node=\"steady\"} 123456789: the truth was",
    ] {
        assert!(wrong.contains(part), "{wrong}");
    }
}
