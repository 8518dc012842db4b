//! A simulated cluster for trials by hand: `cargo run -p testbed --example cluster [WHAT]`.
//!
//! WHAT is a number of nodes, or a folder of captures; by default three nodes of different
//! load. The kubelets listen on ports of their own, too.

use std::io::{self, Write as _};

use testbed::{Cluster, Node, Replay, Shape};

fn main() -> io::Result<()> {
    let shapes = [Shape::STEADY, Shape::GROWING, Shape::WAVE];
    let fleet = |nodes: usize| {
        let node = |n: usize| Node::new(format!("node-{n:05}")).pods(30);
        let nodes = (0..nodes).map(|n| node(n).shape(shapes[n % shapes.len()]));
        nodes.fold(Cluster::new(), Cluster::node)
    };
    let cluster = match std::env::args().nth(1) {
        None => fleet(shapes.len()),
        Some(what) => match what.parse() {
            Ok(nodes) => fleet(nodes),
            Err(_) => Cluster::new().replay(Replay::dir(what)?),
        },
    };
    let cluster = cluster.kubelets().start()?;
    let mut out = io::stdout();
    writeln!(out, "--api-server={}", cluster.url())?;
    writeln!(out, "--ca-file={}", cluster.ca_file().display())?;
    writeln!(out, "--token-file={}", cluster.token_file().display())?;
    let kubelet_ca = cluster.kubelet_ca_file().display();
    writeln!(
        out,
        "--kubelet-ca-file={kubelet_ca}\nEnter stops the cluster."
    )?;
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
