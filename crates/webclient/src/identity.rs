//! Client certificates, for servers that request one (mutual TLS).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::secret::read_file;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};

/// A certificate chain with its key.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    /// For debug output, which must not contain the key.
    certificate_file: PathBuf,
}

/// A client certificate or key that cannot be used.
#[derive(Debug)]
pub enum IdentityError {
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file does not hold what was expected.
    Invalid {
        /// The file.
        path: PathBuf,
        /// The expected content.
        expected: &'static str,
    },
    /// The key belongs to another certificate.
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Invalid { path, expected } => {
                write!(f, "{}: expected {expected}", path.display())
            }
            Self::Mismatch { certificate, key } => write!(
                f,
                "{}: expected the key of the certificate in {}, got another one",
                key.display(),
                certificate.display()
            ),
        }
    }
}

impl std::error::Error for IdentityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Invalid { .. } | Self::Mismatch { .. } => None,
        }
    }
}

const EXPECTED_CERTIFICATE: &str =
    "a certificate in PEM form (BEGIN CERTIFICATE), the client's own first";
const EXPECTED_KEY: &str =
    "a private key in PEM form (BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)";

impl Identity {
    /// Reads a certificate with its chain, and its private key.
    ///
    /// # Errors
    /// When a file cannot be read, holds none, or the two do not match.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read = |path: &Path| {
            read_file(path).map_err(|source| IdentityError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let invalid = |path: &Path, expected| IdentityError::Invalid {
            path: path.to_owned(),
            expected,
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|chain: &Vec<_>| !chain.is_empty())
            .ok_or_else(|| invalid(certificate, EXPECTED_CERTIFICATE))?;
        let pem = read(key)?;
        let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            let encrypted = pem.windows(9).any(|word| word == b"ENCRYPTED");
            let expected = match encrypted {
                true => "a private key without a passphrase",
                false => EXPECTED_KEY,
            };
            invalid(key, expected)
        })?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, private, &provider);
        Ok(Self {
            key: Arc::new(certified.map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityError::Mismatch {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                },
                Error::InvalidCertificate(_) => invalid(certificate, EXPECTED_CERTIFICATE),
                _ => invalid(key, "an RSA, ECDSA or Ed25519 key"),
            })?),
            certificate_file: certificate.to_owned(),
        })
    }

    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.key)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity")
            .field(&self.certificate_file)
            .finish()
    }
}
