//! Command lines with their configurations, and refused ones with their messages.

use super::*;

fn resolved(args: &[&str], variables: &[(&str, &str)]) -> Result<Command, String> {
    let environment = |name: &str| {
        variables
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    };
    resolve(args.iter().map(OsString::from), &environment).map_err(|error| error.to_string())
}

const POD: &[(&str, &str)] = &[
    ("NODE_NAME", "node-a"),
    ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

fn config(args: &[&str]) -> Config {
    match resolved(args, POD) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn a_pod_needs_no_flags() {
    let config = config(&[]);
    insta::assert_snapshot!(config.to_string(), @r"
    --listen-address=:9100
    --scrape-interval=30s
    --enable-kubelet=true
    --enable-cadvisor=true
    --cadvisor-interval=1m
    --enable-namespace-metrics=false
    --exclude-phases=Succeeded,Failed
    --node-name=node-a
    --via=proxy
    --api-server=https://10.0.0.1:443
    --token-file=/var/run/secrets/kubernetes.io/serviceaccount/token
    --ca-file=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt
    --request-timeout=10s
    --history=0s
    --history-memory=67108864
    --log-level=info
    --once=false
    ");
}

#[test]
fn printed_configuration_reads_back() {
    let proxied = config(&["--api-server=http://127.0.0.1:8001"]);
    let printed = proxied.to_string();
    assert_eq!(config(&printed.lines().collect::<Vec<_>>()), proxied);
    let first = config(&[
        "--web.config.file=/etc/web/config.yml",
        "--web-bearer-token-file",
        "/etc/web/token",
        "--once",
        "--once-timeout=5s",
        "--history=6h",
        "--enable-kubelet=false",
    ]);
    let printed = first.to_string();
    let args: Vec<&str> = printed.lines().collect();
    assert_eq!(config(&args), first);
}

#[test]
fn all_nodes_may_be_shared_by_replicas() {
    // NODE_NAME is in every pod, and says nothing against it.
    let all = config(&["--nodes=all"]);
    assert_eq!(all.nodes, Nodes::All(Shard::WHOLE));
    let third = config(&[
        "--nodes=all",
        "--shard=2/3",
        "--via=kubelet",
        "--kubelet-ca-file=/etc/kubelet/ca.crt",
        "--history=6h",
        "--history-memory=96Mi",
    ]);
    assert!(third.nodes.are_discovered());
    assert_eq!(third.flags.history_memory, 96 << 20);
    let printed = third.to_string();
    assert!(
        printed.contains("--nodes=all\n--shard=2/3\n--via=kubelet\n"),
        "{printed}"
    );
    assert!(!printed.contains("--node-name"), "{printed}");
    assert_eq!(config(&printed.lines().collect::<Vec<_>>()), third);
}

#[test]
fn promised_flags_are_read_in_both_forms() {
    let equals = config(&[
        "--listen-address=:9100",
        "--scrape-interval=30s",
        "--enable-kubelet=true",
        "--enable-cadvisor=true",
        "--exclude-phases=Succeeded,Failed",
    ]);
    let apart = config(&[
        "--listen-address",
        ":9100",
        "--scrape-interval",
        "30s",
        "--enable-kubelet",
        "true",
        "--enable-cadvisor",
        "--exclude-phases",
        "Succeeded,Failed",
    ]);
    assert_eq!(equals, apart);
    assert_eq!(equals, config(&[]));
}

#[test]
fn plain_http_uses_neither_token_nor_ca() {
    let config = config(&["--api-server", "http://127.0.0.1:8001"]);
    assert_eq!(
        (config.flags.token_file, config.flags.ca_file),
        (None, None)
    );
}

#[test]
fn ipv6_api_server_is_bracketed() {
    let command = resolved(
        &[],
        &[
            ("NODE_NAME", "n"),
            ("KUBERNETES_SERVICE_HOST", "fd00::1"),
            ("KUBERNETES_SERVICE_PORT", "6443"),
        ],
    );
    let Ok(Command::Run(config)) = command else {
        panic!("{command:?}")
    };
    assert_eq!(config.api_server.to_string(), "https://[fd00::1]:6443");
}

#[test]
fn usage_errors_name_the_flag() {
    for (args, message) in [
        (
            &["--scrape-interval=banana"][..],
            r#"invalid --scrape-interval "banana": expected a duration such as 30s or 1m30s, from 100ms to 1d"#,
        ),
        (
            &["--scrape-interval=1ms"],
            r#"invalid --scrape-interval "1ms": expected a duration such as 30s or 1m30s, from 100ms to 1d"#,
        ),
        (
            &["--exclude-phases=Done"],
            r#"invalid --exclude-phases "Done": expected a list of Pending, Running, Succeeded, Failed, Unknown"#,
        ),
        (
            &["--listen-address=9100"],
            r#"invalid --listen-address "9100": expected an address such as :9100, 127.0.0.1:9100 or [::1]:9100"#,
        ),
        (
            &["--enable-kubelet", "yes"],
            r#"invalid --enable-kubelet "yes": expected true or false"#,
        ),
        (
            &["--enable-kubelet=false", "--enable-cadvisor=false"],
            r#"invalid --enable-cadvisor "false": expected true, since --enable-kubelet is false"#,
        ),
        (
            &["--node-name=Node_A"],
            r#"invalid --node-name "Node_A": expected a node name: lower-case letters, digits, - and ., at most 253 characters"#,
        ),
        (
            &["--node-name=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"],
            r#"invalid --node-name "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q": expected at most 16 node names; --nodes=all scrapes all nodes of a cluster"#,
        ),
        (
            &["--nodes=node-a"],
            r#"invalid --nodes "node-a": expected all"#,
        ),
        (
            &["--nodes=all", "--shard=3/3"],
            r#"invalid --shard "3/3": expected a shard such as 0/8 or 7/8: an index from 0 to below the count, which is from 1 to 10000"#,
        ),
        (&["--shard=0/3"], "--shard requires --nodes=all"),
        (
            &["--nodes=all", "--node-name=node-a"],
            "--node-name cannot be used with --nodes",
        ),
        (
            &["--via=ssh"],
            r#"invalid --via "ssh": expected proxy or kubelet"#,
        ),
        (
            &["--via=kubelet"],
            "missing --kubelet-ca-file (or KUBELET_CA_FILE): --via=kubelet requires the CAs of the kubelets' serving certificates; where they are the cluster's own, /var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        ),
        (
            &["--kubelet-ca-file=/x"],
            "--kubelet-ca-file requires --via=kubelet",
        ),
        (
            &["--via=kubelet", "--kubelet-address-types=hostname"],
            r#"invalid --kubelet-address-types "hostname": expected a list of InternalIP, ExternalIP, Hostname, InternalDNS, ExternalDNS"#,
        ),
        (
            &[
                "--via=kubelet",
                "--kubelet-ca-file=/x",
                "--api-server=http://127.0.0.1:8001",
            ],
            "missing --token-file (or TOKEN_FILE): --via=kubelet requires it with an http:// API server",
        ),
        (
            &["--history=8d"],
            r#"invalid --history "8d": expected a duration such as 30s or 1m30s, from 0s to 7d"#,
        ),
        (
            &["--history-memory=1000"],
            r#"invalid --history-memory "1000": expected an amount of memory such as 64Mi, from 1Mi to 64Gi"#,
        ),
        (
            &["--log-level=loud"],
            r#"invalid --log-level "loud": expected error, warn, info or debug"#,
        ),
        (
            &["--api-server=https://u:hunter2@h"],
            r#"invalid --api-server "https://[hidden]@h": expected a URL without a user name or password (they would end up in logs)"#,
        ),
        (
            &["--token-file="],
            r#"invalid --token-file "": expected the path of a file"#,
        ),
        (
            &["--scrape-intervall=30s"],
            "unknown flag --scrape-intervall; did you mean --scrape-interval?",
        ),
        (
            &["--no-such-flag"],
            "unknown flag --no-such-flag (--help lists the flags)",
        ),
        (
            &["stray"],
            r#"unexpected argument "stray" (--help lists the flags)"#,
        ),
        (
            &["--scrape-interval"],
            "missing value of --scrape-interval: expected a duration such as 30s or 1m30s, from 100ms to 1d",
        ),
        (&["--once", "--once"], "--once is given more than once"),
    ] {
        assert_eq!(resolved(args, POD), Err(message.to_owned()));
    }
}

#[test]
fn usage_errors_name_the_variable() {
    for (args, variables, message) in [
        (
            &["--api-server=http://h"][..],
            &[][..],
            "missing --node-name (or NODE_NAME): in a pod, set it from fieldRef spec.nodeName, or use --nodes=all",
        ),
        (
            &["--node-name=n"],
            &[],
            "missing --api-server (or API_SERVER): outside a pod, name the API server, such as http://127.0.0.1:8001 with `kubectl proxy`",
        ),
        (
            &[],
            &[("SCRAPE_INTERVAL", "1ms")],
            r#"invalid --scrape-interval "1ms" (from SCRAPE_INTERVAL): expected a duration such as 30s or 1m30s, from 100ms to 1d"#,
        ),
        (
            &["--node-name=n"],
            &[("SHARD", "0/3")],
            "--shard (from SHARD) requires --nodes=all",
        ),
        (
            &["--enable-kubelet=false"],
            &[("ENABLE_CADVISOR", "false")],
            r#"invalid --enable-cadvisor "false" (from ENABLE_CADVISOR): expected true, since --enable-kubelet is false"#,
        ),
        (
            &["--node-name=n"],
            &[("KUBERNETES_SERVICE_HOST", "a b")],
            r#"invalid KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT "a b 443": expected a host and a port"#,
        ),
    ] {
        assert_eq!(resolved(args, variables), Err(message.to_owned()));
    }
}

#[test]
fn help_and_version_are_printed_not_run() {
    for args in [&["--help"][..], &["--version"], &["--version=true"]] {
        assert!(
            matches!(resolved(args, &[]), Ok(Command::Print(_))),
            "{args:?}"
        );
    }
}

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Arguments and variables, those of a pod in addition.
const CONFIGURATIONS: &[(&[&str], Variables<'_>)] = &[
    (&[], &[]),
    (&["--print-config"], &[]),
    (&[], &[("PRINT_CONFIG", "true")]),
    (
        &[
            "--listen-address=127.0.0.1:9200",
            "--web.config.file=/etc/web/config.yml",
            "--web-bearer-token-file",
            "/etc/web/token",
        ],
        &[("LISTEN_ADDRESS", ":1"), ("WEB_CONFIG_FILE", "/other")],
    ),
    (
        &[],
        &[
            ("LISTEN_ADDRESS", "[::1]:9100"),
            ("WEB_CONFIG_FILE", "/etc/web/config.yml"),
            ("WEB_BEARER_TOKEN_FILE", "/etc/web/token"),
            ("SCRAPE_INTERVAL", "1m30s"),
            ("ENABLE_KUBELET", "true"),
            ("ENABLE_CADVISOR", "false"),
            ("ENABLE_NAMESPACE_METRICS", "true"),
            ("EXCLUDE_PHASES", "Unknown, Failed,Failed"),
            ("REQUEST_TIMEOUT", "500ms"),
            ("HISTORY", "6h"),
            ("HISTORY_MEMORY", "96Mi"),
            ("LOG_LEVEL", "debug"),
        ],
    ),
    (&["--scrape-interval", "15s"], &[("SCRAPE_INTERVAL", "1m")]),
    (&[], &[("SCRAPE_INTERVAL", "")]),
    (&["--enable-kubelet=false"], &[("CADVISOR_INTERVAL", "5m")]),
    (
        &["--enable-kubelet", "--enable-cadvisor", "false"],
        &[("ENABLE_KUBELET", "false"), ("CADVISOR_INTERVAL", "5m")],
    ),
    (
        &["--cadvisor-interval=2m", "--enable-namespace-metrics"],
        &[],
    ),
    (&["--exclude-phases="], &[]),
    (
        &["--exclude-phases=Pending"],
        &[("EXCLUDE_PHASES", "Failed")],
    ),
    (&["--node-name=node-c, node-b,node-c"], &[]),
    (&["--nodes=all"], &[]),
    (&[], &[("NODES", "all"), ("SHARD", "1/3")]),
    (&["--nodes=all", "--shard=2/3"], &[("SHARD", "0/3")]),
    (
        &["--via=kubelet", "--kubelet-ca-file=/etc/kubelet/ca.crt"],
        &[],
    ),
    (
        &[
            "--via=kubelet",
            "--kubelet-ca-file=/etc/kubelet/ca.crt",
            "--kubelet-address-types=Hostname, InternalIP,Hostname",
        ],
        &[("KUBELET_ADDRESS_TYPES", "ExternalDNS")],
    ),
    (
        &[],
        &[
            ("VIA", "kubelet"),
            ("KUBELET_CA_FILE", "/etc/kubelet/ca.crt"),
        ],
    ),
    (&["--api-server=http://127.0.0.1:8001"], &[]),
    (
        &["--api-server=http://127.0.0.1:8001/", "--token-file=/token"],
        &[],
    ),
    (
        &[],
        &[
            ("API_SERVER", "https://api.example:6443/prefix/"),
            ("TOKEN_FILE", "/token"),
            ("CA_FILE", "/ca.crt"),
        ],
    ),
    (&["--history=0", "--history-memory=1Gi"], &[]),
    (&["--once"], &[]),
    (&["--once", "--once-timeout=5s"], &[]),
    (&["--once-timeout=5s"], &[]),
    (&[], &[("ONCE", "true"), ("ONCE_TIMEOUT", "90s")]),
];

#[test]
fn printed_configurations_match_the_golden_file() {
    let mut printed = String::new();
    for (args, variables) in CONFIGURATIONS {
        let resolved = |args: &[&str], variables: &[(&str, &str)]| {
            let variables: Vec<_> = variables.iter().chain(POD).copied().collect();
            match resolved(args, &variables) {
                Ok(Command::Run(config)) => config.to_string(),
                Ok(Command::Print(text)) => text,
                other => panic!("{args:?} {variables:?}: {other:?}"),
            }
        };
        let config = resolved(args, variables);
        let again: Vec<&str> = config.lines().collect();
        assert_eq!(resolved(&again, &[]), config, "{args:?} {variables:?}");
        printed += &format!("{args:?} {variables:?}\n{config}\n");
    }
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/args/printed_configurations.txt");
    // The one switch for golden files, here and in manifestgen.
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &printed).expect("a writable file");
    }
    let wanted = std::fs::read_to_string(&golden).expect("a readable file");
    assert_eq!(printed, wanted);
}
