//! Words of closed vocabularies as chart values.

use std::borrow::Cow;
use std::fmt;

use contract::{
    AddressType, AgentMode, ExporterMode, FleetView, LogLevel, PodPhase, PullPolicy, ReportFormat,
    Via,
};
use forecast::Choice;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A closed set of words.
pub trait Vocabulary: Copy + 'static {
    /// Name of the set, in the schema.
    const NAME: &'static str;
    /// Every word.
    const WORDS: &'static [Self];
    /// Returns the word.
    fn word(self) -> &'static str;
}

macro_rules! vocabularies {
    ($($name:ident, $words:expr, $word:ident;)+) => {$(
        impl Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const WORDS: &'static [Self] = $words;
            fn word(self) -> &'static str {
                self.$word()
            }
        }
    )+};
}

vocabularies! {
    AddressType, Self::ALL, name;
    AgentMode, Self::ALL, name;
    Choice, &Self::ALL, label;
    ExporterMode, Self::ALL, name;
    FleetView, Self::ALL, name;
    LogLevel, Self::ALL, name;
    PodPhase, Self::ALL, name;
    PullPolicy, Self::ALL, name;
    ReportFormat, Self::ALL, name;
    Via, Self::ALL, name;
}

/// A word of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word<V>(pub V);

impl<V> From<V> for Word<V> {
    fn from(word: V) -> Self {
        Self(word)
    }
}

impl<V: Vocabulary> fmt::Display for Word<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.word())
    }
}

impl<V: Vocabulary> Serialize for Word<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, V: Vocabulary> Deserialize<'de> for Word<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let word = V::WORDS.iter().find(|word| word.word() == text);
        word.map(|word| Self(*word))
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a {}", V::NAME)))
    }
}

impl<V: Vocabulary> JsonSchema for Word<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        V::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = V::WORDS.iter().map(|word| word.word()).collect();
        json_schema!({"type": "string", "enum": words})
    }
}
