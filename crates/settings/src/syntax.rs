//! Syntax of values: parsing, printing and description, once for each type.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use quantity::{Interval, parse_duration, parse_quantity};

/// Limits of a value.
#[derive(Debug, Clone)]
pub enum Within {
    /// None beyond those of its type.
    Any,
    /// Durations.
    Durations(RangeInclusive<Duration>),
    /// Whole numbers.
    Numbers(RangeInclusive<u64>),
    /// Amounts of memory, in bytes.
    Bytes(RangeInclusive<u64>),
}

/// Displays the limits, such as "from 1s to 1h".
impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Durations(range) => {
                let (from, to) = (Interval(*range.start()), Interval(*range.end()));
                write!(f, "from {from} to {to}")
            }
            Self::Numbers(range) => write!(f, "from {} to {}", range.start(), range.end()),
            Self::Bytes(range) => {
                let (from, to) = (binary(*range.start()), binary(*range.end()));
                write!(f, "from {from} to {to}")
            }
        }
    }
}

/// Appends the limits to `expected`, if there are any.
fn limited(expected: &str, within: &Within) -> String {
    match within {
        Within::Any => expected.to_owned(),
        limits => format!("{expected}, {limits}"),
    }
}

impl Within {
    /// Makes limits of whole numbers.
    pub const fn numbers(range: &RangeInclusive<u32>) -> Self {
        Self::Numbers(*range.start() as u64..=*range.end() as u64)
    }

    /// Returns whether a duration is within the limits.
    pub fn has_duration(&self, duration: Duration) -> bool {
        match self {
            Self::Durations(range) => range.contains(&duration),
            _ => true,
        }
    }

    fn has_number(&self, number: u64) -> bool {
        match self {
            Self::Numbers(range) | Self::Bytes(range) => range.contains(&number),
            _ => true,
        }
    }
}

/// The syntax of a value on the command line and in the environment.
///
/// Implemented by the type of the value, or by a marker if that type belongs to a crate that
/// knows no flags.
pub trait Syntax {
    /// The value.
    type Value;

    /// Placeholder in help texts.
    const VALUE_NAME: &'static str;

    /// True if the flag alone means `true`.
    const IS_BARE: bool = false;

    /// True if the value is the path of a file.
    const IS_FILE: bool = false;

    /// Returns the possible words of the value, if they can be listed.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }

    /// Returns the expected form, for an error.
    fn expected(within: &Within) -> String;

    /// Parses a value.
    ///
    /// # Errors
    /// The expected form.
    fn parse(text: &str, within: &Within) -> Result<Self::Value, String>;

    /// Prints a value in the form that [`Syntax::parse`] reads.
    fn print(value: &Self::Value) -> String;

    /// Returns the refused text for an error: without credentials in a URL.
    fn shown(text: &str) -> String {
        without_credentials(text)
    }
}

/// Properties of a flag that follow from the type of its value.
#[derive(Debug, Clone)]
pub struct Form {
    /// True if the flag may be repeated.
    pub repeatable: bool,
    /// True if the value may be missing.
    pub optional: bool,
    /// True if the flag alone means `true`.
    pub bare: bool,
    /// True if the value is the path of a file.
    pub file: bool,
    /// The possible words of the value.
    pub words: fn() -> Vec<&'static str>,
    /// The expected form.
    pub expected: fn(&Within) -> String,
}

const fn form<S: Syntax>(optional: bool, repeatable: bool) -> Form {
    Form {
        repeatable,
        optional,
        bare: S::IS_BARE,
        file: S::IS_FILE,
        words: S::words,
        expected: S::expected,
    }
}

/// An invalid value.
#[derive(Debug)]
pub struct Refused {
    /// The value, without credentials.
    pub value: String,
    /// The expected form.
    pub expected: String,
}

/// The number of values of a flag: one (a [`Syntax`] with a default), at most one (`Option`) or
/// any number (`Vec`).
pub trait Shape {
    /// The value of the field.
    type Value;

    /// Placeholder in help texts.
    const VALUE_NAME: &'static str;

    /// The properties of the flag.
    const FORM: Form;

    /// Parses the given texts.
    ///
    /// # Errors
    /// When one of them is refused.
    fn parse(texts: &[String], within: &Within) -> Result<Self::Value, Refused>;

    /// Prints the values in the form that is read.
    fn print(value: &Self::Value) -> Vec<String>;
}

fn parse<S: Syntax>(text: &str, within: &Within) -> Result<S::Value, Refused> {
    S::parse(text, within).map_err(|expected| Refused {
        value: S::shown(text),
        expected,
    })
}

impl<S: Syntax> Shape for S {
    type Value = S::Value;
    const VALUE_NAME: &'static str = S::VALUE_NAME;
    const FORM: Form = form::<S>(false, false);

    fn parse(texts: &[String], within: &Within) -> Result<S::Value, Refused> {
        let text = texts.first().expect("a checked table has a default");
        parse::<S>(text, within)
    }

    fn print(value: &S::Value) -> Vec<String> {
        vec![S::print(value)]
    }
}

impl<S: Syntax> Shape for Option<S> {
    type Value = Option<S::Value>;
    const VALUE_NAME: &'static str = S::VALUE_NAME;
    const FORM: Form = form::<S>(true, false);

