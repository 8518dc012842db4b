//! Answers of real backends and of broken ones.

use super::*;
use crate::series::tests::series;
use crate::window::{Spans, Window};
use proptest::prelude::*;
use quantity::Timestamp;

fn window() -> Window {
    Spans::new(240, 60, 60)
        .expect("fits")
        .ending_at(Timestamp::from_unix(1_795_331_580))
}

/// Reads an answer to a query over the window, of every node.
fn read_window(body: impl Read) -> Result<Answer, Defect> {
    read(body, &window(), Shard::WHOLE)
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
    let answer = read_window(REAL.as_bytes()).expect("a matrix");
    assert_eq!(answer.without_node, 0);
    assert_eq!(answer.remarks, Remarks::default());
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
fn the_newest_sample_of_each_series_is_read_with_the_labels_asked_for() {
    let table =
        read_rows(REAL.as_bytes(), &window(), Shard::WHOLE, &["pod", "node"]).expect("a matrix");
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
    let table = read_rows(empty.as_bytes(), &window(), Shard::WHOLE, &["node"]).expect("a matrix");
    assert_eq!(table.rows.len(), 1, "a series without a sample is no row");
    assert_eq!(table.rows[0].label("node"), None, "an empty label is none");
}

#[test]
fn samples_of_no_use_are_left_out_and_counted_by_reason() {
    let rejected = |implausible, elsewhen, out_of_order| Rejected {
        implausible,
        elsewhen,
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
        (r#"[1795331340.5,"2"]"#, rejected(0, 1, 0)), // between two moments
    ] {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"node":"a"}},"values":[[1795331340,"1"],{bad},[1795331580,"3"]]}}]}}}}"#
        );
        let answer = read_window(body.as_bytes()).expect(bad);
        assert_eq!(answer.remarks.rejected, reason, "{bad}");
        assert_eq!(
            answer.nodes["a"],
            [series(&[(START, 1.0), (START + 240, 3.0)])]
        );
    }
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"node":"a"},"values":[[1795331280,"1"],[1795331640,"1"],[1e300,"1"]]}]}}"#;
    let outside = read_window(body.as_bytes()).expect("a matrix");
    assert_eq!(outside.remarks.rejected, rejected(0, 3, 0));
}

#[test]
fn of_the_nodes_of_other_shards_not_even_the_values_are_read() {
    let shard_of = |node| {
        let mut shards = (0..2).filter_map(|index| Shard::new(index, 2));
        shards
            .find(|shard| shard.has(node))
            .expect("one of the two")
    };
    let (own, other) = ("a", "c");
    let shard = shard_of(own);
    assert_ne!(
        shard,
        shard_of(other),
        "the test needs two of different shards"
    );
    // The values of the other node would be refused if anybody looked.
    let first = format!(
        r#"{{"metric":{{"node":"{other}"}},"values":[["x"]]}},{{"metric":{{"node":"{own}"}},"values":[[1795331340,"1"]]}}"#
    );
    let last = format!(
        r#"{{"values":[[1795331340,"1"]],"metric":{{"node":"{own}"}}}},{{"values":[[1795331340,"1"]],"metric":{{"node":"{other}"}}}}"#
    );
    for result in [first, last] {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#
        );
        let answer = read(body.as_bytes(), &window(), shard).expect("a matrix");
        assert_eq!(answer.nodes.keys().collect::<Vec<_>>(), [own], "{body}");
        assert_eq!(answer.of_other_shards, 1);
        let table = read_rows(body.as_bytes(), &window(), shard, &["node"]).expect("a matrix");
        let rows: Vec<_> = table.rows.iter().map(|row| row.label("node")).collect();
        assert_eq!(rows, [Some(own)]);
    }
}

