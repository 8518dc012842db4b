//! The reference pages of the programs, in `docs/`.

use std::fs;
use std::path::Path;

use settings::reference;

use crate::program;

/// Each page: its path in the project, and its text.
fn pages() -> impl Iterator<Item = (String, String)> {
    program::ALL.into_iter().map(|program| {
        let path = format!("docs/reference/{}.md", program.name);
        (path, reference::page(program.command_line, program.source))
    })
}

/// Writes the pages into the project at `root`.
///
/// # Errors
/// The page that cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    fs::create_dir_all(root.join("docs/reference"))
        .map_err(|error| format!("docs/reference: {error}"))?;
    for (path, text) in pages() {
        fs::write(root.join(&path), text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// The pages of the project at `root` that are not as [`write()`] would write them.
pub fn outdated(root: &Path) -> Vec<String> {
    pages()
        .filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_pages_are_the_generated_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(outdated(&root), Vec::<String>::new(), "run `just generate`");
    }
}
