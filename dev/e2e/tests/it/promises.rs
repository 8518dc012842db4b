//! The documents name tests that hold what they promise: those exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each row of its tables names the tests that hold it.
const ROBUSTNESS: &str = "docs/robustness.md";

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

/// The pages of the book.
fn pages(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            pages(&path, into);
        } else if path.extension().is_some_and(|end| end == "md") {
            into.push(path);
        }
    }
}

/// The cells "held by" of a page's tables.
fn held_by(page: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if let Some(cell) = line
            .strip_suffix(" |")
            .and_then(|row| row.rsplit(" | ").next())
        {
            if in_table {
                cells.push(cell);
            }
            in_table |= cell == "held by";
        }
    }
    cells
}

/// The names of functions within backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|code| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        code.bytes().all(letters)
    })
}

#[test]
fn every_test_that_a_page_names_exists() {
    let mut there = BTreeSet::new();
    tests(&root(), &mut there);
    let mut found = Vec::new();
    pages(&root().join("docs"), &mut found);
    let mut count = 0;
    for page in found {
        let text = fs::read_to_string(&page).expect("a page");
        let names: Vec<_> = held_by(&text).into_iter().flat_map(named).collect();
        let missing: Vec<_> = names
            .iter()
            .filter(|name| !there.contains(**name))
            .collect();
        assert!(missing.is_empty(), "{page:?}: no such tests: {missing:#?}");
        count += names.len();
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_row_about_robustness_names_a_test() {
    let text = fs::read_to_string(root().join(ROBUSTNESS)).expect("a page");
    let rows = text.lines().filter(|line| line.starts_with("| ")).count();
    let headers = text.matches("| held by |").count();
    let cells = held_by(&text);
    assert_eq!(cells.len(), rows - headers);
    assert!(cells.len() >= 40, "{}", cells.len());
    for cell in cells {
        assert!(
            named(cell).next().is_some() || cell.starts_with("[the open port]"),
            "{cell}"
        );
    }
}
