//! Patterns and bounds of values, for the schema.
//!
//! Invariant: programs and Kubernetes accept every value that the schema accepts (held by
//! `programs_accept_what_the_schema_accepts` and `schema_has_the_programs_limits`).

use std::ops::RangeInclusive;
use std::time::Duration;

use contract::limit;
use schemars::Schema;
use serde_json::Value;
use settings::Within;

/// A duration of Prometheus.
pub(super) const DURATION: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
/// RFC 1123 label: the name of a namespace.
pub(super) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// RFC 1123 label, or nothing.
pub(super) const DNS_LABEL_OR_EMPTY: &str = "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$";
/// Start of the objects' names, or nothing. RFC 1035 label, since a Service's name starts with
/// a letter; 45 characters, since a CronJob's name has at most 52 and ours ends in `-agent`.
pub(super) const PREFIX_OR_EMPTY: &str = "^([a-z]([-a-z0-9]{0,43}[a-z0-9])?)?$";
/// RFC 1123 subdomain.
pub(super) const DNS_NAME: &str = "^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$";
/// RFC 1123 subdomain, or nothing.
pub(super) const DNS_NAME_OR_EMPTY: &str = "^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$";
/// Value of a label.
pub(super) const LABEL_VALUE: &str = "^([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$";
/// A repository: registry, path, name; no tag, no digest.
pub(super) const REPOSITORY: &str =
    "^[A-Za-z0-9]([-._A-Za-z0-9]*)(:[0-9]+)?(/[a-z0-9]([-._a-z0-9]*))*$";
/// A tag, or nothing.
pub(super) const TAG: &str = "^([A-Za-z0-9_][-._A-Za-z0-9]{0,127})?$";
/// A digest, or nothing.
pub(super) const DIGEST: &str = "^(sha256:[0-9a-f]{64})?$";
/// Cron's five fields, or a name such as @hourly.
pub(super) const SCHEDULE: &str = "^(@[a-z]+|[^ ]+( [^ ]+){4})$";
/// Name of a time zone, or nothing.
pub(super) const TIME_ZONE: &str = "^[-+_/A-Za-z0-9]*$";
/// http, https, or nothing.
pub(super) const SCHEME_OR_EMPTY: &str = "^(https?)?$";
/// An http or https URL without anything that needs quoting.
pub(super) const URL: &str = "^https?://[^ \"'{}\\\\]+$";
/// Path of a file.
pub(super) const FILE: &str = "^(/[-._A-Za-z0-9]+)+$";
/// Name of an environment variable.
pub(super) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// Most minutes of the agent's lookback and forecast.
pub(super) const SPAN_MINUTES: u64 = limit::SPAN.end().as_secs() / 60;

/// Least and most whole percent of a threshold; the lower threshold is below the upper one.
pub(super) const LEAST_PERCENT: u8 = *limit::THRESHOLD_PERCENT.start() + 1;
pub(super) const MOST_PERCENT: u8 = *limit::THRESHOLD_PERCENT.end();

/// Units of durations, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Suffixes of an amount of memory that both Kubernetes and the programs read.
const MEMORY_UNITS: [(&str, u64); 7] = [
    ("", 1),
    ("k", 1000),
    ("Ki", 1 << 10),
    ("M", 1_000_000),
    ("Mi", 1 << 20),
    ("G", 1_000_000_000),
    ("Gi", 1 << 30),
];

/// URL of a backend that the agent can query, or nothing: no credentials, no query part.
pub(super) fn backend_url_or_empty() -> String {
    let host = r"[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?|\[[0-9a-f:]+\]";
    let port = numbers(1, u64::from(u16::MAX));
    format!("^(https?://({host})(:({port}))?(/[-._~%!$&()*+,;=:@A-Za-z0-9]*)*)?$")
}

/// Accepts durations within limits.
pub(super) fn within(limits: &RangeInclusive<Duration>) -> impl Fn(&mut Schema) {
    let pattern = format!("^({})$", durations(limits, &UNITS));
    limited(pattern, Within::Durations(limits.clone()).to_string())
}

