//! The client against a real TLS server: trust, client certificates, credentials, requests.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use webclient::{
    BaseUrl, CaBundle, Caps, Client, Content, Credentials, Failure, Header, Identity, Method,
    Response, Secret, SecretFile, Settings,
};

const CAPS: Caps = Caps {
    compressed: 1 << 20,
    decompressed: 1 << 20,
};

/// A directory for the files of one test, deleted on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("webclient-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a writable file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

/// Returns a certificate for `name` and its key, both in PEM form.
fn issue(ca: &Ca, name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, ca).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// Returns a self-signed certificate for `name` in PEM form, and a server configuration that
/// presents it.
fn self_signed(name: &str, is_ca: IsCa, last_year: i32) -> (String, ServerConfig) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.is_ca = is_ca;
    params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate");
    let pem = certificate.pem();
    let config = presenting(&pem, &key.serialize_pem());
    (pem, config)
}

/// Returns a server configuration with a certificate and its key, both in PEM form.
fn presenting(certificate: &str, key: &str) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a configuration")
}

fn server_config(ca: &Ca, asks_for_certificate: bool) -> ServerConfig {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, ca).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if asks_for_certificate {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from(ca.der().to_vec());
        roots.add(own).expect("a CA");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration")
}

/// A received request.
#[derive(Debug)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter_map(|line| line.split_once(": "))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// A server whose status for each request is that of a closure.
struct Server {
    url: String,
    requests: Receiver<Request>,
}

impl Server {
    fn start(
        tls: Option<ServerConfig>,
        answer: impl Fn(&Request) -> &'static str + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().expect("bound"));
        let tls = tls.map(Arc::new);
        let (sender, requests) = channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.expect("a connection");
                let served = match &tls {
                    None => serve(socket, &answer, &sender),
                    Some(config) => handshake(config, &socket).and_then(|connection| {
                        serve(StreamOwned::new(connection, socket), &answer, &sender)
                    }),
                };
                // The handshake may have failed, or the client disconnected.
                served.unwrap_or_default();
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// Performs the handshake. If it fails, sends the TLS alert and reads until the client
/// closes: closing at once would reset the connection and lose the alert.
fn handshake(config: &Arc<ServerConfig>, mut socket: &TcpStream) -> Option<ServerConnection> {
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a configuration");
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            let _ = connection.write_tls(&mut socket);
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
            return None;
        }
    }
    Some(connection)
}

/// Reads one request, records it and answers it.
fn serve(
    mut stream: impl Read + Write,
    answer: impl Fn(&Request) -> &'static str,
    note: &Sender<Request>,
) -> Option<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let line = (!lines.is_empty()).then(|| lines.remove(0))?;
    let mut request = Request {
        line,
        headers: lines,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .first()
        .map_or(0, |value| value.parse().expect("a length"));
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    let answer = format!(
        "HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        answer(&request)
    );
    note.send(request).ok()?;
    stream.write_all(answer.as_bytes()).ok()
}

fn settings(url: &str, ca_bundle: CaBundle) -> Settings {
    Settings {
        base: BaseUrl::parse(url).expect("a URL"),
        ca_bundle,
        identity: None,
        credentials: Credentials::None,
        headers: Vec::new(),
        user_agent: "webclient-test",
        deadline: Duration::from_secs(20),
        connect_deadline: Duration::from_secs(20),
        keep_idle: Duration::from_secs(20),
    }
}

fn get(settings: &Settings) -> Result<Response, Failure> {
    Client::new(settings.clone()).get("/", "*/*", &[], CAPS)
}

fn trust(ca: &Ca, scratch: &Scratch) -> CaBundle {
    let file = scratch.write("ca.crt", &ca.pem());
    CaBundle::from_file(&file).expect("a CA file")
}

#[test]
fn certificate_in_the_ca_file_is_trusted() {
    let scratch = Scratch::new("self-signed");
    let ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let host = "127.0.0.1";
    for (is_ca, name, last_year, refusal) in [
        (ca, host, 4000, None),
        (IsCa::NoCa, host, 4000, None),
        (ca, "other.example", 4000, Some("is not for 127.0.0.1")),
        (ca, host, 2001, Some("expired")),
    ] {
        let (pem, config) = self_signed(name, is_ca, last_year);
        let server = Server::start(Some(config), |_| "200 OK");
        let file = scratch.write("ca.crt", &pem);
        let bundle = CaBundle::from_file(&file).expect("a CA file");
        match (get(&settings(&server.url, bundle)), refusal) {
            (Ok(response), None) => assert_eq!(response.status, 200),
            (Err(Failure::Tls { problem, .. }), Some(part)) => {
                assert!(problem.contains(part), "{problem}");
            }
            (result, _) => panic!("{name} {last_year}: {result:?}"),
        }
        // The same name, with another key.
        let (other, _) = self_signed(name, is_ca, last_year);
        let file = scratch.write("other.crt", &other);
        let bundle = CaBundle::from_file(&file).expect("a CA file");
        get(&settings(&server.url, bundle)).expect_err("not in the file");
    }
}

