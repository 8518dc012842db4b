//! What the user typed -> a cluster to start.
//!
//! Opens no socket; reads the captures, so that a folder without them is
//! refused as any other bad value is.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use argh::FromArgs;
use commandline::{BadValue, flag, parse_bool, parse_text};
use quantity::{parse_duration, parse_quantity};
use testbed::{Builder, Cluster, Node, Replay, Shape};

/// A simulated Kubernetes API server with kubelets behind its proxy.
#[derive(FromArgs, Debug)]
struct Typed {
    #[argh(subcommand)]
    command: TypedCommand,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
enum TypedCommand {
    Serve(Serve),
}

/// Prints one line of JSON once it listens, with url, ca_file and token_file, and
/// serves until SIGTERM or SIGINT.
///
/// Each flag can be written --flag value or --flag=value; booleans take true or
/// false, and alone mean true.
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
struct Serve {
    /// address and port to listen on; port 0 is any free one [default: 127.0.0.1:0]
    #[argh(option, arg_name = "address")]
    listen: Option<String>,
    /// where ca.crt and token are written, and left behind [default: a temporary directory]
    #[argh(option, arg_name = "directory")]
    directory: Option<String>,
    /// neither TLS nor tokens, like kubectl proxy [default: false]
    #[argh(option, arg_name = "bool")]
    plain_http: Option<String>,
    /// captures to serve for every node that is not simulated
    #[argh(option, arg_name = "directory")]
    replay: Option<String>,
    /// begin the captures again after the last round [default: false]
    #[argh(option, arg_name = "bool", long = "loop")]
    looping: Option<String>,
    /// time between two samples of a container [default: 10s]
    #[argh(option, arg_name = "duration")]
    housekeeping: Option<String>,
    /// a node to simulate; repeatable [default: node-a=steady,pods=10, unless there is a replay]
    #[argh(option, arg_name = "node")]
    node: Vec<String>,
    /// so many nodes more, of different shapes, with 30 pods each [default: 0]
    #[argh(option, arg_name = "number")]
    fleet: Option<String>,
    /// let the kubelets of simulated nodes listen on ports of their own, too [default: false]
    #[argh(option, arg_name = "bool")]
    kubelets: Option<String>,
    /// what the pseudo-random parts follow from [default: 0]
    #[argh(option, arg_name = "number")]
    seed: Option<String>,
    /// stop when standard input ends, too [default: false]
    #[argh(option, arg_name = "bool")]
    until_stdin_closes: Option<String>,
}

/// Pods of each node of a fleet: 5,000 nodes of them are as many as Kubernetes supports.
const PODS_OF_FLEET: u32 = 30;

/// Flags that a bare mention turns on.
const BOOLEANS: [&str; 4] = [
    "--plain-http",
    "--loop",
    "--kubelets",
    "--until-stdin-closes",
];

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve a cluster.
    Serve(Box<Config>),
    /// Print this text and leave.
    Print(String),
}

/// A cluster, and when to stop it.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) cluster: Builder,
    pub(crate) until_stdin_closes: bool,
}

