//! The demo, from the first heading to the last line.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use contract::{path, series};
use e2e::{
    Exporter, Process, Prometheus, eventually, exporter, request, run as run_to_end, scratch,
    unix_seconds, value_in,
};
use serde_json::Value;
use testbed::{Cluster, Running};

use crate::Args;
use crate::nodes::{HORIZON_SECONDS, Simulated, nodes};

const BYTES_PER_GIB: f64 = 1_073_741_824.0;

/// Seconds between two lines of progress.
const LINE_EVERY: u64 = 5;

/// Runs the show. When this returns, nothing of it runs any more.
pub(crate) fn run(args: &Args) -> ExitCode {
    let differences = play(args);
    if !differences.is_empty() {
        eprintln!("demo: {}", differences.join("; "));
        return ExitCode::FAILURE;
    }
    heading("Done");
    say("Each recommendation follows from the load of its node. Everything is stopped.");
    say(match args.prometheus {
        false => {
            "Next: `just demo --prometheus` adds a real Prometheus between the two; \
             README.md shows how to install both in a cluster."
        }
        true => "Next: README.md shows how to install exporter and agent in a cluster.",
    });
    ExitCode::SUCCESS
}

/// Plays it; returns each difference from what is expected.
fn play(args: &Args) -> Vec<String> {
    heading("A simulated cluster");
    let files = scratch();
    let nodes = nodes();
    let cluster = nodes
        .iter()
        .fold(Cluster::new(), |cluster, each| {
            cluster.node(each.node.clone())
        })
        // Ten times as often as a real kubelet: a minute must do.
        .housekeeping(Duration::from_secs(1))
        .directory(files.path())
        .start()
        .expect("the simulated cluster starts");
    say(&format!(
        "An API server at {} (TLS, bearer token), and four nodes behind it:",
        cluster.url()
    ));
    for node in &nodes {
        say(&format!("  {:<10} {}", node.name, node.load));
    }

    heading("The exporter scrapes it");
    let exporter = start_exporter(&args.exporter, &cluster);
    let prometheus = args.prometheus.then(|| {
        heading("Prometheus scrapes the exporter");
        let prometheus = Prometheus::scraping_one(&exporter.address);
        say(&format!("Ready at {}", prometheus.url));
        prometheus
    });
    let between = prometheus.as_ref();
    let backend = between.map_or(&exporter.address, |it| &it.address);
    let services = [Some(&exporter.process), between.map(|it| &it.process)];
    gather(args.seconds, backend, &services);
    say("What the exporter measured, a second or two ago, and the load of the nodes:");
    println(&format!(
        "\n{}",
        table(&exporter.get(path::METRICS).text(), &cluster)
    ));

    heading("The agent forecasts and recommends");
    let mut differences = ask_agent(args, backend);
    let log = exporter.process.log();
    let problems = log
        .lines()
        .filter(|line| line.starts_with("warn:") || line.starts_with("error:"))
        .map(|line| format!("the exporter logs a problem of a healthy cluster: {line}"));
    differences.extend(problems);
    differences
}

/// Starts the exporter and waits until it knows something.
fn start_exporter(program: &Path, cluster: &Running) -> Exporter {
    let mut command = exporter(program_file(program), cluster);
    command
        .arg(format!(
            "--node-name={}",
            nodes().map(|node| node.name).join(",")
        ))
        .args(["--scrape-interval=1s", "--cadvisor-interval=5s"])
        .arg("--history=1h");
    say(&typed(&command));
    let started = Instant::now();
    let exporter = Exporter::run(&mut command);
    exporter.ready();
    say(&format!(
        "Ready after {:.1} s: http://{}{}",
        started.elapsed().as_secs_f64(),
        exporter.address,
        path::METRICS
    ));
    exporter
}

/// A bare name would be looked up on the PATH.
fn program_file(program: &Path) -> std::path::PathBuf {
    let found = program.canonicalize();
    found.unwrap_or_else(|error| panic!("{}: {error} (`just demo` builds it)", program.display()))
}

/// Waits until the backend holds so many seconds of every node.
fn gather(seconds: u64, backend: &str, services: &[Option<&Process>]) {
    eventually("values of every node", || {
        let now = unix_seconds();
        let query = format!(
            "{}?query={}&start={now}&end={now}&step=1",
            path::QUERY_RANGE,
            series::CPU_USAGE.name
        );
        let answer = request(backend, "GET", &query, &[], "");
        let held = answer.json()["data"]["result"].as_array()?.len();
        (held == nodes().len()).then_some(())
    });
    say(&format!("Gathering {seconds} s of history:"));
    // The agent's window begins on a whole second: up to one more is looked back on.
    for passed in 1..=seconds + 1 {
        sleep(Duration::from_secs(1));
        for service in services.iter().flatten() {
            assert!(service.runs(), "a program ended early:\n{}", service.log());
        }
        if passed <= seconds && (passed.is_multiple_of(LINE_EVERY) || passed == seconds) {
            eprintln!("   {passed:>3} of {seconds} s");
        }
    }
    println("");
}

