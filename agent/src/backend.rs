//! A backend as a source of points: answers folded as they stream, for the nodes of one
//! shard.

use std::collections::BTreeMap;
use std::mem::take;

use contract::label;
use promql::{Consumer, Labels, Prometheus, QueryError, Sample};
use quantity::{TimeGrid, Timestamp};
use shard::Shard;

use crate::age::newest_samples;
use crate::source::{Answer, Collector, LabelNames, Row, Source, Table};

/// A backend of which the nodes of one shard are of interest.
pub struct Backend {
    prometheus: Prometheus,
    shard: Shard,
}

impl Backend {
    /// Makes a source of the nodes of `shard`.
    pub fn new(prometheus: Prometheus, shard: Shard) -> Self {
        Self { prometheus, shard }
    }
}

impl Source for Backend {
    fn query_range(&self, query: &str, grid: &TimeGrid) -> Result<Answer, QueryError> {
        let (by_node, remarks) = self
            .prometheus
            .range(query, grid, || ByNode::new(grid, self.shard))?;
        Ok(Answer {
            remarks,
            ..by_node.answer
        })
    }

    fn query_rows(
        &self,
        query: &str,
        grid: &TimeGrid,
        names: LabelNames,
    ) -> Result<Table, QueryError> {
        let (rows, remarks) = self
            .prometheus
            .range(query, grid, || Rows::new(grid, self.shard, names))?;
        Ok(Table {
            remarks,
            ..rows.table
        })
    }

    fn sampled_at(&self, query: &str, at: Timestamp, back: u64) -> Option<BTreeMap<String, f64>> {
        newest_samples(&self.prometheus, query, at, Some(back)).ok()
    }
}

/// Whether a series is of a shard, or of no node at all.
fn is_of(shard: Shard, labels: &Labels) -> bool {
    labels.get(label::NODE).is_none_or(|node| shard.has(node))
}

/// Collects points by node.
pub struct ByNode<'a> {
    grid: &'a TimeGrid,
    shard: Shard,
    series: Collector,
    /// The answer so far, without remarks.
    pub answer: Answer,
}

impl<'a> ByNode<'a> {
    /// Keeps the points at times of `grid` of the nodes of `shard`.
    pub fn new(grid: &'a TimeGrid, shard: Shard) -> Self {
        Self {
            grid,
            shard,
            series: Collector::default(),
            answer: Answer::default(),
        }
    }
}

impl Consumer for ByNode<'_> {
    fn keeps_label(&self, name: &str) -> bool {
        name == label::NODE
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        is_of(self.shard, labels)
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.series.take(sample, |unix| self.grid.nearest(unix));
    }

    fn end_series(&mut self, labels: &Labels) {
        let series = take(&mut self.series);
        self.answer.rejected += series.rejected;
        match labels.get(label::NODE) {
            Some(node) if self.shard.has(node) => {
                let parts = self.answer.nodes.entry(node.to_owned()).or_default();
                parts.push(series.points);
            }
            Some(_) => self.answer.of_other_shards += 1,
            None => self.answer.without_node += 1,
        }
    }
}

/// Collects some labels and the newest sample of each series.
pub struct Rows<'a> {
    grid: &'a TimeGrid,
    shard: Shard,
    names: LabelNames,
    series: Collector,
    /// The answer so far, without remarks.
    pub table: Table,
}

impl<'a> Rows<'a> {
    /// Keeps the labels `names` and the newest sample at a time of `grid`; of the nodes
    /// of `shard` where the label `node` is among them.
    pub fn new(grid: &'a TimeGrid, shard: Shard, names: LabelNames) -> Self {
        Self {
            grid,
            shard,
            names,
            series: Collector::default(),
            table: Table::default(),
        }
    }
}

