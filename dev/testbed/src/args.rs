//! Command line of the testbed: arguments to a cluster.
//!
//! Opens no socket; reads the captures, so that a folder without them is refused as any
//! other bad value is.

use std::net::SocketAddr;
use std::time::Duration;

use argh::FromArgs;
use quantity::{parse_duration, parse_quantity};
use testbed::{Builder, Cluster, Node, Replay, Shape};

/// A simulated Kubernetes API server with kubelets behind its proxy.
#[derive(FromArgs, Debug)]
pub(crate) struct Args {
    #[argh(subcommand)]
    pub(crate) command: Command,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
pub(crate) enum Command {
    Serve(Serve),
}

/// Prints one line of JSON once it listens, with url, ca_file and token_file, and
/// serves until SIGTERM or SIGINT.
#[derive(FromArgs, Debug)]
#[argh(
    subcommand,
    name = "serve",
    note = "A node is written NAME[=SHAPE][,KEY=VALUE]... with the shapes idle, steady, growing,\nwave and spiky, and the keys cores, memory, pods, succeeded, failed and period (of a\nwave, or of a spike).",
    example = "{command_name} --node a=wave,cores=4,memory=16Gi,pods=10,period=10m --node b=growing",
    error_code(0, "Stopped, or printed this help."),
    error_code(1, "Could not start."),
    error_code(2, "A flag is not usable; the message says which.")
)]
pub(crate) struct Serve {
    /// address and port to listen on; port 0 is any free one [default: 127.0.0.1:0]
    #[argh(option, arg_name = "address")]
    listen: Option<SocketAddr>,
    /// neither TLS nor tokens, like kubectl proxy
    #[argh(switch)]
    plain_http: bool,
    /// captures to serve for every node that is not simulated
    #[argh(option, arg_name = "directory", from_str_fn(parse_captures))]
    replay: Option<Replay>,
    /// begin the captures again after the last round
    #[argh(switch, long = "loop")]
    looping: bool,
    /// a node to simulate; repeatable [default: node-a=steady,pods=10, unless there is a replay]
    #[argh(option, arg_name = "node", from_str_fn(parse_node))]
    node: Vec<Node>,
    /// number of further nodes, of different shapes, with 30 pods each [default: 0]
    #[argh(option, arg_name = "number", default = "0")]
    fleet: u32,
    /// let the kubelets of simulated nodes listen on ports of their own, too
    #[argh(switch)]
    kubelets: bool,
    /// what the pseudo-random parts follow from [default: 0]
    #[argh(option, arg_name = "number", default = "0")]
    seed: u64,
}

/// Pods of each node of a fleet: 5,000 nodes of them are as many as Kubernetes supports.
const PODS_OF_FLEET: u32 = 30;

impl Serve {
    /// Describes the cluster.
    ///
    /// # Errors
    /// Flags that do not go together.
    pub(crate) fn cluster(self) -> Result<Builder, String> {
        if self.looping && self.replay.is_none() {
            return Err("--loop: expected --replay beside it".to_owned());
        }
        let mut cluster = Cluster::new().seed(self.seed);
        if let Some(address) = self.listen {
            cluster = cluster.listen(address.to_string());
        }
        if self.plain_http {
            cluster = cluster.plain_http();
        }
        if self.kubelets {
            cluster = cluster.kubelets();
        }
        if self.node.is_empty() && self.replay.is_none() && self.fleet == 0 {
            cluster = cluster.node(Node::new("node-a").pods(10));
        }
        if let Some(replay) = self.replay {
            cluster = cluster.replay(replay.looping(self.looping));
        }
        let fleet = (0..self.fleet).map(one_of_fleet);
        Ok(self
            .node
            .into_iter()
            .chain(fleet)
            .fold(cluster, Builder::node))
    }
}

fn one_of_fleet(number: u32) -> Node {
    let shapes = [
        Shape::Idle,
        Shape::STEADY,
        Shape::GROWING,
        Shape::WAVE,
        Shape::SPIKY,
    ];
    Node::new(format!("fleet-{number:05}"))
        .shape(shapes[number as usize % shapes.len()])
        .pods(PODS_OF_FLEET)
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| format!("expected {}", error.expected))?;
    if duration.is_zero() {
        return Err("expected a duration longer than 0".to_owned());
    }
    Ok(duration)
}

fn parse_captures(text: &str) -> Result<Replay, String> {
    Replay::dir(text).map_err(|error| format!("expected a folder of captures ({error})"))
}

