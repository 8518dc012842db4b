//! The answers of Prometheus's query API, decoded as they stream.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/querying/api/>. [`read`] takes
//! the answer to a range query (a matrix), to an instant query (a vector, a scalar or a
//! string; a matrix where the query ends in a range) and to a request for series (label
//! sets). It hands each series to a [`Consumer`] as it arrives and keeps none itself.
//! Native histograms, statistics and unknown fields are skipped; the order of fields is
//! free; `null` stands for an empty list or object, as some backends write it.
//!
//! Memory: one input buffer, one string and the labels of one series, all bounded.
//!
//! Invariant: an answer is never held whole (held by
//! `large_answers_stream_in_bounded_memory`).

use std::fmt;
use std::io::Read;

use text::one_line;
use webclient::Failure;

use crate::json::{Error, MAX_TOKEN_BYTES, Reader};

/// Receives the series of an answer, one after the other.
///
/// Backends write labels before samples, but need not: where samples come first,
/// [`Consumer::wants_samples`] is not called, and the labels are known at the end.
pub trait Consumer {
    /// Returns whether the label `name` is of interest; the others are skipped, however
    /// long they are.
    fn keeps_label(&self, name: &str) -> bool;

    /// Returns whether the samples of a series with these labels are of interest.
    fn wants_samples(&mut self, labels: &Labels) -> bool;

    /// Takes the next sample of the series.
    fn sample(&mut self, sample: Sample<'_>);

    /// Ends the series, whose labels these are.
    fn end_series(&mut self, labels: &Labels);
}

/// One sample as it was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Seconds since the Unix epoch.
    pub unix: f64,
    /// The value: a number such as `0.53`, `NaN` or `+Inf`; any text in a string result.
    pub text: &'a str,
}

impl Sample<'_> {
    /// Returns the value, which may be NaN or infinite; `None` where it is no number.
    pub fn number(&self) -> Option<f64> {
        self.text.parse().ok()
    }
}

/// The labels of one series, as far as a consumer keeps them. An empty label is an
/// absent one, as in Prometheus.
#[derive(Debug, Default)]
pub struct Labels {
    /// Names and values, one after the other; reused from series to series.
    text: String,
    /// The ends of each name and its value in the text.
    ends: Vec<(usize, usize)>,
}

impl Labels {
    /// Returns the value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|label| label.0 == name)
            .map(|label| label.1)
    }

    /// Returns names and values in the order of the answer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|ends| ends.1));
        starts
            .zip(&self.ends)
            .map(|(start, &(middle, end))| (&self.text[start..middle], &self.text[middle..end]))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn read(&mut self, json: &mut Reader<'_>, consumer: &dyn Consumer) -> Result<(), Error> {
        self.clear();
        if json.null()? {
            return Ok(());
        }
        json.object()?;
        while let Some(name) = json.key()? {
            if !consumer.keeps_label(name) {
                json.skip()?;
                continue;
            }
            let start = self.text.len();
            self.text.push_str(name);
            let middle = self.text.len();
            let value = json.string()?;
            if value.is_empty() {
                self.text.truncate(start);
                continue;
            }
            self.text.push_str(value);
            self.ends.push((middle, self.text.len()));
            if self.text.len() > MAX_TOKEN_BYTES {
                let problem = format!("labels of more than {MAX_TOKEN_BYTES} bytes");
                return Err(Error::Unexpected(problem));
            }
        }
        Ok(())
    }
}

/// The kind of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultType {
    /// Series with samples over a range.
    Matrix,
    /// Series with one sample each.
    Vector,
    /// One number: a sample without labels.
    Scalar,
    /// One text: a sample without labels.
    String,
    /// Label sets without samples.
    Series,
}

impl ResultType {
    /// The results that an instant query may have.
    pub const INSTANT: &[Self] = &[Self::Vector, Self::Scalar, Self::String, Self::Matrix];

    const fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Vector => "vector",
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Series => "series",
        }
    }
}

/// The remarks of a backend beside its series.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Remarks {
    /// Warnings, one line each.
    pub warnings: Vec<String>,
    /// Remarks on the query, one line each.
    pub infos: Vec<String>,
    /// Set if the backend marked the answer as partial (`isPartial`).
    pub is_partial: bool,
}

impl Remarks {
    /// Adds those of another answer.
    pub fn append(&mut self, more: &Self) {
        self.warnings.extend_from_slice(&more.warnings);
        self.infos.extend_from_slice(&more.infos);
        self.is_partial |= more.is_partial;
    }
}

