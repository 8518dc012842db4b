//! The chart rendered by real Helm 3 and 4, and its output read by kubectl, a schema
//! validator and a YAML 1.1 parser.
//!
//! `dev/scripts/setup helm` fetches the programs; without them these tests fail.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use manifestgen::objects;
use manifestgen::values::Values;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

const HELMS: [&str; 2] = ["3", "4"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program that `dev/scripts/setup helm` installed.
fn tool(path: &str) -> PathBuf {
    let path = root().join(".cache").join(path);
    assert!(
        path.exists(),
        "{} is missing: run `dev/scripts/setup helm`",
        path.display()
    );
    path
}

fn helm(major: &str, args: &[&str]) -> Output {
    Command::new(tool(&format!("helm/{major}/helm")))
        .args(args)
        .current_dir(root())
        .env("HELM_CONFIG_HOME", "/nonexistent")
        .output()
        .expect("helm starts")
}

/// Output of `helm template` without the test Pod; panics with Helm's own message.
fn template(major: &str, args: &[&str]) -> String {
    let mut all = vec!["template", "binbots-k8s", "helm", "--skip-tests"];
    all.extend(args);
    let output = helm(major, &all);
    assert!(
        output.status.success(),
        "helm {major} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("YAML is UTF-8")
}

/// Runs a Python program on JSON.
fn python(program: &str, input: &Value) -> Value {
    let mut child = Command::new(tool("manifests/bin/python"))
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin
        .write_all(input.to_string().as_bytes())
        .expect("python reads");
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "python said why above");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

/// Reads YAML streams as YAML 1.1, as Kubernetes tools do; a duplicate
/// key is an error.
fn read(texts: &[String]) -> Vec<Vec<Value>> {
    const PROGRAM: &str = r#"
import json, sys, yaml
class Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    pass
def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return {key: loader.construct_object(value, deep=True) for key, (_, value) in zip(keys, node.value)}
Loader.add_constructor("tag:yaml.org,2002:map", mapping)
print(json.dumps([[d for d in yaml.load_all(t, Loader) if d is not None] for t in json.load(sys.stdin)]))
"#;
    serde_json::from_value(python(PROGRAM, &json!(texts))).expect("lists of documents")
}

/// Objects by kind and name, which identify them.
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut map = BTreeMap::new();
    for object in objects {
        let key = format!("{} {}", object["kind"], object["metadata"]["name"]);
        assert!(map.insert(key.clone(), object).is_none(), "{key} twice");
    }
    map
}

fn json(values: &Values) -> Value {
    serde_json::to_value(values).expect("values are JSON")
}

/// The typed objects with these values.
fn expected(values: &Values) -> BTreeMap<String, Value> {
    let manifests = objects::render(values, "binbots-k8s").expect("the values fit their types");
    let trees = manifests.into_iter().map(|manifest| manifest.tree);
    by_name(trees.filter(|tree| !objects::is_hook(tree)).collect())
}

/// The values that differ from the defaults.
fn difference(default: &Value, own: &Value) -> Value {
    let (Value::Object(default), Value::Object(own)) = (default, own) else {
        return own.clone();
    };
    let mut out = serde_json::Map::new();
    for (key, value) in own {
        match default.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                out.insert(key.clone(), difference(before, value));
            }
            None => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    for key in default.keys().filter(|key| !own.contains_key(*key)) {
        out.insert(key.clone(), Value::Null);
    }
    Value::Object(out)
}

fn deploy() -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(root().join("deploy"))
        .expect("there is deploy/")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|path| fs::read_to_string(path).expect("it can be read"))
        .collect();
    read(&texts).into_iter().flatten().collect()
}

#[test]
fn helm_lint_accepts_all_value_files() {
    for major in HELMS {
        for file in value_files() {
            let output = helm(major, &["lint", "--strict", "helm", "-f", &file]);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{major} {file}: {said}");
            assert!(!said.contains("[WARNING]"), "{major} {file}: {said}");
        }
    }
}

#[test]
fn default_chart_equals_deploy() {
    let plain = by_name(deploy());
    let namespace = "\"Namespace\" \"monitoring\"";
    assert!(plain.contains_key(namespace));
    for major in HELMS {
        let texts = [
            template(major, &[]),
            template(major, &["--set", "createNamespace=true"]),
        ];
        let mut rendered = read(&texts).into_iter().map(by_name);
        let without = rendered.next().expect("two texts");
        let with = rendered.next().expect("two texts");
        assert_eq!(with, plain, "Helm {major}");
        let mut but_namespace = plain.clone();
        but_namespace.remove(namespace);
        assert_eq!(without, but_namespace, "Helm {major}");
    }
}

