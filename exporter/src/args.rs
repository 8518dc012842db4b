//! The flags of the exporter, and the [`Config`] that they resolve to.
//!
//! Reads no file and opens no socket: whether a token file exists is found out later.
//!
//! Invariant: no token is sent over plain HTTP unless its file is named (held by
//! `plain_http_uses_neither_token_nor_ca`; each start warns, `plain_http_token_is_warned_about`
//! in e2e).

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use contract::{AddressType, LogLevel, PodPhase, Via, limit};
use settings::{
    Bytes, Environment, General, Given, Invocation, Parsed, Program, Setting, Syntax, UsageError,
    Within, config_lines, settings, words,
};
use shard::Shard;
use webclient::BaseUrl;
use webserver::ListenAddress;

use crate::nodes::{MAX_NAMED, NodeName, Nodes};
use crate::sources::Sources;

const INTERVALS: Within = Within::Durations(limit::SCRAPE_INTERVAL);

settings! {
    /// The flags of the exporter.
    pub struct Flags {
        "Port" => {
            /// address and port to listen on; without an address, all addresses, IPv6 included
            listen_address: Parsed<ListenAddress> = contract::EXPORTER_ADDRESS,
                value_name: "address";

            /// web configuration in the format of Prometheus's own exporters: TLS, users, headers;
            /// reloaded when it or a file that it names changes
            web_config_file: Option<PathBuf>, aliases: &["--web.config.file"],
                without: "plain HTTP without authentication";

            /// file with a bearer token that is accepted on the port; reloaded when it changes
            web_bearer_token_file: Option<PathBuf>, secret: true;
        }

        "Scraping" => {
            /// interval of scrapes
            scrape_interval: Duration = "30s", within: INTERVALS;

            /// scrape the kubelet's /metrics/resource, the cheap source of CPU and memory
            enable_kubelet: bool = "true";

            /// scrape the kubelet's /metrics/cadvisor: throttling, OOM kills, pressure
            enable_cadvisor: bool = "true";

            /// interval of cAdvisor scrapes, which transfer a hundred times the bytes; with
            /// --enable-kubelet=false cAdvisor is scraped at --scrape-interval
            cadvisor_interval: Duration = "60s", within: INTERVALS,
                only_with: Some("--enable-cadvisor=true");

            /// also publish CPU and memory by namespace
            enable_namespace_metrics: bool = "false";

            /// pod phases that do not count as active, separated by commas; empty: all pods count
            exclude_phases: Phases = "Succeeded,Failed";
        }

        "Nodes" => {
            /// node to scrape, or several separated by commas; in a pod, set the variable from
            /// fieldRef spec.nodeName
            node_name: Option<NodeNames>, conflicts: Some("--nodes"),
                without: "required, unless --nodes=all";

            /// scrape all nodes of the cluster, as they join and leave
            nodes: Option<AllNodes>, without: "those of --node-name";

            /// shard of the nodes that this replica scrapes, counted from 0; each node is in
            /// exactly one shard
            shard: Parsed<Shard> = "0/1", value_name: "i/n", requires: Some("--nodes=all");
        }

        "API server and kubelets" => {
            /// path to the kubelets: through the API server's proxy, or directly at their port,
            /// which is recommended where their certificates allow it
            via: ViaWord = "proxy";

            /// PEM file with the CAs of the kubelets' serving certificates; reloaded when it changes
            kubelet_ca_file: Option<PathBuf>, requires: Some("--via=kubelet"),
                without: "required with --via=kubelet";

            /// types of the nodes' addresses to reach kubelets at, in order of preference, separated
            /// by commas; names are resolved
            kubelet_address_types: AddressTypes = "InternalIP",
                only_with: Some("--via=kubelet");

            /// URL of the API server
            api_server: Option<Parsed<BaseUrl>>, value_name: "url",
                without: "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT";

            /// file with a bearer token for the API server; reloaded when it changes
            token_file: Option<PathBuf>, secret: true,
                without: "the service account's token, for https only";

            /// PEM file with the CAs of the API server's certificate; reloaded when it changes
            ca_file: Option<PathBuf>, without: "the service account's, for https only";

            /// deadline of a request, from connecting to the last byte
            request_timeout: Duration = "10s", within: INTERVALS;
        }

        "History" => {
            /// length of the in-memory history that answers range queries; 0 is off
            history: Duration = "0s", within: Within::Durations(limit::HISTORY);

            /// maximum memory of the history; when it is full, the oldest samples are dropped
            history_memory: Bytes = "64Mi", within: Within::Bytes(limit::HISTORY_MEMORY);
        }

        "Output" => {
            /// lowest severity to log
            log_level: LevelWord = "info";

            /// scrape until rates are available, print the metrics, exit
            once: bool = "false";

            /// print what is available after this time, and exit with code 1
            once_timeout: Duration = "60s", within: INTERVALS, only_with: Some("--once=true");
        }
    }
}

words! {
    /// The word of `--nodes`.
    pub struct AllNodes(()) = [()], |()| "all";
}

words! {
    /// Ways to the kubelets.
    pub struct ViaWord(Via) = Via::ALL, Via::name;
}