/// Accepts whole seconds within limits, or `auto`.
pub(super) fn whole_seconds_or_auto(limits: &RangeInclusive<Duration>) -> impl Fn(&mut Schema) {
    let pattern = format!("^(auto|{})$", durations(limits, &UNITS[..4]));
    let words = format!("auto, or {}", Within::Durations(limits.clone()));
    limited(pattern, words)
}

/// Accepts amounts of memory within limits, in bytes.
pub(super) fn memory(limits: &RangeInclusive<u64>) -> impl Fn(&mut Schema) {
    let units = MEMORY_UNITS.iter().filter_map(|(unit, bytes)| {
        let (least, most) = (limits.start().div_ceil(*bytes), limits.end() / bytes);
        (least <= most).then(|| format!("({}){unit}", numbers(least, most)))
    });
    let pattern = format!("^({})$", units.collect::<Vec<_>>().join("|"));
    limited(pattern, Within::Bytes(limits.clone()).to_string())
}

/// Accepts numbers within limits.
pub(super) fn range<T: Copy + Into<Value>>(limits: &RangeInclusive<T>) -> impl Fn(&mut Schema) {
    let (least, most) = (*limits.start(), *limits.end());
    move |schema| {
        schema.insert("minimum".to_owned(), least.into());
        schema.insert("maximum".to_owned(), most.into());
    }
}

/// Accepts what matches a pattern, and describes it in words.
fn limited(pattern: String, words: String) -> impl Fn(&mut Schema) {
    move |schema| {
        schema.insert("pattern".to_owned(), pattern.clone().into());
        schema.insert("$comment".to_owned(), words.clone().into());
    }
}

/// A pattern for durations within limits, in these units. A number of one unit may be
/// followed by numbers of lesser units, each below its next larger unit.
fn durations(limits: &RangeInclusive<Duration>, units: &[(&str, u64)]) -> String {
    let millis = |limit: &Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let (least, most) = (millis(limits.start()), millis(limits.end()));
    let mut patterns = Vec::new();
    if least == 0 {
        patterns.push("0s?".to_owned());
    }
    for (index, (unit, length)) in units.iter().enumerate() {
        let (least, most) = (least.div_ceil(*length).max(1), most / length);
        if least > most {
            continue;
        }
        patterns.push(format!("({}){unit}", numbers(most, most)));
        if least < most {
            let lesser = units.windows(2).skip(index).map(|pair| {
                let [(_, length), (unit, part)] = pair else {
                    return String::new();
                };
                format!("(({}){unit})?", numbers(0, length / part - 1))
            });
            let lesser: String = lesser.collect();
            patterns.push(format!("({}){unit}{lesser}", numbers(least, most - 1)));
        }
    }
    patterns.join("|")
}

/// A pattern for the whole numbers from `least` to `most`, without leading zeros.
fn numbers(least: u64, most: u64) -> String {
    // Numbers from one of these to the next share their first digits; then comes one of a
    // range, and the last digits are free.
    let mut ends = vec![most];
    let mut power = 10;
    while power <= most {
        ends.extend([
            least / power * power + power - 1,
            (most + 1) / power * power - 1,
        ]);
        power *= 10;
    }
    ends.retain(|end| (least..=most).contains(end));
    ends.sort_unstable();
    ends.dedup();
    let mut start = least;
    let mut patterns = Vec::new();
    for end in ends {
        let pairs = start.to_string().into_bytes();
        let pairs = pairs.into_iter().zip(end.to_string().into_bytes());
        let mut pattern = String::new();
        let mut free = 0;
        for (low, high) in pairs {
            match (low, high) {
                (b'0', b'9') => free += 1,
                (low, high) if low == high => pattern.push(char::from(low)),
                (low, high) => {
                    pattern.push_str(&format!("[{}-{}]", char::from(low), char::from(high)));
                }
            }
        }
        match free {
            0 => {}
            1 => pattern.push_str("[0-9]"),
            _ => pattern.push_str(&format!("[0-9]{{{free}}}")),
        }
        patterns.push(pattern);
        start = end + 1;
    }
    patterns.join("|")
}
