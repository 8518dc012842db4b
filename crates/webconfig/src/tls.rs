//! TLS by rustls with ring: the configuration, and the session of a connection.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, Stream, SupportedProtocolVersion, version,
};
use webserver::{Session, Socket};

use crate::settings::{ClientCertificates, Version};

/// The contents of the files of a configuration.
pub(crate) struct Material<'m> {
    pub(crate) certificates: &'m [u8],
    pub(crate) key: &'m [u8],
    /// The CAs of client certificates, if those are requested.
    pub(crate) client_ca: Option<&'m [u8]>,
}

/// The file that cannot be used, and the problem.
pub(crate) type BadFile = (Part, String);

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Certificates,
    Key,
    ClientCa,
}

/// Makes a configuration.
pub(crate) fn server_config(
    material: &Material<'_>,
    client: &ClientCertificates,
    versions: (Version, Version),
) -> Result<Arc<ServerConfig>, BadFile> {
    let in_certificates = |problem: String| (Part::Certificates, problem);
    let chain = certificates(material.certificates).ok_or_else(|| {
        in_certificates("expected certificates in PEM form (BEGIN CERTIFICATE)".to_owned())
    })?;
    let key = PrivateKeyDer::from_pem_slice(material.key).map_err(|_| {
        (
            Part::Key,
            "expected a private key in PEM form (BEGIN PRIVATE KEY)".to_owned(),
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&supported(versions))
        .map_err(|error| in_certificates(error.to_string()))?;
    let builder = match (client, material.client_ca) {
        (ClientCertificates::NotRequested, _) | (_, None) => builder.with_no_client_auth(),
        (_, Some(pem)) => {
            let in_ca = |problem: String| (Part::ClientCa, problem);
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(pem).unwrap_or_default());
            // Clients without one are refused later, depending on the path of the request.
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
    // No session resumption: a certificate is checked on each connection, and no
    // memory is kept for thousands of clients.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Returns all certificates of a file; `None` if there are none, or one is malformed.
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

/// The TLS session of one connection.
pub(crate) struct TlsSession(Box<ServerConnection>);

impl TlsSession {
    pub(crate) fn new(config: &Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Self(Box::new(connection)))
    }
}

impl Session for TlsSession {
    fn read(&mut self, mut socket: &mut dyn Socket, buffer: &mut [u8]) -> io::Result<usize> {
        Stream::new(&mut *self.0, &mut socket).read(buffer)
    }

    fn write(&mut self, mut socket: &mut dyn Socket, bytes: &[u8]) -> io::Result<usize> {
        Stream::new(&mut *self.0, &mut socket).write(bytes)
    }

    fn flush(&mut self, mut socket: &mut dyn Socket) -> io::Result<()> {
        Stream::new(&mut *self.0, &mut socket).flush()
    }

    fn close(&mut self, mut socket: &mut dyn Socket) -> io::Result<()> {
        self.0.send_close_notify();
        while self.0.wants_write() {
            self.0.write_tls(&mut socket)?;
        }
        Ok(())
    }

    fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    fn has_certificate(&self) -> bool {
        self.0.peer_certificates().is_some()
    }
}