#[test]
fn order_of_keys_unknown_fields_and_nulls_do_not_matter() {
    let body = r#"{"warnings":["w1","w2"],"infos":["i"],"isPartial":true,"stats":{"x":[1,{}]},
        "data":{"result":[{"values":[[1795331580,"1"]],"histograms":[[1795331580,{"count":"1"}]],"metric":{"node":"\u0061"}},
                          {"metric":{"pod":"p"},"values":[[1795331580,"1"]]},
                          {"metric":{"node":""},"values":[]}],
                "resultType":"matrix"},"status":"success"}"#;
    let answer = read_window(body.as_bytes()).expect("a matrix");
    assert_eq!(answer.nodes.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(answer.remarks.warnings, ["w1", "w2"]);
    assert_eq!(answer.remarks.infos, ["i"]);
    assert!(answer.remarks.is_partial);
    assert_eq!(answer.without_node, 2);

    for empty in [
        r#"{"status":"success","warnings":null,"data":{"resultType":"matrix","result":null}}"#,
        r#"{"status":"success","isPartial":null,"error":null,"errorType":null,"infos":null,
            "data":{"resultType":"matrix","result":[]}}"#,
    ] {
        assert_eq!(
            read_window(empty.as_bytes()).expect("empty"),
            Answer::default()
        );
    }
    let nothing = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":null,"values":null}]}}"#;
    assert_eq!(
        read_window(nothing.as_bytes()).expect("empty").without_node,
        1
    );
}

/// An answer of so many series, made as it is read.
struct Endless {
    series: u32,
    piece: Vec<u8>,
    read: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.series > 0 {
            self.series -= 1;
            let node = self.series;
            let samples = r#"[1795331340.123,"0.123456789012"],"#.repeat(1_000);
            let samples = samples.trim_end_matches(',');
            let end = if node == 0 { "]}}" } else { "," };
            let metric = format!(r#"{{"metric":{{"node":"n{node}"}},"values":[{samples}]}}{end}"#);
            self.piece = metric.into_bytes();
        }
        let count = self.piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.piece[..count]);
        self.piece.drain(..count);
        self.read += count;
        Ok(count)
    }
}

#[test]
fn of_fifty_megabytes_only_the_points_of_the_window_are_kept() {
    let start = r#"{"status":"success","data":{"resultType":"matrix","result":["#;
    let mut body = Endless {
        series: 1_500,
        piece: start.as_bytes().to_vec(),
        read: 0,
    };
    let answer = read_window(&mut body).expect("a matrix");
    assert!(body.read > 50_000_000, "{}", body.read);
    assert_eq!(answer.nodes.len(), 1_500);
    let points = answer.nodes.values().flatten();
    assert_eq!(points.map(|each| each.points().len()).sum::<usize>(), 1_500);
}

#[test]
fn an_error_object_is_a_refusal_in_its_own_words() {
    let body = r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries.\nTry decreasing the query resolution (?step=XX)"}"#;
    let Err(Defect::Refused(refusal)) = read_window(body.as_bytes()) else {
        panic!("accepted");
    };
    assert_eq!(
        refusal.to_string(),
        "bad_data: exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
    for nothing in [
        r#"{"status":"error","data":null,"errorType":"","error":""}"#,
        r#"{"status":"error","errorType":null,"error":null}"#,
    ] {
        let refusal = read_refusal(nothing).expect("an error object");
        assert_eq!(refusal.to_string(), "no reason given");
    }
    assert_eq!(read_refusal(REAL), None);
    assert_eq!(read_refusal("<html>"), None);
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
        match read_window(body.as_bytes()) {
            Err(Defect::Shape(problem)) => assert_eq!(problem, reason),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in ["[]", "<html>", "{} {}", r#"{"status":1}"#, "\u{feff}{}"] {
        assert!(
            matches!(read_window(body.as_bytes()), Err(Defect::Shape(_))),
            "{body}"
        );
    }
}

#[test]
fn an_answer_cut_anywhere_is_never_taken_for_a_whole_one() {
    for end in 0..REAL.len() {
        let cut = read_window(&REAL.as_bytes()[..end]);
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
    let answer = read_window(body.as_bytes()).expect("a matrix");
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
        let whole = read_window(REAL.as_bytes()).expect("a matrix");
        let dripped = read_window(Dripping(REAL.as_bytes(), size)).expect("a matrix");
        prop_assert_eq!(dripped, whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_window(bytes.as_slice());
    }
}
