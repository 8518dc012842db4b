//! Answers of real backends and broken ones.

use super::*;
use proptest::prelude::*;
use std::io;

/// As Prometheus 2.53 answers, with line breaks for reading.
const MATRIX: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"k8s_node_cpu_usage_cores","instance":"10.0.0.7:9100","node":"a"},
     "values":[[1795331340,"0.5"],[1795331400,"0.53"],[1795331460.125,"6.1e-1"]]},
    {"metric":{"node":"b\"\\\u00e4\ud83d\ude00"},"values":[[1795331520,"NaN"]]},
    {"metric":{},"values":[]}]},"warnings":["w"]}"#;

const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"namespace":"web","pod":"x-1"},"value":[1795331588.123,"1"]},
    {"metric":{},"value":[1795331588,"+Inf"]}]}}"#;

const SERIES: &str = r#"{"status":"success","data":[
    {"__name__":"kube_pod_owner","namespace":"web","pod":"x-1"},{"__name__":"up"},{}]}"#;

const ERROR: &str = r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries.\nTry decreasing the query resolution (?step=XX)"}"#;

const ANY: &[ResultType] = &[
    ResultType::Matrix,
    ResultType::Vector,
    ResultType::Scalar,
    ResultType::String,
    ResultType::Series,
];

/// Everything that a consumer is given, in order.
#[derive(Debug, Default, PartialEq)]
struct Log(Vec<String>);

impl Consumer for Log {
    fn keeps_label(&self, name: &str) -> bool {
        name != "annotation"
    }

    fn wants_samples(&mut self, labels: &Labels) -> bool {
        labels.get("node") != Some("unwanted")
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.0.push(format!("{} {}", sample.unix, sample.text));
    }

    fn end_series(&mut self, labels: &Labels) {
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        self.0.push(format!("{{{}}}", labels.join(",")));
    }
}

fn log(body: impl Read) -> Result<(Log, Remarks), Defect> {
    let mut log = Log::default();
    read(body, ANY, &mut log).map(|remarks| (log, remarks))
}

fn entries(body: &str) -> Vec<String> {
    log(body.as_bytes()).expect(body).0.0
}

/// A matrix of these series.
fn matrix(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#)
}

#[test]
fn a_matrix_is_read_series_by_series() {
    assert_eq!(
        entries(MATRIX),
        [
            "1795331340 0.5",
            "1795331400 0.53",
            "1795331460.125 6.1e-1",
            "{__name__=k8s_node_cpu_usage_cores,instance=10.0.0.7:9100,node=a}",
            "1795331520 NaN",
            "{node=b\"\\ä😀}",
            "{}",
        ]
    );
}

#[test]
fn vectors_and_scalars_have_one_sample() {
    assert_eq!(
        entries(VECTOR),
        [
            "1795331588.123 1",
            "{namespace=web,pod=x-1}",
            "1795331588 +Inf",
            "{}",
        ]
    );
    for kind in ["scalar", "string"] {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"{kind}","result":[1795331588.5,"0.25"]}}}}"#
        );
        assert_eq!(entries(&body), ["1795331588.5 0.25", "{}"]);
    }
}

#[test]
fn label_sets_of_series_are_read() {
    assert_eq!(
        entries(SERIES),
        [
            "{__name__=kube_pod_owner,namespace=web,pod=x-1}",
            "{__name__=up}",
            "{}",
        ]
    );
}

#[test]
fn each_folds_the_newest_sample() {
    let mut newest = Vec::new();
    let mut each = Each::new(|labels: &Labels, value: f64| {
        newest.push((labels.get("node").map(str::to_owned), value.to_string()));
    });
    read(MATRIX.as_bytes(), ANY, &mut each).expect("a matrix");
    let node = |name: &str| Some(name.to_owned());
    assert_eq!(
        newest,
        [
            (node("a"), "0.61".to_owned()),
            (node("b\"\\ä😀"), "NaN".to_owned()),
        ]
    );
}

#[test]
fn samples_of_unwanted_series_are_not_read() {
    // They would be refused if they were.
    let body = matrix(
        r#"{"metric":{"node":"unwanted"},"values":[["x"]]},{"metric":{"node":"a"},"values":[[1,"2"]]}"#,
    );
    assert_eq!(entries(&body), ["{node=unwanted}", "1 2", "{node=a}"]);
}

