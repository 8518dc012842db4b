//! Files that flags name: reading them, and the error of one that cannot be used.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Maximum number of bytes that are read: a bundle of all public CAs has 250 KB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A file that cannot be used. Never displays its content, which may be secret.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Unreadable(io::Error),
    Invalid(Cow<'static, str>),
}

impl FileError {
    /// Makes the error of a file whose content is invalid. `problem` names the expected form.
    pub fn invalid(path: &Path, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: path.to_owned(),
            problem: Problem::Invalid(problem.into()),
        }
    }
}

/// Displays the path and the problem.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            Problem::Unreadable(error) => error.fmt(f),
            Problem::Invalid(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            Problem::Invalid(_) => None,
        }
    }
}

/// Reads a regular file, at most its first 4 MiB. Other files may block the reader, such as
/// a pipe without a writer.
///
/// # Errors
/// When it is not a regular file, or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = || {
        if !fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read() {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(FileError::invalid(path, "expected a regular file")),
        Err(error) => Err(FileError {
            path: path.to_owned(),
            problem: Problem::Unreadable(error),
        }),
    }
}
