//! TLS and logins, as real clients meet them.

mod raw;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raw::{Client, PATIENCE, Running, get, limits, start_protected};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, version};
use webserver::{BadProtection, Limits, Protection, ProtectionFiles};

/// `hunter2`.
const HASH: &str = "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi";
/// `alice:hunter2` and `alice:hunter3`.
const RIGHT: &str = "Authorization: Basic YWxpY2U6aHVudGVyMg==\r\n";
const WRONG: &str = "Authorization: Basic YWxpY2U6aHVudGVyMw==\r\n";
/// `mallory:hunter2`.
const STRANGER: &str = "Authorization: basic bWFsbG9yeTpodW50ZXIy\r\n";
const CLOSE: &str = "Connection: close\r\n";

#[test]
fn users_log_in_with_their_passwords_and_health_needs_no_login() {
    let folder = Folder::new("users");
    let server = folder.serve(&users());
    for (path, login, status) in [
        ("/hello", RIGHT, 200),
        // The second time it is remembered.
        ("/hello", RIGHT, 200),
        ("/hello", WRONG, 401),
        ("/hello", WRONG, 401),
        ("/hello", STRANGER, 401),
        ("/hello", "", 401),
        ("/hello", "Authorization: Basic\r\n", 401),
        ("/hello", "Authorization: Basic !!!\r\n", 401),
        ("/hello", "Authorization: Basic YWxpY2U=\r\n", 401),
        ("/hello", "Authorization: Bearer hunter2\r\n", 401),
        ("/nothing", "", 401),
        ("/livez?verbose", "", 200),
        ("/livez", WRONG, 200),
        ("/livez/", "", 401),
        ("//livez", "", 401),
    ] {
        let answer = Client::ask(&server, &get(path, &format!("{login}{CLOSE}")));
        assert_eq!(answer.status, status, "{path} {login}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(
            challenge,
            (status == 401).then_some("Basic realm=\"metrics\", charset=\"UTF-8\"")
        );
        assert_eq!(
            answer.header("x-frame-options"),
            Some("deny"),
            "on every answer"
        );
    }
}

#[test]
fn the_bearer_of_the_token_is_let_in() {
    let folder = Folder::new("bearer");
    folder.write("token", "s3cret-Token\n");
    let protection = Protection::load(ProtectionFiles {
        bearer_token_file: Some(folder.0.join("token")),
        ..folder.files()
    });
    let server = start_protected(limits(), protection.expect("a protection"));
    for (login, status) in [
        ("Authorization: Bearer s3cret-Token\r\n", 200),
        ("Authorization: bearer  s3cret-Token\r\n", 200),
        ("Authorization: Bearer s3cret-token\r\n", 401),
        ("Authorization: Bearer s3cret-Token2\r\n", 401),
        ("Authorization: Bearer \r\n", 401),
        (RIGHT, 401),
    ] {
        let answer = Client::ask(&server, &get("/hello", &format!("{login}{CLOSE}")));
        assert_eq!(answer.status, status, "{login}");
    }
}

#[test]
fn tls_is_spoken_in_the_versions_that_are_allowed() {
    let folder = Folder::new("versions");
    let authority = authority("own");
    folder.certificate("web", &authority);
    let ask = |server: &Running, version| {
        let config = client_config(&authority, None, version);
        ask_tls(server, config, &get("/hello", CLOSE))
    };
    let both = folder.serve(TLS);
    for version in [&version::TLS12, &version::TLS13] {
        let answer = ask(&both, version).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nGET /hello?\n"), "{answer}");
    }
    let newest = folder.serve(&format!("{TLS}  min_version: TLS13\n"));
    assert!(ask(&newest, &version::TLS13).is_ok());
    let error = ask(&newest, &version::TLS12).expect_err("too old");
    assert!(error.contains("ProtocolVersion"), "{error}");
}