/// The reason why a body is not a complete, successful answer.
#[derive(Debug)]
pub enum Defect {
    /// `"status": "error"`.
    Refused(Refusal),
    /// The connection or the content encoding failed.
    Body(Failure),
    /// The JSON ends early.
    Truncated,
    /// Not JSON, not that of the answer expected, or beyond a bound.
    Shape(String),
}

/// The error object of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `bad_data`, `execution`, `timeout`, …
    pub error_type: String,
    /// The message, in one line.
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

/// The most warnings, and the most infos, that are kept of one answer.
const MAX_REMARKS: usize = 10;

/// The most bytes that are read of a text for people.
const MAX_REMARK_BYTES: usize = 16 * 1024;

/// Reads an answer whose result is one of `expected` to its end. What `consumer` was
/// given is invalid unless this succeeds.
///
/// # Errors
/// When the answer is an error object, is of another form, or ends early.
pub fn read(
    mut body: impl Read,
    expected: &[ResultType],
    consumer: &mut dyn Consumer,
) -> Result<Remarks, Defect> {
    let mut json = Reader::new(&mut body);
    let envelope = Envelope::read(&mut json, consumer).map_err(defect)?;
    match json.is_at_end().map_err(defect)? {
        true => envelope.remarks(expected),
        false => Err(defect(json.expected("nothing more"))),
    }
}

/// Reads the answers to range queries that `body` holds one after the other, at least
/// one; otherwise as [`read`].
///
/// # Errors
/// When one of them is an error object, is not a matrix, or ends early.
pub fn read_all(mut body: impl Read, consumer: &mut dyn Consumer) -> Result<Remarks, Defect> {
    let mut json = Reader::new(&mut body);
    let mut all = Remarks::default();
    loop {
        let envelope = Envelope::read(&mut json, consumer).map_err(defect)?;
        all.append(&envelope.remarks(&[ResultType::Matrix])?);
        if json.is_at_end().map_err(defect)? {
            return Ok(all);
        }
    }
}

/// Reads the error object in the body of a refusal; `None` where there is none.
pub fn read_refusal(body: &str) -> Option<Refusal> {
    match read(body.as_bytes(), &[], &mut Each::new(|_, _| {})) {
        Err(Defect::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// Reads the answer about a build: the application with its version.
pub(crate) fn read_build(mut body: impl Read) -> Option<String> {
    let mut json = Reader::new(&mut body);
    let (mut application, mut version) = ("Prometheus".to_owned(), None);
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        if key != "data" {
            json.skip().ok()?;
            continue;
        }
        json.object().ok()?;
        while let Some(key) = json.key().ok()? {
            match key {
                "application" => application = line(&mut json).ok()?,
                "version" => version = Some(line(&mut json).ok()?),
                _ => json.skip().ok()?,
            }
        }
    }
    version.map(|version| format!("{application} {version}"))
}

/// Folds each series with its newest sample; series without samples are passed over.
/// A value that is no number is NaN.
pub struct Each<F> {
    fold: F,
    newest: Option<f64>,
}

impl<F: FnMut(&Labels, f64)> Each<F> {
    /// Calls `fold` with the labels, all of them, and the value of each series.
    pub fn new(fold: F) -> Self {
        Self { fold, newest: None }
    }
}

impl<F: FnMut(&Labels, f64)> Consumer for Each<F> {
    fn keeps_label(&self, _: &str) -> bool {
        true
    }

    fn wants_samples(&mut self, _: &Labels) -> bool {
        true
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.newest = Some(sample.number().unwrap_or(f64::NAN));
    }

    fn end_series(&mut self, labels: &Labels) {
        if let Some(value) = self.newest.take() {
            (self.fold)(labels, value);
        }
    }
}

/// The fields of an answer beside its series.
#[derive(Default)]
struct Envelope {
    status: String,
    result_type: String,
    refusal: Refusal,
    remarks: Remarks,
}

impl Envelope {
    fn read(json: &mut Reader<'_>, consumer: &mut dyn Consumer) -> Result<Self, Error> {
        let mut envelope = Self::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                "status" => envelope.status = line(json)?,
                "errorType" => envelope.refusal.error_type = line(json)?,
                "error" => envelope.refusal.error = line(json)?,
                "isPartial" => {
                    envelope.remarks.is_partial = !json.null()? && json.boolean()?;
                }
                "warnings" => envelope.remarks.warnings = lines(json)?,
                "infos" => envelope.remarks.infos = lines(json)?,
                "data" => envelope.read_data(json, consumer)?,
                _ => json.skip()?,
            }
        }
        Ok(envelope)
    }

    fn read_data(
        &mut self,
        json: &mut Reader<'_>,
        consumer: &mut dyn Consumer,
    ) -> Result<(), Error> {
        if json.null()? {
            return Ok(());
        }
        let mut labels = Labels::default();
        if json.peek()? == b'[' {
            ResultType::Series.name().clone_into(&mut self.result_type);
            json.array()?;
            while json.element()? {
                labels.read(json, consumer)?;
                consumer.end_series(&labels);
            }
            return Ok(());
        }
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                "resultType" => self.result_type = line(json)?,
                "result" => read_result(json, &mut labels, consumer)?,
                _ => json.skip()?,
            }
        }
        Ok(())
    }

    fn remarks(self, expected: &[ResultType]) -> Result<Remarks, Defect> {
        let is_expected = |kind: &&ResultType| kind.name() == self.result_type;
        match self.status.as_str() {
            "success" if expected.iter().any(|kind| is_expected(&kind)) => Ok(self.remarks),
            "success" => {
                let names: Vec<&str> = expected.iter().map(|kind| kind.name()).collect();
                Err(Defect::Shape(format!(
                    "a {} was expected, the result type is {:?}",
                    names.join(" or "),
                    self.result_type
                )))
            }
            "error" => Err(Defect::Refused(self.refusal)),
            other => Err(Defect::Shape(format!(
                "the status {other:?} is neither success nor error"
            ))),
        }
    }
}