impl Consumer for Rows<'_> {
    fn keeps_label(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        is_of(self.shard, labels)
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.series.take(sample, |unix| self.grid.nearest(unix));
    }

    fn end_series(&mut self, labels: &Labels) {
        let series = take(&mut self.series);
        self.table.rejected += series.rejected;
        if let Some(newest) = series.points.last().filter(|_| is_of(self.shard, labels)) {
            let row = Row::new(self.names, |name| labels.get(name), newest.value);
            self.table.rows.push(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Rejected;
    use analysis::series::Series;
    use forecast::Point;
    use promql::{Remarks, ResultType, answer::read};

    const START: i64 = 1_795_331_340;

    const GRID: TimeGrid = TimeGrid {
        start: Timestamp::from_unix(START),
        end: Timestamp::from_unix(START + 240),
        step: 60,
    };

    fn series(points: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for &(at, value) in points {
            let at = Timestamp::from_unix(at);
            assert!(series.push(Point { at, value }), "points out of order");
        }
        series
    }

    fn matrix(series: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#)
    }

    fn answer_of(series: &str, shard: Shard) -> Answer {
        let mut by_node = ByNode::new(&GRID, shard);
        let body = matrix(series);
        let remarks = read(body.as_bytes(), &[ResultType::Matrix], &mut by_node).expect(&body);
        assert_eq!(remarks, Remarks::default());
        by_node.answer
    }

    /// The rows of an answer by these labels.
    fn rows_of(series: &str, shard: Shard, names: LabelNames) -> Vec<Row> {
        let mut rows = Rows::new(&GRID, shard, names);
        let body = matrix(series);
        read(body.as_bytes(), &[ResultType::Matrix], &mut rows).expect(&body);
        rows.table.rows
    }

    const REPLACED: &str = r#"
        {"metric":{"__name__":"x","instance":"10.0.0.7:9100","node":"a","pod":"x-1"},
         "values":[[1795331340,"0.5"],[1795331400,"0.53"],[1795331460.000,"6.1e-1"]]},
        {"metric":{"node":"a","pod":"x-2"},"values":[[1795331520,"0.7"],[1795331580,"0.71"]]},
        {"metric":{"node":"b"},"values":[[1795331580,"1"]]},
        {"metric":{"node":""},"values":[[1795331580,"1"]]}"#;

    #[test]
    fn points_are_collected_by_node() {
        let answer = answer_of(REPLACED, Shard::WHOLE);
        assert_eq!(answer.without_node, 1);
        assert_eq!(
            answer.nodes["a"],
            [
                series(&[(START, 0.5), (START + 60, 0.53), (START + 120, 0.61)]),
                series(&[(START + 180, 0.7), (START + 240, 0.71)]),
            ]
        );
        assert_eq!(answer.nodes["b"], [series(&[(START + 240, 1.0)])]);
    }

    #[test]
    fn rows_have_the_labels_asked_for_and_the_newest_value() {
        let rows = rows_of(REPLACED, Shard::WHOLE, &["pod", "node"]);
        let cells: Vec<_> = rows
            .iter()
            .map(|row| (row.label("node"), row.label("pod"), row.value))
            .collect();
        assert_eq!(
            cells,
            [
                (Some("a"), Some("x-1"), 0.61),
                (Some("a"), Some("x-2"), 0.71),
                (Some("b"), None, 1.0),
                (None, None, 1.0),
            ]
        );
        assert_eq!(rows[0].label("instance"), None, "it was not asked for");
        let empty = r#"{"metric":{"node":"a"},"values":[]}"#;
        assert_eq!(rows_of(empty, Shard::WHOLE, &["node"]), []);
    }

    #[test]
    fn rejected_samples_are_counted_by_reason() {
        let rejected = |implausible, off_grid, out_of_order| Rejected {
            implausible,
            off_grid,
            out_of_order,
        };
        for (bad, reason) in [
            (r#"[1795331400,"NaN"]"#, rejected(1, 0, 0)),
            (r#"[1795331400,"+Inf"]"#, rejected(1, 0, 0)),
            (r#"[1795331400,"-Inf"]"#, rejected(1, 0, 0)),
            (r#"[1795331400,"-0.1"]"#, rejected(1, 0, 0)),
            (r#"[1795331400,"1e300"]"#, rejected(1, 0, 0)),
            (r#"[1795331400,"banana"]"#, rejected(1, 0, 0)),
            (r#"[1795331280,"2"]"#, rejected(0, 0, 1)), // before the one before it
            (r#"[1795331340,"2"]"#, rejected(0, 0, 1)), // repeated
            (r#"[1795331340.5,"2"]"#, rejected(0, 1, 0)), // between two times
        ] {
            let answer = answer_of(
                &format!(
                    r#"{{"metric":{{"node":"a"}},"values":[[1795331340,"1"],{bad},[1795331580,"3"]]}}"#
                ),
                Shard::WHOLE,
            );
            assert_eq!(answer.rejected, reason, "{bad}");
            assert_eq!(
                answer.nodes["a"],
                [series(&[(START, 1.0), (START + 240, 3.0)])]
            );
        }
        let outside =
            r#"{"metric":{"node":"a"},"values":[[1795331280,"1"],[1795331640,"1"],[1e300,"1"]]}"#;
        assert_eq!(answer_of(outside, Shard::WHOLE).rejected, rejected(0, 3, 0));
    }

    #[test]
    fn values_of_other_shards_are_not_read() {
        let shard_of = |node| {
            let mut shards = (0..2).filter_map(|index| Shard::new(index, 2));
            shards
                .find(|shard| shard.has(node))
                .expect("one of the two")
        };
        let (own, other) = ("a", "c");
        let shard = shard_of(own);
        assert_ne!(shard, shard_of(other), "the test needs two shards");
        // The values of the other node would be refused if they were read.
        let first = format!(
            r#"{{"metric":{{"node":"{other}"}},"values":[["x"]]}},{{"metric":{{"node":"{own}"}},"values":[[1795331340,"1"]]}}"#
        );
        let last = format!(
            r#"{{"values":[[1795331340,"1"]],"metric":{{"node":"{own}"}}}},{{"values":[[1795331340,"1"]],"metric":{{"node":"{other}"}}}}"#
        );
        for body in [first, last] {
            let answer = answer_of(&body, shard);
            assert_eq!(answer.nodes.keys().collect::<Vec<_>>(), [own], "{body}");
            assert_eq!(answer.of_other_shards, 1);
            let rows = rows_of(&body, shard, &["node"]);
            let nodes: Vec<_> = rows.iter().map(|row| row.label("node")).collect();
            assert_eq!(nodes, [Some(own)]);
        }
    }

    #[test]
    fn a_series_never_has_more_points_than_the_grid() {
        let samples: Vec<String> = (0..2400)
            .map(|k| format!("[{},\"1\"]", START as f64 + f64::from(k) / 10.0))
            .collect();
        let body = format!(
            r#"{{"metric":{{"node":"a"}},"values":[{}]}}"#,
            samples.join(",")
        );
        let answer = answer_of(&body, Shard::WHOLE);
        assert_eq!(answer.nodes["a"][0].points().len(), GRID.count());
    }
}
