//! A backend as a source of points: answers are collected as they stream, for the nodes of one
//! shard.

use std::collections::BTreeMap;
use std::mem::take;

use contract::label;
use promql::{Consumer, Labels, Prometheus, QueryError, Sample};
use quantity::{TimeGrid, Timestamp};
use shard::Shard;

use crate::age::newest_samples;
use crate::source::{Collector, LabelNames, Selected, Selection, Source};

/// A backend, limited to the nodes of one shard.
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
    fn select(
        &self,
        query: &str,
        grid: &TimeGrid,
        names: LabelNames,
    ) -> Result<Selection, QueryError> {
        select(&self.prometheus, self.shard, query, grid, names)
    }

    fn sampled_at(&self, query: &str, at: Timestamp, back: u64) -> Option<BTreeMap<String, f64>> {
        newest_samples(&self.prometheus, query, at, Some(back)).ok()
    }
}

/// Queries the series behind `query`; the points of nodes in other shards are skipped.
///
/// # Errors
/// When there is no complete answer.
pub fn select(
    prometheus: &Prometheus,
    shard: Shard,
    query: &str,
    grid: &TimeGrid,
    names: LabelNames,
) -> Result<Selection, QueryError> {
    let collector = || SelectionCollector {
        grid,
        shard,
        names,
        series: Collector::default(),
        selection: Selection::default(),
    };
    let (collector, remarks) = prometheus.range(query, grid, collector)?;
    Ok(Selection {
        remarks,
        ..collector.selection
    })
}

/// Collects a selection, without remarks.
struct SelectionCollector<'a> {
    grid: &'a TimeGrid,
    shard: Shard,
    names: LabelNames,
    series: Collector,
    selection: Selection,
}

impl Consumer for SelectionCollector<'_> {
    fn keeps_label(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        let node = labels.get(label::NODE);
        node.is_none_or(|node| self.shard.has(node))
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.series.take(sample, |unix| self.grid.nearest(unix));
    }

    fn end_series(&mut self, labels: &Labels) {
        let Collector {
            points, rejected, ..
        } = take(&mut self.series);
        self.selection.rejected += rejected;
        if self.wants_samples(labels) {
            let series = Selected::new(self.names, |name| labels.get(name), points);
            self.selection.series.push(series);
        } else {
            self.selection.of_other_shards += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{ByNode, Rejected};
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

    fn selection_of(series: &str, shard: Shard, names: LabelNames) -> Selection {
        let mut collector = SelectionCollector {
            grid: &GRID,
            shard,
            names,
            series: Collector::default(),
            selection: Selection::default(),
        };
        let body = matrix(series);
        let remarks = read(body.as_bytes(), &[ResultType::Matrix], &mut collector).expect(&body);
        assert_eq!(remarks, Remarks::default());
        collector.selection
    }

    fn by_node(series: &str, shard: Shard) -> ByNode {
        ByNode::of(selection_of(series, shard, &[label::NODE]).series)
    }

    const REPLACED: &str = r#"
        {"metric":{"__name__":"x","instance":"10.0.0.7:9100","node":"a","pod":"x-1"},
         "values":[[1795331340,"0.5"],[1795331400,"0.53"],[1795331460.000,"6.1e-1"]]},
        {"metric":{"node":"a","pod":"x-2"},"values":[[1795331520,"0.7"],[1795331580,"0.71"]]},
        {"metric":{"node":"b"},"values":[[1795331580,"1"]]},
        {"metric":{"node":""},"values":[[1795331580,"1"]]}"#;

    #[test]
    fn points_are_collected_by_node() {
        let answer = by_node(REPLACED, Shard::WHOLE);
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
    fn rows_have_labels_and_newest_value() {
        let rows = selection_of(REPLACED, Shard::WHOLE, &["pod", "node"]).series;
        let cells: Vec<_> = rows
            .iter()
            .map(|row| (row.label("node"), row.label("pod"), row.newest()))
            .collect();
        assert_eq!(
            cells,
            [
                (Some("a"), Some("x-1"), Some(0.61)),
                (Some("a"), Some("x-2"), Some(0.71)),
                (Some("b"), None, Some(1.0)),
                (None, None, Some(1.0)),
            ]
        );
        assert_eq!(rows[0].label("instance"), None, "it was not asked for");
        let empty = r#"{"metric":{"node":"a"},"values":[]}"#;
        let rows = selection_of(empty, Shard::WHOLE, &["node"]).series;
        assert_eq!(rows[0].newest(), None);
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
            let selection = selection_of(
                &format!(
                    r#"{{"metric":{{"node":"a"}},"values":[[1795331340,"1"],{bad},[1795331580,"3"]]}}"#
                ),
                Shard::WHOLE,
                &["node"],
            );
            assert_eq!(selection.rejected, reason, "{bad}");
            assert_eq!(
                selection.series[0].points,
                series(&[(START, 1.0), (START + 240, 3.0)])
            );
        }
        let outside =
            r#"{"metric":{"node":"a"},"values":[[1795331280,"1"],[1795331640,"1"],[1e300,"1"]]}"#;
        let selection = selection_of(outside, Shard::WHOLE, &["node"]);
        assert_eq!(selection.rejected, rejected(0, 3, 0));
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
            let selection = selection_of(&body, shard, &["node"]);
            let nodes: Vec<_> = selection
                .series
                .iter()
                .map(|one| one.label("node"))
                .collect();
            assert_eq!(nodes, [Some(own)], "{body}");
            assert_eq!(selection.of_other_shards, 1);
        }
    }

    #[test]
    fn series_are_bounded_by_the_grid() {
        let samples: Vec<String> = (0..2400)
            .map(|k| format!("[{},\"1\"]", START as f64 + f64::from(k) / 10.0))
            .collect();
        let body = format!(
            r#"{{"metric":{{"node":"a"}},"values":[{}]}}"#,
            samples.join(",")
        );
        let answer = by_node(&body, Shard::WHOLE);
        assert_eq!(answer.nodes["a"][0].points().len(), GRID.count());
    }
}
