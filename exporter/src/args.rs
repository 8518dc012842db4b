//! What the user typed -> [`Config`]: resolved, proven, with no text left to parse.
//!
//! Flags win over the environment, the environment over defaults. Reads no
//! file and opens no socket; whether a token file exists is found out later.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use argh::{ArgsInfo as _, CommandInfoWithArgs, FromArgs};
use commandline::{BadValue, Environment, parse_bool, parse_text, setting};
use contract::limit;
use quantity::{Interval, parse_duration, parse_quantity};
use webclient::BaseUrl;
use webserver::ListenAddress;

mod nodes;

pub use contract::PodPhase as Phase;
pub use nodes::{NodeName, Nodes, Shard};

/// Serves a Kubernetes node's CPU, memory and active pods to Prometheus.
///
/// Scrapes the kubelet of one node, of several or of all, through the API server
/// proxy (no host network, no open port 10250) or directly, and serves what it knows on /metrics, in Prometheus's text
/// format 0.0.4 and in OpenMetrics 1.0. Also: /livez, /readyz and, with
/// --history, /api/v1/query_range.
///
/// Each flag can be written --flag value or --flag=value; booleans take true or
/// false, and alone mean true. Each can be set in the environment instead: the
/// flag's name in capitals, with _ for - (SCRAPE_INTERVAL). The flag wins.
/// Durations are written 30s, 1m30s, 6h.
#[derive(argh::ArgsInfo, FromArgs, Debug, Default)]
#[argh(
    name = "k8s-ai-exporter",
    example = "In a pod (NODE_NAME comes from the downward API):\n  {command_name} --listen-address=:9100 --scrape-interval=30s",
    example = "One for the whole cluster, without a Prometheus:\n  {command_name} --nodes=all --enable-cadvisor=false --history=6h",
    example = "On a laptop, beside `kubectl proxy`:\n  {command_name} --api-server http://127.0.0.1:8001 --node-name NODE --once",
    note = "What is not known is not published: no 0 stands for \"unknown\", and a value\nwhose newest sample is older than three intervals (at least 60s) disappears.",
    error_code(0, "Stopped by SIGTERM or SIGINT, or --once is complete."),
    error_code(1, "Could not start, or --once ran into --once-timeout."),
    error_code(2, "A flag or variable is not usable; the message says which."),
    error_code(
        130,
        "--once was stopped by SIGINT, and 143 by SIGTERM: nothing was printed."
    )
)]
struct Typed {
    /// address and port to serve on; without an address: every one, IPv6 included [default: :9100]
    #[argh(option, arg_name = "address")]
    listen_address: Option<String>,
    /// web configuration in the form of Prometheus's own exporters: TLS, users with passwords,
    /// headers; read again when it or what it names changes; also --web.config.file
    /// [default: plain HTTP without login]
    #[argh(option, arg_name = "file")]
    web_config_file: Option<String>,
    /// bearer token that lets in who sends it, read again when it changes
    #[argh(option, arg_name = "file")]
    web_bearer_token_file: Option<String>,
    /// time between two rounds of scrapes, 100ms to 1d [default: 30s]
    #[argh(option, arg_name = "duration")]
    scrape_interval: Option<String>,
    /// read the kubelet's /metrics/resource, the cheap source of CPU and memory [default: true]
    #[argh(option, arg_name = "bool")]
    enable_kubelet: Option<String>,
    /// read cAdvisor's metrics: throttling, OOM kills, pressure [default: true]
    #[argh(option, arg_name = "bool")]
    enable_cadvisor: Option<String>,
    /// time between two readings of cAdvisor, which cost a hundred times the bytes; without
    /// the kubelet's endpoint cAdvisor is read at the scrape interval [default: 60s]
    #[argh(option, arg_name = "duration")]
    cadvisor_interval: Option<String>,
    /// add CPU and memory by namespace [default: false]
    #[argh(option, arg_name = "bool")]
    enable_namespace_metrics: Option<String>,
    /// pods in these phases are not active; of Pending, Running, Succeeded, Failed, Unknown;
    /// empty counts all [default: Succeeded,Failed]
    #[argh(option, arg_name = "phases")]
    exclude_phases: Option<String>,
    /// node to scrape, or up to 16 with commas between them [default: $NODE_NAME]
    #[argh(option, arg_name = "names")]
    node_name: Option<String>,
    /// all: read every node of the cluster, as they come and go, and not those of --node-name
    #[argh(option, arg_name = "all")]
    nodes: Option<String>,
    /// with --nodes=all: the share of one replica of several, counted from 0; each node is in
    /// exactly one [default: 0/1]
    #[argh(option, arg_name = "i/n")]
    shard: Option<String>,
    /// the way to the kubelets: proxy (the API server's), or kubelet (their own port, for
    /// clusters that refuse the proxy) [default: proxy]
    #[argh(option, arg_name = "way")]
    via: Option<String>,
    /// authorities that sign the kubelets' serving certificates, as PEM, read again when they
    /// change; needed with --via=kubelet
    #[argh(option, arg_name = "file")]
    kubelet_ca_file: Option<String>,
    /// URL of the API server [default: https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT]
    #[argh(option, arg_name = "url")]
    api_server: Option<String>,
    /// bearer token, read again when it changes [default: the service account's, for https only]
    #[argh(option, arg_name = "file")]
    token_file: Option<String>,
    /// authorities that sign the API server's certificate, as PEM, read again when they change
    /// [default: the service account's, for https only]
    #[argh(option, arg_name = "file")]
    ca_file: Option<String>,
    /// deadline of one request, from connecting to the last byte [default: 10s]
    #[argh(option, arg_name = "duration")]
    request_timeout: Option<String>,
    /// keep this much of the series in memory, at most 7d, and answer range queries from it;
    /// 0 is off [default: 0]
    #[argh(option, arg_name = "duration")]
    history: Option<String>,
    /// memory that the history may take; beyond it the oldest samples go first [default: 64Mi]
    #[argh(option, arg_name = "bytes")]
    history_memory: Option<String>,
    /// error, warn, info or debug [default: info]
    #[argh(option, arg_name = "level")]
    log_level: Option<String>,
    /// scrape until rates are known, print the exposition, leave
    #[argh(option, arg_name = "bool")]
    once: Option<String>,
    /// with --once: print what there is after this time, and leave with 1 [default: 60s]
    #[argh(option, arg_name = "duration")]
    once_timeout: Option<String>,
    /// print the resolved configuration, one flag a line, and leave
    #[argh(option, arg_name = "bool")]
    print_config: Option<String>,
    /// print version and source revision, and leave
    #[argh(option, arg_name = "bool")]
    version: Option<String>,
}

