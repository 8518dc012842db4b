//! The answer to a range query, decoded as it streams. Pure: reads any `Read`.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/querying/api/>. Of each
//! series only its name, its `node` label and the points asked for are kept. Labels
//! of other names, native histograms, statistics and unknown fields are passed over.
//!
//! Memory: the kept points, 16 bytes each. Each took at least as many bytes of the
//! answer, so the cap on the answer bounds them all.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};

use contract::label;
use forecast::Point;
use quantity::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use webclient::Failure;

use crate::series::Series;

/// What of an answer is wanted.
#[derive(Clone, Copy)]
pub struct Selection<'a> {
    /// The moment that a sample at these Unix seconds belongs to, if any.
    pub moment: &'a dyn Fn(f64) -> Option<Timestamp>,
    /// Whether a node's series are kept.
    pub node: &'a dyn Fn(&str) -> bool,
}

/// A complete, successful answer.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// The series of the nodes that were wanted, as they came.
    pub series: Vec<NodeSeries>,
    /// What the backend itself warned of.
    pub warnings: Vec<String>,
    /// What the backend remarked about the query.
    pub infos: Vec<String>,
    /// Whether the backend said that the answer lacks something (`isPartial`).
    pub is_partial: bool,
    /// Series left out because they have no `node` label.
    pub without_node: u64,
    /// Series left out because their node was not wanted.
    pub of_other_nodes: u64,
    /// Samples left out.
    pub rejected: Rejected,
}

/// One series of one node.
#[derive(Debug, PartialEq)]
pub struct NodeSeries {
    /// The metric's name; `None` for what an expression computed.
    pub name: Option<String>,
    /// The label `node`; not empty.
    pub node: String,
    /// Its points.
    pub series: Series,
}

/// Samples left out, by reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// NaN, infinite, negative, above 2^53, or no number.
    pub implausible: u64,
    /// At a moment that was not asked for.
    pub elsewhen: u64,
    /// Not later than the sample before it.
    pub out_of_order: u64,
}

impl Answer {
    /// The series by node; several where an exporter pod replaced another.
    pub fn by_node(series: Vec<NodeSeries>) -> BTreeMap<String, Vec<Series>> {
        let mut nodes: BTreeMap<String, Vec<Series>> = BTreeMap::new();
        for one in series {
            nodes.entry(one.node).or_default().push(one.series);
        }
        nodes
    }
}

/// Why a body is not a complete, successful answer.
#[derive(Debug)]
pub enum Defect {
    /// `"status": "error"`.
    Refused(Refusal),
    /// The connection or the content encoding failed underneath.
    Body(Failure),
    /// The JSON stops in the middle.
    Truncated,
    /// Not JSON, or not the JSON of a range query.
    Shape(String),
}

/// The error object of Prometheus's API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `bad_data`, `execution`, `timeout`, …
    pub error_type: String,
    /// What is wrong, in words.
    pub error: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.error_type.as_str(), self.error.as_str()) {
            ("", "") => f.write_str("no reason given"),
            ("", error) => f.write_str(error),
            (error_type, error) => write!(f, "{error_type}: {error}"),
        }
    }
}

/// Bytes of the answer held at a time.
const BUFFER_BYTES: usize = 32 * 1024;

/// Most warnings, and most remarks, that are kept of one answer.
const MAX_REMARKS: usize = 10;

/// Most characters kept of one text of the backend's.
const MAX_TEXT_CHARS: usize = 500;

/// Reads an answer to its end.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read(body: impl Read, selection: Selection<'_>) -> Result<Answer, Defect> {
    let mut json =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, body));
    let envelope = Envelope(selection)
        .deserialize(&mut json)
        .and_then(|envelope| json.end().map(|()| envelope))
        .map_err(defect)?;
    envelope.answer()
}

/// Reads the error object out of the body of a refusal, if it is one.
pub fn read_refusal(body: &str) -> Option<Refusal> {
    let nothing = Selection {
        moment: &|_| None,
        node: &|_| false,
    };
    match read(body.as_bytes(), nothing) {
        Err(Defect::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

fn defect(error: serde_json::Error) -> Defect {
    if error.is_eof() {
        return Defect::Truncated;
    }
    if !error.is_io() {
        return Defect::Shape(error.to_string());
    }
    match Failure::from_io(io::Error::from(error)) {
        Ok(failure) => Defect::Body(failure),
        Err(other) => Defect::Body(Failure::Protocol(other.to_string())),
    }
}

/// Cuts a foreign text to a length and a form fit for one line.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_control()).collect())
        .collect();
    let line = words.join(" ");
    let mut shown: String = line.chars().take(MAX_TEXT_CHARS).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

#[derive(Default)]
struct EnvelopeParts {
    status: String,
    result_type: String,
    refusal: Refusal,
    answer: Answer,
}

impl EnvelopeParts {
    fn answer(self) -> Result<Answer, Defect> {
        match self.status.as_str() {
            "success" if self.result_type == "matrix" => Ok(self.answer),
            "success" => Err(Defect::Shape(format!(
                "a matrix was expected, the result type is {:?}",
                self.result_type
            ))),
            "error" => Err(Defect::Refused(self.refusal)),
            other => Err(Defect::Shape(format!(
                "the status {other:?} is neither success nor error"
            ))),
        }
    }
}

/// The outermost object.
struct Envelope<'a>(Selection<'a>);

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = EnvelopeParts;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = EnvelopeParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer to a range query")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = EnvelopeParts::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "status" => parts.status = line(&mut map)?,
                "errorType" => parts.refusal.error_type = line(&mut map)?,
                "error" => parts.refusal.error = line(&mut map)?,
                "isPartial" => parts.answer.is_partial = or_default::<_, bool>(&mut map)?,
                "warnings" => parts.answer.warnings = or_default::<_, Remarks>(&mut map)?.0,
                "infos" => parts.answer.infos = or_default::<_, Remarks>(&mut map)?.0,
                "data" => map.next_value_seed(Nullable(Data {
                    selection: self.0,
                    parts: &mut parts,
                }))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(parts)
    }
}

