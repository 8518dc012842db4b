//! The flags as `argh` reads them: names, help texts, nothing resolved.
//!
//! The order of the fields is the order of `--help`; each group resolves in the
//! module of its name.

use argh::{ArgsInfo, FromArgs};

#[derive(Debug, ArgsInfo, FromArgs)]
#[argh(
    help_triggers("-h", "--help"),
    description = "Forecasts CPU and memory of each Kubernetes node from what Prometheus (or the
history of k8s-ai-exporter) holds, and says what to do: scale up, consolidate, or
nothing. Reports once to standard output; changes nothing in the cluster.",
    note = "Durations are written 30s, 1m30s, 6h. Each flag is also taken as --flag=value.
A flag wins over its variable, which wins over the default.",
    note = "What is missing from a report is also said on standard error. Where several
exit codes apply, the first of the list below counts.",
    note = "Once it is printed, the report goes to all sinks (Slack, webhook, Grafana,
Pushgateway) at once. One that fails is named on standard error and spoils no other.
Without a report, exit codes 2 and 3, nothing is sent.",
    example = "Ask the exporter of a small cluster that has no Prometheus:
$ {command_name} --prometheus-url http://k8s-ai-exporter.monitoring.svc:9100",
    example = "Look back a day and ahead six hours, as JSON, and fail a pipeline on findings:
$ {command_name} --lookback 24h --step 5m --forecast 6h --format json \\
    --fail-on warning",
    example = "Report as of Monday morning from what curl saved of range queries:
$ {command_name} --input cpu.json --input memory.json --at 2026-11-23T09:00:00Z",
    example = "Stay, report every ten minutes, serve the newest report, tell Slack of findings:
$ {command_name} --serve :9101 --every 10m \\
    --slack-webhook-url-file /etc/k8s-ai-agent/slack-url",
    example = "Ask why there is no report:
$ {command_name} doctor --prometheus-url http://prometheus.example:9090",
    error_code(2, "usage: a flag, a variable or a file named by one is of no use"),
    error_code(3, "the backend cannot be reached, or refuses the queries"),
    error_code(4, "the backend, or the input, has no data at all"),
    error_code(
        5,
        "partial: a node, a resource or a query is missing, the report was not written, or
    a sink does not have it"
    ),
    error_code(10, "with --fail-on: a node's severity is at least that"),
    error_code(0, "the report is complete, also if every node has too few points yet"),
    error_code(
        143,
        "stopped by SIGTERM, or 130 by SIGINT: no report, or no sink has it; with --serve
    both are a success: 0"
    )
)]
// The doc comments are the help text, where a URL stands bare and an address in brackets.
#[allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]
pub(super) struct Args {
    /// examine the backend instead of reporting: is it there, what does it hold, and
    /// what to do about what is missing. Takes the flags of the backend, the queries,
    /// --lookback, --forecast, --step, --at, and --format text or json. Exits with 0
    /// if all is well, 3 and 4 as below, 5 if there is a problem
    #[argh(positional, arg_name = "doctor")]
    pub(super) command: Option<String>,

    // Which backend, how it is reached, what it is asked.
    /// where to ask, with a path prefix if there is one; the path
    /// /api/v1/query_range is added (PROMETHEUS_URL; default
    /// http://prometheus-operated.monitoring.svc:9090)
    #[argh(option, arg_name = "url")]
    pub(super) prometheus_url: Option<String>,

    /// authorities to trust over https, a PEM file (CA_FILE; default: the public
    /// ones)
    #[argh(option, arg_name = "file")]
    pub(super) ca_file: Option<String>,

    /// client certificate to show over https, a PEM file (CLIENT_CERT_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) client_cert_file: Option<String>,

    /// its private key, a PEM file (CLIENT_KEY_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) client_key_file: Option<String>,

    /// bearer token, read again for each query (BEARER_TOKEN_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) bearer_token_file: Option<String>,

    /// user for basic authentication (BASIC_AUTH_USER)
    #[argh(option, arg_name = "name")]
    pub(super) basic_auth_user: Option<String>,

