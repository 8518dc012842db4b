//! A release in real Helm 3 and 4: installed with the values of the previous version,
//! upgraded, rolled back, uninstalled.
//!
//! The API server is a table in this process: it stores objects by path and does not
//! interpret them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Objects of the API server.
#[derive(Default)]
struct Held {
    /// Objects by path; the last word of a path is the name.
    objects: BTreeMap<String, Value>,
    /// Paths in the order in which they were created.
    created: Vec<String>,
}

type Store = Arc<Mutex<Held>>;

/// Kinds that the API server serves: group and version, kind, plural, namespaced.
const KINDS: [(&str, &str, &str, bool); 14] = [
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Secret", "secrets", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("v1", "Service", "services", true),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Pod", "pods", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    (
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        "servicemonitors",
        true,
    ),
    (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        "prometheusrules",
        true,
    ),
];

/// Answers of the server to discovery.
fn discovery(path: &str) -> Option<Value> {
    let groups = || {
        let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
        names.retain(|name| name.contains('/'));
        names.dedup();
        names.into_iter().map(|version| {
            let entry = json!({"groupVersion": version, "version": "v1"});
            json!({
                "name": version.split('/').next(),
                "versions": [entry.clone()], "preferredVersion": entry,
            })
        })
    };
    let resources = |version: &str| {
        let list: Vec<Value> = KINDS
            .iter()
            .filter(|kind| kind.0 == version)
            .map(|(_, kind, plural, namespaced)| {
                json!({
                    "name": plural, "singularName": "", "namespaced": namespaced, "kind": kind,
                    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
                })
            })
            .collect();
        (!list.is_empty()).then(|| {
            json!({
                "kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": version, "resources": list,
            })
        })
    };
    match path {
        "/version" => Some(json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2"})),
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Some(json!({
            "kind": "APIGroupList", "apiVersion": "v1", "groups": groups().collect::<Vec<_>>(),
        })),
        "/api/v1" => resources("v1"),
        _ => path.strip_prefix("/apis/").and_then(resources),
    }
}

fn status(code: u16, reason: &str, path: &str) -> (u16, Value) {
    let status = if code < 300 { "Success" } else { "Failure" };
    (
        code,
        json!({
            "kind": "Status", "apiVersion": "v1", "status": status,
            "message": format!("{path}: {reason}"), "reason": reason, "code": code,
        }),
    )
}

/// JSON merge patch: enough for objects whose lists are replaced whole.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else if !key.starts_with('$') {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn answer(store: &Store, method: &str, uri: &str, given: &Value) -> (u16, Value) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    if let Some(found) = discovery(path).filter(|_| method == "GET") {
        return (200, found);
    }
    let mut held = store.lock().expect("no answer panics");
    let Held {
        objects: store,
        created,
    } = &mut *held;
    let is_collection = KINDS
        .iter()
        .any(|kind| path.rsplit('/').next() == Some(kind.2));
    match method {
        "GET" if is_collection => {
            let selector = query
                .split('&')
                .find_map(|part| part.strip_prefix("labelSelector="))
                .unwrap_or("")
                .replace("%2C", ",")
                .replace("%3D", "=");
            let items: Vec<Value> = store
                .iter()
                .filter(|(at, _)| at.starts_with(&format!("{path}/")))
                .map(|(_, object)| object.clone())
                .filter(|object| {
                    selector.split(',').filter(|s| !s.is_empty()).all(|rule| {
                        rule.split_once('=')
                            .is_none_or(|(key, value)| object["metadata"]["labels"][key] == value)
                    })
                })
                .collect();
            (
                200,
                json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}),
            )
        }
        "GET" => match store.get(path) {
            Some(object) => (200, object.clone()),
            None => status(404, "NotFound", path),
        },
        "POST" => {
            let name = given["metadata"]["name"].as_str().unwrap_or_default();
            let at = format!("{path}/{name}");
            if store.contains_key(&at) {
                return status(409, "AlreadyExists", &at);
            }
            created.push(at.clone());
            store.insert(at, given.clone());
            (201, given.clone())
        }
        "PUT" => {
            store.insert(path.to_owned(), given.clone());
            (200, given.clone())
        }
        "PATCH" => {
            let object = store.entry(path.to_owned()).or_insert_with(|| {
                created.push(path.to_owned());
                Value::Null
            });
            merge(object, given);
            (200, object.clone())
        }
        "DELETE" => match store.remove(path) {
            Some(_) => status(200, "", path),
            None => status(404, "NotFound", path),
        },
        _ => status(405, "MethodNotAllowed", path),
    }
}

