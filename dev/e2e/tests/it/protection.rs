//! The exporter's port behind TLS and logins: with promtool, a real Prometheus and the agent.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::{
    Exporter, PATIENCE, Process, Prometheus, TempDir, agent, eventually, exporter_of, run, scratch,
};
use webclient::{BaseUrl, CaBundle, Caps, Client, Credentials, Identity, SecretFile, Settings};

use crate::{certificates, one_node};

/// Of `correct horse`, with a cost at which each check takes its time.
const CONFIG: &str = "# Who may ask.
tls_server_config:
  cert_file: web.crt
  key_file: web.key
  client_ca_file: ca.crt
  client_auth_type: VerifyClientCertIfGiven
  min_version: TLS12
basic_auth_users:
  prometheus: $2b$10$KqkSGqmZ7NRb4C7hUM1dLODPT9WtzlxhPNIfHOBAOOON/wgoeSsjG
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
";

struct Files(TempDir);

impl Files {
    /// A configuration with its certificates, passwords and a token.
    fn new() -> Self {
        let files = Self(scratch());
        certificates::write(files.0.path(), "ca", &["web", "client"]);
        files.write("right", "correct horse\n");
        files.write("wrong", "correct house\n");
        files.write("token", "eyJhbGciOi\n");
        files.write("web.yml", CONFIG);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("{flag}={}", self.path(name).display())
    }

    /// A client with or without a certificate, and with the password in this file.
    fn client(&self, address: &str, identity: bool, password: Option<&str>) -> Client {
        let identity = identity.then(|| {
            Identity::from_files(&self.path("client.crt"), &self.path("client.key"))
                .expect("an identity")
        });
        let credentials = match password {
            None => Credentials::None,
            Some(file) => Credentials::Basic {
                user: "prometheus".to_owned(),
                password: SecretFile::password(self.path(file)),
            },
        };
        Client::new(Settings {
            base: BaseUrl::parse(&format!("https://{address}")).expect("a URL"),
            ca_bundle: CaBundle::from_file(&self.path("ca.crt")).expect("a CA"),
            identity,
            credentials,
            headers: Vec::new(),
            user_agent: "kube-probe/1.36",
            deadline: PATIENCE,
            connect_deadline: PATIENCE,
            keep_idle: Duration::from_secs(1),
        })
    }
}

fn status(client: &Client, path: &str) -> u16 {
    let caps = Caps {
        compressed: 1 << 20,
        decompressed: 1 << 20,
    };
    client
        .get(path, "*/*", &[], caps)
        .expect("an answer")
        .status
}

#[test]
fn promtool_accepts_our_web_config() {
    let files = Files::new();
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "web-config"]);
    let (code, out, err) = run(promtool.arg(files.path("web.yml")), "");
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("SUCCESS"), "{err}");
}

