//! The answer to a range query, decoded as it streams. Pure: reads any `Read`.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/querying/api/>. Of each
//! series a [`Consumer`] keeps the labels and points that it wants: all points by
//! node ([`read`]), or the newest of each series ([`read_rows`]). Other labels,
//! native histograms, statistics and unknown fields are passed over.
//!
//! Memory: the kept points, 16 bytes each, and labels. Each point took at least as
//! many bytes of the answer, so the cap on the answer bounds them all.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::ops::AddAssign;

use contract::label;
use forecast::Point;
use quantity::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use webclient::Failure;

use crate::series::Series;
use crate::window::Window;
use shard::Shard;

/// A complete, successful answer, by node.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// Series by node; several where an exporter pod replaced another.
    pub nodes: BTreeMap<String, Vec<Series>>,
    /// Series left out because they have no `node` label.
    pub without_node: u64,
    /// Series left out because their node is in another shard.
    pub of_other_shards: u64,
    /// What else there is to say about it.
    pub remarks: Remarks,
}

/// A complete, successful answer, one row a series.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// The series in the order of the answer. Those without a sample are left out,
    /// and those of nodes in another shard, if the label `node` was asked for.
    pub rows: Vec<Row>,
    /// What else there is to say about it.
    pub remarks: Remarks,
}

/// One series: the labels that were asked for, and its newest sample.
#[derive(Debug, PartialEq)]
pub struct Row {
    names: Labels,
    values: Vec<Option<String>>,
    /// Finite, from 0 to 2^53.
    pub value: f64,
}

impl Row {
    /// A row with the values of these labels, in their order.
    pub(crate) fn new(names: Labels, values: Vec<Option<String>>, value: f64) -> Self {
        Self {
            names,
            values,
            value,
        }
    }

    /// The value of a label that was asked for; `None` where it is absent or
    /// empty, which are the same to Prometheus.
    pub fn label(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|known| *known == name)?;
        self.values[index].as_deref()
    }
}

/// Names of the labels to keep of each series.
pub type Labels = &'static [&'static str];

/// What an answer says besides its series.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Remarks {
    /// What the backend itself warned of.
    pub warnings: Vec<String>,
    /// What the backend remarked about the query.
    pub infos: Vec<String>,
    /// Whether the backend said that the answer lacks something (`isPartial`).
    pub is_partial: bool,
    /// Samples left out.
    pub rejected: Rejected,
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

impl AddAssign for Rejected {
    fn add_assign(&mut self, more: Self) {
        self.implausible += more.implausible;
        self.elsewhen += more.elsewhen;
        self.out_of_order += more.out_of_order;
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

/// What becomes of the series of an answer, one after the other.
pub trait Consumer {
    /// Where the value of this label of the present series goes; `None` if nowhere.
    /// An empty value arrives as `None`, since to Prometheus it is no label.
    fn label(&mut self, name: &str) -> Option<&mut Option<String>>;

    /// Whether the samples of the present series are of use, as far as its labels
    /// are known: they mostly come first.
    fn wants_samples(&self) -> bool;

    /// The moment that a sample at these Unix seconds belongs to, if any.
    fn moment(&self, unix: f64) -> Option<Timestamp>;

    /// Takes the points of the present series, which ends it, and what was left out.
    fn end_series(&mut self, points: Series, rejected: Rejected);
}

/// Reads an answer to its end, by node.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read(body: impl Read, window: &Window, shard: Shard) -> Result<Answer, Defect> {
    let mut nodes = Nodes {
        window,
        shard,
        node: None,
        answer: Answer::default(),
    };
    let remarks = read_series(body, &mut nodes)?;
    Ok(Answer {
        remarks,
        ..nodes.answer
    })
}

/// The consumer of [`read`].
struct Nodes<'a> {
    window: &'a Window,
    shard: Shard,
    node: Option<String>,
    answer: Answer,
}