/// Flags that a bare mention turns on.
const BOOLEANS: [&str; 6] = [
    "--enable-kubelet",
    "--enable-cadvisor",
    "--enable-namespace-metrics",
    "--once",
    "--print-config",
    "--version",
];

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What `--history-memory` is unless told: six hours of 2,600 nodes at 30 s rounds
/// without cAdvisor.
const HISTORY_MEMORY: u64 = 64 * 1024 * 1024;

/// The configuration of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to serve.
    pub listen: ListenAddress,
    /// How the port is protected.
    pub protection: webconfig::Files,
    /// Time between two rounds.
    pub scrape_interval: Duration,
    /// Where usage is read from.
    pub sources: Sources,
    /// Whether to publish series by namespace.
    pub namespaces: bool,
    /// Phases whose pods do not count.
    pub exclude_phases: Vec<Phase>,
    /// Nodes to scrape.
    pub nodes: Nodes,
    /// The way to their kubelets.
    pub via: Via,
    /// The API server.
    pub api_server: BaseUrl,
    /// File with the bearer token; none against `kubectl proxy`.
    pub token_file: Option<PathBuf>,
    /// File with the authorities; none for `http://`.
    pub ca_file: Option<PathBuf>,
    /// Deadline of one request.
    pub request_timeout: Duration,
    /// How much history to keep; zero is off.
    pub history: Duration,
    /// Bytes that the history may take.
    pub history_memory: u64,
    /// What to log.
    pub log_level: log::LevelFilter,
    /// Print one exposition and leave, after at most this time.
    pub once: Option<Duration>,
}

