//! Settings of a web configuration, from its text. Pure.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/configuration/https/>, without
//! HTTP/2, cipher suites and curves. An unsupported setting is refused: a port must not be
//! less protected than its configuration says.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::password::PasswordHash;
use crate::yaml::{self, Setting};

/// The settings of a web configuration.
#[derive(Debug, Default)]
pub struct Settings {
    /// TLS; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// Names and the hashes of their passwords.
    pub(crate) users: Vec<(String, PasswordHash)>,
    /// Headers of every response.
    pub headers: Vec<(&'static str, String)>,
}

/// The settings of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate chain.
    pub cert_file: PathBuf,
    /// The key of the certificate.
    pub key_file: PathBuf,
    /// Client certificates.
    pub client: ClientCertificates,
    /// Lowest and highest version.
    pub versions: (Version, Version),
}

/// The policy on client certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// None.
    NotRequested,
    /// If the client presents one, it must be signed by a CA of this file.
    IfGiven(PathBuf),
    /// One that is signed by a CA of this file.
    Required(PathBuf),
}

impl ClientCertificates {
    /// The file with the CAs, if certificates are requested.
    pub fn ca_file(&self) -> Option<&Path> {
        match self {
            Self::NotRequested => None,
            Self::IfGiven(ca) | Self::Required(ca) => Some(ca),
        }
    }
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A setting that cannot be used, and the expected form. Repeats no value: some are secret.
#[derive(Debug, PartialEq, Eq)]
pub struct BadSetting {
    line: Option<usize>,
    setting: String,
    expected: &'static str,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.setting.is_empty() {
            write!(f, "{}: ", self.setting)?;
        }
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for BadSetting {}

const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];

/// Parses a web configuration. Relative paths in it are those of `folder`.
///
/// # Errors
/// When a line cannot be read, or a setting is unknown, unsupported or incomplete.
pub fn parse(text: &str, folder: &Path) -> Result<Settings, BadSetting> {
    let lines = yaml::read(text).map_err(|malformed| BadSetting {
        line: Some(malformed.line),
        setting: String::new(),
        expected: malformed.expected,
    })?;
    let mut settings = Settings::default();
    let mut tls = TypedTls::default();
    for Setting { line, keys, value } in lines {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let bad = |expected| BadSetting {
            line: Some(line),
            setting: keys.join("."),
            expected,
        };
        let result = match keys.as_slice() {
            ["tls_server_config" | "basic_auth_users" | "http_server_config"]
            | ["http_server_config", "headers"]
                if value.is_empty() =>
            {
                Ok(())
            }
            ["tls_server_config", key] => tls.set(key, value, folder),
            ["http_server_config", "http2"] => match value.as_str() {
                "false" => Ok(()),
                _ => Err("false: only HTTP/1.1 is supported"),
            },
            ["http_server_config", "headers", name] => match HEADERS.iter().find(|h| *h == name) {
                Some(header) if !value.is_empty() => {
                    settings.headers.push((header, value));
                    Ok(())
                }
                Some(_) => Ok(()),
                None => Err(
                    "one of the headers Content-Security-Policy, X-Frame-Options, \
                     X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security",
                ),
            },
            ["basic_auth_users", name] if !name.is_empty() && !name.contains(':') => {
                PasswordHash::parse(&value).map(|hash| {
                    settings.users.push(((*name).to_owned(), hash));
                })
            }
            ["basic_auth_users", ..] => Err("user: hash, the user's name without a colon"),
            ["http_server_config", ..] => Err("headers or http2: no other setting is supported"),
            _ => Err(
                "tls_server_config, basic_auth_users or http_server_config: no other setting is supported",
            ),
        };
        result.map_err(bad)?;
    }
    settings.tls = tls.complete().map_err(|(key, expected)| BadSetting {
        line: None,
        setting: format!("tls_server_config.{key}"),
        expected,
    })?;
    Ok(settings)
}

/// The settings found in `tls_server_config`.
#[derive(Default)]
struct TypedTls {
    any: bool,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_auth_type: Option<String>,
    min_version: Option<Version>,
    max_version: Option<Version>,
}

