//! The licence texts of the code linked into the programs, in one document. Pure.
//!
//! In scope: each text once, with its packages. Out of scope: permitted licences, which
//! `cargo deny` checks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Licences of code outside cargo packages: Rust's standard library and musl.
const OUTSIDE_CARGO: &str = include_str!("../notices/toolchain.txt");

/// The notice of one package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// Name and version.
    pub package: String,
    /// Its licences, as an SPDX expression.
    pub license: String,
    /// The texts among its sources.
    pub texts: Vec<String>,
}

/// Returns all notices as one text.
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