impl Config {
    /// Whether usage by namespace is taken from cAdvisor: only where the resource
    /// endpoint, which has it too, is off.
    pub fn namespaces_from_cadvisor(&self) -> bool {
        self.namespaces && !self.sources.kubelet()
    }
}

/// Where usage is read from. At least one source, by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// `/metrics/resource` alone.
    Kubelet,
    /// cAdvisor alone, at the scrape interval.
    Cadvisor,
    /// `/metrics/resource` each round, and cAdvisor at an interval of its own.
    Both {
        /// Time between two readings of cAdvisor.
        cadvisor_interval: Duration,
    },
}

impl Sources {
    /// Whether `/metrics/resource` is asked.
    pub fn kubelet(self) -> bool {
        !matches!(self, Self::Cadvisor)
    }

    /// The interval at which cAdvisor is asked, if it is.
    pub fn cadvisor_interval(self, scrape_interval: Duration) -> Option<Duration> {
        match self {
            Self::Kubelet => None,
            Self::Cadvisor => Some(scrape_interval),
            Self::Both { cadvisor_interval } => Some(cadvisor_interval),
        }
    }
}

/// The way to the kubelets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Through the API server's proxy.
    Proxy,
    /// To their own port.
    Kubelet {
        /// File with the authorities of their serving certificates.
        ca_file: PathBuf,
    },
}

/// [`Via`] as it is typed.
#[derive(Clone, Copy)]
enum Way {
    Proxy,
    Kubelet,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Scrape and serve.
    Run(Config),
    /// Print the configuration and leave.
    PrintConfig(Config),
    /// Print this text and leave.
    Print(String),
}

/// What `--help` says, in parts: for manual pages and shells.
pub fn interface() -> CommandInfoWithArgs {
    Typed::get_args_info()
}

