//! The commands of the pages, executed as far as no cluster is needed: real
//! Helm renders what would be installed, real kubectl reads and changes files
//! in place of live objects, and our programs read their flags. What needs a
//! cluster or a network is checked by its form only.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pages with commands for people: those at the top, the chart's and the book's.
pub(crate) fn with_commands(root: &Path) -> Vec<String> {
    let mut pages: Vec<String> = ["README.md", "CONTRIBUTING.md", "helm/README.md"]
        .into_iter()
        .filter(|page| root.join(page).exists())
        .map(str::to_owned)
        .collect();
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Helm that renders instead of installing; other charts cannot be fetched here.
const HELM: &str = r#"#!/bin/sh
set -eu
case "$*" in
repo* | test* | rollback* | *prometheus-community/*) exit 0 ;;
template*) exec "$REAL/helm" "$@" ;;
install* | upgrade*) ;;
*) echo "what is helm $*?" >&2; exit 1 ;;
esac
shift
# Options that need a live release.
for argument; do
    shift
    case "$argument" in
    --install | --reset-then-reuse-values | --take-ownership) ;;
    *) set -- "$@" "$argument" ;;
    esac
done
"$REAL/helm" template "$@" | grep -Eq '^kind: (DaemonSet|StatefulSet|Deployment)$'
"#;

/// kubectl that works on files instead of live objects, and reads no cluster.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
file() {
    case "$*" in
    *servicemonitor/k8s-ai-exporter*) echo deploy/servicemonitor-exporter.yaml ;;
    *prometheusrule/binbots-k8s-alerts*) echo deploy/prometheusrule-binbots.yaml ;;
    *cronjob/k8s-ai-agent*) echo deploy/cronjob-ai-agent.yaml ;;
    *) echo "which file is $*?" >&2; exit 1 ;;
    esac
}
case "$1" in
apply) exec "$REAL/kubectl" label --local -f "$3" read=yes -o name ;;
label) exec "$REAL/kubectl" label --local -f "$(file "$@")" "$5" --overwrite -o name ;;
set) exec "$REAL/kubectl" set env --local -f "$(file "$@")" "$6" -o name ;;
patch) exec "$REAL/kubectl" patch --local -f "$(file "$@")" -p "$6" -o name ;;
diff | rollout | get | port-forward | create | delete | wait | logs | describe | proxy | config | top | run) ;;
*) echo "what is kubectl $1?" >&2; exit 1 ;;
esac
"#;

/// just that checks that a recipe exists.
const JUST: &str = r#"#!/bin/sh
grep -q "^$1[ :]" "$PROJECT/justfile" || { echo "there is no recipe $1" >&2; exit 1; }
"#;

/// Setup script that checks that a part exists.
const SETUP: &str = r#"#!/bin/sh
for part; do
    grep -q "^    $part)" "$PROJECT/dev/scripts/setup" || { echo "there is no part $part" >&2; exit 1; }
done
"#;

/// cargo that runs the manifestgen under test and nothing else.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
"run -p manifestgen -- preflight"*) ;;
"run -p manifestgen -- "*) shift 4; exec "$MANIFESTGEN" "$@" ;;
"run --release -p k8s-ai-agent -- "*) shift 5; exec k8s-ai-agent "$@" ;;
esac
"#;

/// Our programs, whose arguments are checked separately.
const PROGRAM: &str = r#"#!/bin/sh
printf '%s\0' "${0##*/}" "$@" > "$(mktemp "$COMMANDS/XXXXXX")"
"#;

/// curl with a response that holds everything the pages search for.
const CURL: &str = "#!/bin/sh\necho k8s_node_scrape_errors_total\n";

const NOTHING: &str = "#!/bin/sh\n";

