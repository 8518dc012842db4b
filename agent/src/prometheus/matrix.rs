//! The answer to a range query, decoded as it streams. Pure: reads any `Read`.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/querying/api/>. Of each
//! series only the labels asked for and the points of the window are kept: all of
//! them by node ([`read`]), or the newest of each series ([`read_rows`]). Other
//! labels, native histograms, statistics and unknown fields are passed over.
//!
//! Memory: the kept points, 16 bytes each, and labels. A series has at most as many
//! points as the window, and each of them took at least as many bytes of the answer,
//! so the cap on the answer bounds them all.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};

use contract::label;
use forecast::Point;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use webclient::Failure;

use crate::series::Series;
use crate::window::Window;

/// A complete, successful answer, by node.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// Series by node; several where an exporter pod replaced another.
    pub nodes: BTreeMap<String, Vec<Series>>,
    /// Series left out because they have no `node` label.
    pub without_node: u64,
    /// What else there is to say about it.
    pub remarks: Remarks,
}

/// A complete, successful answer, one row a series.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// The series in the order of the answer; those without a sample are left out.
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
#[derive(Debug, Default, PartialEq)]
pub struct Remarks {
    /// What the backend itself warned of.
    pub warnings: Vec<String>,
    /// What the backend remarked about the query.
    pub infos: Vec<String>,
    /// Whether the backend said that the answer lacks something (`isPartial`).
    pub is_partial: bool,
    /// Samples left out: NaN, infinite, negative, above 2^53, outside the window or
    /// out of order.
    pub rejected_samples: u64,
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

/// Reads an answer to its end, by node.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read(body: impl Read, window: &Window) -> Result<Answer, Defect> {
    let mut nodes: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    let mut without_node = 0;
    let remarks = read_series(
        body,
        window,
        &[label::NODE],
        &mut |mut labels, series| match labels.swap_remove(0) {
            Some(node) => nodes.entry(node).or_default().push(series),
            None => without_node += 1,
        },
    )?;
    Ok(Answer {
        nodes,
        without_node,
        remarks,
    })
}

/// Reads an answer to its end: of each series these labels and the newest sample.
///
/// # Errors
/// When it reports an error, is not a matrix, or ends early.
pub fn read_rows(body: impl Read, window: &Window, names: Labels) -> Result<Table, Defect> {
    let mut rows = Vec::new();
    let remarks = read_series(body, window, names, &mut |values, series| {
        rows.extend(series.last().map(|newest| Row {
            names,
            values,
            value: newest.value,
        }));
    })?;
    Ok(Table { rows, remarks })
}

/// Takes one series: the values of the labels asked for, in their order, and its
/// points. An empty value is none.
type Take<'a> = &'a mut dyn FnMut(Vec<Option<String>>, Series);

fn read_series(
    body: impl Read,
    window: &Window,
    names: Labels,
    take: Take<'_>,
) -> Result<Remarks, Defect> {
    let mut json =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, body));
    let envelope = Envelope {
        window,
        names,
        take,
    }
    .deserialize(&mut json)
    .and_then(|envelope| json.end().map(|()| envelope))
    .map_err(defect)?;
    match envelope.status.as_str() {
        "success" if envelope.result_type == "matrix" => Ok(envelope.remarks),
        "success" => Err(Defect::Shape(format!(
            "a matrix was expected, the result type is {:?}",
            envelope.result_type
        ))),
        "error" => Err(Defect::Refused(envelope.refusal)),
        other => Err(Defect::Shape(format!(
            "the status {other:?} is neither success nor error"
        ))),
    }
}

