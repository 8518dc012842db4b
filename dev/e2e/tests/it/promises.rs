//! Promises name what holds them: the tests, lints, types, recipes and files exist.
//!
//! A promise is a row of a table whose last column is "tested by", a clause "held by …" in a
//! document, or a paragraph "Invariant: … (held by …)" in the documentation of a module.
//! A name in backticks is a test, unless `lint`, `type` or `just` before it or a path says
//! otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Fewer would mean that they are no longer found.
const FEWEST_ROWS: usize = 50;
const FEWEST_INVARIANTS: usize = 60;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below `folder` with this ending, with their texts.
pub(crate) fn texts(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(texts(&path, ending));
            }
        } else if name.ends_with(ending) {
            let text = fs::read_to_string(&path).expect("it is text");
            found.push((path, text));
        }
    }
    found
}

/// Every name that a promise may give.
struct Holders {
    tests: BTreeSet<String>,
    types: BTreeSet<String>,
    lints: String,
    recipes: String,
}

impl Holders {
    fn of(sources: &[(PathBuf, String)]) -> Self {
        let (mut tests, mut types) = (BTreeSet::new(), BTreeSet::new());
        for (_, text) in sources {
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                let item = line
                    .trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ");
                for keyword in ["struct ", "enum ", "trait "] {
                    types.extend(item.strip_prefix(keyword).map(identifier));
                }
                match line.strip_prefix("fn ") {
                    Some(rest) if is_test => {
                        tests.insert(identifier(rest));
                        is_test = false;
                    }
                    Some(_) => is_test = false,
                    // Other attributes and comments may stand between; `proptest!` has tests too.
                    None => is_test |= line == "#[test]",
                }
            }
        }
        let read = |file: &str| fs::read_to_string(root().join(file)).expect("it is there");
        Self {
            tests,
            types,
            lints: read("Cargo.toml") + &read("clippy.toml"),
            recipes: read("justfile"),
        }
    }

    /// The problems of a promise: names of nothing, or no name at all.
    fn check(&self, promise: &str, needs_name: bool) -> Vec<String> {
        let parts: Vec<&str> = promise.split('`').collect();
        let mut problems = Vec::new();
        for pair in parts.chunks(2) {
            let [before, code] = pair else { continue };
            let kind = before.trim().rsplit([' ', '(']).next().unwrap_or_default();
            if !self.has(kind, code) {
                problems.push(format!("`{code}` is nothing that exists"));
            }
        }
        if needs_name && parts.len() < 3 && !promise.contains("](") {
            problems.push("nothing holds it".to_owned());
        }
        problems
    }

    fn has(&self, kind: &str, code: &str) -> bool {
        let starts_line = |text: &str, start: &str| {
            let ends_word = |line: &str| {
                let rest = line.strip_prefix(start);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
            };
            text.lines().any(ends_word)
        };
        match kind {
            "lint" => {
                let name = code.split(" = ").next().unwrap_or(code);
                starts_line(&self.lints, name.rsplit("::").next().unwrap_or(name))
            }
            "type" => self.types.contains(code),
            _ => match code.strip_prefix("just ") {
                Some(recipe) => starts_line(&self.recipes, recipe),
                None if code.contains(['/', '.']) => root().join(code).exists(),
                None => self.tests.contains(code),
            },
        }
    }
}

fn identifier(text: &str) -> String {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

/// The clauses after "held by": each to the end of its sentence or parenthesis.
fn clauses(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let of = |rest: &str| {
        let (mut depth, mut is_code) = (0, false);
        let end = rest.char_indices().position(|(at, letter)| {
            match letter {
                '`' => is_code = !is_code,
                '(' if !is_code => depth += 1,
                ')' if !is_code => depth -= 1,
                _ => {}
            }
            let ends = letter == ';' || rest[at..].starts_with(". ");
            !is_code && (depth < 0 || depth == 0 && ends)
        });
        rest.chars().take(end.unwrap_or(usize::MAX)).collect()
    };
    let lower = text.replace("Held by ", "held by ");
    lower.split("held by ").skip(1).map(of).collect()
}

/// The last cells of the rows of tables whose last column is "tested by".
fn cells(document: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut is_in_table = false;
    for line in document.lines() {
        let cell = line
            .trim_end()
            .strip_suffix(" |")
            .and_then(|row| row.rsplit(" | ").next());
        match cell {
            Some("tested by") => is_in_table = true,
            Some(cell) if is_in_table => cells.push(cell.to_owned()),
            None if !line.starts_with('|') => is_in_table = false,
            _ => {}
        }
    }
    cells
}

/// The paragraphs of the documentation of modules that begin with "Invariant:".
fn invariants(source: &str) -> Vec<String> {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//!"));
    let documentation = lines.map(str::trim).collect::<Vec<_>>().join("\n");
    let documentation = documentation.replace("\nInvariant: ", "\n\nInvariant: ");
    let paragraphs = documentation.split("\n\n").map(str::trim);
    let invariants = paragraphs.filter(|paragraph| paragraph.starts_with("Invariant: "));
    invariants.map(str::to_owned).collect()
}

#[test]
fn promises_are_held_by_what_exists() {
    let sources = texts(&root(), ".rs");
    let holders = Holders::of(&sources);
    let mut problems = Vec::new();
    let mut check = |file: &Path, promise: &str, needs_name: bool| {
        let found = holders.check(promise, needs_name);
        let shown = file.strip_prefix(root()).unwrap_or(file).display();
        problems.extend(
            found
                .iter()
                .map(|problem| format!("{shown}: {problem}: {promise}")),
        );
    };
    let mut rows = 0;
    for (file, text) in texts(&root(), ".md") {
        for cell in cells(&text) {
            rows += 1;
            check(&file, &cell, true);
        }
        let prose = text.lines().filter(|line| !line.starts_with('|'));
        for paragraph in prose.collect::<Vec<_>>().join("\n").split("\n\n") {
            for clause in clauses(paragraph) {
                check(&file, &clause, false);
            }
        }
    }
    let mut invariants_found = 0;
    for (file, text) in &sources {
        for invariant in invariants(text) {
            invariants_found += 1;
            let clauses = clauses(&invariant);
            if clauses.is_empty() {
                check(file, &invariant.replace('`', "'"), true);
            }
            for clause in clauses {
                check(file, &clause, true);
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(rows >= FEWEST_ROWS, "{rows} rows");
    assert!(
        invariants_found >= FEWEST_INVARIANTS,
        "{invariants_found} invariants"
    );
}

#[test]
fn broken_promises_are_found() {
    let source = "//! Invariant: it holds (held by `it_holds` and lint `unsafe_code`).\n\n\
                  #[test]\nfn it_holds() {}\npub struct Held;\n";
    let holders = Holders::of(&[(PathBuf::new(), source.to_owned())]);
    for (promise, problems) in [
        ("`it_holds` (e2e), type `Held`", 0),
        (
            "lint `unsafe_code = \"forbid\"`, `just test` and `deny.toml`",
            0,
        ),
        ("[another page](x.md)", 0),
        ("`it_held`", 1),
        ("type `Missing`, lint `missing_lint`, `just miss`", 3),
        ("its authors", 1),
    ] {
        assert_eq!(holders.check(promise, true).len(), problems, "{promise}");
    }
    assert_eq!(
        clauses("One (held by `a` (e2e), `b.c`). Two, held by `d`; three."),
        ["`a` (e2e), `b.c`", "`d`"]
    );
    assert_eq!(
        cells("| x | tested by |\n|---|---|\n| a | `b` |\n\n| c | d |"),
        ["`b`"]
    );
    assert_eq!(invariants(source).len(), 1);
}
