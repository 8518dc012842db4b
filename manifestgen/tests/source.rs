//! What the typed source promises, without any tool: names that users depend
//! on, arguments that the programs take, expressions that parse, and a
//! generation that fails when its parts do not fit each other.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;

use contract::{report, series, service};
use manifestgen::documents;
use manifestgen::objects::{self, Object, Place, dashboard, rules};
use manifestgen::output;
use manifestgen::overlay::{self, Context, Expr, Piece, Rule};
use manifestgen::values::Values;
use serde_json::{Value, json};

fn defaults() -> Value {
    documents::json(&Values::default()).expect("values are JSON")
}

fn full() -> Vec<Value> {
    let json = |values: &Values| documents::json(values).expect("values are JSON");
    Values::full_ci().iter().map(json).collect()
}

fn all() -> Vec<Object> {
    objects::all(&Values::default()).expect("the defaults fit their types")
}

fn find(kind: &str, name: &str) -> Object {
    all()
        .into_iter()
        .find(|object| object.tree["kind"] == kind && object.tree["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The check's complaints.
fn complaints(objects: &[Object], defaults: &Value) -> Vec<String> {
    let entries = documents::described(&Values::default()).expect("all is described");
    let free = documents::free_maps(&entries);
    match overlay::check(objects, defaults, &full(), &free) {
        Ok(()) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_sources_fit_each_other() {
    assert_eq!(complaints(&all(), &defaults()), Vec::<String>::new());
}

#[test]
fn a_typed_field_that_changes_without_its_overlay_is_named() {
    let mut objects = all();
    let daemonset = objects
        .iter_mut()
        .find(|object| object.tree["kind"] == "DaemonSet")
        .expect("there is one");
    daemonset.tree["spec"]["revisionHistoryLimit"] = json!(11);
    assert_eq!(
        complaints(&objects, &defaults()),
        ["DaemonSet k8s-ai-exporter/spec/revisionHistoryLimit: \
             with the defaults the chart has 10, the typed object 11"]
    );
}

#[test]
fn an_overlay_that_points_nowhere_is_named() {
    let mut objects = all();
    let object = objects.remove(0);
    objects.insert(0, object.set("/spec/banana", Expr::Value("namespace")));
    assert_eq!(
        complaints(&objects, &defaults())
            .first()
            .map(String::as_str),
        Some("Namespace monitoring/spec/banana: the typed object has no such field")
    );
}

#[test]
fn a_missing_field_under_a_wrong_name_is_named() {
    let mut objects = all();
    let last = objects.pop().expect("there are objects");
    objects.push(last.with("/spec/timeZone", Rule::Optional("agent.timeZone")));
    assert_eq!(
        complaints(&objects, &defaults()),
        [
            "Pod k8s-ai-exporter-test: with the full ci values it has a field \
             that its type does not know"
        ]
    );
}

#[test]
fn an_expression_over_a_value_that_does_not_exist_is_named() {
    let mut objects = all();
    let object = objects.remove(0);
    objects.insert(0, object.set("/metadata/name", Expr::Value("nameSpace")));
    assert_eq!(
        complaints(&objects, &defaults())
            .first()
            .map(String::as_str),
        Some("Namespace monitoring/metadata/name: there is no value nameSpace")
    );
}

#[test]
fn a_value_that_nothing_uses_is_named() {
    let mut defaults = defaults();
    defaults["exporter"]["banana"] = json!(1);
    assert_eq!(
        complaints(&all(), &defaults),
        ["value exporter.banana: no object uses it"]
    );
}

#[test]
fn a_value_that_leaves_no_trace_with_the_full_values_is_named() {
    let mut objects = all();
    let last = objects.pop().expect("there are objects");
    objects.push(last.with("/spec/hostname", Rule::Optional("global")));
    let complaints = complaints(&objects, &defaults());
    assert_eq!(
        complaints.first().map(String::as_str),
        Some("Pod k8s-ai-exporter-test/spec/hostname: the ci values leave global empty")
    );
}

/// The other half of the sources' equality: what the overlays make of other
/// values is what the types make of them.
#[test]
fn typed_objects_and_overlays_agree_on_dev_and_prod_too() {
    for values in [Values::dev(), Values::prod()] {
        let json = documents::json(&values).expect("values are JSON");
        let context = Context {
            values: &json,
            release: manifestgen::chart::NAME,
        };
        let typed = objects::all(&values).expect("they fit their types");
        for (default, typed) in all().iter().zip(typed) {
            if let Some(rendered) = overlay::render(default, context).expect("it renders") {
                assert_eq!(rendered, typed.tree, "{}", default.place());
            }
        }
    }
}

/// Another value of the same type.
fn another(path: &str, value: &Value) -> Value {
    match (path, value) {
        (_, Value::Bool(truth)) => json!(!truth),
        (_, Value::Number(number)) => json!(number.as_i64().expect("whole") + 1),
        // Words of an enumeration.
        (path, _) if path.ends_with("pullPolicy") => json!("Never"),
        ("exporter.logLevel", _) => json!("debug"),
        ("exporter.mode", mode) if mode == "statefulset" => json!("standalone"),
        ("exporter.mode", _) => json!("statefulset"),
        ("exporter.via", way) if way == "proxy" => json!("kubelet"),
        ("exporter.via", _) => json!("proxy"),
        ("agent.format", _) => json!("json"),
        ("agent.mode", _) => json!("deployment"),
        ("agent.model", _) => json!("ets"),
        ("agent.fleet", _) => json!("off"),
        ("exporter.excludePhases", _) => json!(["Failed"]),
        (_, Value::String(text)) => json!(format!("{text}z")),
        (_, Value::Object(map)) => {
            let mut map = map.clone();
            map.remove(&map.keys().next().expect("it is not empty").clone());
            Value::Object(map)
        }
        (_, Value::Array(list)) => json!(list[1..]),
        _ => panic!("{path}: {value}"),
    }
}

/// Two values with the same default could be mistaken for each other, and the
/// defaults would not show it: each value in turn is changed.
#[test]
fn each_value_changes_in_the_chart_what_it_changes_in_the_typed_objects() {
    let entries = documents::described(&Values::default()).expect("all is described");
    let free = documents::free_maps(&entries);
    let objects = all();
    let defaults = defaults();
    let with = |changes: Value| {
        let mut values = defaults.clone();
        for (pointer, value) in changes.as_object().expect("a map") {
            *values.pointer_mut(pointer).expect("it exists") = value.clone();
        }
        values
    };
    let bases = [
        defaults.clone(),
        with(json!({"/agent/mode": "deployment", "/networkPolicy/enabled": true})),
        with(json!({"/exporter/mode": "statefulset"})),
        with(json!({"/exporter/mode": "standalone", "/exporter/via": "kubelet"})),
    ];
    // The typed objects leave these out: a field that is there only with a value
    // is proven by the full values.
    let only_in_the_chart: BTreeSet<&str> = objects
        .iter()
        .flat_map(|object| &object.overlays)
        .flat_map(|overlay| match &overlay.rule {
            Rule::Optional(path) | Rule::AppendVariables(path) => vec![*path],
            Rule::Append(paths) => paths.to_vec(),
            Rule::Block(path) => vec![*path],
            _ => Vec::new(),
        })
        .filter(|path| {
            let value = overlay::lookup(&defaults, path).expect("it exists");
            *value == json!({}) || *value == json!([]) || *value == json!("")
        })
        .collect();
    let mut changed = 0;
    for path in overlay::leaves(&defaults, &free) {
        if only_in_the_chart.contains(path.as_str()) || path == "global" {
            continue;
        }
        let mut differs = false;
        for base in &bases {
            let mut values = base.clone();
            let pointer = format!("/{}", path.replace('.', "/"));
            let slot = values.pointer_mut(&pointer).expect("it exists");
            *slot = another(&path, slot);
            let typed: Values = serde_json::from_value(values.clone()).expect("it is of its type");
            let typed = objects::all(&typed).expect("they fit their types");
            for (object, typed) in objects.iter().zip(&typed) {
                let render = |values| {
                    let context = Context {
                        values,
                        release: manifestgen::chart::NAME,
                    };
                    overlay::render(object, context).expect("it renders")
                };
                let rendered = render(&values);
                differs |= rendered != render(base);
                // Entries that a condition leaves out, the typed objects keep.
                if let Some(rendered) = rendered
                    && !path.starts_with("prometheusRule.alerts")
                    && !path.ends_with("ownNodeOnly")
                {
                    assert_eq!(
                        without_optional(&rendered),
                        without_optional(&typed.tree),
                        "{path}: {}",
                        typed.place()
                    );
                }
            }
        }
        assert!(differs, "{path} changes nothing");
        changed += 1;
    }
    assert!(changed > 60, "{changed}");
}

/// Without the entries of lists that a condition leaves out.
fn without_optional(tree: &Value) -> Value {
    let mut tree = tree.clone();
    if tree["kind"] == "PrometheusRule"
        && let Some(groups) = tree["spec"]["groups"].as_array_mut()
    {
        for group in groups {
            if let Some(rules) = group["rules"].as_array_mut() {
                rules.retain(|rule| rule["alert"] != "BinbotsAgentNotRun");
            }
        }
    }
    if tree["kind"] == "ValidatingAdmissionPolicy"
        && let Some(validations) = tree["spec"]["validations"].as_array_mut()
    {
        validations.truncate(2);
    }
    tree
}

/// In a block of several lines a value stands as it is, without quotes around
/// it: one with a line feed or a quote would end the string it stands in.
#[test]
fn a_value_that_stands_unquoted_has_a_pattern_that_keeps_it_harmless() {
    let entries = documents::described(&Values::default()).expect("all is described");
    let schema: Value =
        serde_json::from_str(&documents::schema_json(&entries).expect("JSON")).expect("JSON");
    let mut seen = BTreeSet::new();
    for object in all() {
        for overlay in &object.overlays {
            let Rule::Set(Expr::Text(pieces)) = &overlay.rule else {
                continue;
            };
            let is_block = pieces.iter().any(
                |piece| matches!(piece, Piece::Literal(text) if text.contains(['\n', '"', '\''])),
            );
            if !is_block {
                continue;
            }
            for piece in pieces {
                match piece {
                    Piece::Part(Expr::Value(path)) => seen.extend([*path]),
                    Piece::Part(Expr::Helper(helper)) => seen.extend(helper.reads()),
                    _ => {}
                }
            }
        }
    }
    assert!(seen.contains("namespace"));
    for path in seen {
        let pointer = path.replace('.', "/properties/");
        let own = schema
            .pointer(&format!("/properties/{pointer}"))
            .expect("it has a schema");
        // The words of an enumeration are our own.
        let is_word = own.get("enum").is_some() || own.get("oneOf").is_some();
        if own["type"] == "string" && !is_word {
            let pattern = own["pattern"].as_str().unwrap_or_else(|| panic!("{path}"));
            assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{path}");
            // Only sets of harmless characters.
            assert!(
                !pattern.contains(['.', '"']) || pattern.contains("[-."),
                "{path}: {pattern}"
            );
        }
    }
}

#[test]
fn the_committed_files_are_those_that_would_be_written() {
    let files = output::files().expect("the sources fit each other");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let differences = output::differences(&root, &files).expect("the folders can be read");
    assert_eq!(differences, [], "run `just generate`");
}

#[test]
fn every_generated_file_says_so_in_its_first_line() {
    for (path, text) in output::files().expect("the sources fit each other") {
        let head: String = text.lines().take(5).collect();
        // JSON has no comments: the schema has a key for them, the dashboard a description.
        if path.ends_with("grafana-dashboard-binbots.json") {
            assert!(text.contains("Generated by manifestgen"), "{path}");
        } else {
            assert!(head.contains(manifestgen::MARK), "{path}");
        }
    }
}

#[test]
fn the_names_that_users_depend_on_stay() {
    for (kind, name) in [
        ("Namespace", "monitoring"),
        ("ServiceAccount", "k8s-ai-exporter"),
        ("ServiceAccount", "k8s-ai-agent"),
        ("ClusterRole", "k8s-ai-exporter"),
        ("ClusterRoleBinding", "k8s-ai-exporter"),
        ("DaemonSet", "k8s-ai-exporter"),
        ("Service", "k8s-ai-exporter"),
        ("ServiceMonitor", "k8s-ai-exporter"),
        ("PrometheusRule", "binbots-k8s-alerts"),
        ("CronJob", "k8s-ai-agent"),
        ("ValidatingAdmissionPolicy", "k8s-ai-exporter"),
        ("ValidatingAdmissionPolicyBinding", "k8s-ai-exporter"),
        ("ConfigMap", "grafana-dashboard-binbots"),
    ] {
        find(kind, name);
    }
    for path in [
        "00-namespace.yaml",
        "serviceaccount.yaml",
        "clusterrole.yaml",
        "clusterrolebinding.yaml",
        "daemonset-exporter.yaml",
        "service-exporter.yaml",
        "servicemonitor-exporter.yaml",
        "prometheusrule-binbots.yaml",
        "cronjob-ai-agent.yaml",
        "dashboards/grafana-dashboard-binbots.json",
    ] {
        let files = output::files().expect("the sources fit each other");
        assert!(files.contains_key(&format!("deploy/{path}")), "{path}");
    }
    let values = defaults();
    for path in [
        "namespace",
        "image.exporter.repository",
        "image.exporter.tag",
        "image.exporter.pullPolicy",
        "image.agent.repository",
        "image.agent.tag",
        "image.agent.pullPolicy",
        "exporter.scrapeInterval",
        "exporter.resources",
        "agent.schedule",
        "agent.lookbackMinutes",
        "agent.forecastMinutes",
        "serviceMonitor.enabled",
        "serviceMonitor.releaseLabel",
        "prometheusRule.enabled",
        "prometheusRule.releaseLabel",
        "prometheusRule.interval",
        "prometheusRule.exporterDownFor",
        "prometheusRule.agentNotRunThresholdSeconds",
        "grafanaDashboard.enabled",
        "grafanaDashboard.configMapName",
        "grafanaDashboard.folder",
    ] {
        assert!(overlay::lookup(&values, path).is_some(), "{path}");
    }
}

#[test]
fn the_environments_keep_their_promises() {
    let dev = documents::json(&Values::dev()).expect("values are JSON");
    let prod = documents::json(&Values::prod()).expect("values are JSON");
    assert_eq!(dev["agent"]["schedule"], "*/15 * * * *");
    assert_eq!(dev["agent"]["lookbackMinutes"], 60);
    assert_eq!(dev["agent"]["forecastMinutes"], 15);
    assert_eq!(dev["prometheusRule"]["exporterDownFor"], "10m");
    assert_eq!(dev["prometheusRule"]["agentNotRunThresholdSeconds"], 2700);
    assert_eq!(dev["grafanaDashboard"]["folder"], "Dev");
    assert_eq!(prod["agent"]["schedule"], "*/5 * * * *");
    assert_eq!(prod["exporter"]["scrapeInterval"], "20s");
    assert_eq!(prod["prometheusRule"]["agentNotRunThresholdSeconds"], 900);
    assert_eq!(
        prod["image"]["agent"]["tag"],
        manifestgen::chart::image_tag()
    );
    assert_eq!(prod["grafanaDashboard"]["folder"], "Kubernetes");
}

/// A container's arguments and environment; a variable from a field has a stand-in.
fn command_line(container: &Value) -> (Vec<OsString>, Vec<(String, String)>) {
    let list = |key: &str| container[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let env: Vec<(String, String)> = list("env")
        .iter()
        .map(|entry| {
            let stand_in = match entry["name"].as_str() {
                Some("POD_INDEX") => "0",
                _ => "node-1",
            };
            let value = entry.get("value").map_or(stand_in.to_owned(), text);
            (text(&entry["name"]), value)
        })
        .collect();
    // As the kubelet does.
    let expand = |arg: &Value| {
        env.iter().fold(text(arg), |arg, (name, value)| {
            arg.replace(&format!("$({name})"), value)
        })
    };
    let args = list("args").iter().map(|arg| expand(arg).into()).collect();
    (args, env)
}

/// Whether an object belongs to this program.
fn is_of(object: &Value, component: &str) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/component"] == component
}

/// What the chart renders in one mode of the exporter, with one way to the kubelets.
fn in_mode(mode: &str, via: &str) -> Vec<Value> {
    let mut values = defaults();
    values["exporter"]["mode"] = json!(mode);
    values["exporter"]["via"] = json!(via);
    values["exporter"]["allNodes"]["shards"] = json!(3);
    values["networkPolicy"]["enabled"] = json!(true);
    let context = Context {
        values: &values,
        release: "x",
    };
    let render = |object: &Object| overlay::render(object, context).expect("it renders");
    all().iter().filter_map(render).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

#[test]
fn each_mode_has_its_workload_and_nothing_for_a_prometheus_that_is_not_there() {
    const SCRAPED: [&str; 3] = ["ServiceMonitor", "PrometheusRule", "ConfigMap"];
    for (mode, own, others) in [
        ("daemonset", vec!["DaemonSet"], SCRAPED.to_vec()),
        (
            "statefulset",
            vec!["StatefulSet", "PodDisruptionBudget"],
            SCRAPED.to_vec(),
        ),
        ("standalone", vec!["Deployment"], vec![]),
    ] {
        let objects = in_mode(mode, "proxy");
        for kind in [
            "DaemonSet",
            "StatefulSet",
            "PodDisruptionBudget",
            "Deployment",
            "ServiceMonitor",
            "PrometheusRule",
            "ConfigMap",
        ] {
            let expected = own.contains(&kind) || others.contains(&kind);
            let found = of_kind(&objects, kind).len();
            assert_eq!(found, usize::from(expected), "{mode}: {kind}");
        }
        for kind in ["Service", "CronJob", "ClusterRole", "ClusterRoleBinding"] {
            assert_eq!(of_kind(&objects, kind).len(), 1, "{mode}: {kind}");
        }
    }
}

/// The same rights as those with which the programs are tested to do.
#[test]
fn each_mode_grants_the_rights_that_it_needs_and_no_others() {
    for (mode, via, expected) in [
        ("daemonset", "proxy", ["nodes/proxy get", "nodes get"]),
        ("daemonset", "kubelet", ["nodes/metrics get", "nodes get"]),
        (
            "statefulset",
            "proxy",
            ["nodes/proxy get", "nodes get,list"],
        ),
        (
            "statefulset",
            "kubelet",
            ["nodes/metrics get", "nodes get,list"],
        ),
        ("standalone", "proxy", ["nodes/proxy get", "nodes get,list"]),
        (
            "standalone",
            "kubelet",
            ["nodes/metrics get", "nodes get,list"],
        ),
    ] {
        let objects = in_mode(mode, via);
        let rights: Vec<String> = of_kind(&objects, "ClusterRole")
            .iter()
            .flat_map(|role| role["rules"].as_array().expect("rules").clone())
            .map(|rule| {
                let words = |key: &str| {
                    let words = rule[key].as_array().expect("a list").iter();
                    words
                        .map(|word| word.as_str().expect("a word").to_owned())
                        .collect::<Vec<_>>()
                        .join(",")
                };
                format!("{} {}", words("resources"), words("verbs"))
            })
            .collect();
        let expected = [expected[0], expected[1], "pods list"];
        assert_eq!(rights, expected, "{mode} via {via}");
        // nodes/proxy is never granted without the policy: paths, names and, for a pod that
        // reads one node, that node.
        let policies = of_kind(&objects, "ValidatingAdmissionPolicy");
        let validations = policies.first().map_or(0, |policy| {
            policy["spec"]["validations"].as_array().map_or(0, Vec::len)
        });
        let expected = match (mode, via) {
            (_, "kubelet") => 0,
            ("daemonset", _) => 3,
            _ => 2,
        };
        assert_eq!(validations, expected, "{mode} via {via}");
    }
}

#[test]
fn standing_alone_the_exporter_keeps_as_much_as_the_agent_looks_back_and_lets_it_in() {
    let objects = in_mode("standalone", "proxy");
    let cronjob = of_kind(&objects, "CronJob")[0];
    let container = &cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let (_, variables) = command_line(container);
    let url = variables.iter().find(|(name, _)| name == "PROMETHEUS_URL");
    let service = of_kind(&objects, "Service")[0];
    let address = format!(
        "http://{}.monitoring.svc:{}",
        service["metadata"]["name"].as_str().expect("a name"),
        service["spec"]["ports"][0]["port"]
    );
    assert_eq!(url.map(|(_, url)| url.as_str()), Some(address.as_str()));
    let (args, variables) = command_line(
        &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0],
    );
    let command = k8s_ai_exporter::args::resolve(args, &environment(variables));
    let Ok(k8s_ai_exporter::args::Command::Run(config)) = command else {
        panic!("{command:?}")
    };
    let lookback = Values::default().agent.lookback_minutes;
    assert!(config.flags.history.as_secs() >= 60 * lookback.unsigned_abs());
    assert_eq!(config.flags.history_memory, 64 << 20);
    let policy = of_kind(&objects, "NetworkPolicy")
        .into_iter()
        .find(|policy| is_of(policy, "exporter"))
        .expect("one for the exporter");
    let agent = json!([{"podSelector": {"matchLabels": {"app": "k8s-ai-agent"}}}]);
    assert_eq!(policy["spec"]["ingress"][1]["from"], agent);
}

/// Ports that the pods of a program may connect to, by all of its NetworkPolicies.
fn egress_ports(objects: &[Value], app: &str) -> BTreeSet<u64> {
    of_kind(objects, "NetworkPolicy")
        .into_iter()
        .map(|policy| &policy["spec"])
        .filter(|spec| spec["podSelector"]["matchLabels"]["app"] == app)
        .inspect(|spec| {
            let types = spec["policyTypes"].as_array().expect("types");
            assert!(types.contains(&json!("Egress")), "{spec}");
        })
        .flat_map(|spec| spec["egress"].as_array().into_iter().flatten())
        .flat_map(|rule| {
            rule["ports"]
                .as_array()
                .expect("a rule without ports allows all")
        })
        .map(|port| port["port"].as_u64().expect("a number"))
        .collect()
}

#[test]
fn egress_is_limited_to_what_each_mode_needs() {
    for (mode, via, exporter, agent) in [
        ("daemonset", "proxy", vec![53, 443, 6443], 9090),
        ("daemonset", "kubelet", vec![53, 443, 6443, 10250], 9090),
        ("statefulset", "proxy", vec![53, 443, 6443], 9090),
        ("standalone", "kubelet", vec![53, 443, 6443, 10250], 9100),
    ] {
        let objects = in_mode(mode, via);
        assert_eq!(
            egress_ports(&objects, "k8s-ai-exporter"),
            BTreeSet::from_iter(exporter),
            "{mode} via {via}"
        );
        assert_eq!(
            egress_ports(&objects, "k8s-ai-agent"),
            [53, 443, agent].into(),
            "{mode} via {via}"
        );
    }
}

#[test]
fn where_pods_share_the_nodes_the_alert_wants_each_of_them() {
    for (mode, least) in [("daemonset", "< 1"), ("statefulset", "< 3")] {
        let objects = in_mode(mode, "proxy");
        let expr = &of_kind(&objects, "PrometheusRule")[0]["spec"]["groups"][0]["rules"][0]["expr"];
        assert!(
            expr.as_str().expect("PromQL").contains(least),
            "{mode}: {expr}"
        );
    }
}

/// The environment of a pod: the container's, and what Kubernetes adds.
fn environment(variables: Vec<(String, String)>) -> impl Fn(&str) -> Option<String> {
    move |name| {
        let added = match name {
            "KUBERNETES_SERVICE_HOST" => Some("10.96.0.1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            // Set in the pods of an Indexed Job.
            "JOB_COMPLETION_INDEX" => Some("0".to_owned()),
            _ => None,
        };
        variables
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
            .or(added)
    }
}

/// Every object of every set of values that the chart is tested with.
fn every_rendering() -> Vec<Value> {
    let mut values = vec![Values::default(), Values::dev(), Values::prod()];
    values.extend(Values::ci().into_iter().map(|(_, values)| values));
    let mut out = Vec::new();
    for values in values {
        let json = documents::json(&values).expect("values are JSON");
        let context = Context {
            values: &json,
            release: "binbots-k8s",
        };
        for object in all() {
            out.extend(overlay::render(&object, context).expect("it renders"));
        }
    }
    out
}

#[test]
fn the_exporter_takes_the_arguments_of_every_rendering() {
    let mut seen = 0;
    for object in every_rendering() {
        let (container, nodes) = match object["kind"].as_str() {
            Some("Pod") => (&object["spec"]["containers"][0], "node node-1"),
            Some(kind) if is_of(&object, "exporter") => {
                let nodes = match kind {
                    "DaemonSet" => "node node-1",
                    "StatefulSet" => "all nodes of shard 0/3",
                    "Deployment" => "all nodes",
                    _ => continue,
                };
                let pod = &object["spec"]["template"]["spec"];
                (&pod["containers"][0], nodes)
            }
            _ => continue,
        };
        let (args, variables) = command_line(container);
        let command = k8s_ai_exporter::args::resolve(args, &environment(variables))
            .unwrap_or_else(|error| panic!("{error}"));
        let k8s_ai_exporter::args::Command::Run(config) = command else {
            panic!("{command:?}")
        };
        assert_eq!(config.nodes.to_string(), nodes);
        assert_eq!(
            config.once().is_some(),
            object["kind"] == "Pod",
            "only the test leaves by itself"
        );
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn the_agent_takes_the_environment_of_every_rendering() {
    let mut seen = 0;
    for object in every_rendering() {
        let pod = match object["kind"].as_str() {
            Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            Some("Deployment") if is_of(&object, "agent") => &object["spec"]["template"]["spec"],
            _ => continue,
        };
        let container = &pod["containers"][0];
        let (args, variables) = command_line(container);
        let url = variables
            .iter()
            .find(|(name, _)| name == "PROMETHEUS_URL")
            .map(|(_, url)| url.clone())
            .expect("it is told where to ask");
        let command = k8s_ai_agent::args::parse(args, &environment(variables))
            .unwrap_or_else(|error| panic!("{error}"));
        let k8s_ai_agent::args::Command::Report(config) = command else {
            panic!("{command:?}")
        };
        assert_eq!(config.backend.url.to_string(), url);
        assert_eq!(config.service.is_some(), object["kind"] == "Deployment");
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn without_a_url_of_its_own_the_agent_follows_the_namespace() {
    let mut values = defaults();
    values["namespace"] = json!("observability");
    let context = Context {
        values: &values,
        release: "x",
    };
    let cronjob = overlay::render(&find("CronJob", "k8s-ai-agent"), context)
        .expect("it renders")
        .expect("it is on");
    let env = &cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(
        env[0],
        json!({"name": "PROMETHEUS_URL", "value": "http://prometheus-operated.observability.svc:9090"})
    );
}

#[test]
fn the_admission_policy_follows_contract_namespace_and_account() {
    let policy = find("ValidatingAdmissionPolicy", "k8s-ai-exporter").tree;
    let paths = policy["spec"]["validations"][0]["expression"]
        .as_str()
        .expect("CEL");
    for path in contract::kubelet::PATHS {
        assert!(paths.contains(&format!("'{path}'")), "{paths}");
    }
    assert_eq!(
        paths.matches('/').count(),
        contract::kubelet::PATHS.len() * 2
    );

    let mut values = defaults();
    values["namespace"] = json!("observability");
    values["serviceAccount"]["exporter"]["name"] = json!("node-reader");
    let context = Context {
        values: &values,
        release: "x",
    };
    let rendered = overlay::render(
        &find("ValidatingAdmissionPolicy", "k8s-ai-exporter"),
        context,
    )
    .expect("it renders")
    .expect("it is on");
    assert_eq!(
        rendered["spec"]["matchConditions"][0]["expression"],
        "request.userInfo.username == 'system:serviceaccount:observability:node-reader'"
    );
}

#[test]
fn pods_meet_the_restricted_standard_and_need_nothing_of_the_host() {
    for object in every_rendering() {
        let pod = match object["kind"].as_str() {
            Some("DaemonSet" | "StatefulSet" | "Deployment") => &object["spec"]["template"]["spec"],
            Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            Some("Pod") => &object["spec"],
            _ => continue,
        };
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert!(pod["securityContext"]["runAsUser"].as_i64() > Some(0));
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        let container = &pod["containers"][0];
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
        assert!(container["resources"]["limits"]["memory"].is_string());
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod.get(host).is_none(), "{host}");
        }
        // Those of the user's own values: the ci values mount a Secret.
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert!(volume.get("secret").is_some(), "{volume}");
        }
    }
}

/// Names of the series that an expression asks for.
fn asked(expr: &str) -> HashSet<String> {
    fn walk(expr: &promql_parser::parser::Expr, into: &mut HashSet<String>) {
        use promql_parser::parser::Expr;
        match expr {
            Expr::VectorSelector(selector) => {
                into.insert(selector.name.clone().expect("a selector has a name"));
            }
            Expr::MatrixSelector(selector) => {
                into.insert(selector.vs.name.clone().expect("a selector has a name"));
            }
            Expr::Aggregate(inner) => walk(&inner.expr, into),
            Expr::Unary(inner) => walk(&inner.expr, into),
            Expr::Paren(inner) => walk(&inner.expr, into),
            Expr::Subquery(inner) => walk(&inner.expr, into),
            Expr::Binary(inner) => {
                walk(&inner.lhs, into);
                walk(&inner.rhs, into);
            }
            Expr::Call(call) => {
                for arg in &call.args.args {
                    walk(arg, into);
                }
            }
            _ => {}
        }
    }
    let parsed = promql_parser::parser::parse(expr).unwrap_or_else(|error| {
        panic!("{error}: {expr}");
    });
    let mut into = HashSet::new();
    walk(&parsed, &mut into);
    into
}

#[test]
fn the_agent_has_neither_token_nor_right_and_the_exporter_three_with_their_reasons() {
    let agent = find("ServiceAccount", "k8s-ai-agent");
    assert_eq!(agent.tree["automountServiceAccountToken"], false);
    let (mut pods, mut bindings) = (0, 0);
    for object in every_rendering() {
        let kind = object["kind"].as_str().expect("a kind");
        let component = &object["metadata"]["labels"]["app.kubernetes.io/component"];
        if kind.ends_with("RoleBinding") {
            assert_eq!(component, "exporter", "{object}");
            bindings += 1;
        }
        let pod = match kind {
            "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            "Deployment" if component == "agent" => &object["spec"]["template"]["spec"],
            _ => continue,
        };
        assert_eq!(pod["automountServiceAccountToken"], false);
        pods += 1;
    }
    assert!(pods > 0 && bindings > 0, "{pods} {bindings}");
    let role = find("ClusterRole", "k8s-ai-exporter");
    let rights: Vec<_> = role.tree["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| (&rule["apiGroups"], &rule["resources"], &rule["verbs"]))
        .map(|(groups, resources, verbs)| json!([groups, resources, verbs]))
        .collect();
    assert_eq!(
        rights,
        [
            json!([[""], ["nodes/proxy"], ["get"]]),
            json!([[""], ["nodes"], ["get"]]),
            json!([[""], ["pods"], ["list"]]),
        ]
    );
    for (index, right) in rights.iter().enumerate() {
        let pointer = format!("/rules/{index}");
        let mut comments = role.comments.iter();
        assert!(comments.any(|(at, _)| *at == pointer), "{right}: no reason");
    }
}

#[test]
fn every_expression_parses_and_asks_for_series_that_exist() {
    let published = series::ALL.iter().chain(report::ALL).chain(service::ALL);
    let mut known: BTreeSet<&str> = published.map(|series| series.name).collect();
    known.extend(rules::FOREIGN);
    known.extend([rules::USAGE, rules::PREDICTED]);

    let rule = find("PrometheusRule", "binbots-k8s-alerts").tree;
    let mut expressions: Vec<String> = rule["spec"]["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"))
        .map(|rule| rule["expr"].as_str().expect("PromQL").to_owned())
        .collect();
    for panel in dashboard::dashboard().panels {
        for target in panel.targets {
            // Grafana fills this one in.
            expressions.push(target.expr.replace("$__rate_interval", "5m"));
        }
    }
    expressions.extend([
        Values::default().agent.cpu_query,
        Values::default().agent.memory_query,
    ]);
    assert!(expressions.len() > 20);
    let mut used = HashSet::new();
    for expr in &expressions {
        for name in asked(expr) {
            assert!(known.contains(name.as_str()), "{name} in {expr}");
            used.insert(name);
        }
    }
    for foreign in rules::FOREIGN {
        assert!(used.contains(foreign), "{foreign} is declared and not used");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let text = dashboard::json().expect("it is JSON");
    let json: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(json["uid"], "binbots-nodes");
    assert!(json.get("__inputs").is_none(), "import asks for nothing");
    let panels = json["panels"].as_array().expect("panels");
    let ids: HashSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    for core in [
        &series::CPU_USAGE,
        &series::MEMORY_USAGE,
        &series::ACTIVE_PODS,
    ] {
        let first = &panels[..3];
        assert!(
            first.iter().any(|panel| panel["targets"][0]["expr"]
                .as_str()
                .expect("PromQL")
                .contains(core.name)),
            "{}",
            core.name
        );
    }
    for panel in panels {
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().expect("x") + place["w"].as_u64().expect("w");
        assert!(right <= 24);
    }
    let variables: Vec<_> = json["templating"]["list"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|variable| variable["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(variables, ["datasource", "node"]);
}

#[test]
fn the_operators_own_types_know_every_field_of_ours() {
    use kcr_monitoring_coreos_com::v1::prometheusrules::PrometheusRule;
    use kcr_monitoring_coreos_com::v1::servicemonitors::ServiceMonitor;
    let mut seen = 0;
    for object in every_rendering() {
        let again = match object["kind"].as_str() {
            Some("ServiceMonitor") => serde_json::from_value::<ServiceMonitor>(object.clone())
                .and_then(serde_json::to_value),
            Some("PrometheusRule") => serde_json::from_value::<PrometheusRule>(object.clone())
                .and_then(serde_json::to_value),
            _ => continue,
        };
        assert_eq!(again.expect("it is read and written"), object);
        seen += 1;
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn no_value_lacks_a_type_a_default_or_a_comment() {
    let entries = documents::described(&Values::default()).expect("all is described");
    let schema: Value =
        serde_json::from_str(&documents::schema_json(&entries).expect("it is JSON")).expect("JSON");
    let rows = documents::table(&entries);
    assert!(rows.len() > 90, "{}", rows.len());
    for row in rows {
        let pointer = row.path.replace('.', "/properties/");
        let own = schema
            .pointer(&format!("/properties/{pointer}"))
            .unwrap_or_else(|| panic!("{} has no schema", row.path));
        assert!(own.get("type").is_some(), "{}: {own}", row.path);
        assert!(own.get("default").is_some(), "{}", row.path);
        assert!(
            own["description"]
                .as_str()
                .is_some_and(|text| text.len() > 3),
            "{}",
            row.path
        );
        assert!(
            own.get("$ref").is_none() && own.get("allOf").is_none(),
            "{}: {own}",
            row.path
        );
    }
}

#[test]
fn no_object_carries_null_or_an_empty_map() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("null at {path}"),
            Value::Object(map) => {
                assert!(!map.is_empty(), "empty at {path}");
                for (key, value) in map {
                    walk(value, &format!("{path}/{key}"));
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    walk(value, &format!("{path}/{index}"));
                }
            }
            _ => {}
        }
    }
    for object in every_rendering() {
        walk(&object, "");
    }
}

#[test]
fn only_the_chart_has_what_is_of_use_to_helm_alone() {
    let chart_only: Vec<_> = all()
        .iter()
        .filter(|object| object.place == Place::Chart)
        .map(Object::place)
        .collect();
    assert_eq!(
        chart_only,
        [
            "ClusterRole k8s-ai-exporter",
            "ClusterRole k8s-ai-exporter",
            "ClusterRole k8s-ai-exporter",
            "StatefulSet k8s-ai-exporter",
            "PodDisruptionBudget k8s-ai-exporter",
            "Deployment k8s-ai-exporter",
            "ServiceMonitor k8s-ai-exporter",
            "Deployment k8s-ai-agent",
            "Service k8s-ai-agent",
            "ServiceMonitor k8s-ai-agent",
            "NetworkPolicy k8s-ai-exporter",
            "NetworkPolicy k8s-ai-exporter",
            "NetworkPolicy k8s-ai-exporter-kubelets",
            "NetworkPolicy k8s-ai-agent",
            "NetworkPolicy k8s-ai-agent",
            "NetworkPolicy k8s-ai-agent-backend",
            "Pod k8s-ai-exporter-test"
        ]
    );
}

#[test]
fn generation_takes_less_than_a_second() {
    let start = std::time::Instant::now();
    output::files().expect("the sources fit each other");
    assert!(start.elapsed() < std::time::Duration::from_secs(1));
}

/// An alert without a page that explains it wakes people for nothing.
#[test]
fn every_alert_has_a_runbook_where_its_link_points() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages: String = ["README.md"]
        .iter()
        .filter_map(|page| std::fs::read_to_string(root.join(page)).ok())
        .collect();
    let anchors: HashSet<String> = pages
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.trim().to_lowercase().replace(' ', "-"))
        .collect();
    let rule = find("PrometheusRule", "binbots-k8s-alerts").tree;
    let mut alerts = 0;
    for group in rule["spec"]["groups"].as_array().expect("groups") {
        for rule in group["rules"].as_array().expect("rules") {
            if let Some(url) = rule["annotations"]["runbook_url"].as_str() {
                let (_, anchor) = url.split_once('#').expect("it has an anchor");
                assert!(anchors.contains(anchor), "{url}");
                alerts += 1;
            }
        }
    }
    assert_eq!(alerts, 4);
}

/// Files that the pages name are there.
#[test]
fn the_pages_apply_files_that_exist_and_forget_none() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages: String = ["README.md"]
        .iter()
        .filter_map(|page| std::fs::read_to_string(root.join(page)).ok())
        .collect();
    let applied: BTreeSet<String> = pages
        .lines()
        .filter_map(|line| line.strip_prefix("kubectl apply -f "))
        .filter(|path| path.ends_with(".yaml"))
        .map(str::to_owned)
        .collect();
    let generated: BTreeSet<String> = output::files()
        .expect("the sources fit each other")
        .into_keys()
        .filter(|path| path.starts_with("deploy/") && path.ends_with(".yaml"))
        .collect();
    assert_eq!(applied, generated);
}
