//! How a port is protected: TLS and logins, from files that are read again as they change.
//!
//! The files: a web configuration as Prometheus's own exporters have it, what it names, and
//! a bearer token. A change that is of no use is told in the log, and the last good
//! content stays in use: so a port is never less protected than it was.

mod login;
mod password;
mod settings;
mod tls;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{info, warn};
use rustls::ServerConfig;
use webclient::{read_file, read_token};

use crate::request::Request;
use crate::response::Response;
use login::{Claim, Login, Logins};
use settings::{ClientCertificates, Settings};
use tls::{Material, WhichFile};

/// How often files are read at most.
const READ_EVERY: Duration = Duration::from_secs(1);

/// A file that protects the port and is of no use.
#[derive(Debug)]
pub struct BadProtection(String);

impl fmt::Display for BadProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadProtection {}

fn bad(path: &Path, problem: impl fmt::Display) -> BadProtection {
    BadProtection(format!("{}: {problem}", path.display()))
}

/// Where a port's protection is described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectionFiles {
    /// A web configuration: TLS, users, headers.
    pub web_config_file: Option<PathBuf>,
    /// A token that lets in who bears it.
    pub bearer_token_file: Option<PathBuf>,
    /// Paths that need no login and no client certificate.
    pub open_paths: &'static [&'static str],
}

/// A flag's name here: what Prometheus's own exporters call `--web.config.file` is
/// `--web-config-file`. Others stay as they are.
pub fn flag_name(flag: &str) -> &str {
    match flag {
        "--web.config.file" => "--web-config-file",
        other => other,
    }
}

/// A port's protection, as of now and later.
pub struct Protection {
    sources: ProtectionFiles,
    held: Mutex<Held>,
}

struct Held {
    rules: Arc<Rules>,
    files: Files,
    read_at: Instant,
    /// What was wrong with the files when they were last read.
    complaint: Option<String>,
}

impl Protection {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or used. The message names it and what was expected.
    pub fn load(sources: ProtectionFiles) -> Result<Self, BadProtection> {
        let files = Files::read(&sources)?;
        let rules = Arc::new(files.rules(&sources)?);
        Ok(Self {
            sources,
            held: Mutex::new(Held {
                rules,
                files,
                read_at: Instant::now(),
                complaint: None,
            }),
        })
    }

    /// In a few words, for the log.
    pub fn describe(&self) -> &'static str {
        let rules = self.current();
        match (
            &rules.tls,
            rules.logins.are_none() && !rules.needs_certificate,
        ) {
            (None, true) => "plain HTTP without login",
            (None, false) => "plain HTTP with login",
            (Some(_), true) => "TLS without login",
            (Some(_), false) => "TLS with login",
        }
    }

    /// The rules as of now.
    pub(crate) fn current(&self) -> Arc<Rules> {
        // A change is made at the end, in one piece.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.read_at.elapsed() >= READ_EVERY && !self.sources.are_none() {
            held.read_at = Instant::now();
            held.refresh(&self.sources);
        }
        Arc::clone(&held.rules)
    }
}

impl Default for Protection {
    /// None: whoever can reach the port may ask.
    fn default() -> Self {
        Self {
            sources: ProtectionFiles::default(),
            held: Mutex::new(Held {
                rules: Arc::default(),
                files: Files::default(),
                read_at: Instant::now(),
                complaint: None,
            }),
        }
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sources.fmt(f)
    }
}

impl Held {
    fn refresh(&mut self, sources: &ProtectionFiles) {
        let changed = Files::read(sources).and_then(|files| {
            if files == self.files {
                return Ok(None);
            }
            files.rules(sources).map(|rules| Some((files, rules)))
        });
        self.complaint = match changed {
            Ok(None) => None,
            Ok(Some((files, rules))) => {
                info!("the files that protect the port changed, using their new content");
                self.files = files;
                self.rules = Arc::new(rules);
                None
            }
            Err(BadProtection(problem)) => {
                // Once, not each second.
                if self.complaint.as_ref() != Some(&problem) {
                    warn!("{problem}; the port stays protected as before");
                }
                Some(problem)
            }
        };
    }
}

impl ProtectionFiles {
    fn are_none(&self) -> bool {
        self.web_config_file.is_none() && self.bearer_token_file.is_none()
    }
}

