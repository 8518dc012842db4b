//! `just e2e` without a cluster, and against programs that answer like a cluster of two
//! nodes: it reports each fault and always cleans up.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two nodes that use half a core each. A file in the stage's folder injects a fault.
const KUBECTL: &str = r##"#!/bin/sh
echo "kubectl $*" >>"$STAGE/notes"
fault() { [ -e "$STAGE/$1" ]; }
deny() { echo "Error from server (Forbidden): nodes \"x\" is forbidden: $1" >&2; exit 1; }
case "$*" in
"--kubeconfig "*" get --raw "*)
    path=${5#/api/v1/nodes/}
    case "$path" in
    node-a/proxy/metrics/resource) ;;
    https:*) fault other-port || deny "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no port" ;;
    */metrics/resource) fault other-node || deny "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: own node only" ;;
    *) fault open-policy || fault no-rbac || deny "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no other paths"
       ! fault no-rbac || deny "User cannot get resource" ;;
    esac ;;
"get --raw /version"*) ! fault no-cluster || { echo "The connection to the server was refused" >&2; exit 1; } ;;
"config current-context") echo simulated ;;
"get crd "*) exit 1 ;;
"get pods --namespace "*"--selector "*) printf 'pod-a node-a\npod-b node-b\n' ;;
"get --raw /api/v1/nodes/"*)
    n=$(($(cat "$STAGE/round" 2>/dev/null || echo 0) + 1)); echo $n >"$STAGE/round"
    echo "node_cpu_usage_seconds_total $((100 + n * 5)) $((1700000000000 + n * 10000))"
    echo "node_memory_working_set_bytes 1.00$n""e+09 $((1700000000000 + n * 10000))" ;;
"get --raw "*"/proxy/metrics")
    n=$(cat "$STAGE/round"); node=node-${3#*pods/pod-}; node=${node%%:*}
    cores=0.5; ! fault counter || cores=$((100 + n * 5)); ! fault twice || cores=1.0
    bytes=1.00$n""e+09; ! fault stale-bytes || bytes=7
    echo "# TYPE k8s_node_cpu_usage_cores gauge"
    fault no-cores || echo "k8s_node_cpu_usage_cores{node=\"$node\"} $cores"
    echo "k8s_node_memory_usage_bytes{node=\"$node\"} $bytes"
    echo "k8s_node_active_pods{node=\"$node\"} 2" ;;
"get pods --all-namespaces "*) echo one; echo two; ! fault more-pods || echo three ;;
"wait "*) ! fault agent-fails ;;
"logs "*) fault agent-silent || echo "node-a: nothing to do" ;;
"create token "*) echo secret-token ;;
"get cronjob "*) [ -e "$STAGE/upgraded" ] && ! fault same-schedule && printf '*/5 * * * *' || printf '*/15 * * * *' ;;
"get clusterroles,"*) ! fault leftover || echo clusterrole/forgotten ;;
esac
"##;

const HELM: &str = r#"#!/bin/sh
echo "helm $*" >>"$STAGE/notes"
case "$1" in
install) [ ! -e "$STAGE/no-install" ] || { echo "Error: image cannot be pulled" >&2; exit 1; } ;;
upgrade) touch "$STAGE/upgraded" ;;
esac
"#;

/// A folder with both programs.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("e2e-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("it can be made");
        for (program, script) in [("kubectl", KUBECTL), ("helm", HELM)] {
            let file = path.join(program);
            fs::write(&file, script).expect("it can be written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
        }
        Self(path)
    }

    fn with(self, fault: &str) -> Self {
        fs::write(self.0.join(fault), "").expect("it can be written");
        self
    }

    /// Exit code and output.
    fn run(&self, environment: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = Command::new("dev/scripts/e2e")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env_remove("PROMETHEUS_URL")
            .envs([("REGISTRY", "registry.example.org/team"), ("TAG", "v9")])
            .envs([("PATIENCE", "2"), ("PAUSE", "0")])
            .env("STAGE", &self.0)
            .env("KUBECTL", self.0.join("kubectl"))
            .env("HELM", self.0.join("helm"))
            .envs(environment.iter().copied())
            .output()
            .expect("a shell starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    }

    /// Requests to the programs, one a line.
    fn notes(&self) -> String {
        fs::read_to_string(self.0.join("notes")).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn e2e_without_a_cluster_exits_with_2() {
    let stage = Stage::new("none").with("no-cluster");
    let (code, said) = stage.run(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(
        said,
        "e2e: no cluster: set KUBECONFIG (The connection to the server was refused)\n"
    );
    assert_eq!(stage.notes().lines().count(), 1, "{}", stage.notes());
}

#[test]
fn e2e_passes_and_cleans_up() {
    let stage = Stage::new("sound");
    let (code, said) = stage.run(&[]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "node-a: 0.5 cores",
        "node-b: 0.5 cores",
        "the agent reports on 1 of 2 nodes",
        "the policy refuses other paths, ports and nodes",
        "schedule '*/15 * * * *' became '*/5 * * * *'",
        "everything is removed",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    let notes = stage.notes();
    for part in [
        "-f helm/values-dev.yaml",
        "-f helm/values-prod.yaml",
        "image.exporter.repository=registry.example.org/team/k8s-ai-exporter",
        "image.agent.tag=v9",
        "serviceMonitor.enabled=false",
        "helm test binbots-e2e-",
        "helm uninstall binbots-e2e-",
        "kubectl delete namespace binbots-e2e-",
    ] {
        assert!(notes.contains(part), "{part} in\n{notes}");
    }
    assert!(!notes.contains("secret-token"), "a token in an argument");
}

#[test]
fn e2e_names_each_failure_and_cleans_up() {
    for (fault, words) in [
        ("no-install", "image cannot be pulled"),
        (
            "counter",
            "is not the rate between two samples of the kubelet",
        ),
        ("twice", "cores: 1.0 is not the rate"),
        ("no-cores", "cores:  is not the rate"),
        ("stale-bytes", "bytes: 7 is no sample of the kubelet"),
        ("more-pods", "pods: 2, the API server counts 3"),
        (
            "agent-fails",
            "the agent's report: not within 2 s: it does not finish",
        ),
        ("agent-silent", "it names 0 nodes of 1"),
        ("open-policy", "proxy/pods is not refused"),
        ("no-rbac", "not by the policy"),
        ("other-node", "node-b/proxy/metrics/resource is not refused"),
        (
            "other-port",
            "node-a:10250/proxy/metrics/resource is not refused",
        ),
        ("same-schedule", "left the schedule at '*/15 * * * *'"),
        ("leftover", "not removed: clusterrole/forgotten"),
    ] {
        let stage = Stage::new(fault).with(fault);
        let (code, said) = stage.run(&[]);
        assert_eq!(code, Some(1), "{fault}: {said}");
        assert!(said.contains(words), "{fault}: {said}");
        let notes = stage.notes();
        assert!(notes.contains("helm uninstall"), "{fault}: {notes}");
        assert!(notes.contains("delete namespace"), "{fault}: {notes}");
    }
}

#[test]
fn e2e_expects_every_node_from_prometheus() {
    let stage = Stage::new("prometheus");
    let (code, said) = stage.run(&[("PROMETHEUS_URL", "http://prometheus:9090")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it names 1 nodes of 2"), "{said}");
    assert!(
        stage
            .notes()
            .contains("agent.prometheusUrl=http://prometheus:9090")
    );
}
