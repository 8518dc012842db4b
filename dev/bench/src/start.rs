//! How soon the exporter is there: until it listens, and until it is ready.

use std::ffi::OsStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bench::figures::{Bound, Figure, median, millis};
use testbed::{Cluster, Node};

use crate::exporter::Exporter;

/// Starts that are measured.
const STARTS: usize = 9;

/// Longest wait for readiness.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn figures(program: &OsStr) -> Result<[Figure; 2], String> {
    let cluster = Cluster::new()
        .node(Node::new("node-a").pods(30))
        .start()
        .map_err(|error| format!("simulated cluster: {error}"))?;
    let (mut listening, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let start = Instant::now();
        let flags = ["--node-name=node-a", "--scrape-interval=1s"];
        let exporter = Exporter::start(program, &cluster, &flags)?;
        listening.push(start.elapsed());
        while exporter.status(contract::path::READYZ)? != 200 {
            if start.elapsed() > PATIENCE {
                return Err(format!("the exporter was not ready within {PATIENCE:?}"));
            }
            sleep(Duration::from_millis(5));
        }
        ready.push(start.elapsed());
    }
    let (listening, ready) = (median(&mut listening), median(&mut ready));
    Ok([
        Figure {
            work: "from the start of the process until it listens, ms".to_owned(),
            ours: millis(listening),
            peer: String::new(),
            value: listening.as_secs_f64() * 1e3,
            bound: Bound::AtMost(20.0),
        },
        Figure {
            work: "from the start of the process to the first /readyz, rounds of 1 s, s".to_owned(),
            ours: millis(ready),
            peer: String::new(),
            value: ready.as_secs_f64(),
            bound: Bound::AtMost(2.5),
        },
    ])
}
