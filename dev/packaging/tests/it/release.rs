//! A release's files, read by the programs that use them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::{run, scratch};
use serde_json::Value;

use crate::built::{
    CREATED, PROGRAMS, folder, images, make_images, packaging, platform, programs, root,
};
use crate::registry::Registry;

/// Writes a release for this machine's platform to `folder`.
fn make_release(folder: &Path) {
    let (code, _, err) = run(
        packaging()
            .args(["dist", "--platform", platform().0, "--created", CREATED])
            .args(["--registry", "registry.example.org/team"])
            .args(["--source", "https://git.example.org/binbots"])
            .arg("--programs")
            .arg(programs())
            .arg("--images")
            .arg(images())
            .arg("--output")
            .arg(folder),
        "",
    );
    assert_eq!(code, Some(0), "{err}");
}

/// The folder of a release, its archives unpacked.
fn release() -> &'static Path {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let release = folder("release");
        make_release(&release);
        for program in PROGRAMS {
            let archive = release.join(format!("{}.tar.gz", stem(program)));
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--file"]).arg(archive);
            shown(tar.arg("--directory").arg(&release));
        }
        release
    })
}

fn stem(program: &str) -> String {
    format!("{program}-v{}-{}", env!("CARGO_PKG_VERSION"), platform().2)
}

/// A file of a program's unpacked archive.
fn unpacked(program: &str, file: &str) -> PathBuf {
    release().join(stem(program)).join(file)
}

/// Standard output of a command that succeeds.
fn shown(command: &mut Command) -> String {
    let (code, out, err) = run(command, "");
    assert_eq!(code, Some(0), "{command:?}: {out}{err}");
    out
}

/// Each file below `folder`, by its path.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => {
                let bytes = fs::read(&path).expect("a file");
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[test]
fn images_and_release_are_reproducible() {
    let (first, second) = (scratch(), scratch());
    for folder in [first.path(), second.path()] {
        make_images(&folder.join("images"));
        make_release(&folder.join("files"));
    }
    let relative = |folder: &Path| {
        let all = contents(folder).into_iter();
        all.map(|(path, bytes)| {
            (
                path.strip_prefix(folder).expect("below it").to_owned(),
                bytes,
            )
        })
        .collect::<BTreeMap<PathBuf, Vec<u8>>>()
    };
    let (one, two) = (relative(first.path()), relative(second.path()));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        two.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &one {
        assert!(two[path] == *bytes, "{} differs", path.display());
    }
    assert!(one.len() > 20, "{:?}", one.keys());
}

#[test]
fn published_files_have_checksums() {
    let checked = shown(
        Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(release()),
    );
    let published = fs::read_dir(release())
        .expect("a folder")
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            path.is_file().then(|| {
                path.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
        });
    for name in published.filter(|name| name != "SHA256SUMS" && name != "NOTES.md") {
        assert!(
            checked.contains(&format!("{name}: OK")),
            "{name}: {checked}"
        );
    }
}

#[test]
fn programs_are_static_with_version() {
    for program in PROGRAMS {
        let path = unpacked(program, program);
        let version = shown(Command::new(&path).arg("--version"));
        assert!(
            version.starts_with(&format!("{program} {}", env!("CARGO_PKG_VERSION"))),
            "{version}"
        );
        let headers = shown(Command::new("readelf").arg("--program-headers").arg(&path));
        assert!(!headers.contains("INTERP"), "{headers}");
        // No path of the build machine: another machine builds the same bytes.
        let bytes = fs::read(&path).expect("a program");
        let home = std::env::var("HOME").expect("a home");
        for place in [&home[..], &root().display().to_string()] {
            let place = format!("{place}/");
            let mut windows = bytes.windows(place.len());
            assert!(
                place == "/" || !windows.any(|window| window == place.as_bytes()),
                "{program} names {place}"
            );
        }
    }
}