#[test]
fn leaf_in_the_ca_file_is_trusted() {
    let scratch = Scratch::new("leaf");
    let unknown = ca("unknown");
    let (served, key) = issue(&unknown, "127.0.0.1");
    let server = Server::start(Some(presenting(&served, &key)), |_| "200 OK");
    let trusting = |pem: &str| {
        let file = scratch.write("ca.crt", pem);
        settings(&server.url, CaBundle::from_file(&file).expect("a CA file"))
    };
    assert_eq!(get(&trusting(&served)).expect("an answer").status, 200);
    let (other, _) = issue(&unknown, "127.0.0.1");
    match get(&trusting(&other)).expect_err("another leaf of the same CA") {
        Failure::Tls { problem, .. } => assert!(problem.contains("issued by"), "{problem}"),
        failure => panic!("{failure}"),
    }
}

#[test]
fn client_certificate_is_presented() {
    let scratch = Scratch::new("mutual");
    let (own, other) = (ca("own"), ca("other"));
    let server = Server::start(Some(server_config(&own, true)), |_| "200 OK");
    let without = settings(&server.url, trust(&own, &scratch));
    let identity = |ca, name: &str| {
        let (certificate, key) = issue(ca, "agent");
        let certificate = scratch.write(&format!("{name}.crt"), &certificate);
        let key = scratch.write(&format!("{name}.key"), &key);
        Identity::from_files(&certificate, &key).expect("an identity")
    };
    let with = |identity| Settings {
        identity: Some(identity),
        ..without.clone()
    };
    assert_eq!(
        get(&with(identity(&own, "own"))).expect("an answer").status,
        200
    );

    for (settings, problem) in [
        (
            without.clone(),
            "the server requires a client certificate, and none is set",
        ),
        (
            with(identity(&other, "other")),
            "the server refused the client certificate, or requires one (UnknownCA)",
        ),
    ] {
        match get(&settings).expect_err("closed") {
            Failure::Tls { problem: found, .. } => assert_eq!(found, problem),
            failure => panic!("{failure}"),
        }
    }
}

/// With TLS 1.3 the server verifies the client's certificate while the client already writes:
/// the alert must not be lost to a connection reset.
#[test]
fn refusal_during_a_write_is_reported() {
    let scratch = Scratch::new("alert");
    let own = ca("own");
    let config = Arc::new(server_config(&own, true));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut connection = ServerConnection::new(config).expect("a configuration");
        while connection.complete_io(&mut socket).is_ok() {}
        let _ = connection.write_tls(&mut socket);
        // Closing with unread bytes resets the connection.
    });
    let client = Client::new(settings(&url, trust(&own, &scratch)));
    let content = Content {
        media_type: "text/plain",
        // More than the socket buffers of both sides hold.
        bytes: &vec![b'x'; 32 << 20],
    };
    match client
        .send(Method::Post, "/", content, &[], CAPS)
        .expect_err("closed")
    {
        Failure::Tls { problem, .. } => assert_eq!(
            problem,
            "the server requires a client certificate, and none is set"
        ),
        failure => panic!("{failure}"),
    }
}

#[test]
fn unusable_identity_files_are_named() {
    let scratch = Scratch::new("identity");
    let ca = ca("own");
    let (certificate, key) = issue(&ca, "agent");
    let (_, other_key) = issue(&ca, "other");
    let certificate = scratch.write("tls.crt", &certificate);
    let key_text = key.clone();
    let key = scratch.write("tls.key", &key);
    let other = scratch.write("other.key", &other_key);
    let sealed = key_text.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let sealed = scratch.write("sealed.key", &sealed);
    let text = scratch.write("text", "no PEM");
    let absent = scratch.0.join("absent");
    for (certificate, key, message) in [
        (
            &certificate,
            &other,
            "other.key: expected the key of the certificate in",
        ),
        (
            &certificate,
            &sealed,
            "sealed.key: expected a private key without a passphrase",
        ),
        (
            &certificate,
            &text,
            "text: expected a private key in PEM form",
        ),
        (&text, &key, "text: expected a certificate in PEM form"),
        (&key, &key, "tls.key: expected a certificate in PEM form"),
        (&absent, &key, "absent: No such file"),
    ] {
        let error = Identity::from_files(certificate, key)
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{message}\n{error}");
    }
    let identity = Identity::from_files(&certificate, &key).expect("an identity");
    let shown = format!("{identity:?}");
    assert!(
        shown.starts_with("Identity(") && shown.ends_with("tls.crt\")"),
        "{shown}"
    );
}

