//! The real program's reports in every form: on standard output and in files.

use std::fs;
use std::path::PathBuf;

use crate::scripted::{Answer, Backend, Ended, agent, cluster, run};

/// An empty folder of a test's own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("agent-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn output(&self, format: &str, name: &str) -> String {
        format!("--output={format}={}", self.0.join(name).display())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
        let mut names: Vec<String> = entries.map(|e| name(e.expect("an entry"))).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The beginning of each format.
const BEGINNINGS: [(&str, &str); 6] = [
    ("text", "3 nodes: 1 critical, "),
    ("json", "{\n  \"schema_version\": 1,\n"),
    ("markdown", "**3 nodes: 1 critical, "),
    ("html", "<!DOCTYPE html>\n<html lang=\"en\">\n"),
    ("csv", "node,node_action,"),
    ("prometheus", "# HELP k8s_node_cpu_forecast_max_cores "),
];

#[test]
fn short_lookback_is_a_warning() {
    let backend = Backend::start(cluster);
    let url = format!("--prometheus-url={}", backend.url);
    let warning = "the lookback of 10m is shorter than 3 horizons of 1d: beyond 3m20s the forecast and its intervals are extrapolated, not tested; set --lookback to at least 3d, or --forecast to less";
    for format in ["text", "json", "markdown", "html"] {
        let warns = |lookback: &str, forecast: &str| {
            let ended = run(&[&url, "--format", format, lookback, forecast]);
            // Text is wrapped, and Markdown escapes.
            let words = Vec::from_iter(ended.out.split_whitespace()).join(" ");
            words.replace('\\', "").contains(warning)
        };
        assert!(warns("--lookback=10m", "--forecast=1d"), "{format}");
        assert!(!warns("--lookback=6h", "--forecast=2h"), "{format}");
    }
}

#[test]
fn every_format_is_written() {
    let backend = Backend::start(cluster);
    let folder = Folder::new("forms");
    for (format, beginning) in BEGINNINGS {
        let outputs = BEGINNINGS.map(|(format, _)| folder.output(format, format));
        let outputs = outputs.each_ref().map(String::as_str);
        let url = format!("--prometheus-url={}", backend.url);
        let first = ["--format", format, &url];
        let ended = run(&[&first[..], &outputs].concat());
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{format}");
        assert!(ended.out.starts_with(beginning), "{}", ended.out);
        assert!(ended.out.ends_with('\n'));
        let mut names = BEGINNINGS.map(|(format, _)| format);
        names.sort_unstable();
        assert_eq!(folder.names(), names, "nothing else is left");
        for (format, beginning) in BEGINNINGS {
            assert!(folder.read(format).starts_with(beginning), "{format}");
        }
        if format != "prometheus" {
            // Only this format has the duration of the run.
            assert_eq!(folder.read(format), ended.out);
        }
    }
}

#[test]
fn unwritable_file_affects_no_other() {
    let backend = Backend::start(cluster);
    let folder = Folder::new("unwritable");
    fs::write(folder.0.join("old.csv"), "as it was").expect("written");
    let missing = folder.output("csv", "missing/report.csv");
    let args = [
        "--prometheus-url",
        &backend.url,
        &folder.output("json", "first.json"),
        &missing,
        "--output=text=/dev/full",
        &folder.output("markdown", "last.md"),
        "--fail-on=info",
    ];
    let ended = run(&args);
    assert_eq!(ended.code, 5, "{}", ended.err);
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(
        lines,
        [
            format!(
                "k8s-ai-agent: cannot write to {}/missing/report.csv: No such file or directory (os error 2)",
                folder.0.display()
            )
            .as_str(),
            "k8s-ai-agent: cannot write to /dev/full: not a regular file",
        ]
    );
    assert!(ended.out.starts_with("3 nodes: "), "{}", ended.out);
    assert_eq!(folder.names(), ["first.json", "last.md", "old.csv"]);
    assert!(folder.read("last.md").starts_with("**3 nodes"));
}

#[test]
fn no_report_leaves_files_unchanged() {
    let backend = Backend::start(|_| Answer::json("500 Internal Server Error", "{}"));
    let folder = Folder::new("refused");
    fs::write(folder.0.join("report.md"), "as it was").expect("written");
    let output = folder.output("markdown", "report.md");
    let ended = run(&["--prometheus-url", &backend.url, "--timeout=2s", &output]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert_eq!(folder.names(), ["report.md"]);
    assert_eq!(folder.read("report.md"), "as it was");
}

#[test]
fn files_have_no_colours() {
    let backend = Backend::start(cluster);
    let folder = Folder::new("colours");
    let output = folder.output("text", "report.txt");
    for (args, environment, coloured) in [
        (&[][..], None, false),
        (&["--color=always"], None, true),
        (&["--color=always"], Some("NO_COLOR"), true),
        (&["--color=never"], None, false),
    ] {
        let mut command = agent(&["--prometheus-url", &backend.url, &output]);
        command.args(args);
        if let Some(name) = environment {
            command.env(name, "1");
        }
        let ended = Ended::from(command.output().expect("the program starts"));
        assert_eq!(ended.out.contains('\u{1b}'), coloured, "{args:?}");
        assert!(!folder.read("report.txt").contains('\u{1b}'));
    }
}

#[test]
fn terminal_text_has_colours() {
    let backend = Backend::start(cluster);
    for (environment, coloured) in [
        ("TERM=xterm", true),
        ("TERM=xterm NO_COLOR=1", false),
        ("TERM=xterm NO_COLOR=", true),
        ("TERM=dumb", false),
    ] {
        let program = env!("CARGO_BIN_EXE_k8s-ai-agent");
        let line = format!(
            "env -i {environment} {program} --prometheus-url {}",
            backend.url
        );
        // `script` lends the program a terminal.
        let output = std::process::Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .output()
            .expect("`script` is part of every Debian and Ubuntu (bsdutils)");
        let ended = Ended::from(output);
        assert_eq!(ended.code, 0, "{}", ended.out);
        assert!(ended.out.contains("3 nodes: "), "{}", ended.out);
        assert_eq!(ended.out.contains('\u{1b}'), coloured, "{environment}");
    }
}

#[test]
fn explain_covers_healthy_nodes() {
    let backend = Backend::start(cluster);
    let plain = run(&["--prometheus-url", &backend.url]).out;
    let explained = run(&["--prometheus-url", &backend.url, "--explain"]).out;
    let of_calm = |text: &str| {
        text.split_once("healthy   calm")
            .expect("calm")
            .1
            .lines()
            .count()
    };
    assert!(of_calm(&explained) > of_calm(&plain), "{explained}");
}
