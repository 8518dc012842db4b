//! Credentials that clients need, and their files:
//! `ca.crt` and `token`, as in the directory mounted into every pod.
//!
//! Out of scope: how certificates are made (`tls`); roles and permissions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::KeyPair;
use rustls::ServerConfig;
use tempfile::TempDir;

use crate::admission::User;
use crate::shape::mix_text;
use crate::tls::{API_SERVER, Certificate, CertificateAuthority, NAMES};

/// Name of the client's account, as its token says it.
pub(crate) const USER: &str = "system:serviceaccount:monitoring:k8s-ai-exporter";

/// The CA, the certificate shown and the token accepted.
pub(crate) struct Credentials {
    ca: CertificateAuthority,
    tls: Arc<ServerConfig>,
    token: String,
    /// The node of the pod that the token is bound to.
    node: Option<String>,
}

impl Credentials {
    /// Makes new ones and writes the files.
    pub(crate) fn new(files: &Files) -> io::Result<Self> {
        let (ca, tls) = new_ca(files)?;
        let mut new = Self {
            ca,
            tls,
            token: String::new(),
            node: None,
        };
        new.rotate_token(files)?;
        Ok(new)
    }

    /// Writes a new token to its file and accepts no other from now on.
    pub(crate) fn rotate_token(&mut self, files: &Files) -> io::Result<()> {
        // A new key is random, and at hand.
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let token = format!("testbed-{:016x}", mix_text(0, &key.serialize_pem()));
        write(&files.token, &token)?;
        self.token = token;
        Ok(())
    }

    /// Writes a new CA to its file and shows a certificate of it.
    pub(crate) fn rotate_ca(&mut self, files: &Files) -> io::Result<()> {
        (self.ca, self.tls) = new_ca(files)?;
        Ok(())
    }

    /// Shows another certificate from now on.
    pub(crate) fn show(&mut self, certificate: Certificate) -> io::Result<()> {
        self.tls = self.ca.server(certificate, API_SERVER, &NAMES)?;
        Ok(())
    }

    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// Binds the token to a pod on this node.
    pub(crate) fn bind(&mut self, node: &str) {
        self.node = Some(node.to_owned());
    }

    /// The user of this value of `Authorization`, if it is let in: a token review.
    pub(crate) fn review(&self, authorization: &str) -> Option<User> {
        let token = authorization.strip_prefix("Bearer ")?;
        (token == self.token).then(|| User {
            name: USER.to_owned(),
            node: self.node.clone(),
        })
    }
}

/// Writes a new CA to its file; returns it with a good certificate.
fn new_ca(files: &Files) -> io::Result<(CertificateAuthority, Arc<ServerConfig>)> {
    let ca = CertificateAuthority::new("kubernetes")?;
    let tls = ca.server(Certificate::Good, API_SERVER, &NAMES)?;
    write(&files.ca, &ca.pem())?;
    Ok((ca, tls))
}

/// The files of a cluster, in the directory given, which stays, or in a temporary one,
/// which is removed with this.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) token: PathBuf,
    pub(crate) kubelet_ca: PathBuf,
    _temporary: Option<TempDir>,
}

impl Files {
    pub(crate) fn new(directory: Option<PathBuf>) -> io::Result<Self> {
        let (path, temporary) = match directory {
            Some(path) => (path, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("testbed-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        fs::create_dir_all(&path).map_err(|error| about(&path, &error))?;
        Ok(Self {
            ca: path.join("ca.crt"),
            token: path.join("token"),
            kubelet_ca: path.join("kubelet-ca.crt"),
            _temporary: temporary,
        })
    }
}

/// Writes beside, then renames, so that a reader never sees a half.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, file))
        .map_err(|error| about(file, &error))
}

/// An error that names its file.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
