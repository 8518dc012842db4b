//! Streaming reader of the text format: bytes to samples.
//!
//! Reads the Prometheus text format 0.0.4: label escapes, timestamps, exponents, and a body
//! cut into chunks anywhere. Holds at most one line. Does not check `# TYPE` and `# HELP`
//! comments, does not merge series, and knows nothing of kubelets.
//!
//! Invariants: no bytes cause a panic (held by `no_bytes_make_the_reader_panic`); chunk
//! boundaries change nothing (`chunk_boundaries_change_nothing`); a body is never held whole
//! (`overlong_line_is_dropped_without_buffering`); a family is matched by its whole name
//! (`family_is_matched_by_its_whole_name`); a printed sample reads back as the same
//! (`printed_sample_reads_back`).
//!
//! Format:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::borrow::Cow;

use memchr::arch::all::is_prefix;
use memchr::{memchr, memchr2};

use crate::escape::unescape;

/// Longest line that is read. cAdvisor's longest real lines stay under 1 KiB.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Receives the samples of a reader.
pub trait Consumer {
    /// Returns whether samples of the family are wanted. Lines of other families are skipped
    /// without being parsed, errors included.
    fn wants(&self, family: &[u8]) -> bool;
    /// Takes one sample.
    fn sample(&mut self, sample: &Sample<'_>);
    /// Takes a line that was left out.
    fn problem(&mut self, problem: Problem);
}

/// The reason why a line was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It does not follow the grammar.
    Malformed,
    /// It is longer than [`MAX_LINE_BYTES`].
    Overlong,
}

/// One sample, borrowed from its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Metric name.
    pub name: &'a [u8],
    /// Labels in the order of the line.
    pub labels: Labels<'a>,
    /// The value, which may be NaN or infinite.
    pub value: f64,
    /// Milliseconds since the Unix epoch, if the line has a timestamp.
    pub timestamp_ms: Option<i64>,
}

/// The labels of one sample, up to their closing brace: checked, still escaped. Empty where
/// the line has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'a>(&'a [u8]);

/// One label: its name, and its value as written (escaped).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label<'a> {
    /// Label name.
    pub name: &'a [u8],
    /// Label value with its escapes: compare it with [`Label::unescaped`] if it may hold a
    /// backslash, a quote or a newline.
    pub escaped: &'a [u8],
}

impl<'a> Label<'a> {
    /// The value with `\\`, `\"` and `\n` resolved.
    pub fn unescaped(&self) -> Cow<'a, [u8]> {
        unescape(self.escaped)
    }
}

impl<'a> Labels<'a> {
    /// The labels in their order.
    pub fn iter(self) -> impl Iterator<Item = Label<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || next_label(&mut rest).ok().flatten())
    }

    /// The value of one label, still escaped; `None` if it is missing.
    pub fn get(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter()
            .find(|label| label.name == name)
            .map(|label| label.escaped)
    }
}

/// A line that violates the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads one line: a sample, or `None` for a comment or an empty line.
///
/// # Errors
/// [`Malformed`] when it is neither.
pub fn parse_line(line: &[u8]) -> Result<Option<Sample<'_>>, Malformed> {
    let line = trim(line);
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    let name = metric_name(line);
    if name.is_empty() {
        return Err(Malformed);
    }
    sample_after_name(name, &line[name.len()..]).map(Some)
}

/// Returns the metric name at the start of a line; empty if there is none.
fn metric_name(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .position(|&b| !is_name_byte(b))
        .unwrap_or(line.len());
    match line.first() {
        Some(first) if !first.is_ascii_digit() => &line[..end],
        _ => &[],
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Returns whether a byte is a blank of the format. A carriage return is none: a CRLF line is
/// malformed unless the return follows the value, where [`trim`] drops it.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    bytes
}

fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., last] = bytes
        && (is_blank(*last) || *last == b'\r')
    {
        bytes = rest;
    }
    bytes
}

fn sample_after_name<'a>(name: &'a [u8], rest: &'a [u8]) -> Result<Sample<'a>, Malformed> {
    let (labels, rest) = match trim_start(rest) {
        [b'{', inside @ ..] => {
            let mut after = inside;
            while next_label(&mut after)?.is_some() {}
            // `next_label` stops at the closing brace, which stays with the labels.
            let labels = &inside[..=inside.len() - after.len()];
            (Labels(labels), &after[1..])
        }
        // Without labels, a blank separates the name from the value.
        value if value.len() < rest.len() => (Labels(&[]), value),
        _ => return Err(Malformed),
    };
    let rest = trim(rest);
    let value_end = memchr2(b' ', b'\t', rest).unwrap_or(rest.len());
    let value = parse_value(&rest[..value_end])?;
    let timestamp = trim_start(&rest[value_end..]);
    let timestamp_ms = if timestamp.is_empty() {
        None
    } else {
        Some(ascii(timestamp)?.parse().map_err(|_| Malformed)?)
    };
    Ok(Sample {
        name,
        labels,
        value,
        timestamp_ms,
    })
}

