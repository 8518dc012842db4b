//! The report that the book explains is the one that the program prints today.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::scripted::{Ended, GIB, Query, agent, series};

/// 2026-11-22T14:00:00Z
const END: i64 = 1_795_356_000;

/// Deterministic noise between -1 and 1.
fn noise(k: i64) -> f64 {
    (k * 7_919 % 101) as f64 / 50.0 - 1.0
}

/// Two hours of a cluster with a memory leak, a busy node, an idle one and a healthy one.
fn cluster() -> String {
    let saved = |name: &str, node: &str, value: &dyn Fn(i64) -> f64| {
        let query = Query {
            start: END - 120 * 60,
            end: END,
            step: 60,
            ..Query::default()
        };
        series(&query, node, 121, value)
            .replace("\"__name__\":\"x\"", &format!("\"__name__\":\"{name}\""))
    };
    let node =
        |node: &str, sizes: [f64; 2], cpu: &dyn Fn(i64) -> f64, memory: &dyn Fn(i64) -> f64| {
            [
                saved("k8s_node_cpu_usage_cores", node, cpu),
                saved("k8s_node_memory_usage_bytes", node, memory),
                saved("k8s_node_cpu_allocatable_cores", node, &|_| sizes[0]),
                saved("k8s_node_memory_allocatable_bytes", node, &|_| {
                    sizes[1] * GIB
                }),
            ]
            .join(",")
        };
    let nodes = [
        node("db-1", [2.0, 7.5], &|k| 0.6 + 0.05 * noise(k), &|k| {
            (4.0 + 0.025 * k as f64 + 0.05 * noise(k)) * GIB
        }),
        node("batch-1", [4.0, 15.0], &|k| 3.5 + 0.2 * noise(k), &|k| {
            (9.8 + 0.1 * noise(k)) * GIB
        }),
        node("idle-1", [4.0, 15.0], &|k| 0.1 + 0.02 * noise(k), &|_| {
            0.9 * GIB
        }),
        node("web-1", [8.0, 31.0], &|k| 2.8 + 0.2 * noise(k), &|k| {
            (15.5 + 0.1 * noise(k)) * GIB
        }),
    ];
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        nodes.join(",")
    )
}

fn report() -> Ended {
    let mut child = agent(&["--input", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(cluster().as_bytes())
        .expect("the program reads");
    child.wait_with_output().expect("the program ends").into()
}

/// `UPDATE_GOLDEN=1 cargo test -p k8s-ai-agent` writes it again.
#[test]
fn book_shows_the_current_report() {
    let printed = report();
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/getting-started/first-report.md");
    let page = fs::read_to_string(&path).expect("a page");
    let (before, rest) = page.split_once("$ k8s-ai-agent\n").expect("it begins");
    let (shown, after) = rest.split_once("```\n").expect("it ends");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let page = format!("{before}$ k8s-ai-agent\n{}```\n{after}", printed.out);
        fs::write(path, page).expect("a writable page");
    } else {
        assert_eq!(shown, printed.out);
    }
}