/// One request per connection is enough for a test.
fn serve(stream: &TcpStream, store: &Store) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let uri = words.next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (code, answer) = answer(store, &method, &uri, &protobuf::read(&body));
    let (kind, bytes) = protobuf::write(&answer);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {code} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        bytes.len()
    )?;
    stream.write_all(&bytes)
}

/// Helm writes its own records, which are Secrets, as protobuf. They are stored
/// unchanged; only name and labels are read.
mod protobuf {
    use serde_json::{Map, Value, json};

    const MAGIC: &[u8] = b"k8s\0";

    /// A body of either kind, as the JSON that the store keeps.
    pub(super) fn read(body: &[u8]) -> Value {
        let Some(envelope) = body.strip_prefix(MAGIC) else {
            return serde_json::from_slice(body).unwrap_or(Value::Null);
        };
        let raw = field(envelope, 2).unwrap_or_default();
        let metadata = field(raw, 1).unwrap_or_default();
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let labels: Map<String, Value> = fields(metadata)
            .into_iter()
            .filter(|(number, _)| *number == 11)
            .map(|(_, entry)| (text(field(entry, 1)), text(field(entry, 2)).into()))
            .collect();
        json!({
            "metadata": {"name": text(field(metadata, 1)), "labels": labels},
            "raw": raw,
        })
    }

    /// Content type and body of an answer.
    pub(super) fn write(answer: &Value) -> (&'static str, Vec<u8>) {
        let raw = |object: &Value| -> Option<Vec<u8>> {
            serde_json::from_value(object.get("raw")?.clone()).ok()
        };
        let items: Vec<Vec<u8>> = answer["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(raw)
            .collect();
        let (kind, object) = if let Some(object) = raw(answer) {
            ("Secret", object)
        } else if items.is_empty() {
            return ("application/json", answer.to_string().into_bytes());
        } else {
            let list = items.iter().flat_map(|item| entry(2, item)).collect();
            ("SecretList", list)
        };
        let kind = [entry(1, b"v1"), entry(2, kind.as_bytes())].concat();
        let body = [MAGIC.to_vec(), entry(1, &kind), entry(2, &object)].concat();
        ("application/vnd.kubernetes.protobuf", body)
    }

    /// A field with a length.
    fn entry(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).expect("seven bits"));
        out.extend(bytes);
        out
    }

    fn field(message: &[u8], number: u64) -> Option<&[u8]> {
        let found = fields(message).into_iter().find(|(own, _)| *own == number);
        found.map(|(_, bytes)| bytes)
    }

    /// Fields with a length; numbers are skipped.
    fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
        let mut found = Vec::new();
        while !message.is_empty() {
            let tag = varint(&mut message);
            match tag & 7 {
                0 => {
                    varint(&mut message);
                }
                2 => {
                    let length = usize::try_from(varint(&mut message)).expect("it fits");
                    let (bytes, rest) = message.split_at(length);
                    found.push((tag >> 3, bytes));
                    message = rest;
                }
                other => panic!("wire type {other}"),
            }
        }
        found
    }

    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = message.split_first().expect("it ends within the message");
            *message = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
}

/// A cluster for one version of Helm, and a folder that is removed on drop.
struct Cluster {
    store: Store,
    folder: PathBuf,
    helm: PathBuf,
}

