//! PromQL selectors of one metric name with equality matchers.

use std::fmt;

use crate::escape::escape;
use crate::read::parse_line;

/// A selector `name`, `name{}` or `name{label="value",…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub name: String,
    /// Labels and the values that they must have; empty for an absent label.
    pub matchers: Vec<(String, String)>,
}

impl Selector {
    /// Reads a selector; `None` for any other PromQL.
    pub fn parse(text: &str) -> Option<Self> {
        // The exposition's grammar of names and labels is PromQL's: a selector is a
        // sample without its value.
        let line = format!("{} 0", text.trim());
        let sample = parse_line(line.as_bytes()).ok()??;
        let owned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        // A value (`up 1`) would be read as the sample's timestamp.
        if sample.timestamp_ms.is_some() {
            return None;
        }
        let matchers = sample
            .labels
            .iter()
            .map(|label| Some((owned(label.name)?, owned(&label.unescaped())?)))
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            name: owned(sample.name)?,
            matchers,
        })
    }

    /// Returns whether a series is selected. `label` returns its label values by name; as in
    /// PromQL, a missing label is an empty one.
    pub fn selects<'a>(&self, name: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        name == self.name
            && self
                .matchers
                .iter()
                .all(|(matched, value)| label(matched).unwrap_or_default() == value)
    }
}

impl fmt::Display for Selector {
    /// As PromQL; [`Selector::parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, (label, value)) in self.matchers.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{label}=\"")?;
            escape(value, f)?;
            f.write_str("\"")?;
        }
        f.write_str(if self.matchers.is_empty() { "" } else { "}" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_equality_matchers_are_read() {
        for (text, name, matchers) in [
            ("up", "up", vec![]),
            (" up{} ", "up", vec![]),
            (r#"up{node="a"}"#, "up", vec![("node", "a")]),
            (
                r#"up { node = "a\"b" , x="y", }"#,
                "up",
                vec![("node", "a\"b"), ("x", "y")],
            ),
        ] {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.name, name);
            let found: Vec<_> = selector
                .matchers
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            assert_eq!(found, matchers);
        }
    }

    #[test]
    fn other_promql_is_none() {
        for text in [
            "",
            "rate(up[5m])",
            "up+1",
            "up 1",
            "up > 1",
            r#"up{a!="b"}"#,
            r#"up{a=~"b"}"#,
            "up[5m]",
            "sum by (node) (up)",
            "up offset 5m",
            "{__name__=\"up\"}",
            "up{a='b'}",
            "# up",
            "up # x",
        ] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }

    #[test]
    fn missing_label_matches_the_empty_value() {
        let label = |name: &str| (name == "node").then_some("a");
        for (text, selected) in [
            ("up", true),
            ("down", false),
            (r#"up{node="a"}"#, true),
            (r#"up{node="a",pod=""}"#, true),
            (r#"up{node="b"}"#, false),
            (r#"up{node="a",pod="x"}"#, false),
            (r#"up{node=""}"#, false),
        ] {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.selects("up", label), selected, "{text}");
        }
    }

    #[test]
    fn printed_selector_reads_back() {
        for text in ["up", r#"up{node="a"}"#, r#"up{node="a\"b\\c\nd",x=""}"#] {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.to_string(), text);
        }
    }
}
