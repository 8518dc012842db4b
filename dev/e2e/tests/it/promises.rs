//! The documents name tests that hold what they promise: those exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 2] = ["docs/robustness.md", "SECURITY.md"];

/// Functions of this many words are tests; in the documents nothing else is.
const FEWEST_WORDS: usize = 5;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every `#[test]` in the sources, `proptest!`'s included.
fn tests(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                tests(&path, into);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                match line.strip_prefix("fn ") {
                    Some(rest) if is_test => {
                        let end = rest.find('(').unwrap_or(rest.len());
                        into.insert(rest[..end].to_owned());
                        is_test = false;
                    }
                    Some(_) => is_test = false,
                    // Other attributes and comments may stand between.
                    None => is_test |= line == "#[test]",
                }
            }
        }
    }
}

/// The tests that a document names, and its lines that promise something.
fn named(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).expect("a document");
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| {
            let letters =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            code.bytes().all(letters) && code.split('_').count() >= FEWEST_WORDS
        })
        // Series have as many words.
        .filter(|code| !code.starts_with("k8s_") && !code.starts_with("kube_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut tests_there = BTreeSet::new();
    tests(&root(), &mut tests_there);
    for document in DOCUMENTS {
        let named = named(document);
        assert!(named.len() > 10, "{document} names {named:?} only");
        let missing: Vec<_> = named
            .iter()
            .filter(|name| !tests_there.contains(*name))
            .collect();
        assert!(
            missing.is_empty(),
            "{document}: no such tests: {missing:#?}"
        );
    }
}

#[test]
fn every_row_about_what_must_not_break_names_a_test() {
    let text = fs::read_to_string(root().join(DOCUMENTS[0])).expect("a document");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| meets |"))
        .collect();
    assert!(rows.len() >= 40, "{}", rows.len());
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next();
        let held_by = held_by.expect("a cell");
        assert!(
            held_by.starts_with('`') || held_by.starts_with("[the open port]"),
            "{row}"
        );
    }
}