/// Resolves arguments (without the program's name) over the environment.
///
/// # Errors
/// One line that names the flag or variable, its value and what was expected.
pub fn resolve(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, String> {
    let args = commandline::normalise(args, &BOOLEANS).map_err(|error| error.to_string())?;
    let args: Vec<&str> = args
        .iter()
        .map(|arg| commandline::canonical_name(arg))
        .collect();
    let typed = match Typed::from_args(&["k8s-ai-exporter"], &args) {
        Ok(typed) => typed,
        Err(exit) if exit.status.is_ok() => return Ok(Command::Print(exit.output)),
        // argh's messages span lines; ours are one.
        Err(exit) => return Err(exit.output.split_whitespace().collect::<Vec<_>>().join(" ")),
    };
    typed
        .resolve(environment)
        .map_err(|error| error.to_string())
}

impl Typed {
    fn resolve(self, environment: Environment<'_>) -> Result<Command, BadValue> {
        let flag = |flag: &'static str, typed| Lookup {
            environment,
            flag,
            typed,
        };
        // Not from the environment: many an image sets VERSION to its own.
        let version = commandline::flag("--version", self.version, parse_bool)?;
        if version == Some(true) {
            return Ok(Command::Print(format!(
                "k8s-ai-exporter {} ({})\n",
                crate::VERSION,
                crate::REVISION
            )));
        }
        let print_config = flag("--print-config", self.print_config)
            .get(parse_bool)?
            .unwrap_or(false);
        let scrape_interval = flag("--scrape-interval", self.scrape_interval)
            .get(parse_interval)?
            .unwrap_or(Duration::from_secs(30));
        let cadvisor_interval = flag("--cadvisor-interval", self.cadvisor_interval)
            .get(parse_interval)?
            .unwrap_or(Duration::from_secs(60));
        let kubelet = flag("--enable-kubelet", self.enable_kubelet).get(parse_bool)?;
        let cadvisor = flag("--enable-cadvisor", self.enable_cadvisor).get(parse_bool)?;
        let sources = match (kubelet.unwrap_or(true), cadvisor.unwrap_or(true)) {
            (true, true) => Sources::Both { cadvisor_interval },
            (true, false) => Sources::Kubelet,
            (false, true) => Sources::Cadvisor,
            (false, false) => {
                return Err(BadValue {
                    setting: "--enable-kubelet and --enable-cadvisor".to_owned(),
                    value: "false".to_owned(),
                    expected: "possible for both: at least one must be true".to_owned(),
                });
            }
        };
        let api_server = match flag("--api-server", self.api_server).get(BaseUrl::parse)? {
            Some(url) => url,
            None => in_cluster(environment)?,
        };
        // Credentials are for TLS: against `kubectl proxy` there are none, and a
        // token is never sent over plain HTTP unless its file is named.
        let mounted = |file: &str| {
            api_server
                .is_https()
                .then(|| PathBuf::from(format!("{SERVICE_ACCOUNT}/{file}")))
        };
        let path = |text: &str| parse_text(text).map(PathBuf::from);
        let once = flag("--once", self.once).get(parse_bool)?.unwrap_or(false);
        let once_timeout = flag("--once-timeout", self.once_timeout)
            .get(parse_interval)?
            .unwrap_or(Duration::from_secs(60));
        let all = flag("--nodes", self.nodes).get(parse_all)?.is_some();
        let shard = flag("--shard", self.shard).get(Shard::parse)?;
        let nodes = match (all, shard) {
            (true, _) if self.node_name.is_some() => {
                return Err(unwanted("--node-name", "of use beside --nodes=all"));
            }
            (true, shard) => Nodes::All(shard.unwrap_or(Shard::WHOLE)),
            (false, Some(_)) => return Err(unwanted("--shard", "of use without --nodes=all")),
            (false, None) => flag("--node-name", self.node_name)
                .get(nodes::parse_names)?
                .map(Nodes::Named)
                .ok_or_else(|| BadValue {
                    setting: "--node-name".to_owned(),
                    value: String::new(),
                    expected: "set, there or in NODE_NAME (in a pod: fieldRef spec.nodeName), \
                               nor is --nodes=all"
                        .to_owned(),
                })?,
        };
        let token_file = flag("--token-file", self.token_file)
            .get(path)?
            .or_else(|| mounted("token"));
        let way = flag("--via", self.via).get(parse_way)?;
        let kubelet_ca_file = flag("--kubelet-ca-file", self.kubelet_ca_file).get(path)?;
        let via = match (way.unwrap_or(Way::Proxy), kubelet_ca_file) {
            (Way::Proxy, None) => Via::Proxy,
            (Way::Proxy, Some(_)) => {
                return Err(unwanted(
                    "--kubelet-ca-file",
                    "of use without --via=kubelet",
                ));
            }
            (Way::Kubelet, None) => {
                return Err(BadValue {
                    setting: "--kubelet-ca-file".to_owned(),
                    value: String::new(),
                    expected: format!(
                        "set, as --via=kubelet needs: name the authority that signs the kubelets' \
                         serving certificates; where that is the cluster's own, {SERVICE_ACCOUNT}/ca.crt"
                    ),
                });
            }
            (Way::Kubelet, Some(_)) if token_file.is_none() => {
                return Err(BadValue {
                    setting: "--token-file".to_owned(),
                    value: String::new(),
                    expected: "set, as --via=kubelet needs beside an http:// API server".to_owned(),
                });
            }
            (Way::Kubelet, Some(ca_file)) => Via::Kubelet { ca_file },
        };
        let config = Config {
            listen: flag("--listen-address", self.listen_address)
                .get(str::parse)?
                .unwrap_or(ListenAddress::Any(contract::EXPORTER_PORT)),
            protection: webconfig::Files {
                web_config: flag("--web-config-file", self.web_config_file).get(path)?,
                bearer_token: flag("--web-bearer-token-file", self.web_bearer_token_file)
                    .get(path)?,
            },
            scrape_interval,
            sources,
            namespaces: flag("--enable-namespace-metrics", self.enable_namespace_metrics)
                .get(parse_bool)?
                .unwrap_or(false),
            exclude_phases: flag("--exclude-phases", self.exclude_phases)
                .get(parse_phases)?
                .unwrap_or_else(|| vec![Phase::Succeeded, Phase::Failed]),
            nodes,
            via,
            token_file,
            ca_file: flag("--ca-file", self.ca_file)
                .get(path)?
                .or_else(|| mounted("ca.crt")),
            api_server,
            request_timeout: flag("--request-timeout", self.request_timeout)
                .get(parse_interval)?
                .unwrap_or(Duration::from_secs(10)),
            history: flag("--history", self.history)
                .get(parse_history)?
                .unwrap_or(Duration::ZERO),
            history_memory: flag("--history-memory", self.history_memory)
                .get(parse_memory)?
                .unwrap_or(HISTORY_MEMORY),
            log_level: flag("--log-level", self.log_level)
                .get(parse_level)?
                .unwrap_or(log::LevelFilter::Info),
            once: once.then_some(once_timeout),
        };
        Ok(if print_config {
            Command::PrintConfig(config)
        } else {
            Command::Run(config)
        })
    }
}