#[test]
fn tls_and_login_are_required() {
    let cluster = one_node();
    let files = Files::new();
    let exporter = Exporter::start(
        &cluster,
        "node-a",
        &[
            &files.flag("--web.config.file", "web.yml"),
            &files.flag("--web-bearer-token-file", "token"),
            "--history=1h",
        ],
    );
    let address = &exporter.address;
    let job = |name: &str, more: &str| {
        format!(
            "- {{job_name: {name}, scheme: https, static_configs: [{{targets: ['{address}']}}], \
             tls_config: {{ca_file: {}}}{more}}}\n",
            files.path("ca.crt").display()
        )
    };
    let login = |file: &str| {
        let file = files.path(file);
        format!(
            ", basic_auth: {{username: prometheus, password_file: {}}}",
            file.display()
        )
    };
    let bearer = format!(
        ", authorization: {{credentials_file: {}}}",
        files.path("token").display()
    );
    let jobs = [
        job("password", &login("right")),
        job("token", &bearer),
        job("wrong", &login("wrong")),
        job("anonymous", ""),
        job("plain", &login("right")).replace("https", "http"),
    ];
    let prometheus = Prometheus::scraping(&jobs.concat());
    let query = |query: &str| {
        let path = format!("/api/v1/query?query={query}");
        prometheus.get(&path).json()["data"]["result"].clone()
    };
    for job in ["password", "token"] {
        let cores = format!("k8s_node_cpu_usage_cores%7Bjob%3D%22{job}%22%7D");
        eventually(job, || query(&cores).as_array()?.first().map(|_| ()));
    }
    for (job, error) in [
        ("wrong", "401 Unauthorized"),
        ("anonymous", "401 Unauthorized"),
        ("plain", "400 Bad Request"),
    ] {
        eventually(job, || {
            let targets = prometheus.get("/api/v1/targets").json();
            let targets = targets["data"]["activeTargets"].as_array()?.clone();
            let target = targets
                .iter()
                .find(|target| target["labels"]["job"] == job)?;
            target["lastError"].as_str()?.contains(error).then_some(())
        });
    }

    eventually("a report", || {
        let mut agent = agent(&format!("https://{address}"));
        agent
            .arg(files.flag("--ca-file", "ca.crt"))
            .arg("--basic-auth-user=prometheus")
            .arg(files.flag("--basic-auth-password-file", "right"))
            .args(["--lookback=10s", "--forecast=10s", "--step=1s"]);
        let (code, out, _) = run(&mut agent, "");
        (code == Some(0) && out.contains("node-a")).then_some(())
    });

    let log = exporter.process.log();
    assert!(
        log.contains("the port uses TLS with authentication"),
        "{log}"
    );
    for secret in ["correct", "eyJhbGciOi", "KqkSGqmZ7NRb"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn probes_need_no_login() {
    let cluster = one_node();
    let files = Files::new();
    files.write(
        "web.yml",
        &CONFIG.replace("VerifyClientCertIfGiven", "RequireAndVerifyClientCert"),
    );
    let flag = files.flag("--web-config-file", "web.yml");
    let exporter = Exporter::start(&cluster, "node-a", &[&flag]);
    let with = |identity, password| files.client(&exporter.address, identity, password);
    let probe = with(false, None);
    assert_eq!(status(&probe, "/livez"), 200);
    eventually("ready", || (status(&probe, "/readyz") == 200).then_some(()));
    assert_eq!(status(&probe, "/metrics"), 403);
    assert_eq!(status(&probe, "/"), 403);
    assert_eq!(status(&with(false, Some("right")), "/metrics"), 403);
    assert_eq!(status(&with(true, None), "/metrics"), 401);
    assert_eq!(status(&with(true, Some("wrong")), "/metrics"), 401);
    assert_eq!(status(&with(true, Some("right")), "/metrics"), 200);
}

#[test]
fn agent_port_reloads_protection() {
    let cluster = one_node();
    let files = Files::new();
    let exporter = Exporter::start(&cluster, "node-a", &["--history=1h"]);
    let mut command = agent(&format!("http://{}", exporter.address));
    command
        .args(["--serve=127.0.0.1:0", "--every=1s", "--lookback=10s"])
        .args(["--forecast=10s", "--step=1s"])
        .arg(files.flag("--web.config.file", "web.yml"));
    let agent = Process::start(&mut command);
    let line = agent.line_with("serving on ");
    assert!(line.ends_with(", TLS with authentication"), "{line}");
    let (_, address) = line.split_once("serving on ").expect("an address");
    let (address, _) = address.split_once(',').expect("and more");
    let ask = |password, path| status(&files.client(address, false, password), path);

    assert_eq!(ask(None, "/livez"), 200);
    eventually("a report", || (ask(None, "/readyz") == 200).then_some(()));
    for path in ["/metrics", "/report.json", "/"] {
        assert_eq!(ask(None, path), 401, "{path}");
        assert_eq!(ask(Some("wrong"), path), 401, "{path}");
        assert_eq!(ask(Some("right"), path), 200, "{path}");
    }

    files.write("web.yml", "basic_auth_users:\n  a: correct horse\n");
    // Files are read on requests.
    eventually("the file is refused", || {
        assert_eq!(ask(None, "/metrics"), 401);
        agent.log().contains("expected a bcrypt hash").then_some(())
    });
    assert_eq!(ask(Some("right"), "/metrics"), 200);
    for secret in ["correct", "KqkSGqmZ7NRb"] {
        assert!(!agent.log().contains(secret), "{}", agent.log());
    }
}

#[test]
fn invalid_web_config_stops_the_start() {
    let cluster = one_node();
    let files = Files::new();
    for (text, says) in [
        (
            "tls_server_config:\n  cipher_suites:\n    - X\n",
            "line 2: tls_server_config.cipher_suites: expected cert_file, ",
        ),
        (
            "basic_auth_users:\n  a: correct horse\n",
            "line 2: basic_auth_users.a: expected a bcrypt hash",
        ),
    ] {
        files.write("web.yml", text);
        let flag = files.flag("--web-config-file", "web.yml");
        let (code, _, err) = run(exporter_of(&cluster, "node-a").arg(flag), "");
        assert_eq!(code, Some(1), "{err}");
        let line = format!(
            "k8s-ai-exporter: {}: {says}",
            files.path("web.yml").display()
        );
        assert!(err.starts_with(&line) && err.lines().count() == 1, "{err}");
        assert!(!err.contains("horse"), "{err}");
    }
}