/// Returns the text without overstrikes for bold and underline.
fn without_overstrikes(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '\u{8}' => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn manual_pages_have_every_flag() {
    for program in PROGRAMS {
        let page = unpacked(program, &format!("man/man1/{program}.1"));
        let (code, out, err) = run(
            Command::new("mandoc")
                .args(["-T", "lint", "-W", "warning"])
                .arg(&page),
            "",
        );
        assert_eq!(code, Some(0), "{out}{err}");
        let text = shown(Command::new("mandoc").args(["-T", "utf8"]).arg(&page));
        let text = without_overstrikes(&text);
        let help = shown(Command::new(unpacked(program, program)).arg("--help"));
        let flags: Vec<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  --")?.split([' ', ',']).next())
            .collect();
        assert!(flags.len() > 10, "{help}");
        for flag in flags {
            let option = text.lines().map(str::trim_start);
            let mut names = option.filter_map(|line| line.split_whitespace().next());
            assert!(
                names.any(|name| name == format!("--{flag}")),
                "--{flag} in\n{text}"
            );
        }
    }
}

#[test]
fn bash_completes_flags_and_values() {
    let complete = |words: &[&str]| {
        let script = unpacked("k8s-ai-agent", "completions/k8s-ai-agent.bash");
        let out = shown(
            Command::new("bash")
                .args([
                    "--norc",
                    "-c",
                    r#"source "$0"; COMP_WORDS=(k8s-ai-agent "$@"); COMP_CWORD=$#
                       compopt() { :; }; _k8s_ai_agent; printf '%s\n' "${COMPREPLY[@]}""#,
                ])
                .arg(script)
                .args(words)
                .current_dir(root()),
        );
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["--look"]), ["--lookback"]);
    assert_eq!(complete(&["--color", "a"]), ["auto", "always"]);
    assert_eq!(complete(&["--color", "=", "ne"]), ["never"]);
    assert_eq!(complete(&["--color", "="]), ["auto", "always", "never"]);
    assert_eq!(complete(&["--previous", "Cargo.t"]), ["Cargo.toml"]);
    assert_eq!(complete(&["--lookback", ""]), [""]);
    assert_eq!(complete(&["do"]), ["doctor"]);
    assert_eq!(complete(&["doctor", "do"]), [""]);
}

#[test]
fn fish_completes_flags_and_words() {
    let complete = |line: &str| {
        let program = line.split(' ').next().expect("a program");
        let script = unpacked(program, &format!("completions/{program}.fish"));
        shown(
            Command::new("fish")
                .args(["--no-config", "--command"])
                .arg(format!(
                    "source {}; complete --do-complete '{line}'",
                    script.display()
                ))
                .env("HOME", release()),
        )
    };
    assert!(complete("k8s-ai-exporter --scrape-").contains("interval of scrapes"));
    // A word, a tab, the description of the flag.
    let shown = complete("k8s-ai-exporter --enable-kubelet ");
    let words: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(words, ["false", "true"]);
    assert!(complete("k8s-ai-agent doc").starts_with("doctor\tcheck the backend"));
    assert!(!complete("k8s-ai-agent doctor doc").contains("doctor\t"));
}

#[test]
fn zsh_completes_every_flag() {
    for program in PROGRAMS {
        let script = unpacked(program, &format!("completions/_{program}"));
        let text = fs::read_to_string(&script).expect("a script");
        assert!(text.starts_with(&format!("#compdef {program}\n")));
        // The arguments that zsh's own function would receive.
        let stage = "_arguments() { print -rl -- \"$@\" }; source \"$0\"";
        let specifications = shown(Command::new("zsh").args(["-f", "-c", stage]).arg(&script));
        let help = shown(Command::new(unpacked(program, program)).arg("--help"));
        let flags = help.lines().filter(|line| line.starts_with("  -")).count();
        let listed = specifications
            .lines()
            .filter(|line| !line.starts_with("::"));
        assert_eq!(listed.count(), flags, "{specifications}");
        let expected = match program {
            "k8s-ai-agent" => "::doctor:(doctor)",
            _ => {
                "--enable-kubelet=[scrape the kubelet's /metrics/resource, the cheap source of CPU and memory]:value:(true false)"
            }
        };
        assert!(
            specifications.lines().any(|line| line == expected),
            "{expected} in\n{specifications}"
        );
    }
}

