//! Who we are to a registry: a name and a password file, what `docker login` has
//! stored, or nobody.

use std::fs;
use std::path::Path;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

/// The credentials for `registry`.
///
/// # Errors
/// When a password has no user or a user no password, or a file cannot be read.
pub fn of(
    registry: &str,
    user: Option<&str>,
    password_file: Option<&Path>,
) -> Result<RegistryAuth, String> {
    match (user, password_file) {
        (Some(user), Some(path)) => {
            let password = fs::read_to_string(path)
                .map_err(|error| format!("--password-file: {}: {error}", path.display()))?;
            let password = password.trim_end_matches(['\r', '\n']);
            Ok(RegistryAuth::Basic(user.to_owned(), password.to_owned()))
        }
        (None, None) => stored(registry),
        (Some(_), None) => Err("--user: a --password-file was expected beside it".to_owned()),
        (None, Some(_)) => Err("--password-file: a --user was expected beside it".to_owned()),
    }
}

fn stored(registry: &str) -> Result<RegistryAuth, String> {
    match docker_credential::get_credential(registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(format!(
            "{registry}: `docker login` has stored an identity token, which is not supported; give --user and --password-file"
        )),
        // The second is also what a file that is not there comes to: nobody has
        // logged in. One that cannot be read shows when the registry refuses nobody.
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(format!(
            "{registry}: credentials of `docker login`: {error}"
        )),
    }
}
