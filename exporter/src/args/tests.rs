//! What resolves to which configuration, and what is refused in which words.

use super::*;

fn resolved(args: &[&str], variables: &[(&str, &str)]) -> Result<Command, String> {
    let environment = |name: &str| {
        variables
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    };
    resolve(args.iter().map(OsString::from), &environment)
}

const POD: &[(&str, &str)] = &[
    ("NODE_NAME", "node-a"),
    ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

fn config(args: &[&str]) -> Config {
    match resolved(args, POD) {
        Ok(Command::Run(config)) => config,
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn in_a_pod_nothing_needs_to_be_typed() {
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
fn the_printed_configuration_reads_back_as_the_same() {
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
fn all_nodes_are_read_by_one_or_by_replicas_that_share_them() {
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
    assert_eq!(third.history_memory, 96 << 20);
    let printed = third.to_string();
    assert!(
        printed.contains("--nodes=all\n--shard=2/3\n--via=kubelet\n"),
        "{printed}"
    );
    assert!(!printed.contains("--node-name"), "{printed}");
    assert_eq!(config(&printed.lines().collect::<Vec<_>>()), third);
}

#[test]
fn the_promised_flags_are_read_in_both_forms() {
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
fn beside_kubectl_proxy_neither_token_nor_authority_is_used() {
    let config = config(&["--api-server", "http://127.0.0.1:8001"]);
    assert_eq!((config.token_file, config.ca_file), (None, None));
}

#[test]
fn an_ipv6_api_server_is_bracketed() {
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
fn a_bad_value_gives_one_line_with_flag_value_and_expectation() {
    for (args, message) in [
        (
            &["--scrape-interval=banana"][..],
            r#"--scrape-interval: "banana" is not a duration such as 30s, 1m30s or 6h"#,
        ),
        (
            &["--scrape-interval=1ms"],
            r#"--scrape-interval: "1ms" is not a duration from 100ms to 1d, such as 30s or 1m30s"#,
        ),
        (
            &["--exclude-phases=Done"],
            r#"--exclude-phases: "Done" is not a list of pod phases: Pending, Running, Succeeded, Failed, Unknown"#,
        ),
        (
            &["--listen-address=9100"],
            r#"--listen-address: "9100" is not an address such as :9100, 127.0.0.1:9100 or [::1]:9100"#,
        ),
        (
            &["--enable-kubelet", "yes"],
            r#"--enable-kubelet: "yes" is not true or false"#,
        ),
        (
            &["--node-name=Node_A"],
            r#"--node-name: "Node_A" is not a node name: lower-case letters, digits, - and ., at most 253 characters"#,
        ),
        (
            &["--nodes=node-a"],
            r#"--nodes: "node-a" is not all; single nodes go to --node-name"#,
        ),
        (
            &["--nodes=all", "--shard=3/3"],
            r#"--shard: "3/3" is not a part such as 0/8 or 7/8: an index from 0 to below the count, which is from 1 to 10000"#,
        ),
        (
            &["--shard=0/3"],
            r#"--shard: "set" is not of use without --nodes=all"#,
        ),
        (
            &["--nodes=all", "--node-name=node-a"],
            r#"--node-name: "set" is not of use beside --nodes=all"#,
        ),
        (&["--via=ssh"], r#"--via: "ssh" is not proxy or kubelet"#),
        (
            &["--via=kubelet"],
            r#"--kubelet-ca-file: "" is not set, as --via=kubelet needs: name the authority that signs the kubelets' serving certificates; where that is the cluster's own, /var/run/secrets/kubernetes.io/serviceaccount/ca.crt"#,
        ),
        (
            &["--kubelet-ca-file=/x"],
            r#"--kubelet-ca-file: "set" is not of use without --via=kubelet"#,
        ),
        (
            &[
                "--via=kubelet",
                "--kubelet-ca-file=/x",
                "--api-server=http://127.0.0.1:8001",
            ],
            r#"--token-file: "" is not set, as --via=kubelet needs beside an http:// API server"#,
        ),
        (
            &["--history-memory=1000"],
            r#"--history-memory: "1000" is not an amount of memory from 1Mi to 64Gi, such as 64Mi"#,
        ),
        (
            &["--log-level=loud"],
            r#"--log-level: "loud" is not error, warn, info or debug"#,
        ),
    ] {
        assert_eq!(resolved(args, POD), Err(message.to_owned()));
    }
    for args in [
        &["--enable-kubelet=false", "--enable-cadvisor=false"][..],
        &["--api-server=https://u:hunter2@h"],
        &["--no-such-flag"],
        &["stray"],
        &["--scrape-interval"],
    ] {
        let error = resolved(args, POD).expect_err("refused");
        assert!(!error.contains('\n'), "{error:?}");
    }
    let error = resolved(&["--node-name=n"], &[]).expect_err("no API server");
    assert!(error.starts_with("--api-server"), "{error}");
    let error = resolved(&["--api-server=http://h"], &[]).expect_err("no node");
    assert!(error.starts_with("--node-name"), "{error}");
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

/// Arguments and variables, those of a pod in addition.
const CONFIGURATIONS: &[(&[&str], &[(&str, &str)])] = &[
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
fn printed_configurations_are_the_golden_ones() {
    let mut printed = String::new();
    for (args, variables) in CONFIGURATIONS {
        let resolved = |args: &[&str], variables: &[(&str, &str)]| {
            let variables: Vec<_> = variables.iter().chain(POD).copied().collect();
            match resolved(args, &variables) {
                Ok(Command::Run(config) | Command::PrintConfig(config)) => config.to_string(),
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