/// Resolves arguments, without the program's name.
///
/// # Errors
/// One line that names the flag, its value and what was expected.
pub(crate) fn resolve(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let args = commandline::normalise(args, &BOOLEANS).map_err(|error| error.to_string())?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match Typed::from_args(&["testbed"], &args) {
        Ok(Typed {
            command: TypedCommand::Serve(serve),
        }) => serve
            .resolve()
            .map(|config| Command::Serve(Box::new(config)))
            .map_err(|error| error.to_string()),
        Err(exit) if exit.status.is_ok() => Ok(Command::Print(exit.output)),
        // argh's messages span lines; ours are one.
        Err(exit) => Err(exit.output.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

impl Serve {
    fn resolve(self) -> Result<Config, BadValue> {
        let mut cluster = Cluster::new();
        if let Some(address) = flag("--listen", self.listen, parse_address)? {
            cluster = cluster.listen(address.to_string());
        }
        if let Some(path) = flag("--directory", self.directory, parse_text)? {
            cluster = cluster.directory(path);
        }
        if let Some(true) = flag("--plain-http", self.plain_http, parse_bool)? {
            cluster = cluster.plain_http();
        }
        if let Some(every) = flag("--housekeeping", self.housekeeping, parse_interval)? {
            cluster = cluster.housekeeping(every);
        }
        if let Some(seed) = flag("--seed", self.seed, parse_seed)? {
            cluster = cluster.seed(seed);
        }
        let looping = flag("--loop", self.looping, parse_bool)?.unwrap_or(false);
        let replay = flag("--replay", self.replay, parse_captures)?;
        if looping && replay.is_none() {
            return Err(BadValue {
                setting: "--loop".to_owned(),
                value: "true".to_owned(),
                expected: "of use without --replay".to_owned(),
            });
        }
        let fleet = flag("--fleet", self.fleet, parse_count)?.unwrap_or(0);
        if let Some(true) = flag("--kubelets", self.kubelets, parse_bool)? {
            cluster = cluster.kubelets();
        }
        if self.node.is_empty() && replay.is_none() && fleet == 0 {
            cluster = cluster.node(Node::new("node-a").pods(10));
        }
        if let Some(replay) = replay {
            cluster = cluster.replay(replay.looping(looping));
        }
        for text in self.node {
            if let Some(node) = flag("--node", Some(text), parse_node)? {
                cluster = cluster.node(node);
            }
        }
        for number in 0..fleet {
            cluster = cluster.node(one_of_fleet(number));
        }
        Ok(Config {
            cluster,
            until_stdin_closes: flag("--until-stdin-closes", self.until_stdin_closes, parse_bool)?
                .unwrap_or(false),
        })
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an address and a port, such as 127.0.0.1:0 or [::1]:6443")
}

fn parse_interval(text: &str) -> Result<Duration, &'static str> {
    let duration = parse_duration(text).map_err(|error| error.expected)?;
    if duration.is_zero() {
        return Err("a duration longer than 0");
    }
    Ok(duration)
}

fn parse_count(text: &str) -> Result<usize, &'static str> {
    let count = text.parse().ok().filter(|count| *count <= 100_000);
    count.ok_or("a number up to 100000")
}

fn one_of_fleet(number: usize) -> Node {
    let shapes = ["idle", "steady", "growing", "wave", "spiky"];
    let shape = Shape::named(shapes[number % shapes.len()]).unwrap_or(Shape::STEADY);
    Node::new(format!("fleet-{number:05}"))
        .shape(shape)
        .pods(PODS_OF_FLEET)
}

fn parse_seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a number from 0 to 2^64-1")
}

fn parse_captures(text: &str) -> Result<Replay, String> {
    Replay::dir(text).map_err(|error| format!("a folder of captures ({error})"))
}

/// Reads `NAME[=SHAPE][,KEY=VALUE]...`.
fn parse_node(text: &str) -> Result<Node, String> {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let (name, shape) = first.split_once('=').unwrap_or((first, "steady"));
    if name.is_empty() {
        return Err("a node such as node-a=steady,cores=4,memory=16Gi,pods=10".to_owned());
    }
    let mut shape = Shape::named(shape).ok_or_else(|| {
        format!("a node: {shape:?} is none of idle, steady, growing, wave and spiky")
    })?;
    let mut node = Node::new(name);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let about = |expected: &str| format!("a node: {key} {value:?} is not {expected}");
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
                let time = parse_interval(value).map_err(about)?;
                match &mut shape {
                    Shape::Wave { period, .. } => *period = time,
                    Shape::Spiky { slot, .. } => *slot = time,
                    _ => return Err(about("of use without a wave or spikes")),
                }
                node
            }
            _ => {
                return Err(format!(
                    "a node: {key:?} is none of cores, memory, pods, succeeded, failed and period"
                ));
            }
        };
    }
    Ok(node.shape(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Command, String> {
        resolve(args.iter().map(OsString::from))
    }

    #[test]
    fn both_forms_of_every_flag_are_read() {
        let folder = testbed::fixtures().join("10-pods");
        let folder = folder.to_str().expect("UTF-8");
        let spaced = [
            "serve",
            "--listen",
            "[::1]:0",
            "--directory",
            "/tmp/x",
            "--plain-http",
            "--replay",
            folder,
            "--loop",
            "--housekeeping",
            "1s",
            "--node",
            "a=wave,cores=4,memory=16Gi",
            "--node",
            "b=spiky,pods=3,period=1m",
            "--fleet",
            "2",
            "--kubelets",
            "--seed",
            "7",
            "--until-stdin-closes",
        ];
        let replay = format!("--replay={folder}");
        let joined = [
            "serve",
            "--listen=[::1]:0",
            "--directory=/tmp/x",
            "--plain-http=true",
            &replay,
            "--loop=true",
            "--housekeeping=1s",
            "--node=a=wave,cores=4,memory=16Gi",
            "--node=b=spiky,pods=3,period=1m",
            "--fleet=2",
            "--kubelets=true",
            "--seed=7",
            "--until-stdin-closes=true",
        ];
        let shown = |args: &[&str]| match parse(args) {
            Ok(Command::Serve(config)) => format!("{config:?}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(&spaced), shown(&joined));
        assert!(shown(&spaced).contains("until_stdin_closes: true"));
    }

    #[test]
    fn a_bad_value_is_refused_in_one_line_that_says_what_was_expected() {
        for (args, message) in [
            (
                &["--listen", "6443"][..],
                "--listen: \"6443\" is not an address and a port, such as 127.0.0.1:0 or [::1]:6443",
            ),
            (
                &["--housekeeping=0"],
                "--housekeeping: \"0\" is not a duration longer than 0",
            ),
            (
                &["--housekeeping=fast"],
                "--housekeeping: \"fast\" is not a duration such as 30s, 1m30s or 6h",
            ),
            (
                &["--seed=-1"],
                "--seed: \"-1\" is not a number from 0 to 2^64-1",
            ),
            (
                &["--plain-http=maybe"],
                "--plain-http: \"maybe\" is not true or false",
            ),
            (
                &["--loop"],
                "--loop: \"true\" is not of use without --replay",
            ),
            (
                &["--node==wave"],
                "--node: \"=wave\" is not a node such as node-a=steady,cores=4,memory=16Gi,pods=10",
            ),
            (
                &["--node=a=sine"],
                "--node: \"a=sine\" is not a node: \"sine\" is none of idle, steady, growing, wave and spiky",
            ),
            (
                &["--node=a,memory=16GB"],
                "--node: \"a,memory=16GB\" is not a node: memory \"16GB\" is not a Kubernetes quantity such as 2, 1920m or 24581256Ki",
            ),
            (
                &["--node=a,cores=0"],
                "--node: \"a,cores=0\" is not a node: cores \"0\" is not more than 0",
            ),
            (
                &["--node=a,pods=many"],
                "--node: \"a,pods=many\" is not a node: pods \"many\" is not a number of pods",
            ),
            (
                &["--node=a=idle,period=1m"],
                "--node: \"a=idle,period=1m\" is not a node: period \"1m\" is not of use without a wave or spikes",
            ),
            (
                &["--node=a,color=red"],
                "--node: \"a,color=red\" is not a node: \"color\" is none of cores, memory, pods, succeeded, failed and period",
            ),
        ] {
            let args: Vec<&str> = ["serve"].iter().chain(args).copied().collect();
            assert_eq!(parse(&args).expect_err("a refusal"), message);
        }
        let missing = parse(&["serve", "--replay=/none"]).expect_err("a refusal");
        let start =
            "--replay: \"/none\" is not a folder of captures (/none/metrics-resource.0.prom.gz: ";
        assert!(missing.starts_with(start), "{missing}");
    }

    #[test]
    fn help_and_unknown_flags_are_answered() {
        for args in [&["--help"][..], &["serve", "--help"]] {
            assert!(matches!(parse(args), Ok(Command::Print(_))), "{args:?}");
        }
        for args in [&[][..], &["serve", "--colour"], &["serve", "rest"]] {
            let message = parse(args).expect_err("a refusal");
            assert!(!message.contains('\n'), "{message:?}");
        }
    }
}
