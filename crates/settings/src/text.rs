//! Wrapping of running text.

/// Returns text without line breaks and repeated blanks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Appends `text` in lines of at most `WIDTH` characters, each indented.
pub(crate) fn push_wrapped(out: &mut String, indent: usize, text: &str) {
    const WIDTH: usize = 80;
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        }
        match column {
            0 => out.extend(std::iter::repeat_n(' ', indent)),
            _ => out.push(' '),
        }
        column = if column == 0 { indent } else { column + 1 } + length;
        out.push_str(word);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_and_indented() {
        let mut out = String::new();
        push_wrapped(&mut out, 4, &"word ".repeat(20));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2, "{out}");
        assert!(lines.iter().all(|line| line.starts_with("    word")));
        assert_eq!(lines[0].len(), 78);
    }
}
