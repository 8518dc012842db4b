//! The parameters of a range query, as Prometheus's HTTP API takes them.
//!
//! API: <https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries>.
//! Of PromQL only `name{label="value",…}` is supported; the rest is refused with a message.

use std::fmt;

use exposition::Selector;
use quantity::parse_time;

use super::identity::Identity;
use crate::readings::Millis;

/// Maximum number of points per series: Prometheus's own limit.
const MAX_POINTS: Millis = 11_000;

/// A range query: a selector and the steps to evaluate it at.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeQuery {
    selector: Selector,
    start: Millis,
    end: Millis,
    step: Millis,
}

/// A query that cannot be answered, with a message for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadQuery(String);

impl fmt::Display for BadQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadQuery {}

fn bad(parameter: &str, problem: &str) -> BadQuery {
    BadQuery(format!("invalid parameter \"{parameter}\": {problem}"))
}

impl RangeQuery {
    /// Reads the decoded parameters `query`, `start`, `end` and `step`; others are ignored.
    ///
    /// # Errors
    /// When one is missing or invalid, or the answer would be too long.
    pub fn parse(parameters: &[(String, String)]) -> Result<Self, BadQuery> {
        let get = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .ok_or_else(|| bad(name, "missing"))
        };
        let time = |name: &str| {
            get(name).and_then(|text| {
                let seconds = parse_time(text).ok_or_else(|| {
                    bad(
                        name,
                        &format!(
                            "cannot parse {text:?} to a valid timestamp (Unix seconds or RFC 3339)"
                        ),
                    )
                })?;
                Ok(millis(seconds))
            })
        };
        let (start, end) = (time("start")?, time("end")?);
        let step_text = get("step")?;
        let step = parse_step(step_text).ok_or_else(|| {
            bad(
                "step",
                &format!("cannot parse {step_text:?} to a positive duration"),
            )
        })?;
        if end < start {
            return Err(bad("end", "end timestamp must not be before start time"));
        }
        if (end - start) / step >= MAX_POINTS {
            return Err(BadQuery(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
                    .to_owned(),
            ));
        }
        let text = get("query")?;
        let selector = Selector::parse(text).ok_or_else(|| {
            bad(
                "query",
                &format!("this history answers only name{{label=\"value\",...}}; for PromQL, query a Prometheus: {text:?}"),
            )
        })?;
        Ok(Self {
            selector,
            start,
            end,
            step,
        })
    }

    /// Returns the times at which the query is evaluated.
    pub fn steps(&self) -> impl Iterator<Item = Millis> + use<> {
        let Self {
            start, end, step, ..
        } = *self;
        (0..=(end - start) / step).map(move |n| start + n * step)
    }

    /// Returns whether series of this name are selected.
    pub fn is_of(&self, name: &str) -> bool {
        self.selector.name == name
    }

    /// Returns whether a series is selected.
    pub fn selects(&self, identity: &Identity) -> bool {
        self.selector.selects(identity.name, |name| {
            let mut labels = identity.labels.iter();
            let found = labels.find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        })
    }
}

/// Seconds with a fraction, or a duration such as `1m`.
fn parse_step(text: &str) -> Option<Millis> {
    let millis = match text.parse::<f64>() {
        // With the limits of a timestamp.
        Ok(_) => millis(parse_time(text)?),
        Err(_) => Millis::try_from(quantity::parse_duration(text).ok()?.as_millis()).ok()?,
    };
    (millis > 0).then_some(millis)
}

fn millis(seconds: f64) -> Millis {
    (seconds * 1000.0).round() as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, start: &str, end: &str, step: &str) -> Result<RangeQuery, String> {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        RangeQuery::parse(&[
            pair("query", query),
            pair("start", start),
            pair("end", end),
            pair("step", step),
        ])
        .map_err(|error| error.to_string())
    }

    #[test]
    fn promql_beyond_a_selector_is_refused() {
        for text in ["", "rate(up[5m])", r#"up{a=~"b"}"#] {
            let error = parse(text, "0", "0", "1").expect_err(text);
            assert!(
                error.contains("answers only name{label=\"value\",...}"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn query_times_are_read_to_the_millisecond() {
        let query = parse("up", "1795330653.39", "2026-11-22T06:57:34.5Z", "1").expect("times");
        assert_eq!(
            (query.start, query.end),
            (1_795_330_653_390, 1_795_330_654_500)
        );
        for text in ["", "now", "1e300", "2026-11-22"] {
            assert!(parse("up", text, "0", "1").is_err(), "{text}");
        }
    }

    #[test]
    fn bad_parameters_are_named() {
        for (query, start, end, step, message) in [
            ("up", "x", "0", "1", "\"start\""),
            ("up", "0", "x", "1", "\"end\""),
            (
                "up",
                "5",
                "0",
                "1",
                "\"end\": end timestamp must not be before start",
            ),
            ("up", "0", "0", "0", "\"step\""),
            ("up", "0", "0", "-1", "\"step\""),
            ("up", "0", "0", "banana", "\"step\""),
            ("up", "0", "11000", "1", "11,000 points"),
        ] {
            let error = parse(query, start, end, step).expect_err(message);
            assert!(error.contains(message), "{error}");
        }
        assert!(parse("up", "0", "10999", "1").is_ok());
        assert!(parse("up", "0", "3600", "1m").is_ok());
        assert!(RangeQuery::parse(&[]).is_err());
    }
}
