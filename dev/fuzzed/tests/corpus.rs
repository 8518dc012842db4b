//! Replays the corpora: inputs found by fuzzing, and pieces of real captures.

use std::fs;
use std::path::{Path, PathBuf};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

#[test]
fn everything_in_the_corpora_holds() {
    for (name, check) in fuzzed::TARGETS {
        let folder = corpora().join(name);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut count = 0;
        for input in inputs {
            let path = input.expect("it can be listed").path();
            let bytes = fs::read(&path).expect("it can be read");
            // The name stands in the output of a test that fails.
            println!("{}", path.display());
            check(&bytes);
            // Cut short, too.
            check(&bytes[..bytes.len() / 2]);
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}

/// So that no target is forgotten on either side.
#[test]
fn fuzz_targets_have_corpora() {
    let names = |folder: PathBuf| {
        let mut names: Vec<String> = fs::read_dir(&folder)
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
            .map(|entry| entry.expect("it can be listed").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = fuzzed::TARGETS.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    assert_eq!(names(corpora()), targets);
    assert_eq!(names(corpora().join("../fuzz_targets")), targets);
}
