//! What a request is authorized by.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runtime::secret::{Secret, SecretError, SecretFile};

/// Who is asking. Files are read anew for each request.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// Whoever holds the token in the file (RFC 6750).
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
    /// The value of the `Authorization` header.
    ///
    /// # Errors
    /// When a file has never been of use.
    pub(crate) fn authorization(&self) -> Result<Option<Secret>, SecretError> {
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
