//! Time from the exporter's start until it listens, and until it is ready.

use std::ffi::OsStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bench::figures::{Figure, in_millis, median, millis};
use e2e::{Exporter, exporter};
use testbed::{Cluster, Node};

/// Starts that are measured.
const STARTS: usize = 9;

/// Longest wait for readiness.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn figures(program: &OsStr) -> [Figure; 2] {
    let cluster = Cluster::new().node(Node::new("node-a").pods(30));
    let cluster = cluster.start().expect("a simulated cluster");
    let (mut listening, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let start = Instant::now();
        let flags = ["--node-name=node-a", "--scrape-interval=1s"];
        let exporter = Exporter::run(exporter(program, &cluster).args(flags));
        listening.push(start.elapsed());
        while exporter.get(contract::path::READYZ).status != 200 {
            assert!(start.elapsed() < PATIENCE, "not ready within {PATIENCE:?}");
            sleep(Duration::from_millis(5));
        }
        ready.push(start.elapsed());
    }
    let (listening, ready) = (median(&mut listening), median(&mut ready));
    let work = "from the start of the process until it listens, ms";
    let more = "from the start of the process to the first /readyz, rounds of 1 s, s";
    [
        Figure::at_most(20.0, in_millis(listening), work).ours(millis(listening)),
        Figure::at_most(2.5, ready.as_secs_f64(), more).ours(millis(ready)),
    ]
}
