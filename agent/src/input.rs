//! Saved responses to range queries, used instead of a backend.
//!
//! In scope: the series of a file, the window that they span, and the answer to a query over them.
//! Series are identified by their name, so only plain selectors are answered. Out of scope: the
//! meaning of the numbers.
//!
//! Invariant: a report as of an earlier time uses no later sample (held by
//! `at_ignores_later_samples`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use contract::label;
use exposition::Selector;
use forecast::Point;
use promql::{Consumer, Defect, Labels, QueryError, Remarks, Sample, answer};
use quantity::{TimeGrid, Timestamp};
use shard::Shard;

use crate::collect::UsageQueries;
use crate::invalid_file::InvalidFile;
use crate::source::{Collector, LabelNames, Rejected, Selected, Selection, Source};
use crate::time::{Time, USUAL_STEP_SECONDS};
use analysis::series::Series;
use analysis::window::{MAX_POINTS, MAX_SPAN_SECONDS, Misfit, Window};

/// A file to read points from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFile {
    /// Standard input.
    Standard,
    /// A file, or a pipe.
    Path(PathBuf),
}

impl fmt::Display for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("-"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// The series of all files.
#[derive(Debug, Default)]
pub struct Recording {
    series: Vec<Recorded>,
    /// The remarks of each file.
    remarks: Vec<Remarks>,
}

/// One series of a file.
#[derive(Debug)]
struct Recorded {
    /// The index of the file in `remarks`.
    file: usize,
    labels: Vec<(String, String)>,
    /// All samples; none if the node is in another shard.
    points: Series,
    is_of_shard: bool,
    rejected: Rejected,
}

impl Recorded {
    fn label(&self, name: &str) -> Option<&str> {
        value(&self.labels, name)
    }

    fn is_selected(&self, selector: &Selector) -> bool {
        let name = self.label(NAME).unwrap_or_default();
        selector.selects(name, |label| self.label(label))
    }
}

/// The label in which Prometheus writes a series's name.
const NAME: &str = "__name__";

fn value<'a>(labels: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut labels = labels.iter();
    labels
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

impl Recording {
    /// Reads files to their end, without the samples of nodes in other shards.
    ///
    /// # Errors
    /// When one cannot be read, or holds anything other than complete answers.
    pub fn read(files: &[InputFile], shard: Shard) -> Result<Self, InvalidFile> {
        let mut recording = Self::default();
        for file in files {
            let unusable =
                |problem: &dyn fmt::Display| InvalidFile::new(&format!("input {file}:"), problem);
            let bytes = open(file).map_err(|error| unusable(&error))?;
            recording
                .append(bytes, shard)
                .map_err(|defect| unusable(&problem(&defect)))?;
        }
        Ok(recording)
    }

    fn append(&mut self, bytes: impl Read, shard: Shard) -> Result<(), Defect> {
        let mut recorder = Recorder {
            shard,
            file: self.remarks.len(),
            current: Collector::default(),
            series: &mut self.series,
        };
        let remarks = answer::read_all(bytes, &mut recorder)?;
        self.remarks.push(remarks);
        Ok(())
    }

    fn names(&self) -> BTreeSet<&str> {
        self.series
            .iter()
            .filter_map(|one| one.label(NAME))
            .collect()
    }

    /// Returns the window of the report, as far as the samples of usage reach. It ends with the
    /// newest of them, or at the last time on their grid up to `--at`; without samples, at `now`.
    ///
    /// # Errors
    /// When files cannot answer the queries, or the lengths do not fit
    /// each other.
    pub fn window(
        &self,
        time: &Time,
        queries: &UsageQueries,
        now: Timestamp,
    ) -> Result<Window, InvalidFile> {
        let mut selectors = Vec::new();
        for query in [&queries.cpu, &queries.memory] {
            selectors.push(Selector::parse(query).ok_or_else(|| {
                let expected = "expected the name of a series, with labels at most: files cannot answer other PromQL";
                InvalidFile::new(&format!("input: query {query:?}:"), &expected)
            })?);
        }
        let usage: Vec<&[Point]> = self
            .series
            .iter()
            .filter(|one| selectors.iter().any(|selector| one.is_selected(selector)))
            .map(|one| one.points.points())
            .collect();
        if usage.is_empty() {
            let names: Vec<_> = self.names().into_iter().take(MAX_NAMES).collect();
            let expected = format!(
                "expected series of {:?} or {:?}, there are: {}",
                queries.cpu,
                queries.memory,
                if names.is_empty() {
                    "none with a name".to_owned()
                } else {
                    names.join(", ")
                }
            );
            return Err(InvalidFile::new("input:", &expected));
        }
        let is_past = |point: &&Point| time.at.is_none_or(|at| point.at <= at);
        let times = || {
            usage
                .iter()
                .copied()
                .flatten()
                .filter(is_past)
                .map(|p| p.at)
        };
        let newest = times().max().or(time.at).unwrap_or(now);
        let asked = time.at.unwrap_or(newest);
        let held = times()
            .min()
            .map_or(0, |oldest| asked.unix().abs_diff(oldest.unix()));
        let spacing = spacing(&usage);
        let step = time.step.unwrap_or(spacing);
        // All samples of the files, but at least one step and not too many.
        let most = match time.step {
            Some(step) => step.saturating_mul(MAX_POINTS - 1),
            None => MAX_SPAN_SECONDS,
        };
        let lookback = time.lookback.unwrap_or(held.clamp(step, most.max(step)));
        let spans = time
            .spans(lookback, spacing, spacing)
            .map_err(|misfit| InvalidFile::new("input:", &too_short(misfit)))?;
        let step = spans.step() as i64;
        let steps_after = (asked.unix() - newest.unix()).div_euclid(step);
        let end = Timestamp::from_unix(newest.unix() + steps_after * step);
        Ok(spans.ending_exactly_at(end))
    }
}

fn too_short(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::LookbackUnderStep => "expected samples over at least one step",
        Misfit::TooManyPoints { .. } | Misfit::HorizonTooFine { .. } => {
            "expected a --step that is coarse enough"
        }
    }
}

