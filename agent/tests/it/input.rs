//! The real program with saved responses in place of a backend.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use crate::scripted::{Ended, Query, agent, run, series};
use serde_json::Value;

/// The time of the newest saved sample: 20 s after a whole minute.
const END: i64 = 1_795_331_600;

/// Files of one test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("agent-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a writable file");
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A series called `name` as a backend would have answered it.
fn saved(name: &str, node: &str, step: i64, points: i64, value: impl Fn(i64) -> f64) -> String {
    let query = Query {
        start: END - (points - 1) * step,
        end: END,
        step,
        ..Query::default()
    };
    let text = series(&query, node, points, value);
    text.replace("\"__name__\":\"x\"", &format!("\"__name__\":\"{name}\""))
}

/// An answer of several series, with more of its fields, each with a comma after it.
fn answer(fields: &str, series: &[String]) -> String {
    format!(
        r#"{{"status":"success",{fields}"data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}

const CPU: &str = "k8s_node_cpu_usage_cores";
const MEMORY: &str = "k8s_node_memory_usage_bytes";

/// A node with two hours of both, and its sizes, at one point a minute.
fn busy() -> [String; 4] {
    [
        saved(CPU, "busy", 60, 121, |k| 2.0 + 0.015 * k as f64),
        saved(MEMORY, "busy", 60, 121, |_| 8e9),
        saved("k8s_node_cpu_allocatable_cores", "busy", 60, 11, |_| 4.0),
        saved("k8s_node_memory_allocatable_bytes", "busy", 60, 11, |_| {
            16e9
        }),
    ]
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn saved_series_are_selected_by_name() {
    let scratch = Scratch::new("told-apart");
    let [cpu, memory, cores, bytes] = busy();
    let one = |series: &String| answer("", std::slice::from_ref(series));
    let cpu_file = scratch.write("cpu.json", &one(&cpu));
    // Two answers in one file, as two calls of curl would append them.
    let rest = format!("{}\n{}\n", answer("", &[memory, bytes]), one(&cores));
    let rest_file = scratch.write("rest.json", &rest);
    let together = scratch.write("all.json", &answer("", &busy()));

    let separate = run(&["--input", &cpu_file, "--input", &rest_file, "--format=json"]);
    assert_eq!(
        (separate.code, separate.err.as_str()),
        (0, ""),
        "{}",
        separate.out
    );
    let report = json(&separate);
    assert_eq!(report["window"]["step_seconds"], 60);
    assert_eq!(report["window"]["start"], "2026-11-22T05:13:20Z");
    assert_eq!(report["window"]["end"], "2026-11-22T07:13:20Z");
    let cpu = &report["nodes"][0]["resources"][0];
    assert_eq!(
        (&cpu["points"], &cpu["points_expected"]),
        (&121.into(), &121.into())
    );
    assert_eq!(cpu["allocatable"], 4.0);
    assert_eq!(cpu["recommendation"]["severity"], "critical");

    let whole = run(&["--input", &together, "--format=json"]);
    assert_eq!(json(&whole)["nodes"], report["nodes"]);

    let mut child = agent(&["--input=-", "--format=json"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(answer("", &busy()).as_bytes())
        .expect("it reads");
    drop(stdin);
    let piped = Ended::from(child.wait_with_output().expect("an end"));
    assert_eq!(json(&piped)["nodes"], report["nodes"]);
}

#[test]
fn at_ignores_later_samples() {
    let scratch = Scratch::new("as-of");
    let file = scratch.write("all.json", &answer("", &busy()));
    let then = run(&["--input", &file, "--at", "1795328010", "--format=json"]);
    let report = json(&then);
    // The last sample by then was 10 s before, on the grid of the samples.
    assert_eq!(report["window"]["end"], "2026-11-22T06:13:20Z");
    let cpu = &report["nodes"][0]["resources"][0];
    assert_eq!(
        (&cpu["points"], &cpu["points_expected"]),
        (&61.into(), &61.into())
    );
    let max = cpu["forecast"]["max"].as_f64().expect("a number");
    assert!((max - (2.0 + 0.015 * 90.0)).abs() < 0.05, "{max}");

    // A copy of the file that ends there gives the same.
    let [cpu_series, memory_series, ..] = busy();
    let cut = [cpu_series, memory_series].map(|series| {
        let end = series.find("[1795328060").expect("the next sample");
        format!("{}]}}", series[..end].trim_end_matches(','))
    });
    let cut_file = scratch.write("cut.json", &answer("", &cut));
    let cut = json(&run(&["--input", &cut_file, "--format=json"]));
    assert_eq!(cut["window"], report["window"]);
    assert_eq!(
        cut["nodes"][0]["resources"][0]["forecast"]["path"],
        cpu["forecast"]["path"]
    );

    let late = run(&[
        "--input",
        &file,
        "--at=2026-11-23T00:00:00Z",
        "--format=json",
    ]);
    let report = json(&late);
    let recommendation = &report["nodes"][0]["resources"][0]["recommendation"];
    assert_eq!(recommendation["reason"], "stale", "{recommendation}");
}

#[test]
fn window_follows_flags_or_files() {
    let scratch = Scratch::new("window");
    let slow = [
        saved(CPU, "n", 300, 49, |k| k as f64 / 100.0),
        saved(MEMORY, "n", 300, 49, |_| 1e9),
    ];
    let file = scratch.write("slow.json", &answer("", &slow));
    for (flags, start, step, points) in [
        (&[][..], "2026-11-22T03:13:20Z", 300, 49),
        (&["--lookback=1h"], "2026-11-22T06:13:20Z", 300, 13),
        // The newest sample of each quarter of an hour, as a backend would return.
        (&["--step=15m"], "2026-11-22T03:13:20Z", 900, 17),
        // A gap stays a gap.
        (&["--step=100s"], "2026-11-22T03:13:20Z", 100, 49),
    ] {
        let mut args = vec!["--input", file.as_str(), "--format=json"];
        args.extend(flags);
        let report = json(&run(&args));
        assert_eq!(report["window"]["start"], start, "{flags:?}");
        assert_eq!(report["window"]["end"], "2026-11-22T07:13:20Z", "{flags:?}");
        assert_eq!(report["window"]["step_seconds"], step, "{flags:?}");
        assert_eq!(
            report["nodes"][0]["resources"][0]["points"], points,
            "{flags:?}"
        );
    }
}

#[test]
fn queries_select_saved_series() {
    let scratch = Scratch::new("names");
    let named = [
        saved("cpu", "a", 60, 61, |_| 1.0).replace("\"node\"", "\"cluster\":\"x\",\"node\""),
        saved("cpu", "b", 60, 61, |_| 1.0).replace("\"node\"", "\"cluster\":\"y\",\"node\""),
        saved("mem", "a", 60, 61, |_| 1e9),
    ];
    let file = scratch.write("all.json", &answer("", &named));
    let args = [
        "--input",
        &file,
        "--cpu-query=cpu{cluster=\"x\"}",
        "--memory-query=mem",
        "--format=json",
    ];
    let ended = run(&args);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let report = json(&ended);
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["nodes"][0]["node"], "a");
}

#[test]
fn invalid_input_exits_2() {
    let scratch = Scratch::new("unusable");
    let whole = answer("", &busy());
    for (name, text, message) in [
        (
            "empty",
            "",
            "expected the JSON answer to a range query, this ends early",
        ),
        (
            "cut",
            &whole[..whole.len() / 2],
            "expected the JSON answer to a range query, this ends early",
        ),
        (
            "page",
            "<html>",
            "expected the JSON answer to a range query: expected an object at line 1",
        ),
        (
            "more",
            &format!("{whole} more"),
            "expected the JSON answer to a range query: expected an object at line 1",
        ),
        (
            "refusal",
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
            "expected the JSON answer to a range query, this is a refusal: bad_data: parse error",
        ),
        (
            "vector",
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            "expected the JSON answer to a range query: a matrix was expected, the result type is \"vector\"",
        ),
    ] {
        let file = scratch.write(name, text);
        let ended = run(&["--input", &file]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        let expected = format!("k8s-ai-agent: input {file}: {message}");
        assert!(
            ended.err.starts_with(&expected),
            "{expected}\n{}",
            ended.err
        );
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
    let absent = run(&["--input=/nonexistent/cpu.json"]);
    assert_eq!(absent.code, 2);
    assert!(
        absent
            .err
            .contains("input /nonexistent/cpu.json: No such file"),
        "{}",
        absent.err
    );
    let directory = run(&["--input=/"]);
    assert_eq!(directory.code, 2, "{}", directory.err);

    let other = scratch.write("other", &answer("", &[saved("up", "n", 60, 5, |_| 1.0)]));
    let ended = run(&["--input", &other]);
    assert_eq!(ended.code, 2);
    assert_eq!(
        ended.err,
        "k8s-ai-agent: input: expected series of \"k8s_node_cpu_usage_cores\" or \"k8s_node_memory_usage_bytes\", there are: up\n"
    );
    let ended = run(&["--input", &other, "--cpu-query=sum by (node) (up)"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended
            .err
            .contains("query \"sum by (node) (up)\": expected the name of a series"),
        "{}",
        ended.err
    );
}

#[test]
fn missing_input_makes_the_report_partial() {
    let scratch = Scratch::new("partial");
    let [cpu, memory, ..] = busy();
    let no_memory = scratch.write("cpu.json", &answer("", std::slice::from_ref(&cpu)));
    let ended = run(&["--input", &no_memory]);
    assert_eq!(ended.code, 5, "{}", ended.out);
    assert!(
        ended.err.contains("memory usage: no samples of any node"),
        "{}",
        ended.err
    );

    for (fields, message) in [
        (
            r#""isPartial":true,"#,
            "cpu usage: the backend marked its answer as partial",
        ),
        (
            r#""warnings":["store x did not answer"],"#,
            "cpu usage: the backend warns: store x",
        ),
    ] {
        let file = scratch.write(
            "warned.json",
            &answer(fields, &[cpu.clone(), memory.clone()]),
        );
        let ended = run(&["--input", &file]);
        assert_eq!(ended.code, 5, "{}", ended.out);
        assert!(ended.err.contains(message), "{message}\n{}", ended.err);
    }

    let empty = [
        saved(CPU, "n", 60, 0, |_| 1.0),
        saved(MEMORY, "n", 60, 0, |_| 1.0),
    ];
    let file = scratch.write("empty.json", &answer("", &empty));
    assert_eq!(run(&["--input", &file]).code, 4);
}

#[test]
fn samples_out_of_order_are_reported() {
    let scratch = Scratch::new("order");
    let [cpu, memory, ..] = busy();
    // The first sample comes once more, after all others.
    let cpu = cpu.replace("]]", "],[1795324400,\"2\"]]");
    let file = scratch.write("all.json", &answer("", &[cpu, memory]));
    let ended = run(&["--input", &file]);
    assert!(
        ended.out.contains("cpu usage: 1 samples of \"k8s_node_cpu_usage_cores\" left out: not later than the one before it"),
        "{}",
        ended.out
    );
    assert!(
        !ended.out.contains("memory usage: 1 samples"),
        "{}",
        ended.out
    );
}

#[test]
fn each_node_is_reported_by_one_shard() {
    let scratch = Scratch::new("shards");
    let nodes: Vec<String> = (0..20).map(|k| format!("node-{k}")).collect();
    let series: Vec<String> = nodes
        .iter()
        .flat_map(|node| [CPU, MEMORY].map(|name| saved(name, node, 60, 31, |_| 1.0)))
        .collect();
    let file = scratch.write("all.json", &answer("", &series));
    let mut seen = Vec::new();
    // More shards than nodes: some are empty, which is no failure.
    for index in 0..40 {
        let output = agent(&["--input", &file, "--shards=40", "--format=json"])
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .output();
        let ended = Ended::from(output.expect("the program starts"));
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
        let report = json(&ended);
        assert_eq!(
            report["shard"],
            serde_json::json!({"index": index, "count": 40})
        );
        let names = report["nodes"].as_array().expect("nodes").iter();
        seen.extend(names.map(|n| n["node"].as_str().expect("a name").to_owned()));
    }
    seen.sort_unstable();
    let mut expected = nodes;
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let text = run(&["--input", &file, "--shard=0/40"]);
    assert!(text.out.starts_with("Shard 0/40: "), "{}", text.out);
    assert_eq!(
        json(&run(&["--input", &file, "--format=json"]))["shard"],
        Value::Null
    );
}