/// A value, or its type's default in place of `null`: backends write absent ones so.
fn or_default<'de, A: MapAccess<'de>, T: serde::Deserialize<'de> + Default>(
    map: &mut A,
) -> Result<T, A::Error> {
    Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
}

/// A text in one short line; empty for `null`.
fn line<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(one_line(&or_default::<_, Text<'_>>(map)?.0))
}

/// `data`: the result type and the series.
struct Data<'a> {
    selection: Selection<'a>,
    parts: &'a mut EnvelopeParts,
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with resultType and result")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "resultType" => self.parts.result_type = line(&mut map)?,
                "result" => map.next_value_seed(Nullable(ResultList {
                    selection: self.selection,
                    answer: &mut self.parts.answer,
                }))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// `result`: the list of series.
struct ResultList<'a> {
    selection: Selection<'a>,
    answer: &'a mut Answer,
}

impl<'de> Visitor<'de> for ResultList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((labels, series)) = list.next_element_seed(OneSeries {
            selection: self.selection,
            rejected: &mut self.answer.rejected,
        })? {
            match labels.node.filter(|node| !node.is_empty()) {
                Some(node) if (self.selection.node)(&node) => {
                    self.answer.series.push(NodeSeries {
                        name: labels.name,
                        node,
                        series,
                    });
                }
                Some(_) => self.answer.of_other_nodes += 1,
                None => self.answer.without_node += 1,
            }
        }
        Ok(())
    }
}

/// One element of `result`: `{"metric": {…}, "values": [[time, "value"], …]}`.
struct OneSeries<'a> {
    selection: Selection<'a>,
    rejected: &'a mut Rejected,
}

impl<'de> DeserializeSeed<'de> for OneSeries<'_> {
    type Value = (Labels, Series);
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneSeries<'_> {
    type Value = (Labels, Series);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series with metric and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut labels = Labels::default();
        let mut unwanted = false;
        let mut series = Series::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "metric" => {
                    labels = or_default::<_, Labels>(&mut map)?;
                    let wanted = labels.node.as_deref().is_some_and(self.selection.node);
                    unwanted = !wanted;
                }
                "values" if !unwanted => map.next_value_seed(Nullable(Values {
                    moment: self.selection.moment,
                    series: &mut series,
                    rejected: self.rejected,
                    newest: f64::NEG_INFINITY,
                }))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((labels, series))
    }
}

/// `values`: pairs of Unix seconds and a number as text.
struct Values<'a> {
    moment: &'a dyn Fn(f64) -> Option<Timestamp>,
    series: &'a mut Series,
    rejected: &'a mut Rejected,
    newest: f64,
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some((unix, Number(value))) = list.next_element::<(f64, Number)>()? {
            self.take(unix, value);
        }
        Ok(())
    }
}

impl Values<'_> {
    fn take(&mut self, unix: f64, value: Option<f64>) {
        // The rule for cores holds for bytes as well: finite, 0 to 2^53.
        let Some(value) = value.and_then(quantity::Cores::new) else {
            self.rejected.implausible += 1;
            return;
        };
        if unix <= self.newest {
            self.rejected.out_of_order += 1;
            return;
        }
        self.newest = unix;
        let kept = (self.moment)(unix).is_some_and(|at| {
            self.series.push(Point {
                at,
                value: value.get(),
            })
        });
        if !kept {
            self.rejected.elsewhen += 1;
        }
    }
}

/// A `null` in place of an object or a list, as some backends write an empty one.
struct Nullable<V>(V);

impl<'de, V: Visitor<'de, Value = ()>> DeserializeSeed<'de> for Nullable<V> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, V: Visitor<'de, Value = ()>> Visitor<'de> for Nullable<V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.0.visit_seq(list)
    }
}

/// `metric`: the labels, of which two are of interest.
#[derive(Default)]
struct Labels {
    name: Option<String>,
    node: Option<String>,
}

impl<'de> serde::Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = Labels::default();
                while let Some(Text(name)) = map.next_key()? {
                    let place = match name.as_ref() {
                        "__name__" => &mut labels.name,
                        label::NODE => &mut labels.node,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *place = Some(map.next_value::<Text<'_>>()?.owned());
                }
                Ok(labels)
            }
        }
        json.deserialize_map(Pairs)
    }
}

/// A sample's value: text such as `"0.53"`, `"NaN"`, `"+Inf"`. `None` if that is no number.
struct Number(Option<f64>);

impl<'de> serde::Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(json)?;
        Ok(Self(text.parse().ok()))
    }
}

/// A string that need not be copied if the reader still holds it.
#[derive(Default, serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn owned(self) -> String {
        self.0.into_owned()
    }
}

/// A list of texts, cut to [`MAX_REMARKS`].
#[derive(Default)]
struct Remarks(Vec<String>);

impl<'de> serde::Deserialize<'de> for Remarks {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Remarks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Remarks, A::Error> {
                let mut remarks = Vec::new();
                while let Some(Text(text)) = list.next_element()? {
                    if remarks.len() < MAX_REMARKS {
                        remarks.push(one_line(&text));
                    }
                }
                Ok(Remarks(remarks))
            }
        }
        json.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests;