/// The maximum number of series names that a message lists.
const MAX_NAMES: usize = 10;

/// Returns the most frequent number of seconds between two samples; a minute where there are none.
fn spacing(usage: &[&[Point]]) -> u64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in usage.iter().flat_map(|points| points.windows(2)) {
        *counts
            .entry(pair[1].at.unix() - pair[0].at.unix())
            .or_default() += 1;
    }
    // Among equals the first, which is the shortest.
    let most = counts.iter().rev().max_by_key(|(_, count)| **count);
    most.map_or(USUAL_STEP_SECONDS, |(seconds, _)| seconds.unsigned_abs())
}

/// Describes the problem of a file that is not a complete answer.
fn problem(defect: &Defect) -> String {
    const EXPECTED: &str = "expected the JSON answer to a range query";
    match defect {
        Defect::Refused(refusal) => format!("{EXPECTED}, this is a refusal: {refusal}"),
        Defect::Truncated => format!("{EXPECTED}, this ends early"),
        Defect::Shape(problem) => format!("{EXPECTED}: {problem}"),
        Defect::Body(failure) => failure.to_string(),
    }
}

/// Records the series of one file.
struct Recorder<'a> {
    shard: Shard,
    file: usize,
    current: Collector,
    series: &'a mut Vec<Recorded>,
}

impl Consumer for Recorder<'_> {
    fn keeps_label(&self, _: &str) -> bool {
        true
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        let node = labels.get(label::NODE);
        node.is_none_or(|node| self.shard.has(node))
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.current.take(sample, |unix| {
            // Far from overflow, and from any real time.
            (unix.abs() <= 1e12).then(|| Timestamp::from_unix(unix.round() as i64))
        });
    }

    fn end_series(&mut self, labels: &Labels) {
        let series = std::mem::take(&mut self.current);
        let is_of_shard = self.wants_samples(labels);
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.series.push(Recorded {
            file: self.file,
            labels: labels.iter().map(owned).collect(),
            points: match is_of_shard {
                true => series.points,
                false => Series::default(),
            },
            is_of_shard,
            rejected: series.rejected,
        });
    }
}

impl Source for Recording {
    fn select(
        &self,
        query: &str,
        grid: &TimeGrid,
        names: LabelNames,
    ) -> Result<Selection, QueryError> {
        let mut selection = Selection::default();
        // A query that is more than a selector selects none.
        let Some(selector) = Selector::parse(query) else {
            return Ok(selection);
        };
        let mut files = BTreeSet::new();
        for one in self.series.iter().filter(|one| one.is_selected(&selector)) {
            files.insert(one.file);
            selection.rejected += one.rejected;
            if one.is_of_shard || !names.contains(&label::NODE) {
                let points = evaluate(one.points.points(), grid);
                let series = Selected::new(names, |name| one.label(name), points);
                selection.series.push(series);
            } else {
                selection.of_other_shards += 1;
            }
        }
        for file in files {
            selection.remarks.append(&self.remarks[file]);
        }
        Ok(selection)
    }

    /// Returns `None`: saved responses to range queries hold points only.
    fn sampled_at(&self, _: &str, _: Timestamp, _: u64) -> Option<BTreeMap<String, f64>> {
        None
    }
}

/// Returns the newest sample at or before each time of the grid, and after the time before it: gaps
/// stay open, and no sample lies in the future.
fn evaluate(points: &[Point], grid: &TimeGrid) -> Series {
    let (start, step) = (grid.start.unix(), grid.step as i64);
    let mut series = Series::default();
    let mut points = points.iter().peekable();
    while let Some(point) = points.next() {
        let grid_time = |point: &Point| {
            let steps = (point.at.unix() - start + step - 1).div_euclid(step);
            Timestamp::from_unix(start + steps * step)
        };
        let at = grid_time(point);
        let has_newer = points.peek().is_some_and(|next| grid_time(next) == at);
        if !has_newer && (grid.start..=grid.end).contains(&at) {
            series.push(Point {
                at,
                value: point.value,
            });
        }
    }
    series
}

fn open(file: &InputFile) -> io::Result<Box<dyn Read>> {
    Ok(match file {
        InputFile::Standard => Box::new(io::stdin()),
        InputFile::Path(path) => Box::new(File::open(path)?),
    })
}
