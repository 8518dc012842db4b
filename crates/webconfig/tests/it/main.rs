//! TLS and logins of a real server, as clients meet them.

mod port;

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version;
use webconfig::{Files, WebConfig};
use webserver::Limits;

use port::{Ca, Folder, PATIENCE, Port, TLS, ca, client_config, get, issue, status};

/// `hunter2`.
const HASH: &str = "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi";
/// `alice:hunter2` and `alice:hunter3`.
const RIGHT: &str = "Authorization: Basic YWxpY2U6aHVudGVyMg==\r\n";
const WRONG: &str = "Authorization: Basic YWxpY2U6aHVudGVyMw==\r\n";
/// `mallory:hunter2`.
const STRANGER: &str = "Authorization: basic bWFsbG9yeTpodW50ZXIy\r\n";

fn users() -> String {
    format!(
        "basic_auth_users:\n  bob: {}\n  alice: {HASH}\n\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n",
        HASH.replace("kqsx", "aaaa")
    )
}

#[test]
fn users_log_in_and_health_needs_no_login() {
    let folder = Folder::new("users");
    let port = folder.serve(&users());
    for (path, login, expected) in [
        ("/hello", RIGHT, "200"),
        // The second time it is remembered.
        ("/hello", RIGHT, "200"),
        ("/hello", WRONG, "401"),
        ("/hello", WRONG, "401"),
        ("/hello", STRANGER, "401"),
        ("/hello", "", "401"),
        ("/hello", "Authorization: Basic\r\n", "401"),
        ("/hello", "Authorization: Basic !!!\r\n", "401"),
        ("/hello", "Authorization: Basic YWxpY2U=\r\n", "401"),
        ("/hello", "Authorization: Bearer hunter2\r\n", "401"),
        ("/nothing", "", "401"),
        ("/livez?verbose", "", "200"),
        ("/livez", WRONG, "200"),
        ("/livez/", "", "401"),
        ("//livez", "", "401"),
    ] {
        let response = port.ask(&get(path, login));
        assert_eq!(status(&response), expected, "{path} {login}");
        let challenge = "\r\nWWW-Authenticate: Basic realm=\"metrics\", charset=\"UTF-8\"\r\n";
        assert_eq!(response.contains(challenge), expected == "401");
        assert!(
            response.contains("\r\nX-Frame-Options: deny\r\n"),
            "on every response"
        );
    }
}

#[test]
fn bearer_of_the_token_is_admitted() {
    let folder = Folder::new("bearer");
    folder.write("token", "s3cret-Token\n");
    let files = Files {
        bearer_token: Some(folder.0.join("token")),
        ..Files::default()
    };
    let config = WebConfig::load(files, &[]).expect("a token");
    let port = Port::open(Limits::default(), config);
    for (login, expected) in [
        ("Authorization: Bearer s3cret-Token\r\n", "200"),
        ("Authorization: bearer  s3cret-Token\r\n", "200"),
        ("Authorization: Bearer s3cret-token\r\n", "401"),
        ("Authorization: Bearer s3cret-Token2\r\n", "401"),
        ("Authorization: Bearer \r\n", "401"),
        (RIGHT, "401"),
    ] {
        assert_eq!(
            status(&port.ask(&get("/hello", login))),
            expected,
            "{login}"
        );
    }
}

#[test]
fn only_allowed_tls_versions_are_accepted() {
    let folder = Folder::new("versions");
    let ca = ca("own");
    folder.certificate("web", &ca);
    let ask = |port: &Port, version| {
        let config = client_config(&ca, None, version);
        port.ask_tls(config, &get("/hello", ""))
    };
    let both = folder.serve(TLS);
    for version in [&version::TLS12, &version::TLS13] {
        let response = ask(&both, version).expect("a response");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\npath /hello"), "{response}");
    }
    let newest = folder.serve(&format!("{TLS}  min_version: TLS13\n"));
    assert!(ask(&newest, &version::TLS13).is_ok());
    let error = ask(&newest, &version::TLS12).expect_err("too old");
    assert!(error.contains("ProtocolVersion"), "{error}");
}

#[test]
fn plain_http_to_a_tls_port_gets_a_message() {
    let folder = Folder::new("plain");
    folder.certificate("web", &ca("own"));
    let response = folder.serve(TLS).ask(&get("/hello", ""));
    assert_eq!(status(&response), "400");
    assert!(
        response.ends_with("\r\n\r\nexpected TLS: use https://\n"),
        "{response}"
    );
}

