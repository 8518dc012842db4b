//! The reader of web configurations.

use std::path::Path;

use webconfig::settings::parse;

/// Line ends change nothing, and a refusal is one line that names a line of the text.
pub(crate) fn check(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let parsed = parse(text, Path::new(""));
    if !text.contains('\r') {
        let crlf = parse(&text.replace('\n', "\r\n"), Path::new(""));
        assert_eq!(format!("{parsed:?}"), format!("{crlf:?}"));
    }
    if let Err(error) = parsed {
        let message = error.to_string();
        assert!(!message.chars().any(char::is_control), "{message:?}");
        let line = message.strip_prefix("line ");
        let line = line.and_then(|rest| rest.split_once(':')?.0.parse::<usize>().ok());
        assert!(line.is_none_or(|line| (1..=text.lines().count()).contains(&line)));
    }
}
