//! Collects the files of a release from the built programs and images.
//!
//! In scope: reading the inputs, naming the files. Out of scope: building the programs and
//! their images.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use argh::FromArgs;
use auditable_serde::{DependencyKind, Package, Source};
use quantity::Timestamp;

use crate::archive::File;
use crate::dependencies::{self, Origins};
use crate::licences::{self, Notice};
use crate::platform::Platform;
use crate::program::{self, Program};
use crate::release::{Release, checksums};
use crate::{agreement, bill, changelog};

/// The chart's placeholders for the registry and for the project's page, until
/// it is published.
const REGISTRY: &str = "your-registry";
const SOURCE: &str = "https://github.com/your-org/binbots-k8s";

/// write the files of a release: programs, bills of materials, chart, licences, checksums
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "dist")]
pub struct Ingredients {
    /// folder that cargo builds into: TARGET/release/PROGRAM is looked for in it
    #[argh(option, default = "\"target\".into()")]
    pub programs: PathBuf,
    /// folder that `image` wrote
    #[argh(option, default = "\"dist/images\".into()")]
    pub images: PathBuf,
    /// folder of the chart
    #[argh(option, default = "\"helm\".into()")]
    pub chart: PathBuf,
    /// folder to write to
    #[argh(option, default = "\"dist\".into()")]
    pub output: PathBuf,
    /// platform such as linux/arm64; repeatable
    #[argh(option, from_str_fn(Platform::parse))]
    pub platform: Vec<Platform>,
    /// where the chart is to find the images, in place of your-registry
    #[argh(option)]
    pub registry: Option<String>,
    /// where the sources are, in place of the chart's placeholder; a URL
    #[argh(option)]
    pub source: Option<String>,
    /// time of the programs' commit, in Unix seconds
    #[argh(option)]
    pub created: i64,
}

/// A built program.
struct Built {
    program: Program,
    platform: Platform,
    executable: Vec<u8>,
    packages: Vec<Package>,
}

/// Returns names and contents of the release's files; the last is `SHA256SUMS` over the rest.
///
/// # Errors
/// An input is missing, or the inputs differ in version.
pub fn files(ingredients: &Ingredients) -> Result<Vec<(String, Vec<u8>)>, String> {
    let root = Path::new(".");
    let version = agreement::check(root, None).map_err(|problems| problems.join("; "))?;
    let origins = dependencies::origins(root)?;
    let built = built(ingredients)?;
    let third_party = licences::document(&notices(&built, &origins)?).into_bytes();
    let date = Timestamp::from_unix(ingredients.created);
    let release = Release {
        version: version.clone(),
        date,
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
            date,
        )?;
        files.push((
            format!("{stem}.cdx.json"),
            format!("{bill:#}\n").into_bytes(),
        ));
        let image = format!("{}-{}.tar", one.program.name, one.platform.file_part());
        let image = read(&ingredients.images.join(image))?;
        files.push((format!("{stem}-image.tar"), image));
    }
    let mut chart = chart_files(&ingredients.chart)?;
    let places = [
        (REGISTRY, &ingredients.registry),
        (SOURCE, &ingredients.source),
    ];
    // The templates test for the placeholders, to warn about them.
    for file in chart
        .iter_mut()
        .filter(|file| !file.path.starts_with("templates/"))
    {
        for (placeholder, place) in places {
            if let (Some(place), Ok(text)) = (place, std::str::from_utf8(&file.bytes)) {
                file.bytes = text.replace(placeholder, place).into_bytes();
            }
        }
    }
    let chart = release.chart("binbots-k8s", chart);
    files.push((format!("binbots-k8s-{version}.tgz"), chart));
    files.push(("THIRD-PARTY-LICENSES.txt".to_owned(), third_party));
    let sums = checksums(&files);
    files.push(("SHA256SUMS".to_owned(), sums.into_bytes()));

    let log = String::from_utf8_lossy(&read(&root.join("CHANGELOG.md"))?).into_owned();
    let notes = changelog::notes(&log, &version)
        .ok_or_else(|| format!("CHANGELOG.md: nothing about {version}"))?;
    files.push(("NOTES.md".to_owned(), format!("{notes}\n").into_bytes()));
    Ok(files)
}

fn built(ingredients: &Ingredients) -> Result<Vec<Built>, String> {
    if ingredients.platform.is_empty() {
        return Err("--platform: at least one was expected, such as linux/amd64".to_owned());
    }
    let mut built = Vec::new();
    for program in program::ALL {
        for &platform in &ingredients.platform {
            let executable = platform.read(&ingredients.programs, program.name)?;
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

/// Returns the notices of every third-party package linked into a program.
fn notices(built: &[Built], origins: &Origins) -> Result<Vec<Notice>, String> {
    let packages = built.iter().flat_map(|one| &one.packages);
    let linked: BTreeSet<(String, String)> = packages
        .filter(|package| package.source == Source::CratesIo)
        .filter(|package| package.kind == DependencyKind::Runtime)
        .map(|package| (package.name.clone(), package.version.to_string()))
        .collect();
    let mut notices = Vec::new();
    for key in linked {
        // The bill of materials reports unknown packages.
        let Some(origin) = origins.get(&key) else {
            continue;
        };
        let texts =
            dependencies::notices(&origin.folder).map_err(|error| failed(&origin.folder, error))?;
        notices.push(Notice {
            package: format!("{} {}", key.0, key.1),
            license: origin.license.clone(),
            texts,
        });
    }
    Ok(notices)
}

/// Returns the chart's files except those that `.helmignore` excludes: `ci/`.
fn chart_files(folder: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for path in dependencies::walk(folder).map_err(|error| failed(folder, error))? {
        let inner = path.strip_prefix(folder).unwrap_or(&path);
        if !inner.starts_with("ci") {
            files.push(File::new(inner.to_string_lossy(), read(&path)?));
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