impl Consumer for Nodes<'_> {
    fn label(&mut self, name: &str) -> Option<&mut Option<String>> {
        (name == label::NODE).then_some(&mut self.node)
    }

    fn wants_samples(&self) -> bool {
        let node = self.node.as_deref();
        node.is_none_or(|node| self.shard.has(node))
    }

    fn moment(&self, unix: f64) -> Option<Timestamp> {
        self.window.nearest(unix)
    }

    fn end_series(&mut self, points: Series, _: Rejected) {
        match self.node.take() {
            Some(node) if self.shard.has(&node) => {
                self.answer.nodes.entry(node).or_default().push(points);
            }
            Some(_) => self.answer.of_other_shards += 1,
            None => self.answer.without_node += 1,
        }
    }
}

/// Reads an answer to its end: of each series these labels and the newest sample.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read_rows(
    body: impl Read,
    window: &Window,
    shard: Shard,
    names: Labels,
) -> Result<Table, Defect> {
    let mut table = Rows {
        window,
        shard,
        names,
        values: vec![None; names.len()],
        rows: Vec::new(),
    };
    let remarks = read_series(body, &mut table)?;
    Ok(Table {
        rows: table.rows,
        remarks,
    })
}

/// The consumer of [`read_rows`].
struct Rows<'a> {
    window: &'a Window,
    shard: Shard,
    names: Labels,
    values: Vec<Option<String>>,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn is_of_shard(&self) -> bool {
        let named = self.names.iter().zip(&self.values);
        let node = named
            .filter(|(name, _)| **name == label::NODE)
            .find_map(|(_, value)| value.as_deref());
        node.is_none_or(|node| self.shard.has(node))
    }
}

impl Consumer for Rows<'_> {
    fn label(&mut self, name: &str) -> Option<&mut Option<String>> {
        let index = self.names.iter().position(|known| *known == name)?;
        Some(&mut self.values[index])
    }

    fn wants_samples(&self) -> bool {
        self.is_of_shard()
    }

    fn moment(&self, unix: f64) -> Option<Timestamp> {
        self.window.nearest(unix)
    }

    fn end_series(&mut self, points: Series, _: Rejected) {
        let wanted = self.is_of_shard();
        let empty = vec![None; self.names.len()];
        let values = std::mem::replace(&mut self.values, empty);
        if let Some(newest) = points.last().filter(|_| wanted) {
            self.rows.push(Row::new(self.names, values, newest.value));
        }
    }
}

/// Reads an answer to its end that has one series at most: an aggregate over all.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read_points(body: impl Read, window: &Window) -> Result<Series, Defect> {
    struct One<'a>(&'a Window, Series);
    impl Consumer for One<'_> {
        fn label(&mut self, _: &str) -> Option<&mut Option<String>> {
            None
        }
        fn wants_samples(&self) -> bool {
            true
        }
        fn moment(&self, unix: f64) -> Option<Timestamp> {
            self.0.nearest(unix)
        }
        fn end_series(&mut self, points: Series, _: Rejected) {
            self.1 = points;
        }
    }
    let mut one = One(window, Series::default());
    read_series(body, &mut one)?;
    Ok(one.1)
}

/// Reads an answer to its end; its series go to `consumer`, which has to be given
/// up where this fails.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read_series(body: impl Read, consumer: &mut dyn Consumer) -> Result<Remarks, Defect> {
    let mut json = deserializer(body);
    let envelope = Envelope(consumer)
        .deserialize(&mut json)
        .and_then(|parts| json.end().map(|()| parts))
        .map_err(defect)?;
    envelope.remarks()
}

/// Reads one answer after the other to the end of `body`, at least one; otherwise
/// as [`read_series`].
///
/// # Errors
/// When one of them reports an error, is not a matrix, or ends early.
pub fn read_all(body: impl Read, consumer: &mut dyn Consumer) -> Result<Remarks, Defect> {
    let mut json = deserializer(body);
    let mut all = Remarks::default();
    loop {
        let parts = Envelope(consumer).deserialize(&mut json).map_err(defect)?;
        let remarks = parts.remarks()?;
        all.warnings.extend(remarks.warnings);
        all.infos.extend(remarks.infos);
        all.is_partial |= remarks.is_partial;
        all.rejected += remarks.rejected;
        match json.end() {
            Ok(()) => return Ok(all),
            // Something follows, which is another answer or a defect of its own.
            Err(error) if error.is_syntax() => {}
            Err(error) => return Err(defect(error)),
        }
    }
}

