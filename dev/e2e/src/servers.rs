//! Prometheus, its tools and its Pushgateway, as Debian packages them.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use crate::http::{Answer, free_port, request};
use crate::process::{Process, eventually, run};
use crate::scratch;

/// A running Prometheus with a database of its own.
#[derive(Debug)]
pub struct Prometheus {
    /// Its process.
    pub process: Process,
    /// Its URL: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Host and port alone.
    pub address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// One that scrapes the jobs of this YAML list, each every second.
    pub fn scraping(jobs: &str) -> Self {
        let configuration = format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}");
        Self::ready(Self::launch(scratch(), &configuration, &[]))
    }

    /// One that scrapes one server.
    pub fn scraping_one(address: &str) -> Self {
        Self::scraping(&format!(
            "- {{job_name: one, honor_labels: true, static_configs: [{{targets: ['{address}']}}]}}\n"
        ))
    }

    /// One that holds these samples, OpenMetrics without its last line, and scrapes nothing.
    pub fn holding(samples: &str) -> Self {
        Self::ready(Self::launch(with_blocks(samples), "", &[]))
    }

    /// The same behind a web configuration (TLS, users), with everything below `prefix`.
    pub fn holding_behind(samples: &str, web: &str, prefix: &str) -> Self {
        let folder = with_blocks(samples);
        let file = folder.path().join("web.yml");
        fs::write(&file, web).expect("a configuration");
        let flags = [
            format!("--web.config.file={}", file.display()),
            format!("--web.route-prefix={prefix}"),
        ];
        let mut prometheus = Self::launch(folder, "", &flags);
        prometheus
            .process
            .line_with("ready to receive web requests");
        prometheus.url = format!("https://{}{prefix}", prometheus.address);
        prometheus
    }

    /// Sends a GET to it.
    pub fn get(&self, path: &str) -> Answer {
        request(&self.address, "GET", path, &[], "")
    }

    fn ready(self) -> Self {
        ready(&self.address);
        self
    }

    fn launch(folder: TempDir, configuration: &str, flags: &[String]) -> Self {
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("a configuration");
        let address = format!("127.0.0.1:{}", free_port());
        let process = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", data(&folder)))
                .arg("--storage.tsdb.retention.time=10y")
                .arg(format!("--web.listen-address={address}"))
                .args(flags),
        );
        eventually("Prometheus answers", || TcpStream::connect(&address).ok());
        Self {
            process,
            url: format!("http://{address}"),
            address,
            _folder: folder,
        }
    }
}

fn data(folder: &TempDir) -> String {
    folder.path().join("data").display().to_string()
}

/// A folder in which a Prometheus finds these samples.
fn with_blocks(samples: &str) -> TempDir {
    let folder = scratch();
    let file = folder.path().join("samples.om");
    fs::write(&file, [samples, "# EOF\n"].concat()).expect("a file");
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]);
    let (code, _, err) = run(promtool.arg(&file).arg(data(&folder)), "");
    assert_eq!(code, Some(0), "{err}");
    folder
}

/// Checks an exposition with promtool.
///
/// # Panics
/// When it has anything to say about it.
pub fn check_metrics(exposition: &str) {
    let said = run(
        Command::new("promtool").args(["check", "metrics"]),
        exposition,
    );
    assert_eq!(said, (Some(0), String::new(), String::new()));
}

/// A running Pushgateway.
#[derive(Debug)]
pub struct Pushgateway {
    /// Its process.
    pub process: Process,
    /// Host and port.
    pub address: String,
}

impl Pushgateway {
    /// Starts one and waits until it is ready.
    pub fn start() -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let process = Process::start(
            Command::new("prometheus-pushgateway").arg(format!("--web.listen-address={address}")),
        );
        ready(&address);
        Self { process, address }
    }
}

/// Waits until a server of the Prometheus project is ready.
fn ready(address: &str) {
    eventually("the server answers", || TcpStream::connect(address).ok());
    eventually("the server is ready", || {
        (request(address, "GET", "/-/ready", &[], "").status == 200).then_some(())
    });
}
