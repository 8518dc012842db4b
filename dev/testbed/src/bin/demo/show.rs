//! What happens, from the first heading to the last line.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use contract::path;
use testbed::{Cluster, Running};

use crate::args::Config;
use crate::backend::{self, Origin, Prometheus};
use crate::cast::{self, CAST, HORIZON_SECONDS};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::published;
use crate::service::{self, Service};
use crate::trouble::Trouble;
use crate::verdicts;

/// Time for the first two rounds of scrapes, which a rate needs.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// Runs the show. When this returns, nothing of it runs any more.
///
/// # Errors
/// When it is interrupted, when a program does not start or ends early, or
/// when the agent does not say what is true.
pub(crate) fn run(config: &Config) -> Result<(), Trouble> {
    if config.prometheus {
        backend::require_prometheus()?;
    }
    play(config)?;

    // Only now has everything been dropped.
    heading("That was it")?;
    say("Each recommendation follows from what is true of its node. Everything is stopped.")?;
    say(match config.prometheus {
        false => {
            "Next: `just demo --prometheus` puts a real Prometheus between the two; \
             README.md says how to run both in a cluster."
        }
        true => "Next: README.md says how to run exporter and agent in a cluster.",
    })
}

fn play(config: &Config) -> Result<(), Trouble> {
    let interrupt = Interrupt::listen()?;

    heading("A simulated cluster")?;
    let cluster = start_cluster()?;
    say(&format!(
        "An API server at {} (TLS, bearer token), and four nodes behind it:",
        cluster.url()
    ))?;
    for role in CAST {
        say(&format!("  {:<10} {}", role.name, role.story))?;
    }

    heading("The exporter scrapes it")?;
    let mut exporter = Exporter::start(config, &cluster, &interrupt)?;
    let mut prometheus = None;
    if config.prometheus {
        heading("Prometheus scrapes the exporter")?;
        let authority = exporter.authority.as_str();
        let started = prometheus.insert(Prometheus::start(authority, &interrupt)?);
        say(&format!("Ready at {}", started.origin.url()))?;
    }
    let mut services = vec![&mut exporter.service];
    let backend = match &mut prometheus {
        None => &exporter.origin,
        Some(prometheus) => {
            services.push(&mut prometheus.service);
            &prometheus.origin
        }
    };
    gather(config.seconds, backend, &mut services, &interrupt)?;
    compare(&exporter, &cluster)?;

    heading("The agent forecasts and recommends")?;
    ask_agent(config, backend, &interrupt)?;
    match exporter.service.lines(&["warn:", "error:"]).as_slice() {
        [] => Ok(()),
        some => Err(Trouble::Failed(format!(
            "the exporter complained about a healthy cluster: {}",
            some.join("; ")
        ))),
    }
}

fn start_cluster() -> Result<Running, Trouble> {
    CAST.iter()
        .fold(Cluster::new(), |cluster, role| cluster.node(role.node()))
        // Ten times as often as a real kubelet: a minute must do.
        .housekeeping(Duration::from_secs(1))
        .start()
        .map_err(|error| Trouble::doing("start the simulated cluster", error))
}

/// The exporter, running.
struct Exporter {
    service: Service,
    /// `host:port`.
    authority: String,
    origin: Origin,
}

impl Exporter {
    /// Starts it and waits until it knows something.
    fn start(config: &Config, cluster: &Running, interrupt: &Interrupt) -> Result<Self, Trouble> {
        let file = |path: &Path| path.display().to_string();
        let command = Typed::new(&config.exporter)
            .flag("--api-server", &cluster.url())
            .flag("--ca-file", &file(cluster.ca_file()))
            .flag("--token-file", &file(cluster.token_file()))
            .flag("--node-name", &cast::names())
            .flag("--scrape-interval", "1s")
            .flag("--cadvisor-interval", "5s")
            .flag("--history", "1h")
            .flag("--listen-address", "127.0.0.1:0");
        command.show()?;
        let started = Instant::now();
        let mut service = Service::start("the exporter", command.command())?;
        let authority =
            service.wait_for("open its port", READY_DEADLINE, interrupt, |service| {
                service.logged("serving on ")
            })?;
        let origin = Origin::new(&authority)?;
        service.wait_for("become ready", READY_DEADLINE, interrupt, |_| {
            origin.get(path::READYZ)
        })?;
        say(&format!(
            "Ready after {:.1} s: {}{}",
            started.elapsed().as_secs_f64(),
            origin.url(),
            path::METRICS
        ))?;
        Ok(Self {
            service,
            authority,
            origin,
        })
    }
}

