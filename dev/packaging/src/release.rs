//! The files of a release beside the images. Pure.
//!
//! In scope: names and contents. Out of scope: images ([`crate::image`]), reading the
//! inputs.

use quantity::Timestamp;
use settings::{completion, manual};

use crate::archive::{File, gzip, tar};
use crate::image::sha256;
use crate::platform::Platform;
use crate::program::Program;

/// The common parts of a release's archives.
#[derive(Debug, Clone)]
pub struct Release {
    /// Version, such as `0.3.0`.
    pub version: String,
    /// Time of its commit: the date of all files.
    pub date: Timestamp,
    /// The project's own licence.
    pub license: Vec<u8>,
    /// The licences of the code linked into the programs.
    pub third_party: Vec<u8>,
}

impl Release {
    /// Returns the file name stem of one program and platform:
    /// `k8s-ai-agent-v0.3.0-linux-arm64`.
    pub fn stem(&self, program: Program, platform: Platform) -> String {
        format!(
            "{}-v{}-{}",
            program.name,
            self.version,
            platform.file_part()
        )
    }

    /// Returns an archive of the program, its manual page, completions and licences, in one
    /// folder.
    pub fn archive(&self, program: Program, platform: Platform, executable: &[u8]) -> Vec<u8> {
        let (name, command_line) = (program.name, program.command_line);
        let date = self.date.to_string();
        let day = date.split('T').next().unwrap_or(&date);
        let page = manual::page(command_line, &self.version, day);
        let folder = self.stem(program, platform);
        let at = |path: String| format!("{folder}/{path}");
        let completion =
            |path: &str, text: String| File::new(at(format!("completions/{path}")), text);
        let files = [
            File::executable(at(name.to_owned()), executable),
            File::new(at(format!("man/man1/{name}.1")), page),
            completion(&format!("{name}.bash"), completion::bash(command_line)),
            completion(&format!("_{name}"), completion::zsh(command_line)),
            completion(&format!("{name}.fish"), completion::fish(command_line)),
            File::new(at("LICENSE".to_owned()), &*self.license),
            File::new(
                at("THIRD-PARTY-LICENSES.txt".to_owned()),
                &*self.third_party,
            ),
        ];
        gzip(&tar(&files, self.unix_date()))
    }

    /// Returns the chart in the format of `helm package`, with one date for all files.
    /// `files` are those of `helm/`, with paths relative to it.
    pub fn chart(&self, name: &str, mut files: Vec<File>) -> Vec<u8> {
        // Chart.yaml first, as `helm package` writes it.
        files.sort_by_key(|file| (file.path != "Chart.yaml", file.path.clone()));
        for file in &mut files {
            file.path = format!("{name}/{}", file.path);
        }
        gzip(&tar(&files, self.unix_date()))
    }

    fn unix_date(&self) -> u64 {
        // A tar archive has no times before 1970.
        u64::try_from(self.date.unix()).unwrap_or(0)
    }
}

/// Returns the checksums of `files` in the format of `sha256sum --check`.
pub fn checksums(files: &[(String, Vec<u8>)]) -> String {
    let line = |(name, bytes): &(String, Vec<u8>)| format!("{}  {name}\n", sha256(bytes));
    files.iter().map(line).collect()
}