#[test]
fn health_needs_no_client_certificate() {
    let folder = Folder::new("mutual");
    let (own, other) = (ca("own"), ca("other"));
    folder.certificate("web", &own);
    folder.write("ca.crt", &own.pem());
    let port = folder.serve(&format!(
        "{TLS}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
    ));
    let identity = |ca: &Ca| {
        let (certificate, key) = issue(ca);
        let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        Some((chain, key))
    };
    let ask = |identity, path| {
        let config = client_config(&own, identity, &version::TLS13);
        let response = port.ask_tls(config, &get(path, ""))?;
        Ok::<_, String>(status(&response).to_owned())
    };
    assert_eq!(ask(identity(&own), "/hello").as_deref(), Ok("200"));
    assert_eq!(ask(None, "/hello").as_deref(), Ok("403"));
    assert_eq!(ask(None, "/livez").as_deref(), Ok("200"));
    let error = ask(identity(&other), "/livez").expect_err("another CA");
    assert!(error.contains("UnknownCA"), "{error}");
}

#[test]
fn stalled_handshake_hits_its_deadline() {
    let folder = Folder::new("handshakes");
    let ca = ca("own");
    folder.certificate("web", &ca);
    let limits = Limits {
        connections: 4,
        receive: Duration::from_millis(300),
        ..Limits::default()
    };
    let port = Port::open(limits, folder.load(TLS).expect("a configuration"));
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = port.connect();
            // The header of a record that never comes.
            client.write_all(&[22, 3, 1, 2, 0, 1]).expect("sent");
            client
        })
        .collect();
    let config = client_config(&ca, None, &version::TLS13);
    port.ask_tls(config, &get("/hello", ""))
        .expect("a response beside the others");
    eventually("no connection is left", &|| {
        port.server().open_connections() == 0
    });
    drop(clients);
}

fn eventually(what: &str, is: &dyn Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn files_are_reloaded_unless_broken() {
    let folder = Folder::new("reload");
    let (old, new) = (ca("old"), ca("new"));
    folder.certificate("web", &old);
    folder.write("token", "one");
    let port = folder.serve(&format!("{TLS}{}", users()));
    let ask = |ca: &Ca, login: &str| {
        let config = client_config(ca, None, &version::TLS13);
        let response = port.ask_tls(config, &get("/hello", login))?;
        Ok::<_, String>(status(&response).to_owned())
    };
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask(&old, RIGHT).as_deref(), Ok("200"));

    folder.write("token", "two");
    eventually("the token", &|| {
        ask(&old, &bearer("two")).as_deref() == Ok("200")
    });
    assert_eq!(ask(&old, &bearer("one")).as_deref(), Ok("401"));

    // Each of these is noticed, and changes nothing: the changes that follow show it.
    for (broken, name) in [
        ("tls_server_config:\n  x: y\n", "config.yml"),
        ("", "web.key"),
        ("?", "web.crt"),
    ] {
        let good = fs::read_to_string(folder.0.join(name)).expect("a file");
        folder.write(name, broken);
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(ask(&old, RIGHT).as_deref(), Ok("200"), "{name}");
        folder.write(name, &good);
    }

    folder.certificate("web", &new);
    eventually("the certificate", &|| {
        ask(&new, RIGHT).as_deref() == Ok("200")
    });
    assert!(ask(&old, RIGHT).is_err());

    let other = "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
    folder.write(
        "config.yml",
        &format!("{TLS}{}", users().replace(HASH, other)),
    );
    eventually("the password", &|| ask(&new, RIGHT).as_deref() == Ok("401"));
}

#[test]
fn unusable_files_are_named_not_shown() {
    let folder = Folder::new("bad");
    let ca = ca("own");
    folder.certificate("web", &ca);
    folder.certificate("other", &ca);
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
        let error = folder.load(&config).expect_err(says).to_string();
        assert!(error.contains(says), "{config}\n{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let files = Files {
        bearer_token: Some(folder.0.join("empty")),
        ..Files::default()
    };
    let error = WebConfig::load(files, &[])
        .expect_err("no token")
        .to_string();
    assert!(error.contains("empty: expected a bearer token"), "{error}");
}
