//! The origin of every request: scheme, host, port and a path prefix.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use runtime::secret::Secret;
use ureq::http::Uri;
use ureq::http::uri::PathAndQuery;

use crate::Expected;

/// A checked `http://` or `https://` URL without credentials, query or
/// fragment, and without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    https: bool,
    host: String,
    port: u16,
}

const EXPECTED: Expected = Expected("a URL such as https://host:port or http://host:port/prefix");

impl BaseUrl {
    /// Checks a URL.
    ///
    /// # Errors
    /// When the scheme is another one, the host is missing, or the URL holds
    /// credentials (they would end up in logs), a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        if text.contains('#') {
            return Err(Expected("a URL without a fragment (#)"));
        }
        let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EXPECTED),
        };
        let authority = uri.authority().ok_or(EXPECTED)?;
        if authority.as_str().contains('@') {
            return Err(Expected(
                "a URL without a user name or password (they would end up in logs)",
            ));
        }
        if uri.query().is_some() {
            return Err(Expected("a URL without a query (?)"));
        }
        let host = authority.host();
        let port_text = &authority.as_str()[host.len()..];
        let port = match port_text.strip_prefix(':') {
            None if port_text.is_empty() => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(digits) => digits.parse().map_err(|_| EXPECTED)?,
            None => return Err(EXPECTED),
        };
        if host.is_empty() {
            return Err(EXPECTED);
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            https,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
        })
    }

    /// The origin of a URL that a request is sent to.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        Self::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?)).ok()
    }

    /// The `https://` origin at an address.
    pub fn https(address: SocketAddr) -> Self {
        Self {
            // Brackets around an IPv6 address are added here.
            text: format!("https://{address}"),
            https: true,
            host: address.ip().to_string(),
            port: address.port(),
        }
    }

    /// The `https://` origin at an IP address or a DNS name; `None` where `host` is neither.
    pub fn https_host(host: &str, port: u16) -> Option<Self> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(Self::https(SocketAddr::new(ip, port)));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        match !host.is_empty() && host.bytes().all(is_name) {
            true => Self::parse(&format!("https://{host}:{port}")).ok(),
            false => None,
        }
    }

    /// Splits the URL of a webhook into its origin and its path with the query, which is the
    /// secret part. Paths of requests to the origin are never shown.
    ///
    /// # Errors
    /// As [`BaseUrl::parse`], but a query is accepted.
    pub fn parse_webhook(text: &str) -> Result<(Self, Secret), Expected> {
        let text = text.trim();
        let path = text
            .find("://")
            .map(|scheme| scheme + 3)
            .and_then(|host| Some(host + text[host..].find(['/', '?', '#'])?))
            .unwrap_or(text.len());
        let (origin, path) = text.split_at(path);
        if path.contains('#') {
            return Err(Expected("a URL without a fragment (#)"));
        }
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        // Refused here, and not only by the request.
        path.parse::<PathAndQuery>().map_err(|_| EXPECTED)?;
        Ok((Self::parse(origin)?, Secret::new(path)))
    }

    /// The URL of a path below this one. `path_and_query` starts with `/`.
    pub fn join(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.text)
    }

    /// Returns whether requests use TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host name or address, IPv6 without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `host:port`, IPv6 in brackets, for messages.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BaseUrl {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url_are_read() {
        for (text, host, authority, joined) in [
            (
                "https://10.0.0.1",
                "10.0.0.1",
                "10.0.0.1:443",
                "https://10.0.0.1/x",
            ),
            (
                "http://a.svc:9090/",
                "a.svc",
                "a.svc:9090",
                "http://a.svc:9090/x",
            ),
            (
                "https://[fd00::1]:6443",
                "fd00::1",
                "[fd00::1]:6443",
                "https://[fd00::1]:6443/x",
            ),
            (
                "http://h/select/0/prometheus",
                "h",
                "h:80",
                "http://h/select/0/prometheus/x",
            ),
        ] {
            let url = BaseUrl::parse(text).expect(text);
            assert_eq!(url.host(), host);
            assert_eq!(url.authority(), authority);
            assert_eq!(url.join("/x"), joined);
        }
    }

    #[test]
    fn address_and_url_give_the_same_origin() {
        for text in ["https://10.0.0.1:10250", "https://[fd00::1]:10250"] {
            let address = text["https://".len()..].parse().expect("an address");
            assert_eq!(BaseUrl::https(address), BaseUrl::parse(text).expect(text));
        }
    }

    #[test]
    fn host_is_an_address_or_a_name() {
        for (host, origin) in [
            ("10.0.0.1", Some("https://10.0.0.1:10250")),
            ("fd00::1", Some("https://[fd00::1]:10250")),
            ("node-a.example", Some("https://node-a.example:10250")),
            ("", None),
            ("node-a:443", None),
            ("elsewhere.example/", None),
            ("user@node-a", None),
        ] {
            let found = BaseUrl::https_host(host, 10250).map(|base| base.to_string());
            assert_eq!(found.as_deref(), origin, "{host}");
        }
    }

    #[test]
    fn invalid_url_is_refused_without_its_text() {
        for text in [
            "",
            "10.0.0.1:6443",
            "ftp://h",
            "https://",
            "http://h:banana",
            "http://h:99999",
            "http://u:hunter2@h",
            "http://h/?q=1",
            "http://h/#f",
            "unix:///run/x",
        ] {
            let error = BaseUrl::parse(text).expect_err(text).to_string();
            assert!(error.starts_with("a URL"), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn path_of_a_webhook_is_a_secret() {
        for (text, origin, path) in [
            (
                "https://hooks.example/services/T0/B0/xyz\n",
                "https://hooks.example",
                "/services/T0/B0/xyz",
            ),
            ("http://h:8080?token=xyz", "http://h:8080", "/?token=xyz"),
            ("https://h", "https://h", "/"),
        ] {
            let (base, secret) = BaseUrl::parse_webhook(text).expect(text);
            assert_eq!((base.to_string().as_str(), secret.reveal()), (origin, path));
        }
        for text in [
            "hooks.example/services/hunter2",
            "https://u:hunter2@h/x",
            "https://h/x#hunter2",
            "https://h/a b/hunter2",
            "",
        ] {
            let error = BaseUrl::parse_webhook(text).expect_err(text).to_string();
            assert!(error.starts_with("a URL"), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