#[test]
fn typed_objects_read_deploy_back() {
    let read = by_name(deploy());
    let manifests = objects::deploy(&Values::default()).expect("the defaults fit their types");
    let typed = by_name(
        manifests
            .into_iter()
            .map(|manifest| manifest.tree)
            .collect(),
    );
    assert_eq!(read, typed);
    // A field that a type does not know would be lost.
    let mut seen = 0;
    for object in objects::all() {
        for tree in read.values() {
            match (object.read_again)(tree.clone()) {
                Ok(again) if again["kind"] == tree["kind"] => {
                    assert_eq!(again, *tree, "{}", object.file);
                    seen += 1;
                }
                _ => {}
            }
        }
    }
    assert!(seen >= read.len(), "{seen}");
    let policy = read.values().find(|tree| tree["kind"] == "ClusterRole");
    let mut odd = policy.expect("there is one").clone();
    odd["rules"][0]["banana"] = json!(1);
    let objects = objects::all();
    let of_role = objects
        .iter()
        .find(|object| object.file == "clusterrole.yaml");
    let again = (of_role.expect("there is one").read_again)(odd.clone());
    assert_ne!(again.expect("it is read"), odd);
}

/// Every values file of the chart.
fn value_files() -> Vec<String> {
    let mut files = vec![
        "helm/values-dev.yaml".to_owned(),
        "helm/values-prod.yaml".to_owned(),
    ];
    files.extend(
        Values::ci()
            .iter()
            .map(|(name, _)| format!("helm/ci/{name}-values.yaml")),
    );
    files
}

#[test]
fn value_files_render_to_typed_objects() {
    let mut values = vec![Values::dev(), Values::prod()];
    values.extend(Values::ci().into_iter().map(|(_, values)| values));
    for major in HELMS {
        let texts: Vec<String> = value_files()
            .iter()
            .map(|file| template(major, &["-f", "helm/values.yaml", "-f", file]))
            .collect();
        for ((rendered, values), file) in read(&texts).into_iter().zip(&values).zip(value_files()) {
            assert_eq!(
                by_name(rendered),
                expected(values),
                "Helm {major} with {file}"
            );
        }
    }
}

/// `UPDATE_GOLDEN=1 cargo test -p manifestgen` rewrites the files.
#[test]
fn dev_and_prod_match_golden_files() {
    for name in ["dev", "prod"] {
        let file = format!("helm/values-{name}.yaml");
        let rendered = template("4", &["-f", "helm/values.yaml", "-f", &file]);
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.yaml"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &rendered).expect("it can be written");
        }
        let wanted = fs::read_to_string(&golden).expect("it can be read");
        assert_eq!(rendered, wanted, "{name}");
        // Helm 3 separates documents differently; the objects are the same.
        let other = template("3", &["-f", "helm/values.yaml", "-f", &file]);
        let mut objects = read(&[other, wanted]).into_iter().map(by_name);
        assert_eq!(objects.next(), objects.next(), "{name}");
    }
}

#[test]
fn objects_validate_against_kubernetes_schemas() {
    const PROGRAM: &str = r#"
import json, sys, kubernetes_validate
wrong = []
given = json.load(sys.stdin)
for version in given["versions"]:
    for o in given["objects"]:
        if o["apiVersion"].startswith("monitoring.coreos.com"):
            continue
        try:
            kubernetes_validate.validate(o, version, strict=True)
        except Exception as error:
            wrong.append(f"{version} {o['kind']} {o['metadata']['name']}: {error}")
print(json.dumps(wrong))
"#;
    let mut texts = vec![template("4", &["--set", "createNamespace=true"])];
    for file in value_files() {
        let output = helm("4", &["template", "binbots-k8s", "helm", "-f", &file]);
        texts.push(String::from_utf8(output.stdout).expect("UTF-8"));
    }
    let objects: Vec<Value> = read(&texts).into_iter().flatten().collect();
    assert!(objects.len() > 60, "{}", objects.len());
    assert!(objects.iter().any(|object| object["kind"] == "Pod"));
    let versions = ["1.30", "1.33", "1.34", "1.35", "1.36", "1.37"];
    let wrong = python(PROGRAM, &json!({"versions": versions, "objects": objects}));
    assert_eq!(wrong, json!([]));
}

