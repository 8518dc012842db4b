//! The policy of a port at one time.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use webserver::{Access, Policy, Request, Response, Session};

use crate::login::{Authenticator, Credentials, Login};
use crate::tls::TlsSession;

/// The access policy of a port, fixed until its files change.
pub(crate) struct PortPolicy {
    /// `None` for plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) needs_certificate: bool,
    pub(crate) logins: Authenticator,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) open_paths: &'static [&'static str],
}

impl PortPolicy {
    pub(crate) fn describe(&self) -> &'static str {
        let is_public = self.logins.is_empty() && !self.needs_certificate;
        match (&self.tls, is_public) {
            (None, true) => "plain HTTP without authentication",
            (None, false) => "plain HTTP with authentication",
            (Some(_), true) => "TLS without authentication",
            (Some(_), false) => "TLS with authentication",
        }
    }

    fn unauthorized(&self) -> Response {
        Response::text(401, "authentication required\n")
            .with("WWW-Authenticate", self.logins.challenge())
    }

    fn verify(&self, credentials: &Credentials) -> Result<(), Response> {
        match self.logins.verify(credentials) {
            true => Ok(()),
            false => Err(self.unauthorized()),
        }
    }
}

impl Policy for PortPolicy {
    fn wrap(&self) -> io::Result<Option<Box<dyn Session>>> {
        let Some(config) = &self.tls else {
            return Ok(None);
        };
        Ok(Some(Box::new(TlsSession::new(config)?)))
    }

    fn authorize(&self, request: &Request, has_certificate: bool) -> Access<'_> {
        Access::Decided(if self.open_paths.contains(&request.path.as_str()) {
            Ok(())
        } else if self.needs_certificate && !has_certificate {
            Err(Response::text(403, "expected a client certificate\n"))
        } else if self.logins.is_empty() {
            Ok(())
        } else {
            match self.logins.check(request.header("authorization")) {
                Login::Accepted => Ok(()),
                Login::Rejected => Err(self.unauthorized()),
                Login::Unknown(credentials) => {
                    return Access::Deferred(Box::new(move || self.verify(&credentials)));
                }
            }
        })
    }

    fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }
}

impl fmt::Debug for PortPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}