#[test]
fn requests_carry_credentials_and_headers() {
    let scratch = Scratch::new("authorization");
    let ca = ca("own");
    let server = Server::start(Some(server_config(&ca, false)), |_| "200 OK");
    let password = scratch.write("password", "open sesame: now\n");
    let client = Client::new(Settings {
        credentials: Credentials::Basic {
            user: "Aladdin".to_owned(),
            password: SecretFile::password(password.clone()),
        },
        headers: vec![Header::parse("X-Scope-OrgID: team-a").expect("a header")],
        ..settings(&server.url, trust(&ca, &scratch))
    });
    let hmac = [Header::new("X-Signature", "sha256=0f").expect("a header")];
    let content = Content {
        media_type: "application/json",
        bytes: b"{\"a\":\"\xc3\xbc\"}",
    };
    client
        .get("/a?b=c", "text/plain", &[], CAPS)
        .expect("an answer");
    client
        .post_form("/form", &[("q", "a b")], "*/*", &[], CAPS)
        .expect("an answer");
    fs::write(&password, "changed").expect("a writable file");
    client
        .send(Method::Post, "/hook", content, &hmac, CAPS)
        .expect("an answer");
    client
        .send(Method::Put, "/put", content, &hmac, CAPS)
        .expect("an answer");

    let requests = server.requests();
    let lines: Vec<_> = requests.iter().map(|r| r.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /a?b=c HTTP/1.1",
            "POST /form HTTP/1.1",
            "POST /hook HTTP/1.1",
            "PUT /put HTTP/1.1"
        ]
    );
    for request in &requests {
        assert_eq!(request.header("x-scope-orgid"), ["team-a"]);
        assert_eq!(request.header("user-agent"), ["webclient-test"]);
    }
    // As Python's base64 encodes them.
    let authorizations: Vec<_> = requests.iter().map(|r| r.header("authorization")).collect();
    assert_eq!(
        authorizations,
        [
            ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZTogbm93"],
            ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZTogbm93"],
            ["Basic QWxhZGRpbjpjaGFuZ2Vk"],
            ["Basic QWxhZGRpbjpjaGFuZ2Vk"],
        ]
    );
    assert_eq!(requests[1].body, b"q=a+b");
    for sent in &requests[2..] {
        assert_eq!(sent.header("content-type"), ["application/json"]);
        assert_eq!(sent.header("x-signature"), ["sha256=0f"]);
        assert_eq!(sent.body, content.bytes);
    }
}

#[test]
fn rotated_token_is_retried_once() {
    let scratch = Scratch::new("rotation");
    let token = scratch.write("token", "old");
    let rotating = token.clone();
    let server = Server::start(None, move |request| {
        match request.header("authorization")[..] {
            ["Bearer new"] => "200 OK",
            _ => {
                // As if the kubelet had rotated it during the request.
                let name = if request.line.contains("rotate") {
                    "new"
                } else {
                    "old"
                };
                fs::write(&rotating, name).expect("a writable file");
                "401 Unauthorized"
            }
        }
    });
    let client = Client::new(Settings {
        credentials: Credentials::Bearer(SecretFile::token(token)),
        ..settings(&server.url, CaBundle::none())
    });
    let status = |path| {
        client
            .get(path, "*/*", &[], CAPS)
            .expect("an answer")
            .status
    };
    assert_eq!(status("/wrong"), 401);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(status("/rotate"), 200);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn nothing_is_sent_without_the_secret() {
    let server = Server::start(None, |_| "200 OK");
    let settings = Settings {
        credentials: Credentials::Bearer(SecretFile::token("/nonexistent/token".into())),
        ..settings(&server.url, CaBundle::none())
    };
    let failure = get(&settings).expect_err("no token").to_string();
    assert!(
        failure.starts_with("/nonexistent/token: No such file"),
        "{failure}"
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn debug_output_shows_no_secret() {
    // Bound and dropped: no server listens on this port.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let url = format!("http://{}/services/hunter2", free.expect("a free port"));
    let (base, path) = BaseUrl::parse_webhook(&url).expect("a URL");
    let client = Client::new(Settings {
        base,
        headers: vec![Header::bearer(&Secret::new("hunter2".into()))],
        ..settings("http://h", CaBundle::none())
    });
    let content = Content {
        media_type: "text/plain",
        bytes: b"",
    };
    for path in [path.reveal(), "/white space/hunter2"] {
        let failure = client
            .send(Method::Post, path, content, &[], CAPS)
            .expect_err("no server");
        let shown = format!(
            "{client:?} {failure} {failure:?} {path:?}",
            path = Secret::new(path.into())
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn ca_file_must_be_a_regular_file() {
    let error = CaBundle::from_file(Path::new("/dev/zero")).expect_err("endless");
    assert_eq!(error.to_string(), "/dev/zero: expected a regular file");
}
