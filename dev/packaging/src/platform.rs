//! The platforms of images, and the check that a program is built for one.

use std::fmt;
use std::fs;
use std::path::Path;

/// An operating system with an architecture, as registries name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// Architecture as Go and the OCI image specification name it.
    pub architecture: &'static str,
    /// Variant of the architecture, if it has any.
    pub variant: Option<&'static str>,
    /// Target as Rust names it.
    pub target: &'static str,
    /// `e_machine` of an ELF file for it.
    machine: u16,
}

/// Every platform, in the order of an image's index.
pub const ALL: [Platform; 3] = [
    platform("amd64", None, "x86_64-unknown-linux-musl", 62),
    platform("arm64", None, "aarch64-unknown-linux-musl", 183),
    // Boards without a 64-bit system, such as the Raspberry Pi 2.
    platform("arm", Some("v7"), "armv7-unknown-linux-musleabihf", 40),
];

const fn platform(
    architecture: &'static str,
    variant: Option<&'static str>,
    target: &'static str,
    machine: u16,
) -> Platform {
    Platform {
        architecture,
        variant,
        target,
        machine,
    }
}

impl Platform {
    /// Reads `linux/arm/v7`.
    ///
    /// # Errors
    /// Any other text; the error lists the platforms.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = || ALL.map(|platform| platform.to_string()).join(", ");
        ALL.into_iter()
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| format!("one of {}", known()))
    }

    /// Returns the platform as part of a file name: `linux-arm-v7`.
    pub fn file_part(self) -> String {
        self.to_string().replace('/', "-")
    }

    /// Returns the program `name` for this platform, from `folder/TARGET/release`.
    ///
    /// # Errors
    /// The file cannot be read, or is for another platform.
    pub fn read(self, folder: &Path, name: &str) -> Result<Vec<u8>, String> {
        let path = folder.join(self.target).join("release").join(name);
        let failed = |problem: String| format!("{}: {problem}", path.display());
        let program = fs::read(&path).map_err(|error| failed(error.to_string()))?;
        self.accepts(&program).map_err(failed)?;
        Ok(program)
    }

    /// Checks that `program` is an ELF file for this platform.
    ///
    /// # Errors
    /// The file is something else; the error names it.
    pub fn accepts(self, program: &[u8]) -> Result<(), String> {
        match machine(program) {
            Some(machine) if machine == self.machine => Ok(()),
            Some(machine) => Err(format!(
                "an ELF file for machine {machine}, expected {} for {self}",
                self.machine
            )),
            None => Err("not an ELF file".to_owned()),
        }
    }
}

/// `e_machine`: two little-endian bytes at offset 18 of the ELF header (System V
/// ABI, chapter 4), the same place in files of 32 and of 64 bits.
fn machine(program: &[u8]) -> Option<u16> {
    let header: &[u8; 20] = program.first_chunk()?;
    let little_endian = header[5] == 1;
    (header.starts_with(b"\x7fELF") && little_endian)
        .then(|| u16::from_le_bytes([header[18], header[19]]))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture)?;
        self.variant
            .map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_round_trip_as_text() {
        for platform in ALL {
            assert_eq!(Platform::parse(&platform.to_string()), Ok(platform));
        }
        assert_eq!(
            Platform::parse("linux/riscv64"),
            Err("one of linux/amd64, linux/arm64, linux/arm/v7".to_owned())
        );
    }

    #[test]
    fn foreign_program_is_refused() {
        let mut elf = [0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18] = 183;
        let [amd64, arm64, _] = ALL;
        assert_eq!(arm64.accepts(&elf), Ok(()));
        assert_eq!(
            amd64.accepts(&elf),
            Err("an ELF file for machine 183, expected 62 for linux/amd64".to_owned())
        );
        for other in [&b"#!/bin/sh"[..], b"", &elf[..19]] {
            assert_eq!(arm64.accepts(other), Err("not an ELF file".to_owned()));
        }
    }
}
