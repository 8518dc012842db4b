//! The packages of a program, from the list that `cargo auditable` embeds in it, and their
//! licences, from their manifests.
//!
//! In scope: reading both. Out of scope: the documents generated from them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use auditable_serde::Package;
use serde_json::Value;

/// Maximum size of the embedded list, compressed and decompressed.
const MAX_LIST: usize = 8 << 20;

/// Returns the packages that the program was built from.
///
/// # Errors
/// The program has no readable list.
pub fn of(program: &[u8]) -> Result<Vec<Package>, String> {
    let list = auditable_info::audit_info_from_slice(program, MAX_LIST).map_err(|error| {
        format!("no list of its dependencies ({error}); build it by dev/scripts/build")
    })?;
    Ok(list.packages)
}

/// A package's licence and folder, from its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Licences, as an SPDX expression.
    pub license: String,
    /// Folder with its sources.
    pub folder: PathBuf,
}

/// Every package of the workspace, by name and version.
pub type Origins = BTreeMap<(String, String), Origin>;

/// Returns every package that the workspace in `root` builds from, by `cargo metadata`.
///
/// # Errors
/// `cargo metadata` fails.
pub fn origins(root: &Path) -> Result<Origins, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata: {}", problem.trim()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let origins = packages.filter_map(|package| {
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let manifest = PathBuf::from(text("manifest_path")?);
        let origin = Origin {
            // The form that crates used before SPDX.
            license: text("license").unwrap_or_default().replace('/', " OR "),
            folder: manifest.parent()?.to_owned(),
        };
        Some(((text("name")?, text("version")?), origin))
    });
    Ok(origins.collect())
}

/// Returns the licence and notice texts in a package's sources, ordered by path.
///
/// # Errors
/// Errors of the file system.
pub fn notices(folder: &Path) -> io::Result<Vec<String>> {
    let paths = walk(folder)?.into_iter().filter(|path| is_notice(path));
    let texts = paths.map(|path| Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()));
    texts.collect()
}

/// Returns every file below a folder, ordered by path.
///
/// # Errors
/// Errors of the file system.
pub fn walk(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(walk(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    Ok(files)
}

fn is_notice(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let words = "license licence copying copyright notice unlicense";
    let begins = words.split(' ').any(|word| name.starts_with(word));
    let is_text = match name.rsplit_once('.') {
        None => true,
        Some((_, suffix)) => matches!(suffix, "md" | "txt" | "0") || suffix.len() > 4,
    };
    begins && is_text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn license_files_are_recognized() {
        for name in [
            "LICENSE",
            "LICENSE-MIT",
            "license.txt",
            "COPYRIGHT",
            "NOTICE.md",
            "LICENSE.Apache",
        ] {
            assert!(is_notice(Path::new(name)), "{name}");
        }
        for name in ["license.rs", "src", "README.md", "licenses.json"] {
            assert!(!is_notice(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn missing_package_list_names_the_fix() {
        let problem = of(b"\x7fELF").expect_err("no list");
        assert!(problem.contains("dev/scripts/build"), "{problem}");
    }
}
