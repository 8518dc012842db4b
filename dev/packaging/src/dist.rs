//! Gathers the files of a release from what was built.
//!
//! In scope: reading the ingredients, the files' names. Out of scope: building
//! the programs and making their images, which came before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use quantity::Timestamp;

use crate::archive::File;
use crate::dependencies::{self, Origins, Package};
use crate::licences::{self, Notice};
use crate::platform::Platform;
use crate::program::{self, Program};
use crate::release::{Release, checksums};
use crate::{agreement, bill, changelog};

/// What stands in the chart for the registry, and for the project's page, until
/// somebody publishes it.
const REGISTRY: &str = "your-registry";
const SOURCE: &str = "https://github.com/your-org/binbots-k8s";

/// What a release is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// Folder that cargo built the programs into.
    pub programs: &'a Path,
    /// Folder with the archives of images.
    pub images: &'a Path,
    /// Folder of the chart.
    pub chart: &'a Path,
    /// What the programs were built for.
    pub platforms: &'a [Platform],
    /// Where the chart is to find the images, if that is decided.
    pub registry: Option<&'a str>,
    /// Where the sources are, if that is said.
    pub source: Option<&'a str>,
    /// Moment of the commit.
    pub date: Timestamp,
}

/// A program as it was built.
struct Built {
    program: Program,
    platform: Platform,
    executable: Vec<u8>,
    packages: Vec<Package>,
}

/// Names and contents of the release's files, `SHA256SUMS` over all before it.
///
/// # Errors
/// When an ingredient is missing, or they are not of one version.
pub fn files(ingredients: &Ingredients<'_>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let root = ingredients.root;
    let version = agreement::check(root, None).map_err(|problems| problems.join("; "))?;
    let origins = dependencies::origins(root)?;
    let built = built(ingredients)?;
    let third_party = licences::document(&notices(&built, &origins)?).into_bytes();
    let release = Release {
        version: version.clone(),
        date: ingredients.date,
        license: read(&root.join("LICENSE"))?,
        third_party: third_party.clone(),
    };
    let mut files = Vec::new();
    for one in &built {
        let stem = release.stem(one.program, one.platform);
        let archive = release.archive(one.program, one.platform, &one.executable);
        files.push((format!("{stem}.tar.gz"), archive));
        let bill = bill::of(
            one.program.name,
            &one.executable,
            one.platform,
            &one.packages,
            &origins,
            ingredients.date,
        )?;
        files.push((
            format!("{stem}.cdx.json"),
            format!("{bill:#}\n").into_bytes(),
        ));
        let image = format!("{}-{}.tar", one.program.name, one.platform.file_part());
        let image = read(&ingredients.images.join(image))?;
        files.push((format!("{stem}-image.tar"), image));
    }
    let mut chart = chart_files(ingredients.chart)?;
    let places = [
        (REGISTRY, ingredients.registry),
        (SOURCE, ingredients.source),
    ];
    for (placeholder, place) in places {
        // The templates compare with the placeholder to warn of it.
        let outside = chart
            .iter_mut()
            .filter(|file| !file.path.starts_with("templates/"));
        outside.for_each(|file| settle(file, placeholder, place));
    }
    let chart = release.chart("binbots-k8s", chart);
    files.push((format!("binbots-k8s-{version}.tgz"), chart));
    files.push(("THIRD-PARTY-LICENSES.txt".to_owned(), third_party));
    let sums = checksums(&files);
    files.push(("SHA256SUMS".to_owned(), sums.into_bytes()));

    let log = root.join("CHANGELOG.md");
    let log = String::from_utf8_lossy(&read(&log)?).into_owned();
    let notes = changelog::notes(&log, &version)
        .ok_or_else(|| format!("CHANGELOG.md: nothing about {version}"))?;
    files.push(("NOTES.md".to_owned(), format!("{notes}\n").into_bytes()));
    Ok(files)
}

fn built(ingredients: &Ingredients<'_>) -> Result<Vec<Built>, String> {
    if ingredients.platforms.is_empty() {
        return Err("--platform: at least one was expected, such as linux/amd64".to_owned());
    }
    let mut built = Vec::new();
    for program in program::ALL {
        for &platform in ingredients.platforms {
            let executable = platform.read(ingredients.programs, program.name)?;
            let packages = dependencies::of(&executable)
                .map_err(|problem| format!("{} for {platform}: {problem}", program.name))?;
            built.push(Built {
                program,
                platform,
                executable,
                packages,
            });
        }
    }
    Ok(built)
}

/// The notices of every package that is not ours and has code in a program.
fn notices(built: &[Built], origins: &Origins) -> Result<Vec<Notice>, String> {
    let packages = built.iter().flat_map(|one| &one.packages);
    let linked: BTreeSet<(String, String)> = packages
        .filter(|package| package.public && package.runtime)
        .map(|package| (package.name.clone(), package.version.clone()))
        .collect();
    let mut notices = Vec::new();
    for key in linked {
        // The bill of materials says what it means when a package is unknown.
        let Some(origin) = origins.get(&key) else {
            continue;
        };
        let texts = dependencies::notices(&origin.folder)
            .map_err(|error| format!("{}: {error}", origin.folder.display()))?;
        notices.push(Notice {
            package: format!("{} {}", key.0, key.1),
            license: origin.license.clone(),
            texts: texts.into_iter().map(|(_, text)| text).collect(),
        });
    }
    Ok(notices)
}

/// The chart's files but for those that `.helmignore` leaves out: `ci/`.
fn chart_files(folder: &Path) -> Result<Vec<File>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|error| failed(&next, error))? {
            let path: PathBuf = entry.map_err(|error| failed(&next, error))?.path();
            let inner = path.strip_prefix(folder).unwrap_or(&path);
            let inner = inner.to_string_lossy().into_owned();
            if path.is_dir() {
                if inner != "ci" {
                    folders.push(path);
                }
            } else {
                files.push(File::new(inner, read(&path)?));
            }
        }
    }
    Ok(files)
}

/// Puts `place`, if there is one, where the file has a placeholder for it.
fn settle(file: &mut File, placeholder: &str, place: Option<&str>) {
    if let (Some(place), Ok(text)) = (place, std::str::from_utf8(&file.bytes)) {
        file.bytes = text.replace(placeholder, place).into_bytes();
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
