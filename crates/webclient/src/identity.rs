//! Client certificates, for servers that request one (mutual TLS).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::file::{self, FileError};
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

const EXPECTED_CERTIFICATE: &str =
    "expected a certificate in PEM form (BEGIN CERTIFICATE), the client's own first";
const EXPECTED_KEY: &str =
    "expected a private key in PEM form (BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)";

impl Identity {
    /// Reads a certificate with its chain, and its private key.
    ///
    /// # Errors
    /// When a file cannot be read, holds none, or the two do not match.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, FileError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&file::read(certificate)?)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|chain: &Vec<_>| !chain.is_empty())
            .ok_or_else(|| FileError::invalid(certificate, EXPECTED_CERTIFICATE))?;
        let pem = file::read(key)?;
        let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            let encrypted = pem.windows(9).any(|word| word == b"ENCRYPTED");
            let expected = match encrypted {
                true => "expected a private key without a passphrase",
                false => EXPECTED_KEY,
            };
            FileError::invalid(key, expected)
        })?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, private, &provider);
        Ok(Self {
            key: Arc::new(certified.map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    let certificate = certificate.display();
                    let problem = format!(
                        "expected the key of the certificate in {certificate}, got another one"
                    );
                    FileError::invalid(key, problem)
                }
                Error::InvalidCertificate(_) => {
                    FileError::invalid(certificate, EXPECTED_CERTIFICATE)
                }
                _ => FileError::invalid(key, "expected an RSA, ECDSA or Ed25519 key"),
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
