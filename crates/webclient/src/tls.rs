//! TLS of the client: rustls with ring, always verified, for the host of the URL or for a name
//! that the caller has for the same server, with messages that name the host
//! name or CA that did not match.
//!
//! Invariant: a TLS failure names the host name or CA that did not match (held by
//! `tls_failures_name_the_mismatch` in e2e).

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runtime::file::{self, FileError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError,
    RootCertStore, SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use crate::{BaseUrl, Failure, Identity, name};

/// CAs to trust: those of a CA file, or the public ones.
#[derive(Clone)]
pub struct CaBundle {
    roots: Arc<RootCertStore>,
    /// The certificates of a CA file, each of which is trusted as a server's own, too.
    certificates: Arc<Vec<CertificateDer<'static>>>,
    /// Their source, for messages.
    origin: String,
}

impl CaBundle {
    /// Trusts no CA: for `http://` origins. Over TLS every certificate is refused.
    pub fn none() -> Self {
        Self {
            roots: Arc::new(RootCertStore::empty()),
            certificates: Arc::default(),
            origin: "no CA file was given".to_owned(),
        }
    }

    /// Trusts the public CAs of Mozilla's list.
    #[cfg(feature = "public-roots")]
    pub fn public() -> Self {
        Self {
            roots: Arc::new(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            }),
            certificates: Arc::default(),
            origin: "the public CAs".to_owned(),
        }
    }

    /// Trusts the CAs in PEM text that was read from `path`.
    ///
    /// # Errors
    /// When there is no usable certificate in it.
    pub fn from_pem(pem: &[u8], path: &Path) -> Result<Self, FileError> {
        let mut roots = RootCertStore::empty();
        // Certificates that cannot be parsed are skipped, as every TLS stack does: one
        // odd certificate of a bundle must not exclude the others.
        let certificates = Vec::from_iter(CertificateDer::pem_slice_iter(pem).flatten());
        roots.add_parsable_certificates(certificates.iter().cloned());
        if roots.is_empty() {
            let problem = "expected at least one certificate in PEM form (BEGIN CERTIFICATE)";
            return Err(FileError::invalid(path, problem));
        }
        let names: Vec<String> = roots
            .subjects()
            .iter()
            .take(3)
            .filter_map(|subject| name::display(subject.as_ref()))
            .collect();
        let origin = match names.as_slice() {
            [] => path.display().to_string(),
            _ => format!("{} ({})", path.display(), names.join("; ")),
        };
        Ok(Self {
            roots: Arc::new(roots),
            certificates: Arc::new(certificates),
            origin,
        })
    }

    /// Trusts the CAs of a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        Self::from_pem(&file::read(path)?, path)
    }

    /// Trusts these and `others`.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let roots = self.roots.roots.iter().chain(&others.roots.roots);
        let certificates = self.certificates.iter().chain(&*others.certificates);
        Self {
            roots: Arc::new(RootCertStore {
                roots: roots.cloned().collect(),
            }),
            certificates: Arc::new(certificates.cloned().collect()),
            origin: format!("{} and {}", self.origin, others.origin),
        }
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaBundle").field(&self.origin).finish()
    }
}

thread_local! {
    /// Name that the certificates of new connections may have in place of their host's.
    static PEER_NAME: RefCell<Option<ServerName<'static>>> = const { RefCell::new(None) };
}

/// Sends a request whose server may have a certificate for `name` in place of its host's.
///
/// ureq connects in the thread of the request, and passes nothing of the request to a connector
/// but its URL.
pub(crate) fn with_peer_name<T>(name: Option<&str>, send: impl FnOnce() -> T) -> T {
    let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    PEER_NAME.set(name);
    let result = send();
    PEER_NAME.set(None);
    result
}

/// Verifies as rustls does, for the host or else for the peer's name; accepts a server's
/// certificate that is itself in the CA file, as curl does; and explains the two common refusals.
#[derive(Debug)]
struct ExplainingVerifier {
    inner: Arc<WebPkiServerVerifier>,
    ca_bundle: CaBundle,
}

