//! The service account's token and CA, read from their files before each request, so that
//! rotated ones are used.
//!
//! Invariant: a broken token file keeps the last good token in use (held by
//! `rotated_token_is_read_broken_file_ignored`).

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::file::{self, FileError};
use runtime::lock::lock;
use runtime::reload::LastGood;
use runtime::secret::{Secret, SecretFile};
use webclient::{BaseUrl, CaBundle, Client, Credentials as Authorization, Settings};

/// A token or CA file that has never been usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Credentials for one server, and the client that uses them.
#[derive(Debug)]
pub struct Credentials {
    api_server: BaseUrl,
    token_file: Option<SecretFile>,
    ca_file: Option<PathBuf>,
    deadline: Duration,
    /// Idle connections to keep.
    connections: usize,
    /// The content of the CA file, and a client that trusts it.
    client: Mutex<LastGood<Vec<u8>, Arc<Client>>>,
}

/// A client that trusts the current CA, and the current token.
#[derive(Debug, Clone)]
pub struct Current {
    /// The client.
    pub client: Arc<Client>,
    /// The token; none for `kubectl proxy`.
    pub token: Option<Secret>,
}

/// Idle connections are kept for this time: longer than the default interval, so that
/// a round rarely needs a new handshake.
const KEEP_IDLE: Duration = Duration::from_secs(75);

/// Time for connecting and the TLS handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("k8s-ai-exporter/", env!("CARGO_PKG_VERSION"));

impl Credentials {
    /// Makes credentials from these files, which are not read yet. Up to `connections` idle
    /// connections are kept.
    pub fn new(
        api_server: BaseUrl,
        token_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
        deadline: Duration,
        connections: usize,
    ) -> Self {
        Self {
            api_server,
            token_file: token_file.map(SecretFile::token),
            ca_file,
            deadline,
            connections,
            client: Mutex::default(),
        }
    }

    /// Returns the number of token reloads.
    pub fn token_reloads(&self) -> u64 {
        self.token_file.as_ref().map_or(0, SecretFile::replaced)
    }

    /// The deadline of one request to the API server.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Returns the current credentials.
    ///
    /// # Errors
    /// When a file has never been usable.
    pub fn current(&self) -> Result<Current, Missing> {
        let token = self.token_file.as_ref().map(SecretFile::current);
        let token = token.transpose();
        Ok(Current {
            token: token.map_err(|error| Missing(format!("token file {error}")))?,
            client: self.current_client()?,
        })
    }

    /// Returns whether the CA file has changed since this client was made from it.
    pub fn replaced(&self, client: &Arc<Client>) -> bool {
        let current = self.current_client();
        current.is_ok_and(|current| !Arc::ptr_eq(&current, client))
    }

    fn current_client(&self) -> Result<Arc<Client>, Missing> {
        let missing = |error: FileError| Missing(format!("CA file {error}"));
        let (name, pem) = match &self.ca_file {
            Some(path) => {
                let name = format!("CA file {}", path.display());
                (name, file::read(path).map_err(missing))
            }
            None => (String::new(), Ok(Vec::new())),
        };
        let mut client = lock(&self.client);
        let (_, client) = client.update(&name, pem, |pem| {
            let ca_bundle = match &self.ca_file {
                Some(path) => CaBundle::from_pem(pem, path),
                None => Ok(CaBundle::none()),
            };
            Ok(Arc::new(self.client(ca_bundle.map_err(missing)?)))
        })?;
        Ok(Arc::clone(client))
    }

    fn client(&self, ca_bundle: CaBundle) -> Client {
        let settings = Settings {
            base: self.api_server.clone(),
            ca_bundle,
            identity: None,
            // The token goes with each request, so that a new one needs no new client.
            credentials: Authorization::None,
            headers: Vec::new(),
            user_agent: USER_AGENT,
            deadline: self.deadline,
            connect_deadline: CONNECT_DEADLINE.min(self.deadline),
            keep_idle: KEEP_IDLE,
        };
        Client::keeping(self.connections, settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own for one test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("exporter-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a scratch directory");
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, text).expect("a writable file");
            path
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn with_token(path: PathBuf) -> Credentials {
        let api_server = BaseUrl::parse("http://127.0.0.1:8001").expect("a URL");
        Credentials::new(api_server, Some(path), None, Duration::from_secs(1), 1)
    }

    fn token(credentials: &Credentials) -> String {
        let current = credentials.current().expect("credentials");
        current.token.expect("a token").reveal().to_owned()
    }

    #[test]
    fn rotated_token_is_read_broken_file_ignored() {
        let scratch = Scratch::new("rotation");
        let path = scratch.write("token", "first\n");
        let credentials = with_token(path.clone());
        assert_eq!(token(&credentials), "first");
        scratch.write("token", "second");
        assert_eq!(token(&credentials), "second");
        assert_eq!(credentials.token_reloads(), 1);
        for broken in ["", " \n", "two words", "br\u{fc}cke"] {
            scratch.write("token", broken);
            assert_eq!(token(&credentials), "second", "{broken:?}");
        }
        std::fs::remove_file(path).expect("removed");
        assert_eq!(token(&credentials), "second");
        assert_eq!(credentials.token_reloads(), 1);
    }

    #[test]
    fn never_usable_file_is_named() {
        let error = with_token("/nonexistent/token".into())
            .current()
            .expect_err("missing");
        assert!(
            error
                .to_string()
                .starts_with("token file /nonexistent/token: "),
            "{error}"
        );
        // Endless, like a pipe without a writer: never read.
        let error = with_token("/dev/zero".into())
            .current()
            .expect_err("no file");
        assert_eq!(
            error.to_string(),
            "token file /dev/zero: expected a regular file"
        );
        let scratch = Scratch::new("ca");
        let ca = scratch.write("ca.crt", "not PEM");
        let api_server = BaseUrl::parse("https://127.0.0.1").expect("a URL");
        let credentials = Credentials::new(api_server, None, Some(ca), Duration::from_secs(1), 1);
        let error = credentials
            .current()
            .expect_err("no certificate")
            .to_string();
        assert!(
            error.contains("ca.crt: expected at least one certificate in PEM form"),
            "{error}"
        );
    }
}