#[test]
fn sboms_follow_their_schema() {
    for program in PROGRAMS {
        let bill = release().join(format!("{}.cdx.json", stem(program)));
        let check = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(problem) if problem else 0)";
        shown(
            Command::new(root().join(".cache/bills/bin/python"))
                .args(["-c", check])
                .arg(&bill),
        );
        let bill: Value = serde_json::from_slice(&fs::read(&bill).expect("a bill")).expect("JSON");
        assert_eq!(bill["metadata"]["component"]["name"], program);
        let components = bill["components"].as_array().expect("components");
        let urls: Vec<&str> = components
            .iter()
            .filter_map(|part| part["purl"].as_str())
            .collect();
        for name in ["rustls", "ring", "argh", "serde_json"] {
            let url = format!("pkg:cargo/{name}@");
            assert!(
                urls.iter().any(|found| found.starts_with(&url)),
                "{name} in {urls:?}"
            );
        }
        assert!(
            !urls.iter().any(|url| url.starts_with("pkg:cargo/tokio@")),
            "{urls:?}"
        );
    }
}

#[test]
fn license_file_names_every_package() {
    let licences = fs::read_to_string(release().join("THIRD-PARTY-LICENSES.txt")).expect("a file");
    for program in PROGRAMS {
        let bill = release().join(format!("{}.cdx.json", stem(program)));
        let bill: Value = serde_json::from_slice(&fs::read(bill).expect("a bill")).expect("JSON");
        for part in bill["components"].as_array().expect("components") {
            if part["scope"] == "required" && part["purl"].is_string() {
                let (name, version) = (&part["name"], &part["version"]);
                let line = format!(
                    "  {} {}  ",
                    name.as_str().expect("a name"),
                    version.as_str().expect("a version")
                );
                assert!(licences.contains(&line), "{line}");
            }
        }
    }
    for text in [
        "ISC",
        "musl, the C library",
        "The Rust Project Contributors",
        "Permission is hereby granted",
    ] {
        assert!(licences.contains(text), "{text}");
    }
}

#[test]
fn helm_installs_the_packed_chart() {
    let chart = release().join(format!("binbots-k8s-{}.tgz", env!("CARGO_PKG_VERSION")));
    for major in ["3", "4"] {
        let helm = root().join(format!(".cache/helm/{major}/helm"));
        shown(Command::new(&helm).args(["lint", "--strict"]).arg(&chart));
        let rendered = shown(
            Command::new(&helm)
                .args(["template", "release"])
                .arg(&chart),
        );
        let tag = env!("CARGO_PKG_VERSION");
        for program in PROGRAMS {
            let image = format!("registry.example.org/team/{program}:v{tag}");
            assert!(rendered.contains(&image), "{image} in {rendered}");
        }
        assert!(!rendered.contains("your-registry/k8s"), "{rendered}");
        let about = shown(Command::new(&helm).args(["show", "chart"]).arg(&chart));
        assert!(about.contains("https://git.example.org/binbots"), "{about}");
        assert!(!about.contains("your-"), "{about}");
    }
}

#[test]
fn helm_pushes_and_pulls_the_chart() {
    let registry = Registry::start(&[]);
    let version = env!("CARGO_PKG_VERSION");
    let chart = release().join(format!("binbots-k8s-{version}.tgz"));
    let charts = format!("oci://{}/charts", registry.address);
    for major in ["3", "4"] {
        let helm = root().join(format!(".cache/helm/{major}/helm"));
        let mut push = Command::new(&helm);
        shown(push.arg("push").arg(&chart).args([&charts, "--plain-http"]));
        let mut template = Command::new(&helm);
        let from = format!("{charts}/binbots-k8s");
        let rendered = shown(template.args(["template", "release", &from, "--plain-http"]));
        assert!(rendered.contains("kind: DaemonSet"), "{rendered}");
    }
}