/// Other programs: their commands are checked by form only.
const OTHERS: [&str; 9] = [
    "argocd",
    "cosign",
    "docker",
    "gh",
    "jq",
    "kind",
    "man",
    "promtool",
    "sha256sum",
];

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shell commands of a page, block by block; of a console, what is typed.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in page.lines() {
        let text = line.trim();
        match &mut block {
            None => match text.strip_prefix("```") {
                Some("sh" | "bash") => block = Some((false, String::new())),
                Some("console") => block = Some((true, String::new())),
                _ => {}
            },
            Some(_) if text == "```" => blocks.extend(block.take().map(|(_, block)| block)),
            Some((is_console, block)) => {
                let typed = match is_console {
                    true => text.strip_prefix("$ "),
                    false => Some(line),
                };
                block.extend(typed.into_iter().flat_map(|line| [line, "\n"]));
            }
        }
    }
    blocks
}

/// Reads the flags of a command of one of our programs, in a pod's environment.
fn read_flags(program: &str, args: Vec<OsString>) -> Result<(), String> {
    let names_no_node = !args
        .iter()
        .any(|arg| arg.to_string_lossy().starts_with("--node"));
    let pod = &|name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("10.96.0.1".into()),
        "KUBERNETES_SERVICE_PORT" => Some("443".into()),
        // Flags that name nodes stand alone.
        "NODE_NAME" if names_no_node => Some("node-1".into()),
        _ => None,
    };
    match program {
        "k8s-ai-agent" => k8s_ai_agent::args::parse(args, pod).map(drop),
        _ => k8s_ai_exporter::args::resolve(args, pod).map(drop),
    }
    .map_err(|error| error.to_string())
}

