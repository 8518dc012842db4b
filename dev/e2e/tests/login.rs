//! A real Prometheus behind TLS, client certificates, users and a path prefix.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use e2e::{Prometheus, Scratch, backfill, program, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Writes an authority, and a certificate with its key for each name.
fn certificates(directory: &Path, authority: &str, names: &[&str]) {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, authority);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let write = |name: String, text: String| {
        std::fs::write(directory.join(name), text).expect("a writable directory");
    };
    write(format!("{authority}.crt"), issuer.pem());
    for name in names {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        write(format!("{name}.crt"), certificate.pem());
        write(format!("{name}.key"), key.serialize_pem());
    }
}

#[test]
fn with_certificate_and_password_a_closed_prometheus_answers_and_with_less_it_says_why() {
    let scratch = Scratch::new("login");
    let directory = scratch.path();
    certificates(directory, "ca", &["server", "agent"]);
    certificates(directory, "other-ca", &["stranger"]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("a clock").as_secs();
    let mut samples = String::new();
    for (name, value) in [
        ("k8s_node_cpu_usage_cores", "1.5"),
        ("k8s_node_memory_usage_bytes", "4e9"),
        ("k8s_node_cpu_allocatable_cores", "4"),
        ("k8s_node_memory_allocatable_bytes", "16e9"),
    ] {
        let _ = writeln!(samples, "# TYPE {name} gauge");
        for back in (0..120).rev() {
            let _ = writeln!(samples, "{name}{{node=\"n\"}} {value} {}", now - back * 60);
        }
    }
    backfill(directory, &samples);
    let path = |name: &str| directory.join(name).display().to_string();
    // The bcrypt of "open sesame".
    let web = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n\
         basic_auth_users:\n  ali: $2b$04$Bq4yC91Y9sJdHHMjSf2DeupPfd7lRN8BzkWhbhuW/dBwoyUBL0gga\n",
        path("server.crt"),
        path("server.key"),
        path("ca.crt")
    );
    let prometheus = Prometheus::start_closed(directory, &web, "/metrics/prometheus");
    std::fs::write(directory.join("password"), "open sesame\n").expect("a file");
    std::fs::write(directory.join("wrong"), "open barley\n").expect("a file");

    let report = |flags: &[String]| {
        let mut command = Command::new(program("k8s-ai-agent"));
        command
            .env_clear()
            .arg(format!("--prometheus-url={}", prometheus.url))
            .arg(format!("--ca-file={}", path("ca.crt")))
            .args(flags);
        run(&mut command, "")
    };
    let certificate = |name: &str| {
        [
            format!("--client-cert-file={}", path(&format!("{name}.crt"))),
            format!("--client-key-file={}", path(&format!("{name}.key"))),
        ]
    };
    let login = |password: &str| {
        [
            "--basic-auth-user=ali".to_owned(),
            format!("--basic-auth-password-file={}", path(password)),
        ]
    };
    let (code, out, err) = report(&[certificate("agent"), login("password")].concat());
    assert_eq!(code, Some(0), "{err}\n{out}");
    assert!(out.contains("1 node: 1 healthy"), "{out}");

    for (flags, message) in [
        (
            login("password").to_vec(),
            "the server turns the client certificate down, or the lack of one",
        ),
        (
            [certificate("stranger"), login("password")].concat(),
            "the server turns the client certificate down, or the lack of one",
        ),
        (
            [certificate("agent"), login("wrong")].concat(),
            "cpu usage: HTTP status 401: Unauthorized",
        ),
        (
            certificate("agent").to_vec(),
            "cpu usage: HTTP status 401: Unauthorized",
        ),
    ] {
        let (code, out, err) = report(&flags);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
        assert!(err.contains(message), "{message}\n{err}");
        assert!(!err.contains("open "), "{err}");
    }
}