    /// the user's password, read again for each query (BASIC_AUTH_PASSWORD_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) basic_auth_password_file: Option<String>,

    /// header to send along, such as 'X-Scope-OrgID: team'; may be repeated
    /// (HEADERS, one a line)
    #[argh(option, arg_name = "header")]
    pub(super) header: Vec<String>,

    /// more headers, one a line, where they are secret (HEADER_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) header_file: Option<String>,

    /// deadline of one exchange with the backend (default 30s)
    #[argh(option, arg_name = "duration")]
    pub(super) timeout: Option<String>,

    /// no query begins later than this after the start, be it a second attempt
    /// (default 3m)
    #[argh(option, arg_name = "duration")]
    pub(super) deadline: Option<String>,

    /// the PromQL for cores used, with a label node (CPU_QUERY; default
    /// k8s_node_cpu_usage_cores)
    #[argh(option, arg_name = "promql")]
    pub(super) cpu_query: Option<String>,

    /// the PromQL for bytes used, with a label node (MEM_QUERY, then MEMORY_QUERY;
    /// default k8s_node_memory_usage_bytes)
    #[argh(option, arg_name = "promql")]
    pub(super) memory_query: Option<String>,

    /// saved answers to range queries, read instead of asking; - for standard
    /// input; may be repeated
    #[argh(option, arg_name = "file")]
    pub(super) input: Vec<String>,

    // Which time the report is about, and which nodes.
    /// how far to look back: 2h, or minutes (LOOKBACK, then LOOKBACK_MINUTES;
    /// default 120; with --input: all there is)
    #[argh(option, arg_name = "duration")]
    pub(super) lookback: Option<String>,

    /// how far to look ahead: 30m, or minutes (FORECAST, then FORECAST_MINUTES;
    /// default 30)
    #[argh(option, arg_name = "duration")]
    pub(super) forecast: Option<String>,

    /// time between two points; auto is a multiple of the time between samples, at
    /// least 60s and coarse enough for 11000 points; with --input as it was saved
    /// (STEP; default auto)
    #[argh(option, arg_name = "duration")]
    pub(super) step: Option<String>,

    /// report as of then: 2026-11-22T07:13:08Z, or Unix seconds (default: now; with
    /// --input: the newest sample)
    #[argh(option, arg_name = "moment")]
    pub(super) at: Option<String>,

    /// only the nodes of one of several parts, from 0/8 to 7/8 (SHARD; default 0/1)
    #[argh(option, arg_name = "part")]
    pub(super) shard: Option<String>,

    /// the same, with the part's number from JOB_COMPLETION_INDEX, which an Indexed
    /// Job sets (SHARDS)
    #[argh(option, arg_name = "count")]
    pub(super) shards: Option<String>,

    // How it forecasts.
    /// which model: auto (the one that a backtest on each series speaks for),
    /// prophet, ets (exponential smoothing), linear or last (the newest value)
    /// (MODEL; default auto)
    #[argh(option, arg_name = "model")]
    pub(super) model: Option<String>,

    /// percent of what comes that the interval around a forecast is meant to hold
    /// (INTERVAL; default 80)
    #[argh(option, arg_name = "percent")]
    pub(super) interval: Option<String>,

    // How it judges.
    /// percent of allocatable above which the upper end of a forecast is a finding
    /// (HIGH_PERCENT; default 80)
    #[argh(option, arg_name = "percent")]
    pub(super) high: Option<String>,

    /// percent of allocatable under which a forecast mean is a finding
    /// (LOW_PERCENT; default 20)
    #[argh(option, arg_name = "percent")]
    pub(super) low: Option<String>,

    /// the JSON report of the run before, so that no severity flaps; may not exist
    /// yet (PREVIOUS; default: the agent's own series in the backend, if any)
    #[argh(option, arg_name = "file")]
    pub(super) previous: Option<String>,

    /// auto looks which nodes could be removed, by pods' requests where the backend has
    /// kube-state-metrics; off does not (FLEET; default auto)
    #[argh(option, arg_name = "auto|off")]
    pub(super) fleet: Option<String>,

    /// how many nodes to leave at least (KEEP_NODES; default 1)
    #[argh(option, arg_name = "count")]
    pub(super) keep_nodes: Option<String>,

