//! Secrets, and the files that hold them.
//!
//! A secret comes from a file, never from an argument. The file is read before each request:
//! it is small, often in memory, and no notification is as reliable.
//!
//! Invariant: a secret is never shown (held by `secrets_are_never_shown`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::file::{self, FileError};
use crate::lock::lock;
use crate::reload::LastGood;

/// A text that must not appear in logs, errors or debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the secret itself: to be sent, never to be shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A file with a secret, read again before each use. While it is empty, half-written or gone,
/// the last good secret stays in use.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
    read: fn(&Path) -> Result<Secret, FileError>,
    last_good: Arc<Mutex<LastGood<Secret>>>,
}

impl SecretFile {
    /// A file with a bearer token, as [`read_token`] reads it. Nothing is read yet.
    pub fn token(path: PathBuf) -> Self {
        Self::new(path, read_token)
    }

    /// A file with a password: one line of text. Nothing is read yet.
    pub fn password(path: PathBuf) -> Self {
        Self::new(path, read_line)
    }

    fn new(path: PathBuf, read: fn(&Path) -> Result<Secret, FileError>) -> Self {
        Self {
            path,
            read,
            last_good: Arc::default(),
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the current secret.
    ///
    /// # Errors
    /// When the file has never held one.
    pub fn current(&self) -> Result<Secret, FileError> {
        // Read before locking, so that no thread waits for a file.
        let read = (self.read)(&self.path);
        let mut last_good = lock(&self.last_good);
        let (secret, ()) = last_good.update(&self.path.display(), read, |_| Ok(()))?;
        Ok(secret.clone())
    }

    /// Returns the number of times that a new secret has replaced another.
    pub fn replaced(&self) -> u64 {
        lock(&self.last_good).replaced()
    }
}

/// Reads a bearer token: one word of printable ASCII, since it is sent in a header.
///
/// # Errors
/// When the file cannot be read or holds no such word.
pub fn read_token(path: &Path) -> Result<Secret, FileError> {
    let expected = "expected a bearer token in one word of printable ASCII";
    read_text(path, expected, |text| {
        let word = text.trim();
        word.bytes().all(|b| b.is_ascii_graphic()).then_some(word)
    })
}

fn read_line(path: &Path) -> Result<Secret, FileError> {
    read_text(path, "expected one line of text", |text| {
        // Blanks may be part of a password, the line break is not.
        let line = text.trim_end_matches(['\r', '\n']);
        (!line.chars().any(char::is_control)).then_some(line)
    })
}

/// Reads a file, and the non-empty part of its text that is the secret.
fn read_text(
    path: &Path,
    expected: &'static str,
    part: impl Fn(&str) -> Option<&str>,
) -> Result<Secret, FileError> {
    let bytes = file::read(path)?;
    str::from_utf8(&bytes)
        .ok()
        .and_then(part)
        .filter(|text| !text.trim().is_empty())
        .map(|text| Secret::new(text.to_owned()))
        .ok_or_else(|| FileError::invalid(path, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let secret = Secret::new("eyJhbGciOi".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    }

    #[test]
    fn changed_secret_is_read_broken_file_ignored() {
        let path = std::env::temp_dir().join(format!("runtime-secret-{}", std::process::id()));
        let write = |text: &[u8]| std::fs::write(&path, text).expect("a writable file");
        let now = |file: &SecretFile| file.current().expect("a secret").reveal().to_owned();
        let (token, password) = (
            SecretFile::token(path.clone()),
            SecretFile::password(path.clone()),
        );
        write(b"hunter2\r\n");
        assert_eq!(
            (now(&token), now(&password)),
            ("hunter2".into(), "hunter2".into())
        );
        write("brücke mit pass\n".as_bytes());
        assert_eq!(now(&token), "hunter2");
        assert_eq!(now(&password), "brücke mit pass");
        for broken in [&b""[..], b" \n", b"two\nlines", b"\xff", b"nul\0"] {
            write(broken);
            assert_eq!(now(&token), "hunter2");
            assert_eq!(now(&password), "brücke mit pass");
        }
        let never_good = SecretFile::token(path.clone());
        assert_eq!(
            never_good.current().expect_err("broken").to_string(),
            format!(
                "{}: expected a bearer token in one word of printable ASCII",
                path.display()
            )
        );
        std::fs::remove_file(&path).expect("our own file");
        assert_eq!(now(&password), "brücke mit pass");
    }

    #[test]
    fn only_regular_files_are_read() {
        let error = SecretFile::token("/dev/zero".into())
            .current()
            .expect_err("endless");
        assert_eq!(error.to_string(), "/dev/zero: expected a regular file");
    }
}
