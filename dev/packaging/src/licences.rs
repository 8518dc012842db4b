//! The licences of what is linked into the programs, in one text. Pure.
//!
//! In scope: each text once, with the packages that it is for. Out of scope:
//! whether a licence may be used, which is `cargo deny`'s.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Licences of the parts that are no packages: Rust's standard library, and musl.
const OUTSIDE_CARGO: &str = include_str!("../notices/toolchain.txt");

/// One package's part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// Name and version.
    pub package: String,
    /// Its licences, as an SPDX expression.
    pub license: String,
    /// The texts among its sources.
    pub texts: Vec<String>,
}

/// All of them as one text.
pub fn document(notices: &[Notice]) -> String {
    let mut notices: Vec<&Notice> = notices.iter().collect();
    notices.sort();
    notices.dedup();
    let mut out = String::from(
        "Binbots-k8s is under the Apache License 2.0 (LICENSE). Its programs hold code of\n\
         these packages, each under one of the licences that it names. Their texts follow.\n\n",
    );
    let mut by_text: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for notice in notices {
        let bare = match notice.texts.is_empty() {
            true => "  (no text among its sources)",
            false => "",
        };
        let _ = writeln!(out, "  {}  {}{bare}", notice.package, notice.license);
        for text in &notice.texts {
            // Copies differ in line ends and blank lines.
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            let text = lines.join("\n").trim_matches('\n').to_owned();
            let packages = by_text.entry(text).or_default();
            if packages.last() != Some(&notice.package.as_str()) {
                packages.push(&notice.package);
            }
        }
    }
    let _ = write!(out, "\n{}", OUTSIDE_CARGO.trim_end());
    for (text, packages) in by_text {
        let rule = "-".repeat(80);
        let _ = write!(out, "\n\n{rule}\n{}\n{rule}\n\n{text}", packages.join(", "));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_license_text_appears_once() {
        let notice = |package: &str, texts: &[&str]| Notice {
            package: package.to_owned(),
            license: "MIT".to_owned(),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let document = document(&[
            notice("b 2", &["Be good.\r\n"]),
            notice("a 1", &["Be good.\n\n"]),
            notice("a 1", &["Be good.\n\n"]),
            notice("c 3", &[]),
        ]);
        assert_eq!(document.matches("Be good.").count(), 1);
        assert!(document.contains("a 1, b 2"), "{document}");
        assert!(document.contains("  c 3  MIT  (no text among its sources)"));
        assert!(document.contains("musl"));
    }
}