impl TypedTls {
    fn set(&mut self, key: &str, value: String, folder: &Path) -> Result<(), &'static str> {
        self.any = true;
        let version = || match value.as_str() {
            "TLS12" => Ok(Some(Version::Tls12)),
            "TLS13" => Ok(Some(Version::Tls13)),
            _ => Err("TLS12 or TLS13"),
        };
        match key {
            "cert_file" | "key_file" | "client_ca_file" | "client_auth_type"
                if value.is_empty() =>
            {
                return Err("a value");
            }
            "cert_file" => self.cert_file = Some(folder.join(value)),
            "key_file" => self.key_file = Some(folder.join(value)),
            "client_ca_file" => self.client_ca_file = Some(folder.join(value)),
            "min_version" => self.min_version = version()?,
            "max_version" => self.max_version = version()?,
            "client_auth_type" => self.client_auth_type = Some(value),
            _ => {
                return Err(
                    "cert_file, key_file, client_ca_file, client_auth_type, min_version or \
                     max_version: no other setting is supported",
                );
            }
        }
        Ok(())
    }

    fn complete(self) -> Result<Option<Tls>, (&'static str, &'static str)> {
        if !self.any {
            return Ok(None);
        }
        const AUTH: &str = "client_auth_type";
        let client = match (self.client_auth_type.as_deref(), self.client_ca_file) {
            (None | Some("NoClientCert"), None) => ClientCertificates::NotRequested,
            (None | Some("NoClientCert"), Some(_)) => {
                return Err((
                    AUTH,
                    "VerifyClientCertIfGiven or RequireAndVerifyClientCert, since there is a client_ca_file",
                ));
            }
            (Some("VerifyClientCertIfGiven"), Some(ca)) => ClientCertificates::IfGiven(ca),
            (Some("RequireAndVerifyClientCert"), Some(ca)) => ClientCertificates::Required(ca),
            (Some("VerifyClientCertIfGiven" | "RequireAndVerifyClientCert"), None) => {
                return Err((
                    "client_ca_file",
                    "a file, since client_auth_type requires one",
                ));
            }
            (Some(_), _) => {
                // The other types accept a certificate without verification.
                return Err((
                    AUTH,
                    "NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert",
                ));
            }
        };
        let versions = (
            self.min_version.unwrap_or(Version::Tls12),
            self.max_version.unwrap_or(Version::Tls13),
        );
        if versions.0 > versions.1 {
            return Err(("max_version", "at least min_version"));
        }
        Ok(Some(Tls {
            cert_file: self.cert_file.ok_or(("cert_file", "a file"))?,
            key_file: self.key_file.ok_or(("key_file", "a file"))?,
            client,
            versions,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi";

    fn tls(lines: &str) -> String {
        format!("tls_server_config:\n  cert_file: a.crt\n  key_file: /k/a.key\n{lines}")
    }

    #[test]
    fn full_configuration_is_read() {
        let text = tls(&format!(
            "  client_ca_file: ca.crt\n  client_auth_type: \"RequireAndVerifyClientCert\"\n  min_version: TLS13\n\
             basic_auth_users:\n  alice: {HASH}\n  'bob b': '{HASH}'\nhttp_server_config:\n  http2: false\n  headers:\n    \
             Strict-Transport-Security: max-age=1; includeSubDomains\n    X-Frame-Options:\n"
        ));
        let settings = parse(&text, Path::new("/etc/web")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            settings.tls,
            Some(Tls {
                cert_file: "/etc/web/a.crt".into(),
                key_file: "/k/a.key".into(),
                client: ClientCertificates::Required("/etc/web/ca.crt".into()),
                versions: (Version::Tls13, Version::Tls13),
            })
        );
        let users: Vec<&str> = settings
            .users
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(users, ["alice", "bob b"]);
        assert_eq!(
            settings.headers,
            [(
                "Strict-Transport-Security",
                "max-age=1; includeSubDomains".to_owned()
            )]
        );
    }

    #[test]
    fn empty_configuration_has_no_settings() {
        for text in [
            "",
            "# nothing yet\n",
            "tls_server_config: {}\nbasic_auth_users:\n",
        ] {
            let settings = parse(text, Path::new("")).unwrap_or_else(|e| panic!("{e}"));
            assert!(
                settings.tls.is_none() && settings.users.is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn unsupported_settings_name_their_line() {
        for (text, says) in [
            ("a", "line 1: expected key: value"),
            (
                "rate_limit:\n  burst: 1",
                "line 1: rate_limit: expected tls_server_config, basic_auth_users",
            ),
            (
                "tls_server_config: a",
                "line 1: tls_server_config: expected tls_server_config, basic",
            ),
            (
                &tls("  cipher_suites:\n  - X\n"),
                "line 4: tls_server_config.cipher_suites: expected ",
            ),
            (
                &tls("  client_allowed_sans: a\n"),
                "line 4: tls_server_config.client_allowed_sans: expected cert_file, key_file, ",
            ),
            (
                &tls("  min_version: TLS11\n"),
                "line 4: tls_server_config.min_version: expected TLS12 or TLS13",
            ),
            (
                &tls("  min_version: TLS13\n  max_version: TLS12\n"),
                "tls_server_config.max_version: expected at least min_version",
            ),
            (
                &tls("  client_auth_type: RequireAnyClientCert\n"),
                "tls_server_config.client_auth_type: expected NoClientCert, ",
            ),
            (
                &tls("  client_auth_type: RequireAndVerifyClientCert\n"),
                "tls_server_config.client_ca_file: expected a file, since",
            ),
            (
                &tls("  client_ca_file: a\n"),
                "tls_server_config.client_auth_type: expected VerifyClientCertIfGiven or",
            ),
            (
                "tls_server_config:\n  cert_file: a",
                "tls_server_config.key_file: expected a file",
            ),
            (
                "tls_server_config:\n  key_file: a",
                "tls_server_config.cert_file: expected a file",
            ),
            (
                "tls_server_config:\n  min_version: TLS12",
                "tls_server_config.cert_file: expected a file",
            ),
            (
                "tls_server_config:\n  cert_file:\n",
                "line 2: tls_server_config.cert_file: expected a value",
            ),
            (
                "http_server_config:\n  http2: true",
                "line 2: http_server_config.http2: expected false",
            ),
            (
                "http_server_config:\n  x: true",
                "line 2: http_server_config.x: expected headers or http2",
            ),
            (
                "http_server_config:\n  headers:\n    Set-Cookie: a",
                "line 3: http_server_config.headers.Set-Cookie: expected one of the headers ",
            ),
            (
                "basic_auth_users:\n  a: b",
                "line 2: basic_auth_users.a: expected a bcrypt hash",
            ),
            (
                "basic_auth_users:\n  'a:b': c",
                "line 2: basic_auth_users.a:b: expected user: hash",
            ),
            (
                "basic_auth_users:\n  - a",
                "line 2: basic_auth_users.-: expected ",
            ),
        ] {
            let error = parse(text, Path::new("")).map(|_| ()).expect_err(text);
            let error = error.to_string();
            assert!(error.starts_with(says), "{text}\n{error}");
        }
    }
}
