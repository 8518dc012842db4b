//! The commands of the pages, executed as far as no cluster is needed: real
//! Helm renders what would be installed, real kubectl reads and changes files
//! in place of live objects. What needs a cluster is checked by its form only.

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

/// What a command about our objects starts with.
const PROGRAMS: [&str; 6] = [
    "helm ",
    "kubectl ",
    "docker ",
    "just ",
    "REGISTRY=",
    "cd helm",
];

/// Installing becomes rendering. Charts of others cannot be fetched here.
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

/// Live objects become their files; reading a live cluster is not tried.
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
diff | rollout | get | port-forward | create | logs | describe | proxy | config | top | run) ;;
*) echo "what is kubectl $1?" >&2; exit 1 ;;
esac
"#;

/// A recipe must exist.
const JUST: &str = r#"#!/bin/sh
grep -q "^$1[ :]" "$PROJECT/justfile" || { echo "there is no recipe $1" >&2; exit 1; }
"#;

/// So must a part of the set-up.
const SETUP: &str = r#"#!/bin/sh
for part; do
    grep -q "^    $part)" "$PROJECT/dev/scripts/setup" || { echo "there is no part $part" >&2; exit 1; }
done
"#;

/// manifestgen is the one under test; nothing else of cargo is of interest here.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
"run -p manifestgen -- preflight"*) ;;
"run -p manifestgen -- "*) shift 4; exec "$MANIFESTGEN" "$@" ;;
esac
"#;

const NOTHING: &str = "#!/bin/sh\n";

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The blocks of a page that are about our objects.
fn blocks(page: &str) -> Vec<String> {
    page.split("```bash\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| {
            block.lines().any(|line| {
                line.contains("-p manifestgen")
                    || PROGRAMS
                        .iter()
                        .any(|program| line.trim_start().starts_with(program))
            })
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_of_the_pages_does_what_it_says() {
    let tools = root().join(".cache/helm/4");
    assert!(
        tools.join("helm").exists(),
        "Helm is missing: run `dev/scripts/setup helm`"
    );
    let stage = Folder(std::env::temp_dir().join(format!("pages-{}", std::process::id())));
    let bin = stage.0.join("bin");
    let project = stage.0.join("project");
    let scripts = project.join("dev/scripts");
    for folder in [&bin, &scripts] {
        fs::create_dir_all(folder).expect("it can be made");
    }
    for (file, text) in [
        (bin.join("helm"), HELM),
        (bin.join("kubectl"), KUBECTL),
        (bin.join("just"), JUST),
        (bin.join("cargo"), CARGO),
        (bin.join("docker"), NOTHING),
        (bin.join("kind"), NOTHING),
        (bin.join("curl"), NOTHING),
        (scripts.join("setup"), SETUP),
    ] {
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
    let rendered = project.join("target/manifests/deploy/daemonset-exporter.yaml");
    let rendered = fs::read_to_string(rendered).expect("the page renders it");
    assert!(rendered.contains("image: \"registry.example.org/team/k8s-ai-exporter:v0.3.0\""));
}
