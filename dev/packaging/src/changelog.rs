//! Parser of CHANGELOG.md in the format of Keep a Changelog: its releases and their notes.
//! Pure.

/// A section of the changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// `Unreleased`, or a version.
    pub name: &'a str,
    /// The date of the release.
    pub date: Option<&'a str>,
    /// Its text.
    pub text: &'a str,
}

/// Returns the sections, newest first.
pub fn sections(changelog: &str) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    // The headings are lines such as `## [0.3.0] - 2026-11-22`.
    for part in changelog.split("\n## [").skip(1) {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let (name, rest) = heading.split_once(']').unwrap_or((heading, ""));
        sections.push(Section {
            name,
            date: rest.trim().strip_prefix("- "),
            text: text.trim(),
        });
    }
    sections
}

/// Returns the notes of release `version`, or the unreleased ones if it has no section.
pub fn notes<'a>(changelog: &'a str, version: &str) -> Option<&'a str> {
    let sections = sections(changelog);
    let named = |name: &str| sections.iter().find(|section| section.name == name);
    named(version)
        .or_else(|| named("Unreleased"))
        .map(|section| section.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\nWords.\n\n## [Unreleased]\n\nSoon.\n\n\
        ## [0.3.0] - 2026-11-22\n\n### Added\n\n- This.\n\n## [0.2.0]\n\nThat.\n";

    #[test]
    fn sections_have_names_dates_and_texts() {
        let [unreleased, new, old] = sections(CHANGELOG)[..] else {
            panic!("three sections");
        };
        assert_eq!((unreleased.name, unreleased.text), ("Unreleased", "Soon."));
        assert_eq!((new.name, new.date), ("0.3.0", Some("2026-11-22")));
        assert_eq!(new.text, "### Added\n\n- This.");
        assert_eq!((old.name, old.date, old.text), ("0.2.0", None, "That."));
    }

    #[test]
    fn release_notes_match_the_version() {
        assert_eq!(notes(CHANGELOG, "0.2.0"), Some("That."));
        assert_eq!(notes(CHANGELOG, "0.4.0"), Some("Soon."));
        assert_eq!(notes("# Changelog\n", "0.4.0"), None);
    }
}