#[test]
fn field_order_and_nulls_do_not_matter() {
    let body = r#"{"warnings":["w\n1","w2"],"infos":["i"],"isPartial":true,"stats":{"x":[1,{}]},
        "data":{"result":[{"values":[[1,"1"]],"histograms":[[1,{"count":"1"}]],"metric":{"node":"\u0061"}},
                          {"metric":{"pod":"p","annotation":null},"values":null},
                          {"metric":{"node":""},"value":null},
                          {"metric":null}],
                "resultType":"matrix"},"status":"success"}"#;
    let (log, remarks) = log(body.as_bytes()).expect("a matrix");
    assert_eq!(log.0, ["1 1", "{node=a}", "{pod=p}", "{}", "{}"]);
    assert_eq!(remarks.warnings, ["w 1", "w2"]);
    assert_eq!(remarks.infos, ["i"]);
    assert!(remarks.is_partial);

    for empty in [
        r#"{"status":"success","warnings":null,"data":{"resultType":"matrix","result":null}}"#,
        r#"{"status":"success","isPartial":null,"error":null,"errorType":null,"infos":null,
            "data":{"resultType":"matrix","result":[]}}"#,
    ] {
        let expected = (Log::default(), Remarks::default());
        assert_eq!(super::tests::log(empty.as_bytes()).expect(empty), expected);
    }
}