/// Waits until the backend holds so many seconds of every node.
fn gather(
    seconds: u64,
    backend: &Origin,
    services: &mut [&mut Service],
    interrupt: &Interrupt,
) -> Result<(), Trouble> {
    if let [.., newest] = services {
        let every_node = |_: &Service| {
            let nodes = backend.nodes_with_history()?;
            (nodes == CAST.len()).then_some(())
        };
        newest.wait_for(
            "hold values of every node",
            READY_DEADLINE,
            interrupt,
            every_node,
        )?;
    }
    say(&format!("Gathering {seconds} s of history:"))?;
    let mut progress = Progress::new(seconds);
    let started = Instant::now();
    // The agent's window begins on a whole second: up to one more is looked back on.
    while started.elapsed() < Duration::from_secs(seconds + 1) {
        progress.show(started.elapsed().as_secs());
        for service in &mut *services {
            service.check()?;
        }
        interrupt.pause(Duration::from_millis(200))?;
    }
    progress.show(seconds);
    Ok(())
}

fn compare(exporter: &Exporter, cluster: &Running) -> Result<(), Trouble> {
    let exposition = exporter
        .origin
        .get(path::METRICS)
        .ok_or_else(|| Trouble::Failed("the exporter does not answer".to_owned()))?;
    let table = published::table(&exposition, cluster);
    writeln!(io::stdout())?;
    say("What the exporter measured, a second or two ago, and what is true of the nodes:")?;
    writeln!(io::stdout(), "\n{}", table.trim_end())?;
    Ok(())
}

/// Shows the agent's report, and asks once more in the form for programs
/// whether it says what is true.
fn ask_agent(config: &Config, backend: &Origin, interrupt: &Interrupt) -> Result<(), Trouble> {
    let asked = Typed::new(&config.agent)
        .flag("--prometheus-url", &backend.url())
        .flag("--lookback", &format!("{}s", config.seconds))
        .flag("--step", "1s")
        .flag("--forecast", &format!("{HORIZON_SECONDS}s"));
    asked.show()?;
    let said = service::listen_to("the agent", asked.command(), interrupt)?;
    writeln!(io::stdout(), "\n{}", said.stdout.trim_end())?;
    io::stderr().write_all(said.stderr.as_bytes())?;
    if !said.status.success() {
        return Err(Trouble::Failed(format!(
            "the agent ended with {}, not with 0",
            said.status
        )));
    }
    let asked = asked.flag("--format", "json");
    let said = service::listen_to("the agent", asked.command(), interrupt)?;
    let differences = verdicts::differences(&said.stdout)
        .map_err(|error| Trouble::doing("the agent's JSON report", error))?;
    match differences.as_slice() {
        [] => Ok(()),
        some => Err(Trouble::Failed(format!(
            "the agent does not say what is true: {}",
            some.join("; ")
        ))),
    }
}

/// A command line as somebody would type it.
#[derive(Debug)]
struct Typed<'a> {
    program: &'a Path,
    flags: Vec<(&'static str, String)>,
}

impl<'a> Typed<'a> {
    fn new(program: &'a Path) -> Self {
        Self {
            program,
            flags: Vec::new(),
        }
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags.push((name, value.to_owned()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        // Both programs read their settings from the environment, too.
        command.env_clear();
        for (name, value) in &self.flags {
            command.arg(name).arg(value);
        }
        command
    }

    /// Prints it, one or more flags a line.
    fn show(&self) -> Result<(), Trouble> {
        say(&self.text())
    }

    fn text(&self) -> String {
        const WIDTH: usize = 90;
        let mut text = format!("$ {}", self.program.display());
        let mut width = text.len();
        for (name, value) in &self.flags {
            let flag = format!(" {name} {value}");
            if width + flag.len() > WIDTH {
                text.push_str(" \\\n       ");
                width = 4;
            }
            width += flag.len();
            text.push_str(&flag);
        }
        text
    }
}

fn heading(text: &str) -> Result<(), Trouble> {
    writeln!(io::stdout(), "\n== {text}\n")?;
    Ok(())
}

/// A line of the show's own, set apart from what the programs say.
fn say(text: &str) -> Result<(), Trouble> {
    writeln!(io::stdout(), "   {text}")?;
    Ok(())
}
