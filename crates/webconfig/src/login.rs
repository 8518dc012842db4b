//! Authentication by user and password, or by bearer token.
//!
//! Checking a password takes a tenth of a second of CPU, so results are cached: the last
//! right password of each user, and a few wrong ones.

use std::collections::VecDeque;
use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use runtime::lock::lock;
use runtime::secret::Secret;
use subtle::ConstantTimeEq as _;

use crate::password::PasswordHash;

/// Maximum number of cached wrong passwords.
const MAX_WRONG: usize = 64;

/// Digest of a user name and a password, or of a token.
type Digest = [u8; SHA256_OUTPUT_LEN];

/// The users and the token that are accepted.
pub(crate) struct Authenticator {
    users: Vec<(String, PasswordHash)>,
    token: Option<Digest>,
    known: Mutex<Known>,
}

/// Results of earlier checks.
#[derive(Default)]
struct Known {
    /// At most one for each user.
    right: Vec<(usize, Digest)>,
    /// The oldest first.
    wrong: VecDeque<Digest>,
}

/// The result for an `Authorization` header.
pub(crate) enum Login {
    Accepted,
    /// Wrong or missing.
    Rejected,
    /// [`Authenticator::verify`] decides.
    Unknown(Credentials),
}

/// A user name and a password that were not checked before.
pub(crate) struct Credentials {
    user: Option<usize>,
    password: Vec<u8>,
    digest: Digest,
}

impl Authenticator {
    /// Accepts users by the hashes of their passwords, and the bearer of a token.
    pub(crate) fn new(users: Vec<(String, PasswordHash)>, token: Option<&Secret>) -> Self {
        Self {
            users,
            token: token.map(|token| digest_of(&[token.reveal().as_bytes()])),
            known: Mutex::default(),
        }
    }

    /// Returns whether no authentication is needed.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.token.is_none()
    }

    /// Returns the value of `WWW-Authenticate`.
    pub(crate) fn challenge(&self) -> &'static str {
        match (self.users.is_empty(), &self.token) {
            (true, _) => r#"Bearer realm="metrics""#,
            (false, None) => r#"Basic realm="metrics", charset="UTF-8""#,
            (false, Some(_)) => r#"Basic realm="metrics", charset="UTF-8", Bearer realm="metrics""#,
        }
    }

    /// Checks an `Authorization` header, without hashing a password.
    pub(crate) fn check(&self, authorization: Option<&str>) -> Login {
        let Some((scheme, rest)) = authorization.and_then(|text| text.split_once(' ')) else {
            return Login::Rejected;
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            let is_right = self
                .token
                .is_some_and(|token| digest_of(&[rest.as_bytes()]).ct_eq(&token).into());
            return match is_right {
                true => Login::Accepted,
                false => Login::Rejected,
            };
        }
        if !scheme.eq_ignore_ascii_case("basic") || self.users.is_empty() {
            return Login::Rejected;
        }
        let Some((name, password)) = BASE64_STANDARD.decode(rest).ok().and_then(|decoded| {
            let colon = decoded.iter().position(|byte| *byte == b':')?;
            Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
        }) else {
            return Login::Rejected;
        };
        let credentials = Credentials {
            user: self
                .users
                .iter()
                .position(|(user, _)| user.as_bytes() == name),
            digest: digest_of(&[&name, &password]),
            password,
        };
        let known = lock(&self.known);
        let is = |digest: &Digest| bool::from(digest.ct_eq(&credentials.digest));
        if known.right.iter().any(|(_, digest)| is(digest)) {
            Login::Accepted
        } else if known.wrong.iter().any(is) {
            Login::Rejected
        } else {
            Login::Unknown(credentials)
        }
    }

    /// Hashes the password, and caches whether it was right.
    pub(crate) fn verify(&self, credentials: &Credentials) -> bool {
        // An unknown user takes the same time, so that user names cannot be guessed.
        let index = credentials.user.unwrap_or(0);
        let is_right =
            self.users[index].1.verify(&credentials.password) && credentials.user.is_some();
        let mut known = lock(&self.known);
        if is_right {
            known.right.retain(|(user, _)| *user != index);
            known.right.push((index, credentials.digest));
        } else {
            if known.wrong.len() == MAX_WRONG {
                known.wrong.pop_front();
            }
            known.wrong.push_back(credentials.digest);
        }
        is_right
    }
}

/// Returns the digest of several texts, which depends on where one ends.
fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let mut out = Digest::default();
    out.copy_from_slice(digest(&SHA256, &bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hunter2`, and the empty password.
    const HASHES: [&str; 2] = [
        "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi",
        "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq",
    ];

    fn logins() -> Authenticator {
        let users = ["alice", "bob"].iter().zip(HASHES).map(|(name, hash)| {
            let hash = PasswordHash::parse(hash).expect("a hash");
            ((*name).to_owned(), hash)
        });
        Authenticator::new(users.collect(), Some(&Secret::new("token".to_owned())))
    }

    fn basic(login: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(login))
    }

    /// Checks a login. Returns whether it is accepted, and whether that took a hash.
    fn accepted(logins: &Authenticator, authorization: &str) -> (bool, bool) {
        match logins.check(Some(authorization)) {
            Login::Accepted => (true, false),
            Login::Rejected => (false, false),
            Login::Unknown(credentials) => (logins.verify(&credentials), true),
        }
    }

    #[test]
    fn password_is_hashed_once() {
        let logins = logins();
        for (login, right) in [
            ("alice:hunter2", true),
            ("bob:", true),
            ("alice:hunter3", false),
            ("bob:hunter2", false),
            ("mallory:hunter2", false),
            ("mallory:", false),
            (":hunter2", false),
            ("alice:hunter2:", false),
        ] {
            assert_eq!(accepted(&logins, &basic(login)), (right, true), "{login}");
            assert_eq!(accepted(&logins, &basic(login)), (right, false), "{login}");
        }
        // Other forms of the same.
        assert_eq!(
            accepted(&logins, &basic("alice:hunter2").replace("Basic", "bASIC")),
            (true, false)
        );
    }

    #[test]
    fn guesses_displace_no_cached_login() {
        let logins = logins();
        assert_eq!(accepted(&logins, &basic("alice:hunter2")), (true, true));
        for guess in 0..=MAX_WRONG {
            assert_eq!(
                accepted(&logins, &basic(&format!("alice:{guess}"))),
                (false, true)
            );
        }
        assert_eq!(lock(&logins.known).wrong.len(), MAX_WRONG);
        assert_eq!(accepted(&logins, &basic("alice:hunter2")), (true, false));
        assert_eq!(accepted(&logins, &basic("alice:1")), (false, false));
        assert_eq!(
            accepted(&logins, &basic("alice:0")),
            (false, true),
            "the oldest was forgotten"
        );
    }

    #[test]
    fn token_is_checked_without_bcrypt() {
        let logins = logins();
        for (authorization, right) in [
            ("Bearer token", true),
            ("Bearer token2", false),
            ("Bearer tok", false),
            ("Digest token", false),
            ("token", false),
        ] {
            assert_eq!(
                accepted(&logins, authorization),
                (right, false),
                "{authorization}"
            );
        }
        assert!(matches!(logins.check(None), Login::Rejected));
    }
}
