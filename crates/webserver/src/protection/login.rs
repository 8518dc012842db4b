//! Who may ask: users with passwords, and the bearer of a token.
//!
//! A password costs its check a tenth of a second of CPU, so the outcome is remembered:
//! of each user the password that was right last, and a few that were wrong.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::ConstantTimeEq as _;

use super::password::PasswordHash;

/// Wrong passwords that are remembered.
const MAX_WRONG: usize = 64;

/// What stands for a name and a password, or for a token.
type Digest = [u8; SHA256_OUTPUT_LEN];

/// Who may ask.
#[derive(Default)]
pub(super) struct Logins {
    users: Vec<(String, PasswordHash)>,
    token: Option<Digest>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// One for each user at most.
    right: Vec<(usize, Digest)>,
    /// The oldest first.
    wrong: VecDeque<Digest>,
}

/// What an `Authorization` header comes to.
pub(crate) enum Login {
    /// Known to be right.
    Right,
    /// Known to be wrong, or not there.
    Wrong,
    /// To be found out by [`Logins::prove`].
    Unproven(Claim),
}

/// A name and a password that nobody has sent before.
pub(crate) struct Claim {
    user: Option<usize>,
    password: Vec<u8>,
    digest: Digest,
}

impl Logins {
    /// Users with the hashes of their passwords, and a token.
    pub(super) fn new(users: Vec<(String, PasswordHash)>, token: Option<&[u8]>) -> Self {
        Self {
            users,
            token: token.map(|token| digest_of(&[token])),
            known: Mutex::default(),
        }
    }

    /// Whether nobody needs to log in.
    pub(super) fn are_none(&self) -> bool {
        self.users.is_empty() && self.token.is_none()
    }

    /// The value of the header that asks for a login.
    pub(super) fn challenge(&self) -> &'static str {
        match (self.users.is_empty(), &self.token) {
            (true, _) => r#"Bearer realm="metrics""#,
            (false, None) => r#"Basic realm="metrics", charset="UTF-8""#,
            (false, Some(_)) => r#"Basic realm="metrics", charset="UTF-8", Bearer realm="metrics""#,
        }
    }

    /// Judges a header without computing for long.
    pub(super) fn check(&self, authorization: Option<&str>) -> Login {
        let Some((scheme, rest)) = authorization.and_then(|text| text.split_once(' ')) else {
            return Login::Wrong;
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            let right = self
                .token
                .is_some_and(|token| digest_of(&[rest.as_bytes()]).ct_eq(&token).into());
            return if right { Login::Right } else { Login::Wrong };
        }
        if !scheme.eq_ignore_ascii_case("basic") || self.users.is_empty() {
            return Login::Wrong;
        }
        let Some((name, password)) = BASE64_STANDARD.decode(rest).ok().and_then(|decoded| {
            let colon = decoded.iter().position(|byte| *byte == b':')?;
            Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
        }) else {
            return Login::Wrong;
        };
        let claim = Claim {
            user: self
                .users
                .iter()
                .position(|(user, _)| user.as_bytes() == name),
            digest: digest_of(&[&name, &password]),
            password,
        };
        let known = self.known();
        let is = |digest: &Digest| bool::from(digest.ct_eq(&claim.digest));
        if known.right.iter().any(|(_, digest)| is(digest)) {
            Login::Right
        } else if known.wrong.iter().any(is) {
            Login::Wrong
        } else {
            Login::Unproven(claim)
        }
    }

    /// Computes whether a claim is right, and remembers it.
    pub(super) fn prove(&self, claim: &Claim) -> bool {
        // Whether there is such a user is not to be told from the time it takes.
        let index = claim.user.unwrap_or(0);
        let right = self.users[index].1.fits(&claim.password) && claim.user.is_some();
        let mut known = self.known();
        if right {
            known.right.retain(|(user, _)| *user != index);
            known.right.push((index, claim.digest));
        } else {
            if known.wrong.len() == MAX_WRONG {
                known.wrong.pop_front();
            }
            known.wrong.push_back(claim.digest);
        }
        right
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is complete before anything could panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One digest for several texts, which cannot be cut in another way to the same.
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

    fn logins() -> Logins {
        let users = ["alice", "bob"].iter().zip(HASHES).map(|(name, hash)| {
            let hash = PasswordHash::parse(hash).expect("a hash");
            ((*name).to_owned(), hash)
        });
        Logins::new(users.collect(), Some(b"token"))
    }

    fn basic(login: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(login))
    }

    /// How it is judged, and whether that took a hash.
    fn judged(logins: &Logins, authorization: &str) -> (bool, bool) {
        match logins.check(Some(authorization)) {
            Login::Right => (true, false),
            Login::Wrong => (false, false),
            Login::Unproven(claim) => (logins.prove(&claim), true),
        }
    }

    #[test]
    fn a_password_is_hashed_once_and_its_outcome_remembered() {
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
            assert_eq!(judged(&logins, &basic(login)), (right, true), "{login}");
            assert_eq!(judged(&logins, &basic(login)), (right, false), "{login}");
        }
        // Other forms of the same.
        assert_eq!(
            judged(&logins, &basic("alice:hunter2").replace("Basic", "bASIC")),
            (true, false)
        );
    }

    #[test]
    fn guesses_are_remembered_in_a_bounded_number_and_push_out_nothing_that_is_right() {
        let logins = logins();
        assert_eq!(judged(&logins, &basic("alice:hunter2")), (true, true));
        for guess in 0..=MAX_WRONG {
            assert_eq!(
                judged(&logins, &basic(&format!("alice:{guess}"))),
                (false, true)
            );
        }
        assert_eq!(logins.known().wrong.len(), MAX_WRONG);
        assert_eq!(judged(&logins, &basic("alice:hunter2")), (true, false));
        assert_eq!(judged(&logins, &basic("alice:1")), (false, false));
        assert_eq!(
            judged(&logins, &basic("alice:0")),
            (false, true),
            "the oldest was forgotten"
        );
    }

    #[test]
    fn a_token_is_compared_without_hashing_for_long() {
        let logins = logins();
        for (authorization, right) in [
            ("Bearer token", true),
            ("Bearer token2", false),
            ("Bearer tok", false),
            ("Digest token", false),
            ("token", false),
        ] {
            assert_eq!(
                judged(&logins, authorization),
                (right, false),
                "{authorization}"
            );
        }
        assert!(matches!(logins.check(None), Login::Wrong));
    }
}