    fn parse(texts: &[String], within: &Within) -> Result<Self::Value, Refused> {
        let text = texts.first();
        text.map(|text| parse::<S>(text, within)).transpose()
    }

    fn print(value: &Self::Value) -> Vec<String> {
        value.iter().map(S::print).collect()
    }
}

impl<S: Syntax> Shape for Vec<S> {
    type Value = Vec<S::Value>;
    const VALUE_NAME: &'static str = S::VALUE_NAME;
    const FORM: Form = form::<S>(true, true);

    fn parse(texts: &[String], within: &Within) -> Result<Self::Value, Refused> {
        let texts = texts.iter();
        texts.map(|text| parse::<S>(text, within)).collect()
    }

    fn print(value: &Self::Value) -> Vec<String> {
        value.iter().map(S::print).collect()
    }
}

impl Syntax for bool {
    type Value = Self;
    const VALUE_NAME: &'static str = "bool";
    const IS_BARE: bool = true;

    fn words() -> Vec<&'static str> {
        vec!["true", "false"]
    }

    fn expected(_: &Within) -> String {
        one_of(&Self::words())
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        text.parse().map_err(|_| Self::expected(within))
    }

    fn print(value: &Self) -> String {
        value.to_string()
    }
}

impl Syntax for String {
    type Value = Self;
    const VALUE_NAME: &'static str = "text";

    fn expected(_: &Within) -> String {
        "a text that is not empty".to_owned()
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        match text {
            "" => Err(Self::expected(within)),
            text => Ok(text.to_owned()),
        }
    }

    fn print(value: &Self) -> String {
        value.clone()
    }
}

impl Syntax for PathBuf {
    type Value = Self;
    const VALUE_NAME: &'static str = "file";
    const IS_FILE: bool = true;

    fn expected(_: &Within) -> String {
        "the path of a file".to_owned()
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        match text {
            "" => Err(<Self as Syntax>::expected(within)),
            text => Ok(text.into()),
        }
    }

    fn print(value: &Self) -> String {
        value.display().to_string()
    }
}

impl Syntax for Duration {
    type Value = Self;
    const VALUE_NAME: &'static str = "duration";

    fn expected(within: &Within) -> String {
        limited("a duration such as 30s or 1m30s", within)
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        parse_duration(text)
            .ok()
            .filter(|duration| within.has_duration(*duration))
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &Self) -> String {
        Interval(*value).to_string()
    }
}

/// Whole numbers.
impl Syntax for u64 {
    type Value = Self;
    const VALUE_NAME: &'static str = "number";

    fn expected(within: &Within) -> String {
        limited("a whole number", within)
    }

    fn parse(text: &str, within: &Within) -> Result<Self, String> {
        text.parse()
            .ok()
            .filter(|number| within.has_number(*number))
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &Self) -> String {
        value.to_string()
    }
}

/// Amounts of memory, in bytes, written as Kubernetes quantities.
#[derive(Debug)]
pub struct Bytes;

impl Syntax for Bytes {
    type Value = u64;
    const VALUE_NAME: &'static str = "bytes";

    fn expected(within: &Within) -> String {
        limited("an amount of memory such as 64Mi", within)
    }

    fn parse(text: &str, within: &Within) -> Result<u64, String> {
        parse_quantity(text)
            .ok()
            .map(|bytes| bytes as u64)
            .filter(|bytes| within.has_number(*bytes))
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &u64) -> String {
        value.to_string()
    }
}

/// Displays bytes in the largest binary unit that makes them a whole number.
fn binary(bytes: u64) -> String {
    let units = ["Gi", "Mi", "Ki"].into_iter().zip([30, 20, 10]);
    let whole = units.filter(|(_, bits)| bytes > 0 && bytes.is_multiple_of(1 << bits));
    whole
        .map(|(unit, bits)| format!("{}{unit}", bytes >> bits))
        .next()
        .unwrap_or_else(|| bytes.to_string())
}

/// Values with a [`FromStr`] whose error names the expected form, and which refuse an empty
/// text.
#[derive(Debug)]
pub struct Parsed<T>(PhantomData<T>);

impl<T> Syntax for Parsed<T>
where
    T: FromStr<Err: Display> + Display,
{
    type Value = T;
    const VALUE_NAME: &'static str = "value";

    fn expected(_: &Within) -> String {
        let refused = "".parse::<T>();
        refused.map_or_else(|expected| expected.to_string(), |_| String::new())
    }

    fn parse(text: &str, _: &Within) -> Result<T, String> {
        text.parse()
            .map_err(|expected: T::Err| expected.to_string())
    }

    fn print(value: &T) -> String {
        value.to_string()
    }
}

/// Lists words as in a sentence: `text, json or csv`.
pub fn one_of(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        words => words.concat(),
    }
}

/// Hides possible passwords: the text before the `@` of a URL, however malformed, and the query
/// of a URL.
fn without_credentials(value: &str) -> String {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    let mut shown = match value.rsplit_once('@') {
        Some((_, host)) => match scheme {
            Some(scheme) => format!("{scheme}://[hidden]@{host}"),
            None => format!("[hidden]@{host}"),
        },
        None => value.to_owned(),
    };
    if scheme.is_some()
        && let Some(query) = shown.find('?')
    {
        shown.truncate(query);
        shown.push_str("?[hidden]");
    }
    shown
}