/// Returns `true` for the refusals of a chain that does not end at a trusted CA, among them that
/// of a self-signed CA as server. rustls checks the certificate's validity before, so a
/// certificate refused like this has not expired.
fn is_issuer_problem(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

/// An explanation, carried through rustls's error.
#[derive(Debug)]
struct Explanation(String);

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Explanation {}

impl ServerCertVerifier for ExplainingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |name: &ServerName<'_>| {
            let verified =
                self.inner
                    .verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
            match verified {
                Err(error)
                    if is_issuer_problem(&error)
                        && self.ca_bundle.certificates.contains(end_entity) =>
                {
                    let certificate = ParsedCertificate::try_from(end_entity)?;
                    verify_server_name(&certificate, name).map(|()| ServerCertVerified::assertion())
                }
                verified => verified,
            }
        };
        let verified = verify(server_name);
        let peer_name = PEER_NAME.with_borrow(Clone::clone);
        let peer_name = peer_name.filter(|name| name != server_name);
        if let Some(name) = &peer_name
            && is_other_name(&verified)
            && let Ok(verified) = verify(name)
        {
            return Ok(verified);
        }
        let explanation = match &verified {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                let issuer = webpki::EndEntityCert::try_from(end_entity)
                    .ok()
                    .and_then(|certificate| name::display(certificate.issuer()))
                    .unwrap_or_else(|| "an unnamed CA".to_owned());
                format!(
                    "the server's certificate was issued by {issuer}, which is not in {}",
                    self.ca_bundle.origin
                )
            }
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                expected,
                presented,
            })) => format!(
                "the server's certificate is not for {}{}; it is for {}",
                expected.to_str(),
                peer_name.map_or_else(String::new, |name| format!(" or {}", name.to_str())),
                if presented.is_empty() {
                    "no name at all".to_owned()
                } else {
                    presented.join(", ")
                }
            ),
            _ => return verified,
        };
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(
            OtherError(Arc::new(Explanation(explanation))),
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_other_name(verified: &Result<ServerCertVerified, rustls::Error>) -> bool {
    matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ))
    )
}

/// Wraps connections of `https://` origins in TLS; leaves others as they are.
pub(crate) struct TlsConnector {
    /// An error text if no CA is trusted.
    config: Result<Arc<ClientConfig>, String>,
}

impl TlsConnector {
    /// `is_secure`: true if any origin may be `https://`.
    pub(crate) fn new(is_secure: bool, ca_bundle: &CaBundle, identity: Option<&Identity>) -> Self {
        let config = match is_secure {
            true => client_config(ca_bundle, identity),
            false => Err("no CA is trusted: this client is for http:// only".to_owned()),
        };
        Self { config }
    }
}

fn client_config(
    ca_bundle: &CaBundle,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, String> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let inner =
        WebPkiServerVerifier::builder_with_provider(ca_bundle.roots.clone(), provider.clone())
            .build()
            .map_err(|_| format!("no CA is trusted: {}", ca_bundle.origin))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    // rustls calls any verifier but its own dangerous; ours asks that one, for one of two names,
    // rewords its refusals, and accepts certificates that the CA file holds themselves.
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ExplainingVerifier {
            inner,
            ca_bundle: ca_bundle.clone(),
        }));
    Ok(Arc::new(match identity {
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
        None => builder.with_no_client_auth(),
    }))
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let origin = BaseUrl::of(details.uri).ok_or(ureq::Error::ConnectionFailed)?;
        let to = origin.authority();
        let fail = |problem: String| {
            ureq::Error::Other(Box::new(Failure::Tls {
                to: to.clone(),
                problem,
            }))
        };
        let config = self
            .config
            .as_ref()
            .map_err(|problem| fail(problem.clone()))?;
        let host = origin.host();
        let server_name = ServerName::try_from(host.to_owned())
            .map_err(|_| fail(format!("{host:?} is neither a DNS name nor an IP address")))?;
        let mut connection =
            ClientConnection::new(config.clone(), server_name).map_err(|e| fail(e.to_string()))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket).map_err(|error| {
            // Explained here, where the handshake is known to have failed.
            match Failure::from_transport(error, &origin, handshake_deadline(details)) {
                Failure::Truncated => {
                    fail("the peer closed the connection during the handshake".into())
                }
                failure => ureq::Error::Other(Box::new(failure)),
            }
        })?;
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

fn handshake_deadline(details: &ConnectionDetails<'_>) -> Duration {
    details.config.timeouts().connect.unwrap_or_default()
}

/// One connection in TLS.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl TlsTransport {
    /// Returns the alert that a peer sent before it closed the connection: with TLS 1.3 it
    /// checks our certificate after the handshake, when we are writing already.
    fn alert(&mut self) -> Option<io::Error> {
        let StreamOwned { conn, sock } = &mut self.stream;
        while conn.read_tls(sock).ok()? > 0 {
            if let Err(error) = conn.process_new_packets() {
                return Some(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        None
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        let written = self.stream.write_all(output);
        written.map_err(|error| self.alert().unwrap_or(error).into())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}