words! {
    /// Log levels.
    pub struct LevelWord(LogLevel) = LogLevel::ALL, LogLevel::name;
}

/// Pod phases, separated by commas.
#[derive(Debug)]
pub struct Phases;

impl Syntax for Phases {
    type Value = Vec<PodPhase>;
    const VALUE_NAME: &'static str = "phases";

    fn words() -> Vec<&'static str> {
        PodPhase::ALL.iter().copied().map(PodPhase::name).collect()
    }

    fn expected(_: &Within) -> String {
        format!("a list of {}", Self::words().join(", "))
    }

    fn parse(text: &str, within: &Within) -> Result<Vec<PodPhase>, String> {
        let mut phases = Vec::new();
        let names = text.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            let phase = PodPhase::ALL.iter().find(|phase| phase.name() == name);
            let phase = *phase.ok_or_else(|| Self::expected(within))?;
            if !phases.contains(&phase) {
                phases.push(phase);
            }
        }
        Ok(phases)
    }

    fn print(phases: &Vec<PodPhase>) -> String {
        let names: Vec<&str> = phases.iter().map(|phase| phase.name()).collect();
        names.join(",")
    }
}

/// Types of node addresses in order of preference, separated by commas.
#[derive(Debug)]
pub struct AddressTypes;

impl Syntax for AddressTypes {
    type Value = Vec<AddressType>;
    const VALUE_NAME: &'static str = "types";

    fn words() -> Vec<&'static str> {
        let types = AddressType::ALL.iter().copied();
        types.map(AddressType::name).collect()
    }

    fn expected(_: &Within) -> String {
        format!("a list of {}", Self::words().join(", "))
    }

    fn parse(text: &str, within: &Within) -> Result<Vec<AddressType>, String> {
        let mut types = Vec::new();
        for name in text.split(',').map(str::trim) {
            let found = AddressType::ALL.iter().find(|each| each.name() == name);
            let found = *found.ok_or_else(|| Self::expected(within))?;
            if !types.contains(&found) {
                types.push(found);
            }
        }
        Ok(types)
    }

    fn print(types: &Vec<AddressType>) -> String {
        let names: Vec<&str> = types.iter().map(|each| each.name()).collect();
        names.join(",")
    }
}

/// Node names, separated by commas.
#[derive(Debug)]
pub struct NodeNames;

impl Syntax for NodeNames {
    type Value = Vec<NodeName>;
    const VALUE_NAME: &'static str = "names";

    fn expected(_: &Within) -> String {
        format!("at most {MAX_NAMED} node names; --nodes=all scrapes all nodes of a cluster")
    }

    fn parse(text: &str, within: &Within) -> Result<Vec<NodeName>, String> {
        let names = text.split(',').map(|name| NodeName::parse(name.trim()));
        let mut names = names.collect::<Result<Vec<_>, _>>()?;
        names.sort();
        names.dedup();
        match names.len() {
            0..=MAX_NAMED => Ok(names),
            _ => Err(Self::expected(within)),
        }
    }

    fn print(names: &Vec<NodeName>) -> String {
        let names: Vec<&str> = names.iter().map(NodeName::as_str).collect();
        names.join(",")
    }
}

/// The exporter's command line.
pub const COMMAND_LINE: Program = Program {
    name: "k8s-ai-exporter",
    version: runtime::VERSION,
    revision: runtime::REVISION,
    summary: "CPU, memory and active pods of Kubernetes nodes as Prometheus metrics",
    description: &[
        "Scrapes the kubelets of one node, of several or of all, through the API server's proxy \
         (no host network, no open port 10250) or directly. Serves /metrics in the Prometheus \
         text format 0.0.4 and in OpenMetrics 1.0, /livez, /readyz and, with --history, \
         /api/v1/query_range.",
        "Unknown values are not published, and never as 0. A value disappears when its newest \
         sample is older than three intervals (at least 60s).",
    ],
    commands: &[],
    groups: &[Flags::GROUPS, General::GROUPS],
    examples: &[
        (
            "In a pod, whose NODE_NAME comes from the downward API:",
            "--listen-address=:9100 --scrape-interval=30s",
        ),
        (
            "One for the whole cluster, without a Prometheus:",
            "--nodes=all --enable-cadvisor=false --history=6h",
        ),
        (
            "On a laptop, with `kubectl proxy`:",
            "--api-server http://127.0.0.1:8001 --node-name NODE --once",
        ),
    ],
    exit_codes: &[
        (0, "stopped by SIGTERM or SIGINT, or --once is complete"),
        (1, "could not start, or --once reached --once-timeout"),
        (2, "a flag or variable is invalid; the message names it"),
        (
            130,
            "--once was stopped by SIGINT, or 143 by SIGTERM: nothing was printed",
        ),
    ],
}
.checked();

