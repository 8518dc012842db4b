//! Command line of manifestgen.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use manifestgen::cluster::{Failure, preflight};
use manifestgen::output::{self, Files};
use manifestgen::values::Values;

/// Writes deploy/ and helm/ from one typed source, and checks whether a cluster is ready for them.
#[derive(FromArgs)]
#[argh(
    error_code(0, "Done; with check: nothing differs."),
    error_code(
        1,
        "With check: the named files differ. With preflight: a row is BAD. \
         Otherwise: an error; standard error says which."
    ),
    error_code(2, "An argument is invalid."),
    error_code(3, "The cluster cannot be reached.")
)]
struct Args {
    #[argh(subcommand)]
    command: Command,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Generate(Generate),
    Check(Check),
    Render(Render),
    Preflight(Preflight),
}

/// write the files that differ
#[derive(FromArgs)]
#[argh(subcommand, name = "generate")]
struct Generate {
    /// the project's folder
    #[argh(option, default = "\".\".into()")]
    root: PathBuf,
}

/// name each file that `generate` would change
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
struct Check {
    /// the project's folder
    #[argh(option, default = "\".\".into()")]
    root: PathBuf,
}

/// write deploy/ for other images into another folder, for kubectl apply
#[derive(FromArgs)]
#[argh(subcommand, name = "render")]
struct Render {
    /// registry and path in place of your-registry
    #[argh(option)]
    registry: Option<String>,
    /// tag of both images
    #[argh(option)]
    tag: Option<String>,
    /// folder to write deploy/ into
    #[argh(option)]
    output: PathBuf,
}

/// check a cluster before installing: version, permissions, CRDs, selectors, namespace, names,
/// kubelets
#[derive(FromArgs)]
#[argh(subcommand, name = "preflight")]
struct Preflight {
    /// namespace of the objects
    #[argh(option)]
    namespace: Option<String>,
    /// label release of ServiceMonitor and PrometheusRule
    #[argh(option)]
    release: Option<String>,
}

impl Render {
    /// Returns the defaults with these images.
    fn values(&self) -> Values {
        let mut values = Values::default();
        for image in [&mut values.image.exporter, &mut values.image.agent] {
            if let Some(registry) = &self.registry {
                image.repository = image.repository.replacen("your-registry", registry, 1);
            }
            if let Some(tag) = &self.tag {
                image.tag.clone_from(tag);
            }
        }
        values
    }
}

impl Preflight {
    /// Returns the defaults with this namespace and label.
    fn values(self) -> Values {
        let mut values = Values::default();
        if let Some(namespace) = self.namespace {
            values.namespace = namespace;
        }
        if let Some(release) = self.release {
            values.service_monitor.release_label.clone_from(&release);
            values.prometheus_rule.release_label = release;
        }
        values
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let command = match Args::from_args(&["manifestgen"], &args) {
        Ok(args) => args.command,
        Err(exit) => {
            return match exit.status {
                Ok(()) => say(&exit.output, 0),
                Err(()) => complain(&[exit.output], 2),
            };
        }
    };
    match command {
        Command::Generate(generate) => with(output::files(), |files| {
            output::write(&generate.root, files).map(|_| Vec::new())
        }),
        Command::Check(check) => with(output::files(), |files| {
            let differences = output::differences(&check.root, files)?;
            Ok(differences
                .into_iter()
                .map(|(path, why)| format!("{path} {why}"))
                .collect())
        }),
        Command::Render(render) => with(output::deploy(&render.values()), |files| {
            output::write(&render.output, files).map(|_| Vec::new())
        }),
        Command::Preflight(preflight) => run_preflight(&preflight.values()),
    }
}

/// Checks the cluster of the current kubeconfig, and prints the table.
fn run_preflight(values: &Values) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return complain(&[error.to_string()], 1),
    };
    let report = runtime.block_on(async {
        let client = kube::Client::try_default()
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        preflight::preflight(&client, values).await
    });
    match report {
        Ok(report) => say(&report.to_string(), u8::from(report.is_bad())),
        Err(failure @ Failure::Unreachable(_)) => complain(&[failure.to_string()], 3),
        Err(failure) => complain(&[failure.to_string()], 1),
    }
}

/// Runs `work` on the files; its findings make exit code 1.
fn with(
    files: Result<Files, Vec<String>>,
    work: impl FnOnce(&Files) -> std::io::Result<Vec<String>>,
) -> ExitCode {
    match files.map(|files| work(&files)) {
        Ok(Ok(findings)) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(Ok(findings)) => complain(&findings, 1),
        Ok(Err(error)) => complain(&[error.to_string()], 1),
        Err(problems) => complain(&problems, 1),
    }
}

fn say(text: &str, code: u8) -> ExitCode {
    // If standard output is closed, there is nowhere to report it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn complain(lines: &[String], code: u8) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "manifestgen: {}", line.trim_end());
    }
    ExitCode::from(code)
}
