//! Outputs that are written completely or not at all: to a stream in one piece, to a file by
//! renaming. [`signals::exit`] waits for both.
//!
//! Invariant: a failed write leaves the file as it was (held by
//! `failed_write_changes_nothing`).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::signals;

/// Size of the buffer.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes what `fill` produces to a stream.
///
/// # Errors
/// Those of the stream.
pub fn to_stream(
    out: &mut dyn Write,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    signals::uninterrupted(|| {
        let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, out);
        fill(&mut buffered)?;
        buffered.flush()
    })
}

/// Writes what `fill` produces to the file at `path`: to a temporary file beside it, which is
/// synced to disk and then renamed. A symbolic link is followed, and its target replaced.
///
/// # Errors
/// Those of the file system, and if the path leads to anything but a regular file: a
/// device or a pipe would be replaced, not written to.
pub fn to_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    signals::uninterrupted(|| {
        let target = target(path)?;
        let temporary = temporary(&target)?;
        create(&temporary, fill)
            .and_then(|()| fs::rename(&temporary, &target))
            .inspect_err(|_| {
                let _ = fs::remove_file(&temporary);
            })?;
        // Syncs the new name too; not every file system supports that.
        let _ = folder(&target)
            .and_then(File::open)
            .and_then(|f| f.sync_all());
        Ok(())
    })
}

/// Returns the file that a path leads to.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path),
        Ok(_) => Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

/// Returns a name in the same folder, so that it can be renamed, for this process only.
fn temporary(target: &Path) -> io::Result<PathBuf> {
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::other("not the name of a file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", process::id()));
    Ok(target.with_file_name(hidden))
}

fn create(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // Left by a killed process with the same PID: in a container all have PID 1.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = File::create_new(path)?;
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, file);
    fill(&mut buffered)?;
    buffered.into_inner()?.sync_all()
}

fn folder(target: &Path) -> io::Result<&Path> {
    let folder = target.parent().ok_or(ErrorKind::InvalidInput)?;
    Ok(match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        super::to_file(path, |out| out.write_all(text.as_bytes()))
    }

    /// An empty folder of the test's own, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).expect("a folder");
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("a folder");
            let mut names: Vec<String> = entries
                .map(|e| {
                    e.expect("an entry")
                        .file_name()
                        .into_string()
                        .expect("UTF-8")
                })
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn file_is_created_or_replaced() {
        let folder = Folder::new("output-replaced");
        let path = folder.0.join("report");
        for text in ["first", "second, longer", ""] {
            write(&path, text).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("a file"), text);
            assert_eq!(folder.names(), ["report"]);
        }
    }

    #[test]
    fn target_of_a_link_is_replaced() {
        let folder = Folder::new("output-link");
        let (file, link) = (folder.0.join("file"), folder.0.join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink("file", &link).expect("a link");
        write(&link, "new").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "new");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    }

    #[test]
    fn stale_temporary_file_is_overwritten() {
        let folder = Folder::new("output-left");
        let path = folder.0.join("report");
        fs::write(temporary(&path).expect("a name"), "half a rep").expect("written");
        write(&path, "whole").expect("written");
        assert_eq!(folder.names(), ["report"]);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "whole");
    }

    #[test]
    fn failed_write_changes_nothing() {
        let folder = Folder::new("output-fails");
        for path in [
            folder.0.join("missing/report"),
            folder.0.clone(),
            PathBuf::from("/dev/null"),
            PathBuf::from("/proc/report"),
            PathBuf::from("/"),
        ] {
            assert!(write(&path, "text").is_err(), "{path:?}");
        }
        assert!(folder.names().is_empty());
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }
}
