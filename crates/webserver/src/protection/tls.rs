//! Certificates and what is asked of clients -> a TLS configuration: rustls with ring.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::settings::{ClientCertificates, Version};

/// What a configuration is made of, as the files have it.
pub(super) struct Material<'m> {
    pub(super) certificates: &'m [u8],
    pub(super) key: &'m [u8],
    /// The authorities of clients, where one is asked for.
    pub(super) client_ca: Option<&'m [u8]>,
}

/// Which file is of no use, and what was expected of it.
pub(super) type BadFile = (WhichFile, String);

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhichFile {
    Certificates,
    Key,
    ClientCa,
}

/// Makes a configuration.
pub(super) fn server_config(
    material: &Material<'_>,
    client: &ClientCertificates,
    versions: (Version, Version),
) -> Result<Arc<ServerConfig>, BadFile> {
    let in_certificates = |problem: String| (WhichFile::Certificates, problem);
    let chain = certificates(material.certificates).ok_or_else(|| {
        in_certificates("expected certificates in PEM form (BEGIN CERTIFICATE)".to_owned())
    })?;
    let key = PrivateKeyDer::from_pem_slice(material.key).map_err(|_| {
        (
            WhichFile::Key,
            "expected a private key in PEM form (BEGIN PRIVATE KEY)".to_owned(),
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&supported(versions))
        .map_err(|error| in_certificates(error.to_string()))?;
    let builder = match (client, material.client_ca) {
        (ClientCertificates::NotAskedFor, _) | (_, None) => builder.with_no_client_auth(),
        (_, Some(pem)) => {
            let in_ca = |problem: String| (WhichFile::ClientCa, problem);
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(pem).unwrap_or_default());
            // Whether a client may do without one is decided by what it asks for.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|_| {
                    in_ca("expected certificates in PEM form (BEGIN CERTIFICATE)".to_owned())
                })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| in_certificates(format!("with its key: {error}")))?;
    // Nothing is kept for clients that come again: certificates that are no longer good are
    // noticed, and thousands of clients leave nothing behind.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// All certificates of a file, if there are any and all can be read.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}

fn supported((least, most): (Version, Version)) -> Vec<&'static SupportedProtocolVersion> {
    [
        (Version::Tls13, &version::TLS13),
        (Version::Tls12, &version::TLS12),
    ]
    .into_iter()
    .filter(|(version, _)| (least..=most).contains(version))
    .map(|(_, supported)| supported)
    .collect()
}
