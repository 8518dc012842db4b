//! `just deploy`, `undeploy` and `helm-install`, with programs that record their arguments
//! in place of a cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a kubectl and a helm that only record their arguments.
struct Stage(PathBuf);

const NOTE: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >>"$STAGE/notes"
case "$*" in
"get --raw /version") [ ! -e "$STAGE/no-cluster" ] || { echo "connection refused" >&2; exit 1; } ;;
"get crd "*) [ ! -e "$STAGE/no-crds" ] ;;
apply*) cat "$3" >>"$STAGE/applied" ;;
esac
"#;

impl Stage {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("recipes-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("it can be made");
        for program in ["kubectl", "helm"] {
            let file = path.join(program);
            fs::write(&file, NOTE).expect("it can be written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
        }
        Self(path)
    }

    fn lacks(self, what: &str) -> Self {
        fs::write(self.0.join(what), "").expect("it can be written");
        self
    }

    /// Exit code and output.
    fn run(&self, args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = Command::new("dev/scripts/cluster")
            .args(args)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env_remove("REGISTRY")
            .env_remove("TAG")
            .env("STAGE", &self.0)
            .env("KUBECTL", self.0.join("kubectl"))
            .env("HELM", self.0.join("helm"))
            .env("MANIFESTGEN", env!("CARGO_BIN_EXE_manifestgen"))
            .envs(environment.iter().copied())
            .output()
            .expect("a shell starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    /// File names of the calls of a verb, in their order.
    fn files(&self, verb: &str) -> Vec<String> {
        self.read("notes")
            .lines()
            .filter(|line| line.starts_with(&format!("kubectl {verb}")))
            .filter_map(|line| line.rsplit('/').next().map(str::to_owned))
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MONITORING: [&str; 2] = [
    "prometheusrule-binbots.yaml",
    "servicemonitor-exporter.yaml",
];

#[test]
fn deploy_applies_every_file_with_given_images() {
    let stage = Stage::new("deploy");
    let images = [("REGISTRY", "reg.example.org/team"), ("TAG", "v9.9.9")];
    let (code, said) = stage.run(&["deploy"], &images);
    assert_eq!(code, Some(0), "{said}");
    let files = stage.files("apply");
    assert_eq!(files.first().map(String::as_str), Some("00-namespace.yaml"));
    assert_eq!(files.len(), 11, "{files:?}");
    let applied = stage.read("applied");
    for program in ["exporter", "agent"] {
        let image = format!("image: \"reg.example.org/team/k8s-ai-{program}:v9.9.9\"");
        assert!(applied.contains(&image), "{applied}");
    }
    assert!(!applied.contains("your-registry"));
}

#[test]
fn deploy_without_crds_applies_the_rest() {
    let stage = Stage::new("crds").lacks("no-crds");
    let (code, said) = stage.run(&["deploy"], &[("REGISTRY", "reg.example.org")]);
    assert_eq!(code, Some(0), "{said}");
    let files = stage.files("apply");
    assert_eq!(files.len(), 9, "{files:?}");
    for file in MONITORING {
        assert!(!files.contains(&file.to_owned()));
        assert!(said.contains(&format!("skipped {file}")), "{said}");
    }
    assert!(said.contains("install kube-prometheus-stack"), "{said}");
}

#[test]
fn e2e_recipe_needs_a_cluster() {
    for args in [&["deploy"][..], &["undeploy"], &["helm-install", "dev"]] {
        let stage = Stage::new(&format!("none-{}", args[0])).lacks("no-cluster");
        let (code, said) = stage.run(args, &[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("connection refused"), "{said}");
        assert!(said.contains("kubectl reaches no cluster"), "{said}");
        assert_eq!(stage.read("notes").lines().count(), 1);
    }
}

#[test]
fn deploy_warns_of_placeholder_images() {
    let stage = Stage::new("placeholder");
    let (code, said) = stage.run(&["deploy"], &[]);
    assert_eq!(code, Some(0));
    assert!(said.contains("REGISTRY is not set"), "{said}");
}

#[test]
fn undeploy_keeps_only_the_namespace() {
    let stage = Stage::new("undeploy");
    let (code, said) = stage.run(&["undeploy"], &[]);
    assert_eq!(code, Some(0), "{said}");
    let files = stage.files("delete");
    assert_eq!(files.len(), 10, "{files:?}");
    assert!(files.iter().all(|file| !file.contains("namespace")));
    assert!(said.contains("the namespace is kept"), "{said}");
}

#[test]
fn helm_install_environment_overrides_values() {
    let stage = Stage::new("helm");
    let images = [("REGISTRY", "reg.example.org"), ("TAG", "0123")];
    let (code, said) = stage.run(&["helm-install", "prod"], &images);
    assert_eq!(code, Some(0), "{said}");
    let notes = stage.read("notes");
    let call = notes.lines().last().expect("helm was called");
    assert_eq!(
        call,
        "helm upgrade --install binbots-k8s helm --namespace monitoring --create-namespace \
         -f helm/values.yaml -f helm/values-prod.yaml \
         --set image.exporter.repository=reg.example.org/k8s-ai-exporter \
         --set-string image.exporter.tag=0123 \
         --set image.agent.repository=reg.example.org/k8s-ai-agent \
         --set-string image.agent.tag=0123"
    );
    let (code, said) = stage.run(&["helm-install", "staging"], &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("dev or prod"), "{said}");
}

#[test]
fn helm_install_skips_objects_without_crds() {
    let stage = Stage::new("helm-crds").lacks("no-crds");
    let (code, said) = stage.run(&["helm-install", "dev"], &[]);
    assert_eq!(code, Some(0), "{said}");
    let notes = stage.read("notes");
    assert!(
        notes.contains("--set serviceMonitor.enabled=false"),
        "{notes}"
    );
    assert!(
        notes.contains("--set prometheusRule.enabled=false"),
        "{notes}"
    );
}

#[test]
fn check_names_differences_generate_fixes_them() {
    let stage = Stage::new("check");
    let project = stage.0.join("project");
    let root = project.to_str().expect("it is UTF-8");
    let run = |verb: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_manifestgen"))
            .args([verb, "--root", root])
            .output()
            .expect("it starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(run("generate").0, Some(0));
    assert_eq!(run("check"), (Some(0), String::new()));

    let changed = project.join("deploy/clusterrole.yaml");
    fs::write(&changed, "edited").expect("it can be written");
    fs::remove_file(project.join("helm/values-dev.yaml")).expect("it is there");
    fs::write(project.join("helm/templates/mine.yaml"), "a: 1\n").expect("it can be written");
    let (code, said) = run("check");
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "manifestgen: deploy/clusterrole.yaml differs\n\
         manifestgen: helm/values-dev.yaml is missing\n\
         manifestgen: helm/templates/mine.yaml is not generated\n"
    );
    assert_eq!(run("generate").0, Some(0));
    let (_, said) = run("check");
    assert_eq!(
        said,
        "manifestgen: helm/templates/mine.yaml is not generated\n"
    );
}

#[test]
fn a_usage_error_exits_with_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_manifestgen"))
        .arg("banana")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn unreachable_cluster_exits_with_3() {
    let output = Command::new(env!("CARGO_BIN_EXE_manifestgen"))
        .arg("preflight")
        .env("KUBECONFIG", "/nonexistent")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot reach the cluster"), "{said}");
}
