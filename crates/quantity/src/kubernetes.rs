//! Kubernetes resource quantities, as the API server writes them in a node's
//! `allocatable` and `capacity`.
//!
//! The grammar is that of `k8s.io/apimachinery/pkg/api/resource.Quantity`: a
//! signed decimal number followed by a binary suffix (`Ki` … `Ei`), a decimal
//! suffix (`n u m k M G T P E`) or a decimal exponent (`e3`, `E-2`).

use crate::{MAX_EXACT, ParseError};

const EXPECTED: &str = "a Kubernetes quantity such as 2, 1920m or 24581256Ki";

/// Reads a quantity into its plain number (cores, bytes, pods).
///
/// # Errors
/// When the text is not a quantity, or the number is negative or above 2^53:
/// no machine has that much of anything counted here.
pub fn parse_quantity(text: &str) -> Result<f64, ParseError> {
    let bad = || ParseError::new(text, EXPECTED);
    let number_len = text
        .bytes()
        .take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-'))
        .count();
    let (number, suffix) = text.split_at(number_len);
    let value = match suffix.as_bytes() {
        // An exponent has digits after its letter; a lone `E` is exa.
        [b'e' | b'E', rest @ ..] if !rest.is_empty() => text.parse().map_err(|_| bad())?,
        _ => number.parse::<f64>().map_err(|_| bad())? * multiplier(suffix).ok_or_else(bad)?,
    };
    if !(0.0..=MAX_EXACT).contains(&value) {
        return Err(bad());
    }
    // Adding 0 turns -0 into 0.
    Ok(value + 0.0)
}

fn multiplier(suffix: &str) -> Option<f64> {
    Some(match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_real_nodes_are_read() {
        for (text, value) in [
            ("2", 2.0),
            ("1920m", 1.92),
            ("24581256Ki", 25_171_206_144.0),
            ("110", 110.0),
            ("16Gi", 17_179_869_184.0),
            ("0.5", 0.5),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("3k", 3000.0),
            ("250000000n", 0.25),
            ("0", 0.0),
        ] {
            let read = parse_quantity(text).expect(text);
            assert!(
                (read - value).abs() < 1e-9 * value.max(1.0),
                "{text}: {read}"
            );
        }
    }

    #[test]
    fn malformed_quantity_is_refused() {
        for text in [
            "", "Ki", "-1", "1KiB", "1 Ki", "NaN", "inf", "1e999", "9E", "two", "1.2.3", "e3",
        ] {
            assert!(parse_quantity(text).is_err(), "{text}");
        }
    }
}
