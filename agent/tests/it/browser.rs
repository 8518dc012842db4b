//! The HTML report in a real browser: nothing overflows or overlaps at any width,
//! every text can be read in light and dark, and nothing is fetched from anywhere.
//!
//! `dev/scripts/setup chromium` installs the browser; without it these tests fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scripted::{Answer, Backend, GIB, Query, run, series};

/// Widths of a telephone, a tablet and a screen, in CSS pixels.
const WIDTHS: [u32; 3] = [360, 768, 1280];

/// A node's name that a hostile server could send, in JSON.
const HOSTILE: &str = r#"</style><script>document.title='x'</script><img src=http://x.invalid/ onerror=alert(1)>{{7*7}}&amp;\\\"'`\u001b\n\u202e"#;

/// A name as long as Kubernetes allows, without a place to break it.
fn longest() -> String {
    "n".repeat(253)
}

/// Nodes of every kind, beside `steady` ones.
fn fleet(query: &Query, steady: usize) -> Answer {
    let unit = if query.query.contains("memory") {
        GIB
    } else {
        1.0
    };
    let flat = |share: f64| move |_: i64| 8.0 * unit * share;
    let wave = move |k: i64| 8.0 * unit * (0.5 + 0.2 * (k as f64 / 9.0).sin());
    let rise = move |k: i64| 8.0 * unit * (0.4 + 0.005 * k as f64);
    let longest = longest();
    let is_usage = query.query.contains("usage");
    let mut all = match is_usage {
        true => vec![
            series(query, "rising", 121, rise),
            series(query, HOSTILE, 121, wave),
            series(query, &longest, 121, flat(0.75)),
            series(query, "idle", 121, flat(0.01)),
            series(query, "young", 4, flat(0.5)),
            series(query, "sizeless", 121, wave),
            series(query, "zero", 121, flat(0.0)),
            series(query, "vast", 121, move |k| {
                8.0 * unit * (1.0 + wave(k) * 1e4)
            }),
        ],
        false => ["rising", HOSTILE, &longest, "idle", "young", "zero", "vast"]
            .map(|name| series(query, name, 121, flat(1.0)))
            .into(),
    };
    let share = |index: usize| {
        if is_usage {
            index as f64 / steady as f64
        } else {
            1.0
        }
    };
    all.extend((0..steady).map(|index| {
        let name = format!(
            "ip-10-0-{}-{}.eu-central-1.compute.internal",
            index / 256,
            index % 256
        );
        series(query, &name, 121, flat(share(index)))
    }));
    match query.query.contains("recommendation") {
        true => Answer::matrix(&[]),
        false => Answer::matrix(&all),
    }
}

/// The page of a fleet, in a folder of the test's own below `target/`, where people
/// can look at it too.
fn page(name: &str, steady: usize, flags: &[&str]) -> PathBuf {
    let backend = Backend::start(move |query| fleet(query, steady));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("report.html");
    let output = format!("--output=html={}", file.display());
    let args = [&["--prometheus-url", &backend.url, &output][..], flags].concat();
    let ended = run(&args);
    assert!([0, 5].contains(&ended.code), "{}", ended.err);
    file
}

/// Returns the problems of a page in a colour scheme.
fn problems(page: &Path, scheme: &str, widths: &[u32]) -> Vec<String> {
    let frames: String = widths
        .iter()
        .map(|width| {
            format!("<iframe src=\"report.html\" width=\"{width}\" height=\"900\"></iframe>")
        })
        .collect();
    let script = include_str!("browser/measure.js");
    let beside = page.with_file_name(format!("measure-{scheme}.html"));
    let text = format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><body data-scheme=\"{scheme}\">{frames}<script>{script}</script>"
    );
    fs::write(&beside, text).expect("written");
    let dom = chromium(scheme, &["--dump-dom"], &beside);
    let start = dom.find("<pre>").expect("the script ran") + "<pre>".len();
    let end = dom[start..].find("</pre>").expect("an end") + start;
    let mut lines: Vec<String> = dom[start..end].lines().map(str::to_owned).collect();
    assert_eq!(lines.pop().as_deref(), Some("measured"));
    lines
}

/// Runs the browser, which finds no network, and returns what it prints.
fn chromium(scheme: &str, what: &[&str], page: &Path) -> String {
    let profile = page.with_file_name(format!("profile-{scheme}"));
    let preferred = if scheme == "dark" { 0 } else { 1 };
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            r#"for name in chromium chromium-browser google-chrome; do
                command -v "$name" >/dev/null && exec "$name" "$@"
            done
            echo "Chromium is missing: run dev/scripts/setup chromium" >&2; exit 1"#,
            "sh",
            "--headless",
            "--disable-gpu",
            // As root, in containers, there is no other way; the page is our own.
            "--no-sandbox",
            "--allow-file-access-from-files",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--window-size=1400,1000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--blink-settings=preferredColorScheme={preferred}"))
        .args(what)
        .arg(format!("file://{}", page.display()));
    let output = command.output().expect("a shell");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn html_is_readable_at_every_width() {
    let page = page("kinds", 3, &[]);
    for scheme in ["light", "dark"] {
        assert_eq!(
            problems(&page, scheme, &WIDTHS),
            [""; 0],
            "{scheme}: {page:?}"
        );
    }
}

#[test]
fn axis_labels_do_not_overlap() {
    for (name, flags) in [
        (
            "seconds",
            &["--lookback=40s", "--step=1s", "--forecast=7s"][..],
        ),
        ("days", &["--lookback=10d", "--step=2h", "--forecast=5d"]),
        (
            "years",
            &["--lookback=3000d", "--step=25d", "--forecast=3d"],
        ),
    ] {
        let page = page(name, 1, flags);
        assert_eq!(problems(&page, "light", &WIDTHS), [""; 0], "{page:?}");
    }
}

#[test]
fn a_thousand_nodes_fit_one_page() {
    let page = page("thousand", 1000, &[]);
    let bytes = fs::metadata(&page).expect("a file").len();
    assert!(bytes < 8_000_000, "{bytes}");
    assert_eq!(problems(&page, "light", &WIDTHS[..1]), [""; 0]);
}

#[test]
fn hostile_names_are_only_text() {
    let page = page("hostile", 0, &[]);
    let text = fs::read_to_string(&page).expect("a file");
    assert_eq!(text.matches("<script").count(), 0);
    assert_eq!(text.matches("<img").count(), 0);
    assert!(text.contains("&#60;script&#62;document.title=&#39;x&#39;&#60;/script&#62;"));
    let dom = chromium("light", &["--dump-dom"], &page);
    let title = |text: &str| -> Option<String> {
        let (_, rest) = text.split_once("<title>")?;
        Some(rest.split_once("</title>")?.0.to_owned())
    };
    assert_eq!(title(&dom), title(&text), "no script changed it");
    assert!(dom.contains("{{7*7}}"));
}
