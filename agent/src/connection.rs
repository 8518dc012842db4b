//! The connection to the backend: from its configuration and files to a client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::file::{self, FileError};
use runtime::secret::SecretFile;
use webclient::{BaseUrl, CaBundle, Client, Credentials, Header, Identity, Settings};

use crate::invalid_file::InvalidFile;

/// The configuration of the backend. Its files are read later.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// The URL, with its path prefix.
    pub url: BaseUrl,
    /// The CAs to trust over TLS, if not the public ones.
    pub ca_file: Option<PathBuf>,
    /// The client certificate to present over TLS.
    pub identity: Option<IdentityFiles>,
    /// The authentication.
    pub login: Login,
    /// Headers without secrets, such as a tenant's.
    pub headers: Vec<Header>,
    /// A file with more headers, which may be secret.
    pub header_file: Option<PathBuf>,
    /// The deadline of a request.
    pub timeout: Duration,
    /// The time after its start until which a report may begin a request.
    pub deadline: Duration,
}

/// The files of a client certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The authentication of requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    /// None.
    None,
    /// The bearer token in this file.
    BearerTokenFile(PathBuf),
    /// Basic authentication.
    Basic {
        /// The user's name.
        user: String,
        /// The file with the password.
        password_file: PathBuf,
    },
}

/// Connecting takes milliseconds inside a cluster; a lost packet takes a few seconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The time for which idle connections are kept: queries of one run follow each other.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// Builds a client from the files as they are now; does not connect yet.
///
/// # Errors
/// When a file cannot be read or is invalid.
pub fn client(backend: &Backend) -> Result<Client, InvalidFile> {
    let ca_bundle = match &backend.ca_file {
        Some(path) => {
            CaBundle::from_file(path).map_err(|error| InvalidFile::new("CA file", &error))?
        }
        None => CaBundle::public(),
    };
    let identity = backend
        .identity
        .as_ref()
        .map(|files| Identity::from_files(&files.certificate, &files.key))
        .transpose()
        .map_err(|error| InvalidFile::new("client certificate", &error))?;
    let mut headers = backend.headers.clone();
    if let Some(path) = &backend.header_file {
        headers.extend(read_headers(path)?);
    }
    let credentials = credentials(&backend.login)?;
    let own = headers.iter().any(|h| h.name() == "authorization");
    if own && !matches!(credentials, Credentials::None) {
        let problem =
            "unexpected authorization header beside --bearer-token-file or --basic-auth-user";
        return Err(InvalidFile::new("header file:", &problem));
    }
    Ok(Client::new(Settings {
        base: backend.url.clone(),
        ca_bundle,
        identity,
        credentials,
        headers,
        user_agent: concat!("k8s-ai-agent/", env!("CARGO_PKG_VERSION")),
        deadline: backend.timeout,
        connect_deadline: CONNECT_DEADLINE.min(backend.timeout),
        keep_idle: KEEP_IDLE,
    }))
}

/// Returns the credentials. Their file is read again for each request, and here to report errors
/// early.
fn credentials(login: &Login) -> Result<Credentials, InvalidFile> {
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
        Err(error) => Err(InvalidFile::new(what, &error)),
    }
}

/// Reads headers, one a line; blank lines and those that begin with `#` are skipped.
fn read_headers(path: &Path) -> Result<Vec<Header>, InvalidFile> {
    let headers = || -> Result<_, FileError> {
        let text = String::from_utf8(file::read(path)?)
            .map_err(|_| FileError::invalid(path, "expected UTF-8 text"))?;
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|(index, line)| {
                Header::parse(line).map_err(|bad| {
                    FileError::invalid(path, format!("line {}: expected {bad}", index + 1))
                })
            })
            .collect()
    };
    headers().map_err(|error| InvalidFile::new("header file", &error))
}