/// Replacements that put a wrong version into each file that names it.
const DISAGREEMENTS: [(&str, &str, &str); 9] = [
    (
        "Cargo.toml",
        "\nversion = \"0.3.0\"",
        "\nversion = \"0.3.1\"",
    ),
    (
        "Cargo.lock",
        "name = \"packaging\"\nversion = \"0.3.0\"",
        "name = \"packaging\"\nversion = \"0.2.9\"",
    ),
    ("helm/Chart.yaml", "\nversion: 0.3.0", "\nversion: 0.4.0"),
    ("helm/Chart.yaml", "appVersion: 0.3.0", "appVersion: 0.4.0"),
    (
        "helm/Chart.yaml",
        "k8s-ai-agent:v0.3.0",
        "k8s-ai-agent:v0.2.0",
    ),
    ("helm/values-prod.yaml", "tag: v0.3.0", "tag: latest"),
    (
        "deploy/daemonset-exporter.yaml",
        "k8s-ai-exporter:v0.3.0",
        "k8s-ai-exporter:0.3.0",
    ),
    ("deploy/cronjob-ai-agent.yaml", "image:", "picture:"),
    ("CHANGELOG.md", "## [Unreleased]", "## [0.2.9]"),
];

/// Runs `release-check` on a copy of the project's files, one of them changed if given.
fn check(change: Option<(&str, &str, &str)>, tag: &[&str]) -> (Option<i32>, String, String) {
    let copy = scratch();
    let mut files: Vec<&str> = DISAGREEMENTS.iter().map(|(file, _, _)| *file).collect();
    files.dedup();
    for file in files {
        let mut text = fs::read_to_string(root().join(file)).expect("a file");
        if let Some((_, from, to)) = change.filter(|(changed, _, _)| *changed == file) {
            let from = from.replace("0.3.0", env!("CARGO_PKG_VERSION"));
            assert!(text.contains(&from), "{file} has no {from:?}");
            text = text.replacen(&from, to, 1);
        }
        let path = copy.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let mut check = packaging();
    check
        .args(["release-check", "--root"])
        .arg(copy.path())
        .args(tag);
    run(&mut check, "")
}

#[test]
fn release_check_finds_any_version() {
    let (code, out, err) = check(None, &[]);
    assert_eq!((code, &err[..]), (Some(0), ""));
    assert_eq!(
        out,
        format!("all places name version {}\n", env!("CARGO_PKG_VERSION"))
    );
    for change in DISAGREEMENTS {
        let (code, _, err) = check(Some(change), &[]);
        assert_eq!(code, Some(1), "{change:?}");
        let named = err.lines().any(|line| line.contains(change.0));
        // If the first place is wrong, all others disagree with it.
        assert!(named || change.0 == "Cargo.toml", "{change:?}: {err}");
    }
}

#[test]
fn release_check_wants_tag_and_date() {
    let (code, _, err) = check(None, &["v9.9.9"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("tag: v9.9.9, expected v"), "{err}");

    let version = env!("CARGO_PKG_VERSION");
    let tag = format!("v{version}");
    let dated = format!("## [{version}] - 2026-11-22\n\nWords.\n\n## [Unreleased]");
    let change = ("CHANGELOG.md", "## [Unreleased]", &dated[..]);
    let (code, out, err) = check(Some(change), &[&tag]);
    assert_eq!(code, Some(0), "{out}{err}");
    let undated = dated.replace(" - 2026-11-22", "");
    let (code, _, err) = check(Some(("CHANGELOG.md", "## [Unreleased]", &undated)), &[&tag]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains(&format!("section [{version}] has no date")),
        "{err}"
    );
}

#[test]
fn invalid_argument_exits_2() {
    for args in [&["image", "--platform", "linux/mips"][..], &["shove"], &[]] {
        let (code, _, err) = run(packaging().args(args), "");
        assert_eq!(code, Some(2), "{args:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}
