//! Extra request headers, such as `X-Scope-OrgID: team`.

use std::fmt;

use runtime::secret::Secret;
use ureq::http::{HeaderName, HeaderValue};

use crate::Expected;

/// A request header. Its value may be a secret, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: Secret,
}

/// Headers that the client sets itself: a second one, or another value, would break the
/// request.
const OWN: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Header {
    /// Checks a name and a value; blanks around the value are not part of it.
    ///
    /// # Errors
    /// When the name is no token of RFC 9110 or is one that the client sets itself,
    /// or the value is empty or not printable ASCII.
    pub fn new(name: &str, value: &str) -> Result<Self, Expected> {
        let name = HeaderName::try_from(name)
            .map_err(|_| Expected("a header such as 'X-Scope-OrgID: team'"))?;
        if OWN.contains(&name.as_str()) {
            return Err(Expected(
                "a header other than those that the client sets itself",
            ));
        }
        let value = value.trim();
        let printable = HeaderValue::from_str(value).is_ok() && value.is_ascii();
        if value.is_empty() || !printable {
            return Err(Expected("a header with a value in printable ASCII"));
        }
        Ok(Self {
            name: name.as_str().to_owned(),
            value: Secret::new(value.to_owned()),
        })
    }

    /// Reads `Name: value`.
    ///
    /// # Errors
    /// As [`Header::new`], or when there is no colon.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let (name, value) = text
            .split_once(':')
            .ok_or(Expected("a header such as 'X-Scope-OrgID: team'"))?;
        Self::new(name.trim(), value)
    }

    /// `Authorization` with a bearer token. The request fails with a token that
    /// [`runtime::secret::read_token`] would have refused.
    pub fn bearer(token: &Secret) -> Self {
        Self {
            name: "authorization".to_owned(),
            value: Secret::new(format!("Bearer {}", token.reveal())),
        }
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> &str {
        self.value.reveal()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_value_is_never_shown() {
        let header = Header::parse("X-Scope-OrgID:  team-a|team-b ").expect("a header");
        assert_eq!(
            (header.name(), header.value()),
            ("x-scope-orgid", "team-a|team-b")
        );
        assert_eq!(format!("{header:?}"), "x-scope-orgid: [secret]");
        let colons = Header::parse("X-Time: 12:30").expect("a header");
        assert_eq!(colons.value(), "12:30");
    }

    #[test]
    fn unsafe_header_is_refused_without_its_value() {
        for text in [
            "",
            "hunter2",
            ": hunter2",
            "X Y: hunter2",
            "X-Y: ",
            "X-Y: hunter2\r\nHost: evil",
            "X-Y: hünter2",
            "Host: hunter2",
            "content-LENGTH: 0",
            "Transfer-Encoding: chunked",
        ] {
            let error = Header::parse(text).expect_err(text).to_string();
            assert!(error.starts_with("a header "), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