#[test]
fn schema_validator_rejects_unknown_fields() {
    const PROGRAM: &str = r#"
import json, sys, kubernetes_validate
try:
    kubernetes_validate.validate(json.load(sys.stdin), "1.37", strict=True)
    print("true")
except kubernetes_validate.ValidationError:
    print("false")
"#;
    let mut daemonset = by_name(deploy()).remove("\"DaemonSet\" \"k8s-ai-exporter\"");
    let daemonset = daemonset.as_mut().expect("there is one");
    daemonset["spec"]["banana"] = json!(1);
    assert_eq!(python(PROGRAM, daemonset), json!(false));
}

/// The last lines of an error, without Helm's own first ones.
fn refusal(major: &str, args: &[&str]) -> String {
    let mut all = vec!["template", "binbots-k8s", "helm"];
    all.extend(args);
    let output = helm(major, &all);
    assert!(!output.status.success(), "Helm {major} took {args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn invalid_values_are_refused_by_name() {
    for (args, key) in [
        (
            vec!["--set", "exporter.scrapeInterval=banana"],
            "scrapeInterval",
        ),
        (
            vec!["--set", "exporter.scrapeInterval=30"],
            "scrapeInterval",
        ),
        (
            vec!["--set-string", "exporter.scrapeInterval="],
            "scrapeInterval",
        ),
        (
            vec!["--set", "exporter.enableKubelet=maybe"],
            "enableKubelet",
        ),
        (
            vec!["--set-string", "exporter.enableKubelet=true"],
            "enableKubelet",
        ),
        (vec!["--set", "exporter.banana=1"], "banana"),
        (vec!["--set", "banana=1"], "banana"),
        (vec!["--set", "agent.lookbackMinutes=2h"], "lookbackMinutes"),
        (vec!["--set", "agent.lookbackMinutes=0"], "lookbackMinutes"),
        (
            vec!["--set", "agent.lookbackMinutes=1.5"],
            "lookbackMinutes",
        ),
        (vec!["--set", "agent.schedule=hourly"], "schedule"),
        (
            vec!["--set", "agent.prometheusUrl=prometheus:9090"],
            "prometheusUrl",
        ),
        (vec!["--set", "namespace=Monitoring"], "namespace"),
        (vec!["--set", "namespace="], "namespace"),
        (vec!["--set", "fullnameOverride=1st"], "fullnameOverride"),
        (
            vec!["--set", "image.exporter.pullPolicy=Sometimes"],
            "pullPolicy",
        ),
        (
            vec!["--set", "image.exporter.repository=a/b:v1"],
            "repository",
        ),
        (vec!["--set", "image.exporter.digest=sha256:12"], "digest"),
        (vec!["--set", "exporter.env.NODE_NAME=x"], "NODE_NAME"),
        (vec!["--set", "exporter.env.A=5"], "A"),
        (
            vec!["--set", "agent.env.PROMETHEUS_URL=x"],
            "PROMETHEUS_URL",
        ),
        (vec!["--set", "commonLabels.app=x"], "app"),
        (vec!["--set", "exporter.resources=large"], "resources"),
        (
            vec!["--set", "exporter.excludePhases={Done}"],
            "excludePhases",
        ),
        (
            vec!["--set", "prometheusRule.runbookUrl=none"],
            "runbookUrl",
        ),
        (
            vec!["--set", "exporter.scrapeInterval=null"],
            "scrapeInterval",
        ),
    ] {
        for major in HELMS {
            let said = refusal(major, &args);
            assert!(
                said.contains("don't meet the specifications of the schema"),
                "{said}"
            );
            assert!(said.contains(key), "Helm {major} {args:?}: {said}");
            assert!(said.lines().count() <= 7, "Helm {major} {args:?}: {said}");
        }
    }
}

#[test]
fn exporter_without_source_is_refused() {
    let both = [
        "--set",
        "exporter.enableKubelet=false,exporter.enableCadvisor=false",
    ];
    for major in HELMS {
        let said = refusal(major, &both);
        assert!(said.contains("enableKubelet"), "Helm {major}: {said}");
    }
}

/// deploy/ has few odd strings, so the writer is tested with many.
#[test]
fn odd_strings_survive_yaml_readers() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (odd(), odd(), prop::collection::vec(odd(), 0..4));
    let trees: Vec<Value> = (0..600)
        .map(|_| {
            let (key, value, list) = strategy.new_tree(&mut runner).expect("strings").current();
            let mut map = serde_json::Map::new();
            map.insert("list".to_owned(), json!(list));
            map.insert("maps".to_owned(), json!([{"a": value.clone(), "b": list}]));
            map.insert(key, value.into());
            Value::Object(map)
        })
        .collect();
    let texts: Vec<String> = trees
        .iter()
        .map(|tree| manifestgen::yaml::document(tree, &manifestgen::yaml::Plain(&[])))
        .collect();
    for ((read, tree), text) in read(&texts).into_iter().zip(&trees).zip(&texts) {
        assert_eq!(read, std::slice::from_ref(tree), "{text}");
    }
}