fn deserializer<R: Read>(
    body: R,
) -> serde_json::Deserializer<serde_json::de::IoRead<BufReader<R>>> {
    serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, body))
}

/// Reads the error object out of the body of a refusal, if it is one.
pub fn read_refusal(body: &str) -> Option<Refusal> {
    struct Nobody;
    impl Consumer for Nobody {
        fn label(&mut self, _: &str) -> Option<&mut Option<String>> {
            None
        }
        fn wants_samples(&self) -> bool {
            false
        }
        fn moment(&self, _: f64) -> Option<Timestamp> {
            None
        }
        fn end_series(&mut self, _: Series, _: Rejected) {}
    }
    match read_series(body.as_bytes(), &mut Nobody) {
        Err(Defect::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

pub(super) fn defect(error: serde_json::Error) -> Defect {
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
    remarks: Remarks,
}

impl EnvelopeParts {
    fn remarks(self) -> Result<Remarks, Defect> {
        match self.status.as_str() {
            "success" if self.result_type == "matrix" => Ok(self.remarks),
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
struct Envelope<'a>(&'a mut dyn Consumer);

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
                "isPartial" => parts.remarks.is_partial = or_default(&mut map)?,
                "warnings" => parts.remarks.warnings = or_default::<_, Texts>(&mut map)?.0,
                "infos" => parts.remarks.infos = or_default::<_, Texts>(&mut map)?.0,
                "data" => map.next_value_seed(Nullable(Data {
                    consumer: &mut *self.0,
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

/// A value, or its type's default in place of `null`: some backends write absent ones so.
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
    consumer: &'a mut dyn Consumer,
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
                    consumer: &mut *self.consumer,
                    rejected: &mut self.parts.remarks.rejected,
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
    consumer: &'a mut dyn Consumer,
    rejected: &'a mut Rejected,
}

impl<'de> Visitor<'de> for ResultList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((points, rejected)) = list.next_element_seed(OneSeries {
            consumer: &mut *self.consumer,
        })? {
            *self.rejected += rejected;
            self.consumer.end_series(points, rejected);
        }
        Ok(())
    }
}

/// One element of `result`: `{"metric": {…}, "values": [[time, "value"], …]}`.
struct OneSeries<'a> {
    consumer: &'a mut dyn Consumer,
}

impl<'de> DeserializeSeed<'de> for OneSeries<'_> {
    type Value = (Series, Rejected);
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneSeries<'_> {
    type Value = (Series, Rejected);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series with metric and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut points = Series::default();
        let mut rejected = Rejected::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "metric" => map.next_value_seed(Nullable(Metric(&mut *self.consumer)))?,
                "values" if self.consumer.wants_samples() => {
                    map.next_value_seed(Nullable(Values {
                        consumer: &*self.consumer,
                        points: &mut points,
                        rejected: &mut rejected,
                        newest: f64::NEG_INFINITY,
                    }))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((points, rejected))
    }
}

/// `values`: pairs of Unix seconds and a number as text.
struct Values<'a> {
    consumer: &'a dyn Consumer,
    points: &'a mut Series,
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
        let kept = self.consumer.moment(unix).is_some_and(|at| {
            self.points.push(Point {
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

/// `metric`: the labels, of which some are of interest.
struct Metric<'a>(&'a mut dyn Consumer);

impl<'de> Visitor<'de> for Metric<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            match self.0.label(&name) {
                Some(place) => {
                    let value = map.next_value::<Text<'_>>()?.0.into_owned();
                    *place = (!value.is_empty()).then_some(value);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
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

/// A list of texts, cut to [`MAX_REMARKS`].
#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> serde::Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = list.next_element()? {
                    if texts.len() < MAX_REMARKS {
                        texts.push(one_line(&text));
                    }
                }
                Ok(Texts(texts))
            }
        }
        json.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests;
