//! Whom the agent asks: the exporter's own history, or a real Prometheus.
//!
//! In scope: starting Prometheus, and the few requests that show how far a
//! backend has come.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::{path, series};
use serde_json::Value;
use webclient::{Authorities, BaseUrl, Caps, Client, Credentials, Settings};

use crate::interrupt::Interrupt;
use crate::service::Service;
use crate::trouble::Trouble;

/// Time that Prometheus has for opening an empty database.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// An HTTP server nearby.
#[derive(Debug)]
pub(crate) struct Origin {
    client: Client,
}

impl Origin {
    /// `authority` is `host:port`.
    pub(crate) fn new(authority: &str) -> Result<Self, Trouble> {
        let url = format!("http://{authority}");
        let base = BaseUrl::parse(&url).map_err(|error| Trouble::doing(&url, error))?;
        Ok(Self {
            client: Client::new(Settings {
                base,
                authorities: Authorities::none(),
                identity: None,
                credentials: Credentials::None,
                headers: Vec::new(),
                user_agent: "k8s-ai-demo",
                deadline: Duration::from_secs(5),
                connect_deadline: Duration::from_secs(5),
                keep_idle: Duration::from_secs(5),
            }),
        })
    }

    /// Without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.client.base().to_string().trim_end_matches('/').into()
    }

    /// The body of an answer, if that is a good one.
    pub(crate) fn get(&self, path_and_query: &str) -> Option<String> {
        const MAX_BYTES: u64 = 4 << 20;
        let caps = Caps {
            compressed: MAX_BYTES,
            inflated: MAX_BYTES,
        };
        let mut response = self.client.get(path_and_query, "*/*", &[], caps).ok()?;
        (response.status == 200).then(|| response.body.read_start(MAX_BYTES))
    }

    /// How many nodes have a value of CPU just now, asked as the agent asks.
    pub(crate) fn nodes_with_history(&self) -> Option<usize> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let query = format!(
            "{}?query={}&start={now}&end={now}&step=1",
            path::QUERY_RANGE,
            series::CPU_USAGE.name
        );
        let answer: Value = serde_json::from_str(&self.get(&query)?).ok()?;
        answer.pointer("/data/result")?.as_array().map(Vec::len)
    }
}

/// A Prometheus that scrapes one exporter, with its database.
#[derive(Debug)]
pub(crate) struct Prometheus {
    // Before its files: fields are dropped in this order.
    pub(crate) service: Service,
    pub(crate) origin: Origin,
    _files: Files,
}

impl Prometheus {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(exporter: &str, interrupt: &Interrupt) -> Result<Self, Trouble> {
        let files = Files::new()?;
        let config = files.0.join("prometheus.yml");
        fs::write(&config, configuration(exporter))
            .map_err(|error| Trouble::doing(config.display(), error))?;
        let address = free_address()?;
        let mut command = Command::new("prometheus");
        command
            .arg(flag("--config.file=", &config))
            .arg(flag("--storage.tsdb.path=", &files.0.join("data")))
            .arg(format!("--web.listen-address={address}"));
        let mut service = Service::start("prometheus", command)?;
        let origin = Origin::new(&address)?;
        service.wait_for("become ready", START_DEADLINE, interrupt, |_| {
            origin.get("/-/ready")
        })?;
        Ok(Self {
            service,
            origin,
            _files: files,
        })
    }
}

/// Looks for the program before anything is started.
///
/// # Errors
/// When it is not there, with what to do about it.
pub(crate) fn require_prometheus() -> Result<(), Trouble> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join("prometheus").is_file()) {
        return Ok(());
    }
    Err(Trouble::Failed(
        "--prometheus needs the program `prometheus`, which is not on the PATH: \
         `dev/scripts/setup prometheus` installs it"
            .to_owned(),
    ))
}

fn flag(name: &str, value: &Path) -> String {
    format!("{name}{}", value.display())
}

fn configuration(exporter: &str) -> String {
    format!(
        "global:\n  \
           scrape_interval: 1s\n\
         scrape_configs:\n  \
           - job_name: k8s-ai-exporter\n    \
             static_configs:\n      \
               - targets: [\"{exporter}\"]\n"
    )
}

/// An address that was free a moment ago: Prometheus does not tell which port
/// it took when it may choose.
fn free_address() -> io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A temporary directory that goes with its handle.
#[derive(Debug)]
struct Files(PathBuf);

impl Files {
    fn new() -> Result<Self, Trouble> {
        let path = std::env::temp_dir().join(format!("k8s-ai-demo-{}", process::id()));
        fs::create_dir(&path).map_err(|error| Trouble::doing(path.display(), error))?;
        Ok(Self(path))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A leftover in the system's temporary directory does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