/// The content of all files.
#[derive(PartialEq, Eq, Default)]
struct Files {
    web_config: String,
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
}

impl Files {
    fn read(sources: &ProtectionFiles) -> Result<Self, BadProtection> {
        let mut files = Self::default();
        if let Some(path) = &sources.bearer_token_file {
            let token = read_token(path).map_err(|error| BadProtection(error.to_string()))?;
            files.token = Some(token.reveal().as_bytes().to_vec());
        }
        if let Some(path) = &sources.web_config_file {
            let bytes = |path: &Path| read_file(path).map_err(|error| bad(path, error));
            files.web_config =
                String::from_utf8(bytes(path)?).map_err(|_| bad(path, "expected UTF-8"))?;
            if let Some(tls) = files.settings(sources)?.tls {
                files.certificates = bytes(&tls.cert_file)?;
                files.key = bytes(&tls.key_file)?;
                files.client_ca = tls.client.ca_file().map(bytes).transpose()?;
            }
        }
        Ok(files)
    }

    fn settings(&self, sources: &ProtectionFiles) -> Result<Settings, BadProtection> {
        let Some(path) = &sources.web_config_file else {
            return Ok(Settings::default());
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        settings::parse(&self.web_config, folder).map_err(|error| bad(path, error))
    }

    fn rules(&self, sources: &ProtectionFiles) -> Result<Rules, BadProtection> {
        let settings = self.settings(sources)?;
        let mut needs_certificate = false;
        let tls = match &settings.tls {
            None => None,
            Some(tls) => {
                needs_certificate = matches!(tls.client, ClientCertificates::Required(_));
                let material = Material {
                    certificates: &self.certificates,
                    key: &self.key,
                    client_ca: self.client_ca.as_deref(),
                };
                let config = tls::server_config(&material, &tls.client, tls.versions);
                Some(config.map_err(|(which, problem)| {
                    let path = match which {
                        WhichFile::Certificates => &tls.cert_file,
                        WhichFile::Key => &tls.key_file,
                        WhichFile::ClientCa => tls.client.ca_file().unwrap_or(&tls.cert_file),
                    };
                    bad(path, problem)
                })?)
            }
        };
        Ok(Rules {
            tls,
            needs_certificate,
            logins: Logins::new(settings.users, self.token.as_deref()),
            headers: settings.headers,
            open_paths: sources.open_paths,
        })
    }
}

/// What is asked of clients at one time.
#[derive(Default)]
pub(crate) struct Rules {
    /// How to speak TLS, if at all.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    needs_certificate: bool,
    logins: Logins,
    headers: Vec<(&'static str, String)>,
    open_paths: &'static [&'static str],
}

/// Whether a request may be answered.
pub(crate) enum Verdict {
    Admitted,
    Refused(Response),
    /// It takes a while to find out, by [`Rules::prove`].
    Unproven(Claim),
}

impl Rules {
    /// Judges a request of a client that has shown a good certificate, or none.
    pub(crate) fn judge(&self, request: &Request, has_certificate: bool) -> Verdict {
        if self.open_paths.contains(&request.path.as_str()) {
            return Verdict::Admitted;
        }
        if self.needs_certificate && !has_certificate {
            return Verdict::Refused(Response::text(403, "expected a client certificate\n"));
        }
        if self.logins.are_none() {
            return Verdict::Admitted;
        }
        match self.logins.check(request.header("authorization")) {
            Login::Right => Verdict::Admitted,
            Login::Wrong => Verdict::Refused(self.login_wanted()),
            Login::Unproven(claim) => Verdict::Unproven(claim),
        }
    }

    /// Finds out whether a claim is right: half a second of CPU, perhaps.
    pub(crate) fn prove(&self, claim: &Claim) -> Verdict {
        if self.logins.prove(claim) {
            Verdict::Admitted
        } else {
            Verdict::Refused(self.login_wanted())
        }
    }

    fn login_wanted(&self) -> Response {
        Response::text(401, "expected a login\n").with("WWW-Authenticate", self.logins.challenge())
    }

    /// Adds the headers that every answer has.
    pub(crate) fn dress(&self, response: &mut Response) {
        for (name, value) in &self.headers {
            response
                .headers
                .retain(|(each, _)| !each.eq_ignore_ascii_case(name));
            response.headers.push((name, value.clone().into()));
        }
    }
}
