//! A real Prometheus behind TLS, client certificates, users and a path prefix.

use std::fmt::Write;

use e2e::{Prometheus, agent, run, scratch, unix_seconds};

use crate::certificates;

#[test]
fn closed_prometheus_needs_full_login() {
    let files = scratch();
    let folder = files.path();
    certificates::write(folder, "ca", &["server", "agent"]);
    certificates::write(folder, "other-ca", &["stranger"]);
    let now = unix_seconds();
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
    let path = |name: &str| folder.join(name).display().to_string();
    // The bcrypt of "open sesame".
    let web = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n\
         basic_auth_users:\n  ali: $2b$04$Bq4yC91Y9sJdHHMjSf2DeupPfd7lRN8BzkWhbhuW/dBwoyUBL0gga\n",
        path("server.crt"),
        path("server.key"),
        path("ca.crt")
    );
    let prometheus = Prometheus::holding_behind(&samples, &web, "/metrics/prometheus");
    std::fs::write(folder.join("password"), "open sesame\n").expect("a file");
    std::fs::write(folder.join("wrong"), "open barley\n").expect("a file");

    let report = |flags: &[String]| {
        let ca = format!("--ca-file={}", path("ca.crt"));
        run(agent(&prometheus.url).arg(ca).args(flags), "")
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
            "the server refused the client certificate, or requires one",
        ),
        (
            [certificate("stranger"), login("password")].concat(),
            "the server refused the client certificate, or requires one",
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
