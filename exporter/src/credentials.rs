//! The service account's token and authority: read from their files, and read
//! again as they rotate.
//!
//! Both files are read before each request; they are small, live in memory
//! (a projected volume), and nothing else tells of a change as surely. A file
//! that is for a moment empty, half-written or gone does not lose what was good.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{info, warn};
use webclient::{
    Authorities, BaseUrl, Client, Credentials as Authorization, Secret, Settings, read_file,
    read_token,
};

/// Why there are no credentials to send a request with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// The API server and how to identify oneself to it.
#[derive(Debug)]
pub struct Credentials {
    api_server: BaseUrl,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    deadline: Duration,
    /// Idle connections to keep.
    connections: usize,
    held: Mutex<Held>,
    /// Beside the lock, so that whoever asks for it never waits for a file.
    reloads: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Secret>,
    /// The text of the CA file that `client` was built with.
    ca: Vec<u8>,
    client: Option<Arc<Client>>,
}

/// A client that trusts the current authority, and the current token.
#[derive(Debug, Clone)]
pub struct Current {
    /// The client.
    pub client: Arc<Client>,
    /// The token; none against `kubectl proxy`.
    pub token: Option<Secret>,
}

/// Connections are kept over this many seconds without a request: longer than
/// the default interval, so that a round rarely needs a new handshake.
const KEEP_IDLE: Duration = Duration::from_secs(75);

/// Time for connecting and the TLS handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("k8s-ai-exporter/", env!("CARGO_PKG_VERSION"));

impl Credentials {
    /// Remembers where to look; reads nothing yet. So many connections are kept open
    /// between requests.
    pub fn new(
        api_server: BaseUrl,
        token_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
        deadline: Duration,
        connections: usize,
    ) -> Self {
        Self {
            api_server,
            token_file,
            ca_file,
            deadline,
            connections,
            held: Mutex::default(),
            reloads: AtomicU64::new(0),
        }
    }

    /// How often a changed token was taken over.
    pub fn token_reloads(&self) -> u64 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// Deadline of one question to the API server.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The credentials as of now.
    ///
    /// # Errors
    /// When a file has never been readable.
    pub fn current(&self) -> Result<Current, Missing> {
        let mut held = self.lock();
        if let Some(path) = &self.token_file
            && held.refresh_token(path)?
        {
            self.reloads.fetch_add(1, Ordering::Relaxed);
        }
        match &self.ca_file {
            Some(path) => {
                if let Some(authorities) = held.changed_authorities(path)? {
                    held.client = Some(Arc::new(self.client(authorities)));
                }
            }
            None if held.client.is_none() => {
                held.client = Some(Arc::new(self.client(Authorities::none())));
            }
            None => {}
        }
        let client = held
            .client
            .clone()
            .ok_or_else(|| Missing("no authority to trust".to_owned()))?;
        Ok(Current {
            client,
            token: held.token.clone(),
        })
    }

    fn client(&self, authorities: Authorities) -> Client {
        let settings = Settings {
            base: self.api_server.clone(),
            authorities,
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

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing is left half-changed under this lock, whatever happened.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Reads the token again. True where a new one has replaced an old one.
    fn refresh_token(&mut self, path: &Path) -> Result<bool, Missing> {
        let read = read_token(path).map_err(|error| Missing(format!("token file {error}")));
        match read {
            Ok(token) if self.token.as_ref() != Some(&token) => {
                let changed = self.token.replace(token).is_some();
                if changed {
                    info!("token file {} changed, using the new token", path.display());
                }
                Ok(changed)
            }
            Ok(_) => Ok(false),
            Err(problem) if self.token.is_some() => {
                warn!("{problem}; keeping the last good token");
                Ok(false)
            }
            Err(problem) => Err(problem),
        }
    }

    /// The authorities of the file, where its text differs from the last good one.
    fn changed_authorities(&mut self, path: &Path) -> Result<Option<Authorities>, Missing> {
        let problem = match read_file(path) {
            Ok(pem) if self.client.is_some() && pem == self.ca => return Ok(None),
            Ok(pem) => match Authorities::from_pem(&pem, path) {
                Ok(authorities) => {
                    if self.client.is_some() {
                        info!(
                            "CA file {} changed, trusting its new content",
                            path.display()
                        );
                    }
                    self.ca = pem;
                    return Ok(Some(authorities));
                }
                Err(error) => error.to_string(),
            },
            Err(error) => format!("CA file {}: {error}", path.display()),
        };
        if self.client.is_none() {
            return Err(Missing(problem));
        }
        warn!("{problem}; keeping the last good authorities");
        Ok(None)
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
    fn a_rotated_token_is_taken_over_and_a_broken_file_loses_nothing() {
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
    fn a_file_that_was_never_good_is_named() {
        let error = with_token("/nonexistent/token".into())
            .current()
            .expect_err("missing");
        assert!(
            error
                .to_string()
                .starts_with("token file /nonexistent/token: "),
            "{error}"
        );
        // Endless, like a pipe that nobody writes to: never read.
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
