//! The syntax of percentages.

use contract::limit::THRESHOLD_PERCENT as LIMITS;
use settings::{Syntax, Within};

/// A share, written as a percentage: `80` or `80%`.
#[derive(Debug)]
pub struct Percent;

impl Syntax for Percent {
    type Value = f64;
    const VALUE_NAME: &'static str = "percent";

    fn expected(within: &Within) -> String {
        let limits = match within {
            Within::Any => format!("above {} and at most {}", LIMITS.start(), LIMITS.end()),
            within => within.to_string(),
        };
        format!("a percentage such as 80 or 80%, {limits}")
    }

    fn parse(text: &str, within: &Within) -> Result<f64, String> {
        let is_within = |percent: &f64| match within {
            Within::Numbers(range) => {
                (*range.start() as f64..=*range.end() as f64).contains(percent)
            }
            _ => f64::from(*LIMITS.start()) < *percent && *percent <= f64::from(*LIMITS.end()),
        };
        text.strip_suffix('%')
            .unwrap_or(text)
            .parse::<f64>()
            .ok()
            .filter(is_within)
            .map(|percent| percent / 100.0)
            .ok_or_else(|| Self::expected(within))
    }

    /// Rounds to a millionth of a percent, as the division by 100 leaves stray digits.
    fn print(share: &f64) -> String {
        format!("{}%", (share * 1e8).round() / 1e6)
    }
}
