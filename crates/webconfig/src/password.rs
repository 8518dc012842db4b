//! Passwords as bcrypt hashes.
//!
//! Format: `$2y$COST$` and, in bcrypt's own base64, 16 bytes of salt and 23 of hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use subtle::ConstantTimeEq as _;

/// The last character of a salt has unused bits, which some programs set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::BCRYPT,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

/// Characters of the salt; those of the hash follow.
const SALT_CHARS: usize = 22;
const HASH_BYTES: usize = 23;

/// Each step doubles the time of a check: 4 is bcrypt's minimum, and 16 takes several
/// seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// Bytes of a password that bcrypt uses, the final zero included.
const MAX_KEY: usize = 72;

/// The bcrypt hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    cost: u32,
    salt: [u8; 16],
    hash: [u8; HASH_BYTES],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

impl PasswordHash {
    /// Parses a hash as `htpasswd -B` writes it.
    ///
    /// # Errors
    /// The expected form.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "a bcrypt hash such as $2y$10$… with a cost from 04 to 16 (htpasswd -nBC 10 \"\")";
        let parse = || {
            let mut parts = text.strip_prefix('$')?.splitn(3, '$');
            let version = parts.next()?;
            let cost = parts
                .next()
                .filter(|cost| cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit()))?;
            let (salt, hash) = parts.next()?.split_at_checked(SALT_CHARS)?;
            let cost = cost.parse().ok().filter(|cost| COSTS.contains(cost))?;
            Some(Self {
                cost,
                salt: BASE64.decode(salt).ok()?.try_into().ok()?,
                hash: BASE64.decode(hash).ok()?.try_into().ok()?,
            })
            .filter(|_| matches!(version, "2a" | "2b" | "2y"))
        };
        parse().ok_or(EXPECTED)
    }

    /// Returns whether the password is the one that was hashed. Takes a tenth of a second at the
    /// usual cost, on purpose.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let mut key = [password, b"\0"].concat();
        key.truncate(MAX_KEY);
        let hash = bcrypt::bcrypt(self.cost, self.salt, &key);
        hash[..HASH_BYTES].ct_eq(&self.hash).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_libxcrypt_are_verified() {
        // By crypt(3) of libxcrypt. Of a long password the first 72 bytes count.
        let long = "x".repeat(100);
        for (hash, password) in [
            (
                "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq",
                "",
            ),
            (
                "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi",
                "hunter2",
            ),
            (
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.a9MeHAB6wWWF48to3nd78PLrs6BFBci",
                "pässwörd €",
            ),
            (
                "$2b$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582",
                &long,
            ),
        ] {
            let hash = PasswordHash::parse(hash).expect(hash);
            assert!(hash.verify(password.as_bytes()), "{password}");
            assert!(!hash.verify(b"hunter3"), "{password}");
        }
    }

    #[test]
    fn malformed_hash_is_refused_and_hidden() {
        let good = "$2y$04$......................kqsx/caaQ2ooGaGUPBIUMKYjFvRA7Wi";
        assert!(!format!("{:?}", PasswordHash::parse(good)).contains("kqsx"));
        for bad in [
            "",
            "hunter2",
            &good[1..],
            &good[..59],
            &format!("{good}."),
            &good.replace("2y", "2x"),
            &good.replace("$04$", "$03$"),
            &good.replace("$04$", "$17$"),
            &good.replace("$04$", "$4$"),
            &good.replace("$04$", "$+4$"),
            &good.replace("kq", "ü"),
            "$apr1$04$",
        ] {
            let expected = PasswordHash::parse(bad).expect_err(bad);
            assert!(expected.starts_with("a bcrypt hash"), "{bad}");
        }
    }
}
