//! Certificates of the simulated servers: a CA, leaf
//! certificates good and bad, and the files that a pod would find mounted.
//!
//! Out of scope: client certificates, revocation, session resumption.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Certificate that the server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Issued by the CA in `ca.crt`, for `127.0.0.1`, `::1`,
    /// `localhost` and `kubernetes.default.svc`; a kubelet's by the CA in
    /// `kubelet-ca.crt`, for its node's address.
    Good,
    /// For the right names, from a CA that is in no file.
    OtherCa,
    /// From the right CA; a kubelet's names its node, and not its address.
    NodeName,
    /// From the right CA, for `elsewhere.example` only.
    OtherName,
    /// Right in all but its time, which ended in 2001.
    Expired,
}

/// Common name of the API server.
pub(crate) const API_SERVER: &str = "kube-apiserver";

/// The names in its certificate.
pub(crate) const NAMES: [&str; 5] = [
    "127.0.0.1",
    "::1",
    "localhost",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// A certificate authority.
pub(crate) struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

impl CertificateAuthority {
    /// A new CA with a new key, called `name`.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(params, key)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// The certificate as PEM, for `ca.crt`.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's configuration with a new certificate of this CA, of
    /// this kind; a good one has these names.
    pub(crate) fn server(
        &self,
        kind: Certificate,
        common_name: &str,
        names: &[impl AsRef<str>],
    ) -> io::Result<Arc<ServerConfig>> {
        if kind == Certificate::OtherCa {
            return Self::new("another-ca")?.server(Certificate::Good, common_name, names);
        }
        let names: Vec<String> = match kind {
            Certificate::OtherName => vec!["elsewhere.example".to_owned()],
            _ => names.iter().map(|name| name.as_ref().to_owned()).collect(),
        };
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == Certificate::Expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));

        // HTTP/1.1 is all that is spoken: no ALPN, as a client that offers
        // nothing else expects.
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map(Arc::new)
            .map_err(io::Error::other)
    }
}