/// Shows the agent's report, and checks its JSON report, which must
/// give the expected verdict on every node.
fn ask_agent(args: &Args, backend: &str) -> Vec<String> {
    let agent = |flags: &[&str]| {
        let mut agent = Command::new(program_file(&args.agent));
        agent
            .env_clear()
            .arg(format!("--prometheus-url=http://{backend}"))
            .arg(format!("--lookback={}s", args.seconds))
            .arg("--step=1s")
            .arg(format!("--forecast={HORIZON_SECONDS}s"))
            // The default of five minutes is longer than this horizon.
            .arg("--for=5s")
            .args(flags);
        agent
    };
    say(&typed(&agent(&[])));
    let (code, report, errors) = run_to_end(&mut agent(&[]), "");
    println(&format!("\n{}", report.trim_end()));
    eprint!("{errors}");
    if code != Some(0) {
        return vec![format!("the agent ended with {code:?}, expected 0")];
    }
    if let Some(folder) = &args.reports {
        for (file, form) in [
            ("report.html", "--format=html"),
            ("report.txt", "--color=always"),
        ] {
            // There is no kube-state-metrics here that could say which pods fit where.
            let (_, report, _) = run_to_end(&mut agent(&[form, "--fleet=off"]), "");
            std::fs::write(folder.join(file), report).expect("the folder of --reports exists");
        }
    }
    let (_, report, _) = run_to_end(&mut agent(&["--format=json"]), "");
    differences(&serde_json::from_str(&report).expect("the agent's JSON report"))
}

/// The differences between the report and the expected verdicts, one sentence each.
fn differences(report: &Value) -> Vec<String> {
    let reported = report["nodes"].as_array().expect("a report has nodes");
    let difference = |node: &Simulated| {
        let said = reported.iter().find(|said| said["node"] == node.name);
        let said = said.map_or("nothing".to_owned(), |said| {
            let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
            format!("{}, {}", text("action"), text("severity"))
        });
        (said != node.verdict).then(|| format!("{}: {said} instead of {}", node.name, node.verdict))
    };
    nodes().iter().filter_map(difference).collect()
}

/// For each node its CPU, memory and pods, measured and simulated.
fn table(exposition: &str, cluster: &Running) -> String {
    let mut table = String::from(
        "                   CPU, cores        memory, GiB    active pods\n\
         \x20             measured   true    measured   true   counted  true\n",
    );
    // Samples are taken each second, and scraped each second.
    let time = SystemTime::now() - Duration::from_secs(1);
    for Simulated { name, .. } in nodes() {
        let measured = |series: &contract::Series, unit: f64, decimals: usize| {
            let value = value_in(exposition, &format!("{}{{node=\"{name}\"}}", series.name));
            value.map_or("-".to_owned(), |value| {
                format!("{:.decimals$}", value / unit)
            })
        };
        let truth = cluster.truth(name, time);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "   {name:<10} {:>9}{:>7.2} {:>11}{:>7.2} {:>8}{:>6}",
            measured(&series::CPU_USAGE, 1.0, 2),
            truth.cores,
            measured(&series::MEMORY_USAGE, BYTES_PER_GIB, 2),
            truth.memory_bytes as f64 / BYTES_PER_GIB,
            measured(&series::ACTIVE_PODS, 1.0, 0),
            truth.active_pods,
        );
    }
    table
}

/// A command line as typed, a flag a line.
fn typed(command: &Command) -> String {
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let arguments = arguments.collect::<Vec<_>>().join(" \\\n       ");
    format!(
        "$ {} \\\n       {arguments}",
        command.get_program().display()
    )
}

fn heading(text: &str) {
    println(&format!("\n== {text}\n"));
}

/// A line of the show's own, set apart from what the programs say.
fn say(text: &str) {
    println(&format!("   {text}"));
}

fn println(text: &str) {
    use std::io::Write as _;
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn demo_reports_wrong_recommendations() {
        let said = |node: &str, action: &str, severity: &str| json!({"node": node, "action": action, "severity": severity});
        let mut nodes = vec![
            said("leaky-1", "scale_up", "critical"),
            said("busy-1", "scale_up", "warning"),
            said("idle-1", "consolidate", "info"),
            said("steady-1", "none", "none"),
        ];
        assert_eq!(differences(&json!({"nodes": nodes})), [""; 0]);
        nodes[0] = said("leaky-1", "scale_up", "warning");
        nodes.remove(2);
        assert_eq!(
            differences(&json!({"nodes": nodes})),
            [
                "idle-1: nothing instead of consolidate, info",
                "leaky-1: scale_up, warning instead of scale_up, critical",
            ]
        );
    }
}
