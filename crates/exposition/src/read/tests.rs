//! Grammar tables and properties of the exposition reader.

use proptest::prelude::*;

use super::*;

/// A sample that owns its parts, with label values unescaped.
#[derive(Debug, Clone, PartialEq)]
struct Owned {
    name: String,
    labels: Vec<(String, Vec<u8>)>,
    value: f64,
    timestamp_ms: Option<i64>,
}

/// Keeps everything from a reader.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    samples: Vec<Owned>,
    problems: Vec<Problem>,
    only: Option<&'static [u8]>,
}

impl Consumer for Kept {
    fn wants(&self, family: &[u8]) -> bool {
        self.only.is_none_or(|only| only == family)
    }
    fn sample(&mut self, sample: &Sample<'_>) {
        self.samples.push(Owned {
            name: String::from_utf8(sample.name.to_vec()).expect("names are ASCII"),
            labels: sample
                .labels
                .iter()
                .map(|label| {
                    (
                        String::from_utf8(label.name.to_vec()).expect("names are ASCII"),
                        label.unescaped().into_owned(),
                    )
                })
                .collect(),
            value: sample.value,
            timestamp_ms: sample.timestamp_ms,
        });
    }
    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

fn read_in_chunks(text: &[u8], chunks: impl Iterator<Item = usize>) -> Kept {
    let mut kept = Kept::default();
    let mut reader = Reader::new();
    let mut rest = text;
    for size in chunks {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        reader.push(chunk, &mut kept);
        rest = after;
    }
    reader.push(rest, &mut kept);
    reader.finish(&mut kept);
    kept
}

fn read(text: &[u8]) -> Kept {
    read_in_chunks(text, std::iter::empty())
}

fn one(line: &str) -> Owned {
    let kept = read(format!("{line}\n").as_bytes());
    assert_eq!(kept.problems, [], "{line}");
    assert_eq!(kept.samples.len(), 1, "{line}");
    kept.samples.into_iter().next().expect("one sample")
}

fn owned(name: &str, labels: &[(&str, &str)], value: f64, timestamp_ms: Option<i64>) -> Owned {
    Owned {
        name: name.to_owned(),
        labels: labels
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
            .collect(),
        value,
        timestamp_ms,
    }
}

#[test]
fn every_form_of_the_grammar_is_read() {
    for (line, expected) in [
        ("up 1", owned("up", &[], 1.0, None)),
        ("  up\t1  ", owned("up", &[], 1.0, None)),
        (
            "up 1 1795330653390",
            owned("up", &[], 1.0, Some(1_795_330_653_390)),
        ),
        ("up -1.5e-3 -5", owned("up", &[], -0.0015, Some(-5))),
        ("up{} 1", owned("up", &[], 1.0, None)),
        ("up {a=\"b\"} 1", owned("up", &[("a", "b")], 1.0, None)),
        ("up{a=\"b\",} 1", owned("up", &[("a", "b")], 1.0, None)),
        (
            "up{ a = \"b\" , c=\"d\" } 1",
            owned("up", &[("a", "b"), ("c", "d")], 1.0, None),
        ),
        (
            "up{a=\"\"} 9.04564736e+08 7",
            owned("up", &[("a", "")], 904_564_736.0, Some(7)),
        ),
        (
            r#"up{a="quote \" slash \\ line \n end"} 1"#,
            owned("up", &[("a", "quote \" slash \\ line \n end")], 1.0, None),
        ),
        (
            "up{a=\"} # , = x\"} 1",
            owned("up", &[("a", "} # , = x")], 1.0, None),
        ),
        ("a:b_9 +Inf", owned("a:b_9", &[], f64::INFINITY, None)),
    ] {
        assert_eq!(one(line), expected, "{line}");
    }
    assert!(one("up NaN").value.is_nan());
}

#[test]
fn malformed_line_is_reported_and_skipped() {
    for line in [
        "9up 1",
        "{a=\"b\"} 1",
        "up",
        "up{",
        "up{a} 1",
        "up{a=b} 1",
        "up{a=\"b} 1",
        "up{a=\"b\" 1",
        "up{a=\"b\"c=\"d\"} 1",
        "up{=\"b\"} 1",
        "up{9=\"b\"} 1",
        "up{a=\"\\x\"} 1",
        "up{a=\"b\"}",
        "up one",
        "up 1 2 3",
        "up 1 1.5",
        "up 1 99999999999999999999",
        "up-1",
        "up=1",
        "up 1 # x",
        "<html>",
        "up{a=\"b\\\"} 1",
    ] {
        let kept = read(format!("{line}\nnext 2\n").as_bytes());
        assert_eq!(kept.problems, [Problem::Malformed], "{line}");
        assert_eq!(kept.samples, [owned("next", &[], 2.0, None)], "{line}");
    }
}

#[test]
fn comments_and_blank_lines_are_skipped() {
    let text = b"\xef\xbb\xbf# HELP up x\n#\n\n   \n\r\nup 1\r\n# TYPE up gauge\n";
    assert_eq!(read(text).samples, [owned("up", &[], 1.0, None)]);
    assert_eq!(read(text).problems, []);
}

#[test]
fn family_is_matched_by_its_whole_name() {
    let mut kept = Kept {
        only: Some(b"node_cpu"),
        ..Kept::default()
    };
    let mut reader = Reader::new();
    reader.push(
        b"node_cpu 1\nnode_cpu_x 2\nnode_cpu{a=\"b\"} 3\nnode_cp 4\nnode_cpu:x 5\nnode_cpu 6\n",
        &mut kept,
    );
    let values: Vec<f64> = kept.samples.iter().map(|s| s.value).collect();
    assert_eq!(values, [1.0, 3.0, 6.0]);
}

#[test]
fn last_line_without_newline_is_dropped() {
    let kept = read(b"up 1\nup 12");
    assert_eq!(kept.samples, [owned("up", &[], 1.0, None)]);
    assert_eq!(kept.problems, [Problem::Malformed]);
}

#[test]
fn non_utf8_bytes_do_not_panic() {
    let kept = read(b"up{a=\"\xff\x00\"} 1\n\x00\nup \xff\n\xff\xfe\n");
    assert_eq!(kept.samples.len(), 1);
    assert_eq!(kept.samples[0].labels[0].1, b"\xff\x00");
    assert_eq!(kept.problems, [Problem::Malformed; 3]);
}

#[test]
fn overlong_line_is_dropped_without_buffering() {
    let mut text = b"up 1\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 3 * MAX_LINE_BYTES));
    text.extend_from_slice(b"\nup 2\n");
    for chunk in [1000, MAX_LINE_BYTES, text.len()] {
        let kept = read_in_chunks(&text, std::iter::repeat_n(chunk, text.len() / chunk + 1));
        assert_eq!(kept.problems, [Problem::Overlong], "{chunk}");
        assert_eq!(kept.samples.len(), 2, "{chunk}");
    }
    let mut reader = Reader::new();
    let mut kept = Kept::default();
    for _ in 0..100 {
        reader.push(&[b'x'; 8192], &mut kept);
    }
    assert!(reader.partial.capacity() <= 2 * MAX_LINE_BYTES);
}

/// Writes a sample as the format demands.
fn print(sample: &Owned) -> Vec<u8> {
    let mut line = sample.name.clone().into_bytes();
    if !sample.labels.is_empty() {
        line.push(b'{');
        for (name, value) in &sample.labels {
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"=\"");
            for &byte in value {
                match byte {
                    b'\\' => line.extend_from_slice(b"\\\\"),
                    b'"' => line.extend_from_slice(b"\\\""),
                    b'\n' => line.extend_from_slice(b"\\n"),
                    other => line.push(other),
                }
            }
            line.extend_from_slice(b"\",");
        }
        line.push(b'}');
    }
    line.extend_from_slice(format!(" {:e}", sample.value).as_bytes());
    if let Some(at) = sample.timestamp_ms {
        line.extend_from_slice(format!(" {at}").as_bytes());
    }
    line.push(b'\n');
    line
}

fn any_sample() -> impl Strategy<Value = Owned> {
    (
        "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
        prop::collection::vec(
            (
                "[a-zA-Z_][a-zA-Z0-9_]{0,8}",
                prop::collection::vec(any::<u8>(), 0..12),
            ),
            0..4,
        ),
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(name, labels, value, timestamp_ms)| Owned {
            name,
            labels,
            value,
            timestamp_ms,
        })
}

proptest! {
    #[test]
    fn printed_sample_reads_back(sample in any_sample()) {
        let kept = read(&print(&sample));
        prop_assert_eq!(kept.problems, []);
        prop_assert_eq!(kept.samples, [sample]);
    }

    #[test]
    fn chunk_boundaries_change_nothing(
        samples in prop::collection::vec(any_sample(), 1..6),
        garbage in prop::collection::vec(any::<u8>(), 0..40),
        cuts in prop::collection::vec(1usize..30, 0..60),
    ) {
        let mut text = Vec::new();
        for sample in &samples {
            text.extend(print(sample));
            text.extend_from_slice(&garbage);
        }
        prop_assert_eq!(read_in_chunks(&text, cuts.into_iter()), read(&text));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&text);
    }
}
