//! The subset of YAML for web configurations. Pure.
//!
//! In scope: mappings in block style, one `key: value` a line; lists of plain values; plain
//! and quoted values on that line; comments. Anything else of YAML (flow style, anchors,
//! tags, multi-line text, several documents) is refused with its line, never guessed.

/// One line: `a: b` below `c:` has the keys `c`, `a` and the value `b`. The items of a
/// list have the key `-`. A missing value is empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) keys: Vec<String>,
    pub(crate) value: String,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) expected: &'static str,
}

/// Reads all lines in their order.
pub(crate) fn read(text: &str) -> Result<Vec<Setting>, Malformed> {
    let mut settings: Vec<Setting> = Vec::new();
    // The indents of the last line's keys.
    let mut indents: Vec<usize> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let bad = |expected| Malformed {
            line: number,
            expected,
        };
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let content = content.trim_end();
        let first = settings.is_empty() && indent == 0;
        if content.is_empty() || content.starts_with('#') || (first && content == "---") {
            continue;
        }
        // A list item may have the indent of the key above it.
        let (indent, key, rest) = match content.strip_prefix('-') {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => {
                (indent + 1, "-".to_owned(), rest)
            }
            _ => {
                let (key, rest) = key(content).map_err(bad)?;
                (indent, key, rest)
            }
        };
        let value = value(rest).map_err(bad)?;
        let mut keys = match settings.last() {
            Some(last) => last.keys.clone(),
            None => Vec::new(),
        };
        let deeper = indents.last().is_none_or(|last| indent > *last);
        if deeper {
            let allowed = settings.last().is_none_or(|last| last.value.is_empty());
            if !allowed || (settings.is_empty() && indent > 0) {
                return Err(bad("the indent of the previous line"));
            }
        } else {
            while indents.last().is_some_and(|last| *last > indent) {
                indents.pop();
            }
            if indents.pop() != Some(indent) {
                return Err(bad("the indent of a previous line"));
            }
        }
        keys.truncate(indents.len());
        indents.push(indent);
        keys.push(key);
        if keys.last().is_some_and(|key| key != "-")
            && settings.iter().any(|setting| setting.keys == keys)
        {
            return Err(bad("each key once"));
        }
        settings.push(Setting {
            line: number,
            keys,
            value,
        });
    }
    Ok(settings)
}

const KEY: &str = "key: value";

/// The key at the start of a line, and what follows its colon.
fn key(content: &str) -> Result<(String, &str), &'static str> {
    let (key, rest) = if content.starts_with(['"', '\'']) {
        let (key, rest) = quoted(content)?;
        (key, rest.trim_start().strip_prefix(':').ok_or(KEY)?)
    } else {
        let end = match content.find(": ") {
            Some(end) => end,
            None => content.len() - content.strip_suffix(':').map_or(0, |_| 1),
        };
        let (key, rest) = content.split_at(end);
        (plain(key)?.to_owned(), rest.strip_prefix(':').ok_or(KEY)?)
    };
    let separated = rest.is_empty() || rest.starts_with(' ');
    (separated && !key.is_empty())
        .then_some((key, rest))
        .ok_or(KEY)
}

/// Parses the value after a colon.
fn value(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.starts_with(['"', '\'']) {
        let (value, rest) = quoted(text)?;
        let ended =
            rest.is_empty() || rest.trim_start() != rest && rest.trim_start().starts_with('#');
        return ended.then_some(value).ok_or("nothing after the quotes");
    }
    let end = text.find(" #").unwrap_or(text.len());
    match text[..end].trim_end() {
        comment if comment.starts_with('#') => Ok(String::new()),
        "" | "~" | "null" | "{}" => Ok(String::new()),
        text => plain(text).map(str::to_owned),
    }
}

/// Returns a text without quotes and without characters that are special in YAML.
fn plain(text: &str) -> Result<&str, &'static str> {
    let special = text.starts_with([
        '[', ']', '{', '}', '&', '*', '!', '|', '>', '%', '@', '`', ',', '?', '#', '"', '\'',
    ]);
    let ambiguous = text.contains(": ") || text.ends_with(':') || text.contains(" #");
    if special || ambiguous || text.starts_with("- ") || text.contains(char::is_control) {
        return Err("a value on this line, in quotes if it has special characters");
    }
    Ok(text)
}

/// The quoted text at the start, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let mut value = String::new();
    let mut rest = text[1..].chars();
    loop {
        match rest.next() {
            Some('\\') if quote == '"' => match rest.next() {
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                _ => return Err(r#"no escapes but \" and \\"#),
            },
            Some(end) if end == quote => {
                let mut next = rest.clone();
                if quote == '"' || next.next() != Some('\'') {
                    return Ok((value, rest.as_str()));
                }
                value.push('\'');
                rest = next;
            }
            // A message may repeat a key.
            Some(other) if other.is_control() => return Err("no control characters"),
            Some(other) => value.push(other),
            None => return Err("the other quote on the same line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, String)> {
        read(text)
            .unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
            .into_iter()
            .map(|setting| (setting.keys.join("/"), setting.value))
            .collect()
    }

    #[test]
    fn mappings_comments_and_quotes_are_read() {
        let text = "---\n# a comment\n\na:\n  b: c # why\n  \"d e\": \"f # \\\"g\\\" \\\\\"\n\n  'it''s':  'h: ''i'''   # j\n\
                    k: {}\nl:\n    m:\n       n: $2y$10$x/y.z\n    o: -1:2#3\np: ~\n";
        let pairs: Vec<(&str, &str)> = vec![
            ("a", ""),
            ("a/b", "c"),
            ("a/d e", r#"f # "g" \"#),
            ("a/it's", "h: 'i'"),
            ("k", ""),
            ("l", ""),
            ("l/m", ""),
            ("l/m/n", "$2y$10$x/y.z"),
            ("l/o", "-1:2#3"),
            ("p", ""),
        ];
        let read = flat(text);
        let read: Vec<_> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(read, pairs);
        assert_eq!(flat(&text.replace('\n', "\r\n")).len(), pairs.len());
    }

    #[test]
    fn list_items_belong_to_the_key_above() {
        for text in ["a:\n  - b\n  - c\nd: e", "a:\n- b\n- c\nd: e"] {
            let read = flat(text);
            let keys: Vec<_> = read.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["a", "a/-", "a/-", "d"]);
        }
    }

    #[test]
    fn other_yaml_is_refused_with_its_line() {
        for (text, line) in [
            ("a: b\n  c: d", 2),
            ("a:\n    b: c\n  d: e", 3),
            ("  a: b", 1),
            ("a:\n\tb: c", 2),
            ("a: b\na: c", 2),
            ("a:\n  b: c\n  b: d", 3),
            ("a", 1),
            ("a:b", 1),
            ("a: b\n c", 2),
            (": a", 1),
            ("a: b: c", 1),
            ("a: [b]", 1),
            ("a: {b: c}", 1),
            ("a: &b c", 1),
            ("a: *b", 1),
            ("a: !!str b", 1),
            ("a: |\n  b", 1),
            ("a: >-\n  b", 1),
            ("a: \"b", 1),
            ("a: 'b", 1),
            ("a: \"b\" c", 1),
            ("a: \"b\"#c", 1),
            ("a: \"\\x41\"", 1),
            ("a: 'b' 'c'", 1),
            ("? a", 1),
            ("a: b\n---\nc: d", 2),
            ("a: b\n...\n", 2),
            ("- b: c", 1),
            ("<<: *a", 1),
            ("a: b\0", 1),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error:?}");
        }
    }
}
