//! Where the points come from: which backend, how it is reached, what it is asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use commandline::{BadValue, Environment, parse_text, setting};
use contract::series;
use quantity::{Interval, parse_duration};
use webclient::BaseUrl;

use super::flags::Args;
use crate::collect::UsageQueries;

const DEFAULT_URL: &str = "http://prometheus-operated.monitoring.svc:9090";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The backend and the queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// Where it is.
    pub url: BaseUrl,
    /// Whom to trust over TLS, if not the public authorities.
    pub ca_file: Option<PathBuf>,
    /// Deadline of one exchange.
    pub timeout: Duration,
    /// What to ask for usage.
    pub queries: UsageQueries,
}

impl Backend {
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let text = |flag, typed: &Option<String>, variables: &[&str]| {
            setting(environment, flag, typed.clone(), variables, parse_text)
        };
        let url = setting(
            environment,
            "--prometheus-url",
            args.prometheus_url.clone(),
            &["PROMETHEUS_URL"],
            BaseUrl::parse,
        )?;
        let timeout = setting(
            environment,
            "--timeout",
            args.timeout.clone(),
            &[],
            parse_timeout,
        )?;
        let cpu = text("--cpu-query", &args.cpu_query, &["CPU_QUERY"])?;
        let memory = text(
            "--memory-query",
            &args.memory_query,
            &["MEM_QUERY", "MEMORY_QUERY"],
        )?;
        let ca_file = text("--ca-file", &args.ca_file, &["CA_FILE"])?;
        Ok(Self {
            url: url.unwrap_or_else(|| {
                BaseUrl::parse(DEFAULT_URL).expect("the default is a URL: a test reads it")
            }),
            ca_file: ca_file.map(PathBuf::from),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            queries: UsageQueries {
                cpu: cpu.unwrap_or_else(|| series::CPU_USAGE.name.to_owned()),
                memory: memory.unwrap_or_else(|| series::MEMORY_USAGE.name.to_owned()),
            },
        })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--prometheus-url={}", self.url)?;
        if let Some(path) = &self.ca_file {
            writeln!(f, "--ca-file={}", path.display())?;
        }
        writeln!(f, "--timeout={}", Interval(self.timeout))?;
        writeln!(f, "--cpu-query={}", self.queries.cpu)?;
        writeln!(f, "--memory-query={}", self.queries.memory)
    }
}

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|d| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(d))
        .ok_or("a duration such as 30s, from 1ms to 1h")
}