/// Reads the error object out of the body of a refusal, if it is one.
pub fn read_refusal(body: &str, window: &Window) -> Option<Refusal> {
    match read(body.as_bytes(), window) {
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
    remarks: Remarks,
}

/// The outermost object.
struct Envelope<'a> {
    window: &'a Window,
    names: Labels,
    take: Take<'a>,
}

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
                "status" => parts.status = map.next_value::<Text<'_>>()?.owned(),
                "errorType" => {
                    parts.refusal.error_type = one_line(&map.next_value::<Text<'_>>()?.0);
                }
                "error" => parts.refusal.error = one_line(&map.next_value::<Text<'_>>()?.0),
                "isPartial" => parts.remarks.is_partial = map.next_value()?,
                "warnings" => {
                    parts.remarks.warnings =
                        map.next_value::<Option<Texts>>()?.unwrap_or_default().0;
                }
                "infos" => {
                    parts.remarks.infos = map.next_value::<Option<Texts>>()?.unwrap_or_default().0;
                }
                "data" => map.next_value_seed(Nullable(Data {
                    window: self.window,
                    names: self.names,
                    take: &mut *self.take,
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

/// `data`: the result type and the series.
struct Data<'a> {
    window: &'a Window,
    names: Labels,
    take: Take<'a>,
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
                "resultType" => self.parts.result_type = one_line(&map.next_value::<Text<'_>>()?.0),
                "result" => map.next_value_seed(Nullable(ResultList {
                    window: self.window,
                    names: self.names,
                    take: &mut *self.take,
                    rejected: &mut self.parts.remarks.rejected_samples,
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
    window: &'a Window,
    names: Labels,
    take: Take<'a>,
    rejected: &'a mut u64,
}

impl<'de> Visitor<'de> for ResultList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((labels, series)) = list.next_element_seed(OneSeries {
            window: self.window,
            names: self.names,
            rejected: &mut *self.rejected,
        })? {
            (self.take)(labels, series);
        }
        Ok(())
    }
}

/// One element of `result`: `{"metric": {…}, "values": [[time, "value"], …]}`.
struct OneSeries<'a> {
    window: &'a Window,
    names: Labels,
    rejected: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for OneSeries<'_> {
    type Value = (Vec<Option<String>>, Series);
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneSeries<'_> {
    type Value = (Vec<Option<String>>, Series);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series with metric and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut labels = vec![None; self.names.len()];
        let mut series = Series::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "metric" => map.next_value_seed(Metric {
                    names: self.names,
                    values: &mut labels,
                })?,
                "values" => map.next_value_seed(Values {
                    window: self.window,
                    series: &mut series,
                    rejected: self.rejected,
                })?,
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
    window: &'a Window,
    series: &'a mut Series,
    rejected: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((unix, Number(value))) = list.next_element::<(f64, Number)>()? {
            let kept = self
                .window
                .nearest(unix)
                // The rule for cores holds for bytes as well: finite, 0 to 2^53.
                .zip(value.and_then(quantity::Cores::new))
                .is_some_and(|(at, value)| {
                    self.series.push(Point {
                        at,
                        value: value.get(),
                    })
                });
            if !kept {
                *self.rejected += 1;
            }
        }
        Ok(())
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
struct Metric<'a> {
    names: Labels,
    values: &'a mut [Option<String>],
}

impl<'de> DeserializeSeed<'de> for Metric<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metric<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if let Some(index) = self.names.iter().position(|name| *name == key) {
                let value = map.next_value::<Text<'_>>()?.owned();
                self.values[index] = (!value.is_empty()).then_some(value);
            } else {
                map.next_value::<IgnoredAny>()?;
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
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn owned(self) -> String {
        self.0.into_owned()
    }
}

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
mod tests {
    use super::*;
    use crate::series::tests::series;
    use crate::window::Spans;
    use proptest::prelude::*;
    use quantity::Timestamp;

    fn window() -> Window {
        Spans::new(240, 60, 60)
            .expect("fits")
            .ending_at(Timestamp::from_unix(1_795_331_580))
    }

    const START: i64 = 1_795_331_340;

    /// As Prometheus 2.53 answers, with line breaks for reading.
    const REAL: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"k8s_node_cpu_usage_cores","instance":"10.0.0.7:9100","node":"a","pod":"x-1"},
         "values":[[1795331340,"0.5"],[1795331400,"0.53"],[1795331460.000,"6.1e-1"]]},
        {"metric":{"node":"a","pod":"x-2"},"values":[[1795331520,"0.7"],[1795331580,"0.71"]]},
        {"metric":{"node":"b"},"values":[[1795331580,"1"]]}]}}"#;

    #[test]
    fn the_answer_of_a_prometheus_is_read_by_node() {
        let answer = read(REAL.as_bytes(), &window()).expect("a matrix");
        assert_eq!(
            answer.nodes["a"],
            [
                series(&[(START, 0.5), (START + 60, 0.53), (START + 120, 0.61)]),
                series(&[(START + 180, 0.7), (START + 240, 0.71)]),
            ]
        );
        assert_eq!(answer.nodes["b"], [series(&[(START + 240, 1.0)])]);
        assert_eq!(answer.without_node, 0);
        assert_eq!(answer.remarks, Remarks::default());
    }

    #[test]
    fn the_newest_sample_of_each_series_is_read_with_the_labels_asked_for() {
        let table = read_rows(REAL.as_bytes(), &window(), &["pod", "node"]).expect("a matrix");
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.label("node"), row.label("pod"), row.value))
            .collect();
        assert_eq!(
            rows,
            [
                (Some("a"), Some("x-1"), 0.61),
                (Some("a"), Some("x-2"), 0.71),
                (Some("b"), None, 1.0),
            ]
        );
        assert_eq!(
            table.rows[0].label("instance"),
            None,
            "it was not asked for"
        );

        let empty = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"node":"a"},"values":[]},
            {"metric":{"node":""},"values":[[1795331580,"2"]]}]}}"#;
        let table = read_rows(empty.as_bytes(), &window(), &["node"]).expect("a matrix");
        assert_eq!(table.rows.len(), 1, "a series without a sample is no row");
        assert_eq!(table.rows[0].label("node"), None, "an empty label is none");
    }

    #[test]
    fn samples_that_no_node_can_have_are_left_out_and_counted() {
        for bad in [
            r#"[1795331400,"NaN"]"#,
            r#"[1795331400,"+Inf"]"#,
            r#"[1795331400,"-Inf"]"#,
            r#"[1795331400,"-0.1"]"#,
            r#"[1795331400,"1e300"]"#,
            r#"[1795331400,"banana"]"#,
            r#"[1795331340,"2"]"#, // repeated
            r#"[1795331280,"2"]"#, // before the window
            r#"[1795331640,"2"]"#, // after it
            r#"[1e300,"2"]"#,
        ] {
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"node":"a"}},"values":[[1795331340,"1"],{bad},[1795331580,"3"]]}}]}}}}"#
            );
            let answer = read(body.as_bytes(), &window()).expect(bad);
            assert_eq!(
                answer.nodes["a"],
                [series(&[(START, 1.0), (START + 240, 3.0)])]
            );
            assert_eq!(answer.remarks.rejected_samples, 1, "{bad}");
        }
    }

    #[test]
    fn order_of_keys_unknown_fields_and_nulls_do_not_matter() {
        let body = r#"{"warnings":["w1","w2"],"infos":["i"],"isPartial":true,"stats":{"x":[1,{}]},
            "data":{"result":[{"values":[[1795331580,"1"]],"histograms":[[1795331580,{"count":"1"}]],"metric":{"node":"\u0061"}},
                              {"metric":{"pod":"p"},"values":[[1795331580,"1"]]},
                              {"metric":{"node":""},"values":[]}],
                    "resultType":"matrix"},"status":"success"}"#;
        let answer = read(body.as_bytes(), &window()).expect("a matrix");
        assert_eq!(answer.nodes.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(answer.remarks.warnings, ["w1", "w2"]);
        assert_eq!(answer.remarks.infos, ["i"]);
        assert!(answer.remarks.is_partial);
        assert_eq!(answer.without_node, 2);

        let empty =
            r#"{"status":"success","warnings":null,"data":{"resultType":"matrix","result":null}}"#;
        assert_eq!(
            read(empty.as_bytes(), &window()).expect("empty"),
            Answer::default()
        );
    }

    #[test]
    fn an_error_object_is_a_refusal_in_its_own_words() {
        let body = r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries.\nTry decreasing the query resolution (?step=XX)"}"#;
        let Err(Defect::Refused(refusal)) = read(body.as_bytes(), &window()) else {
            panic!("accepted");
        };
        assert_eq!(
            refusal.to_string(),
            "bad_data: exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        );
        let null_data = r#"{"status":"error","data":null,"errorType":"","error":""}"#;
        let refusal = read_refusal(null_data, &window()).expect("an error object");
        assert_eq!(refusal.to_string(), "no reason given");
        assert_eq!(read_refusal(REAL, &window()), None);
        assert_eq!(read_refusal("<html>", &window()), None);
    }

    #[test]
    fn what_is_no_matrix_is_refused_with_a_reason() {
        for (body, reason) in [
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"node":"a"},"value":[1,"1"]}]}}"#,
                "a matrix was expected, the result type is \"vector\"",
            ),
            ("{}", "the status \"\" is neither success nor error"),
            (
                r#"{"status":"ok"}"#,
                "the status \"ok\" is neither success nor error",
            ),
        ] {
            match read(body.as_bytes(), &window()) {
                Err(Defect::Shape(problem)) => assert_eq!(problem, reason),
                other => panic!("{body}: {other:?}"),
            }
        }
        for body in ["[]", "<html>", "{} {}", r#"{"status":1}"#, "\u{feff}{}"] {
            assert!(
                matches!(read(body.as_bytes(), &window()), Err(Defect::Shape(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn an_answer_cut_anywhere_is_never_taken_for_a_whole_one() {
        for end in 0..REAL.len() {
            let cut = read(&REAL.as_bytes()[..end], &window());
            assert!(
                matches!(cut, Err(Defect::Truncated)),
                "cut at {end}: {cut:?}"
            );
        }
    }

    #[test]
    fn a_series_never_has_more_points_than_the_window() {
        let samples: Vec<String> = (0..2400)
            .map(|k| format!("[{},\"1\"]", START as f64 + f64::from(k) / 10.0))
            .collect();
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"node":"a"}},"values":[{}]}}]}}}}"#,
            samples.join(",")
        );
        let answer = read(body.as_bytes(), &window()).expect("a matrix");
        assert_eq!(
            answer.nodes["a"][0].points().len(),
            window().points_expected()
        );
    }

    #[test]
    fn a_foreign_text_becomes_one_short_line() {
        assert_eq!(one_line("a\n\tb\u{1b}[31m  c"), "a b[31m c");
        let long = one_line(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_TEXT_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    /// Hands out a few bytes at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_answer(size in 1..200usize) {
            let whole = read(REAL.as_bytes(), &window()).expect("a matrix");
            let dripped = read(Dripping(REAL.as_bytes(), size), &window()).expect("a matrix");
            prop_assert_eq!(dripped, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(bytes.as_slice(), &window());
        }
    }
}