#[test]
fn documented_commands_work() {
    let tools = root().join(".cache/helm/4");
    assert!(
        tools.join("helm").exists(),
        "Helm is missing: run `dev/scripts/setup helm`"
    );
    let stage = Folder(std::env::temp_dir().join(format!("pages-{}", std::process::id())));
    let bin = stage.0.join("bin");
    let project = stage.0.join("project");
    let scripts = project.join("dev/scripts");
    let built = project.join("target/release");
    let commands = stage.0.join("commands");
    for folder in [&bin, &scripts, &built, &commands] {
        fs::create_dir_all(folder).expect("it can be made");
    }
    let others = OTHERS.map(|program| (bin.join(program), NOTHING));
    for (file, text) in [
        (bin.join("helm"), HELM),
        (bin.join("kubectl"), KUBECTL),
        (bin.join("just"), JUST),
        (bin.join("cargo"), CARGO),
        (bin.join("curl"), CURL),
        (bin.join("k8s-ai-agent"), PROGRAM),
        (bin.join("k8s-ai-exporter"), PROGRAM),
        (built.join("k8s-ai-exporter"), PROGRAM),
        (scripts.join("setup"), SETUP),
    ]
    .into_iter()
    .chain(others)
    {
        fs::write(&file, text).expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
    }
    for folder in ["deploy", "helm"] {
        let copied = Command::new("cp")
            .arg("-r")
            .arg(root().join(folder))
            .arg(&project)
            .status();
        assert!(copied.expect("cp starts").success());
    }
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut run = 0;
    for page in with_commands(&root()) {
        let text = fs::read_to_string(root().join(&page)).expect("a page");
        // The chart's own page is read inside the chart.
        let folder = if page.starts_with("helm/") {
            "helm"
        } else {
            "."
        };
        for block in blocks(&text) {
            let output = Command::new("sh")
                .args(["-euc", &block])
                .current_dir(project.join(folder))
                .env("PATH", &path)
                .env("REAL", fs::canonicalize(&tools).expect("it exists"))
                .env("PROJECT", fs::canonicalize(root()).expect("it exists"))
                .env("MANIFESTGEN", env!("CARGO_BIN_EXE_manifestgen"))
                .env("KUBECONFIG", "/nonexistent")
                .env("COMMANDS", &commands)
                .env("PROMETHEUS", "http://127.0.0.1:9090")
                .output()
                .expect("a shell starts");
            assert!(
                output.status.success(),
                "{page}:\n{block}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            run += 1;
        }
    }
    assert!(run >= 30, "{run}");
    let mut read = 0;
    for command in fs::read_dir(&commands).expect("commands were run") {
        let text = fs::read_to_string(command.expect("a command").path()).expect("it is text");
        let mut words = text.split_terminator('\0');
        let program = words.next().expect("a program");
        // A placeholder of the pages.
        let words = words.map(|word| if word == "NODE" { "node-1" } else { word });
        read_flags(program, words.map(OsString::from).collect())
            .unwrap_or_else(|error| panic!("{text:?}: {error}"));
        read += 1;
    }
    assert!(read >= 25, "{read}");
    let rendered = project.join("target/manifests/deploy/daemonset-exporter.yaml");
    let rendered = fs::read_to_string(rendered).expect("the page renders it");
    assert!(rendered.contains("image: \"registry.example.org/team/k8s-ai-exporter:v0.3.0\""));
}

/// The values of the chart in a block of YAML: all of it if it begins with one, and in the
/// objects of Argo CD and Flux what is below their key for values.
fn chart_values(block: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = block.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    for (number, line) in lines.iter().enumerate() {
        let first = match line.trim() {
            "exporter:" | "agent:" if number == 0 => number,
            "valuesObject:" | "values:" => number + 1,
            _ => continue,
        };
        let depth = indent(lines[first]);
        let values = lines[first..]
            .iter()
            .take_while(|line| indent(line) >= depth);
        found.push(values.flat_map(|line| [&line[depth..], "\n"]).collect());
    }
    found
}

#[test]
fn documented_values_fit_the_chart() {
    let mut read = 0;
    for page in with_commands(&root()) {
        let text = fs::read_to_string(root().join(&page)).expect("a page");
        let blocks = text.split("```yaml\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        for values in blocks.flat_map(chart_values) {
            let file = std::env::temp_dir().join(format!("values-{}", std::process::id()));
            fs::write(&file, &values).expect("it can be written");
            let output = Command::new(root().join(".cache/helm/4/helm"))
                .args(["template", "binbots-k8s", "helm", "-f"])
                .arg(&file)
                .current_dir(root())
                .output()
                .expect("Helm starts");
            fs::remove_file(&file).expect("it can be removed");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}:\n{values}\n{said}");
            read += 1;
        }
    }
    assert!(read >= 5, "{read}");
}

#[test]
fn documented_queries_are_promql() {
    let mut parsed = 0;
    for page in with_commands(&root()) {
        let text = fs::read_to_string(root().join(&page)).expect("a page");
        let blocks = text.split("```promql\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        let flags = text.split("-query '").skip(1);
        let flags = flags.filter_map(|rest| rest.split('\'').next());
        for query in blocks.chain(flags) {
            promql_parser::parser::parse(query.trim())
                .unwrap_or_else(|error| panic!("{page}: {query}: {error}"));
            parsed += 1;
        }
    }
    assert!(parsed >= 5, "{parsed}");
}

/// Folders of the project; a name in backticks that begins with one is a file or folder.
const FOLDERS: [&str; 9] = [
    ".github/",
    "agent/",
    "crates/",
    "deploy/",
    "dev/",
    "docs/",
    "exporter/",
    "helm/",
    "manifestgen/",
];

#[test]
fn documented_files_exist() {
    let mut pages = with_commands(&root());
    pages.push("ARCHITECTURE.md".to_owned());
    let mut named = 0;
    for page in pages {
        let text = fs::read_to_string(root().join(&page)).expect("a page");
        for name in text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
        {
            let is_path = FOLDERS.iter().any(|folder| name.starts_with(folder))
                && !name.contains([' ', '*', '<']);
            if is_path {
                assert!(root().join(name).exists(), "{page} names {name}");
                named += 1;
            }
        }
    }
    assert!(named >= 100, "{named}");
}