/// Reads `NAME[=SHAPE][,KEY=VALUE]...`.
fn parse_node(text: &str) -> Result<Node, String> {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let (name, shape) = first.split_once('=').unwrap_or((first, "steady"));
    if name.is_empty() {
        return Err("expected a node such as node-a=steady,cores=4,memory=16Gi,pods=10".to_owned());
    }
    let mut shape = Shape::named(shape)
        .ok_or_else(|| format!("{shape:?} is none of idle, steady, growing, wave and spiky"))?;
    let mut node = Node::new(name);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let about = |expected: &str| format!("{key} {value:?}: expected {expected}");
        let amount = || match parse_quantity(value) {
            Ok(amount) if amount > 0.0 => Ok(amount),
            Ok(_) => Err(about("more than 0")),
            Err(error) => Err(about(error.expected)),
        };
        let count = || value.parse().map_err(|_| about("a number of pods"));
        node = match key {
            "cores" => node.cores(amount()?),
            "memory" => node.memory_bytes(amount()? as u64),
            "pods" => node.pods(count()?),
            "succeeded" => node.succeeded(count()?),
            "failed" => node.failed(count()?),
            "period" => {
                let time = parse_interval(value)?;
                match &mut shape {
                    Shape::Wave { period, .. } => *period = time,
                    Shape::Spiky { slot, .. } => *slot = time,
                    _ => return Err(about("a wave or spikes")),
                }
                node
            }
            _ => {
                return Err(format!(
                    "{key:?} is none of cores, memory, pods, succeeded, failed and period"
                ));
            }
        };
    }
    Ok(node.shape(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Serve, String> {
        let args: Vec<&str> = ["serve"].iter().chain(args).copied().collect();
        match Args::from_args(&["testbed"], &args) {
            Ok(Args {
                command: Command::Serve(serve),
            }) => Ok(serve),
            Err(exit) => Err(exit.output),
        }
    }

    #[test]
    fn every_flag_is_read() {
        let folder = testbed::fixtures().join("10-pods");
        let folder = folder.to_str().expect("UTF-8");
        let serve = parse(&[
            "--listen",
            "[::1]:0",
            "--plain-http",
            "--replay",
            folder,
            "--loop",
            "--node",
            "a=wave,cores=4,memory=16Gi",
            "--node",
            "b=spiky,pods=3,period=1m",
            "--fleet",
            "2",
            "--kubelets",
            "--seed",
            "7",
        ])
        .expect("good flags");
        let cluster = format!("{:?}", serve.cluster().expect("they go together"));
        for part in [
            "listen: \"[::1]:0\"",
            "plain_http: true",
            "looping: true",
            "name: \"a\", cores: 4.0, memory_bytes: 17179869184, shape: Wave",
            "name: \"b\"",
            "slot: 60s",
            "name: \"fleet-00001\"",
            "kubelets: true",
            "seed: 7",
        ] {
            assert!(cluster.contains(part), "{part} in {cluster}");
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        for (flag, value, expected) in [
            ("--listen", "6443", "--listen"),
            (
                "--node",
                "a=wave,period=0",
                "expected a duration longer than 0",
            ),
            (
                "--node",
                "a=wave,period=fast",
                "expected a duration such as 30s",
            ),
            ("--seed", "-1", "--seed"),
            ("--node", "=wave", "expected a node such as node-a=steady"),
            ("--node", "a=sine", "\"sine\" is none of idle, steady"),
            (
                "--node",
                "a,memory=16GB",
                "memory \"16GB\": expected a Kubernetes quantity",
            ),
            ("--node", "a,cores=0", "cores \"0\": expected more than 0"),
            (
                "--node",
                "a,pods=many",
                "pods \"many\": expected a number of pods",
            ),
            (
                "--node",
                "a=idle,period=1m",
                "period \"1m\": expected a wave or spikes",
            ),
            (
                "--node",
                "a,color=red",
                "\"color\" is none of cores, memory",
            ),
            ("--replay", "/none", "/none/metrics-resource.0.prom.gz"),
        ] {
            let problem = parse(&[flag, value]).expect_err(value);
            assert!(problem.contains(flag), "{problem}");
            assert!(problem.contains(expected), "{expected} in {problem}");
        }
        let looping = parse(&["--loop"]).expect("a flag");
        let problem = looping.cluster().expect_err("nothing to begin again");
        assert_eq!(problem, "--loop: expected --replay beside it");
    }
}