#[test]
fn who_speaks_plain_http_to_a_tls_port_is_told_so() {
    let folder = Folder::new("plain");
    folder.certificate("web", &authority("own"));
    let server = folder.serve(TLS);
    let answer = Client::ask(&server, &get("/hello", ""));
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, "expected TLS: ask by https://\n")
    );
}

#[test]
fn a_client_certificate_is_asked_for_where_it_is_required_but_not_for_health() {
    let folder = Folder::new("mutual");
    let (own, other) = (authority("own"), authority("other"));
    folder.certificate("web", &own);
    folder.write("ca.crt", &own.pem());
    let server = folder.serve(&format!(
        "{TLS}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
    ));
    let identity = |authority: &Authority| {
        let (certificate, key) = issue(authority);
        let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
        (
            chain,
            PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM"),
        )
    };
    let ask = |identity, path| {
        let config = client_config(&own, identity, &version::TLS13);
        ask_tls(&server, config, &get(path, CLOSE))
    };
    let status = |answer: Result<String, String>| answer.map(|text| text[9..12].to_owned());
    assert_eq!(
        status(ask(Some(identity(&own)), "/hello")).as_deref(),
        Ok("200")
    );
    assert_eq!(status(ask(None, "/hello")).as_deref(), Ok("403"));
    assert_eq!(status(ask(None, "/livez")).as_deref(), Ok("200"));
    let error = ask(Some(identity(&other)), "/livez").expect_err("another authority");
    assert!(error.contains("UnknownCA"), "{error}");
}

#[test]
fn half_a_handshake_ends_with_its_deadline_and_many_keep_nobody_out() {
    let folder = Folder::new("handshakes");
    let authority = authority("own");
    folder.certificate("web", &authority);
    let server = start_protected(
        Limits {
            connections: 4,
            receive: Duration::from_millis(300),
            ..limits()
        },
        Protection::load(folder.with(TLS)).expect("a protection"),
    );
    let crowd: Vec<Client> = (0..100)
        .map(|_| {
            let mut client = Client::connect(&server);
            // The head of a record that never comes.
            client.send_bytes(&[22, 3, 1, 2, 0, 1]);
            client
        })
        .collect();
    let config = client_config(&authority, None, &version::TLS13);
    ask_tls(&server, config, &get("/hello", CLOSE)).expect("an answer");
    server.waits_for_connections(0);
    drop(crowd);
}

#[test]
fn a_changed_certificate_password_or_token_counts_from_then_on_and_a_broken_file_loses_nothing() {
    let folder = Folder::new("reload");
    let (old, new) = (authority("old"), authority("new"));
    folder.certificate("web", &old);
    folder.write("token", "one");
    let files = ProtectionFiles {
        bearer_token_file: Some(folder.0.join("token")),
        ..folder.with(&format!("{TLS}{}", users()))
    };
    let server = start_protected(limits(), Protection::load(files).expect("a protection"));
    let status = |authority: &Authority, login: &str| {
        let config = client_config(authority, None, &version::TLS13);
        ask_tls(&server, config, &get("/hello", &format!("{login}{CLOSE}")))
            .map(|text| text[9..12].to_owned())
    };
    let eventually = |what: &str, is: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !is() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(status(&old, RIGHT).as_deref(), Ok("200"));

    folder.write("token", "two");
    eventually("the token", &|| {
        status(&old, &bearer("two")).as_deref() == Ok("200")
    });
    assert_eq!(status(&old, &bearer("one")).as_deref(), Ok("401"));

    // Each of these is noticed, and changes nothing: the token that follows shows it.
    for (broken, name) in [
        ("tls_server_config:\n  x: y\n", "config.yml"),
        ("", "web.key"),
        ("?", "web.crt"),
    ] {
        let good = fs::read_to_string(folder.0.join(name)).expect("a file");
        folder.write(name, broken);
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(status(&old, RIGHT).as_deref(), Ok("200"), "{name}");
        folder.write(name, &good);
    }

    folder.certificate("web", &new);
    eventually("the certificate", &|| {
        status(&new, RIGHT).as_deref() == Ok("200")
    });
    assert!(status(&old, RIGHT).is_err());

    let other = "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
    folder.write(
        "config.yml",
        &format!("{TLS}{}", users().replace(HASH, other)),
    );
    eventually("the password", &|| {
        status(&new, RIGHT).as_deref() == Ok("401")
    });
}