/// One flag with what was typed for it; its variable is derived from its name.
struct Lookup<'a> {
    environment: Environment<'a>,
    flag: &'static str,
    typed: Option<String>,
}

impl Lookup<'_> {
    fn get<T, E: fmt::Display>(
        self,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BadValue> {
        let variable = self.flag[2..].to_ascii_uppercase().replace('-', "_");
        setting(self.environment, self.flag, self.typed, &[&variable], parse)
    }
}

/// A flag that has no meaning beside the others.
fn unwanted(flag: &str, expected: &str) -> BadValue {
    BadValue {
        setting: flag.to_owned(),
        value: "set".to_owned(),
        expected: expected.to_owned(),
    }
}

/// The API server's address as Kubernetes puts it into every pod.
fn in_cluster(environment: Environment<'_>) -> Result<BaseUrl, BadValue> {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let (Some(host), port) = (
        variable("KUBERNETES_SERVICE_HOST"),
        variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned()),
    ) else {
        return Err(BadValue {
            setting: "--api-server".to_owned(),
            value: String::new(),
            expected: "set, and KUBERNETES_SERVICE_HOST neither: outside a pod name the API \
                       server, such as http://127.0.0.1:8001 beside `kubectl proxy`"
                .to_owned(),
        });
    };
    let bracketed = if host.contains(':') && !host.starts_with('[') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    };
    BaseUrl::parse(&bracketed).map_err(|_| BadValue {
        setting: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT".to_owned(),
        value: format!("{host} {port}"),
        expected: "a host and a port".to_owned(),
    })
}

fn parse_duration_expected(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).map_err(|error| error.expected)
}

fn parse_interval(text: &str) -> Result<Duration, &'static str> {
    let duration = parse_duration_expected(text)?;
    if limit::SCRAPE_INTERVAL.contains(&duration) {
        Ok(duration)
    } else {
        Err("a duration from 100ms to 1d, such as 30s or 1m30s")
    }
}

fn parse_history(text: &str) -> Result<Duration, &'static str> {
    parse_duration_expected(text)
        .ok()
        .filter(|history| limit::HISTORY.contains(history))
        .ok_or("0 or a duration up to 7d, such as 6h")
}