/// Reads `result`: a list of series, or the one sample of a scalar or a string.
fn read_result(
    json: &mut Reader<'_>,
    labels: &mut Labels,
    consumer: &mut dyn Consumer,
) -> Result<(), Error> {
    if json.null()? {
        return Ok(());
    }
    json.array()?;
    while json.element()? {
        if json.peek()? == b'{' {
            read_series(json, labels, consumer)?;
        } else {
            labels.clear();
            read_sample_fields(json, consumer)?;
            consumer.end_series(labels);
            return Ok(());
        }
    }
    Ok(())
}

/// Reads `{"metric": {…}, "values": [[time, "value"], …]}`, or `value` with one sample.
fn read_series(
    json: &mut Reader<'_>,
    labels: &mut Labels,
    consumer: &mut dyn Consumer,
) -> Result<(), Error> {
    labels.clear();
    let mut knows_labels = false;
    json.object()?;
    while let Some(key) = json.key()? {
        let is_list = match key {
            "metric" => {
                labels.read(json, consumer)?;
                knows_labels = true;
                continue;
            }
            "values" => true,
            "value" => false,
            _ => {
                json.skip()?;
                continue;
            }
        };
        if knows_labels && !consumer.wants_samples(labels) {
            json.skip()?;
        } else if json.null()? {
            // No samples.
        } else if is_list {
            json.array()?;
            while json.element()? {
                read_sample(json, consumer)?;
            }
        } else {
            read_sample(json, consumer)?;
        }
    }
    consumer.end_series(labels);
    Ok(())
}

/// Reads `[time, "value"]`.
fn read_sample(json: &mut Reader<'_>, consumer: &mut dyn Consumer) -> Result<(), Error> {
    json.array()?;
    if !json.element()? {
        return Err(json.expected("a time before the end of a sample"));
    }
    read_sample_fields(json, consumer)
}

/// Reads the time and the value of a sample, and the end of its array.
fn read_sample_fields(json: &mut Reader<'_>, consumer: &mut dyn Consumer) -> Result<(), Error> {
    let unix = json.number()?;
    if !json.element()? {
        return Err(json.expected("a value before the end of a sample"));
    }
    let text = json.string()?;
    consumer.sample(Sample { unix, text });
    match json.element()? {
        true => Err(json.expected("the end of a sample")),
        false => Ok(()),
    }
}

/// Reads a text for people as one short line; empty for `null`.
fn line(json: &mut Reader<'_>) -> Result<String, Error> {
    match json.null()? {
        true => Ok(String::new()),
        false => json.start_of_string(MAX_REMARK_BYTES).map(one_line),
    }
}

/// Reads a list of texts for people, of which the first ones are kept.
fn lines(json: &mut Reader<'_>) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    if json.null()? {
        return Ok(lines);
    }
    json.array()?;
    while json.element()? {
        if lines.len() < MAX_REMARKS {
            lines.push(one_line(json.start_of_string(MAX_REMARK_BYTES)?));
        } else {
            json.skip()?;
        }
    }
    Ok(lines)
}

fn defect(error: Error) -> Defect {
    match error {
        Error::Ended => Defect::Truncated,
        Error::Unexpected(problem) => Defect::Shape(problem),
        Error::Io(error) => Defect::Body(match Failure::from_io(error) {
            Ok(failure) => failure,
            Err(other) => Failure::Protocol(other.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests;
