//! The sources of a report's points, and the answers that they give.
//!
//! A [`Source`] is a backend or a recording of its answers. The shape of an answer is
//! decided here for both: points by node, or rows of labels with their newest value.
//!
//! Invariant: the same samples in Prometheus and in the exporter's history give the same
//! report (held by `same_samples_give_same_report`, e2e).

use std::collections::BTreeMap;
use std::ops::AddAssign;

use analysis::series::Series;
use contract::label;
use forecast::Point;
use promql::{QueryError, Remarks, Sample};
use quantity::{Cores, TimeGrid, Timestamp};

use crate::next_step;

/// A source of points.
pub trait Source {
    /// Returns the series behind `query`, each with its points at the times of `grid` and
    /// these labels.
    ///
    /// # Errors
    /// When there is no complete answer.
    fn select(
        &self,
        query: &str,
        grid: &TimeGrid,
        names: LabelNames,
    ) -> Result<Selection, QueryError>;

    /// Returns the time of the newest sample of each node behind `query`, in Unix seconds,
    /// of those in the `back` seconds before `at`; `None` if the source does not know it.
    fn sampled_at(&self, query: &str, at: Timestamp, back: u64) -> Option<BTreeMap<String, f64>>;
}

/// The names of the labels to keep of each series.
pub type LabelNames = &'static [&'static str];

/// A complete answer, in the order of the series.
#[derive(Debug, Default, PartialEq)]
pub struct Selection {
    /// The series, but those of other shards.
    pub series: Vec<Selected>,
    /// The number of series left out because their label `node`, if requested,
    /// names a node in another shard.
    pub of_other_shards: u64,
    /// Samples left out.
    pub rejected: Rejected,
    /// The remarks of the backend.
    pub remarks: Remarks,
}

/// A series: the requested labels, and its points.
#[derive(Debug, PartialEq)]
pub struct Selected {
    names: LabelNames,
    values: Vec<Option<String>>,
    /// The points, of finite values from 0 to 2^53.
    pub points: Series,
}

impl Selected {
    /// Keeps the labels among `names` that `label` has a value for.
    pub fn new<'a>(
        names: LabelNames,
        label: impl Fn(&str) -> Option<&'a str>,
        points: Series,
    ) -> Self {
        let values = names.iter().map(|name| label(name).map(str::to_owned));
        Self {
            names,
            values: values.collect(),
            points,
        }
    }

    /// Returns the value of a requested label; `None` where it is absent or
    /// empty, which are the same to Prometheus.
    pub fn label(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|known| *known == name)?;
        self.values[index].as_deref()
    }

    /// Returns the newest value, if there is any point.
    pub fn newest(&self) -> Option<f64> {
        Some(self.points.last()?.value)
    }
}

/// The series of an answer by node.
#[derive(Debug, Default, PartialEq)]
pub struct ByNode {
    /// Series by node; several where an exporter pod replaced another.
    pub nodes: BTreeMap<String, Vec<Series>>,
    /// The number of series left out because they have no label `node`.
    pub without_node: u64,
}

impl ByNode {
    /// Sorts series by their label `node`.
    pub fn of(series: Vec<Selected>) -> Self {
        let mut by_node = Self::default();
        for one in series {
            match one.label(label::NODE) {
                Some(node) => {
                    let parts = by_node.nodes.entry(node.to_owned()).or_default();
                    parts.push(one.points);
                }
                None => by_node.without_node += 1,
            }
        }
        by_node
    }
}

/// Samples left out, by reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// NaN, infinite, negative, above 2^53, or no number.
    pub implausible: u64,
    /// Not at a requested time.
    pub off_grid: u64,
    /// Not later than the sample before it.
    pub out_of_order: u64,
}

impl AddAssign for Rejected {
    fn add_assign(&mut self, more: Self) {
        self.implausible += more.implausible;
        self.off_grid += more.off_grid;
        self.out_of_order += more.out_of_order;
    }
}

/// Collects the samples of one series.
#[derive(Debug, Default)]
pub struct Collector {
    /// The points so far.
    pub points: Series,
    /// Samples left out so far.
    pub rejected: Rejected,
    newest: Option<f64>,
}

impl Collector {
    /// Takes a sample, at the time that `place` finds for its Unix seconds, if any.
    pub fn take(&mut self, sample: Sample<'_>, place: impl FnOnce(f64) -> Option<Timestamp>) {
        // The rule for cores holds for bytes as well: finite, 0 to 2^53.
        let Some(value) = sample.number().and_then(Cores::new) else {
            self.rejected.implausible += 1;
            return;
        };
        if self.newest.is_some_and(|newest| sample.unix <= newest) {
            self.rejected.out_of_order += 1;
            return;
        }
        self.newest = Some(sample.unix);
        let value = value.get();
        let is_kept = place(sample.unix).is_some_and(|at| self.points.push(Point { at, value }));
        if !is_kept {
            self.rejected.off_grid += 1;
        }
    }
}

/// Describes an error, with the next step if errors of its kind usually have one cause.
pub fn explain(error: &QueryError) -> String {
    match next_step::after(error) {
        Some(step) => format!("{error} ({step})"),
        None => error.to_string(),
    }
}
