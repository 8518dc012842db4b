//! Reproducible tar and gzip archives: the same files give the same bytes. Pure.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

/// A file in an archive, owned by root and dated as the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path in the archive.
    pub path: String,
    /// Permissions, such as `0o644`.
    pub mode: u32,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    /// Returns a file that everyone may read.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            mode: 0o644,
            bytes: bytes.into(),
        }
    }

    /// Returns a program that everyone may execute.
    pub fn executable(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: 0o755,
            ..Self::new(path, bytes)
        }
    }
}

/// Returns a tar archive (POSIX ustar) of `files` in their order, all with modification time
/// `date`, in Unix seconds.
pub fn tar(files: &[File], date: u64) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(date);
        archive
            .append_data(&mut header, &file.path, file.bytes.as_slice())
            .expect("writing to memory cannot fail, and our paths are short");
    }
    archive.into_inner().expect("writing to memory cannot fail")
}

/// Compresses at the highest level, without file name or date in the header.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(bytes)
        .and_then(|()| gzip.finish())
        .expect("writing to memory cannot fail")
}
