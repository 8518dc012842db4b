//! Quantities and durations.

use quantity::{Interval, parse_duration, parse_quantity};

/// A quantity is a number that is no less than none; a refusal names the text.
pub(crate) fn check_quantity(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match parse_quantity(text) {
        Ok(number) => assert!(number.is_finite() && number >= 0.0, "{text:?}: {number}"),
        Err(error) => one_line(&error.to_string()),
    }
}

/// A displayed duration reads back as the same; a refusal names the text.
pub(crate) fn check_duration(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match parse_duration(text) {
        Ok(duration) => {
            let shown = Interval(duration).to_string();
            assert_eq!(
                parse_duration(&shown),
                Ok(duration),
                "{text:?} as {shown:?}"
            );
        }
        Err(error) => one_line(&error.to_string()),
    }
}

fn one_line(message: &str) {
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