/// Takes one label off the front, up to and including the comma after it.
/// `None` at the closing brace, which stays.
fn next_label<'a>(rest: &mut &'a [u8]) -> Result<Option<Label<'a>>, Malformed> {
    let bytes = trim_start(rest);
    if let [b'}', ..] = bytes {
        *rest = bytes;
        return Ok(None);
    }
    let name_len = bytes
        .iter()
        .position(|&b| !(b.is_ascii_alphanumeric() || b == b'_'))
        .unwrap_or(bytes.len());
    let (name, after) = bytes.split_at(name_len);
    if name.is_empty() || name[0].is_ascii_digit() {
        return Err(Malformed);
    }
    let [b'=', after @ ..] = trim_start(after) else {
        return Err(Malformed);
    };
    let [b'"', quoted @ ..] = trim_start(after) else {
        return Err(Malformed);
    };
    let end = closing_quote(quoted)?;
    *rest = match trim_start(&quoted[end + 1..]) {
        [b',', after @ ..] => after,
        at_brace @ [b'}', ..] => at_brace,
        _ => return Err(Malformed),
    };
    Ok(Some(Label {
        name,
        escaped: &quoted[..end],
    }))
}

/// Returns the position of the quote that ends a label value. Checks the escapes before it.
fn closing_quote(quoted: &[u8]) -> Result<usize, Malformed> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', &quoted[at..]).ok_or(Malformed)?;
        if quoted[at] == b'"' {
            return Ok(at);
        }
        match quoted.get(at + 1) {
            Some(b'\\' | b'"' | b'n') => at += 2,
            _ => return Err(Malformed),
        }
    }
}

fn ascii(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// Go's `strconv.ParseFloat` and Rust's `f64::from_str` agree on decimals,
/// exponents, `NaN` and `Inf` in any case; Go's hexadecimal floats and
/// underscores do not occur in expositions.
fn parse_value(text: &[u8]) -> Result<f64, Malformed> {
    ascii(text)?.parse().map_err(|_| Malformed)
}

/// Reads an exposition that arrives in chunks.
///
/// Pass chunks to [`Reader::push`], then call [`Reader::finish`]. A line without a newline at
/// the end is not read: its last number may have lost digits.
#[derive(Debug, Default)]
pub struct Reader {
    /// The start of a line that is incomplete so far.
    partial: Vec<u8>,
    /// True within a line that is too long.
    skipping: bool,
    /// True before the first line, which a byte order mark may precede.
    started: bool,
    /// The family of the last line, and whether it is wanted: lines of a family are adjacent,
    /// so one comparison skips most of them.
    family: Vec<u8>,
    wanted: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Reader {
    /// A reader at the start of an exposition.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the lines that `chunk` completes.
    pub fn push(&mut self, mut chunk: &[u8], consumer: &mut dyn Consumer) {
        if !self.partial.is_empty() || self.skipping {
            let Some(end) = memchr(b'\n', chunk) else {
                self.keep(chunk, consumer);
                return;
            };
            self.keep(&chunk[..end], consumer);
            chunk = &chunk[end + 1..];
            if !std::mem::take(&mut self.skipping) {
                let line = std::mem::take(&mut self.partial);
                self.line(&line, consumer);
                self.partial = line;
            }
            self.partial.clear();
        }
        while let Some(end) = memchr(b'\n', chunk) {
            if end > MAX_LINE_BYTES {
                consumer.problem(Problem::Overlong);
            } else {
                self.line(&chunk[..end], consumer);
            }
            chunk = &chunk[end + 1..];
        }
        self.keep(chunk, consumer);
    }

    /// Ends the exposition. An incomplete line is reported, not read.
    pub fn finish(self, consumer: &mut dyn Consumer) {
        if !self.partial.is_empty() {
            consumer.problem(Problem::Malformed);
        }
    }

    /// Keeps the start of a line, unless it is too long.
    fn keep(&mut self, start: &[u8], consumer: &mut dyn Consumer) {
        if self.skipping {
            return;
        }
        if self.partial.len() + start.len() > MAX_LINE_BYTES {
            self.partial.clear();
            self.skipping = true;
            consumer.problem(Problem::Overlong);
        } else {
            self.partial.extend_from_slice(start);
        }
    }

    fn line(&mut self, mut line: &[u8], consumer: &mut dyn Consumer) {
        if !self.started {
            self.started = true;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let line = trim_start(line);
        // `is_prefix` and not `starts_with`: musl compares byte by byte.
        let same_family = !self.family.is_empty()
            && is_prefix(line, &self.family)
            && !line
                .get(self.family.len())
                .copied()
                .is_some_and(is_name_byte);
        let name = if same_family {
            &line[..self.family.len()]
        } else {
            if matches!(line, [] | [b'#', ..] | b"\r") {
                return;
            }
            let name = metric_name(line);
            self.family.clear();
            self.family.extend_from_slice(name);
            // A line without a name is reported as malformed below.
            self.wanted = name.is_empty() || consumer.wants(name);
            name
        };
        if !self.wanted {
            return;
        }
        if name.is_empty() {
            consumer.problem(Problem::Malformed);
            return;
        }
        match sample_after_name(name, &line[name.len()..]) {
            Ok(sample) => consumer.sample(&sample),
            Err(Malformed) => consumer.problem(Problem::Malformed),
        }
    }
}

#[cfg(test)]
mod tests;
