//! Formatting and sanitising of text from other programs.
//!
//! Node names, error messages and warnings come from servers. They must not move the cursor, colour
//! the terminal or reverse the writing direction, and one message takes one line.
//!
//! Invariant: foreign text cannot control a terminal (held by
//! `foreign_text_cannot_control_a_terminal`).

/// The most characters that [`one_line`] keeps.
pub const MAX_LINE_CHARS: usize = 500;

/// Returns `text` without control characters and bidirectional overrides.
pub fn printable(text: &str) -> String {
    let overrides = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| !c.is_control() && !overrides(*c))
        .collect()
}

/// Returns `text` as one line without control characters, with runs of white space
/// collapsed, cut to [`MAX_LINE_CHARS`] and an ellipsis.
pub fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_control()).collect())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Returns `1 pod`, `2 pods`.
pub fn plural(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_control_a_terminal() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b\r\nc"), "a[31mbc");
        assert_eq!(one_line("a\n\tb\u{1b}[31m  c"), "a b[31m c");
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let long = one_line(&"ä".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_LINE_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(plural(1, "pod"), "1 pod");
        assert_eq!(plural(0, "pod"), "0 pods");
    }
}
