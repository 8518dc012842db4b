//! Suggestions for misspelt words.

/// Returns the candidate with the fewest edits from `word`, if they are at most a third of its
/// letters.
pub(crate) fn similar(
    word: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let most = word.trim_start_matches('-').chars().count() / 3;
    candidates
        .map(|candidate| (edits(word, candidate), candidate))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= most)
        .map(|(_, candidate)| candidate)
}

/// Returns the minimum number of insertions, deletions and replacements of characters, and
/// swaps of neighbours, from one text to the other: the optimal string alignment distance.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // Rows of the table of distances between prefixes: two before, one before, this one.
    let mut older = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(older[j - 1] + 1);
            }
            row.push(least);
        }
        older = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "axc", 1),
            ("abc", "ac", 1),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(from, to), count, "{from} {to}");
            assert_eq!(edits(to, from), count, "{to} {from}");
        }
    }

    #[test]
    fn only_similar_words_are_suggested() {
        let flags = ["--lookback", "--forecast", "--low"];
        for (word, suggestion) in [
            ("--lokback", Some("--lookback")),
            ("--look-back", Some("--lookback")),
            ("--froecast", Some("--forecast")),
            ("--lwo", Some("--low")),
            ("--banana", None),
            ("-x", None),
        ] {
            assert_eq!(similar(word, flags.into_iter()), suggestion, "{word}");
        }
    }
}