impl Cluster {
    fn new(name: &str, major: &str) -> Self {
        let helm = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../.cache/helm")
            .join(major)
            .join("helm");
        assert!(
            helm.exists(),
            "{} is missing: run `dev/scripts/setup helm`",
            helm.display()
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let store = Store::default();
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let store = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &store));
            }
        });
        let own = format!("release-{name}-{}-{major}", std::process::id());
        let folder = std::env::temp_dir().join(own);
        fs::create_dir_all(&folder).expect("it can be made");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "a",
            "clusters": [{"name": "a", "cluster": {"server": format!("http://{address}")}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "users": [{"name": "a", "user": {}}],
        });
        fs::write(folder.join("config"), config.to_string()).expect("it can be written");
        Self {
            store,
            folder,
            helm,
        }
    }

    /// Runs a program in the project's folder with this cluster's configuration, and
    /// returns its standard output.
    fn run(&self, program: &Path, args: &[&str]) -> String {
        let output = Command::new(program)
            .args(args)
            .args(["--namespace", "monitoring"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("KUBECONFIG", self.folder.join("config"))
            .env("HELM_CACHE_HOME", self.folder.join("cache"))
            .env("HELM_CONFIG_HOME", self.folder.join("helm"))
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("it is UTF-8")
    }

    fn helm(&self, args: &[&str]) -> String {
        self.run(&self.helm, args)
    }

    fn kubectl(&self, args: &[&str]) -> String {
        self.run(&self.helm.with_file_name("kubectl"), args)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let held = self.store.lock().expect("no answer panics");
        held.objects.get(path).cloned()
    }

    /// Returns the position of an object in the order of creation.
    fn order(&self, path: &str) -> usize {
        let held = self.store.lock().expect("no answer panics");
        let order = held.created.iter().position(|created| created == path);
        order.unwrap_or_else(|| panic!("no {path} in {:?}", held.created))
    }

    /// Names of everything but Helm's own records.
    fn objects(&self) -> Vec<String> {
        let held = self.store.lock().expect("no answer panics");
        let all = held
            .objects
            .keys()
            .filter(|path| !path.contains("/secrets/"));
        all.cloned().collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const CRONJOB: &str = "/apis/batch/v1/namespaces/monitoring/cronjobs/k8s-ai-agent";
const NAMESPACE: &str = "/api/v1/namespaces/monitoring";

/// Keys of version 0.2's values, which its users still set.
fn previous() -> Value {
    json!({
        "image": {"agent": {"repository": "reg/k8s-ai-agent", "tag": "v0.2.0", "pullPolicy": "Always"}},
        "exporter": {"scrapeInterval": "15s"},
        "agent": {"schedule": "*/20 * * * *", "lookbackMinutes": 60, "forecastMinutes": 15},
        "serviceMonitor": {"enabled": true, "releaseLabel": "kps"},
        "grafanaDashboard": {"folder": "Nodes"},
    })
}

#[test]
fn release_survives_upgrade_and_rollback() {
    for major in ["3", "4"] {
        let cluster = Cluster::new("life", major);
        let file = cluster.folder.join("previous.json");
        fs::write(&file, previous().to_string()).expect("it can be written");
        let file = file.to_str().expect("it is UTF-8").to_owned();
        let schedule = || {
            let cronjob = cluster.get(CRONJOB).expect("it is there");
            cronjob["spec"]["schedule"].as_str().map(str::to_owned)
        };

        cluster.helm(&[
            "install",
            "binbots-k8s",
            "helm",
            "--disable-openapi-validation",
            "-f",
            &file,
            "--set",
            "createNamespace=true",
        ]);
        assert_eq!(schedule().as_deref(), Some("*/20 * * * *"), "Helm {major}");
        let installed = cluster.objects();
        assert_eq!(installed.len(), 13, "Helm {major}: {installed:?}");
        let labels = &cluster.get(CRONJOB).expect("it is there")["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");

        let upgrade = |create: &str| {
            cluster.helm(&[
                "upgrade",
                "binbots-k8s",
                "helm",
                "--disable-openapi-validation",
                "-f",
                "helm/values.yaml",
                "-f",
                "helm/values-prod.yaml",
                "--set",
                create,
            ]);
        };
        upgrade("createNamespace=true");
        assert_eq!(schedule().as_deref(), Some("*/5 * * * *"), "Helm {major}");
        assert_eq!(cluster.objects(), installed, "Helm {major}");

        cluster.helm(&["rollback", "binbots-k8s", "1"]);
        assert_eq!(schedule().as_deref(), Some("*/20 * * * *"), "Helm {major}");
        assert_eq!(cluster.objects(), installed, "Helm {major}");

        // The Namespace is no longer part of the release, and stays.
        upgrade("createNamespace=false");
        assert_eq!(cluster.objects(), installed, "Helm {major}");

        cluster.helm(&["uninstall", "binbots-k8s"]);
        assert_eq!(cluster.objects(), [NAMESPACE], "Helm {major}");

        // Uninstalling a release that has the Namespace keeps it too.
        let again = ["install", "again", "helm", "--disable-openapi-validation"];
        let own = ["--set", "createNamespace=true,namespace=own"];
        cluster.helm(&[&again[..], &own[..]].concat());
        cluster.helm(&["uninstall", "again"]);
        let left = [NAMESPACE, "/api/v1/namespaces/own"];
        assert_eq!(cluster.objects(), left, "Helm {major}");
    }
}

const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k8s-ai-exporter";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/k8s-ai-exporter";
const DAEMONSET: &str = "/apis/apps/v1/namespaces/monitoring/daemonsets/k8s-ai-exporter";
const POLICIES: [&str; 2] = [
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/k8s-ai-exporter",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/k8s-ai-exporter",
];

/// The documentation states when the policy is in force, by this order.
#[test]
fn helm_install_keeps_an_applied_policy_first() {
    const INSTALL: [&str; 4] = [
        "install",
        "binbots-k8s",
        "helm",
        "--disable-openapi-validation",
    ];
    for major in ["3", "4"] {
        let cluster = Cluster::new("order", major);
        cluster.helm(&INSTALL);
        for policy in POLICIES {
            assert!(
                cluster.order(BINDING) < cluster.order(policy),
                "Helm {major}"
            );
            assert!(
                cluster.order(DAEMONSET) < cluster.order(policy),
                "Helm {major}"
            );
        }

        let cluster = Cluster::new("applied", major);
        let template = "templates/admissionpolicy-exporter.yaml";
        let policy = cluster.helm(&["template", "binbots-k8s", "helm", "-s", template]);
        let file = cluster.folder.join("policy.yaml");
        fs::write(&file, policy).expect("it can be written");
        let file = file.to_str().expect("it is UTF-8");
        cluster.kubectl(&["apply", "--validate=false", "-f", file]);
        cluster.helm(&[&INSTALL[..], &["--take-ownership"]].concat());
        for policy in POLICIES {
            assert!(
                cluster.order(policy) < cluster.order(BINDING),
                "Helm {major}"
            );
            let labels = &cluster.get(policy).expect("it is there")["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
        }
        cluster.helm(&["uninstall", "binbots-k8s"]);
        assert_eq!(cluster.objects(), [""; 0], "Helm {major}");
    }
}

#[test]
fn policy_is_applied_before_the_binding() {
    let cluster = Cluster::new("kubectl", "4");
    cluster.kubectl(&["apply", "--validate=false", "-f", "deploy"]);
    for policy in POLICIES {
        assert!(cluster.order(policy) < cluster.order(BINDING));
    }
}

#[test]
fn switching_to_kubelet_access_is_one_value() {
    for major in ["3", "4"] {
        let cluster = Cluster::new("switch", major);
        let rights = || cluster.get(ROLE).expect("it is there")["rules"][0]["resources"][0].clone();
        let arguments = || {
            let daemonset = cluster.get(DAEMONSET).expect("it is there");
            daemonset["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
        };
        let policies = || POLICIES.map(|policy| cluster.get(policy).is_some());
        let common = ["binbots-k8s", "helm", "--disable-openapi-validation"];

        cluster.helm(&[&["install"], &common[..]].concat());
        assert_eq!((rights(), policies()), (json!("nodes/proxy"), [true; 2]));
        let proxied = arguments();
        assert!(!proxied.contains("--via"), "Helm {major}: {proxied}");

        let switch = ["--reset-then-reuse-values", "--set", "exporter.via=kubelet"];
        cluster.helm(&[&["upgrade"], &common[..], &switch].concat());
        assert_eq!((rights(), policies()), (json!("nodes/metrics"), [false; 2]));
        let direct = arguments();
        assert!(
            direct.contains("\"--via=kubelet\""),
            "Helm {major}: {direct}"
        );
        assert!(
            direct.contains("\"--kubelet-ca-file="),
            "Helm {major}: {direct}"
        );

        cluster.helm(&["rollback", "binbots-k8s", "1"]);
        assert_eq!((rights(), policies()), (json!("nodes/proxy"), [true; 2]));
        assert_eq!(arguments(), proxied, "Helm {major}");
    }
}
