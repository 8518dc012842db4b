//! Credentials of requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runtime::file::FileError;
use runtime::secret::{Secret, SecretFile};

/// The credentials of a request. Files are read again for each request.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// None.
    #[default]
    None,
    /// A bearer token in a file (RFC 6750).
    Bearer(SecretFile),
    /// A user with a password (RFC 7617).
    Basic {
        /// The user's name; without a colon, which would end it.
        user: String,
        /// The file with the password.
        password: SecretFile,
    },
}

impl Credentials {
    /// Returns the value of the `Authorization` header.
    ///
    /// # Errors
    /// When a file has never been usable.
    pub(crate) fn authorization(&self) -> Result<Option<Secret>, FileError> {
        Ok(match self {
            Self::None => None,
            Self::Bearer(token) => {
                let token = token.current()?;
                Some(Secret::new(format!("Bearer {}", token.reveal())))
            }
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.current()?.reveal());
                Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
            }
        })
    }
}
