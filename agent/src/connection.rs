//! From the settings of a backend to a client for it: the files are read here.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use runtime::secret::{SecretFile, read_file};
use webclient::{Authorities, Client, Credentials, Header, Identity, Settings};

use crate::args::{Backend, Login};

/// A file named by a flag or a variable is of no use. One line, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableFile(String);

impl UnusableFile {
    /// Says what the file is for, and what is wrong with it.
    pub fn new(what: &str, problem: &dyn fmt::Display) -> Self {
        Self(format!("{what} {problem}"))
    }
}

impl fmt::Display for UnusableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnusableFile {}

/// Connecting takes milliseconds inside a cluster; a lost packet takes a few seconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Between two queries of one run a connection is hardly idle.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// Builds a client with what the files hold now; connects to nothing yet.
///
/// # Errors
/// When a file cannot be read or does not hold what it should.
pub fn client(backend: &Backend) -> Result<Client, UnusableFile> {
    let authorities = match &backend.ca_file {
        Some(path) => Authorities::from_file(path)
            // It says itself that it is about the CA file.
            .map_err(|error| UnusableFile(error.to_string()))?,
        None => Authorities::public(),
    };
    let identity = backend
        .identity
        .as_ref()
        .map(|files| Identity::from_files(&files.certificate, &files.key))
        .transpose()
        .map_err(|error| UnusableFile::new("client certificate", &error))?;
    let mut headers: Vec<Header> = backend.headers.iter().map(|h| h.header.clone()).collect();
    if let Some(path) = &backend.header_file {
        headers.extend(read_headers(path)?);
    }
    let credentials = credentials(&backend.login)?;
    let own = headers.iter().any(|h| h.name() == "authorization");
    if own && !matches!(credentials, Credentials::None) {
        let problem = "expected no authorization beside that of a flag";
        return Err(UnusableFile::new("header file:", &problem));
    }
    Ok(Client::new(Settings {
        base: backend.url.clone(),
        authorities,
        identity,
        credentials,
        headers,
        user_agent: concat!("k8s-ai-agent/", env!("CARGO_PKG_VERSION")),
        deadline: backend.timeout,
        connect_deadline: CONNECT_DEADLINE.min(backend.timeout),
        keep_idle: KEEP_IDLE,
    }))
}

/// The credentials, whose file is read again for each request: here to see early
/// that it is of use.
fn credentials(login: &Login) -> Result<Credentials, UnusableFile> {
    let (what, file, credentials) = match login {
        Login::None => return Ok(Credentials::None),
        Login::BearerTokenFile(path) => {
            let file = SecretFile::token(path.clone());
            ("bearer token file", file.clone(), Credentials::Bearer(file))
        }
        Login::Basic {
            user,
            password_file,
        } => {
            let file = SecretFile::password(password_file.clone());
            let credentials = Credentials::Basic {
                user: user.clone(),
                password: file.clone(),
            };
            ("password file", file, credentials)
        }
    };
    match file.current() {
        Ok(_) => Ok(credentials),
        Err(error) => Err(UnusableFile::new(what, &error)),
    }
}

/// Reads headers, one a line; lines that are blank or begin with `#` are none.
fn read_headers(path: &Path) -> Result<Vec<Header>, UnusableFile> {
    let unusable = |problem: &dyn fmt::Display| {
        UnusableFile(format!("header file {}: {problem}", path.display()))
    };
    let bytes = read_file(path).map_err(|error| unusable(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable(&"expected text"))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            Header::parse(line)
                .map_err(|bad| unusable(&format!("line {}: expected {bad}", index + 1)))
        })
        .collect()
}
