//! Durations in the form of Prometheus and Go: `30s`, `1m30s`, `500ms`, `6h`.

use std::fmt;
use std::time::Duration;

use crate::ParseError;

const EXPECTED: &str = "a duration such as 30s, 1m30s or 6h";

/// Units from the largest to the smallest, each with its length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads whole numbers with the units `d h m s ms`, each at most once and the
/// largest first, as in `1m30s`. A bare `0` is accepted; any other number
/// needs its unit.
///
/// # Errors
/// When the text has another form or the duration exceeds 2^64 milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, ParseError> {
    let bad = || ParseError::new(text, EXPECTED);
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = rest.split_at(letters);
        rest = after;
        // `find` advances the iterator, which enforces the order of units.
        let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
        total = number
            .checked_mul(*millis)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(bad)?;
    }
    if text.is_empty() {
        return Err(bad());
    }
    Ok(Duration::from_millis(total))
}

/// Displays a duration in the form that [`parse_duration`] reads, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(pub Duration);

/// Displays whole seconds: `30m`.
pub const fn interval(seconds: u64) -> Interval {
    Interval(Duration::from_secs(seconds))
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_millis();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            let count = left / u128::from(millis);
            left %= u128::from(millis);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Returns an age in one unit, as kubectl writes it: `97s`, `5m`, `3h`.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        _ => format!("{}h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (97, "97s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (100_000, "27h"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn common_durations_are_read() {
        for (text, millis) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("6h", 21_600_000),
            ("500ms", 500),
            ("1d2h3m4s5ms", 93_784_005),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "1s1m",
            "1m1m",
            "-1s",
            "1.5s",
            "1 s",
            "banana",
            "1w",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            let error = parse_duration(text).expect_err(text);
            assert_eq!(
                error.to_string(),
                format!("{text:?} is not a duration such as 30s, 1m30s or 6h")
            );
        }
    }

    #[test]
    fn displayed_duration_reads_back() {
        for millis in [0, 1, 999, 1_000, 90_000, 3_600_000, 93_784_005] {
            let duration = Duration::from_millis(millis);
            assert_eq!(
                parse_duration(&Interval(duration).to_string()),
                Ok(duration)
            );
        }
    }
}