#[test]
fn a_file_that_is_of_no_use_is_named_at_the_start_and_no_secret_shown() {
    let folder = Folder::new("bad");
    let authority = authority("own");
    folder.certificate("web", &authority);
    folder.certificate("other", &authority);
    folder.write("empty", "");
    let tls = |certificate: &str, key: &str| {
        format!("tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n")
    };
    for (config, says) in [
        (tls("absent", "web.key"), "absent: No such file"),
        (
            tls("empty", "web.key"),
            "empty: expected certificates in PEM form",
        ),
        (
            tls("web.key", "web.key"),
            "web.key: expected certificates in PEM form",
        ),
        (
            tls("web.crt", "empty"),
            "empty: expected a private key in PEM form",
        ),
        (
            tls("web.crt", "web.crt"),
            "web.crt: expected a private key in PEM form",
        ),
        (tls("web.crt", "other.key"), "web.crt: with its key: "),
        (
            format!("{TLS}  client_ca_file: empty\n  client_auth_type: VerifyClientCertIfGiven\n"),
            "empty: expected certificates in PEM form",
        ),
        (
            "basic_auth_users:\n  alice: hunter2\n".to_owned(),
            "config.yml: line 2: basic_auth_users.alice: expected a bcrypt hash",
        ),
    ] {
        let error = load_error(folder.with(&config)).to_string();
        assert!(error.contains(says), "{config}\n{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = load_error(ProtectionFiles {
        bearer_token_file: Some(folder.0.join("empty")),
        ..folder.files()
    });
    assert!(
        error.to_string().contains("empty: expected a bearer token"),
        "{error}"
    );
}

fn load_error(files: ProtectionFiles) -> BadProtection {
    Protection::load(files).map(|_| ()).expect_err("of no use")
}

const TLS: &str = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n";

fn users() -> String {
    format!(
        "basic_auth_users:\n  bob: {}\n  alice: {HASH}\n\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n",
        HASH.replace("kqsx", "aaaa")
    )
}

/// Files of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("webserver-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("written");
    }

    fn certificate(&self, name: &str, authority: &Authority) {
        let (certificate, key) = issue(authority);
        self.write(&format!("{name}.crt"), &certificate);
        self.write(&format!("{name}.key"), &key);
    }

    fn files(&self) -> ProtectionFiles {
        ProtectionFiles {
            open_paths: &["/livez"],
            ..ProtectionFiles::default()
        }
    }

    fn with(&self, config: &str) -> ProtectionFiles {
        self.write("config.yml", config);
        ProtectionFiles {
            web_config_file: Some(self.0.join("config.yml")),
            ..self.files()
        }
    }

    fn serve(&self, config: &str) -> Running {
        let protection = Protection::load(self.with(config));
        start_protected(
            limits(),
            protection.unwrap_or_else(|error| panic!("{error}")),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A certificate for 127.0.0.1 and its key, in PEM form.
fn issue(authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn client_config(
    authority: &Authority,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    version: &'static rustls::SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from(authority.der().to_vec());
    roots.add(own).expect("an authority");
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

/// One request over TLS: all that comes until the end, or what went wrong.
fn ask_tls(server: &Running, config: ClientConfig, request: &str) -> Result<String, String> {
    let socket = TcpStream::connect(server.server().address()).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = StreamOwned::new(session, socket);
    let mut answer = String::new();
    stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer))
        .map_err(|error| format!("{error:?}"))?;
    Ok(answer)
}
