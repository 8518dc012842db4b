//! TLS and authentication of a port, in the convention of Prometheus's own exporters.
//!
//! A port is described by a web configuration file, the files that it names, and a file
//! with a bearer token. They are read again as they change; while one is missing or
//! invalid, the last good content stays in use, so a port is never less protected than
//! before.
//!
//! Invariant: changed files are used without a restart, broken ones are not (held by
//! `files_are_reloaded_unless_broken`).
//!
//! Modules: `yaml` reads the lines of a web configuration, [`settings`] their meaning,
//! `password` bcrypt hashes; `login` checks credentials, `tls` makes TLS sessions, and
//! `policy` is what both mean for a [`webserver`].
//!
//! Out of scope: where the files are named, the server itself.

mod login;
mod password;
mod policy;
pub mod settings;
mod tls;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::file::{self, FileError};
use runtime::lock::lock;
use runtime::reload::LastGood;
use runtime::secret::read_token;
use webserver::Policy;

use login::Authenticator;
use policy::PortPolicy;
use settings::{ClientCertificates, Settings};
use tls::{Material, Part};

/// Minimum time between two reads of the files.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The files that protect a port. Without any of them it serves plain HTTP without
/// authentication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The web configuration: TLS, users, headers.
    pub web_config: Option<PathBuf>,
    /// A bearer token that is accepted.
    pub bearer_token: Option<PathBuf>,
}

/// The protection of a port, always as in its files.
#[derive(Debug)]
pub struct WebConfig {
    files: Files,
    /// Paths that need neither authentication nor a client certificate.
    open_paths: &'static [&'static str],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    policy: LastGood<Contents, Arc<PortPolicy>>,
    read_at: Instant,
}

impl WebConfig {
    /// Reads the files. Requests for `open_paths` need neither authentication nor a client
    /// certificate.
    ///
    /// # Errors
    /// When a file cannot be read or used; the message names it and what was expected.
    pub fn load(files: Files, open_paths: &'static [&'static str]) -> Result<Self, FileError> {
        let mut state = State {
            policy: LastGood::default(),
            read_at: Instant::now(),
        };
        state.update(&files, open_paths)?;
        Ok(Self {
            files,
            open_paths,
            state: Mutex::new(state),
        })
    }

    /// Describes the protection in a few words, for the log.
    pub fn describe(&self) -> &'static str {
        self.current().describe()
    }

    /// Returns the current policy: another one only if the files have changed.
    pub fn policy(&self) -> Arc<dyn Policy> {
        self.current()
    }

    fn current(&self) -> Arc<PortPolicy> {
        let mut state = lock(&self.state);
        let is_fixed = self.files == Files::default();
        if !is_fixed && state.read_at.elapsed() >= READ_EVERY {
            state.read_at = Instant::now();
            // There is a good one since `load`.
            let _ = state.update(&self.files, self.open_paths);
        }
        let (_, policy) = state.policy.get().expect("`load` has made the first");
        Arc::clone(policy)
    }
}

impl State {
    fn update(
        &mut self,
        files: &Files,
        open_paths: &'static [&'static str],
    ) -> Result<(), FileError> {
        let name = &"a file of the web configuration";
        self.policy.update(name, files.read(), |contents| {
            let policy = files.policy(contents, open_paths)?;
            Ok(Arc::new(policy))
        })?;
        Ok(())
    }
}

/// The contents of all files.
#[derive(PartialEq, Eq, Default)]
struct Contents {
    web_config: String,
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    token: Option<runtime::secret::Secret>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[contents]")
    }
}

impl Files {
    fn read(&self) -> Result<Contents, FileError> {
        let mut contents = Contents::default();
        if let Some(path) = &self.bearer_token {
            contents.token = Some(read_token(path)?);
        }
        if let Some(path) = &self.web_config {
            contents.web_config = String::from_utf8(file::read(path)?)
                .map_err(|_| FileError::invalid(path, "expected UTF-8"))?;
            if let Some(tls) = self.settings(&contents)?.tls {
                contents.certificates = file::read(&tls.cert_file)?;
                contents.key = file::read(&tls.key_file)?;
                contents.client_ca = tls.client.ca_file().map(file::read).transpose()?;
            }
        }
        Ok(contents)
    }

    fn settings(&self, contents: &Contents) -> Result<Settings, FileError> {
        let Some(path) = &self.web_config else {
            return Ok(Settings::default());
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        settings::parse(&contents.web_config, folder)
            .map_err(|error| FileError::invalid(path, error.to_string()))
    }

    fn policy(
        &self,
        contents: &Contents,
        open_paths: &'static [&'static str],
    ) -> Result<PortPolicy, FileError> {
        let settings = self.settings(contents)?;
        let mut needs_certificate = false;
        let tls = match &settings.tls {
            None => None,
            Some(tls) => {
                needs_certificate = matches!(tls.client, ClientCertificates::Required(_));
                let material = Material {
                    certificates: &contents.certificates,
                    key: &contents.key,
                    client_ca: contents.client_ca.as_deref(),
                };
                let config = tls::server_config(&material, &tls.client, tls.versions);
                Some(config.map_err(|(part, problem)| {
                    let path = match part {
                        Part::Certificates => &tls.cert_file,
                        Part::Key => &tls.key_file,
                        Part::ClientCa => tls.client.ca_file().unwrap_or(&tls.cert_file),
                    };
                    FileError::invalid(path, problem)
                })?)
            }
        };
        Ok(PortPolicy {
            tls,
            needs_certificate,
            logins: Authenticator::new(settings.users, contents.token.as_ref()),
            headers: settings.headers,
            open_paths,
        })
    }
}
