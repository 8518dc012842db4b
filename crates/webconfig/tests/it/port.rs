//! A protected port, and clients with and without TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use runtime::file::FileError;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use webconfig::{Files, WebConfig};
use webserver::{Limits, ListenAddress, Response, Server};

/// Longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The certificate and key of [`Folder::certificate`] with name `web`.
pub(crate) const TLS: &str = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n";

/// A request, after whose response the connection ends.
pub(crate) fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n")
}

/// The status of a response.
pub(crate) fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or_default()
}

/// A server that answers every request with its path, until dropped.
pub(crate) struct Port(Option<Server>);

impl Port {
    pub(crate) fn open(limits: Limits, config: WebConfig) -> Self {
        let listener = "127.0.0.1:0".parse().map(ListenAddress::bind);
        let listener = listener.expect("an address").expect("a free port");
        let policy = move || config.policy();
        let server = Server::start(listener, limits, policy, |request| {
            Response::text(200, format!("path {}", request.path))
        });
        Self(Some(server.expect("a server")))
    }

    pub(crate) fn server(&self) -> &Server {
        self.0.as_ref().expect("there until dropped")
    }

    fn address(&self) -> SocketAddr {
        self.server().address()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address()).expect("connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    /// The response to one request in plain HTTP.
    pub(crate) fn ask(&self, request: &str) -> String {
        round_trip(self.connect(), request).expect("a response")
    }

    /// The response to one request over TLS, or what went wrong.
    pub(crate) fn ask_tls(&self, config: ClientConfig, request: &str) -> Result<String, String> {
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        round_trip(StreamOwned::new(session, self.connect()), request)
    }
}

fn round_trip(mut stream: impl Read + Write, request: &str) -> Result<String, String> {
    let mut response = String::new();
    stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut response))
        .map_err(|error| format!("{error:?}"))?;
    Ok(response)
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.stop(Duration::ZERO);
        }
    }
}

/// A test's files, removed with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("webconfig-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("written");
    }

    pub(crate) fn certificate(&self, name: &str, ca: &Ca) {
        let (certificate, key) = issue(ca);
        self.write(&format!("{name}.crt"), &certificate);
        self.write(&format!("{name}.key"), &key);
    }

    /// Reads this web configuration and, where there is one, the file `token`.
    pub(crate) fn load(&self, config: &str) -> Result<WebConfig, FileError> {
        self.write("config.yml", config);
        let token = self.0.join("token");
        let files = Files {
            web_config: Some(self.0.join("config.yml")),
            bearer_token: token.exists().then_some(token),
        };
        WebConfig::load(files, &["/livez"])
    }

    pub(crate) fn serve(&self, config: &str) -> Port {
        let config = self.load(config).unwrap_or_else(|error| panic!("{error}"));
        Port::open(Limits::default(), config)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate authority.
pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

/// A certificate for 127.0.0.1 and its key, in PEM form.
pub(crate) fn issue(ca: &Ca) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, ca).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// A client's certificate and key.
pub(crate) type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

pub(crate) fn client_config(
    ca: &Ca,
    identity: Option<Identity>,
    version: &'static rustls::SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from(ca.der().to_vec());
    roots.add(own).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(vec![certificate], key)
            .expect("an identity"),
    }
}