fn parse_phases(text: &str) -> Result<Vec<Phase>, &'static str> {
    let mut phases = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let phase = Phase::ALL
            .iter()
            .copied()
            .find(|phase| phase.name() == name)
            .ok_or("a list of pod phases: Pending, Running, Succeeded, Failed, Unknown")?;
        if !phases.contains(&phase) {
            phases.push(phase);
        }
    }
    Ok(phases)
}

fn parse_all(text: &str) -> Result<(), &'static str> {
    match text {
        "all" => Ok(()),
        _ => Err("all; single nodes go to --node-name"),
    }
}

fn parse_way(text: &str) -> Result<Way, &'static str> {
    match text {
        "proxy" => Ok(Way::Proxy),
        "kubelet" => Ok(Way::Kubelet),
        _ => Err("proxy or kubelet"),
    }
}

fn parse_memory(text: &str) -> Result<u64, &'static str> {
    parse_quantity(text)
        .ok()
        .map(|bytes| bytes as u64)
        .filter(|bytes| limit::HISTORY_MEMORY.contains(bytes))
        .ok_or("an amount of memory from 1Mi to 64Gi, such as 64Mi")
}

fn parse_level(text: &str) -> Result<log::LevelFilter, &'static str> {
    match text {
        "error" => Ok(log::LevelFilter::Error),
        "warn" => Ok(log::LevelFilter::Warn),
        "info" => Ok(log::LevelFilter::Info),
        "debug" => Ok(log::LevelFilter::Debug),
        _ => Err("error, warn, info or debug"),
    }
}

/// One flag a line, in the form that the command line reads. Holds no secret:
/// credentials are files, and their contents are not read here.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: Vec<&str> = self.exclude_phases.iter().map(|p| p.name()).collect();
        let cadvisor = self.sources.cadvisor_interval(self.scrape_interval);
        writeln!(f, "--listen-address={}", self.listen)?;
        let protection = &self.protection;
        for (flag, path) in [
            ("--web-config-file", &protection.web_config),
            ("--web-bearer-token-file", &protection.bearer_token),
        ] {
            if let Some(path) = path {
                writeln!(f, "{flag}={}", path.display())?;
            }
        }
        writeln!(f, "--scrape-interval={}", Interval(self.scrape_interval))?;
        writeln!(f, "--enable-kubelet={}", self.sources.kubelet())?;
        writeln!(f, "--enable-cadvisor={}", cadvisor.is_some())?;
        if let Some(interval) = cadvisor {
            writeln!(f, "--cadvisor-interval={}", Interval(interval))?;
        }
        writeln!(f, "--enable-namespace-metrics={}", self.namespaces)?;
        writeln!(f, "--exclude-phases={}", phases.join(","))?;
        match &self.nodes {
            Nodes::Named(nodes) => {
                let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
                writeln!(f, "--node-name={}", names.join(","))?;
            }
            Nodes::All(shard) => writeln!(f, "--nodes=all\n--shard={shard}")?,
        }
        match &self.via {
            Via::Proxy => writeln!(f, "--via=proxy")?,
            Via::Kubelet { ca_file } => {
                writeln!(f, "--via=kubelet\n--kubelet-ca-file={}", ca_file.display())?;
            }
        }
        writeln!(f, "--api-server={}", self.api_server)?;
        for (flag, path) in [
            ("--token-file", &self.token_file),
            ("--ca-file", &self.ca_file),
        ] {
            if let Some(path) = path {
                writeln!(f, "{flag}={}", path.display())?;
            }
        }
        writeln!(f, "--request-timeout={}", Interval(self.request_timeout))?;
        writeln!(f, "--history={}", Interval(self.history))?;
        writeln!(f, "--history-memory={}", self.history_memory)?;
        writeln!(
            f,
            "--log-level={}",
            self.log_level.as_str().to_ascii_lowercase()
        )?;
        writeln!(f, "--once={}", self.once.is_some())?;
        if let Some(timeout) = self.once {
            writeln!(f, "--once-timeout={}", Interval(timeout))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
