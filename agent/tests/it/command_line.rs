//! The command line: what is accepted, what is refused, and how.

use std::ffi::OsString;
use std::process::Command as Process;

use contract::ReportFormat as Format;
use k8s_ai_agent::args::{Command, Config, parse};
use proptest::prelude::*;

fn config(args: &[&str], environment: &[(&str, &str)]) -> Result<Config, String> {
    let lookup = |name: &str| {
        environment
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| (*value).to_owned())
    };
    match parse(args.iter().map(OsString::from), &lookup) {
        Ok(Command::Report(config)) => Ok(*config),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn printed(args: &[&str], environment: &[(&str, &str)]) -> String {
    config(args, environment).map_or_else(|e| e, |c| c.to_string())
}

#[test]
fn defaults_are_the_documented_ones() {
    insta::assert_snapshot!(printed(&[], &[]), @r"
    --prometheus-url=http://prometheus-operated.monitoring.svc:9090
    --timeout=30s
    --deadline=3m
    --cpu-query=k8s_node_cpu_usage_cores
    --memory-query=k8s_node_memory_usage_bytes
    --lookback=6h
    --forecast=30m
    --step=auto
    --model=auto
    --interval=80%
    --high=80%
    --low=20%
    --for=auto
    --fleet=auto
    --keep-nodes=1
    --format=text
    --color=auto
    --explain=false
    --sink-timeout=30s
    ");
}

#[test]
fn flags_override_the_environment() {
    for (args, environment, line) in [
        (&["--step=30s"][..], &[("STEP", "10s")][..], "--step=30s"),
        (&[], &[("STEP", "10s")], "--step=10s"),
        (&[], &[("LOOKBACK_MINUTES", "90")], "--lookback=1h30m"),
        (
            &[],
            &[("LOOKBACK_MINUTES", "90"), ("LOOKBACK", "3h")],
            "--lookback=3h",
        ),
        (
            &["--lookback", "45"],
            &[("LOOKBACK", "3h")],
            "--lookback=45m",
        ),
        (&[], &[("FORECAST_MINUTES", "15")], "--forecast=15m"),
        (
            &[],
            &[("FORECAST", "1h"), ("FORECAST_MINUTES", "15")],
            "--forecast=1h",
        ),
        (
            &[],
            &[("MEM_QUERY", "m"), ("MEMORY_QUERY", "n")],
            "--memory-query=m",
        ),
        (&[], &[("MEMORY_QUERY", "n")], "--memory-query=n"),
        (
            &[],
            &[("PROMETHEUS_URL", "http://p:1/x/")],
            "--prometheus-url=http://p:1/x",
        ),
        (
            &[],
            &[("PROMETHEUS_URL", "")],
            "--prometheus-url=http://prometheus-operated.monitoring.svc:9090",
        ),
        (&[], &[("FAIL_ON", "warning")], "--fail-on=warning"),
        (&[], &[("CA_FILE", "/ca.pem")], "--ca-file=/ca.pem"),
        (
            &["--high=90"],
            &[("HIGH_PERCENT", "70"), ("LOW_PERCENT", "10")],
            "--high=90%\n--low=10%",
        ),
        (&[], &[("MODEL", "ets")], "--model=ets"),
        (
            &["--model=linear"],
            &[("MODEL", "ets"), ("INTERVAL", "95%")],
            "--model=linear\n--interval=95%",
        ),
        (&[], &[("FORMAT", "csv")], "--format=csv"),
        (&["--output", "json=a=b"], &[], "--output=json=a=b"),
        (&[], &[("NO_COLOR", "1")], "--color=never"),
        (&["--color=auto"], &[("NO_COLOR", "1")], "--color=auto"),
        (
            &["--header=X-B: 2", "--header", "X-A: 1"],
            &[("HEADERS", "X-C: 3")],
            "--header=X-B: 2\n--header=X-A: 1\n--timeout=30s",
        ),
        (
            &[],
            &[("HEADERS", "X-C: 3\n\nX-D: 4\n"), ("HEADER_FILE", "/h")],
            "--header=X-C: 3\n--header=X-D: 4\n--header-file=/h",
        ),
        (
            &["--bearer-token-file=/t"],
            &[("BEARER_TOKEN_FILE", "/u")],
            "--bearer-token-file=/t",
        ),
        (
            &[],
            &[
                ("BASIC_AUTH_USER", "me"),
                ("BASIC_AUTH_PASSWORD_FILE", "/p"),
            ],
            "--basic-auth-user=me\n--basic-auth-password-file=/p",
        ),
        (
            &["--prometheus-url=https://h"],
            &[("CLIENT_CERT_FILE", "/c"), ("CLIENT_KEY_FILE", "/k")],
            "--client-cert-file=/c\n--client-key-file=/k",
        ),
        (
            &["--at=2026-11-22T08:13:08+01:00"],
            &[],
            "--at=2026-11-22T07:13:08Z",
        ),
        (&["--at", "1795331588.9"], &[], "--at=2026-11-22T07:13:08Z"),
        (&["--step=auto"], &[("STEP", "30s")], "--step=auto"),
        (&["--shard=2/8"], &[("SHARDS", "3")], "--shard=2/8"),
        (&[], &[("SHARD", "2/8")], "--shard=2/8"),
        (
            &["--shards=8"],
            &[("JOB_COMPLETION_INDEX", "7"), ("SHARDS", "banana")],
            "--shard=7/8",
        ),
        (
            &["--input=a.json", "--input", "-", "--step=5m"],
            &[("PROMETHEUS_URL", "http://not-asked")],
            "--input=a.json\n--input=-\n--cpu-query=k8s_node_cpu_usage_cores\n--memory-query=k8s_node_memory_usage_bytes\n--forecast=30m\n--step=5m",
        ),
        (
            &[
                "--serve=:9101",
                "--web.config.file=a b",
                "--web-bearer-token-file=c",
            ],
            &[],
            "--serve=:9101\n--every=10m\n--web-config-file=a b\n--web-bearer-token-file=c",
        ),
        (
            &["--high=90%", "--low", "12.5"],
            &[],
            "--high=90%\n--low=12.5%",
        ),
    ] {
        let printed = printed(args, environment);
        assert!(printed.contains(&format!("{line}\n")), "{line}\n{printed}");
    }
}

#[test]
fn usage_errors_name_the_flag() {
    for (args, environment, message) in [
        (
            &["--step", "banana"][..],
            &[][..],
            "invalid --step \"banana\": expected auto, or a duration such as 60s or 5m, in whole seconds from 1s to 913d",
        ),
        (
            &["--model", "arima"],
            &[],
            "invalid --model \"arima\": expected auto, prophet, ets, linear or last",
        ),
        (
            &["--interval", "100"],
            &[],
            "invalid --interval \"100\": expected a percentage such as 80 or 80%, from 10 to 99",
        ),
        (
            &["--step", "0s"],
            &[],
            "invalid --step \"0s\": expected auto, or a duration such as 60s or 5m, in whole seconds from 1s to 913d",
        ),
        (
            &["--step", "1500ms"],
            &[],
            "invalid --step \"1500ms\": expected auto, or a duration such as 60s or 5m, in whole seconds from 1s to 913d",
        ),
        (
            &[],
            &[("LOOKBACK_MINUTES", "-5")],
            "invalid --lookback \"-5\" (from LOOKBACK_MINUTES): expected a duration such as 2h, or a number of minutes, in whole seconds from 1s to 3653d",
        ),
        (
            &["--lookback", "99999999999999999999"],
            &[],
            "invalid --lookback \"99999999999999999999\": expected a duration such as 2h, or a number of minutes, in whole seconds from 1s to 3653d",
        ),
        (
            &["--prometheus-url=http://h:9090/graph"],
            &[],
            "invalid --prometheus-url \"http://h:9090/graph\": expected the URL without \"/graph\": http://h:9090",
        ),
        (
            &["--prometheus-url=http://h:9090/p/graph?g0.expr=up#x"],
            &[],
            "invalid --prometheus-url \"http://h:9090/p/graph?[hidden]\": expected the URL without \"/graph\": http://h:9090/p",
        ),
        (
            &["--prometheus-url=http://h:9090/query?g0.expr=up"],
            &[],
            "invalid --prometheus-url \"http://h:9090/query?[hidden]\": expected the URL without \"/query\": http://h:9090",
        ),
        (
            &["--prometheus-url=https://h/prometheus/api/v1/query/"],
            &[],
            "invalid --prometheus-url \"https://h/prometheus/api/v1/query/\": expected the URL without \"/api/v1/query\": https://h/prometheus",
        ),
        (
            &["--lookback", "2"],
            &[],
            "invalid --lookback \"2m\": expected at least 4m, since a forecast needs 5 points, one every 1m (a number without unit is minutes; two hours are 2h)",
        ),
        (
            &["--lookback=30s"],
            &[],
            "invalid --lookback \"30s\": expected at least one --step (1m)",
        ),
        (
            &["--lookback=14d", "--step=1m"],
            &[],
            "invalid --step \"1m\": expected at least 1m50s: with --lookback 14d it gives more than 11000 points",
        ),
        (
            &["--step=1s", "--lookback=1h", "--forecast=1d"],
            &[],
            "invalid --step \"1s\": expected at least 8s: with --forecast 1d it gives more than 11000 points",
        ),
        (
            &["--at=yesterday"],
            &[],
            "invalid --at \"yesterday\": expected a time such as 2026-11-22T07:13:08Z, or Unix seconds",
        ),
        (
            &["--header", "X-Scope-OrgID"],
            &[],
            "invalid --header \"X-Scope-OrgID\": expected a header such as 'X-Scope-OrgID: team'",
        ),
        (
            &["--header=Authorization: Bearer hunter2"],
            &[],
            "invalid --header \"Authorization\": expected no secret on a command line: use --header-file",
        ),
        (
            &[],
            &[("HEADERS", "X-A: b\nHost: hunter2")],
            "invalid --header \"Host\" (from HEADERS): expected a header other than those that the client sets itself",
        ),
        (
            &["--basic-auth-user=me"],
            &[],
            "--basic-auth-user requires --basic-auth-password-file",
        ),
        (
            &["--basic-auth-user=me:hunter2"],
            &[],
            "invalid --basic-auth-user \"me\": expected a user name without a colon",
        ),
        (
            &["--basic-auth-password-file=/p"],
            &[],
            "--basic-auth-password-file requires --basic-auth-user",
        ),
        (
            &[
                "--bearer-token-file=/t",
                "--basic-auth-user=me",
                "--basic-auth-password-file=/p",
            ],
            &[],
            "--bearer-token-file cannot be used with --basic-auth-user",
        ),
        (
            &["--client-key-file=/k", "--prometheus-url=https://h"],
            &[],
            "--client-key-file requires --client-cert-file",
        ),
        (
            &["--client-cert-file=/c", "--client-key-file=/k"],
            &[],
            "--client-cert-file requires an https:// --prometheus-url",
        ),
        (
            &["--shard=8/8"],
            &[],
            "invalid --shard \"8/8\": expected a shard such as 0/8 or 7/8: an index from 0 to below the count, which is from 1 to 10000",
        ),
        (
            &["--shard=1/8", "--shards=8"],
            &[],
            "--shards cannot be used with --shard",
        ),
        (
            &[],
            &[("SHARDS", "8")],
            "--shards (from SHARDS) requires JOB_COMPLETION_INDEX, which an Indexed Job sets",
        ),
        (
            &["--shards=8"],
            &[("JOB_COMPLETION_INDEX", "8")],
            "invalid JOB_COMPLETION_INDEX \"8\": expected an index from 0 to 7, below --shards",
        ),
        (
            &["--input=a", "--prometheus-url=http://h"],
            &[],
            "--prometheus-url cannot be used with --input",
        ),
        (
            &["--input=-", "--input=-"],
            &[],
            "invalid --input \"-\": expected each file once",
        ),
        (
            &["--input="],
            &[],
            "invalid --input \"\": expected a file, or - for standard input",
        ),
        (
            &["--format", "yaml"],
            &[],
            "invalid --format \"yaml\": expected text, json, markdown, html, csv or prometheus",
        ),
        (
            &["--output=report.html"],
            &[],
            "invalid --output \"report.html\": expected FORMAT=FILE with the format text, json, markdown, html, csv or prometheus",
        ),
        (
            &["--output", "pdf=x"],
            &[],
            "invalid --output \"pdf=x\": expected FORMAT=FILE with the format text, json, markdown, html, csv or prometheus",
        ),
        (
            &["--output=json=-"],
            &[],
            "invalid --output \"json=-\": expected FORMAT=FILE with the format text, json, markdown, html, csv or prometheus",
        ),
        (
            &["--output=json=a", "--output=csv=a"],
            &[],
            "invalid --output \"csv=a\": expected a file that no other --output names",
        ),
        (
            &["--color=red"],
            &[],
            "invalid --color \"red\": expected auto, always or never",
        ),
        (
            &[],
            &[("EXPLAIN", "yes")],
            "invalid --explain \"yes\" (from EXPLAIN): expected true or false",
        ),
        (
            &["--fail-on=none"],
            &[],
            "invalid --fail-on \"none\": expected unknown, info, warning or critical",
        ),
        (
            &["--high=101"],
            &[],
            "invalid --high \"101\": expected a percentage such as 80 or 80%, above 0 and at most 100",
        ),
        (
            &["--low=NaN"],
            &[],
            "invalid --low \"NaN\": expected a percentage such as 80 or 80%, above 0 and at most 100",
        ),
        (
            &["--low=80"],
            &[],
            "invalid --low \"80%\": expected less than --high (80%)",
        ),
        (
            &["--cpu-query="],
            &[],
            "invalid --cpu-query \"\": expected a text that is not empty",
        ),
        (
            &["--timeout=0s"],
            &[],
            "invalid --timeout \"0s\": expected a duration such as 30s or 1m30s, from 1ms to 1h",
        ),
        (
            &["--prometheus-url=prometheus:9090"],
            &[],
            "invalid --prometheus-url \"prometheus:9090\": expected a URL such as https://host:port or http://host:port/prefix",
        ),
        (
            &["--print-config=maybe"],
            &[],
            "invalid --print-config \"maybe\": expected true or false",
        ),
        (
            &["--lokback=2h"],
            &[],
            "unknown flag --lokback; did you mean --lookback?",
        ),
        (
            &["doktor"],
            &[],
            r#"unexpected argument "doktor"; did you mean doctor?"#,
        ),
        (
            &["--banana"],
            &[],
            "unknown flag --banana (--help lists the flags)",
        ),
        (
            &["banana"],
            &[],
            "unexpected argument \"banana\" (--help lists the flags)",
        ),
        (
            &["--step"],
            &[],
            "missing value of --step: expected auto, or a duration such as 60s or 5m, in whole seconds from 1s to 913d",
        ),
    ] {
        assert_eq!(config(args, environment), Err(message.to_owned()));
    }
}

#[test]
fn sinks_need_all_their_flags() {
    for (args, lines) in [
        (
            &["--slack-webhook-url-file=/slack"][..],
            "--slack-webhook-url-file=/slack\n--slack-on=warning\n",
        ),
        (
            &["--webhook-url-file=/url", "--webhook-secret-file=/key"],
            "--webhook-url-file=/url\n--webhook-secret-file=/key\n",
        ),
        (
            &[
                "--grafana-token-file=/token",
                "--grafana-url=https://g/sub/",
            ],
            "--grafana-url=https://g/sub\n--grafana-token-file=/token\n",
        ),
        (
            &[
                "--pushgateway-url=http://p:9091",
                "--pushgateway-label=cluster=a=b",
                "--pushgateway-label=empty=",
            ],
            "--pushgateway-url=http://p:9091\n--pushgateway-label=cluster=a=b\n--pushgateway-label=empty=\n",
        ),
        (
            &["--sink-timeout=5s", "--sink-ca-file=/ca.pem"],
            "--sink-timeout=5s\n--sink-ca-file=/ca.pem\n",
        ),
    ] {
        let once = printed(args, &[]);
        assert!(once.contains(lines), "{once}");
        let again: Vec<&str> = once.lines().collect();
        assert_eq!(printed(&again, &[]), once);
    }
    const LABEL: &str = "expected a label such as cluster=prod; job is always k8s-ai-agent";
    for (args, message) in [
        (
            &["--webhook-secret-file=/key"][..],
            "--webhook-secret-file requires --webhook-url-file".to_owned(),
        ),
        (
            &["--grafana-url=http://g"],
            "--grafana-url requires --grafana-token-file".to_owned(),
        ),
        (
            &["--grafana-token-file=/t"],
            "--grafana-token-file requires --grafana-url".to_owned(),
        ),
        (
            &["--pushgateway-label=a=b"],
            "--pushgateway-label requires --pushgateway-url".to_owned(),
        ),
        (
            &["--pushgateway-url=http://p", "--pushgateway-label=a=b", "--pushgateway-label=a=c"],
            r#"invalid --pushgateway-label "a=c": expected each label once"#.to_owned(),
        ),
        (
            &["--pushgateway-label=job=x"],
            format!(r#"invalid --pushgateway-label "job=x": {LABEL}"#),
        ),
        (
            &["--pushgateway-label=a-b=x"],
            format!(r#"invalid --pushgateway-label "a-b=x": {LABEL}"#),
        ),
        (
            &["--pushgateway-label=a"],
            format!(r#"invalid --pushgateway-label "a": {LABEL}"#),
        ),
        (
            &["--grafana-url=http://u:hunter2@g"],
            r#"invalid --grafana-url "http://[hidden]@g": expected a URL without a user name or password (they would end up in logs)"#.to_owned(),
        ),
        (
            &["--slack-on=none"],
            r#"invalid --slack-on "none": expected always, change, info, warning or critical"#.to_owned(),
        ),
    ] {
        assert_eq!(config(args, &[]), Err(message));
    }
}

/// Arguments and variables.
type CommandLine = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const CONFIGURATIONS: &[CommandLine] = &[
    (&[], &[]),
    (&["--print-config"], &[]),
    (&["doctor", "--print-config"], &[]),
    (
        &[
            "doctor",
            "--prometheus-url=http://p:9090",
            "--format=json",
            "--step=5m",
        ],
        &[("INTERVAL", "95")],
    ),
    (
        &[],
        &[
            ("PROMETHEUS_URL", "https://prometheus.example/prefix/"),
            ("CA_FILE", "/ca.pem"),
            ("CLIENT_CERT_FILE", "/tls.crt"),
            ("CLIENT_KEY_FILE", "/tls.key"),
            ("BEARER_TOKEN_FILE", "/token"),
            ("HEADERS", "X-A: 1\n\nX-B: 2\n"),
            ("HEADER_FILE", "/headers"),
            ("CPU_QUERY", "sum by (node) (rate(cpu[5m]))"),
            ("MEM_QUERY", "memory"),
            ("MEMORY_QUERY", "other"),
        ],
    ),
    (
        &[
            "--prometheus-url",
            "http://p:9090",
            "--basic-auth-user=me",
            "--basic-auth-password-file=/password",
            "--header",
            "X-Scope-OrgID: team",
            "--header=X-B: c=d",
            "--timeout=500ms",
            "--deadline=1h",
            "--cpu-query=cpu{node!=\"a\"}",
        ],
        &[("HEADERS", "X-A: 1"), ("MEMORY_QUERY", "other")],
    ),
    (
        &[],
        &[
            ("BASIC_AUTH_USER", "me"),
            ("BASIC_AUTH_PASSWORD_FILE", "/p"),
        ],
    ),
    (
        &["--input=a.json", "--input", "-"],
        &[("PROMETHEUS_URL", "http://p")],
    ),
    (
        &[
            "--input=a.json",
            "--lookback=3h",
            "--step=1m",
            "--timeout=5s",
        ],
        &[("CPU_QUERY", "cpu"), ("BEARER_TOKEN_FILE", "/token")],
    ),
    (
        &["--lookback=2h", "--forecast", "15", "--step=auto"],
        &[("STEP", "5m")],
    ),
    (
        &[],
        &[
            ("LOOKBACK_MINUTES", "90"),
            ("FORECAST_MINUTES", "45"),
            ("STEP", "90s"),
        ],
    ),
    (
        &["--at=1795331588.9"],
        &[
            ("LOOKBACK", "1d"),
            ("LOOKBACK_MINUTES", "90"),
            ("FORECAST", "6h"),
        ],
    ),
    (&["--shard=2/8"], &[("SHARDS", "3")]),
    (&["--shard=0/1"], &[]),
    (&[], &[("SHARD", "1/2")]),
    (&["--shards=8"], &[("JOB_COMPLETION_INDEX", "7")]),
    (&["--shards=1"], &[]),
    (&[], &[("SHARDS", "2"), ("JOB_COMPLETION_INDEX", "0")]),
    (&["--model=prophet", "--interval=99"], &[("MODEL", "last")]),
    (&[], &[("MODEL", "ets"), ("INTERVAL", "12.5%")]),
    (
        &["--high=90", "--low=12.5%"],
        &[("HIGH_PERCENT", "70"), ("LOW_PERCENT", "10")],
    ),
    (
        &[],
        &[
            ("HIGH_PERCENT", "70"),
            ("LOW_PERCENT", "10"),
            ("PREVIOUS", "report.json"),
            ("FLEET", "off"),
            ("KEEP_NODES", "3"),
            ("FAIL_ON", "warning"),
        ],
    ),
    (
        &[
            "--previous=a b",
            "--fleet=auto",
            "--keep-nodes=2",
            "--fail-on=critical",
        ],
        &[("FLEET", "off")],
    ),
    (
        &[
            "--format=prometheus",
            "--output=html=a.html",
            "--output",
            "json=b=c.json",
            "--color=always",
            "--explain",
        ],
        &[("FORMAT", "csv"), ("NO_COLOR", "1")],
    ),
    (
        &[],
        &[("FORMAT", "csv"), ("EXPLAIN", "true"), ("NO_COLOR", "1")],
    ),
    (
        &["--explain", "false"],
        &[("EXPLAIN", "true"), ("TERM", "dumb")],
    ),
    (
        &[
            "--slack-webhook-url-file=/slack",
            "--slack-on=change",
            "--webhook-url-file=/url",
            "--webhook-secret-file=/key",
            "--grafana-url=https://g/sub/",
            "--grafana-token-file=/token",
            "--pushgateway-url=http://push:9091",
            "--pushgateway-label=cluster=prod",
            "--pushgateway-label=region=",
            "--sink-timeout=1m",
            "--sink-ca-file=/ca.pem",
        ],
        &[],
    ),
    (
        &[],
        &[
            ("SLACK_WEBHOOK_URL_FILE", "/slack"),
            ("SLACK_ON", "always"),
            ("WEBHOOK_URL_FILE", "/url"),
            ("WEBHOOK_SECRET_FILE", "/key"),
            ("GRAFANA_URL", "https://g"),
            ("GRAFANA_TOKEN_FILE", "/token"),
            ("PUSHGATEWAY_URL", "http://push:9091"),
            ("SINK_TIMEOUT", "1m"),
            ("SINK_CA_FILE", "/ca.pem"),
        ],
    ),
    (&["--slack-webhook-url-file=/slack"], &[]),
    (&["--slack-on=info"], &[]),
    (&["--serve=:9101"], &[]),
    (
        &[
            "--serve",
            "[::1]:9101",
            "--every=90s",
            "--web.config.file=a b",
            "--web-bearer-token-file=/token",
        ],
        &[],
    ),
];

#[test]
fn printed_configurations_match_the_golden_file() {
    let resolved = |args: &[&str], variables: &[(&str, &str)]| {
        let lookup = |name: &str| {
            let mut variables = variables.iter();
            variables.find_map(|(n, value)| (*n == name).then(|| (*value).to_owned()))
        };
        match parse(args.iter().map(OsString::from), &lookup) {
            Ok(Command::Report(config) | Command::Doctor(config)) => config.to_string(),
            Ok(Command::Print(text)) => text,
            other => panic!("{args:?} {variables:?}: {other:?}"),
        }
    };
    let mut printed = String::new();
    for (args, variables) in CONFIGURATIONS {
        let config = resolved(args, variables);
        let again: Vec<&str> = config.lines().collect();
        assert_eq!(resolved(&again, &[]), config, "{args:?} {variables:?}");
        printed += &format!("{args:?} {variables:?}\n{config}\n");
    }
    let golden =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/printed_configurations.txt");
    // The one switch for golden files, here and in manifestgen.
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &printed).expect("a writable file");
    }
    let wanted = std::fs::read_to_string(&golden).expect("a readable file");
    assert_eq!(printed, wanted);
}

fn program(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Process::new(env!("CARGO_BIN_EXE_k8s-ai-agent"))
        .args(args)
        .env_clear()
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn usage_errors_exit_2() {
    for args in [
        &["--step=banana"][..],
        &["--banana"],
        &["--step"],
        &["--ca-file=/nonexistent/ca.pem"],
        &["--ca-file=/dev/null"],
    ] {
        let (code, out, err) = program(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.starts_with("k8s-ai-agent: "), "{err}");
    }
}

#[test]
fn help_and_version_need_no_backend() {
    let version = format!(
        "k8s-ai-agent {} ({})\n",
        env!("CARGO_PKG_VERSION"),
        runtime::REVISION
    );
    assert_eq!(program(&["--version"]), (Some(0), version, String::new()));
    let (code, out, _) = program(&["--print-config", "--step=5m"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("--step=5m\n"), "{out}");
    for help in ["--help", "-h"] {
        let (code, out, err) = program(&[help]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        for word in [
            "--prometheus-url",
            "PROMETHEUS_URL",
            "LOOKBACK_MINUTES",
            "--fail-on",
            "10 ",
        ] {
            assert!(out.contains(word), "{word}\n{out}");
        }
        assert!(out.lines().all(|line| line.chars().count() <= 88), "{out}");
    }
}

proptest! {
    #[test]
    fn printed_configuration_reads_back(
        lookback in 480..20_000u64,
        step in 60..120u64,
        forecast in 1..10_000u64,
        low in 1..5000u32,
        high in 501..1000u32,
        url in "http://[a-z]{1,9}:[1-9][0-9]{0,3}(/[a-z]{1,5})?",
        query in "[a-z_]{1,9}(\\{[a-z]=\"[ -~&&[^\"]]{0,9}\"\\})?",
        format in 0..Format::ALL.len(),
        explain in any::<bool>(),
        at in 0..253_402_300_799u64,
        shards in 1..100u32,
    ) {
        let args = [
            format!("--lookback={lookback}s"),
            format!("--step={step}s"),
            format!("--forecast={forecast}s"),
            format!("--low={}", f64::from(low) / 100.0),
            format!("--high={}", f64::from(high) / 10.0),
            format!("--prometheus-url={url}"),
            format!("--cpu-query={query}"),
            format!("--format={}", Format::ALL[format].name()),
            format!("--explain={explain}"),
            "--output=json=a b".to_owned(),
            "--output=csv=c=d".to_owned(),
            "--color=never".to_owned(),
            "--fail-on=info".to_owned(),
            "--ca-file=a b".to_owned(),
            "--header=X-Scope-OrgID: a|b".to_owned(),
            "--header=X-A: b = c".to_owned(),
            "--basic-auth-user=a b".to_owned(),
            "--basic-auth-password-file=p".to_owned(),
            format!("--at={at}"),
            format!("--shard={}/{shards}", shards - 1),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let first = config(&args, &[]).expect("a usable command line");
        let printed = first.to_string();
        let again: Vec<&str> = printed.lines().collect();
        prop_assert_eq!(config(&again, &[]).expect("usable again"), first);
    }
}