/// A user's own values for version 0.2: every key that it
/// documented.
#[test]
fn values_of_version_0_2_render() {
    let values = json!({
        "namespace": "monitoring",
        "image": {
            "exporter": {"repository": "reg/k8s-ai-exporter", "tag": "v0.2.0", "pullPolicy": "Always"},
            "agent": {"repository": "reg/k8s-ai-agent", "tag": "v0.2.0", "pullPolicy": "Always"},
        },
        "exporter": {"scrapeInterval": "15s", "resources": {"limits": {"cpu": "1"}}},
        "agent": {"schedule": "*/5 * * * *", "lookbackMinutes": 60, "forecastMinutes": 15},
        "serviceMonitor": {"enabled": true, "releaseLabel": "kps"},
        "prometheusRule": {
            "enabled": true, "releaseLabel": "kps", "interval": "30s",
            "exporterDownFor": "10m", "agentNotRunThresholdSeconds": 900,
        },
        "grafanaDashboard": {"enabled": true, "configMapName": "boards", "folder": "Nodes"},
    });
    let file = Scratch::new("previous.json", &values.to_string());
    for major in HELMS {
        let text = template(major, &["-f", file.path()]);
        let objects = by_name(read(&[text]).remove(0));
        let board = &objects["\"ConfigMap\" \"boards\""]["metadata"];
        assert_eq!(board["annotations"]["grafana_dashboard_folder"], "Nodes");
        assert_eq!(board["labels"]["grafana_dashboard"], "1");
        let daemonset = &objects["\"DaemonSet\" \"k8s-ai-exporter\""];
        let container = &daemonset["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "reg/k8s-ai-exporter:v0.2.0");
        assert_eq!(container["resources"]["limits"]["cpu"], "1");
    }
}

#[test]
fn global_values_are_accepted() {
    for major in HELMS {
        template(major, &["--set", "global.anything.at.all=1"]);
    }
}

/// The chart uses Go's URL parser, the objects ours.
#[test]
fn backend_port_follows_the_url() {
    const POLICY: &str = "\"NetworkPolicy\" \"k8s-ai-agent-backend\"";
    for (url, port) in [
        ("http://prometheus:9090", 9090),
        ("https://prometheus.example.org/prefix/a:1", 443),
        ("http://thanos", 80),
        ("http://[fd00::1]:8428/", 8428),
        ("https://[fd00::1]", 443),
    ] {
        let mut values = Values::default();
        values.network_policy.enabled = true;
        values.agent.prometheus_url = url.to_owned();
        let set = format!("networkPolicy.enabled=true,agent.prometheusUrl={url}");
        let texts = HELMS.map(|major| template(major, &["--set", &set]));
        for rendered in read(&texts) {
            let rendered = by_name(rendered).remove(POLICY).expect("it is on");
            assert_eq!(rendered["spec"]["egress"][0]["ports"][0]["port"], port);
            assert_eq!(expected(&values).get(POLICY), Some(&rendered), "{url}");
        }
    }
}

/// The documented commands: later files take precedence, images are set explicitly.
#[test]
fn documented_commands_set_image_and_environment() {
    let text = template(
        "4",
        &[
            "-f",
            "helm/values.yaml",
            "-f",
            "helm/values-prod.yaml",
            "--set",
            "image.exporter.repository=myreg/k8s-ai-exporter",
            "--set",
            "image.exporter.tag=v0.2.0",
            "--set",
            "image.agent.repository=myreg/k8s-ai-agent",
            "--set",
            "image.agent.tag=v0.2.0",
        ],
    );
    let images: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "))
        .collect();
    assert_eq!(
        images,
        [
            "\"myreg/k8s-ai-exporter:v0.2.0\"",
            "\"myreg/k8s-ai-agent:v0.2.0\""
        ]
    );
    assert!(text.contains("schedule: \"*/5 * * * *\""));
}

#[test]
fn notes_print_label_check_and_port_forward() {
    // Neither Helm prints notes without a cluster: a copy of the chart renders
    // them as a manifest.
    let copy = tempdir("notes");
    let status = Command::new("cp")
        .args(["-r", "helm"])
        .arg(&copy.0)
        .current_dir(root())
        .status();
    assert!(status.expect("cp starts").success());
    let chart = copy.0.join("helm");
    fs::rename(chart.join("templates/NOTES.txt"), chart.join("notes.txt")).expect("it is there");
    let wrapper = "kind: Notes\ntext: |\n  {{- tpl (.Files.Get \"notes.txt\") . | nindent 2 }}\n";
    fs::write(chart.join("templates/notes.yaml"), wrapper).expect("it can be written");
    let notes = |major: &str, set: &str| {
        let chart = chart.to_str().expect("it is UTF-8");
        let show = "templates/notes.yaml";
        let args = [
            "template",
            "binbots-k8s",
            chart,
            "--namespace",
            "apps",
            "-s",
            show,
            "--set",
            set,
        ];
        let output = helm(major, &args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).expect("it is UTF-8")
    };
    for major in HELMS {
        let by_default = notes(major, "exporter.via=proxy");
        for part in [
            "port-forward svc/k8s-ai-exporter 9100:9100",
            "label release=prometheus-stack",
            ".spec.serviceMonitorSelector",
            "--from=cronjob/k8s-ai-agent",
            "helm test binbots-k8s",
            "records the release in namespace apps; the objects are in monitoring",
            "placeholder your-registry/k8s-ai-exporter",
            "-n apps --reset-then-reuse-values --set exporter.via=kubelet",
            "covers requests through the API server only",
        ] {
            assert!(
                by_default.contains(part),
                "Helm {major}: {part}: {by_default}"
            );
        }
        const WARNING: &str = "WARNING: admissionPolicy.enabled is false";
        assert!(!by_default.contains(WARNING), "{by_default}");
        let open = notes(major, "admissionPolicy.enabled=false");
        assert!(open.contains(WARNING), "{open}");
        let direct = notes(major, "exporter.via=kubelet,admissionPolicy.enabled=false");
        for part in ["Recommended", WARNING] {
            assert!(!direct.contains(part), "Helm {major}: {part}: {direct}");
        }
    }
}

#[test]
fn templates_use_no_cluster_capabilities() {
    for entry in fs::read_dir(root().join("helm/templates")).expect("there are templates") {
        let path = entry.expect("it can be read").path();
        if path.is_file() {
            let text = fs::read_to_string(&path).expect("it can be read");
            assert!(!text.contains(".Capabilities"), "{}", path.display());
            assert!(!text.contains("lookup "), "{}", path.display());
        }
    }
}

#[test]
fn kubectl_reads_the_namespace_first() {
    for major in HELMS {
        let output = Command::new(tool(&format!("helm/{major}/kubectl")))
            .args(["label", "--local", "-f", "deploy", "read=yes", "-o", "name"])
            .current_dir(root())
            .env("KUBECONFIG", "/nonexistent")
            .output()
            .expect("kubectl starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(said.lines().next(), Some("namespace/monitoring"));
        assert_eq!(said.lines().count(), deploy().len());
    }
}

/// A folder that is removed on drop.
struct Folder(PathBuf);

fn tempdir(name: &str) -> Folder {
    let path = std::env::temp_dir().join(format!("manifestgen-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).expect("it can be made");
    Folder(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file that is removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("manifestgen-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("it can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("it is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Strings that some YAML reader does not read as strings.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "on",
            "y",
            "NO",
            "null",
            "~",
            "true",
            "0123",
            "0x1F",
            "1e3",
            "1_000",
            "12:30:45",
            "2001-01-01",
            ".inf",
            "-",
            "- a",
            "? b",
            ": c",
            "a: b",
            "#",
            "a #b",
            "{{ .Values.x }}",
            "{{",
            "}}",
            "{{- end }}",
            "%d%s",
            "'",
            "\"",
            "\\",
            "\\n",
            "a\nb\n",
            "\n",
            " a ",
            "\t",
            "*/10",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%",
            "@",
            "`",
            "é",
            "\u{2028}",
            "😀",
            "$1",
            "${x}",
        ])
        .prop_map(str::to_owned),
        "[ -~\n]{0,20}",
        "[ -~¡-ɏα-ω一-丏]{0,8}",
    ]
}

fn label() -> impl Strategy<Value = String> {
    "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
}

fn map_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-Za-z]{1,10}", value, 0..3)
}

/// Values of every kind, valid by the schema and otherwise as odd as possible.
fn any_values() -> impl Strategy<Value = Values> {
    let names = (
        prop_oneof![Just(String::new()), label()],
        prop_oneof![Just(String::new()), "[a-z]([-a-z0-9]{0,43}[a-z0-9])?"],
        label(),
        prop_oneof![Just(String::new()), label()],
    );
    let switches = prop::collection::vec(any::<bool>(), 16);
    let numbers = (
        1..=5_000_000_i64,
        0..=i64::from(i32::MAX),
        0..=9_007_199_254_740_991_i64,
        1..=1_000_000_000_000_i64,
    );
    let texts = (
        odd(),
        odd().prop_filter("a query is not empty", |text| !text.is_empty()),
        prop::collection::vec(odd(), 0..3),
        map_of(odd()),
        map_of(odd()),
        map_of("[A-Za-z0-9]{0,9}"),
    );
    (names, switches, numbers, texts).prop_map(|(names, switches, numbers, texts)| {
        let mut values = Values {
            name_override: names.0,
            fullname_override: names.1,
            namespace: names.2,
            common_labels: texts.5.clone(),
            ..Values::default()
        };
        values.service_account.exporter.name = names.3;
        let mut switches = switches.into_iter();
        for switch in [
            &mut values.create_namespace,
            &mut values.exporter.enable_kubelet,
            &mut values.exporter.enable_cadvisor,
            &mut values.agent.enabled,
            &mut values.agent.suspend,
            &mut values.service_account.exporter.create,
            &mut values.service_account.agent.create,
            &mut values.rbac.create,
            &mut values.admission_policy.own_node_only,
            &mut values.network_policy.enabled,
            &mut values.prometheus_rule.alerts.exporter_down,
            &mut values.prometheus_rule.alerts.exporter_missing,
            &mut values.prometheus_rule.alerts.agent_not_run,
            &mut values.prometheus_rule.alerts.scrape_errors,
            &mut values.prometheus_rule.alerts.node_runs_out,
        ] {
            *switch = switches.next().unwrap_or_default();
        }
        // At least one source, or the schema refuses them.
        values.exporter.enable_kubelet |= !values.exporter.enable_cadvisor;
        values.agent.lookback_minutes = numbers.0;
        values.exporter.termination_grace_period_seconds = numbers.1;
        values.service_monitor.sample_limit = numbers.2;
        values.prometheus_rule.agent_not_run_threshold_seconds = numbers.3;
        let mut toleration = serde_json::Map::new();
        toleration.insert("operator".to_owned(), "Exists".into());
        toleration.insert("tolerationSeconds".to_owned(), numbers.1.into());
        values.agent.placement.tolerations = vec![toleration];
        values.grafana_dashboard.folder = texts.0;
        values.agent.cpu_query = texts.1;
        values.exporter.pod.extra_args = texts.2.clone();
        values.agent.pod.extra_args = texts.2;
        values.exporter.pod.env = texts.3.clone();
        values.agent.pod.env = texts.3;
        values.exporter.pod.pod_annotations = texts.4.clone();
        values.service.annotations = texts.4.clone();
        values.service_account.agent.annotations = texts.4;
        values.service_monitor.labels = texts.5.clone();
        values.exporter.pod.pod_labels = texts.5;
        values
    })
}

/// Helm renders the values, and a YAML 1.1 parser reads every string, number and name as in
/// the typed objects.
#[test]
fn odd_values_survive_both_helm_versions() {
    const CASES: usize = 48;
    // A fixed seed makes failures reproducible.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = any_values();
    let defaults = json(&Values::default());
    let cases: Vec<Values> = (0..CASES)
        .map(|_| strategy.new_tree(&mut runner).expect("values").current())
        .collect();
    for major in HELMS {
        let texts: Vec<String> = cases
            .iter()
            .enumerate()
            .map(|(index, values)| {
                let own = difference(&defaults, &json(values));
                let file = Scratch::new(&format!("{major}-{index}.json"), &own.to_string());
                template(major, &["-f", file.path()])
            })
            .collect();
        for (rendered, values) in read(&texts).into_iter().zip(&cases) {
            let rendered = by_name(rendered);
            let expected = expected(values);
            for (name, object) in &expected {
                assert_eq!(rendered.get(name), Some(object), "Helm {major}: {values:?}");
            }
            assert_eq!(rendered.len(), expected.len(), "Helm {major}: {values:?}");
        }
    }
}