    /// exit with 10 if a node's severity is at least info, warning or critical
    /// (FAIL_ON; default: never)
    #[argh(option, arg_name = "info|warning|critical")]
    pub(super) fail_on: Option<String>,

    // What becomes of the report.
    /// its form on standard output: text, json, markdown, html, csv or prometheus
    /// (FORMAT; default text)
    #[argh(option, arg_name = "format")]
    pub(super) format: Option<String>,

    /// write it to a file too, such as html=report.html: whole or not at all;
    /// repeatable
    #[argh(option, arg_name = "format=file")]
    pub(super) output: Vec<String>,

    /// colour text on standard output: auto (on a terminal, unless NO_COLOR is set),
    /// always or never (default auto)
    #[argh(option, arg_name = "auto|always|never")]
    pub(super) color: Option<String>,

    /// show people the models that were not chosen too, with their errors (EXPLAIN)
    #[argh(option, arg_name = "true|false")]
    pub(super) explain: Option<String>,

    // Whom it is sent to.
    /// post findings to Slack: a file with the URL of an incoming webhook
    /// (SLACK_WEBHOOK_URL_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) slack_webhook_url_file: Option<String>,

    /// when to post to Slack: always, on a change, or if a node's severity is at
    /// least info, warning or critical (SLACK_ON; default warning)
    #[argh(option, arg_name = "occasion")]
    pub(super) slack_on: Option<String>,

    /// post each report as JSON: a file with the URL (WEBHOOK_URL_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) webhook_url_file: Option<String>,

    /// sign what is posted there with HMAC-SHA256: a file with the key
    /// (WEBHOOK_SECRET_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) webhook_secret_file: Option<String>,

    /// annotate in Grafana what recommendations change (GRAFANA_URL)
    #[argh(option, arg_name = "url")]
    pub(super) grafana_url: Option<String>,

    /// a file with the token of a Grafana service account (GRAFANA_TOKEN_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) grafana_token_file: Option<String>,

    /// replace the group job="k8s-ai-agent" in a Pushgateway with each report
    /// (PUSHGATEWAY_URL)
    #[argh(option, arg_name = "url")]
    pub(super) pushgateway_url: Option<String>,

    /// one more label of that group, such as cluster=prod; repeatable
    #[argh(option, arg_name = "name=value")]
    pub(super) pushgateway_label: Vec<String>,

    /// deadline of each of these four, all attempts included (SINK_TIMEOUT; default
    /// 30s)
    #[argh(option, arg_name = "duration")]
    pub(super) sink_timeout: Option<String>,

    /// authorities that vouch for these four over https beside the public ones, a
    /// PEM file (SINK_CA_FILE)
    #[argh(option, arg_name = "file")]
    pub(super) sink_ca_file: Option<String>,

    // Again and again.
    /// stay, report again and again, and serve the newest report on this address:
    /// :9101, 127.0.0.1:9101 or [::1]:9101. Nothing is printed: --format, --color
    /// and --fail-on have no effect
    #[argh(option, arg_name = "address")]
    pub(super) serve: Option<String>,

    /// with --serve: time from one report to the next, 1s to 1d (default 10m)
    #[argh(option, arg_name = "duration")]
    pub(super) every: Option<String>,

    /// with --serve: a web configuration in the form of Prometheus's own exporters, with
    /// TLS, users and headers; read again as it changes; also --web.config.file
    #[argh(option, arg_name = "file")]
    pub(super) web_config_file: Option<String>,

    /// with --serve: a bearer token that lets in who sends it, read again as it changes
    #[argh(option, arg_name = "file")]
    pub(super) web_bearer_token_file: Option<String>,

    // Instead of a report.
    /// print the resolved configuration and exit
    #[argh(option, arg_name = "true|false")]
    pub(super) print_config: Option<String>,

    /// print the version and exit
    #[argh(option, arg_name = "true|false")]
    pub(super) version: Option<String>,
}

/// Flags that need no value.
pub(super) const BOOLEANS: &[&str] = &["--explain", "--print-config", "--version"];