const ENABLE_CADVISOR: &Setting = Flags::setting("--enable-cadvisor");
const NODE_NAME: &Setting = Flags::setting("--node-name");
const API_SERVER: &Setting = Flags::setting("--api-server");
const TOKEN_FILE: &Setting = Flags::setting("--token-file");
const KUBELET_CA_FILE: &Setting = Flags::setting("--kubelet-ca-file");

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The configuration of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// All flags, resolved.
    pub flags: Flags,
    /// Nodes to scrape.
    pub nodes: Nodes,
    /// Sources of usage.
    pub sources: Sources,
    /// URL of the API server.
    pub api_server: BaseUrl,
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Scrape and serve.
    Run(Box<Config>),
    /// Print this text and exit.
    Print(String),
}

/// Resolves arguments (without the program's name) over the environment.
///
/// # Errors
/// When a flag or a variable is invalid, or cannot be combined with the others.
pub fn resolve(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, UsageError> {
    let mut given = match COMMAND_LINE.invocation(args, environment)? {
        Invocation::Print(text) => return Ok(Command::Print(text)),
        Invocation::Run(given) => given,
    };
    let flags = Flags::read(&mut given)?;
    let general = General::read(&mut given)?;
    given.check(&[&flags])?;
    let config = Config::resolve(flags, &given, environment)?;
    Ok(match general.print_config {
        true => Command::Print(config.to_string()),
        false => Command::Run(Box::new(config)),
    })
}

impl Config {
    fn resolve(
        mut flags: Flags,
        given: &Given<'_>,
        environment: Environment<'_>,
    ) -> Result<Self, UsageError> {
        let sources = match (flags.enable_kubelet, flags.enable_cadvisor) {
            (true, true) => Sources::Both {
                cadvisor_interval: flags.cadvisor_interval,
            },
            (true, false) => Sources::Kubelet,
            (false, true) => Sources::Cadvisor,
            (false, false) => {
                let expected = "true, since --enable-kubelet is false";
                return Err(given.invalid(ENABLE_CADVISOR, false, expected));
            }
        };
        if let Some(interval) = sources.cadvisor_interval(flags.scrape_interval) {
            flags.cadvisor_interval = interval;
        }
        let api_server = match &flags.api_server {
            Some(url) => url.clone(),
            None => in_cluster(environment)?,
        };
        flags.api_server = Some(api_server.clone());
        // Credentials are for TLS: with `kubectl proxy` there are none, and a token is never
        // sent over plain HTTP unless its file is named.
        if api_server.is_https() {
            let mounted = |file| PathBuf::from(format!("{SERVICE_ACCOUNT}/{file}"));
            flags.token_file.get_or_insert_with(|| mounted("token"));
            flags.ca_file.get_or_insert_with(|| mounted("ca.crt"));
        }
        let nodes = match (flags.nodes, &flags.node_name) {
            (Some(()), _) => Nodes::All(flags.shard),
            (None, Some(names)) => Nodes::Named(names.clone()),
            (None, None) => {
                let hint = "in a pod, set it from fieldRef spec.nodeName, or use --nodes=all";
                return Err(UsageError::missing(NODE_NAME, hint));
            }
        };
        if flags.via == Via::Kubelet && flags.kubelet_ca_file.is_none() {
            let hint = format!(
                "--via=kubelet requires the CAs of the kubelets' serving certificates; where \
                 they are the cluster's own, {SERVICE_ACCOUNT}/ca.crt"
            );
            return Err(UsageError::missing(KUBELET_CA_FILE, hint));
        }
        if flags.via == Via::Kubelet && flags.token_file.is_none() {
            let hint = "--via=kubelet requires it with an http:// API server";
            return Err(UsageError::missing(TOKEN_FILE, hint));
        }
        Ok(Self {
            flags,
            nodes,
            sources,
            api_server,
        })
    }

    /// The deadline of a run that prints the metrics and exits.
    pub fn once(&self) -> Option<Duration> {
        self.flags.once.then_some(self.flags.once_timeout)
    }

    /// Returns whether usage by namespace is taken from cAdvisor: only where the resource
    /// endpoint, which has it too, is off.
    pub fn namespaces_from_cadvisor(&self) -> bool {
        self.flags.enable_namespace_metrics && !self.sources.kubelet()
    }
}

/// One flag per line, as [`resolve`] reads them. Holds no secret: credentials are files.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&config_lines(&[&self.flags]))
    }
}

/// Returns the API server's URL, from the variables that Kubernetes sets in every pod.
fn in_cluster(environment: Environment<'_>) -> Result<BaseUrl, UsageError> {
    const VARIABLES: [&str; 2] = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
    let [host, port] = VARIABLES.map(|name| environment(name).filter(|value| !value.is_empty()));
    let Some(host) = host else {
        let hint = "outside a pod, name the API server, such as http://127.0.0.1:8001 with \
                    `kubectl proxy`";
        return Err(UsageError::missing(API_SERVER, hint));
    };
    let port = port.unwrap_or_else(|| "443".to_owned());
    let url = match host.contains(':') && !host.starts_with('[') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    };
    BaseUrl::parse(&url).map_err(|_| UsageError::Invalid {
        name: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
        origin: settings::Origin::Flag,
        value: format!("{host} {port}"),
        expected: "a host and a port".to_owned(),
    })
}

#[cfg(test)]
mod tests;