#[test]
fn error_objects_are_refusals() {
    let Err(Defect::Refused(refusal)) = log(ERROR.as_bytes()) else {
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
    assert_eq!(read_refusal(MATRIX), None);
    assert_eq!(read_refusal("<html>"), None);
}

#[test]
fn other_answers_are_refused_with_a_reason() {
    for (body, reason) in [
        (
            VECTOR,
            "a matrix was expected, the result type is \"vector\"",
        ),
        (
            SERIES,
            "a matrix was expected, the result type is \"series\"",
        ),
        ("{}", "the status \"\" is neither success nor error"),
        (
            r#"{"status":"ok"}"#,
            "the status \"ok\" is neither success nor error",
        ),
        ("<html>", "expected an object at line 1 column 1"),
        ("\u{feff}{}", "expected an object at line 1 column 1"),
        ("{}\n {}", "expected nothing more at line 2 column 2"),
        (r#"{"status":1}"#, "expected a string at line 1 column 11"),
        (r#"{"status":"a",}"#, "expected a key at line 1 column 15"),
        (r#"{"x":[1,]}"#, "expected a value at line 1 column 9"),
    ] {
        match read(body.as_bytes(), &[ResultType::Matrix], &mut Log::default()) {
            Err(Defect::Shape(problem)) => assert_eq!(problem, reason, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    for sample in ["[]", "[1]", r#"["1","1"]"#, "[1,2]", r#"[1,"1",1]"#, "{}"] {
        let body = matrix(&format!(r#"{{"values":[{sample}]}}"#));
        let read = log(body.as_bytes());
        assert!(matches!(read, Err(Defect::Shape(_))), "{sample}: {read:?}");
    }
}

#[test]
fn truncated_answers_are_incomplete() {
    for whole in [MATRIX, VECTOR, SERIES, ERROR] {
        for end in 0..whole.len() {
            let cut = log(&whole.as_bytes()[..end]);
            assert!(
                matches!(cut, Err(Defect::Truncated)),
                "cut at {end}: {cut:?}"
            );
        }
    }
}

#[test]
fn answers_may_follow_one_another() {
    let mut log = Log::default();
    let two = format!("{MATRIX}\n{} ", matrix(r#"{"metric":{"node":"c"}}"#));
    let remarks = read_all(two.as_bytes(), &mut log).expect("two answers");
    assert_eq!(remarks.warnings, ["w"]);
    assert_eq!(log.0.last().map(String::as_str), Some("{node=c}"));
    assert_eq!(log.0.len(), 8);
    for (body, is_early) in [
        ("", true),
        (&two[..two.len() - 9], true),
        (&format!("{MATRIX} more"), false),
        (VECTOR, false),
    ] {
        match read_all(body.as_bytes(), &mut Log::default()) {
            Err(Defect::Truncated) => assert!(is_early, "{body}"),
            Err(Defect::Shape(_)) => assert!(!is_early, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn builds_default_to_prometheus() {
    for (body, name) in [
        (
            r#"{"status":"success","data":{"version":"2.42.0","revision":"x"}}"#,
            Some("Prometheus 2.42.0"),
        ),
        (
            r#"{"status":"success","data":{"application":"Grafana Mimir","version":"2.13.0","features":{}}}"#,
            Some("Grafana Mimir 2.13.0"),
        ),
        (r#"{"status":"success","data":{}}"#, None),
        ("<html>", None),
    ] {
        assert_eq!(read_build(body.as_bytes()).as_deref(), name);
    }
}

#[test]
fn kept_labels_are_bounded() {
    let long = "x".repeat(MAX_TOKEN_BYTES + 1);
    let skipped = matrix(&format!(
        r#"{{"metric":{{"annotation":"{long}","node":"a"}}}}"#
    ));
    assert_eq!(entries(&skipped), ["{node=a}"]);
    for labels in [
        format!(r#""a":"{long}""#),
        format!(r#""{long}":"a""#),
        (0..MAX_TOKEN_BYTES / 64)
            .map(|k| format!(r#""label_{k}":"{}""#, "x".repeat(64)))
            .collect::<Vec<_>>()
            .join(","),
    ] {
        let body = matrix(&format!(r#"{{"metric":{{{labels}}}}}"#));
        let read = log(body.as_bytes());
        assert!(matches!(read, Err(Defect::Shape(_))), "{read:?}");
    }
}

#[test]
fn remarks_are_bounded() {
    let long = format!("\"{}\"", "ä".repeat(MAX_REMARK_BYTES));
    let many = vec![long.as_str(); 2 * MAX_REMARKS].join(",");
    let body =
        format!(r#"{{"status":"success","warnings":[{many}],"data":{{"resultType":"matrix"}}}}"#);
    let (_, remarks) = log(body.as_bytes()).expect("a matrix");
    assert_eq!(remarks.warnings.len(), MAX_REMARKS);
    let longest = remarks
        .warnings
        .iter()
        .map(|text| text.chars().count())
        .max();
    assert_eq!(longest, Some(text::MAX_LINE_CHARS + 1));
}

/// An answer of many series, made as it is read.
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
            self.piece =
                format!(r#"{{"metric":{{"node":"n{node}"}},"values":[{samples}]}}{end}"#).into();
        }
        let count = self.piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.piece[..count]);
        self.piece.drain(..count);
        self.read += count;
        Ok(count)
    }
}

#[test]
fn large_answers_stream_in_bounded_memory() {
    let mut body = Endless {
        series: 1_500,
        piece: br#"{"status":"success","data":{"resultType":"matrix","result":["#.to_vec(),
        read: 0,
    };
    let (mut series, mut label_bytes) = (0, 0);
    let mut each = Each::new(|labels: &Labels, value| {
        assert_eq!(value, 0.123456789012);
        series += 1;
        label_bytes = labels.text.capacity().max(label_bytes);
    });
    read(&mut body, ANY, &mut each).expect("a matrix");
    assert!(body.read > 50_000_000, "{}", body.read);
    assert_eq!(series, 1_500);
    assert!(label_bytes < 100, "labels are kept: {label_bytes}");
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

/// A real answer with some bytes replaced.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(vec![MATRIX, VECTOR, SERIES, ERROR]);
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(br#"{}[]",:\0-.eu"#.to_vec())
    ];
    let damage = prop::collection::vec((any::<prop::sample::Index>(), byte), 0..4);
    (whole, damage).prop_map(|(whole, damage)| {
        let mut bytes = whole.as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_answer(bytes in damaged(), size in 1..200usize) {
        let whole = log(bytes.as_slice());
        let dripped = log(Dripping(&bytes, size));
        prop_assert_eq!(format!("{whole:?}"), format!("{dripped:?}"));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = log(bytes.as_slice());
    }

    #[test]
    fn only_json_is_accepted(bytes in damaged()) {
        if log(bytes.as_slice()).is_ok() {
            // Only the used part of a string must be UTF-8, and numbers may have any size.
            let text = String::from_utf8_lossy(&bytes);
            let value = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert!(value.is_ok(), "{:?}", value);
        }
    }

    #[test]
    fn any_text_survives_decoding(value in ".{0,40}", size in 1..50usize) {
        let body = matrix(&format!(r#"{{"metric":{{"x":{}}}}}"#, serde_json::json!(value)));
        let (log, _) = log(Dripping(body.as_bytes(), size)).expect("a matrix");
        let labels = if value.is_empty() { "{}".to_owned() } else { format!("{{x={value}}}") };
        prop_assert_eq!(log.0, [labels]);
    }
}
